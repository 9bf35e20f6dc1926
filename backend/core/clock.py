"""What time it is for the database, told without asking it each time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from .errors import Unavailable


class DatabaseClock:
    """The database's clock as its last answer told it, carried on by this machine's monotonic clock.

    A worker's own wall clock decides nothing: it may be wrong by a day, or be set while the worker runs.
    """

    PATIENCE_SECONDS = 30.0

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._told = threading.Event()
        self._answer: tuple[datetime, float] | None = None

    def tell(self, moment: datetime, heard: float) -> None:
        """The database said that it is `moment`; its answer was here at `heard`, so that we are late, never early."""
        self._answer = (moment, heard)
        self._told.set()

    def now(self) -> datetime:
        """The time by the database, aware, in UTC. Waits for its first answer; raises Unavailable when none comes."""
        if self._answer is None:
            self._told.wait(self.PATIENCE_SECONDS)
        if self._answer is None:
            raise Unavailable("The database has not told the time yet.")
        moment, heard = self._answer
        return moment + timedelta(seconds=self._monotonic() - heard)
