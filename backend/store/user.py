"""What a signed-in user may do through Flask, under row-level security."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..core.errors import NotFound
from .bulk import OwnBulk
from .calls import Calls, readable
from .chat import OwnChat

_GENERATION = "id,version,status,progress,output,error_class,error,space,created_at,started_at,first_text_at,finished_at"
_KEPT = "id,kind,space,status,input,output,error_class,error,created_at,started_at,first_text_at,finished_at"
_TARGET = "id,account_id,text_override,options,state,due_at,next_attempt_at,attempts,external_id,external_id_unknown,external_url,error_class,error,published_at,deleted_at"


class AsUser:
    """One caller's access. Rows of others do not exist here: they are NotFound."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.chat = OwnChat(calls)
        self.bulk = OwnBulk(calls)

    def platforms(self) -> list[dict[str, Any]]:
        """The platforms with their limits, by name."""
        rows: list[dict[str, Any]] = self._calls.run(
            self._calls.table("platforms").select("id,name,limits,enabled").order("name")
        )
        return rows

    def account(self, account_id: str) -> dict[str, Any]:
        """One of the caller's accounts. Raises NotFound."""
        return self._one(
            "social_accounts",
            "id,platform_id,external_id,account_name,kind,status",
            account_id,
            "account",
        )

    def post(self, post_id: str) -> dict[str, Any]:
        """A post with its targets and media. Raises NotFound."""
        columns = (
            f"id,text,status,scheduled_at,post_targets({_TARGET},social_accounts(platform_id,account_name,external_id,kind)),"
            "post_media(position,media(id,kind,mime,bytes,width,height,duration,frame_rate,codec,index_first,alt_text,status,path))"
        )
        return self._one("posts", columns, post_id, "post")

    def schedule_post(self, post_id: str, at: datetime | None = None) -> dict[str, Any]:
        """Schedule a post (None: for now). Raises NotFound, InvalidInput with every violation, Conflict."""
        row: dict[str, Any] = self._calls.rpc(
            "schedule_post", post=post_id, at=at.isoformat() if at else None
        )
        return row

    def request_generation(self, wanted: dict[str, Any]) -> str:
        """Queue a generation; returns its id. Raises NotFound, InvalidInput, TooMany."""
        return str(self._calls.rpc("request_generation", input=wanted))

    def cancel_generation(self, generation_id: str) -> bool:
        """Stop a generation; False when it had ended. Raises NotFound."""
        return bool(self._calls.rpc("cancel_generation", generation=generation_id))

    def generation(self, generation_id: str) -> dict[str, Any]:
        """A generation with its state and result. Raises NotFound."""
        return self._one("generations", _GENERATION, generation_id, "generation")

    def generation_since(self, generation_id: str, version: int) -> dict[str, Any] | None:
        """The same, if it is newer than this version; None also for one that is gone."""
        query = self._calls.table("generations").select(_GENERATION)
        rows = self._calls.run(query.eq("id", generation_id).gt("version", version).limit(1))
        return rows[0] if rows else None

    def generations_after(self, last: dict[str, Any] | None, take: int) -> list[dict[str, Any]]:
        """At most `take` generations with all that is kept of them, the oldest first, from behind `last` on (None: the first)."""
        query = self._calls.table("generations").select(_KEPT).order("created_at").order("id")
        if last is not None:
            at, row_id = last["created_at"], last["id"]
            query = query.or_(f'created_at.gt."{at}",and(created_at.eq."{at}",id.gt.{row_id})')
        rows: list[dict[str, Any]] = self._calls.run(query.limit(take))
        return rows

    def chat_message(self, message_id: str) -> dict[str, Any]:
        """A message of the caller's conversations: id, role, text, state. Raises NotFound."""
        return self._one("chat_messages", "id,role,text,state", message_id, "message")

    def search_passages(
        self, query: str, take: int, embedding: Sequence[float] | None, embedded_by: str | None
    ) -> list[dict[str, Any]]:
        """The caller's passages that a question is about, best first; see the database function."""
        vector = None if embedding is None else json.dumps([float(number) for number in embedding])
        return readable(
            list,
            self._calls.rpc(
                "search_passages", query=query, take=take, embedding=vector, embedded_by=embedded_by
            ),
        )

    def import_sources(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        """Add many sources; {added, skipped, refused: positions}. Raises InvalidInput, Conflict."""
        done: dict[str, Any] = self._calls.rpc("import_sources", entries=entries)
        return done

    def sources(self) -> list[dict[str, Any]]:
        """All of the caller's sources, the oldest first."""
        columns = "url,title,category,kind"
        rows: list[dict[str, Any]] = self._calls.run(
            self._calls.table("sources").select(columns).order("created_at").order("id")
        )
        return rows

    def test_webhook(self, webhook_id: str) -> str:
        """Have a test event posted; returns the delivery's id. Raises NotFound, TooMany."""
        return str(self._calls.rpc("test_webhook", hook=webhook_id))

    def redeliver_webhook(self, delivery_id: str) -> None:
        """Have an event posted again. Raises NotFound, Conflict."""
        self._calls.rpc("redeliver_webhook", delivery=delivery_id)

    def add_slot(self, columns: dict[str, Any]) -> dict[str, Any]:
        """Make a weekly slot; the row says where it is after conflicts. Raises NotFound, InvalidInput, Conflict."""
        row: dict[str, Any] = self._calls.run(self._calls.table("slots").insert(columns))[0]
        return row

    def edit_slot(self, slot_id: str, columns: dict[str, Any]) -> dict[str, Any]:
        """Change a weekly slot. Raises NotFound, InvalidInput, Conflict."""
        rows = self._calls.run(self._calls.table("slots").update(columns).eq("id", slot_id))
        if not rows:
            raise NotFound("There is no such slot.")
        row: dict[str, Any] = rows[0]
        return row

    def _one(self, table: str, columns: str, row_id: str, name: str) -> dict[str, Any]:
        rows = self._calls.run(self._calls.table(table).select(columns).eq("id", row_id).limit(1))
        if not rows:
            raise NotFound(f"There is no such {name}.")
        row: dict[str, Any] = rows[0]
        return row
