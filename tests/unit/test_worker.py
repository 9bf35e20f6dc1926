"""The worker's table of jobs, and what happens to a job that fails."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

import backend.jobs
from backend.core.dispatching import Dispatcher
from backend.core.errors import Unavailable
from backend.settings import Settings
from backend.timetable import Job, jobs
from backend.worker import (
    AGAIN_SECONDS,
    AWAY_SECONDS,
    BUSY_SECONDS,
    IDLE_SECONDS,
    WATCH,
    WATCH_SECONDS,
    Watch,
    _guarded,
    _put_off,
)

ROOT = Path(__file__).resolve().parents[2]
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


MAIL = {"smtp_url": "smtp://127.0.0.1:25", "mail_from": "lin@example.org"}


def table(**changed: Any) -> dict[str, Job]:
    settings = Settings(
        app_env="development", supabase_url="https://a.example", supabase_key="k", supabase_secret_key="s", public_url="https://b.example",
        frontend_origins="https://c.example", token_keys=KEY, **changed,
    )  # type: ignore[arg-type]  # fmt: skip
    listed = jobs(settings)
    assert len({job.name for job in listed}) == len(listed)
    return {job.name: job for job in listed}


def test_every_module_of_jobs_is_in_the_table_and_nothing_else() -> None:
    folder = Path(str(backend.jobs.__file__)).parent
    modules = {file.stem for file in folder.glob("*.py")} - {"__init__", "ports"}
    assert set(table(**MAIL)) == modules


def test_without_a_mail_server_nothing_is_taken_from_the_outbox() -> None:
    assert set(table(**MAIL)) - set(table()) == {"send_mails"}


def test_every_interval_has_a_reason_in_a_sentence() -> None:
    for job in table().values():
        assert len(job.reason.split()) >= 3, job.name
        assert job.seconds > 0


@pytest.mark.parametrize("lease", [2, 10, 60, 600])
def test_a_lease_is_renewed_within_its_time(lease: int) -> None:
    listed = table(publish_lease_seconds=lease, platform_timeout_seconds=1)
    assert listed["renew_leases"].seconds * 3 < lease


def test_what_somebody_waits_for_runs_as_soon_as_its_queue_has_work() -> None:
    listed = table()
    waited_for = {
        "publish_due_posts",
        "recover_leases",
        "settle_unconfirmed",
        "check_media",
        "run_generations",
        "fetch_sources",
        "fill_occurrences",
        "index_passages",
        "read_documents",
        "deliver_webhooks",
    }
    assert {name for name, job in listed.items() if job.queue} == waited_for
    assert (WATCH_SECONDS, IDLE_SECONDS) == (1, 5)
    assert listed["send_heartbeat"].seconds <= 5


def test_every_queue_is_one_that_the_database_tells_about() -> None:
    *_, latest = (
        text
        for migration in sorted((ROOT / "supabase" / "migrations").glob("*.sql"))
        if "function public.next_work()" in (text := migration.read_text())
    )
    for job in table().values():
        assert job.queue is None or f"'{job.queue}'" in latest


def test_targets_are_claimed_as_early_as_they_are_held() -> None:
    assert table()["publish_due_posts"].near == Dispatcher.AHEAD_SECONDS


NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@dataclass
class Clockwork:
    """A watch over the real table, with clocks and a scheduler of the test; `due` is what the database says."""

    due: dict[str, float | None]
    seconds: float = 0.0
    moved: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        operations = SimpleNamespace(next_work=lambda: self.due)
        services: Any = SimpleNamespace(
            supabase=SimpleNamespace(service=SimpleNamespace(operations=operations))
        )
        self.watch = Watch(
            tuple(table().values()), services, self,
            monotonic=lambda: self.seconds, now=lambda: NOON + timedelta(seconds=self.seconds),
        )  # fmt: skip

    def modify_job(self, job_id: str, *, next_run_time: datetime) -> None:
        self.moved[job_id] = (next_run_time - NOON).total_seconds() - self.seconds

    def look(self, *, at: float = 0.0) -> dict[str, float]:
        """One look at that second; which jobs were moved, and how many seconds ahead."""
        self.seconds = at
        self.moved.clear()
        self.watch()
        return dict(self.moved)


def test_a_database_that_is_away_is_asked_again_soon() -> None:
    clockwork = Clockwork({})

    def away() -> dict[str, float | None]:
        raise Unavailable("no database")

    clockwork.watch._operations = SimpleNamespace(next_work=away)  # type: ignore[assignment]
    with pytest.raises(Unavailable):
        clockwork.look()
    assert clockwork.moved == {WATCH: AWAY_SECONDS}


def test_a_worker_that_ends_puts_nothing_off() -> None:
    jobs_are_gone = BackgroundScheduler()
    with pytest.raises(JobLookupError):
        jobs_are_gone.modify_job("refresh_tokens", next_run_time=NOON)
    _put_off(table()["refresh_tokens"], jobs_are_gone)


@pytest.mark.parametrize(
    ("due", "moved"),
    [
        ({}, []),
        ({"media": 0.0}, ["check_media"]),
        ({"media": -3.5, "sources": 0.0}, ["check_media", "fetch_sources"]),
        ({"media": 0.1, "targets": 5.1, "leases": 60.0}, []),
        ({"targets": 4.9}, ["publish_due_posts"]),
        ({"unconfirmed": 0.0}, ["settle_unconfirmed"]),
        ({"targets": None, "something new": 0.0}, []),
    ],
)
def test_the_watch_runs_what_has_work_and_nothing_else(
    due: dict[str, float | None], moved: list[str]
) -> None:
    looked = Clockwork(due).look()
    assert sorted(set(looked) - {WATCH}) == moved
    assert all(looked[name] == 0 for name in moved)


def test_the_watch_looks_every_second_while_work_is_near_and_for_a_minute_after() -> None:
    clock = Clockwork({"targets": BUSY_SECONDS})
    assert clock.look(at=100)[WATCH] == WATCH_SECONDS
    clock.due = {"targets": BUSY_SECONDS + 1, "media": None}
    assert clock.look(at=100 + BUSY_SECONDS - 1)[WATCH] == WATCH_SECONDS
    assert clock.look(at=100 + BUSY_SECONDS) == {}, "now its own interval counts, five seconds"
    clock.due = {"leases": 3.0}
    assert clock.look(at=1000)[WATCH] == WATCH_SECONDS


class Recorder:
    """Services on which every call is written down."""

    def __init__(self, answer: Any = 0) -> None:
        self.calls: list[str] = []
        self.name = "worker-1"
        self.stopping = threading.Event()
        self._answer = answer
        self.clock = SimpleNamespace(now=lambda: None)
        for part in (
            "dispatcher", "fetcher", "checker", "generator", "keeper", "reconciler", "spool",
        ):  # fmt: skip
            setattr(self, part, self._part(part))
        groups = {name: self._part(name) for name in ("targets", "accounts", "operations")}
        self.supabase = SimpleNamespace(service=SimpleNamespace(**groups))

    def _part(self, name: str) -> Any:
        recorder = self

        class Part:
            def __getattr__(self, method: str) -> Any:
                def call(*_: Any) -> Any:
                    recorder.calls.append(f"{name}.{method}")
                    return {} if method == "recover_leases" else recorder._answer

                return call

        return Part()


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("publish_due_posts", "dispatcher.claim_and_start"),
        ("renew_leases", "dispatcher.renew"),
        ("recover_leases", "targets.recover_leases"),
        ("settle_unconfirmed", "reconciler.run"),
        ("settle_spooled", "spool.settle_all"),
        ("mark_missed", "targets.mark_missed"),
        ("send_heartbeat", "operations.heartbeat"),
        ("check_media", "checker.run"),
        ("run_generations", "generator.run"),
        ("fetch_sources", "fetcher.run"),
        ("refresh_tokens", "keeper.refresh_due"),
        ("watch_permissions", "accounts.watch_permissions"),
        ("open_occurrences", "operations.open_occurrences"),
        ("purge_expired", "operations.purge_expired"),
        ("add_up_counts", "operations.add_up_counts"),
    ],
)
def test_each_job_does_its_one_thing(name: str, call: str) -> None:
    services: Any = Recorder()
    table()[name].run(services)
    assert services.calls[0] == call


@pytest.mark.parametrize(
    ("error", "event"),
    [
        (Unavailable("The database does not answer."), "job put off"),
        (RuntimeError("oh"), "job failed"),
    ],
)
def test_a_job_that_fails_is_told_and_never_ends_the_worker(
    caplog: pytest.LogCaptureFixture, error: Exception, event: str
) -> None:
    def fails() -> None:
        raise error

    services: Any = Recorder()
    _guarded("fails", fails, services)()
    assert [(record.message, record.__dict__["job"]) for record in caplog.records] == [
        (event, "fails")
    ]


@pytest.mark.parametrize(("name", "moved"), [("refresh_tokens", True), ("send_heartbeat", False)])
def test_what_the_database_did_not_answer_is_tried_again_within_half_a_minute(
    name: str, moved: bool
) -> None:
    clock = Clockwork({})
    clock.moved.clear()
    services: Any = Recorder()

    def fails() -> None:
        raise Unavailable("The database does not answer.")

    _guarded(name, fails, services, partial(_put_off, table()[name], clock))()
    assert (list(clock.moved) == [name]) is moved
    assert table()["send_heartbeat"].seconds <= AGAIN_SECONDS == 30


def test_a_stopping_worker_begins_nothing() -> None:
    services: Any = Recorder()
    began: list[bool] = []
    services.stopping.set()
    _guarded("job", lambda: began.append(True), services)()
    assert began == []
