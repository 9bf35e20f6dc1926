"""`python -m tests.bench.rivals NAME URL JOBS CONCURRENCY LATER`: one worker of another job queue does jobs that do nothing.

The jobs are in the queue before it begins, behind LATER new ones that are due in a month. Both queues are used as their manuals show it for asyncio and psycopg.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import psycopg
from pgqueuer import PgQueuer
from pgqueuer.db import PsycopgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from procrastinate import App, PsycopgConnector

MONTH = timedelta(days=30)
BATCH = 1000


async def procrastinate(url: str, jobs: int, concurrency: int, later: int) -> None:
    """A pool with a connection for each job at work."""
    app = App(connector=PsycopgConnector(conninfo=url, max_size=concurrency + 4))

    @app.task
    async def nothing() -> None:
        return

    async with app.open_async():
        if not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()
        month = nothing.configure(schedule_at=datetime.now(UTC) + MONTH)
        for _ in range(later // BATCH):
            await month.batch_defer_async(*[{} for _ in range(BATCH)])
        await nothing.batch_defer_async(*[{} for _ in range(jobs)])
        await app.run_worker_async(
            concurrency=concurrency, wait=False, install_signal_handlers=False
        )


async def pgqueuer(url: str, jobs: int, concurrency: int, later: int) -> None:
    """One connection, as it is made for; jobs are fetched in batches."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        driver = PsycopgDriver(connection)
        queries, worker = Queries(driver), PgQueuer(driver)
        if not await queries.schema_is_installed():
            await queries.install()

        left = jobs

        # its own mode "drain" waits for jobs that are due in a month, too
        @worker.entrypoint("nothing")
        async def nothing(_job: Job) -> None:
            nonlocal left
            left -= 1
            if not left:
                worker.shutdown.set()

        for _ in range(later // BATCH):
            await queries.enqueue(["nothing"] * BATCH, [None] * BATCH, [0] * BATCH, [MONTH] * BATCH)
        await queries.enqueue(["nothing"] * jobs, [None] * jobs, [0] * jobs)
        await worker.qm.run(
            batch_size=concurrency,
            max_concurrent_tasks=2 * concurrency,
        )


RIVALS: dict[str, Callable[[str, int, int, int], Awaitable[None]]] = {
    "procrastinate": procrastinate,
    "pgqueuer": pgqueuer,
}


async def main() -> None:
    """Do what the command line says."""
    name, url, *numbers = sys.argv[1:]
    await RIVALS[name](url, *map(int, numbers))


if __name__ == "__main__":
    asyncio.run(main())
