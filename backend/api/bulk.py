"""Many posts at once: import from and export to CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, Literal, TypeVar

from flask import Response, current_app, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import Field

from ..core.errors import InvalidInput
from ..core.importing import MAX_BYTES
from ..described import Model
from ..problems import REFUSALS, refused
from .access import NEEDS_TOKEN, current_user, live_session, signed_in
from .fields import Id, Moment
from .idempotency import idempotent

api = APIBlueprint(
    "bulk",
    __name__,
    url_prefix="/api/posts",
    abp_tags=[Tag(name="Posts")],
    abp_security=NEEDS_TOKEN,
    abp_responses=REFUSALS,
)

_AROUND = 10_000  # what a form puts around a file
_PAGE = 200

_CSV = "text/csv"
_KINDS = (_CSV, "application/csv", "application/vnd.ms-excel", "text/plain", "application/octet-stream")  # fmt: skip
_FORM = "multipart/form-data"
_FILE = {"type": "string", "format": "binary"}
_BODY = {
    "required": True,
    "content": {kind: {"schema": _FILE} for kind in _KINDS}
    | {_FORM: {"schema": {"type": "object", "properties": {"file": _FILE}, "required": ["file"]}}},
}

View = TypeVar("View", bound=Callable[..., Any])


class ImportQuery(Model):
    """How a file is imported."""

    dry_run: bool = Field(default=False, description="Tell each row's fate and change nothing")
    partial: bool = Field(
        default=False, description="Import the rows that can be, although others are refused"
    )
    dates: Literal["day_first", "month_first"] | None = Field(
        default=None, description="How 03/04/2026 is meant, where neither the file nor the profile's language tells"
    )  # fmt: skip


class RowProblem(Model):
    """Why a row is refused."""

    field: str = Field(examples=["scheduled_at"])
    message: str = Field(examples=["This time has passed."])


class RowFate(Model):
    """What became of a row, or would become of it."""

    row: int = Field(description="As a spreadsheet counts: the header is row 1", examples=[2])
    outcome: Literal["draft", "scheduled", "exists", "refused"] = Field(
        description="`exists`: it was imported before, or names a post of yours; nothing is made or edited"
    )
    post_id: Id | None
    scheduled_at: Moment | None
    problems: list[RowProblem]
    notes: list[str] = Field(
        description="What was decided for it, an hour that the clocks skip, for example",
        examples=[["The clocks skip 02:30 that day: 03:30."]],
    )


class Counts(Model):
    """Rows by outcome."""

    draft: int = Field(examples=[3])
    scheduled: int = Field(examples=[12])
    exists: int = Field(examples=[0])
    refused: int = Field(examples=[1])


class ReadAs(Model):
    """How the file was understood."""

    encoding: str = Field(examples=["utf-8-sig"])
    delimiter: str = Field(examples=[";"])
    date_order: str | None = Field(examples=["day_first"])
    ignored_columns: list[str] = Field(examples=[["Campaign"]])


class ImportReport(Model):
    """What became of a file."""

    imported: bool = Field(description="False for a dry run, and when a row was refused and `partial` was not asked for: then nothing was made")  # fmt: skip
    counts: Counts
    read_as: ReadAs
    rows: list[RowFate]


def _of_a_file(view: View) -> View:
    """A view that takes a file: more bytes than other requests may have. Raises InvalidInput that names the limit."""

    @wraps(view)
    def with_room(*args: Any, **kwargs: Any) -> Any:
        request.max_content_length = MAX_BYTES + _AROUND
        if (request.content_length or 0) > MAX_BYTES + _AROUND:
            raise InvalidInput.of("file", f"The file has {request.content_length:,} bytes; Lin reads at most {MAX_BYTES:,}.")  # fmt: skip
        return view(*args, **kwargs)

    return with_room  # type: ignore[return-value] # the same signature, kept by wraps


@api.post("/import", responses={200: ImportReport, **refused(409)}, summary="Import posts from a CSV file",
    description="The file as the body, or as `file` of a form: at most 5,000,000 bytes, 10,000 rows and 64 columns. Columns: "
    "text, account, scheduled_at (or date and time), timezone, media (addresses or ids), alt_text, options; other names, "
    "encodings and delimiters are understood, and the answer says how. A row with a time is scheduled, one without is a "
    "draft. All or nothing unless `partial` (of more than "
    "1,000 rows, all are checked before the first is made); the same row again makes nothing. Addresses are fetched, 100 files of 20 MB at "
    "most, within 60 s.", openapi_extensions={"requestBody": _BODY})  # fmt: skip
@live_session
@_of_a_file
@idempotent
def import_posts(query: ImportQuery) -> dict[str, Any]:
    lin = current_app.extensions["lin"]
    user = current_user()
    report: dict[str, Any] = lin.importer.run(
        lin.supabase.as_user(user.token).bulk, user.id, _sent_file(),
        dry_run=query.dry_run, partly=query.partial, date_order=query.dates,
    )  # fmt: skip
    return report


@api.get("/export", summary="All posts as a CSV file", description="A row for each account of a post: what was written, what "
    "became of it, the newest figures. What begins like a formula has an apostrophe before it, which an import takes off.",
    responses={200: {"description": "UTF-8 with a byte order mark", "content": {_CSV: {"schema": _FILE}}}})  # fmt: skip
@signed_in
def export_posts() -> Response:
    lin = current_app.extensions["lin"]
    own = lin.supabase.as_user(current_user().token).bulk
    first = own.export_page(
        None, _PAGE
    )  # a refusal is still an answer here; later it cuts the file off

    def posts() -> Iterator[dict[str, Any]]:
        page = first
        while page:
            yield from page
            page = own.export_page(page[-1], _PAGE) if len(page) == _PAGE else []

    headers = {"Content-Disposition": 'attachment; filename="lin-posts.csv"', "Cache-Control": "no-store"}  # fmt: skip
    lines = lin.write_posts(posts())
    return Response(lines, content_type=f"{_CSV}; charset=utf-8", headers=headers)


def _sent_file() -> bytes:
    if request.mimetype == _FORM:
        sent = request.files.get("file")
        if sent is None:
            raise InvalidInput.of("file", "Name the CSV file `file` in the form.")
        uploaded: bytes = sent.read()
        return uploaded
    if request.mimetype not in _KINDS:
        raise InvalidInput.of("file", f"Send the CSV file as the body ({_CSV}), or as `file` of a form.")  # fmt: skip
    return request.get_data(cache=True)
