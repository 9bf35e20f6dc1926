"""What the figures are taken to say, and the picture of them."""

from __future__ import annotations

from typing import Any

from defusedxml.ElementTree import fromstring

from backend.bulk import draw_heat_map
from backend.core.insights import ENOUGH_AT_AN_HOUR, ENOUGH_IN_ALL, tell

SVG = "{http://www.w3.org/2000/svg}"


def cell(weekday: int, hour: int, measured: int, engagement: int) -> dict[str, Any]:
    return {"weekday": weekday, "hour": hour, "published": measured, "measured": measured, "engagement": engagement}  # fmt: skip


def told(*hours: dict[str, Any]) -> dict[str, Any]:
    return tell({"outcomes": {}, "lateness": {}, "platforms": [], "hours": list(hours)}, [])


def test_best_times_are_not_named_from_too_few_posts() -> None:
    best = told(cell(1, 9, ENOUGH_IN_ALL - 1, 100))["best_times"]
    assert (best["enough"], best["times"]) == (False, [])
    assert best["reason"] == "Not enough data: 29 measured posts in this time; best times need 30."
    assert best["needed"] == {"posts_at_an_hour": 5, "posts_in_all": 30}


def test_best_times_are_not_named_when_no_hour_has_enough() -> None:
    thin = [cell(1, hour, ENOUGH_AT_AN_HOUR - 1, 10) for hour in range(10)]
    best = told(*thin)["best_times"]
    assert best["enough"] is False
    assert "no hour of the week has 5" in best["reason"]


def test_best_times_come_with_their_sample_and_leave_out_lucky_hours() -> None:
    best = told(cell(1, 9, 20, 200), cell(2, 18, 10, 300), cell(7, 3, 1, 5000))["best_times"]
    assert [(one["weekday"], one["hour"], one["measured"], one["mean"]) for one in best["times"]] == [
        (2, 18, 10, 30.0), (1, 9, 20, 10.0)
    ]  # fmt: skip
    assert best["times"][0]["against_all"] == round(30 / (5500 / 31), 2)


def test_posts_that_earned_nothing_have_a_mean_of_nothing_and_no_comparison() -> None:
    best = told(cell(1, 9, 40, 0))["best_times"]
    assert (best["times"][0]["mean"], best["times"][0]["against_all"]) == (0.0, None)


def test_weekdays_and_hours_are_the_two_sides_of_the_same_posts() -> None:
    engagement = told(cell(1, 9, 2, 10), cell(1, 10, 1, 2), cell(7, 9, 1, 3))["engagement"]
    assert [one["engagement"] for one in engagement["weekdays"]] == [12, 0, 0, 0, 0, 0, 3]
    assert engagement["weekdays"][0]["mean"] == 4.0
    assert engagement["weekdays"][1]["mean"] is None
    assert (engagement["hours"][9]["engagement"], engagement["hours"][10]["engagement"]) == (13, 2)


def test_the_picture_has_a_titled_cell_for_each_hour_and_nothing_that_runs() -> None:
    drawn = draw_heat_map([cell(1, 9, 10, 100), cell(2, 18, 1, 3)], zone="Europe/Paris", enough=5)
    svg = fromstring(drawn)
    titles = [one.findtext(f"{SVG}title") for one in svg.iter(f"{SVG}rect")]
    assert len([title for title in titles if title]) == 7 * 24
    assert "Monday 09:00: 10.0 a post, 10 measured posts" in titles
    assert "Tuesday 18:00: 3.0 a post, 1 measured post" in titles
    assert "Sunday 23:00: no measured posts" in titles
    assert "The highest is Monday 09:00 with 10.0 a post." in (svg.findtext(f"{SVG}desc") or "")
    assert {one.tag for one in svg.iter()} <= {f"{SVG}{name}" for name in ("svg", "rect", "text", "title", "desc")}  # fmt: skip
    dashed = [one for one in svg.iter(f"{SVG}rect") if "stroke-dasharray" in one.attrib]
    assert [one.findtext(f"{SVG}title") for one in dashed] == ["Tuesday 18:00: 3.0 a post, 1 measured post"]  # fmt: skip


def test_the_picture_of_nothing_says_so() -> None:
    svg = fromstring(draw_heat_map([], zone="<UTC>", enough=5))
    assert svg.findtext(f"{SVG}desc") == "No post of this time has been measured yet."
