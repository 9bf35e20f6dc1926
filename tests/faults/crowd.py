"""Many posts of many accounts, made and judged all at once, and workers that come and go meanwhile."""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import uuid
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from tests.engine.actors import Row
from tests.faults.rig import CREATE, SCOPES, Rig

ACCOUNTS = """
    with given as (
        select * from jsonb_to_recordset(%s) as g (user_id uuid, account_id uuid, external_id text, sealed text)
    ), accounts as (
        insert into public.social_accounts (id, user_id, platform_id, external_id, account_name, granted_scopes)
        select account_id, user_id, 'linkedin', external_id, 'Ada', %s from given
    )
    insert into public.social_account_tokens (account_id, access_token_sealed, access_token_expires_at)
    select account_id, sealed, now() + interval '1 day' from given
"""
POSTS = """
    insert into public.posts (id, user_id, text)
    select * from jsonb_to_recordset(%s) as g (post_id uuid, user_id uuid, text text)
"""
TARGETS = """
    insert into public.post_targets (id, user_id, post_id, account_id)
    select * from jsonb_to_recordset(%s) as g (target_id uuid, user_id uuid, post_id uuid, account_id uuid)
"""
SCHEDULE = """
    update public.post_targets set state = 'scheduled', due_at = m, next_attempt_at = m, deadline_at = m + interval '6 hours'
    from (select now() + make_interval(secs => %s) as m) at where id = any (%s)
"""
# where a post may be when everything is over; what the third vanished worker leaves waits for a person
ENDS = ("published", "unconfirmed", "quarantined")


class Crowd:
    """Posts with an account each, all due at one moment."""

    def __init__(self, rig: Rig, count: int, *, due: float = -1) -> None:
        self._rig = rig
        self._members: dict[str, str] = {}
        rows = []
        for made in rig.sandbox.tell("tokens", count=count)["tokens"]:
            account, target = str(uuid.uuid4()), str(uuid.uuid4())
            self._members[target] = made["member"]
            sealed = rig.sealer.seal(made["access_token"], bound_to=f"{account}:access")
            rows.append(
                {
                    "user_id": rig.user(), "account_id": account, "external_id": made["author"].rpartition(":")[2], "sealed": sealed,
                    "post_id": str(uuid.uuid4()), "target_id": target, "text": f"Post {secrets.token_hex(8)}",
                }
            )  # fmt: skip
        rig.admin.run(ACCOUNTS, Jsonb(rows), SCOPES)
        rig.admin.run(POSTS, Jsonb(rows))
        rig.admin.run(TARGETS, Jsonb(rows))
        self.targets = [str(row["target_id"]) for row in rows]
        self.schedule(due)

    def schedule(self, due: float) -> None:
        """Let all of them be due in so many seconds."""
        self._rig.admin.run(SCHEDULE, due, self.targets)

    def states(self) -> Counter[str]:
        """How many posts are in which state."""
        rows = self._rig.admin.run(
            "select state, count(*) as n from post_targets where id = any (%s) group by state",
            self.targets,
        )
        return Counter({row["state"]: row["n"] for row in rows})

    def ended(self) -> bool:
        """Whether nothing is under way any more."""
        return not set(self.states()) - set(ENDS)

    def assert_agreed(self) -> Counter[str]:
        """The platform's record and the database agree about every post; returns their states."""
        received: dict[str, list[Row]] = defaultdict(list)
        for post in self._rig.sandbox.ask("posts")["posts"]:
            received[post["commentary"]].append(post)
        calls = Counter(
            seen["member"] for seen in self._rig.sandbox.ask("requests", **CREATE)["requests"]
        )
        attempts: dict[str, list[Row]] = defaultdict(list)
        for attempt in self._rig.admin.run(
            "select * from publish_attempts where target_id = any (%s) order by number",
            self.targets,
        ):
            attempts[str(attempt["target_id"])].append(attempt)
        rows = self._rig.admin.run(
            "select t.*, p.text from post_targets t join posts p on p.id = t.post_id where t.id = any (%s)",
            self.targets,
        )
        assert len(rows) == len(self.targets), "a target is gone"
        for row in rows:
            target = str(row["id"])
            _judge(row, received[row["text"]], attempts[target], calls[self._members[target]])
        return self.states()


def _judge(row: Row, received: list[dict[str, Any]], attempts: list[Row], calls: int) -> None:
    """One post: sent at most once, not before its time, and what is said of it is true."""
    urns = [post["urn"] for post in received]
    outcomes = [(a["phase"], a["outcome"], a["error_class"]) for a in attempts]
    story = (row["state"], row["error"], row["external_id"], urns, outcomes)
    assert row["state"] in ENDS, f"stuck: {story}"
    assert row["lease_until"] is None, f"still leased: {story}"
    assert len(received) <= 1, f"sent twice: {story}"
    if row["state"] == "published":
        assert urns == [row["external_id"]], f"published and not there: {story}"
    if row["state"] == "quarantined":
        vanished = [("preparing", "not_sent", "worker_vanished")] * 3
        assert (urns, outcomes[-3:]) == ([], vanished), f"given up too early: {story}"
    for post in received:
        due = row["due_at"] - timedelta(milliseconds=1)  # the sandbox tells milliseconds
        assert datetime.fromisoformat(post["created_at"]) >= due, f"too early: {story}"
    assert [a["number"] for a in attempts] == list(range(1, row["attempts"] + 1)), story
    assert all(a["finished_at"] for a in attempts), f"an attempt is still open: {story}"
    marked = [a for a in attempts if a["phase"] == "sending"]
    assert calls <= len(marked), f"a call without a mark: {story}"


class Workforce:
    """So many workers at work; one that goes is replaced."""

    def __init__(self, rig: Rig, size: int, **env: str) -> None:
        self._rig = rig
        self._env = env
        self.running = [rig.worker_process(**env) for _ in range(size)]

    def at_work(self) -> list[subprocess.Popen[bytes]]:
        """Those that have started, as the database heard from them."""
        rows = self._rig.admin.run("select worker from worker_heartbeats")
        names = {row["worker"] for row in rows}
        return [one for one in self.running if f"{socket.gethostname()}:{one.pid}" in names]

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """SIGKILL, and another one in its place."""
        self._rig.kill(worker)
        self._replace(worker)

    def retire(self, worker: subprocess.Popen[bytes]) -> int:
        """SIGTERM, with the next one started at once, as a rolling restart does; the exit code."""
        worker.send_signal(signal.SIGTERM)
        self._replace(worker)
        return worker.wait(40)

    def _replace(self, worker: subprocess.Popen[bytes]) -> None:
        self.running.remove(worker)
        self.running.append(self._rig.worker_process(**self._env))
