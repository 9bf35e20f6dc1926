"""JPEG, PNG, GIF and WebP, decoded to the end so that a cut or damaged one is noticed."""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import Image

from backend.core.errors import MediaRejected
from backend.core.ports import Inspected

# LinkedIn takes 36,152,320 pixels (LinkedIn Images API docs), the others less.
MAX_PIXELS = 40_000_000
_LIMIT = f"the {MAX_PIXELS // 1_000_000} million that are accepted"

# Pillow takes memory in blocks of 16 MB, which the C library keeps for later; blocks above 32 MB go back to the system at
# once. The same as the documented PILLOW_BLOCK_SIZE, which would have to be set before the first import.
Image.core.set_block_size(64 * 1024 * 1024)  # type: ignore[attr-defined] # the stubs do not know the C part

Make = Callable[..., Inspected]


_PIECE = 1024 * 1024
_JPEG_END = b"\xff\xd9"
ORIENTATION = 0x0112
SIDEWAYS = (5, 6, 7, 8)
_FAULTS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    zlib.error,
)
# Pillow's own limit, far above ours; the warning where warnings are errors.
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# The largest image takes 160 MB while it is decoded, and as much again while it is turned; several at once could exhaust
# a small server.
one_at_a_time = threading.Lock()


def jpeg(file: BinaryIO, make: Make) -> Inspected:
    """A JPEG image. Bytes behind its end are allowed: cameras put depth maps and clips there."""
    found = _still(file, "JPEG", make)
    _to_jpeg_end(file)
    return found


def png(file: BinaryIO, make: Make) -> Inspected:
    """A PNG image with one frame that ends where it says."""
    found = _still(file, "PNG", make)
    _ends(file, "PNG", _to_png_end)
    return found


def webp(file: BinaryIO, make: Make) -> Inspected:
    """A WebP image with one frame that ends where it says."""
    file.seek(4)
    (declared,) = struct.unpack("<I", file.read(4))
    size = file.seek(0, 2)
    if size > declared + 8:
        raise _followed("WebP")
    return _still(file, "WEBP", make)


def gif(file: BinaryIO, make: Make) -> Inspected:
    """A GIF: the kind "gif" when it moves, "image" when it does not."""
    found = _still(file, "GIF", make)
    _ends(file, "GIF", _to_gif_end)
    return found


@contextmanager
def opened(file: BinaryIO, form: str) -> Iterator[Image.Image]:
    """The picture, not decoded yet. Raises MediaRejected when it is too large, and for whatever is found broken inside."""
    file.seek(0)
    try:
        with Image.open(file, formats=(form,)) as image:
            _check_size(*image.size)
            yield image
    except _BOMBS:
        raise MediaRejected(f"This image has far more than {_LIMIT}; make it smaller.") from None
    except _FAULTS:
        raise MediaRejected(_damaged(form)) from None


def moving(image: Image.Image, form: str) -> bool:
    """Whether it has more than one frame. What cameras put behind a JPEG is none."""
    return form != "JPEG" and getattr(image, "n_frames", 1) > 1


def _still(file: BinaryIO, form: str, make: Make) -> Inspected:
    with opened(file, form) as image:
        width, height = image.size
        moves = moving(image, form)
        if moves and form != "GIF":
            raise MediaRejected(
                f"This {form} image is animated, which platforms do not show. Save it as GIF or MP4."
            )
        image.seek(0)
        with one_at_a_time:
            if form == "JPEG":
                # Decodes at an eighth of the size: all bytes are read, a 64th of the memory used.
                image.draft(None, (1, 1))
            image.load()
        if image.getexif().get(ORIENTATION) in SIDEWAYS:
            width, height = height, width
    return make(
        kind="gif" if moves else "image",
        mime=f"image/{form.lower()}",
        width=width,
        height=height,
    )


def _ends(file: BinaryIO, form: str, to_end: Callable[[BinaryIO], None]) -> None:
    """Raises MediaRejected unless the format's own end is that of the file, apart from padding."""
    try:
        to_end(file)
    except (struct.error, IndexError):
        raise MediaRejected(_damaged(form)) from None
    end = file.tell()
    if end > file.seek(0, 2):
        raise MediaRejected(_damaged(form))
    file.seek(end)
    if file.read(4096).strip(b"\0\r\n\t "):
        raise _followed(form)


def _to_jpeg_end(file: BinaryIO) -> None:
    """Raises MediaRejected for one without an end: a decoder that has its last pixel may not miss the marker behind it."""
    try:
        _to_jpeg_scan(file)
    except struct.error:
        raise MediaRejected(_damaged("JPEG")) from None
    # Inside a scan 0xff is followed by 0 or by the number of a restart (ITU-T T.81, B.1.1.5), so the first one is the end.
    last = b""
    while piece := file.read(_PIECE):
        if _JPEG_END in last + piece:
            return
        last = piece[-1:]
    raise MediaRejected(_damaged("JPEG"))


def _to_jpeg_scan(file: BinaryIO) -> None:
    """Past the segments before the first scan, for a picture in them (a thumbnail) has an end of its own."""
    file.seek(2)
    kind = 0
    while kind != 0xDA:
        _, kind, length = struct.unpack(">BBH", file.read(4))
        # Any number of 0xff may stand before a marker.
        file.seek(-3 if kind == 0xFF else length - 2, 1)


def _to_png_end(file: BinaryIO) -> None:
    file.seek(8)
    kind = b""
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", file.read(8))
        file.seek(length + 4, 1)


def _to_gif_end(file: BinaryIO) -> None:
    """Raises MediaRejected for a frame that is too large: only the first one was decoded, and each says for itself how
    large it is (GIF89a, 20)."""
    file.seek(10)
    _skip_colours(file, file.read(3))
    while (kind := file.read(1)) != b";":
        if kind == b"\x2c":
            left, top, width, height, flags = struct.unpack("<HHHHc", file.read(9))
            _check_size(left + width, top + height)
            _skip_colours(file, flags)
        elif kind != b"\x21":
            raise MediaRejected(_damaged("GIF"))
        file.read(1)  # what the extension is, or how the frame is coded
        while length := file.read(1)[0]:
            file.seek(length, 1)


def _skip_colours(file: BinaryIO, flags: bytes) -> None:
    if flags[0] & 0x80:
        file.seek(3 << (flags[0] & 7) + 1, 1)


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise MediaRejected(
            f"This image has {width} x {height} pixels, more than {_LIMIT}; make it smaller."
        )


def _damaged(form: str) -> str:
    return f"This {form} image is damaged or cut off. Export it again."


def _followed(form: str) -> MediaRejected:
    return MediaRejected(f"Something else follows the end of this {form} image. Export it again.")
