"""A drawn profile photo for each member, the same at each request."""

from __future__ import annotations

import io
import zlib

from PIL import Image, ImageDraw

_SIDE = 200


def portrait(subject: str, kind: str = "PNG") -> bytes:
    """A picture whose colour follows from ``subject``; ``kind`` is a Pillow format."""
    hue = zlib.crc32(subject.encode()) % 360
    image = Image.new("RGB", (_SIDE, _SIDE), f"hsl({hue}, 45%, 55%)")
    draw = ImageDraw.Draw(image)
    draw.ellipse((70, 40, 130, 100), fill="white")
    draw.ellipse((40, 115, 160, 260), fill="white")
    data = io.BytesIO()
    image.save(data, kind)
    return data.getvalue()
