"""What Prometheus reads: the queue's figures, the database's counters, and the requests that were answered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from backend.api.figures import Figures, asked
from backend.core.errors import Unavailable
from local.stack import Stack

HEALTH = {
    "heartbeat_age_seconds": 1.5, "workers": 2, "oldest_due_seconds": 61.25, "due": 7, "at_work": 3, "unconfirmed": 3,
    "unconfirmed_by_platform": {"linkedin": 2, "x": 1},
}  # fmt: skip
NOTHING = {"counts": [], "bounds": {"attempts": [1.0, 5.0], "spaces": [10.0]}}


def attempt(outcome: str, error_class: str, times: int, seconds: float = 0, up_to: float | None = None) -> dict[str, Any]:  # fmt: skip
    labels = {"platform": "linkedin", "outcome": outcome, "error_class": error_class}
    return {"name": "attempts", "labels": labels, "times": times, "seconds": seconds, "up_to": up_to}  # fmt: skip


def samples(health: dict[str, Any] | None, *counts: dict[str, Any]) -> dict[str, float]:
    figures = None if health is None else (health, NOTHING | {"counts": list(counts)})
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in Figures(lambda: figures, {}).collect()
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

    def silent() -> dict[str, Any]:
        raise Unavailable("The database does not answer.")

    assert asked(SimpleNamespace(system_health=silent, counters=silent)) is None


def test_attempts_are_told_by_platform_outcome_and_class_and_lateness_in_buckets() -> None:
    told = samples(
        HEALTH,
        attempt("published", "", 3, 1.5, 1.0), attempt("published", "", 2, 7.0, 5.0), attempt("published", "", 1, 60.0),
        attempt("retry", "http_429", 4),
    )  # fmt: skip
    assert told["lin_publish_attempts_total linkedin published "] == 6
    assert told["lin_publish_attempts_total linkedin retry http_429"] == 4
    lateness = "lin_publish_lateness_seconds"
    assert [told[f"{lateness}_bucket linkedin {bound}"] for bound in ("1.0", "5.0", "+Inf")] == [3, 5, 6]  # fmt: skip
    assert (told[f"{lateness}_count linkedin"], told[f"{lateness}_sum linkedin"]) == (6, 68.5)


def test_an_attempt_whose_worker_was_gone_is_a_lease_recovered() -> None:
    told = samples(HEALTH, attempt("not_sent", "worker_vanished", 2), attempt("unconfirmed", "worker_vanished", 1), attempt("retry", "http_500", 9))  # fmt: skip
    recovered = {key: value for key, value in told.items() if "leases" in key}
    assert recovered == {
        "lin_leases_recovered_total linkedin not_sent": 2,
        "lin_leases_recovered_total linkedin unconfirmed": 1,
    }


def test_spaces_and_refreshes_are_told() -> None:
    told = samples(
        HEALTH,
        {"name": "spaces", "labels": {"role": "writer", "outcome": "complete"}, "times": 2, "seconds": 9.0, "up_to": 10.0},
        {"name": "refreshes", "labels": {"platform": "x", "outcome": "renewed"}, "times": 5, "seconds": 0, "up_to": None},
        {"name": "given_up", "labels": {"platform": "x", "state": "missed"}, "times": 1, "seconds": 0, "up_to": None},
    )  # fmt: skip
    assert told["lin_space_seconds_count writer complete"] == 2
    assert told["lin_token_refreshes_total x renewed"] == 5
    assert told["lin_targets_given_up_total x missed"] == 1


def test_anybody_may_scrape_them(stack: Stack) -> None:
    requests.get(f"{stack.info['api_url']}/nowhere/hunter2", timeout=30)
    answer = requests.get(f"{stack.info['api_url']}/metrics", timeout=30)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    found = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert {"lin_supabase_up", "lin_queue_oldest_due_seconds", "lin_workers"} <= found.keys()
    labels = [sample.labels for sample in found["lin_http_requests"].samples]
    assert {"method": "GET", "route": "none", "status": "4xx"} in labels
    assert "hunter2" not in answer.text
