"""Conversations with the mentor: their pages, and one as a file. Frontends list, rename and delete them through Supabase."""

from __future__ import annotations

from typing import Any, Literal

from flask import Response, current_app, make_response, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import ConfigDict, Field

from ..described import Model
from ..problems import REFUSALS, refused
from .access import NEEDS_TOKEN, current_user, signed_in
from .chat import Citation
from .fields import Id, Moment

api = APIBlueprint(
    "chat_sessions",
    __name__,
    url_prefix="/api/chat",
    abp_tags=[Tag(name="Chat")],
    abp_security=NEEDS_TOKEN,
    abp_responses=REFUSALS,
)

_PAGE = 500  # rows a call; hosted projects answer with 1,000 at most
_ESCAPED = str.maketrans({sign: f"\\{sign}" for sign in "\\[]<>*_`"})


class ChatMessage(Model):
    """A message as it is stored."""

    id: Id
    session_id: Id
    position: int = Field(description="Counts from 1 in its session", examples=[2])
    role: Literal["user", "assistant"]
    text: str = Field(examples=["You read that Lyon renovated twelve bridges [1]."])
    state: Literal["complete", "streaming", "interrupted"]
    citations: list[Citation]
    space: str | None = Field(description="Which Space answered", examples=["owner/mentor"])
    error_class: str | None = Field(examples=[None])
    error: str | None = Field(description="What went wrong, for the reader", examples=[None])
    created_at: Moment
    finished_at: Moment | None


class ChatSession(Model):
    """A session as it is stored."""

    id: Id
    title: str = Field(examples=["What did I read about bridges?"])
    created_at: Moment
    last_message_at: Moment


class HistoryQuery(Model):
    """Which page: the newest messages, or those before a position."""

    session_id: Id
    before: int | None = Field(
        default=None,
        ge=1,
        le=2**31 - 1,
        description="`next_before` of the page before",
        examples=[12],
    )
    limit: int = Field(default=50, ge=1, le=200, description="Messages a page")


class HistoryAnswer(Model):
    """A page, newest first."""

    messages: list[ChatMessage]
    next_before: int | None = Field(
        description="For the next page; null on the last one", examples=[12]
    )


class SessionPath(Model):
    """Which session."""

    session_id: Id


class SessionExport(Model):
    """A whole session, oldest message first."""

    model_config = ConfigDict(
        openapi_extra={"content": {"text/markdown": {"schema": {"type": "string"}}}}
    )  # type: ignore[typeddict-unknown-key] # flask_openapi3's

    session: ChatSession
    messages: list[ChatMessage]


@api.get("/history", responses={200: HistoryAnswer, **refused(404)}, summary="A page of a session, newest message first")  # fmt: skip
@signed_in
def history(query: HistoryQuery) -> dict[str, Any]:
    chat = current_app.extensions["lin"].supabase.as_user(current_user().token).chat
    rows = chat.messages(query.session_id, query.before, query.limit + 1)
    if not rows:
        chat.session(query.session_id)  # an empty page and a session that is not theirs differ
    page = rows[: query.limit]
    return {
        "messages": page,
        "next_before": page[-1]["position"] if len(rows) > len(page) else None,
    }


@api.get("/sessions/<session_id>/export", responses={200: SessionExport, **refused(404)}, summary="A whole session as Markdown, or JSON as Accept says")  # fmt: skip
@signed_in
def export(path: SessionPath) -> Response:
    chat = current_app.extensions["lin"].supabase.as_user(current_user().token).chat
    session = chat.session(path.session_id)
    messages = _all_messages(chat, path.session_id)
    kinds = ["text/markdown", "application/json"]
    if request.accept_mimetypes.best_match(kinds, kinds[0]) == "application/json":
        answer, ending = make_response({"session": session, "messages": messages}), "json"
    else:
        answer, ending = make_response(_markdown(session, messages)), "md"
        answer.content_type = "text/markdown; charset=utf-8"
    answer.headers["Content-Disposition"] = f'attachment; filename="chat-{session["id"]}.{ending}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _all_messages(chat: Any, session_id: str) -> list[dict[str, Any]]:
    """Oldest first."""
    rows: list[dict[str, Any]] = []
    before: int | None = None
    while page := chat.messages(session_id, before, _PAGE):
        rows += page
        before = page[-1]["position"]
    return rows[::-1]


def _markdown(session: dict[str, Any], messages: list[dict[str, Any]]) -> str:
    parts = [f"# {session['title'].translate(_ESCAPED)}"]
    for message in messages:
        name = "You" if message["role"] == "user" else "Mentor"
        parts.append(f"## {name}, {message['created_at'][:16].replace('T', ' ')}")
        parts.append(message["text"])
        if message["state"] != "complete":
            parts.append(f"*{message['error'] or 'This answer is still coming.'}*")
        if message["citations"]:
            parts.append("\n".join(_cited(citation) for citation in message["citations"]))
    return "\n\n".join(parts) + "\n"


def _cited(citation: dict[str, Any]) -> str:
    title = citation["title"].translate(_ESCAPED)
    url = f": <{citation['url']}>" if citation["url"] else ""
    return f"- \\[{citation['number']}\\] {title}{url}"
