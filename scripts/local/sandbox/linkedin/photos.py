"""``media.licdn.com``: a drawn profile photo for each member."""

from __future__ import annotations

import io
import zlib

from flask import Blueprint, Response
from PIL import Image, ImageDraw

_SIDE = 200


def blueprint() -> Blueprint:
    """Profile photos, different for each member, the same at each request."""
    views = Blueprint("photos", __name__)

    @views.get("/dms/image/<subject>/photo.png")
    def photo(subject: str) -> Response:
        hue = zlib.crc32(subject.encode()) % 360
        image = Image.new("RGB", (_SIDE, _SIDE), f"hsl({hue}, 45%, 55%)")
        draw = ImageDraw.Draw(image)
        draw.ellipse((70, 40, 130, 100), fill="white")
        draw.ellipse((40, 115, 160, 260), fill="white")
        data = io.BytesIO()
        image.save(data, "PNG")
        return Response(data.getvalue(), content_type="image/png")

    return views
