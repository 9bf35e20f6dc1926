"""Files for platforms that fetch what they publish: whoever has the address may, for an hour."""

from __future__ import annotations

from contextlib import ExitStack
from os import SEEK_END

from flask import Response, current_app, request, send_file
from flask_openapi3 import APIBlueprint, Tag
from pydantic import Field

from ..described import Model
from ..problems import refused
from .access import open_to_all
from .documenting import takes
from .limits import unlimited

api = APIBlueprint("media", __name__, url_prefix="/media", abp_tags=[Tag(name="Media")], abp_responses=refused(404, 416, 429, 503))  # fmt: skip


_BYTES = {"*/*": {"schema": {"type": "string", "format": "binary"}}}


class MediaPath(Model):
    """A sealed address."""

    token: str = Field(
        max_length=4000, description="Made by Lin; it opens one file for an hour", examples=["eyJhbGciOiJkaXIi"],
    )  # fmt: skip


@api.get(
    "/<token>",
    summary="A file, for the platform that publishes it",
    security=[{}],
    responses={
        200: {"description": "The whole file", "content": _BYTES},
        206: {"description": "The range that was asked for", "content": _BYTES},
    },
)
@open_to_all
@unlimited
@takes("Range", "Which bytes to send (RFC 9110)", "bytes=0-1023")
def fetch(path: MediaPath) -> Response:
    lin = current_app.extensions["lin"]
    place, mime = lin.links.read(path.token)
    opened = ExitStack()
    try:
        file = opened.enter_context(lin.supabase.service.media.open_media(place))
        lin.erase_place(file, mime)
        size = file.seek(0, SEEK_END)
        file.seek(0)
        answer = send_file(file, mime, etag=False, max_age=0)
        answer.content_length = size
        answer.make_conditional(request, accept_ranges=True, complete_length=size)
    except BaseException:
        opened.close()
        raise
    # sent piece by piece, not handed to the server as a file: then the file is closed after the last piece, not before
    answer.direct_passthrough = False
    answer.call_on_close(opened.close)
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["Content-Disposition"] = "inline"
    return answer
