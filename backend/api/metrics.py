"""How the queue stands, for Prometheus. The figures are the database's own, so every web process tells the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from flask import Response, current_app
from flask_openapi3 import APIBlueprint, Tag
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ..core.errors import Unavailable
from ..core.platform_contract import Platform
from ..core.publishing import utc_now
from ..core.versions import version_ends
from .access import open_to_all
from .limits import unlimited

api = APIBlueprint("metrics", __name__, abp_tags=[Tag(name="Health")])

# metric, what it says, the figure of system_health(); seconds are 0 when nothing is due or nobody was heard of
_GAUGES = (
    ("lin_queue_oldest_due_seconds", "How long the oldest due target waits.", "oldest_due_seconds"),
    ("lin_queue_due_targets", "Targets that are due and not yet claimed.", "due"),
    ("lin_targets_at_work", "Targets that a worker holds.", "at_work"),
    ("lin_workers", "Workers that said within 30 s that they live.", "workers"),
    ("lin_worker_heartbeat_age_seconds", "How long ago any worker said so.", "heartbeat_age_seconds"),
)  # fmt: skip


class _Operations(Protocol):
    def system_health(self) -> dict[str, Any]: ...


class QueueCollector(Collector):
    """Asks the database at each scrape."""

    def __init__(self, operations: _Operations, platforms: Mapping[str, Platform]) -> None:
        self._operations = operations
        self._platforms = platforms

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges; only `lin_supabase_up` when the database does not answer."""
        yield from self._versions()
        try:
            health = self._operations.system_health()
        except Unavailable:
            health = None
        yield GaugeMetricFamily("lin_supabase_up", "Whether Supabase answers.", float(health is not None))  # fmt: skip
        if health is None:
            return
        for name, documentation, figure in _GAUGES:
            yield GaugeMetricFamily(name, documentation, float(health[figure] or 0))
        unconfirmed = GaugeMetricFamily(
            "lin_targets_unconfirmed", "Targets that may be live; nobody knows yet.", labels=["platform"]
        )  # fmt: skip
        for platform, count in health["unconfirmed_by_platform"].items():
            unconfirmed.add_metric([platform], float(count))
        yield unconfirmed

    def _versions(self) -> Iterator[GaugeMetricFamily]:
        days = GaugeMetricFamily(
            "lin_platform_version_days", "Days until a platform refuses the API version in use.", labels=["platform", "version"]
        )  # fmt: skip
        for version in version_ends(self._platforms, utc_now().date()):
            days.add_metric([version.platform, version.version], float(version.days))
        yield days


@api.get("/metrics", summary="How the queue stands (Prometheus)",
    responses={200: {"description": "The figures, in Prometheus' text format",
                     "content": {"text/plain": {"schema": {"type": "string"}}}}})  # fmt: skip
@open_to_all
@unlimited
def metrics() -> Response:
    lin = current_app.extensions["lin"]
    registry = CollectorRegistry(auto_describe=False)
    registry.register(QueueCollector(lin.supabase.service.operations, lin.platforms))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
