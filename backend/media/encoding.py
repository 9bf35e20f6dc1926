"""Writing a picture in at most so many bytes, with less and less quality until it fits."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from PIL import Image, JpegImagePlugin

from .colours import profile_for

# Above the first, bytes grow faster than anybody sees; below the last, everybody sees blocks.
QUALITIES = (92, 85, 75, 60)
# From here on, colours keep the resolution of the brightness (4:4:4), else half of it (4:2:0).
_FINE = 85


class _Full(Exception):
    """The limit is reached: whatever else would come is not needed."""


class _Bounded(io.BytesIO):
    """Takes so many bytes and no more, so that what does not fit costs neither its memory nor its time."""

    def __init__(self, at_most: int) -> None:
        super().__init__()
        self._at_most = at_most

    def write(self, data: Any, /) -> int:
        if self.tell() + memoryview(data).nbytes > self._at_most:
            raise _Full
        return super().write(data)


def encode(
    picture: Image.Image,
    form: str,
    profile: bytes | None,
    at_most: int,
    *,
    qualities: tuple[int, ...] = QUALITIES,
    own: dict[str, Any] | None = None,
) -> tuple[bytes, tuple[str, ...]] | None:
    """The picture as a file, and in words the quality that was chosen; None when no quality makes it small enough.

    `own` are the options that keep a JPEG's own quality (see `own_quality`); they are tried first.
    """
    # Pillow would write comments that the picture remembers
    picture.info.clear()
    profile = profile_for(picture, profile)
    for options, words in _ways(form, qualities, own):
        file = _Bounded(at_most)
        try:
            picture.save(file, form, icc_profile=profile, **options)
        except _Full:
            continue
        return file.getvalue(), words
    return None


def own_quality(image: Image.Image) -> dict[str, Any] | None:
    """The options with which a JPEG is written as finely as it was, and not finer; None for what is no JPEG."""
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return None
    sampling = JpegImagePlugin.get_sampling(image)
    # 4:2:2 halves the colours in one direction, which turning the picture would make the wrong one
    return {"qtables": image.quantization, "subsampling": 2 if sampling == 2 else 0}


def _ways(
    form: str, qualities: tuple[int, ...], own: dict[str, Any] | None
) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    if form == "PNG":
        yield {}, ()
        return
    if own and form == "JPEG":
        yield own, ()
    for quality in qualities:
        options = {"subsampling": 0 if quality >= _FINE else 2} if form == "JPEG" else {}
        yield {"quality": quality, **options}, (f"saved with quality {quality}",)
