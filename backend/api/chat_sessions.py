"""Conversations with the mentor: their pages, and one as a file. Frontends list, rename and delete them through Supabase."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from flask import Response, current_app, make_response, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from ..problems import REFUSALS
from .access import NEEDS_TOKEN, current_user, signed_in
from .chat import Citation

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


class ChatMessage(BaseModel):
    """A message as it is stored."""

    id: str
    session_id: str
    position: int = Field(description="Counts from 1 in its session")
    role: Literal["user", "assistant"]
    text: str
    state: Literal["streaming", "complete", "interrupted"]
    citations: list[Citation]
    space: str | None
    error_class: str | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None


class ChatSession(BaseModel):
    """A session as it is stored."""

    id: str
    title: str
    created_at: datetime
    last_message_at: datetime


class HistoryQuery(BaseModel):
    """Which page: the newest messages, or those before a position."""

    session_id: str = Field(pattern=r"^[0-9a-fA-F-]{36}$")
    before: int | None = Field(
        default=None, ge=1, le=2**31 - 1, description="`next_before` of the page before"
    )
    limit: int = Field(default=50, ge=1, le=200)


class HistoryAnswer(BaseModel):
    """A page, newest first."""

    messages: list[ChatMessage]
    next_before: int | None = Field(description="For the next page; null on the last one")


class SessionPath(BaseModel):
    """Which session."""

    session_id: str = Field(pattern=r"^[0-9a-fA-F-]{36}$")


class SessionExport(BaseModel):
    """A whole session, oldest message first."""

    model_config = ConfigDict(
        openapi_extra={"content": {"text/markdown": {"schema": {"type": "string"}}}}
    )  # type: ignore[typeddict-unknown-key] # flask_openapi3's

    session: ChatSession
    messages: list[ChatMessage]


@api.get("/history", responses={200: HistoryAnswer}, summary="A page of a session, newest message first")  # fmt: skip
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


@api.get("/sessions/<session_id>/export", responses={200: SessionExport}, summary="A whole session as Markdown, or JSON as Accept says")  # fmt: skip
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
