"""``media.licdn.com``: profile photos."""

from __future__ import annotations

from flask import Blueprint, Response

from local.sandbox.portraits import portrait


def blueprint() -> Blueprint:
    """Profile photos, different for each member."""
    views = Blueprint("photos", __name__)

    @views.get("/dms/image/<subject>/photo.png")
    def photo(subject: str) -> Response:
        return Response(portrait(subject), content_type="image/png")

    return views
