"""How publishing went: outcomes, lateness, engagement, best times; as figures or as a picture."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, current_app, make_response, request
from flask_openapi3 import APIBlueprint, MediaType, Schema, Tag
from pydantic import BaseModel, ConfigDict, Field

from ..core.errors import InvalidInput
from ..core.insights import ENOUGH_AT_AN_HOUR, tell
from ..problems import REFUSALS
from .access import NEEDS_TOKEN, current_user, signed_in

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


class InsightsQuery(BaseModel):
    """Which time."""

    model_config = ConfigDict(populate_by_name=True)

    start: str | None = Field(
        default=None, alias="from", max_length=40,
        description="A day of the profile's zone, or a moment with its zone; 90 days before `to` without",
    )  # fmt: skip
    stop: str | None = Field(
        default=None, alias="to", max_length=40,
        description="A day, which is in, or a moment, which is not; now without",
    )  # fmt: skip


class Lateness(BaseModel):
    """Seconds from the scheduled time to the publication."""

    published: int
    median: float | None
    p95: float | None
    worst: float | None


class Engagement(BaseModel):
    """Likes, comments and shares of posts, by their newest figures."""

    published: int
    measured: int = Field(description="Of these, how many have figures")
    engagement: int | None
    mean: float | None = Field(description="Per measured post")


class PlatformEngagement(Engagement):
    """The same of one platform; null is not told by the platform."""

    platform: str
    impressions: int | None
    likes: int | None
    comments: int | None
    shares: int | None


class WeekdayEngagement(Engagement):
    """The same of one weekday."""

    weekday: int = Field(description="ISO: Monday 1 to Sunday 7")


class HourEngagement(Engagement):
    """The same of one hour of the day."""

    hour: int


class CellEngagement(WeekdayEngagement):
    """The same of one hour of one weekday."""

    hour: int


class Engagements(BaseModel):
    """Engagement by everything it is told by; weekdays and hours of the profile's zone."""

    platforms: list[PlatformEngagement]
    weekdays: list[WeekdayEngagement]
    hours: list[HourEngagement]
    cells: list[CellEngagement] = Field(description="Only those in which something was published")


class BestTime(BaseModel):
    """An hour of the week at which posts did well."""

    weekday: int
    hour: int
    measured: int = Field(description="The sample: how many posts this says it of")
    mean: float | None
    against_all: float | None = Field(description="Its mean divided by that of all posts")


class Needed(BaseModel):
    """What it takes to name best times."""

    posts_at_an_hour: int
    posts_in_all: int


class BestTimes(BaseModel):
    """The best hours of the week, or why none can be named."""

    enough: bool
    measured: int
    needed: Needed
    reason: str | None
    times: list[BestTime]


class SourceEngagement(BaseModel):
    """What came of a source's articles."""

    source_id: str
    title: str | None
    url: str
    category: str | None
    items: int
    posts: int
    published: int
    impressions: int | None
    likes: int | None
    comments: int | None
    shares: int | None


class Insights(BaseModel):
    """How publishing went between two moments."""

    model_config = ConfigDict(
        openapi_extra={"content": {_SVG: MediaType(schema=Schema(type="string"))}}  # type: ignore[typeddict-unknown-key] # flask_openapi3's
    )

    since: datetime
    until: datetime
    timezone: str
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
        answer.headers["Content-Security-Policy"] = "default-src 'none'"
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
