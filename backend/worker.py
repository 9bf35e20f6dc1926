"""The clock: which job, how often, why. Any number of workers may run; overlapping runs are harmless.

Run it with: python -m backend.worker
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from .core.errors import Unavailable
from .jobs import (
    check_media,
    fetch_sources,
    mark_missed,
    publish_due_posts,
    purge_expired,
    recover_leases,
    renew_leases,
    run_generations,
    send_heartbeat,
)
from .jobs.ports import JobServices
from .logs import configure
from .services import build_worker
from .settings import Settings, SettingsError, load_settings

log = logging.getLogger("lin.worker")

# A send takes at most the request timeout (30 s by default); then the result is stored.
SHUTDOWN_SECONDS = 35.0


@dataclass(frozen=True)
class Job:
    """A job with its interval in seconds and the reason for it."""

    run: Callable[[JobServices], None]
    seconds: float
    reason: str

    @property
    def name(self) -> str:
        """The module's name."""
        return self.run.__module__.rsplit(".", 1)[-1]


def jobs(settings: Settings) -> tuple[Job, ...]:
    """The table of jobs."""
    lease = settings.publish_lease_seconds
    return (
        Job(
            publish_due_posts.run,
            0.5,
            "targets are claimed 5 s ahead and held; what is scheduled for now waits for this",
        ),
        Job(renew_leases.run, lease / 4, "three tries before a lease ends"),
        Job(recover_leases.run, min(5.0, lease / 4), "a vanished worker costs its lease and this"),
        Job(
            mark_missed.run, 30, "a full worker claims nothing, and lateness is a rule all the same"
        ),
        Job(send_heartbeat.run, 5, "readiness tells within a minute that the last worker died"),
        Job(check_media.run, 1, "a user waits for this before scheduling"),
        Job(
            run_generations.run,
            2,
            "web processes start them at once; this picks up what they could not",
        ),
        Job(
            fetch_sources.run,
            2,
            "a new source shows its articles within seconds; others come when they are due",
        ),
        Job(purge_expired.run, 600, "nothing waits for it"),
    )


def main() -> int:
    """Run until SIGTERM or SIGINT; then take nothing new, finish what is at work, and return 0."""
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure(settings.log_level)
    services = build_worker(settings)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        services.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)

    table = jobs(settings)
    scheduler = BackgroundScheduler(
        # a thread for each job: a slow feed must not delay the heartbeat
        executors={"default": ThreadPoolExecutor(len(table))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        timezone="UTC",
    )
    for job in table:
        scheduler.add_job(
            _guarded(job, services),
            "interval",
            seconds=job.seconds,
            id=job.name,
            next_run_time=_now(),
        )
    scheduler.start()
    log.info("worker started", extra={"worker": services.name, "threads": settings.worker_threads})
    services.stopping.wait()
    scheduler.shutdown(wait=False)
    finished = services.dispatcher.stop(SHUTDOWN_SECONDS)
    log.info("worker stopped", extra={"worker": services.name, "finished": finished})
    services.supabase.close()
    return 0


def _guarded(job: Job, services: JobServices) -> Callable[[], None]:
    """A job that fails is told and tried again at its next time; it never ends the worker."""

    def run() -> None:
        if services.stopping.is_set():
            return
        try:
            job.run(services)
        except Unavailable as error:
            log.warning("job put off", extra={"job": job.name, "error": str(error)})
        except Exception:
            log.exception("job failed", extra={"job": job.name})

    return run


def _now() -> object:
    from datetime import UTC, datetime

    return datetime.now(UTC)


if __name__ == "__main__":
    sys.exit(main())
