"""Drafting with a model: queue a generation, follow it, cancel it, take all of them home."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from flask import Response, current_app, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import ConfigDict, Field, model_validator

from ..described import Model
from ..problems import REFUSALS, refused
from .access import NEEDS_TOKEN, current_user, live_session, signed_in
from .documenting import event_schema, takes
from .fields import Id, Moment
from .generation_events import ENDED, follow, last_seen
from .idempotency import idempotent
from .limits import limited
from .long_answers import long_answer

api = APIBlueprint(
    "generations",
    __name__,
    url_prefix="/api",
    abp_tags=[Tag(name="Generations")],
    abp_security=NEEDS_TOKEN,
    abp_responses=REFUSALS,
)

_ABOUT = ("source_item_id", "url", "topic", "post_id", "generation_id", "draft")
_DRAFTS = ("post_id", "generation_id", "draft")
_PAGE = 20
_LAST_EVENT_ID = takes(
    "Last-Event-ID", "The id of the last event that came: the stream goes on after it. One that never was counts as none", "7", maxLength=19
)  # fmt: skip


class GenerateBody(Model):
    """What to write about, or which draft to change: exactly one of source_item_id, url, topic, post_id, generation_id, draft."""

    model_config = ConfigDict(
        extra="forbid",
        openapi_extra={"examples": {  # type: ignore[typeddict-unknown-key] # flask_openapi3's
            "new": {"summary": "About a topic", "value": {"topic": "Bridges of Lyon", "platforms": ["linkedin", "x"], "variants": 2, "tone": "warm", "language": "en"}},
            "changed": {"summary": "A draft, shorter", "value": {"post_id": "3f2b8c1e-9d47-4a6b-8e05-7c1d2f3a4b5c", "instruction": "shorter"}},
        }},
    )  # fmt: skip

    source_item_id: Id | None = Field(default=None, description="An article of yours")
    url: str | None = Field(
        default=None, max_length=2000, pattern=r"^https?://\S+$", description="A public page",
        examples=["https://example.org/bridges"],
    )  # fmt: skip
    topic: str | None = Field(
        default=None, min_length=1, max_length=2000, examples=["Bridges of Lyon"]
    )
    post_id: Id | None = Field(default=None, description="A draft post")
    generation_id: Id | None = Field(
        default=None, description="An earlier generation that has a result"
    )
    variant: int | None = Field(
        default=None, ge=1, le=5, description="Which of its variants", examples=[1]
    )
    draft: str | None = Field(
        default=None, min_length=1, max_length=63206, description="A text", examples=["Twelve bridges."]
    )  # fmt: skip
    instruction: str | None = Field(
        default=None, min_length=1, max_length=500, description="What to change in a draft",
        examples=["shorter", "warmer", "in French"],
    )  # fmt: skip
    platform: str | None = Field(default=None, max_length=30, examples=["linkedin"])
    platforms: list[str] | None = Field(
        default=None, min_length=1, max_length=20, description="Several: the post has to fit them all",
        examples=[["linkedin", "x"]]
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


class GenerateAnswer(Model):
    """Follow it at /api/generations/<generation_id>/events."""

    generation_id: Id


class GenerationPath(Model):
    """Which generation."""

    generation_id: Id


class ExportQuery(Model):
    """How to write them down."""

    format: Literal["jsonl", "json"] = Field(
        default="jsonl", description="One JSON object per line, or one JSON array"
    )


class VariantView(Model):
    """One text that fits its platforms."""

    text: str = Field(examples=["Lyon renovated twelve bridges. #Lyon"])
    length: int = Field(
        description="As the platform with the least room left counts", examples=[36]
    )
    max_length: int = Field(description="The longest text of that platform", examples=[280])
    repaired: bool = Field(
        description="Was too long, and the Space shortened it when asked again", examples=[False]
    )
    trimmed: bool = Field(
        description="Was still too long, and Lin cut it: at the last sentence end that fits, else at the last word with …; "
        "hashtags and links at the end are kept if possible",
        examples=[False],
    )
    note: str | None = Field(
        default=None, description="What was done to it, in words", examples=[None]
    )


class Output(Model):
    """The result of a generation; text, length and max_length are those of the first variant."""

    text: str = Field(examples=["Lyon renovated twelve bridges. #Lyon"])
    length: int = Field(examples=[36])
    max_length: int = Field(examples=[280])
    media_id: Id | None = Field(default=None, description="The image, where one was asked for")
    variants: list[VariantView]
    note: str | None = Field(
        default=None, description="Why there are fewer variants than asked for", examples=[None]
    )


class GenerationEvent(Model):
    """The data of an event. The event's name is progress, result or error; the last one ends the stream."""

    status: Literal["queued", "waking", "running", "complete", "failed", "canceled", "deleted"]
    queue_position: int | None = Field(default=None, examples=[None])
    variant: int | None = Field(
        default=None, description="Which variant text and position are of", examples=[1]
    )
    text: str | None = Field(
        default=None, description="All text of that variant so far", examples=["Lyon reno"]
    )
    repairing: bool | None = Field(default=None, description="It was too long and is shortened")
    output: Output | None = None
    error_class: str | None = Field(default=None, examples=[None])
    error: str | None = Field(default=None, description="For the reader", examples=[None])
    created_at: Moment | None = None
    started_at: Moment | None = None
    first_text_at: Moment | None = None
    finished_at: Moment | None = None


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


@api.post("/generate", responses={202: GenerateAnswer, **refused(404, 409)}, summary="Queue a draft",
    description="Of an article, an address, a topic or a draft that is to change. It goes on whether anybody follows or not.")  # fmt: skip
@live_session
@limited("generate")
@idempotent
def generate(body: GenerateBody) -> tuple[dict[str, str], int]:
    generation_id = _user().request_generation(body.model_dump(exclude_none=True))
    current_app.extensions["lin"].run_generation(generation_id)
    return {"generation_id": generation_id}, 202


@api.get("/generations/<generation_id>/events", summary="Follow a generation (Server-Sent Events)",
    description="Last-Event-ID goes on after that event; 204 when it was the last one. Leaving does not cancel.",
    responses={204: None, **refused(404), 200: {"description": "Events: `progress` with what is known so far, again and "
        "again; then one last, `result` or `error`. Comments "
        "(`: still here`) keep the connection open.", "content": {"text/event-stream": {
            "schema": event_schema("progress", "result", "error", data=_EVENT),
            "example": 'id: 7\nevent: progress\ndata: {"status": "running", "variant": 1, "text": "Lyon reno"}\n\n'}}}})  # fmt: skip
@signed_in
@_LAST_EVENT_ID
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


@api.delete(
    "/generations/<generation_id>",
    responses={204: None, **refused(404, 409)},
    summary="Cancel a generation",
)
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
