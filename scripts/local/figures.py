"""What the benches report: figures with a target and a spread, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles

HEADINGS = ("name", "value", "target", "unit", "spread")


@dataclass(frozen=True)
class Figure:
    """One measured value. `target` is the limit in words for a reader (">= 0.85"), `met` whether the value keeps it;
    both are None where nothing is promised. `spread`, in the same unit, is None for a value measured once."""

    name: str
    value: float
    target: str | None
    unit: str
    spread: float | None
    met: bool | None


class Report:
    """Takes the figures of one run."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
        spread: float | None = None,
    ) -> None:
        """Report one value, with one limit or none. Raises ValueError for two limits or a name used before."""
        if at_most is not None and at_least is not None:
            raise ValueError(f"{name}: give one limit, at_most or at_least")
        if any(figure.name == name for figure in self.figures):
            raise ValueError(f"{name} is reported already")
        target, met = None, None
        if at_most is not None:
            target, met = f"<= {shown(at_most)}", value <= at_most
        if at_least is not None:
            target, met = f">= {shown(at_least)}", value >= at_least
        self.figures.append(Figure(name, value, target, unit, spread, met))

    def add_median(
        self, name: str, values: Sequence[float], unit: str, *, at_most: float | None = None
    ) -> None:
        """Report the median of repeated measurements with their spread."""
        self.add(name, median(values), unit, at_most=at_most, spread=spread_of(values))

    @property
    def missed(self) -> list[Figure]:
        """The figures that do not keep their target."""
        return [figure for figure in self.figures if figure.met is False]

    def as_table(self) -> str:
        """The figures in columns."""
        rows = [HEADINGS, *(_row(figure) for figure in self.figures)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
        numbers = (1, 4)  # set to the right, the words to the left
        lines = (
            "  ".join(
                cell.rjust(width) if column in numbers else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        )
        return "\n".join(line.rstrip() for line in lines)

    def as_json(self) -> str:
        """The figures for tools: a list of objects."""
        return json.dumps([asdict(figure) for figure in self.figures], indent=2) + "\n"


def spread_of(values: Sequence[float]) -> float | None:
    """Half the distance between the quartiles: half of all values lie about this near to the median. None when there
    are fewer than two."""
    if len(values) < 2:
        return None
    low, _, high = quantiles(values, n=4, method="inclusive")
    return (high - low) / 2


def shown(value: float) -> str:
    """A number with three digits that say something."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _row(figure: Figure) -> tuple[str, str, str, str, str]:
    verdict = " MISSED" if figure.met is False else ""
    spread = "" if figure.spread is None else f"± {shown(figure.spread)}"
    return (
        figure.name,
        shown(figure.value),
        (figure.target or "") + verdict,
        figure.unit,
        spread,
    )
