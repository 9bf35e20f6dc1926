"""What the benches report, and the comparison of two ways on a machine that changes its speed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from local import benching
from local.figures import Report, spread_of
from tests.bench.footprint import cpu_seconds, family, memory_mb
from tests.bench.interleaving import interleaved


def test_table_and_json_hold_the_same_figures() -> None:
    report = Report()
    report.add("memory", 87.26, "MB", at_most=256)
    report.add("throughput", 0.8, "of the ceiling", at_least=0.85, spread=0.0123)
    report.add_median("statements", [1000, 1010, 1400], "per minute")
    assert report.as_table().splitlines() == [
        "name        value  target          unit              spread",
        "memory       87.3  <= 256          MB",
        "throughput    0.8  >= 0.85 MISSED  of the ceiling  ± 0.0123",
        "statements   1010                  per minute         ± 100",
    ]
    assert json.loads(report.as_json())[0] == {
        "name": "memory", "value": 87.26, "target": "<= 256", "unit": "MB", "spread": None, "met": True,
    }  # fmt: skip
    assert [figure.name for figure in report.missed] == ["throughput"]


def test_a_figure_has_one_limit_and_a_name_of_its_own() -> None:
    report = Report()
    report.add("memory", 1, "MB")
    with pytest.raises(ValueError, match="memory is reported already"):
        report.add("memory", 2, "MB")
    with pytest.raises(ValueError, match="one limit"):
        report.add("other", 2, "MB", at_most=3, at_least=1)


def test_the_spread_is_half_of_the_middle_half() -> None:
    assert spread_of([5]) is None
    assert spread_of([1, 2, 3, 4, 5]) == 1
    assert spread_of([3, 3, 3, 1000]) < 130  # type: ignore[operator]  # four values have one


def drifting(order: list[str], name: str, cost: float) -> Callable[[], float]:
    """A measure on a machine that gets slower by a tenth each time it is used."""

    def measure() -> float:
        order.append(name)
        return cost * 1.1 ** len(order)

    return measure


def test_two_ways_take_turns_and_the_first_round_does_not_count() -> None:
    order: list[str] = []
    compared = interleaved(drifting(order, "a", 1), drifting(order, "b", 1), rounds=3)
    assert "".join(order) == "ab" + "ab" + "ba" + "ab"
    assert (len(compared.first), len(compared.second)) == (3, 3)


def test_the_ratio_of_two_ways_survives_a_machine_that_slows_down() -> None:
    order: list[str] = []
    compared = interleaved(drifting(order, "a", 1), drifting(order, "b", 2), rounds=8)
    assert compared.ratio == pytest.approx(2, rel=0.1)
    assert compared.spread == pytest.approx(0.2, abs=0.1)


def test_no_rounds_measure_nothing() -> None:
    with pytest.raises(ValueError, match="at least one round"):
        interleaved(lambda: 1.0, lambda: 1.0, rounds=0)


def test_every_bench_can_be_run() -> None:
    assert {"idle", "memory"} <= set(benching.names())
    for name in benching.names():
        assert callable(benching.find(name))


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
def test_the_footprint_of_a_process_is_read() -> None:
    mine = [os.getpid()]
    assert 10 < memory_mb(mine, "Pss") <= memory_mb(mine, "Rss")
    assert cpu_seconds(mine) > 0
    assert family(os.getpid())[0] == os.getpid()
