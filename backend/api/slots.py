"""Weekly slots for people who write "Monday 18:00". A frontend may as well write the table `slots` itself."""

from __future__ import annotations

from datetime import time
from typing import Any, Literal

from flask import current_app
from flask_openapi3 import APIBlueprint, Tag
from pydantic import ConfigDict, Field

from ..core.errors import InvalidInput
from ..core.slot_times import SlotTime, parse_when
from ..described import Model
from ..problems import REFUSALS, refused
from .access import NEEDS_TOKEN, current_user, live_session
from .fields import Id
from .idempotency import idempotent

api = APIBlueprint(
    "slots",
    __name__,
    url_prefix="/api/slots",
    abp_tags=[Tag(name="Slots")],
    abp_security=NEEDS_TOKEN,
    abp_responses=REFUSALS,
)

_MINUTES_OF_A_DAY = 1440


class _Wishes(Model):
    """What may be said of a slot when it is made and later."""

    model_config = ConfigDict(extra="forbid")

    timezone: str | None = Field(
        default=None, max_length=64, examples=["Europe/Paris"], description="IANA name; null follows the profile's zone"
    )  # fmt: skip
    mode: Literal["queue", "generate"] | None = Field(
        default=None, description="queue: the oldest queued draft; generate: a draft of the writer Space"
    )  # fmt: skip
    lead_minutes: int | None = Field(
        default=None, ge=1, le=_MINUTES_OF_A_DAY, description="How long before its time it is filled; 30 if never said",
        examples=[30]
    )  # fmt: skip
    gap_minutes: int | None = Field(
        default=None, ge=1, le=_MINUTES_OF_A_DAY, description="Kept free around it; 15 if never said",
        examples=[15]
    )  # fmt: skip
    approval: Literal["review", "auto"] | None = Field(
        default=None, description="auto: generated posts are published without a look"
    )  # fmt: skip
    brief: str | None = Field(
        default=None,
        max_length=500,
        description="How the writer shall write",
        examples=["Short, with a question at the end"],
    )
    enabled: bool | None = None


class SlotBody(_Wishes):
    """A weekly slot to make."""

    account_id: Id
    when: str = Field(
        max_length=100, examples=["Monday 18:00"], description="English or French; 18:00, 18h, 6:30 pm, noon"
    )  # fmt: skip


class SlotEditBody(_Wishes):
    """What to change; what is not named stays."""

    when: str | None = Field(default=None, max_length=100, examples=["lundi 18h30"])


class SlotPath(Model):
    """Which slot."""

    slot_id: Id


class SlotView(Model):
    """A slot: what was asked for, and where it is now."""

    id: Id
    account_id: Id
    asked_for: str = Field(examples=["Monday 18:00"])
    takes_place: str = Field(examples=["Monday 18:15"])
    moved_reason: str | None = Field(
        description="Why these two differ", examples=["15 minutes are kept free around Monday 18:00."]
    )  # fmt: skip
    weekday: int = Field(description="ISO: Monday 1 to Sunday 7", examples=[1])
    schedule_time: str = Field(examples=["18:00:00"])
    adjusted_weekday: int = Field(examples=[1])
    adjusted_time: str = Field(examples=["18:15:00"])
    timezone: str | None = Field(description="null follows the profile's zone", examples=[None])
    effective_timezone: str = Field(examples=["Europe/Paris"])
    mode: Literal["queue", "generate"]
    lead_time: str = Field(examples=["00:30:00"])
    min_gap: str = Field(examples=["00:15:00"])
    approval: Literal["review", "auto"]
    brief: str | None = Field(examples=["Short, with a question at the end"])
    enabled: bool


@api.post("", responses={201: SlotView, **refused(404, 409)}, summary="Make a weekly slot",
    description="A time too near another slot of the account moves to the next free minute: `takes_place` and "
    "`moved_reason` say so.")  # fmt: skip
@live_session
@idempotent
def make_slot(body: SlotBody) -> tuple[dict[str, Any], int]:
    user = current_app.extensions["lin"].supabase.as_user(current_user().token)
    return _view(user.add_slot({"account_id": body.account_id, **_columns(body)})), 201


@api.patch("/<slot_id>", responses={200: SlotView, **refused(404, 409)}, summary="Change a weekly slot",
    description="Dates that are opened move along, with the posts scheduled there; `enabled: false` pauses the slot.")  # fmt: skip
@live_session
def edit_slot(path: SlotPath, body: SlotEditBody) -> dict[str, Any]:
    columns = _columns(body)
    if not columns:
        raise InvalidInput.of("body", "Name at least one thing to change.")
    user = current_app.extensions["lin"].supabase.as_user(current_user().token)
    return _view(user.edit_slot(path.slot_id, columns))


def _columns(body: SlotBody | SlotEditBody) -> dict[str, Any]:
    """The table's columns for what the body names; an explicit null resets timezone and brief."""
    columns: dict[str, Any] = body.model_dump(
        exclude_unset=True, include={"timezone", "brief", "mode", "approval", "enabled"}
    )
    for name in ("mode", "approval", "enabled"):
        if columns.get(name, "") is None:
            del columns[name]
    if body.when is not None:
        when = parse_when(body.when)
        columns |= {"weekday": when.weekday, "schedule_time": when.at.isoformat("minutes")}
    if body.lead_minutes is not None:
        columns["lead_time"] = f"{body.lead_minutes} minutes"
    if body.gap_minutes is not None:
        columns["min_gap"] = f"{body.gap_minutes} minutes"
    return columns


def _view(row: dict[str, Any]) -> dict[str, Any]:
    asked = SlotTime(row["weekday"], time.fromisoformat(row["schedule_time"]))
    becomes = SlotTime(row["adjusted_weekday"], time.fromisoformat(row["adjusted_time"]))
    said = {"asked_for": str(asked), "takes_place": str(becomes)}
    return {name: (row | said)[name] for name in SlotView.model_fields}
