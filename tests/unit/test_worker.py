"""The worker's table of jobs, and what happens to a job that fails."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import backend.jobs
from backend.core.dispatching import Dispatcher
from backend.core.errors import Unavailable
from backend.settings import Settings
from backend.worker import WATCH_SECONDS, Job, _guarded, _watch, jobs

ROOT = Path(__file__).resolve().parents[2]
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


def table(**changed: Any) -> dict[str, Job]:
    settings = Settings(
        supabase_url="https://a.example", supabase_key="k", supabase_secret_key="s", public_url="https://b.example",
        frontend_origins="https://c.example", token_keys=KEY, **changed,
    )  # type: ignore[arg-type]  # fmt: skip
    listed = jobs(settings)
    assert len({job.name for job in listed}) == len(listed)
    return {job.name: job for job in listed}


def test_every_module_of_jobs_is_in_the_table_and_nothing_else() -> None:
    folder = Path(str(backend.jobs.__file__)).parent
    modules = {file.stem for file in folder.glob("*.py")} - {"__init__", "ports"}
    assert set(table()) == modules


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
        "check_media",
        "run_generations",
        "fetch_sources",
        "fill_occurrences",
    }
    assert {name for name, job in listed.items() if job.queue} == waited_for
    assert WATCH_SECONDS <= 1
    assert listed["send_heartbeat"].seconds <= 5


def test_every_queue_is_one_that_the_database_tells_about() -> None:
    (migration,) = (ROOT / "supabase" / "migrations").glob("*_add_next_work.sql")
    for job in table().values():
        assert job.queue is None or f"'{job.queue}'" in migration.read_text()


def test_targets_are_claimed_as_early_as_they_are_held() -> None:
    assert table()["publish_due_posts"].near == Dispatcher.AHEAD_SECONDS


@dataclass
class Scheduler:
    """Which jobs were told to run now."""

    moved: list[str] = field(default_factory=list)

    def modify_job(self, name: str, **_: Any) -> None:
        self.moved.append(name)


@pytest.mark.parametrize(
    ("due", "moved"),
    [
        ({}, []),
        ({"media": 0.0}, ["check_media"]),
        ({"media": -3.5, "sources": 0.0}, ["check_media", "fetch_sources"]),
        ({"media": 0.1, "targets": 5.1, "leases": 60.0}, []),
        ({"targets": 4.9}, ["publish_due_posts"]),
        ({"targets": None, "something new": 0.0}, []),
    ],
)
def test_the_watch_runs_what_has_work_and_nothing_else(
    due: dict[str, float | None], moved: list[str]
) -> None:
    services: Any = SimpleNamespace(
        supabase=SimpleNamespace(
            service=SimpleNamespace(operations=SimpleNamespace(next_work=lambda: due))
        )
    )
    scheduler: Any = Scheduler()
    _watch(tuple(table().values()), services, scheduler)
    assert sorted(scheduler.moved) == moved


class Recorder:
    """Services on which every call is written down."""

    def __init__(self, answer: Any = 0) -> None:
        self.calls: list[str] = []
        self.name = "worker-1"
        self.stopping = threading.Event()
        self._answer = answer
        for part in ("dispatcher", "fetcher", "checker", "generator", "keeper"):
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
        ("mark_missed", "targets.mark_missed"),
        ("send_heartbeat", "operations.heartbeat"),
        ("check_media", "checker.run"),
        ("run_generations", "generator.run"),
        ("fetch_sources", "fetcher.run"),
        ("refresh_tokens", "keeper.refresh_due"),
        ("watch_permissions", "accounts.watch_permissions"),
        ("open_occurrences", "operations.open_occurrences"),
        ("purge_expired", "operations.purge_expired"),
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


def test_a_stopping_worker_begins_nothing() -> None:
    services: Any = Recorder()
    began: list[bool] = []
    services.stopping.set()
    _guarded("job", lambda: began.append(True), services)()
    assert began == []
