"""A queue of any length, loaded past the triggers and then brought into the state that they would have left."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import scalar_row
from psycopg.types.json import Jsonb

from local.stack import Stack

from .crowd import unguarded

# each step takes what the one before made, by its batch
LOAD = """
    create temporary table batch on commit drop as
        select gen_random_uuid() as user_id, u as number from generate_series(1, %(users)s) u;
    insert into auth.users (id, email) select user_id, user_id || '@example.com' from batch;
    create temporary table batch_accounts on commit drop as
        select gen_random_uuid() as account_id, b.user_id, b.number, a from batch b, generate_series(1, %(accounts)s) a;
    insert into public.social_accounts (id, user_id, platform_id, external_id, account_name, granted_scopes)
        select account_id, user_id, 'linkedin', account_id::text, 'Ada', array['w_member_social'] from batch_accounts;
    insert into public.social_account_tokens (account_id, access_token_sealed)
        select account_id, repeat('x', 400) from batch_accounts;
    create temporary table batch_posts on commit drop as
        select gen_random_uuid() as post_id, b.user_id, b.number, p from batch b, generate_series(1, %(posts)s) p;
    insert into public.posts (id, user_id, text, status) select post_id, user_id, 'Good morning', 'scheduled' from batch_posts;
    insert into public.post_targets (user_id, post_id, account_id, state, due_at, next_attempt_at, deadline_at)
        select a.user_id, p.post_id, a.account_id, 'scheduled', m.at, m.at, m.at + interval '6 hours'
        from batch_accounts a join batch_posts p using (user_id), lateral (
            select now() + make_interval(secs => %(first)s + %(step)s * ((p.p - 1) * %(users)s + a.number)) as at) m;
    insert into private.lines (account_id, user_id, platform_id, next_at)
        select a.account_id, a.user_id, 'linkedin', min(t.next_attempt_at)
        from batch_accounts a join public.post_targets t using (account_id) group by a.account_id, a.user_id
"""
EMPTY = "truncate auth.users, public.posts, public.social_accounts cascade"
ANALYZE = "analyze public.post_targets, public.posts, public.social_accounts, public.publish_attempts, private.lines"


@dataclass
class Queue:
    """The queue of a local stack, seen by its superuser and by a worker."""

    stack: Stack

    def __post_init__(self) -> None:
        url = str(self.stack.info["database_url"])
        self.service = psycopg.connect(url, autocommit=True, row_factory=scalar_row)
        self.service.execute("set role service_role")

    def load(
        self, users: int, accounts: int, posts: int, *, first: float, step: float = 0.001
    ) -> None:
        """So many users, each with accounts, and posts that each go to all of them. The first is due in `first` seconds, the
        next `step` later."""
        values = {"users": users, "accounts": accounts, "posts": posts, "first": first, "step": step}  # fmt: skip
        with unguarded(self.stack) as database, database.transaction():
            for statement in LOAD.split(";"):
                database.execute(statement, values)

    def empty(self) -> None:
        """Forget everybody."""
        with unguarded(self.stack) as database:
            database.execute(EMPTY)

    def settle_down(self) -> None:
        """What autovacuum does within a minute: statistics, but no vacuum, so that dead rows stay."""
        with unguarded(self.stack) as database:
            database.execute(ANALYZE)

    def churn(self, rows: int) -> None:
        """Move so many waiting targets there and back, which leaves dead rows in the table and in all its indexes."""
        with unguarded(self.stack) as database:
            for seconds in (1, -1):
                database.execute(
                    "update public.post_targets set next_attempt_at = next_attempt_at + make_interval(secs => %s)"
                    " where id in (select id from public.post_targets where state = 'scheduled' limit %s)",
                    [seconds, rows],
                )

    def claim(self, take: int, places: int | None = None) -> list[dict[str, Any]]:
        """What a worker's claim brings."""
        answer: Any = self.service.execute(
            "select public.claim_due_targets('bench', %s, 60, 5, %s)", [take, places]
        ).fetchone()
        targets: list[dict[str, Any]] = answer["targets"]
        return targets

    def publish(self, claims: list[dict[str, Any]]) -> None:
        """Mark and settle what was claimed."""
        names = ("target_id", "lease_token", "post_version", "target_version")
        sends = [{name: claim[name] for name in names} for claim in claims]
        results = [
            {"target_id": claim["target_id"], "lease_token": claim["lease_token"], "outcome": "published", "external_id": str(uuid.uuid4())}
            for claim in claims
        ]  # fmt: skip
        self.service.execute("select public.begin_send(%s, 30)", [Jsonb(sends)])
        self.service.execute("select public.settle_attempt(%s)", [Jsonb(results)])
