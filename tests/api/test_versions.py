"""A platform's API version that ends soon: readiness names it, the metrics count the days, the log warns; nothing is unready."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from backend.app import create_app
from backend.core.versions import WARN_DAYS, version_ends
from backend.jobs import watch_versions
from backend.services import Services, build
from backend.settings import Settings
from local.stack import Stack
from tests.api.test_health import KEY
from tests.api.test_metrics import HEALTH

COUNTERS: dict[str, Any] = {"counts": [], "bounds": {"attempts": [1.0], "spaces": [1.0]}}
WELL = HEALTH | {"oldest_due_seconds": None}
TODAY = date(2026, 11, 28)


@dataclass
class Ending:
    """A platform whose version is refused from that day on."""

    version_ends: date | None
    version: str = "7.1"
    configured: bool = True


def in_days(days: int) -> date:
    """That many days from today, as the servers count days."""
    return datetime.now(UTC).date() + timedelta(days=days)


def client(**platforms: Any) -> Any:
    """The web process's routes with these platforms and a database that is well."""
    wanted: dict[str, Any] = {
        "app_env": "development", "supabase_url": "http://127.0.0.1:9", "supabase_key": "k", "supabase_secret_key": "s",
        "public_url": "http://127.0.0.1:9", "frontend_origins": "http://127.0.0.1:9", "token_keys": KEY,
    }  # fmt: skip
    settings = Settings(**wanted)
    operations = SimpleNamespace(system_health=lambda: WELL, counters=lambda: COUNTERS)
    database: Any = SimpleNamespace(service=SimpleNamespace(operations=operations))
    services: Services = replace(build(settings), supabase=database, platforms=platforms)
    return create_app(services).test_client()


def days(text: str) -> dict[tuple[str, str], float]:
    """The days left by platform and version."""
    return {
        (sample.labels["platform"], sample.labels["version"]): sample.value
        for family in text_string_to_metric_families(text)
        if family.name == "lin_platform_version_days"
        for sample in family.samples
    }


def test_readiness_names_what_ends_soon_and_stays_ready() -> None:
    ends = in_days(30)
    answer = client(birch=Ending(ends), cedar=Ending(in_days(300))).get("/health/ready")
    assert (answer.status_code, answer.get_json()["status"]) == (200, "ready")
    told = answer.get_json()["versions"]
    assert told == f"Version 7.1 of birch's API ends on {ends}, in 30 days; set BIRCH_VERSION."


def test_what_has_ended_is_named_as_ended_and_each_is_named() -> None:
    over, soon = in_days(-2), in_days(1)
    told = client(cedar=Ending(soon, "8"), birch=Ending(over)).get("/health/ready").get_json()["versions"]  # fmt: skip
    assert told == (
        f"Version 7.1 of birch's API ended on {over}; set BIRCH_VERSION. "
        f"Version 8 of cedar's API ends on {soon}, in 1 day; set CEDAR_VERSION."
    )


@pytest.mark.parametrize(
    "platform",
    [Ending(None), Ending(date(2020, 1, 1), configured=False), SimpleNamespace(configured=True)],
    ids=["no known end", "not configured", "no versions"],
)
def test_nothing_is_said_where_nothing_ends(platform: Any) -> None:
    http = client(birch=platform)
    assert http.get("/health/ready").get_json()["versions"] == ""
    assert days(http.get("/metrics").text) == {}


@pytest.mark.parametrize(("left", "near"), [(WARN_DAYS + 1, False), (WARN_DAYS, True), (0, True), (-1, True)])  # fmt: skip
def test_sixty_days_ahead_is_soon(left: int, near: bool) -> None:
    (found,) = version_ends({"birch": Ending(TODAY + timedelta(days=left))}, TODAY)  # type: ignore[dict-item]
    assert (found.days, found.is_near) == (left, near)


def test_the_metrics_count_the_days_of_all_that_end() -> None:
    http = client(birch=Ending(in_days(30)), cedar=Ending(in_days(300), "8"), elm=Ending(in_days(-2), "1"))  # fmt: skip
    assert days(http.get("/metrics").text) == {("birch", "7.1"): 30, ("cedar", "8"): 300, ("elm", "1"): -2}  # fmt: skip


def test_the_log_warns_of_what_ends_soon_only(caplog: pytest.LogCaptureFixture) -> None:
    clock = SimpleNamespace(now=lambda: datetime.combine(TODAY, datetime.min.time(), UTC))
    platforms = {"birch": Ending(TODAY + timedelta(days=30)), "cedar": Ending(TODAY + timedelta(days=300))}  # fmt: skip
    services: Any = SimpleNamespace(platforms=platforms, clock=clock)
    with caplog.at_level(logging.INFO, "lin.versions"):
        watch_versions.run(services)
    (record,) = caplog.records
    assert record.levelno >= logging.WARNING
    assert "birch" in record.getMessage() + str(vars(record))


def test_the_real_server_tells_of_its_own_versions(stack: Stack) -> None:
    version = stack.backend_env()["LINKEDIN_VERSION"]
    text = requests.get(f"{stack.info['api_url']}/metrics", timeout=30).text
    found = days(text)
    assert ("linkedin", version) in found
    told = requests.get(f"{stack.info['api_url']}/health/ready", timeout=30).json()["versions"]
    assert ("linkedin" in told) == (found["linkedin", version] <= WARN_DAYS)
