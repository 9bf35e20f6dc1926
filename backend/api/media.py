"""Files for platforms that fetch what they publish: whoever has the address may, for an hour."""

from __future__ import annotations

from contextlib import ExitStack
from os import SEEK_END

from flask import Response, current_app, request, send_file
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from ..problems import REFUSALS
from .access import open_to_all

api = APIBlueprint("media", __name__, url_prefix="/media", abp_tags=[Tag(name="Media")], abp_responses=REFUSALS)  # fmt: skip


class MediaPath(BaseModel):
    """A sealed address."""

    token: str = Field(max_length=4000)


@api.get(
    "/<token>",
    summary="A file, for the platform that publishes it",
    security=[{}],
    responses={200: {"description": "The bytes, or the range asked for"}},
)
@open_to_all
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
