"""How the queue stands, for Prometheus. The figures are the database's own, so every web process tells the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from flask import Response, current_app
from flask_openapi3 import APIBlueprint, Tag
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ..core.errors import Unavailable
from .access import open_to_all

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

    def __init__(self, operations: _Operations) -> None:
        self._operations = operations

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges; only `lin_supabase_up` when the database does not answer."""
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


@api.get("/metrics", summary="How the queue stands (Prometheus)",
    responses={200: {"description": "The figures, in Prometheus' text format",
                     "content": {"text/plain": {"schema": {"type": "string"}}}}})  # fmt: skip
@open_to_all
def metrics() -> Response:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(QueueCollector(current_app.extensions["lin"].supabase.service.operations))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
