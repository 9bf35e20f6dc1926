"""A crowd of people with an account each and posts for them, written in bulk as their functions would leave it."""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from backend.sealing import Sealer
from local.sandbox.driver import VERSION, Caller, Sandbox
from local.stack import Stack
from tests.waiting import until

CREATE = {"host": "api.linkedin.com", "method": "POST", "path": "/rest/posts"}

PEOPLE = """
    insert into auth.users (id, email) select p, p || '@example.com' from unnest(%s::uuid[]) as p
"""
ACCOUNTS = """
    with given as (
        select g.* from jsonb_to_recordset(%(rows)s) as g (id uuid, user_id uuid, external_id text, sealed text)
    ), accounts as (
        insert into public.social_accounts (id, user_id, platform_id, external_id, account_name, granted_scopes)
        select id, user_id, 'linkedin', external_id, 'Ada', array['openid', 'profile', 'w_member_social'] from given
    )
    insert into public.social_account_tokens (account_id, access_token_sealed, access_token_expires_at)
    select id, sealed, now() + interval '1 day' from given
"""
POSTS = """
    with given as (
        select gen_random_uuid() as post_id, a.user_id, a.id as account_id, g.text from jsonb_to_recordset(%(rows)s)
            as g (account_id uuid, text text) join public.social_accounts a on a.id = g.account_id
    ), written as (
        insert into public.posts (id, user_id, text) select post_id, user_id, text from given returning id
    )
    select post_id, user_id, account_id from given where post_id in (select id from written)
"""
TARGETS = """
    insert into public.post_targets (user_id, post_id, account_id) select g.user_id, g.post_id, g.account_id
    from jsonb_to_recordset(%(rows)s) as g (user_id uuid, post_id uuid, account_id uuid) returning id
"""
SCHEDULE = """
    update public.post_targets set state = 'scheduled', due_at = %(at)s, next_attempt_at = %(at)s,
        deadline_at = %(at)s + interval '6 hours'
    where id = any (%(ids)s)
"""


@dataclass(frozen=True)
class Round:
    """Posts of one round: the word that all their texts begin with, their targets, and how many posts the sandbox had before."""

    word: str
    targets: list[str]
    before: int


class Crowd:
    """People with one account each, all members of the sandbox, in a database that is otherwise empty."""

    def __init__(self, stack: Stack, people: int) -> None:
        self.sandbox = Sandbox(str(stack.info["sandbox_url"]))
        self.database = psycopg.connect(str(stack.info["database_url"]), autocommit=True)
        keys = stack.backend_env()["TOKEN_KEYS"].split(",")
        sealer = Sealer([base64.urlsafe_b64decode(f"{key}{'=' * (-len(key) % 4)}") for key in keys])
        made = self.sandbox.tell("tokens", count=people)["tokens"]
        self.callers = [
            Caller(self.sandbox, one["member"], one["author"], one["access_token"]) for one in made
        ]
        self._accounts = [
            f"{number:08x}-0000-4000-8000-{secrets.token_hex(6)}" for number in range(people)
        ]
        people_ids = [str(uuid.uuid4()) for _ in range(people)]
        rows = [
            {
                "id": account, "user_id": person, "external_id": caller.author.rpartition(":")[2],
                "sealed": sealer.seal(caller.token, bound_to=f"{account}:access"),
            }
            for account, person, caller in zip(self._accounts, people_ids, self.callers, strict=True)
        ]  # fmt: skip
        with unguarded(stack) as database:
            database.execute(PEOPLE, [people_ids])
        self.database.execute(ACCOUNTS, {"rows": Jsonb(rows)})
        self.database.execute("analyze")

    def schedule(self, at: datetime, count: int | None = None) -> Round:
        """A post for each of the first `count` people (all), due at that moment, all committed together."""
        word, before = secrets.token_hex(4), self.sandbox.ask("posts", limit=0)["total"]
        posts = [
            {"account_id": account, "text": f"{word} good morning"}
            for account in self._accounts[:count]
        ]
        with self.database.transaction():
            written = self.database.execute(POSTS, {"rows": Jsonb(posts)}).fetchall()
            rows = [
                {"post_id": str(post), "user_id": str(user), "account_id": str(account)}
                for post, user, account in written
            ]
            targets = self.database.execute(TARGETS, {"rows": Jsonb(rows)}).fetchall()
            ids = [str(target) for (target,) in targets]
            self.database.execute(SCHEDULE, {"at": at, "ids": ids})
        return Round(word, ids, before)

    def now(self) -> datetime:
        """The database's clock."""
        row = self.database.execute("select clock_timestamp()").fetchone()
        if row is None:
            raise LookupError("the database tells no time")
        moment: datetime = row[0]
        return moment

    def wait_until_published(self, posts: Round, seconds: float = 120) -> None:
        """Wait for the end, and check that the platform and the database tell the same: each is there, once."""
        # the sandbox wakes us: asking the database again and again would be part of what is measured
        self.sandbox.wait(posts=posts.before + len(posts.targets), seconds=25)
        waiting = (
            "select count(*) from public.post_targets where id = any (%s) and state <> 'published'"
        )
        until(
            lambda: self.database.execute(waiting, [posts.targets]).fetchone() == (0,),
            "all posts to be published",
            seconds,
        )
        found = self.received(posts.word)
        members = {post["member"] for post in found}
        if not len(found) == len(members) == len(posts.targets):
            raise AssertionError(f"{len(posts.targets)} posts, {len(found)} received")

    def wait_until_found(self, seconds: float = 120) -> None:
        """Wait until all that was published can be searched by words and by sense: workers do that when few posts are due."""
        waiting = (
            "select (select count(*) from public.indexing_queue)"
            " + (select count(*) from public.passage_embeddings where embedded_by is null)"
        )
        until(lambda: self.database.execute(waiting).fetchone() == (0,), "all passages", seconds)

    def received(self, word: str) -> list[dict[str, Any]]:
        """What the sandbox accepted of one round, oldest first."""
        posts = self.sandbox.ask("posts")["posts"]
        return [post for post in reversed(posts) if post["commentary"].startswith(word)]

    def moments(self, word: str) -> list[float]:
        """When the sandbox received the posts of one round, in seconds since the epoch, in order."""
        stamps = (datetime.fromisoformat(post["created_at"]) for post in self.received(word))
        return sorted(stamp.timestamp() for stamp in stamps)

    def requests(self, word: str, count: int | None = None) -> list[dict[str, Any]]:
        """The same create calls as a worker makes, ready to be fired."""
        return [
            {
                "headers": caller.headers(LinkedIn_Version=VERSION),
                "json": caller.body(f"{word} good morning"),
            }
            for caller in self.callers[:count]
        ]


@contextmanager
def unguarded(stack: Stack) -> Iterator[psycopg.Connection]:
    """The local database without its triggers, for what is loaded in bulk."""
    url = stack.gateway_env()["GATEWAY_DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("set session_replication_role = replica")
        yield database
