"""A picture as a platform takes it: upright, without metadata, and otherwise changed only where a limit demands it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from backend.core.errors import MediaRejected
from backend.core.ports import PictureLimits

from .colours import on_white, plain, white
from .encoding import encode, own_quality
from .images import ORIENTATION, SIDEWAYS, moving, one_at_a_time, opened
from .planning import (
    PicturePlan,
    Size,
    canvas_for,
    in_bytes,
    in_pixels,
    plan_picture,
    within,
)
from .stripping import stripped

# Of the planned size, when quality alone does not help: down to a quarter of width and height.
SCALES = (0.8, 0.65, 0.5, 0.35, 0.25)
_SCALED_QUALITIES = (75, 60)

# What surrounds the coded pixels and is not read when they are kept: more than any camera writes.
_MOST_METADATA = 16 * 1024 * 1024

_FORMS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WEBP"}
# By EXIF orientation (CIPA DC-008, 4.6.5), what makes the picture upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LOCATION = 0x8825
_METADATA = ("metadata removed",)
_TOLD = ("exif", "xmp", "comment", "photoshop", "XML:com.adobe.xmp", "mp")


@dataclass(frozen=True)
class FittedPicture:
    """A picture to publish. `changes` are those of `planned_changes`; `details` say what only its bytes told: that it had
    metadata or was turned, which quality was chosen."""

    content: bytes
    mime: str
    width: int
    height: int
    changes: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


def fit_picture(file: BinaryIO, mime: str, limits: PictureLimits) -> FittedPicture:
    """Make a still picture (or a moving GIF, which is never written anew) one that is within the limits.

    The same bytes, limits and Pillow give the same result; the file is only read. Metadata never stay: not the location, not
    comments, only the colour profile. A picture that needs nothing else keeps its coded pixels, and its very bytes if
    there was nothing to remove. Colours of 16 bits become 8 when it is written anew, CMYK becomes sRGB.

    Raises MediaRejected with a sentence naming the limit that it cannot be brought within. One picture at a time is decoded
    in this process. One of 36 million pixels takes about 150 MB meanwhile, 290 MB when it has to be turned, 330 MB when it
    has transparency to be made white; JPEGs that become much smaller are decoded smaller.
    """
    form = _FORMS[mime]
    with one_at_a_time, opened(file, form) as image:
        if form != "JPEG":
            image.load()  # what stands behind the pixels is known only then
        exif = image.getexif()
        turn = exif.get(ORIENTATION)
        turn = turn if turn in _TURNS else None
        size = _upright(image.size, turn)
        told = _told(image, exif)
        moves = moving(image, form)
        plan = plan_picture(mime, file.seek(0, 2), *size, limits, moves=moves)
        if not plan.redrawn and not turn:
            kept = _kept(file, form, limits.max_bytes)
            if kept is not None:
                content, changed = kept
                details = (told or _METADATA) if changed else ()
                return FittedPicture(content, mime, *size, plan.changes, details)
        if moves:
            raise MediaRejected("This moving GIF cannot be freed of its metadata. Export it again.")
        return _redrawn(image, plan, turn, told, limits)


def _kept(file: BinaryIO, form: str, at_most: int) -> tuple[bytes, bool] | None:
    """The file with its pixels as they are and without metadata, and whether there were any; None when it is too large."""
    file.seek(0)
    data = file.read(at_most + _MOST_METADATA)
    content = stripped(data, form)
    if content is None or len(content) > at_most:
        return None
    return content, content != data


def _told(image: Image.Image, exif: Image.Exif) -> tuple[str, ...]:
    """What is said of the metadata that will go."""
    if exif.get_ifd(_LOCATION):
        return ("location and other metadata removed",)
    if any(name in image.info for name in _TOLD) or getattr(image, "text", None):
        return _METADATA
    return ()


def _redrawn(
    image: Image.Image,
    plan: PicturePlan,
    turn: int | None,
    told: tuple[str, ...],
    limits: PictureLimits,
) -> FittedPicture:
    form = _FORMS[plan.mime]
    profile = image.info.get("icc_profile")
    own = own_quality(image) if plan.inner == _upright(image.size, turn) else None
    picture, transparent = _drawn(image, plan.inner, turn, form)
    details = told
    if turn:
        details += ("turned upright",)
    if transparent:
        details += ("transparent parts made white",)
    at_most = limits.max_bytes
    whole = _on_canvas(picture, (plan.width, plan.height))
    written = encode(whole, form, profile, at_most, own=own)
    if written:
        content, quality = written
        return FittedPicture(content, plan.mime, *whole.size, plan.changes, details + quality)
    del whole
    for scale in SCALES:
        inner = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        canvas = canvas_for(inner, limits)
        if not within(canvas, limits):
            continue
        smaller = _on_canvas(picture.resize(inner, Image.Resampling.LANCZOS), canvas)
        written = encode(smaller, form, profile, at_most, qualities=_SCALED_QUALITIES)
        if written:
            content, quality = written
            scaled = f"scaled to {in_pixels(inner)} to stay within {in_bytes(at_most)}"
            return FittedPicture(
                content, plan.mime, *canvas, plan.changes, (*details, scaled, *quality)
            )
    raise MediaRejected(
        f"This picture cannot be brought to at most {in_bytes(at_most)} without spoiling it. Make it smaller."
    )


def _drawn(
    image: Image.Image, inner: Size, turn: int | None, form: str
) -> tuple[Image.Image, bool]:
    """The picture itself in its new size, upright, in colours that the format can hold; and whether white shines through
    it now. Everything that makes it smaller comes first, so that as little as possible is held twice."""
    size = (inner[1], inner[0]) if turn in SIDEWAYS else inner
    if image.format in ("JPEG", "MPO"):
        # decodes at a half, a quarter or an eighth, as long as twice the new size is left to scale down from
        image.draft(None, (2 * size[0], 2 * size[1]))
    image.load()  # Pillow copies what it saves unless it was loaded before
    picture = plain(image)
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    transparent = False
    if form == "JPEG":
        picture, transparent = on_white(picture)
    if form == "WEBP" and picture.mode in ("L", "LA"):
        picture = picture.convert("RGB" if picture.mode == "L" else "RGBA")
    if picture is not image:
        Image.Image.close(
            image
        )  # frees its pixels; its own close would close the caller's file, too
    if turn:
        picture = picture.transpose(_TURNS[turn])
    return picture, transparent


def _on_canvas(picture: Image.Image, size: Size) -> Image.Image:
    if picture.size == size:
        return picture
    canvas = white(picture.mode, size)
    canvas.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
    return canvas


def _upright(size: Size, turn: int | None) -> Size:
    return (size[1], size[0]) if turn in SIDEWAYS else size
