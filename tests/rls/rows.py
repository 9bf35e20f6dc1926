"""One row in every table for one person, made as the server would have made it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests.people import Person

from .expected import TABLES


@dataclass
class Rows:
    """A person's rows: `rows.keys["posts"]` finds the row of the table, `rows.post` and others are ids."""

    database: psycopg.Connection[Any] = field(repr=False)
    owner: Person
    account: str = ""
    source: str = ""
    item: str = ""
    media: str = ""
    generation: str = ""
    post: str = ""
    target: str = ""
    slot: str = ""
    occurrence: str = ""
    other_post: str = ""
    other_media: str = ""
    keys: dict[str, dict[str, str]] = field(default_factory=dict)

    def filter(self, table: str) -> str:
        """The row as a filter of the REST API."""
        return "&".join(f"{column}=eq.{value}" for column, value in self.keys[table].items())

    def stored(self, table: str) -> dict[str, Any] | None:
        """The row as it lies in the table, whatever any policy says; without what is generated."""
        where = " and ".join(f"t.{column}::text = %s" for column in self.keys[table])
        found = self.database.execute(
            f"select to_jsonb(t) - 'search' - 'host' from public.{table} t where {where}",  # noqa: S608 - names of our own tables
            list(self.keys[table].values()),
        ).fetchone()
        return found[0] if found else None

    def move_target(self, *states: str) -> None:
        """Take the target through these states, as the publisher would."""
        for state in states:
            self.database.execute(
                """update public.post_targets set state = %s::public.target_state,
                     due_at = now(), next_attempt_at = now() + interval '1 day', deadline_at = now() + interval '2 days',
                     lease_token = nextval('private.target_lease'), lease_until = now() + interval '1 day',
                     published_at = now(), external_id_unknown = true
                   where id = %s""",
                (state, self.target),
            )

    def new_row(self, table: str) -> dict[str, Any]:
        """A row the owner may insert, naming its owner."""
        mine = {"user_id": self.owner.id}
        rows: dict[str, dict[str, Any]] = {
            "sources": mine | {"url": f"https://example.com/{uuid.uuid4()}"},
            "media": mine | {"path": f"{self.owner.id}/{uuid.uuid4()}.png"},
            "posts": mine | {"text": "one more"},
            "post_media": mine | {"post_id": self.other_post, "media_id": self.other_media},
            "post_targets": mine | {"post_id": self.other_post, "account_id": self.account},
            "slots": mine
            | {
                "account_id": self.account,
                "weekday": 2,
                "schedule_time": "18:00",
                "enabled": False,
            },
        }
        return rows[table]


def make_rows(database: psycopg.Connection[Any], owner: Person) -> Rows:
    """One more row in every table. Nothing of it is due: no worker touches it."""
    rows = Rows(database, owner)

    def insert(table: str, **values: Any) -> str:
        columns = ", ".join(values)
        marks = ", ".join(["%s"] * len(values))
        with database.cursor(row_factory=dict_row) as cursor:
            cursor.execute(
                f"insert into public.{table} ({columns}) values ({marks}) returning *",  # noqa: S608 - our own names
                list(values.values()),
            )
            row = cursor.fetchone()
        assert row
        key = next((name for name in ("id", "account_id") if name in row), None)
        if key and table not in rows.keys:
            rows.keys[table] = {key: str(row[key])}
        return str(row[key]) if key else ""

    mine = {"user_id": owner.id}
    rows.keys["profiles"] = {"id": owner.id}
    rows.keys["platforms"] = {"id": "linkedin"}
    rows.keys["quotas"] = {"kind": "chat"}
    rows.account = insert(
        "social_accounts",
        **mine,
        platform_id="linkedin",
        external_id=f"person-{uuid.uuid4()}",
        account_name=f"Account of {owner.email}",
    )
    insert("social_account_tokens", account_id=rows.account, access_token_sealed="sealed-access")
    rows.keys["oauth_states"] = {"state_hash": uuid.uuid4().hex * 2}
    insert(
        "oauth_states",
        **mine,
        **rows.keys["oauth_states"],
        platform_id="linkedin",
        verifier_sealed="sealed-verifier",
        browser_hash="b" * 64,
        redirect_to="http://127.0.0.1/",
        expires_at="2100-01-01",
    )
    rows.source = insert(
        "sources",
        **mine,
        url=f"https://example.com/{uuid.uuid4()}",
        next_fetch_at="2100-01-01",
        status="ok",
    )
    rows.item = insert(
        "source_items", **mine, source_id=rows.source, guid="1", title="Marmots", text="whistle"
    )
    media = {"kind": "image", "mime": "image/png", "bytes": 1, "checksum": "a" * 64}
    rows.media = insert(
        "media", **mine, path=f"{owner.id}/{uuid.uuid4()}.png", status="ready", **media
    )
    rows.other_media = insert(
        "media", **mine, path=f"{owner.id}/{uuid.uuid4()}.png", status="ready", **media
    )
    output = {"text": "x", "length": 1, "max_length": 3000, "variants": [{"text": "x"}]}
    rows.generation = insert(
        "generations", **mine, input=Jsonb({"topic": "x"}), output=Jsonb(output), status="complete"
    )
    insert(
        "speeches",
        **mine,
        digest="d" * 64,
        space="owner/voice",
        characters=9,
        lease_until="2026-01-01",
        state="ready",
    )
    rows.post = insert("posts", **mine, text="Only mine", generation_id=rows.generation)
    rows.other_post = insert("posts", **mine, text="Mine as well")
    insert("imported_rows", **mine, digest=rows.post, post_id=rows.post)
    rows.keys["imported_rows"] = {"digest": rows.post}
    insert("post_media", **mine, post_id=rows.post, media_id=rows.media)
    rows.keys["post_media"] = {"post_id": rows.post, "media_id": rows.media}
    # attempts as many as there are below: a worker that claims this one later numbers its own on
    rows.target = insert(
        "post_targets", **mine, post_id=rows.post, account_id=rows.account, attempts=1
    )
    insert(
        "publish_attempts",
        **mine,
        target_id=rows.target,
        number=1,
        lease_token=uuid.uuid4().int >> 66,
        worker="nobody-real",
        finished_at="2026-01-01",
        outcome="not_sent",
    )
    insert("publication_notes", target_id=rows.target, post_version=1, target_version=1)
    rows.keys["publication_notes"] = {"target_id": rows.target}
    insert("post_metrics", **mine, target_id=rows.target, likes=7)
    session = insert("chat_sessions", **mine, title="Bridges")
    insert(
        "chat_messages", **mine, session_id=session, position=1, role="assistant", text="Rivers."
    )
    rows.slot = insert(
        "slots",
        **mine,
        account_id=rows.account,
        weekday=1,
        schedule_time="18:00",
        timezone="Europe/Paris",
        brief="Short",
        enabled=False,
    )
    rows.occurrence = insert(
        "slot_occurrences",
        **mine,
        slot_id=rows.slot,
        account_id=rows.account,
        local_date="2100-01-04",
        occurs_at="2100-01-04T17:00Z",
        fill_at="2100-01-04T16:30Z",
        state="skipped",
    )
    # a trigger queues its mail, whatever is inserted: taken back before a worker sees it
    with database.transaction():
        notice = insert("notifications", **mine, kind="target_failed", event_key=f"test {uuid.uuid4()}")  # fmt: skip
        database.execute(
            "update public.notifications set mail_state = 'skipped', mail_due_at = null where id = %s",
            [notice],
        )
    # switched off, so that nothing is lined up for it
    webhook = insert(
        "webhooks",
        **mine,
        id=str(uuid.uuid4()),
        url=f"https://example.com/{uuid.uuid4()}",
        enabled=False,
        disabled_reason="owner",
    )
    insert("webhook_secrets", webhook_id=webhook, secret_sealed="sealed-signing")
    insert(
        "webhook_deliveries",
        **mine,
        webhook_id=webhook,
        kind="webhook_test",
        state="failed",
        finished_at=_an_hour_ago(),
    )
    passage = insert(
        "passages",
        **mine,
        media_id=rows.media,  # no worker makes others for it
        position=0,
        title="Marmots",
        text="whistle",
        language="en",
        written_at="2026-01-01",
    )
    rows.keys["passage_embeddings"] = {"passage_id": passage}
    insert("passage_embeddings", **mine, passage_id=passage, claimed_at="2100-01-01")
    rows.keys["media_texts"] = {"media_id": rows.media}
    insert("media_texts", **mine, media_id=rows.media, status="no_text")
    rows.keys["indexing_queue"] = {"id": str(uuid.uuid4())}
    insert(
        "indexing_queue", **mine, **rows.keys["indexing_queue"], kind="post", due_at="2100-01-01"
    )
    rows.keys["idempotency_keys"] = {"user_id": owner.id, "key": str(uuid.uuid4())}
    insert("idempotency_keys", **rows.keys["idempotency_keys"], request_hash="c" * 64)
    # somebody else's: who is leaving may add nothing any more
    leaver = str(uuid.uuid4())
    database.execute(
        "insert into auth.users (id, email) values (%s, %s)", [leaver, f"{leaver}@example.com"]
    )
    rows.keys["account_deletions"] = {"user_id": leaver}
    insert("account_deletions", **rows.keys["account_deletions"], lease_until="2100-01-01")
    rows.keys["worker_heartbeats"] = {"worker": f"test-{uuid.uuid4()}"}
    insert("worker_heartbeats", **rows.keys["worker_heartbeats"], seen_at=_an_hour_ago())

    missing = set(TABLES) - set(rows.keys)
    assert not missing, f"no row is made here for {sorted(missing)}"
    return rows


def _an_hour_ago() -> datetime:
    """Too old to count as a living worker, too young to be purged."""
    return datetime.now(UTC) - timedelta(hours=1)
