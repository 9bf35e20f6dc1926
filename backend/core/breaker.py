"""Circuit breakers: when a platform or an account keeps failing for reasons of its own, stop asking for a while.

Only faults of the far end count (server errors, time-outs, refused connections), never refusals of content. The windows
live in this process: another worker finds out by itself, at the cost of a handful of tries.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

WINDOW_SECONDS = 60.0
FAILURES_TO_OPEN = 5
SHARE_TO_OPEN = 0.5
FIRST_OPEN_SECONDS = 30.0
LONGEST_OPEN_SECONDS = 600.0


@dataclass
class _Circuit:
    outcomes: deque[tuple[float, bool]] = field(default_factory=deque)
    failures: int = 0
    open_until: float = 0.0
    open_for: float = 0.0
    trial_until: float = 0.0


class Breakers:
    """One circuit per name ("linkedin", an account's id). Safe to share between threads; `clock` is monotonic."""

    def __init__(
        self,
        *,
        first_open_seconds: float = FIRST_OPEN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._first_open_seconds = first_open_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._circuits: dict[str, _Circuit] = {}

    def record(self, name: str, *, ok: bool) -> None:
        """Count an outcome. Opens at 5 failures and half of all within a minute: 30 s, doubling to 10 minutes."""
        now = self._clock()
        with self._lock:
            circuit = self._circuits.setdefault(name, _Circuit())
            if circuit.open_until:
                self._end_trial(circuit, ok, now)
                return
            circuit.outcomes.append((now, ok))
            circuit.failures += not ok
            # counted on the way in and out: a minute of a busy platform is thousands of outcomes
            while circuit.outcomes[0][0] < now - WINDOW_SECONDS:
                circuit.failures -= not circuit.outcomes.popleft()[1]
            failures = circuit.failures
            if failures >= FAILURES_TO_OPEN and failures >= SHARE_TO_OPEN * len(circuit.outcomes):
                self._open(circuit, self._first_open_seconds, now)

    def admit(self, name: str) -> float:
        """0 when a request may go; else the seconds to wait. A circuit whose time is over admits one trial at a time."""
        now = self._clock()
        with self._lock:
            circuit = self._circuits.get(name)
            if circuit is None or not circuit.open_until:
                return 0.0
            wait = max(circuit.open_until, circuit.trial_until) - now
            if wait > 0:
                return wait
            circuit.trial_until = now + self._first_open_seconds
            return 0.0

    def open_names(self) -> list[str]:
        """The names that nothing should be claimed for."""
        now = self._clock()
        with self._lock:
            return [
                name for name, c in self._circuits.items() if max(c.open_until, c.trial_until) > now
            ]

    def _end_trial(self, circuit: _Circuit, ok: bool, now: float) -> None:
        if now < circuit.open_until:
            return  # it left before the circuit opened, so it is no trial
        if ok:
            circuit.outcomes.clear()
            circuit.failures = 0
            circuit.open_until = circuit.open_for = circuit.trial_until = 0.0
        else:
            self._open(circuit, min(circuit.open_for * 2, LONGEST_OPEN_SECONDS), now)

    def _open(self, circuit: _Circuit, seconds: float, now: float) -> None:
        circuit.open_for = seconds
        circuit.open_until = now + seconds
        circuit.trial_until = 0.0
        circuit.outcomes.clear()
        circuit.failures = 0
