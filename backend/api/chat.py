"""The mentor: say something, follow the answer, stop it, make a post of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Literal

from flask import Response, current_app, make_response, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import ConfigDict, Field

from ..core.errors import InvalidInput, LinError
from ..core.streams import Answer, Delta, Ending, Event, Standing, StillHere, polled
from ..described import Model
from ..problems import REFUSALS, refused
from .access import NEEDS_TOKEN, current_user, live_session, signed_in
from .documenting import event_schema, takes
from .fields import Id
from .idempotency import idempotent, takes_key
from .limits import limited
from .long_answers import long_answer

api = APIBlueprint(
    "chat",
    __name__,
    url_prefix="/api/chat",
    abp_tags=[Tag(name="Chat")],
    abp_security=NEEDS_TOKEN,
    abp_responses=REFUSALS,
)

_EVENTS = (
    "Events: `started` {session_id, message_id, user_message_id}, for new turns only; `progress` {state, queue_position} before there is "
    "text; `delta` {text}, what was added; `replace` {text}, all text, when the Space took back what it had said; and one last: `done`, or "
    "`error` when something went wrong, with state, text, citations, error_class and error as they are stored. The text of the last event is "
    "the whole answer. The id of an event is <message_id>:<characters so far>, characters being Unicode code points; sent as Last-Event-ID it "
    "continues there, in any process."
)
_STREAM: dict[str, Any] = {
    "text/event-stream": {
        "schema": event_schema("started", "progress", "delta", "replace", "done", "error"),
        "example": 'id: 3f2b8c1e-9d47-4a6b-8e05-7c1d2f3a4b5c:5\nevent: delta\ndata: {"text": "Lyon "}\n\n',
    }
}
_LAST_EVENT_ID = takes(
    "Last-Event-ID", "The id of the last event that came: the answer goes on after it",
    "3f2b8c1e-9d47-4a6b-8e05-7c1d2f3a4b5c:5", pattern=r"^[0-9a-fA-F-]{36}:[0-9]{1,7}$",
)  # fmt: skip
_POLL_SECONDS = 0.2
_QUIET_SECONDS = 15.0
_LAST_EVENT = re.compile(r"(?P<message>[0-9a-fA-F-]{36}):(?P<seen>\d{1,7})")


class SendBody(Model):
    """What the user says, in a session of theirs or, without one, in a new one."""

    model_config = ConfigDict(extra="forbid")

    session_id: Id | None = Field(default=None, description="Without one, a new session begins")
    message: str = Field(min_length=1, max_length=8000, examples=["What did I read about bridges?"])


class Citation(Model):
    """A passage that the text cites as [number]; `id` is that of the article, the post or the document's file."""

    number: int = Field(examples=[1])
    kind: Literal["source_item", "post", "document"]
    id: Id
    title: str = Field(examples=["Twelve bridges renovated"])
    url: str | None = Field(examples=["https://example.org/bridges"])
    snippet: str = Field(
        description="What matched stands between « and »",
        examples=["Lyon renovated twelve «bridges» in three years."],
    )


class AnswerEnd(Model):
    """How an answer ended. An interrupted one keeps what had come."""

    state: Literal["complete", "interrupted"]
    text: str = Field(examples=["You read that Lyon renovated twelve bridges [1]."])
    citations: list[Citation]
    error_class: str | None = Field(description='"stopped" when its owner stopped it', examples=[None])  # fmt: skip
    error: str | None = Field(description="What went wrong, for the reader", examples=[None])


class TurnAnswer(AnswerEnd):
    """A whole turn."""

    model_config = ConfigDict(openapi_extra={"description": _EVENTS, "content": _STREAM})  # type: ignore[typeddict-unknown-key] # flask_openapi3's

    session_id: Id
    user_message_id: Id
    message_id: Id


class MessagePath(Model):
    """Which message."""

    message_id: Id


class PostAnswer(Model):
    """The draft."""

    post_id: Id


@api.post(
    "/send", responses={200: TurnAnswer, **refused(404, 409)},
    summary="Say something to the mentor (Server-Sent Events, or JSON as Accept says)",
    description="With Last-Event-ID nothing is said again: the answer that it names goes on from there. So it does for a "
    "repeated Idempotency-Key.",
)  # fmt: skip
@live_session
@limited("chat")
@takes_key
@_LAST_EVENT_ID
@long_answer
def send(body: SendBody) -> Response:
    if last := _last_event():
        return _streamed(last[0], _events(*last))
    begun = _begin(body)
    turn = begun.get_json()
    events = _events(turn["message_id"], 0)
    answer = _whole(turn, events) if _wants_json() else _streamed(turn["message_id"], events, turn)
    if "Idempotent-Replayed" in begun.headers:
        answer.headers["Idempotent-Replayed"] = begun.headers["Idempotent-Replayed"]
    return answer


@api.get("/messages/<message_id>/events", responses={200: {"description": _EVENTS, "content": _STREAM}, **refused(404)}, summary="Follow an answer (Server-Sent Events)")  # fmt: skip
@signed_in
@_LAST_EVENT_ID
@long_answer
def events(path: MessagePath) -> Response:
    message_id, seen = _last_event() or (path.message_id, 0)
    if message_id.lower() != path.message_id.lower():
        raise InvalidInput.of("Last-Event-ID", "Last-Event-ID is of another message.")
    return _streamed(message_id, _events(message_id, seen))


@api.delete("/messages/<message_id>/answer", responses={204: None, **refused(404, 409)}, summary="Stop an answer; what had come is kept")  # fmt: skip
@live_session
def stop(path: MessagePath) -> tuple[str, int]:
    lin = current_app.extensions["lin"]
    lin.supabase.as_user(current_user().token).chat.stop(path.message_id)
    lin.mentor.stop(path.message_id.lower())  # at once if it is made here; else its process sees it
    return "", 204


@api.post("/messages/<message_id>/post", responses={201: PostAnswer, **refused(404, 409)}, summary="Turn an answer into a draft post")  # fmt: skip
@live_session
@idempotent
def make_post(path: MessagePath) -> tuple[dict[str, str], int]:
    user = current_app.extensions["lin"].supabase.as_user(current_user().token)
    return {"post_id": user.chat.draft_from(path.message_id)}, 201


@idempotent
def _begin(body: SendBody) -> Response:
    """Save the message and start the answer; the same ids again for a repeated Idempotency-Key."""
    lin = current_app.extensions["lin"]
    user = lin.supabase.as_user(current_user().token)
    lin.mentor.refuse_when_full()
    message = body.message.replace("\x00", "")  # which Postgres cannot keep
    turn = user.chat.begin(body.session_id, message)
    lin.mentor.start(
        turn,
        current_user().id,
        message,
        lambda: lin.retriever.find(user, message, turn.history),
    )
    return make_response(
        {
            "session_id": turn.session_id,
            "message_id": turn.message_id,
            "user_message_id": turn.user_message_id,
        }
    )


def _events(message_id: str, seen: int) -> Iterator[Event]:
    """What happens to an answer of the caller's from character `seen` on. Raises NotFound at once."""
    lin = current_app.extensions["lin"]
    chat = lin.supabase.as_user(current_user().token).chat
    here: Answer | None = lin.mentor.running(message_id.lower())
    if here is not None and here.user_id == current_user().id:
        return here.follow(seen, _QUIET_SECONDS)
    chat.message(message_id)
    return polled(lambda: chat.message(message_id), seen, _QUIET_SECONDS, _POLL_SECONDS)


def _last_event() -> tuple[str, int] | None:
    sent = request.headers.get("Last-Event-ID")
    if sent is None:
        return None
    match = _LAST_EVENT.fullmatch(sent)
    if match is None:
        raise InvalidInput.of("Last-Event-ID", "Last-Event-ID is not the id of an event.")
    return match["message"], int(match["seen"])


def _wants_json() -> bool:
    kinds = ["text/event-stream", "application/json"]
    return request.accept_mimetypes.best_match(kinds, kinds[0]) == "application/json"


def _whole(turn: dict[str, str], events: Iterator[Event]) -> Response:
    """The turn when it has ended."""
    ending = next(event for event in events if isinstance(event, Ending))
    return make_response({**turn, **vars(ending)})


def _streamed(
    message_id: str, events: Iterator[Event], turn: dict[str, str] | None = None
) -> Response:
    return Response(
        _lines(message_id, events, turn),
        mimetype="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _lines(message_id: str, events: Iterator[Event], turn: dict[str, str] | None) -> Iterator[str]:
    if turn:
        yield _line("started", turn, f"{message_id}:0")
    try:
        for event in events:
            match event:
                case Delta(text, until, anew):
                    yield _line(
                        "replace" if anew else "delta", {"text": text}, f"{message_id}:{until}"
                    )
                case Standing():
                    yield _line("progress", vars(event))
                case Ending():
                    # what its owner stopped went as they wanted
                    fine = event.state == "complete" or event.error_class == "stopped"
                    yield _line("done" if fine else "error", vars(event))
                case StillHere():
                    yield ": still here\n\n"
    except LinError as error:  # the row was deleted, the token ran out, the database is away
        yield _line("error", {"error_class": "stream", "error": str(error)})


def _line(name: str, data: dict[str, Any], event_id: str | None = None) -> str:
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
