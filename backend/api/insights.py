"""How publishing went: outcomes, lateness, engagement, best times; as figures or as a picture."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, current_app, make_response, request
from flask_openapi3 import APIBlueprint, MediaType, Schema, Tag
from pydantic import ConfigDict, Field

from ..core.errors import InvalidInput
from ..core.insights import ENOUGH_AT_AN_HOUR, tell
from ..described import Model
from ..problems import REFUSALS
from .access import NEEDS_TOKEN, current_user, signed_in
from .fields import Id, Moment

api = APIBlueprint(
    "insights",
    __name__,
    url_prefix="/api/insights",
    abp_tags=[Tag(name="Insights")],
    abp_security=NEEDS_TOKEN,
    abp_responses=REFUSALS,
)

USUAL_DAYS = 90
MOST_DAYS = 366
_JSON, _SVG = "application/json", "image/svg+xml"


class InsightsQuery(Model):
    """Which time."""

    model_config = ConfigDict(populate_by_name=True)

    start: str | None = Field(
        default=None, alias="from", max_length=40,
        description="A day of the profile's zone, or a moment with its zone; 90 days before `to` without",
        examples=["2026-05-01"],
    )  # fmt: skip
    stop: str | None = Field(
        default=None, alias="to", max_length=40,
        description="A day, which is in, or a moment, which is not; now without",
        examples=["2026-08-01T00:00:00Z"],
    )  # fmt: skip


class Lateness(Model):
    """Seconds from the scheduled time to the publication."""

    published: int = Field(examples=[41])
    median: float | None = Field(examples=[0.4])
    p95: float | None = Field(examples=[1.2])
    worst: float | None = Field(examples=[7.5])


class Engagement(Model):
    """Likes, comments and shares of posts, by their newest figures."""

    published: int = Field(examples=[41])
    measured: int = Field(description="Of these, how many have figures", examples=[38])
    engagement: int | None = Field(description="Likes, comments and shares", examples=[532])
    mean: float | None = Field(description="Per measured post", examples=[14.0])


class PlatformEngagement(Engagement):
    """The same of one platform; null is not told by the platform."""

    platform: str = Field(examples=["linkedin"])
    impressions: int | None = Field(examples=[8210])
    likes: int | None = Field(examples=[410])
    comments: int | None = Field(examples=[80])
    shares: int | None = Field(examples=[42])


class WeekdayEngagement(Engagement):
    """The same of one weekday."""

    weekday: int = Field(description="ISO: Monday 1 to Sunday 7", examples=[2])


class HourEngagement(Engagement):
    """The same of one hour of the day."""

    hour: int = Field(description="0 to 23", examples=[9])


class CellEngagement(WeekdayEngagement):
    """The same of one hour of one weekday."""

    hour: int = Field(description="0 to 23", examples=[9])


class Engagements(Model):
    """Engagement by everything it is told by; weekdays and hours of the profile's zone."""

    platforms: list[PlatformEngagement]
    weekdays: list[WeekdayEngagement]
    hours: list[HourEngagement]
    cells: list[CellEngagement] = Field(description="Only those in which something was published")


class BestTime(Model):
    """An hour of the week at which posts did well."""

    weekday: int = Field(examples=[2])
    hour: int = Field(description="0 to 23", examples=[9])
    measured: int = Field(description="The sample: how many posts this says it of", examples=[6])
    mean: float | None = Field(examples=[31.5])
    against_all: float | None = Field(
        description="Its mean divided by that of all posts", examples=[2.25]
    )


class Needed(Model):
    """What it takes to name best times."""

    posts_at_an_hour: int = Field(examples=[3])
    posts_in_all: int = Field(examples=[20])


class BestTimes(Model):
    """The best hours of the week, or why none can be named."""

    enough: bool
    measured: int = Field(examples=[38])
    needed: Needed
    reason: str | None = Field(description="Why none can be named", examples=[None])
    times: list[BestTime]


class SourceEngagement(Model):
    """What came of a source's articles."""

    source_id: Id
    title: str | None = Field(examples=["Bridges weekly"])
    url: str = Field(examples=["https://example.org/feed.xml"])
    category: str | None = Field(examples=["Engineering"])
    items: int = Field(description="Articles", examples=[120])
    posts: int = Field(examples=[9])
    published: int = Field(examples=[7])
    impressions: int | None = Field(examples=[8210])
    likes: int | None = Field(examples=[410])
    comments: int | None = Field(examples=[80])
    shares: int | None = Field(examples=[42])


class Insights(Model):
    """How publishing went between two moments."""

    model_config = ConfigDict(
        openapi_extra={"content": {_SVG: MediaType(schema=Schema(type="string"))}}  # type: ignore[typeddict-unknown-key] # flask_openapi3's
    )

    since: Moment
    until: Moment
    timezone: str = Field(examples=["Europe/Paris"])
    outcomes: dict[str, int] = Field(
        description="Targets that were due, by state", examples=[{"published": 41, "failed": 1}]
    )
    lateness: Lateness
    engagement: Engagements
    best_times: BestTimes
    sources: list[SourceEngagement]


@api.get("", summary="How publishing went", description="Of everything that was due in the time, a year at most. "
    "`Accept: image/svg+xml` draws engagement by weekday and hour.", responses={200: Insights})  # fmt: skip
@signed_in
def insights(query: InsightsQuery) -> Response:
    lin = current_app.extensions["lin"]
    own = lin.supabase.as_user(current_user().token).bulk
    zone = own.profile()["timezone"]
    since, until = _bounds(query, ZoneInfo(zone))
    figures = own.insights(since.isoformat(), until.isoformat(), zone)
    if request.accept_mimetypes.best_match((_JSON, _SVG)) == _SVG:
        picture = lin.draw_heat_map(figures["hours"], zone=zone, enough=ENOUGH_AT_AN_HOUR)
        answer = Response(picture, content_type=_SVG)
    else:
        sources = own.source_engagement(since.isoformat(), until.isoformat())
        told: dict[str, Any] = tell(figures, sources)
        answer = make_response(current_app.json.response(
            {"since": since.isoformat(), "until": until.isoformat(), "timezone": zone} | told
        ))  # fmt: skip
    answer.headers["Vary"] = "Accept"
    return answer


def _bounds(query: InsightsQuery, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The moments asked for, in UTC. Raises InvalidInput."""
    try:
        until = _moment("to", query.stop, zone) or datetime.now(UTC)
        since = _moment("from", query.start, zone) or until - timedelta(days=USUAL_DAYS)
        length = until - since
    except OverflowError:
        raise InvalidInput.of("from", "That is no time that has insights.") from None
    if length <= timedelta(0):
        raise InvalidInput.of("to", "`to` must be later than `from`.")
    # a day more, for a year of whole days may have an hour more than its days
    if length > timedelta(days=MOST_DAYS + 1):
        raise InvalidInput.of("from", f"At most {MOST_DAYS} days can be asked for at once.")
    return since, until


def _moment(field: str, said: str | None, zone: ZoneInfo) -> datetime | None:
    """The moment, of a day its start, or its end for `to`. Raises InvalidInput, OverflowError."""
    if said is None:
        return None
    try:
        if len(said) == len("2026-05-01"):
            day = date.fromisoformat(said) + timedelta(days=field == "to")
            return datetime.combine(day, time(), zone).astimezone(UTC)
        # a plus in an address that was not escaped arrives as a space
        moment = datetime.fromisoformat(said.replace(" ", "+"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInput.of(field, f"`{field}` is a day such as 2026-05-01, or a moment with its zone such as 2026-05-01T00:00:00Z.")  # fmt: skip
    return moment.astimezone(UTC)
