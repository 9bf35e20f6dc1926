"""Several platforms at once, each dropped in as one class and one row: one in trouble does not delay the others.

The engine is built as worker_services.py builds it, in this process; platforms are real servers.
"""

from __future__ import annotations

import json
import secrets
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.jobs import publish_due_posts, recover_leases, renew_leases
from backend.outbound import PlatformHttp
from backend.settings import Settings, load_settings
from backend.worker_services import WorkerServices, build_worker
from local.stack import Stack
from tests.engine.actors import Post, Row
from tests.faults.rig import LEASE_SECONDS, TIMEOUT_SECONDS, Rig
from tests.faults.toy_platform import LIMITS, Hole, Toy, ToyServer
from tests.waiting import until

THREADS = 4
# what is under way or in line when a breaker opens, and some trials
FEW = 5 + 4 * THREADS + 5
# attempts that ended before anything left the worker, for reasons of its own
NO_TRIES = ("paused", "marked_too_late")
JOBS = (
    (publish_due_posts.run, 0.05),
    (renew_leases.run, LEASE_SECONDS / 4),
    (recover_leases.run, 1.0),
)


@dataclass
class Town:
    """Platforms with their servers, accounts on them, and one worker for all."""

    rig: Rig
    services: WorkerServices
    places: Mapping[str, ToyServer | Hole]
    names: dict[str, str] = field(default_factory=dict)
    posts: dict[str, list[Post]] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def account(self, platform: str) -> str:
        """Somebody new with an account there."""
        account_id, name = str(uuid.uuid4()), secrets.token_hex(6)
        account = {
            "id": account_id, "user_id": self.rig.user(), "platform": platform, "kind": "person", "account_name": name,
            "external_id": name, "granted_scopes": ["write"],
        }  # fmt: skip
        token = {"access_token_sealed": self.rig.sealer.seal(name, bound_to=f"{account_id}:access")}
        self.rig.service.call("store_account", account=account, token=token)
        self.names[account_id] = name
        return account_id

    def due(
        self, platform: str, count: int, account: str | None = None, ago: float = 1
    ) -> list[Post]:
        """Posts that are due, each of an account of its own unless one is named; those made first come first."""
        made = [
            self.rig.scheduled(account or self.account(platform), due=n / 1000 - ago, text=f"Note {secrets.token_hex(8)}")
            for n in range(count)
        ]  # fmt: skip
        self.posts.setdefault(platform, []).extend(made)
        return made

    def states(self, posts: list[Post]) -> list[str]:
        return self.rig.states([post.target for post in posts])

    def attempts(self, posts: list[Post]) -> list[Row]:
        ids = [post.target for post in posts]
        return self.rig.admin.run(
            "select * from publish_attempts where target_id = any (%s) and finished_at is not null",
            ids,
        )

    def leases(self, posts: list[Post]) -> list[datetime]:
        """Until when those at work are leased."""
        rows = [self.rig.target(post.target) for post in posts]
        return [row["lease_until"] for row in rows if row["lease_until"]]

    def start(self) -> None:
        """Let the worker do what worker.py lets it do."""
        for job, seconds in JOBS:
            self._threads.append(threading.Thread(target=self._every, args=(seconds, job)))
            self._threads[-1].start()

    def _every(self, seconds: float, job: Callable[[Any], None]) -> None:
        while not self._over.wait(seconds):
            job(self.services)

    def stop(self) -> None:
        """End the worker, compare what the platforms took with the rows, and forget the platforms."""
        self._over.set()
        self.services.stopping.set()
        for thread in self._threads:
            thread.join()
        assert self.services.dispatcher.stop(20), "the worker did not end"
        self.services.supabase.close()
        for name, place in self.places.items():
            if isinstance(place, ToyServer):
                self._agree(name, place)
        names = list(self.places)
        self.rig.admin.run("delete from social_accounts where platform_id = any (%s)", names)
        self.rig.admin.run("delete from platforms where id = any (%s)", names)

    def _agree(self, name: str, server: ToyServer) -> None:
        assert server.wrong == []
        rows = {
            self.rig.post(p)["text"]: self.rig.target(p.target) for p in self.posts.get(name, [])
        }
        texts = [text for _, text in server.taken]
        assert len(set(texts)) == len(texts), "taken twice"
        assert {rows[text]["state"] for text in texts} <= {"published", "unconfirmed"}
        assert {text for text, row in rows.items() if row["state"] == "published"} <= set(texts)


@pytest.fixture
def make_town(quiet_stack: Stack, rig: Rig) -> Iterator[Callable[..., Town]]:
    """`make_town(birch=server, …)`: platforms of these names, and a worker that begins to publish at `start()`."""
    towns: list[Town] = []
    env = {name.lower(): value for name, value in quiet_stack.backend_env().items()}
    ours = {name: value for name, value in env.items() if value and name in Settings.model_fields}
    settings = load_settings(**ours | {"worker_threads": THREADS, "breaker_seconds": 2})

    def make(seconds: float = TIMEOUT_SECONDS, **places: ToyServer | Hole) -> Town:
        door = PlatformHttp(None, connect_timeout=0.5, total_timeout=seconds)
        platforms = {name: Toy(name, door, place.url) for name, place in places.items()}
        towns.append(Town(rig, build_worker(settings, platforms), places))
        for name in places:
            rig.admin.run(
                "insert into platforms (id, name, enabled, limits) values (%s, %s, true, %s)",
                name, name.title(), json.dumps(LIMITS),
            )  # fmt: skip
        return towns[-1]

    yield make
    for town in towns:
        town.stop()


@contextmanager
def trouble(kind: str) -> Iterator[ToyServer | Hole]:
    """A platform that is not well, in one of four ways."""
    if kind == "swallows connections":
        hole = Hole()
        yield hole
        hole.close()
        return
    server = ToyServer()
    if kind == "refuses connections":
        server.stop()
        yield server
        return
    server.silent = kind == "does not answer"
    server.status = 500 if kind == "answers 500" else None
    with server:
        yield server


@pytest.mark.parametrize(
    "kind",
    [
        "refuses connections",
        pytest.param("swallows connections", marks=pytest.mark.slow),
        pytest.param("answers 500", marks=pytest.mark.slow),
        pytest.param("does not answer", marks=pytest.mark.slow),
    ],
)
def test_a_platform_that_is_down_is_left_alone_and_the_other_keeps_its_pace(
    make_town: Callable[..., Town], kind: str
) -> None:
    with ToyServer() as well, trouble(kind) as sick:
        town = make_town(birch=well, cedar=sick)
        waiting, going = town.due("cedar", 36, ago=30), town.due("birch", 40)
        town.start()
        town.rig.wait_for(going, "published")
        assert "scheduled" in town.states(waiting), "the sick one ended first"
        until(lambda: all(town.attempts([post]) for post in waiting), "a look at each", 40)
        town.rig.wait_for(waiting, "scheduled", "unconfirmed")
        tries = [a for a in town.attempts(waiting) if a["error_class"] not in NO_TRIES]
        assert 5 <= len(tries) <= FEW
        # what reached nobody is tried again; what may have arrived never is
        unknown = kind in ("does not answer", "answers 500")
        assert {a["outcome"] for a in tries} == ({"unconfirmed"} if unknown else {"retry"})
        assert town.states(waiting).count("unconfirmed") == (len(tries) if unknown else 0)


def test_when_the_trouble_is_over_everything_goes_out_that_was_not_tried(
    make_town: Callable[..., Town],
) -> None:
    with ToyServer() as sick:
        sick.status = 500
        town = make_town(cedar=sick)
        posts = town.due("cedar", 30)
        town.start()
        until(lambda: "paused" in {a["error_class"] for a in town.attempts(posts)}, "a pause", 120)
        sick.status = None
        town.rig.wait_for(posts, "published", "unconfirmed")
        tried = len(sick.calls) - len(sick.taken)
        assert 5 <= tried <= FEW
        assert town.states(posts).count("published") == len(sick.taken) == len(posts) - tried


def test_a_platform_that_takes_its_time_takes_nobody_elses_and_no_lease_is_lost(
    make_town: Callable[..., Town],
) -> None:
    """It answers when all others are done and a lease has gone by twice: more posts than the worker has places wait for it."""
    with ToyServer() as well, ToyServer() as other, ToyServer() as slow:
        slow.hold()
        town = make_town(seconds=60, birch=well, elm=other, cedar=slow)
        for platform in ("birch", "elm"):
            town.account(platform)  # somebody uses them, so places are kept for them
        waiting = town.due("cedar", 5 * THREADS, ago=30)
        town.start()
        until(lambda: slow.calls, "the first of them")
        going = town.due("birch", 24) + town.due("elm", 24)
        town.rig.wait_for(going, "published")
        end = datetime.now(UTC) + timedelta(seconds=2 * LEASE_SECONDS)
        until(lambda: town.leases(waiting) and min(town.leases(waiting)) > end, "renewed leases")
        assert slow.taken
        assert "published" not in town.states(waiting)
        slow.release()
        town.rig.wait_for(waiting, "published")
        assert {a["outcome"] for a in town.attempts(waiting + going)} == {"published"}
        assert len(town.attempts(waiting)) == len(waiting), "a lease ran out"


def test_an_account_at_its_quota_waits_as_a_whole_and_the_others_go_on(
    make_town: Callable[..., Town],
) -> None:
    with ToyServer() as server:
        town = make_town(birch=server)
        keen = town.account("birch")
        server.quota[town.names[keen]] = 2
        many = town.due("birch", 8, keen, ago=30)
        others = town.due("birch", 15)
        town.start()
        town.rig.wait_for(others, "published")
        until(lambda: server.calls.count(town.names[keen]) >= 3, "the quota to be met")
        town.rig.wait_for(many, "published", "scheduled")
        assert town.states(many) == ["published"] * 2 + ["scheduled"] * 6
        assert server.calls.count(town.names[keen]) == 3, "told once is enough"
        moments = [town.rig.target(post.target)["next_attempt_at"] for post in many[2:]]
        assert min(moments) > datetime.now(UTC) + timedelta(seconds=server.retry_after / 2)
        assert moments == sorted(moments), "the account's order"
