"""The clock: runs the jobs of the timetable. Any number of workers may run; overlapping runs are harmless.

Run it with: python -m backend.worker
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from .core import following
from .core.errors import Unavailable
from .core.publishing import utc_now
from .logs import configure, hide
from .observing import observe
from .settings import SettingsError, load_settings, secrets_of
from .spool import SpoolError
from .timetable import Job, jobs
from .worker_services import WorkerServices, build_worker

log = logging.getLogger("lin.worker")

# A send takes at most the request timeout (30 s by default); then the result is stored.
SHUTDOWN_SECONDS = 35.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


# One small query tells which queue has work; nothing else is asked while there is none. It is asked every second while
# work is near, so that something scheduled for now goes out within a second, and every five seconds while nothing is.
WATCH = "watch"
WATCH_SECONDS = 1.0
IDLE_SECONDS = 5.0
AWAY_SECONDS = 2.0
# near: due within this time, or at work, or so not long ago
BUSY_SECONDS = 60.0
# when a job runs again that the database did not answer
AGAIN_SECONDS = 30.0
# how often we look whether somebody set the clock of this machine
CLOCK_SECONDS = 1.0


class Pulse:
    """Ends a worker that lives and does nothing: one in which no job has begun for PATIENCE times `seconds`.

    What runs the jobs is a thread, and a thread may die where there is no memory left to wait with. Nothing would be lost,
    but nothing would go out either, and no supervisor starts a process again that has not ended.
    """

    PATIENCE = 4

    def __init__(self, seconds: float = 30.0) -> None:
        self._seconds = seconds
        self._beaten = True
        self.lost = False

    def beat(self) -> None:
        """A job begins."""
        self._beaten = True

    def watch(self) -> None:
        """Until it is lost; then this process gets a SIGTERM. Time in which the process was stopped counts once."""
        missed = 0
        while missed < self.PATIENCE:
            time.sleep(self._seconds)
            missed = 0 if self._beaten else missed + 1
            self._beaten = False
        self.lost = True
        os.kill(os.getpid(), signal.SIGTERM)


def main() -> int:
    """Run until SIGTERM or SIGINT; then take nothing new, finish what is at work, and return 0. Returns 1 when it stops by
    itself, because its jobs did."""
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure(settings.log_level, readable=settings.app_env == "development")
    hide(secrets_of(settings))
    # blocked before any thread exists, so that only the sigwait below ever takes them: a handler would run in the main
    # thread alone, which may sleep on while the kernel hands the signal to another thread
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        services = build_worker(settings)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except SpoolError as error:
        sys.stderr.write(f"Lin cannot start: {error}\n")
        return 2
    observe(settings, "worker")
    table = jobs(settings)
    scheduler = BackgroundScheduler(
        # a thread for each job: a slow feed must not delay the heartbeat
        executors={"default": ThreadPoolExecutor(len(table) + 1)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        timezone="UTC",
    )
    pulse = Pulse()
    for job in table:
        put_off = partial(_put_off, job, scheduler)
        run = _guarded(job.name, partial(job.run, services), services, put_off, pulse.beat)
        scheduler.add_job(
            run, "interval", seconds=job.seconds, id=job.name, next_run_time=utc_now()
        )
    watch = _guarded("watch", Watch(table, services, scheduler), services, beat=pulse.beat)
    scheduler.add_job(watch, "interval", seconds=IDLE_SECONDS, id=WATCH, next_run_time=utc_now())
    scheduler.start()
    threading.Thread(target=_follow_clock, args=(scheduler, services.stopping), daemon=True).start()
    threading.Thread(target=pulse.watch, daemon=True).start()
    log.info("worker started", extra={"worker": services.name, "threads": settings.worker_threads})
    if services.mailer is None:
        log.info("no mail is sent: SMTP_URL and MAIL_FROM are not set")
    signal.sigwait(STOP_SIGNALS)
    if pulse.lost:
        log.critical(
            "no job has begun for minutes: this worker ends, so that another one is started"
        )
    services.stopping.set()
    scheduler.shutdown(wait=False)
    deadline = time.monotonic() + SHUTDOWN_SECONDS
    finished = services.dispatcher.stop(SHUTDOWN_SECONDS)
    finished = services.deliverer.finish(max(1.0, deadline - time.monotonic())) and finished
    log.info("worker stopped", extra={"worker": services.name, "finished": finished})
    services.supabase.close()
    return int(pulse.lost)


class _Scheduler(Protocol):
    def modify_job(self, job_id: str, *, next_run_time: datetime) -> object: ...


class Watch:
    """Runs now what has work now, and says when to ask again. `monotonic` and `now` are clocks."""

    def __init__(
        self,
        table: tuple[Job, ...],
        services: WorkerServices,
        scheduler: _Scheduler,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._jobs = [(job.name, job.queue, job.near) for job in table if job.queue is not None]
        self._operations = services.supabase.service.operations
        self._scheduler = scheduler
        self._monotonic = monotonic
        self._now = now
        self._busy_until = monotonic() + BUSY_SECONDS

    def __call__(self) -> None:
        try:
            due = self._operations.next_work()
        except Unavailable:
            # soon, but not as often as a database that answers: it has trouble enough
            again = self._now() + timedelta(seconds=AWAY_SECONDS)
            self._scheduler.modify_job(WATCH, next_run_time=again)
            raise
        for name, queue, near in self._jobs:
            seconds = due.get(queue)
            if seconds is not None and seconds <= near:
                self._scheduler.modify_job(name, next_run_time=self._now())
        if any(seconds is not None and seconds <= BUSY_SECONDS for seconds in due.values()):
            self._busy_until = self._monotonic() + BUSY_SECONDS
        if self._monotonic() < self._busy_until:
            again = self._now() + timedelta(seconds=WATCH_SECONDS)
            self._scheduler.modify_job(WATCH, next_run_time=again)


def _follow_clock(scheduler: BackgroundScheduler, stopping: threading.Event) -> None:
    """APScheduler counts by the wall clock: when that is set back, its jobs would wait until it is there again. So they
    all run at once when it is set, either way."""
    ahead = time.time() - time.monotonic()
    while not stopping.wait(CLOCK_SECONDS):
        before, ahead = ahead, time.time() - time.monotonic()
        if abs(ahead - before) > CLOCK_SECONDS:
            log.warning("the wall clock was set", extra={"by_seconds": round(ahead - before, 1)})
            for job in scheduler.get_jobs():
                job.modify(next_run_time=utc_now())


def _put_off(job: Job, scheduler: _Scheduler) -> None:
    """What the database did not answer is tried again soon, also where the next time is an hour away."""
    if job.seconds > AGAIN_SECONDS:
        with suppress(JobLookupError):  # of a worker that ends
            scheduler.modify_job(
                job.name, next_run_time=utc_now() + timedelta(seconds=AGAIN_SECONDS)
            )


def _guarded(
    name: str,
    run_job: Callable[[], None],
    services: WorkerServices,
    put_off: Callable[[], None] = lambda: None,
    beat: Callable[[], None] = lambda: None,
) -> Callable[[], None]:
    """A job that fails is told and tried again at its next time, or put off; it never ends the worker."""

    def run() -> None:
        beat()
        if services.stopping.is_set():
            return
        with following.step(f"job {name}", job=name):
            try:
                run_job()
            except Unavailable as error:
                log.warning("job put off", extra={"job": name, "error": str(error)})
                put_off()
            except Exception:
                log.exception("job failed", extra={"job": name})

    return run


if __name__ == "__main__":
    sys.exit(main())
