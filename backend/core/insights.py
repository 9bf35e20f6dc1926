"""What the figures of past posts say, and whether there are enough of them to say anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Fewer measured posts at one hour of the week are an accident, and fewer in all leave nothing to compare with.
ENOUGH_AT_AN_HOUR = 5
ENOUGH_IN_ALL = 30
_BEST = 5
_SOURCES = 20


def tell(figures: dict[str, Any], sources: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Outcomes, lateness in seconds, engagement by platform, weekday and hour, best times, and sources that earned anything.

    `figures` are those of the database function post_insights, `sources` those of source_engagement, best first.
    Engagement is likes, comments and shares; a mean is None where nothing was measured.
    """
    hours = figures["hours"]
    return {
        "outcomes": figures["outcomes"],
        "lateness": figures["lateness"],
        "engagement": {
            "platforms": [_of_platform(one) for one in figures["platforms"]],
            "weekdays": _by("weekday", range(1, 8), hours),
            "hours": _by("hour", range(24), hours),
            "cells": [one | {"mean": _mean(one)} for one in hours],
        },
        "best_times": _best_times(hours),
        "sources": [one for one in sources if one["published"]][:_SOURCES],
    }


def _of_platform(one: dict[str, Any]) -> dict[str, Any]:
    told = [one[name] for name in ("likes", "comments", "shares") if one[name] is not None]
    engagement = sum(told) if told else None
    return one | {"engagement": engagement, "mean": _mean(one | {"engagement": engagement or 0})}


def _by(name: str, values: range, hours: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same figures by one of their two sides, with a row for each value."""
    summed = []
    for value in values:
        cells = [one for one in hours if one[name] == value]
        row = {
            key: sum(one[key] for one in cells) for key in ("published", "measured", "engagement")
        }
        summed.append({name: value, **row, "mean": _mean(row)})
    return summed


def _mean(one: dict[str, Any]) -> float | None:
    return round(one["engagement"] / one["measured"], 2) if one["measured"] else None


def _best_times(hours: Sequence[dict[str, Any]]) -> dict[str, Any]:
    measured = sum(one["measured"] for one in hours)
    sound = [one for one in hours if one["measured"] >= ENOUGH_AT_AN_HOUR]
    needed = {"posts_at_an_hour": ENOUGH_AT_AN_HOUR, "posts_in_all": ENOUGH_IN_ALL}
    answer = {"measured": measured, "needed": needed, "reason": None, "times": []}
    if measured < ENOUGH_IN_ALL:
        reason = f"Not enough data: {measured} measured posts in this time; best times need {ENOUGH_IN_ALL}."  # fmt: skip
        return answer | {"enough": False, "reason": reason}
    if not sound:
        reason = f"Not enough data: no hour of the week has {ENOUGH_AT_AN_HOUR} measured posts."
        return answer | {"enough": False, "reason": reason}
    overall = sum(one["engagement"] for one in hours) / measured
    sound.sort(key=lambda one: (-one["engagement"] / one["measured"], one["weekday"], one["hour"]))
    times = [
        {
            "weekday": one["weekday"], "hour": one["hour"], "measured": one["measured"], "mean": _mean(one),
            "against_all": round(one["engagement"] / one["measured"] / overall, 2) if overall else None,
        }
        for one in sound[:_BEST]
    ]  # fmt: skip
    return answer | {"enough": True, "times": times}
