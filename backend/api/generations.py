"""Drafting with a Space: queue a generation, follow it, cancel it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from flask import Response, current_app
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..core.errors import LinError
from ..problems import REFUSALS
from .access import NEEDS_TOKEN, current_user, live_session, signed_in
from .idempotency import idempotent

api = APIBlueprint(
    "generations",
    __name__,
    url_prefix="/api",
    abp_tags=[Tag(name="Generations")],
    abp_security=NEEDS_TOKEN,
    abp_responses=REFUSALS,
)

_POLL_SECONDS = 0.2
_KEEP_ALIVE_SECONDS = 15.0
_LONGEST_STREAM_SECONDS = 1800.0
_ENDED = frozenset({"complete", "failed", "canceled"})


class GenerateBody(BaseModel):
    """What to write about: exactly one of source_item_id, url and topic."""

    model_config = ConfigDict(extra="forbid")

    source_item_id: str | None = Field(default=None, pattern=r"^[0-9a-fA-F-]{36}$")
    url: str | None = Field(default=None, max_length=2000, pattern=r"^https?://\S+$")
    topic: str | None = Field(default=None, min_length=1, max_length=2000)
    platform: str = Field(max_length=30, examples=["linkedin"])
    tone: str | None = Field(default=None, max_length=100, examples=["warm"])
    language: str | None = Field(default=None, max_length=20, examples=["en"])
    image: bool = False

    @model_validator(mode="after")
    def _exactly_one(self) -> GenerateBody:
        if sum(value is not None for value in (self.source_item_id, self.url, self.topic)) != 1:
            raise ValueError("name exactly one of source_item_id, url and topic")
        return self


class GenerateAnswer(BaseModel):
    """Follow it at /api/generations/<generation_id>/events."""

    generation_id: str


class GenerationPath(BaseModel):
    """Which generation."""

    generation_id: str = Field(pattern=r"^[0-9a-fA-F-]{36}$")


class GenerationEvent(BaseModel):
    """The data of an event. The event's name is progress, result or error; the last one ends the stream."""

    status: Literal["queued", "waking", "running", "complete", "failed", "canceled"]
    queue_position: int | None = None
    text: str | None = Field(default=None, description="All text so far")
    output: dict[str, Any] | None = None
    error_class: str | None = None
    error: str | None = None
    finished_at: datetime | None = None


@api.post("/generate", responses={202: GenerateAnswer}, summary="Queue a draft")
@live_session
@idempotent
def generate(body: GenerateBody) -> tuple[dict[str, str], int]:
    lin = current_app.extensions["lin"]
    user = lin.supabase.as_user(current_user().token)
    generation_id = user.request_generation(body.model_dump(exclude_none=True))
    lin.run_generation(generation_id)
    return {"generation_id": generation_id}, 202


@api.get("/generations/<generation_id>/events", summary="Follow a generation (Server-Sent Events)",
    responses={200: {"description": "A stream of progress events, ended by result or error",
                     "content": {"text/event-stream": {"schema": GenerationEvent.model_json_schema()}}}})  # fmt: skip
@signed_in
def events(path: GenerationPath) -> Response:
    user = current_app.extensions["lin"].supabase.as_user(current_user().token)
    first = user.generation(path.generation_id)
    return Response(
        _stream(user, first),
        mimetype="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@api.delete("/generations/<generation_id>", responses={204: None}, summary="Cancel a generation")
@live_session
def cancel(path: GenerationPath) -> tuple[str, int]:
    current_app.extensions["lin"].supabase.as_user(current_user().token).cancel_generation(
        path.generation_id
    )
    return "", 204


def _stream(user: Any, row: dict[str, Any]) -> Iterator[str]:
    """Events whenever the row changes; a comment now and then keeps proxies from closing the connection."""
    shown: dict[str, Any] | None = None
    number = 0
    started = spoke = time.monotonic()
    while True:
        event, data = _event(row)
        if data != shown:
            number, shown, spoke = number + 1, data, time.monotonic()
            yield f"id: {number}\nevent: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
        if row["status"] in _ENDED or time.monotonic() - started > _LONGEST_STREAM_SECONDS:
            return
        if time.monotonic() - spoke > _KEEP_ALIVE_SECONDS:
            spoke = time.monotonic()
            yield ": still here\n\n"
        time.sleep(_POLL_SECONDS)
        try:
            row = user.generation(row["id"])
        except LinError as error:
            yield f"event: error\ndata: {json.dumps({'status': row['status'], 'error': str(error)})}\n\n"
            return


def _event(row: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    data = {"status": row["status"], **row["progress"]}
    if row["status"] == "complete":
        return "result", {
            "status": "complete",
            "output": row["output"],
            "finished_at": row["finished_at"],
        }
    if row["status"] in _ENDED:
        return "error", {
            "status": row["status"],
            "error_class": row["error_class"],
            "error": row["error"],
        }
    return "progress", data
