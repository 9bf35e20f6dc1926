"""Compare two ways of doing something on a machine whose speed changes while it is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from local.figures import spread_of

Measure = Callable[[], float]


@dataclass(frozen=True)
class Comparison:
    """What `interleaved` measured, in the unit of the two measures."""

    first: list[float]
    second: list[float]

    @property
    def ratio(self) -> float:
        """The median of the second over the median of the first."""
        return median(self.second) / median(self.first)

    @property
    def spread(self) -> float | None:
        """The spread of the ratios round by round (figures.spread_of); None after one round."""
        return spread_of([b / a for a, b in zip(self.first, self.second, strict=True)])


def interleaved(first: Measure, second: Measure, rounds: int) -> Comparison:
    """Measure both in turn, `rounds` times, after one round of each that does not count.

    Who goes first changes every round: what a machine does on the side then hits both alike. Each measure returns a
    number above 0 (seconds, requests per second). Raises ValueError without rounds.
    """
    if rounds < 1:
        raise ValueError(f"at least one round is needed, not {rounds}")
    first()
    second()
    comparison = Comparison([], [])
    for number in range(rounds):
        turns = [(first, comparison.first), (second, comparison.second)]
        for measure, kept in turns if number % 2 == 0 else reversed(turns):
            kept.append(measure())
    return comparison
