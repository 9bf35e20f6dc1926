"""Bringing a decoded picture into the colours that a format can hold, with the profile that goes with them."""

from __future__ import annotations

import io

from PIL import Image, ImageChops, ImageCms

_GREY = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_WHITE = (255, 255, 255, 255)
# What a profile says of itself (ICC.1:2022, 7.2.8).
_SPACES = {"L": b"GRAY", "LA": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB "}


def plain(image: Image.Image) -> Image.Image:
    """The picture in one of the modes L, LA, RGB, RGBA: 8 bits, no palette, transparency in a channel of its own.

    16 bits become 8; CMYK becomes sRGB by its profile, where it has one.
    """
    if image.mode.startswith("I;16"):
        # Pillow would cut off what is above 255
        return image.point(lambda value: value * (1 / 256)).convert("L")
    if image.mode == "CMYK":
        return _printed(image)
    wanted = "L" if image.mode in _GREY else "RGB"
    if image.has_transparency_data:
        wanted += "A"
    if image.mode == wanted:
        return image
    if wanted == "LA":
        image = image.convert("RGBA")
    return image.convert(wanted)


def on_white(image: Image.Image) -> tuple[Image.Image, bool]:
    """A plain picture without transparency, and whether any of it was transparent."""
    if image.mode not in ("LA", "RGBA"):
        return image, False
    alpha = image.getchannel("A")
    transparent = alpha.getextrema()[0] != 255
    if transparent:
        # into the picture itself, as a second one of this size would double the memory
        image.paste(_WHITE[: len(image.mode)], mask=ImageChops.invert(alpha))
    return image.convert(image.mode[:-1]), transparent


def white(mode: str, size: tuple[int, int]) -> Image.Image:
    """An opaque white picture."""
    return Image.new(mode, size, _WHITE[: len(mode)])


def profile_for(image: Image.Image, profile: bytes | None) -> bytes | None:
    """The source's colour profile, if it still describes this picture."""
    if profile and profile[16:20] == _SPACES.get(image.mode):
        return profile
    return None


def _printed(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile:
        try:
            converted = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
        except (ImageCms.PyCMSError, OSError):
            converted = None
        if converted is not None:
            return converted
    return image.convert("RGB")
