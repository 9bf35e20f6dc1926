"""Many sources at once: import and export as OPML. A frontend reads and writes the table `sources` itself."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import Field

from ..core.errors import InvalidInput
from ..core.listing import ListedSource
from ..described import Model
from ..problems import REFUSALS, refused
from .access import NEEDS_TOKEN, current_user, live_session, signed_in
from .idempotency import idempotent

api = APIBlueprint(
    "sources",
    __name__,
    url_prefix="/api/sources",
    abp_tags=[Tag(name="Sources")],
    abp_security=NEEDS_TOKEN,
    abp_responses=REFUSALS,
)

_OPML = "text/x-opml"
_XML = (_OPML, "text/xml", "application/xml", "application/octet-stream")
_FORM = "multipart/form-data"
_FILE = {"type": "string", "format": "binary"}
_BODY = {
    "required": True,
    "content": {kind: {"schema": _FILE} for kind in _XML}
    | {_FORM: {"schema": {"type": "object", "properties": {"file": _FILE}, "required": ["file"]}}},
}


class ImportProblem(Model):
    """An entry that was not added."""

    line: int = Field(
        description="Where it stands in the file, from 1; 0 when that is not known", examples=[7]
    )
    title: str | None = Field(examples=["Bridges weekly"])
    url: str | None = Field(examples=[None])
    reason: str = Field(examples=["It has no xmlUrl, the address of a feed."])


class ImportAnswer(Model):
    """What became of the file's entries."""

    added: int = Field(examples=[12])
    skipped: int = Field(
        description="There already, or named before in the same file", examples=[2]
    )
    problems: list[ImportProblem]


@api.post("/import", responses={200: ImportAnswer, **refused(409)}, summary="Add the sources of an OPML file",
    description="The file as the body, or as `file` of a form. Outlines around an entry become its category. The same file "
    "again adds nothing.", openapi_extensions={"requestBody": _BODY})  # fmt: skip
@live_session
@idempotent
def import_sources() -> dict[str, Any]:
    lin = current_app.extensions["lin"]
    sources, misfits = lin.source_lists.read(_sent_file())
    entries = [{"url": one.url, "title": one.title, "category": one.category, "kind": one.kind} for one in sources]  # fmt: skip
    done = lin.supabase.as_user(current_user().token).import_sources(entries)
    beyond = (sources[position] for position in done["refused"])
    problems = [
        *({"line": one.line, "title": one.title, "url": one.url, "reason": one.reason} for one in misfits),
        *({"line": one.line, "title": one.title, "url": one.url,
           "reason": "You have as many sources as Lin reads for one person; delete some first."} for one in beyond),
    ]  # fmt: skip
    problems.sort(key=lambda problem: int(problem["line"]))
    return {"added": done["added"], "skipped": done["skipped"], "problems": problems}


@api.get("/export", summary="All sources as an OPML file",
    responses={200: {"description": "OPML 2.0, grouped by category", "content": {_OPML: {"schema": _FILE}}}})  # fmt: skip
@signed_in
def export_sources() -> Response:
    lin = current_app.extensions["lin"]
    rows = lin.supabase.as_user(current_user().token).sources()
    file = lin.source_lists.write(
        ListedSource(row["url"], row["title"], row["category"], row["kind"]) for row in rows
    )
    headers = {"Content-Disposition": 'attachment; filename="lin-sources.opml"'}
    return Response(file, content_type=f"{_OPML}; charset=utf-8", headers=headers)


def _sent_file() -> bytes:
    if request.mimetype == _FORM:
        sent = request.files.get("file")
        if sent is None:
            raise InvalidInput.of("file", "Name the OPML file `file` in the form.")
        uploaded: bytes = sent.read()
        return uploaded
    if request.mimetype not in _XML:
        raise InvalidInput.of("file", f"Send the OPML file as the body ({_OPML}), or as `file` of a form.")  # fmt: skip
    return request.get_data(cache=True)
