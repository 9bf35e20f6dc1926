"""The database's figures as metrics: how the queue stands, and what was counted. Every web process tells the same."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from ..core.errors import Unavailable
from ..core.platform_contract import Platform
from ..core.publishing import utc_now
from ..core.versions import version_ends

# metric, what it says, the figure of system_health(); seconds are 0 when nothing is due or nobody was heard of
_GAUGES = (
    ("lin_queue_oldest_due_seconds", "How long the oldest due target waits.", "oldest_due_seconds"),
    ("lin_queue_due_targets", "Targets that are due and not yet claimed.", "due"),
    ("lin_targets_at_work", "Targets that a worker holds.", "at_work"),
    ("lin_workers", "Workers that said within 30 s that they live.", "workers"),
    ("lin_worker_heartbeat_age_seconds", "How long ago any worker said so.", "heartbeat_age_seconds"),
)  # fmt: skip

# metric, what it says, the counter in the database, its labels
_COUNTERS = (
    ("lin_publish_attempts", "Attempts that ended, and once more when what became of one turned out later.", "attempts",
     ("platform", "outcome", "error_class")),
    ("lin_targets_given_up", "Targets that ended as missed or quarantined.", "given_up", ("platform", "state")),
    ("lin_token_refreshes", "Refreshes of accounts' tokens.", "refreshes", ("platform", "outcome")),
)  # fmt: skip

# the error class of an attempt whose worker was gone when its lease ended; see recover_leases()
VANISHED = "worker_vanished"

Count = Mapping[str, Any]


class _Operations(Protocol):
    def system_health(self) -> dict[str, Any]: ...
    def counters(self) -> dict[str, Any]: ...


def asked(operations: _Operations) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """How the queue stands and every counter; None when the database does not answer."""
    try:
        return operations.system_health(), operations.counters()
    except Unavailable:
        return None


class Figures(Collector):
    """What `ask` says, as metrics; with it the days until platforms refuse the versions in use."""

    def __init__(
        self,
        ask: Callable[[], tuple[dict[str, Any], dict[str, Any]] | None],
        platforms: Mapping[str, Platform],
    ) -> None:
        self._ask = ask
        self._platforms = platforms

    def collect(self) -> Iterator[Metric]:
        """The figures; without those of the database, but for `lin_supabase_up`, while it does not answer."""
        yield self._versions()
        figures = self._ask()
        yield GaugeMetricFamily("lin_supabase_up", "Whether Supabase answers.", float(figures is not None))  # fmt: skip
        if figures is None:
            return
        health, counters = figures
        yield from _standing(health)
        yield from _counted(counters)

    def _versions(self) -> Metric:
        days = GaugeMetricFamily(
            "lin_platform_version_days", "Days until a platform refuses the API version in use.", labels=["platform", "version"]
        )  # fmt: skip
        for version in version_ends(self._platforms, utc_now().date()):
            days.add_metric([version.platform, version.version], float(version.days))
        return days


def _standing(health: Mapping[str, Any]) -> Iterator[Metric]:
    for name, documentation, figure in _GAUGES:
        yield GaugeMetricFamily(name, documentation, float(health[figure] or 0))
    unconfirmed = GaugeMetricFamily(
        "lin_targets_unconfirmed", "Targets that may be live; nobody knows yet.", labels=["platform"]
    )  # fmt: skip
    for platform, count in health["unconfirmed_by_platform"].items():
        unconfirmed.add_metric([platform], float(count))
    yield unconfirmed


def _counted(counters: Mapping[str, Any]) -> Iterator[Metric]:
    by_name: dict[str, list[Count]] = defaultdict(list)
    for count in counters["counts"]:
        by_name[count["name"]].append(count)
    for metric, documentation, name, labels in _COUNTERS:
        yield _counter(metric, documentation, by_name[name], labels)
    attempts = by_name["attempts"]
    yield _counter(
        "lin_leases_recovered", "Leases that ended with their worker gone, by what became of the target.",
        [one for one in attempts if one["labels"]["error_class"] == VANISHED], ("platform", "outcome"),
    )  # fmt: skip
    yield _histogram(
        "lin_publish_lateness_seconds", "How long after its time a post was out.",
        [one for one in attempts if one["labels"]["outcome"] == "published"], ("platform",), counters["bounds"]["attempts"],
    )  # fmt: skip
    yield _histogram(
        "lin_space_seconds", "How long a draft, an answer or a spoken text took, from its start to its end.",
        by_name["spaces"], ("role", "outcome"), counters["bounds"]["spaces"],
    )  # fmt: skip


def _counter(
    metric: str, documentation: str, counts: list[Count], labels: tuple[str, ...]
) -> Metric:
    family = CounterMetricFamily(metric, documentation, labels=labels)
    for values, group in _grouped(counts, labels).items():
        family.add_metric(values, float(sum(one["times"] for one in group)))
    return family


def _histogram(
    metric: str,
    documentation: str,
    counts: list[Count],
    labels: tuple[str, ...],
    bounds: list[float],
) -> Metric:
    family = HistogramMetricFamily(metric, documentation, labels=labels)
    for values, group in _grouped(counts, labels).items():
        # each bucket holds all that is below its bound; one whose bound has been taken away since falls into the next
        buckets = [
            (_written(bound), float(sum(one["times"] for one in group if _bound(one) <= bound)))
            for bound in (*map(float, bounds), math.inf)
        ]  # fmt: skip
        family.add_metric(values, buckets, sum_value=float(sum(one["seconds"] for one in group)))
    return family


def _written(bound: float) -> str:
    return "+Inf" if math.isinf(bound) else str(bound)


def _bound(count: Count) -> float:
    return math.inf if count["up_to"] is None else float(count["up_to"])


def _grouped(counts: list[Count], labels: tuple[str, ...]) -> dict[tuple[str, ...], list[Count]]:
    groups: dict[tuple[str, ...], list[Count]] = defaultdict(list)
    for count in counts:
        groups[tuple(str(count["labels"][label]) for label in labels)].append(count)
    return groups
