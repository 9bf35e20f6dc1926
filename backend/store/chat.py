"""Conversations with the mentor: as their owner sees them, and past row-level security while an answer grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.errors import NotFound
from ..core.mentoring import BegunTurn
from ..core.models import Turn
from .calls import Calls, readable

_MESSAGE = "id,session_id,position,role,text,state,citations,space,error_class,error,created_at,finished_at"
_SESSION = "id,title,created_at,last_message_at"


class OwnChat:
    """The caller's conversations, under row-level security. Rows of others do not exist here: they are NotFound."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def begin(self, session_id: str | None, message: str) -> BegunTurn:
        """Save what the caller says and book the answer. Raises NotFound, Conflict, InvalidInput, TooMany."""
        row: dict[str, Any] = readable(
            dict, self._calls.rpc("begin_chat_turn", session=session_id, message=message)
        )
        history = [Turn(turn["role"], turn["text"]) for turn in row.pop("history")]
        return BegunTurn(**row, history=history)

    def message(self, message_id: str) -> dict[str, Any]:
        """One message. Raises NotFound."""
        return self._one("chat_messages", _MESSAGE, message_id, "message")

    def session(self, session_id: str) -> dict[str, Any]:
        """One conversation without its messages. Raises NotFound."""
        return self._one("chat_sessions", _SESSION, session_id, "chat session")

    def messages(self, session_id: str, before: int | None, take: int) -> list[dict[str, Any]]:
        """Messages of a session, newest first: `take` at most, only of positions below `before`."""
        query = self._calls.table("chat_messages").select(_MESSAGE).eq("session_id", session_id)
        if before is not None:
            query = query.lt("position", before)
        rows: list[dict[str, Any]] = self._calls.run(query.order("position", desc=True).limit(take))
        return rows

    def stop(self, message_id: str) -> bool:
        """Ask for an answer to be stopped; False when it had ended. Raises NotFound."""
        return bool(self._calls.rpc("stop_chat_answer", message=message_id))

    def draft_from(self, message_id: str) -> str:
        """Make a draft post of an answer; returns its id. Raises NotFound, Conflict, InvalidInput."""
        return readable(str, self._calls.rpc("draft_from_message", message=message_id))

    def _one(self, table: str, columns: str, row_id: str, name: str) -> dict[str, Any]:
        rows = self._calls.run(self._calls.table(table).select(columns).eq("id", row_id).limit(1))
        if not rows:
            raise NotFound(f"There is no such {name}.")
        row: dict[str, Any] = rows[0]
        return row


class Answers:
    """Answers that grow, past row-level security. Errors are those of `Calls`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def record_chat_answers(self, answers: Sequence[dict[str, Any]]) -> dict[str, str]:
        """Save [{message_id, lease_token, text, space, first_text_ago}]; returns "go on", "stop" or "lost" by message."""
        rows = readable(list, self._calls.rpc("record_chat_answers", answers=list(answers)))
        return {row["message_id"]: row["verdict"] for row in rows}

    def finish_chat_answer(self, message_id: str, lease_token: int, result: dict[str, Any]) -> bool:
        """End an answer; False when it was not ours any more."""
        return readable(
            bool,
            self._calls.rpc(
                "finish_chat_answer", message=message_id, token=lease_token, result=result
            ),
        )

    def end_lost_answers(self) -> int:
        """End the answers whose process is gone; returns how many."""
        return readable(int, self._calls.rpc("end_lost_answers"))
