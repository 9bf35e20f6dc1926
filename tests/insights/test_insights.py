"""GET /api/insights: what became of what was due, in the zone of whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import Browser, problem
from tests.insights.conftest import Record
from tests.people import Person

MAY = "?from=2026-05-01&to=2026-05-31"


def ask(browser: Browser, query: str = MAY, **headers: str) -> Any:
    return browser.call("GET", f"/api/insights{query}", headers=headers)


def figures(browser: Browser, query: str = MAY) -> dict[str, Any]:
    answer = ask(browser, query)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_outcomes_and_lateness_are_of_what_was_due_in_the_time(record: Record) -> None:
    record.published("2026-04-30 23:59:59Z", late=500)
    record.published("2026-05-01 00:00Z", late=1)
    record.published("2026-05-15 12:00Z", late=3)
    record.published("2026-05-31 23:59Z", late=11)
    record.target("2026-05-10 12:00Z", "scheduled", "failed")
    record.target("2026-06-01 00:00Z", "scheduled", "failed")
    told = figures(record.browser)
    assert told["outcomes"] == {"published": 3, "failed": 1}
    assert told["lateness"] == {
        "published": 3,
        "median": 3,
        "p95": pytest.approx(10.2),
        "worst": 11,
    }
    assert (told["since"], told["until"]) == ("2026-05-01T00:00:00+00:00", "2026-06-01T00:00:00+00:00")  # fmt: skip


def test_engagement_counts_the_newest_figures_at_the_hours_of_the_profile(record: Record) -> None:
    browser = record.browser
    assert browser.person
    browser.person.rest("PATCH", f"profiles?id=eq.{browser.person.id}", {"timezone": "Asia/Kolkata"})  # fmt: skip
    # 20:00 on Monday in UTC is 01:30 on Tuesday in India
    record.published("2026-05-04 20:00Z", likes=3, comments=2, impressions=70)
    record.published("2026-05-04 20:10Z", likes=5, comments=0, impressions=30)
    record.published("2026-05-04 20:20Z")
    told = figures(browser)
    assert told["timezone"] == "Asia/Kolkata"
    assert told["engagement"]["cells"] == [
        {"weekday": 2, "hour": 1, "published": 3, "measured": 2, "engagement": 10, "mean": 5.0}
    ]
    (platform,) = told["engagement"]["platforms"]
    assert platform == {
        "platform": "linkedin", "published": 3, "measured": 2, "impressions": 100, "likes": 8, "comments": 2,
        "shares": None, "engagement": 10, "mean": 5.0,
    }  # fmt: skip
    assert told["best_times"]["enough"] is False
    assert "2 measured posts" in told["best_times"]["reason"]


def test_somebody_without_posts_is_told_so(ada: Browser) -> None:
    told = figures(ada, "")
    assert told["outcomes"] == {}
    assert told["lateness"] == {"published": 0, "median": None, "p95": None, "worst": None}
    assert told["sources"] == []


def test_nobody_sees_what_others_earned(record: Record, make_person: Callable[..., Person]) -> None:
    record.published("2026-05-04 20:00Z", likes=3)
    answer = make_person().rpc("post_insights", since="2026-05-01", until="2026-06-01", zone="UTC")
    assert answer.json()["outcomes"] == {}


def test_the_picture_is_drawn_for_who_accepts_one(record: Record) -> None:
    record.published("2026-05-04 20:00Z", likes=3)
    answer = ask(record.browser, Accept="image/svg+xml")
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert "Monday 20:00: 3.0 a post, 1 measured post" in answer.text
    assert ask(record.browser, Accept="*/*").headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "query",
    ["?from=2026-05-02&to=2026-05-01", "?from=2020-01-01&to=2026-01-01", "?from=yesterday", "?from=0001-01-01",
     "?to=9999-12-31", "?from=2026-05-01T00:00:00", "?to=9999-12-31T23:00:00-10:00", "?from=20260501"],
)  # fmt: skip
def test_a_time_that_is_none_is_refused(ada: Browser, query: str) -> None:
    assert problem(ask(ada, query), 422)["errors"]
