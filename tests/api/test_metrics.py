"""The queue's figures as Prometheus reads them."""

from __future__ import annotations

from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from backend.api.metrics import QueueCollector
from backend.core.errors import Unavailable
from local.stack import Stack

HEALTH = {
    "heartbeat_age_seconds": 1.5, "workers": 2, "oldest_due_seconds": 61.25, "due": 7, "at_work": 3, "unconfirmed": 3,
    "unconfirmed_by_platform": {"linkedin": 2, "x": 1},
}  # fmt: skip


class Operations:
    """A database that says this, or does not answer."""

    def __init__(self, health: dict[str, Any] | None) -> None:
        self._health = health

    def system_health(self) -> dict[str, Any]:
        if self._health is None:
            raise Unavailable("The database does not answer.")
        return self._health


def samples(health: dict[str, Any] | None) -> dict[str, float]:
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in QueueCollector(Operations(health), {}).collect()
        for sample in family.samples
    }


def test_each_figure_of_the_database_is_a_metric() -> None:
    assert samples(HEALTH) == {
        "lin_supabase_up": 1,
        "lin_queue_oldest_due_seconds": 61.25,
        "lin_queue_due_targets": 7,
        "lin_targets_at_work": 3,
        "lin_workers": 2,
        "lin_worker_heartbeat_age_seconds": 1.5,
        "lin_targets_unconfirmed linkedin": 2,
        "lin_targets_unconfirmed x": 1,
    }


def test_nothing_due_is_no_lag() -> None:
    quiet = HEALTH | {"oldest_due_seconds": None, "due": 0}
    assert samples(quiet)["lin_queue_oldest_due_seconds"] == 0


def test_a_silent_database_is_a_metric_and_no_error() -> None:
    assert samples(None) == {"lin_supabase_up": 0}


def test_anybody_may_scrape_them(stack: Stack) -> None:
    answer = requests.get(f"{stack.info['api_url']}/metrics", timeout=30)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    found = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"lin_supabase_up", "lin_queue_oldest_due_seconds", "lin_workers"} <= found
