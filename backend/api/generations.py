"""Drafting with a model: queue a generation, follow it, cancel it, take all of them home."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

from flask import Response, current_app, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..problems import REFUSALS
from .access import NEEDS_TOKEN, current_user, live_session, signed_in
from .generation_events import ENDED, follow, last_seen
from .idempotency import idempotent
from .long_answers import long_answer

api = APIBlueprint(
    "generations",
    __name__,
    url_prefix="/api",
    abp_tags=[Tag(name="Generations")],
    abp_security=NEEDS_TOKEN,
    abp_responses=REFUSALS,
)

_ID = r"^[0-9a-fA-F-]{36}$"
_ABOUT = ("source_item_id", "url", "topic", "post_id", "generation_id", "draft")
_DRAFTS = ("post_id", "generation_id", "draft")
_PAGE = 20


class GenerateBody(BaseModel):
    """What to write about, or which draft to change: exactly one of source_item_id, url, topic, post_id, generation_id, draft."""

    model_config = ConfigDict(extra="forbid")

    source_item_id: str | None = Field(default=None, pattern=_ID)
    url: str | None = Field(default=None, max_length=2000, pattern=r"^https?://\S+$")
    topic: str | None = Field(default=None, min_length=1, max_length=2000)
    post_id: str | None = Field(default=None, pattern=_ID, description="A draft post")
    generation_id: str | None = Field(
        default=None, pattern=_ID, description="An earlier generation that has a result"
    )
    variant: int | None = Field(default=None, ge=1, le=5, description="Which of its variants")
    draft: str | None = Field(default=None, min_length=1, max_length=63206, description="A text")
    instruction: str | None = Field(
        default=None, min_length=1, max_length=500, description="What to change in a draft",
        examples=["shorter", "warmer", "in French"],
    )  # fmt: skip
    platform: str | None = Field(default=None, max_length=30, examples=["linkedin"])
    platforms: list[str] | None = Field(
        default=None, min_length=1, max_length=20, description="Several: the post has to fit them all"
    )  # fmt: skip
    variants: int = Field(default=1, ge=1, le=5)
    tone: str | None = Field(default=None, max_length=100, examples=["warm"])
    language: str | None = Field(default=None, max_length=20, examples=["en"])
    image: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> GenerateBody:
        if sum(getattr(self, name) is not None for name in _ABOUT) != 1:
            raise ValueError(f"name exactly one of {', '.join(_ABOUT)}")
        changed = any(getattr(self, name) is not None for name in _DRAFTS)
        if changed != (self.instruction is not None):
            raise ValueError(f"an instruction goes with {', '.join(_DRAFTS)}, and these need one")
        if self.variant is not None and self.generation_id is None:
            raise ValueError("variant goes with generation_id")
        if self.platform is not None and self.platforms is not None:
            raise ValueError("name platform or platforms, not both")
        return self


class GenerateAnswer(BaseModel):
    """Follow it at /api/generations/<generation_id>/events."""

    generation_id: str


class GenerationPath(BaseModel):
    """Which generation."""

    generation_id: str = Field(pattern=_ID)


class ExportQuery(BaseModel):
    """How to write them down."""

    format: Literal["jsonl", "json"] = Field(
        default="jsonl", description="One JSON object per line, or one JSON array"
    )


class VariantView(BaseModel):
    """One text that fits its platforms."""

    text: str
    length: int = Field(description="As the platform with the least room left counts")
    max_length: int = Field(description="The longest text of that platform")
    repaired: bool = Field(description="Was too long, and the Space shortened it when asked again")
    trimmed: bool = Field(
        description="Was still too long, and Lin cut it: at the last sentence end that fits, else at the last word with …; "
        "hashtags and links at the end are kept if possible"
    )
    note: str | None = Field(default=None, description="What was done to it, in words")


class Output(BaseModel):
    """The result of a generation; text, length and max_length are those of the first variant."""

    text: str
    length: int
    max_length: int
    media_id: str | None = None
    variants: list[VariantView]
    note: str | None = Field(
        default=None, description="Why there are fewer variants than asked for"
    )


class GenerationEvent(BaseModel):
    """The data of an event. The event's name is progress, result or error; the last one ends the stream."""

    status: Literal["queued", "waking", "running", "complete", "failed", "canceled", "deleted"]
    queue_position: int | None = None
    variant: int | None = Field(default=None, description="Which variant text and position are of")
    text: str | None = Field(default=None, description="All text of that variant so far")
    repairing: bool | None = Field(default=None, description="It was too long and is shortened")
    output: Output | None = None
    error_class: str | None = None
    error: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    first_text_at: datetime | None = None
    finished_at: datetime | None = None


def _inlined(part: Any, models: Mapping[str, Any]) -> Any:
    """A schema without references: what is not the body of an answer has no place among the document's components."""
    match part:
        case {"$ref": str(name)}:
            return _inlined(models[name.rpartition("/")[2]], models)
        case dict():
            return {key: _inlined(value, models) for key, value in part.items() if key != "$defs"}
        case list():
            return [_inlined(value, models) for value in part]
        case _:
            return part


_EVENT = GenerationEvent.model_json_schema()
_EVENT = _inlined(_EVENT, _EVENT["$defs"])


def _user() -> Any:
    return current_app.extensions["lin"].supabase.as_user(current_user().token)


@api.post("/generate", responses={202: GenerateAnswer}, summary="Queue a draft")
@live_session
@idempotent
def generate(body: GenerateBody) -> tuple[dict[str, str], int]:
    generation_id = _user().request_generation(body.model_dump(exclude_none=True))
    current_app.extensions["lin"].run_generation(generation_id)
    return {"generation_id": generation_id}, 202


@api.get("/generations/<generation_id>/events", summary="Follow a generation (Server-Sent Events)",
    description="Last-Event-ID goes on after that event; 204 when it was the last one. Leaving does not cancel.",
    responses={204: None, 200: {"description": "A stream of progress events, ended by result or error",
                     "content": {"text/event-stream": {"schema": _EVENT}}}})  # fmt: skip
@signed_in
@long_answer
def events(path: GenerationPath) -> Response:
    rows = _user()
    first = rows.generation(path.generation_id)
    seen = last_seen(request.headers.get("Last-Event-ID"), first)
    if first["status"] in ENDED and seen == first["version"]:
        return Response(status=204)  # tells an EventSource to stop coming back
    return Response(
        follow(rows, first, seen, current_app.extensions["lin"].bell),
        mimetype="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@api.delete("/generations/<generation_id>", responses={204: None}, summary="Cancel a generation")
@live_session
def cancel(path: GenerationPath) -> tuple[str, int]:
    _user().cancel_generation(path.generation_id)
    current_app.extensions["lin"].bell.ring(path.generation_id)
    return "", 204


@api.get("/generations/export", summary="Download all generations",
    responses={200: {"description": "All generations of the caller, the oldest first",
                     "content": {"application/jsonl": {"schema": {"type": "string"}},
                                 "application/json": {"schema": {"type": "array", "items": {"type": "object"}}}}}})  # fmt: skip
@signed_in
def export(query: ExportQuery) -> Response:
    rows = _user()
    first = rows.generations_after(None, _PAGE)  # before anything is sent: a refusal has its status
    as_array = query.format == "json"
    return Response(
        _array(rows, first) if as_array else (f"{line}\n" for line in _lines(rows, first)),
        mimetype="application/json" if as_array else "application/jsonl",
        headers={
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="generations.{query.format}"',
        },
    )


def _lines(rows: Any, page: list[dict[str, Any]]) -> Iterator[str]:
    """Page after page, so that neither the database nor this process ever holds all of them."""
    while page:
        for row in page:
            yield json.dumps(row, ensure_ascii=False)
        page = rows.generations_after(page[-1], _PAGE)


def _array(rows: Any, page: list[dict[str, Any]]) -> Iterator[str]:
    yield "["
    for number, line in enumerate(_lines(rows, page)):
        yield f",\n{line}" if number else f"\n{line}"
    yield "\n]\n"
