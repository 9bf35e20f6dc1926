"""Who acts in these tests: database sessions as the worker or as a user, and the rows they act on."""

from __future__ import annotations

import atexit
import json
import secrets
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests.waiting import until

T = TypeVar("T")
Row = dict[str, Any]


class Refused(Exception):
    """What a function refused with: the HTTP status of its PT code, its sentence, and the fields it names."""

    def __init__(self, error: psycopg.Error) -> None:
        super().__init__(error.diag.message_primary)
        self.status = int(str(error.sqlstate)[2:])
        self.fields = json.loads(error.diag.message_detail or "[]")


# Sessions that nobody uses, by their database. A new one has to read the schema and to prepare every function it calls, which
# took half of what the tests of the database computed; the product's live for long, too.
_idle: defaultdict[str, list[psycopg.Connection[Row]]] = defaultdict(list)


def _session(url: str) -> psycopg.Connection[Row]:
    while _idle[url]:
        kept = _idle[url].pop()
        try:
            kept.execute("reset role")
            kept.execute("reset all")
        except psycopg.Error:  # the database has been restarted
            kept.close()
        else:
            return kept
    return psycopg.connect(url, autocommit=True, row_factory=dict_row)


@atexit.register
def _end_sessions() -> None:
    for kept in _idle.values():
        for connection in kept:
            connection.close()


class Actor:
    """One database session, as a role. Each statement is its own transaction unless `begin` was called."""

    def __init__(self, url: str, role: str, user_id: str | None = None) -> None:
        self._url = url
        self._is_closed = False
        self._connection = _session(url)
        # a session that waits for one of the same thread would wait for ever
        self._connection.execute("set statement_timeout = '20s'")
        self._connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        claims = json.dumps({"sub": user_id, "role": role})
        self._connection.execute("select set_config('request.jwt.claims', %s, false)", [claims])
        self.pid = self._connection.info.backend_pid

    def run(self, query: str, *values: Any) -> list[Row]:
        """One statement; its rows, if it gives any."""
        done = self._connection.execute(query, values)
        return done.fetchall() if done.description else []

    def changed(self, query: str, *values: Any) -> int:
        """One statement; how many rows it changed."""
        return self._connection.execute(query, values).rowcount

    def rows(self, function: str, /, **arguments: Any) -> list[Row]:
        """Call a function of the schema public. Raises Refused for its PT codes."""
        named = sql.SQL(", ").join(
            sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name))
            for name in arguments
        )
        query = sql.SQL("select * from public.{}({})").format(sql.Identifier(function), named)
        values = {
            name: Jsonb(value) if isinstance(value, dict | list) else value
            for name, value in arguments.items()
        }
        try:
            return self._connection.execute(query, values).fetchall()
        except psycopg.Error as error:
            if str(error.sqlstate).startswith("PT"):
                raise Refused(error) from error
            raise

    def call(self, function: str, /, **arguments: Any) -> Any:
        """The same where one value or one row comes back."""
        row = self.rows(function, **arguments)[0]
        return next(iter(row.values())) if len(row) == 1 else row

    def begin(self) -> None:
        """Hold everything that follows in one transaction."""
        self._connection.execute("begin")

    def commit(self) -> None:
        self._connection.execute("commit")

    def rollback(self) -> None:
        self._connection.execute("rollback")

    def close(self) -> None:
        """Give the session back. What it held is let go. May be called twice."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._connection.info.transaction_status == TransactionStatus.ACTIVE:
            self._connection.close()  # a thread waits in it
        if not self._connection.closed:
            self._connection.rollback()
            _idle[self._url].append(self._connection)

    # ------------------------------------------------------------------ what a worker does

    def claim(
        self, take: int = 50, *, lease: int = 60, ahead: float = 0, name: str = "w"
    ) -> list[Row]:
        """Claimed targets, oldest first."""
        answer = self.call(
            "claim_due_targets",
            worker_name=name,
            take=take,
            lease_seconds=lease,
            ahead_seconds=ahead,
        )
        targets: list[Row] = answer["targets"]
        return targets

    def mark(self, *claimed: Row, seconds: int = 30) -> list[str]:
        """begin_send for claimed targets; the verdicts in the order given."""
        names = ("target_id", "lease_token", "post_version", "target_version")
        sends = [{name: one[name] for name in names} for one in claimed]
        rows = self.rows("begin_send", sends=sends, seconds_left=seconds)
        verdicts = {row["lease_token"]: row["verdict"] for row in rows}
        return [verdicts[one["lease_token"]] for one in claimed]

    def settle(self, claimed: Row, outcome: str, **more: Any) -> str:
        """settle_attempt for one claimed target; the verdict."""
        result = {
            "target_id": claimed["target_id"], "lease_token": claimed["lease_token"], "outcome": outcome
        }  # fmt: skip
        return str(self.rows("settle_attempt", results=[result | more])[0]["verdict"])


class Running(Generic[T]):
    """A call in a thread of its own, of which the database can say whether it waits for a lock."""

    def __init__(self, watcher: Actor, actor: Actor, call: Callable[[], T]) -> None:
        self._watcher = watcher
        self._actor = actor
        self._call = call
        self._result: list[T] = []
        self._error: list[BaseException] = []
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        try:
            self._result.append(self._call())
        except BaseException as error:
            self._error.append(error)

    def wait_until_blocked(self) -> None:
        """Return as soon as the call waits for another session's lock."""
        until(
            lambda: self._watcher.run(
                "select 1 from pg_stat_activity where pid = %s and cardinality(pg_blocking_pids(pid)) > 0",
                self._actor.pid,
            ),
            "the second session to wait for the first",
            5,
        )

    def result(self) -> T:
        """What the call returned; raises what it raised."""
        self._thread.join(10)
        assert not self._thread.is_alive(), "the call is still waiting"
        if self._error:
            raise self._error[0]
        return self._result[0]


@dataclass(frozen=True)
class Post:
    """A post of the test with its targets, one for each account, in the order the accounts were given."""

    id: str
    user_id: str
    targets: tuple[str, ...]

    @property
    def target(self) -> str:
        """The only target."""
        (target,) = self.targets
        return target


class World:
    """People with accounts and posts, gone after the test; nobody else works in this database."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._actors: list[Actor] = []
        self._users: list[str] = []
        self.admin = self.actor("postgres")
        self.service = self.actor("service_role")

    def actor(self, role: str, user_id: str | None = None) -> Actor:
        """Another session."""
        made = Actor(self._url, role, user_id)
        self._actors.append(made)
        return made

    def worker(self) -> Actor:
        """Another session of a worker."""
        return self.actor("service_role")

    def person(self, user_id: str) -> Actor:
        """A session of a signed-in user."""
        return self.actor("authenticated", user_id)

    def revive(self) -> None:
        """New sessions after the database was restarted."""
        self.admin, self.service = self.actor("postgres"), self.actor("service_role")

    def close(self) -> None:
        """Remove the people with all that is theirs."""
        for actor in self._actors:
            if actor is not self.admin:
                actor.close()
        self.admin.run("delete from auth.users where id = any (%s)", self._users)
        self.admin.close()

    def user(self) -> str:
        """Somebody new."""
        user_id = str(uuid.uuid4())
        self._users.append(user_id)
        self.admin.run(
            "insert into auth.users (id, email) values (%s, %s)", user_id, f"{user_id}@example.com"
        )
        return user_id

    def account(self, user_id: str | None = None, name: str = "Ada") -> str:
        """An active LinkedIn account of this or a new user."""
        account = {
            "id": str(uuid.uuid4()), "user_id": user_id or self.user(), "platform": "linkedin", "kind": "person",
            "external_id": secrets.token_hex(8), "account_name": name, "granted_scopes": ["w_member_social"],
        }  # fmt: skip
        return str(self.service.call("store_account", account=account, token=self._token()))

    def reconnect(self, account_id: str, actor: Actor | None = None) -> None:
        """Store the account anew, as a user who connects it again does."""
        row = self.admin.run("select * from social_accounts where id = %s", account_id)[0]
        account = {
            "id": str(uuid.uuid4()), "user_id": str(row["user_id"]), "platform": "linkedin", "kind": "person",
            "external_id": row["external_id"], "account_name": row["account_name"], "granted_scopes": ["w_member_social"],
        }  # fmt: skip
        stored = (actor or self.service).call("store_account", account=account, token=self._token())
        assert str(stored) == account_id

    def _token(self) -> Row:
        ends = datetime.now(UTC) + timedelta(days=60)
        return {"access_token_sealed": "sealed", "access_token_expires_at": ends.isoformat()}

    def owner(self, account_id: str) -> str:
        """Whose account it is."""
        return str(
            self.admin.run("select user_id from social_accounts where id = %s", account_id)[0][
                "user_id"
            ]
        )

    def draft(self, *accounts: str, text: str = "Good morning") -> Post:
        """A draft to these accounts of one user."""
        user_id, post_id = self.owner(accounts[0]), str(uuid.uuid4())
        self.admin.run(
            "insert into posts (id, user_id, text) values (%s, %s, %s)", post_id, user_id, text
        )
        targets = [str(uuid.uuid4()) for _ in accounts]
        for target, account in zip(targets, accounts, strict=True):
            self.admin.run(
                "insert into post_targets (id, user_id, post_id, account_id) values (%s, %s, %s, %s)",
                target, user_id, post_id, account,
            )  # fmt: skip
        return Post(post_id, user_id, tuple(targets))

    def scheduled(self, *accounts: str, due: float = 0, text: str = "Good morning") -> Post:
        """A post scheduled for `due` seconds from now, which may lie in the past."""
        post = self.draft(*(accounts or (self.account(),)), text=text)
        self.admin.run(
            "update post_targets set state = 'scheduled', due_at = m, next_attempt_at = m, deadline_at = m + interval '6 hours'"
            " from (select now() + make_interval(secs => %s) as m) at where post_id = %s",
            due, post.id,
        )  # fmt: skip
        return post

    def claimed(self, post: Post | None = None, *, lease: int = 60) -> tuple[Post, Row]:
        """A post whose only target is being prepared, and the claim."""
        post = post or self.scheduled()
        (claim,) = self.service.claim(lease=lease)
        assert claim["target_id"] == post.target
        return post, claim

    def sending(self, post: Post | None = None) -> tuple[Post, Row]:
        """A post whose only target is being sent, and the claim."""
        post, claim = self.claimed(post)
        assert self.service.mark(claim) == ["send"]
        return post, claim

    def unconfirmed(self, post: Post | None = None) -> tuple[Post, Row]:
        """A post whose only target may be live: its worker vanished while sending. And the claim."""
        post, claim = self.sending(post)
        self.expire(claim)
        self.service.call("recover_leases")
        assert self.target(post.target)["state"] == "unconfirmed"
        return post, claim

    def expire(self, *claims: Row) -> None:
        """Let leases run out now."""
        self.admin.run(
            "update post_targets set lease_until = clock_timestamp() - interval '1 second' where id = any (%s)",
            [claim["target_id"] for claim in claims],
        )

    def target(self, target_id: str) -> Row:
        """A target's row."""
        return self.admin.run("select * from post_targets where id = %s", target_id)[0]

    def states(self, targets: Sequence[str]) -> list[str]:
        """The states of targets, in the order given."""
        return [self.target(target)["state"] for target in targets]

    def post(self, post: Post) -> Row:
        """A post's row."""
        return self.admin.run("select * from posts where id = %s", post.id)[0]

    def attempts(self, target_id: str) -> list[Row]:
        """The attempts at a target, first one first."""
        return self.admin.run(
            "select * from publish_attempts where target_id = %s order by number", target_id
        )

    def notifications(self, target_id: str) -> list[Row]:
        """What the owner was told about a target, oldest first."""
        return self.admin.run(
            "select * from notifications where payload ->> 'target_id' = %s order by created_at",
            target_id,
        )

    def media(self, post: Post, *files: dict[str, Any]) -> list[str]:
        """Attach files described like rows of `media`; a JPEG of 1000 bytes unless told."""
        ids = []
        for position, file in enumerate(files):
            media_id = str(uuid.uuid4())
            row = {
                "id": media_id, "user_id": post.user_id, "path": f"{post.user_id}/{media_id}", "status": "ready", "kind": "image",
                "mime": "image/jpeg", "bytes": 1000, "checksum": "0" * 64, **file,
            }  # fmt: skip
            query = f"insert into media ({', '.join(row)}) values ({', '.join(['%s'] * len(row))})"  # noqa: S608 - names from here
            self.admin.run(query, *row.values())
            self.admin.run(
                "insert into post_media (post_id, media_id, user_id, position) values (%s, %s, %s, %s)",
                post.id, media_id, post.user_id, position,
            )  # fmt: skip
            ids.append(media_id)
        return ids
