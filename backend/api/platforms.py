"""Platforms and accounts: what there is, connecting, disconnecting."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, current_app, make_response, redirect, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from ..core.publishing import utc_now
from ..problems import REFUSALS
from .access import NEEDS_TOKEN, current_user, live_session, open_to_all, signed_in

api = APIBlueprint(
    "platforms",
    __name__,
    url_prefix="/api/platforms",
    abp_tags=[Tag(name="Platforms and accounts")],
    abp_security=NEEDS_TOKEN,
    abp_responses=REFUSALS,
)

BROWSER_COOKIE = "lin_connecting"


class PlatformView(BaseModel):
    """A platform as this server knows it."""

    id: str = Field(examples=["linkedin"])
    name: str = Field(examples=["LinkedIn"])
    enabled: bool = Field(description="Whether posts can go there at all")
    configured: bool = Field(description="Whether this server has credentials for it")
    options: dict[str, Any] = Field(
        description="The JSON Schema of a target's options on this platform"
    )
    limits: dict[str, Any] = Field(examples=[{"text": {"max": 3000, "counted": "characters"}}])


class PlatformList(BaseModel):
    """All platforms."""

    platforms: list[PlatformView]


class ConnectBody(BaseModel):
    """What to connect, and where the browser shall end up."""

    model_config = ConfigDict(extra="forbid")

    platform: str = Field(max_length=30, examples=["linkedin"])
    redirect_to: str = Field(max_length=1500, examples=["https://app.example.org/accounts"])


class ConnectAnswer(BaseModel):
    """Send the browser to `authorization_url` before `expires_at`."""

    authorization_url: str
    expires_at: datetime


class PlatformPath(BaseModel):
    """Which platform."""

    platform: str = Field(max_length=30)


class AccountPath(BaseModel):
    """Which account."""

    account_id: str = Field(pattern=r"^[0-9a-fA-F-]{36}$")


@api.get(
    "",
    responses={200: PlatformList},
    summary="The platforms, their limits, and whether this server can use them",
)
@signed_in
def list_platforms() -> dict[str, Any]:
    lin = current_app.extensions["lin"]
    rows = lin.supabase.as_user(current_user().token).platforms()
    configured = {name for name, platform in lin.platforms.items() if platform.configured}
    return {
        "platforms": [
            {**row, "configured": row["id"] in configured, "options": _options(lin.platforms.get(row["id"]))}
            for row in rows
        ]
    }  # fmt: skip


def _options(platform: Any) -> dict[str, Any]:
    return platform.Options.model_json_schema() if platform else {}


@api.post("/connect", responses={200: ConnectAnswer}, summary="Start connecting an account")
@live_session
def connect(body: ConnectBody) -> Response:
    lin = current_app.extensions["lin"]
    started = lin.connector.start(body.platform, current_user().id, body.redirect_to, utc_now())
    answer = make_response(
        current_app.json.response(
            authorization_url=started.authorization_url, expires_at=started.expires_at.isoformat()
        )
    )
    answer.set_cookie(
        BROWSER_COOKIE,
        started.browser,
        max_age=600,
        path="/api/platforms",
        httponly=True,
        # the frontend may live on another site: only then must the cookie cross sites, and that needs https
        secure=lin.settings.public_url.startswith("https://"),
        samesite="None" if lin.settings.public_url.startswith("https://") else "Lax",
    )
    return answer


@api.get(
    "/<platform>/callback",
    summary="Where the platform sends the browser back",
    security=[{}],
    responses={303: {"description": "Back to redirect_to, with account= or error="}},
)
@open_to_all
def callback(path: PlatformPath) -> Response:
    lin = current_app.extensions["lin"]
    answer = {name: value for name, value in request.args.items() if len(value) <= 4000}
    url = lin.connector.finish(
        path.platform, answer, request.cookies.get(BROWSER_COOKIE), utc_now()
    )
    gone = redirect(url, code=303)
    gone.delete_cookie(BROWSER_COOKIE, path="/api/platforms")
    gone.headers["Referrer-Policy"] = "no-referrer"  # the code in our own URL goes nowhere else
    gone.headers["Cache-Control"] = "no-store"
    return gone  # type: ignore[return-value] # werkzeug's Response, which Flask takes as it is


@api.delete("/accounts/<account_id>", responses={204: None}, summary="Disconnect an account")
@live_session
def disconnect(path: AccountPath) -> tuple[str, int]:
    lin = current_app.extensions["lin"]
    user = current_user()
    account = lin.supabase.as_user(user.token).account(path.account_id)
    lin.connector.disconnect(account["id"], account["platform_id"], user.id)
    return "", 204


class Choices(BaseModel):
    """What the account's owner may choose for a post now, by the names of the platform's options; `notes` are sentences that
    they have to know. Empty for platforms that leave this to the options."""

    choices: dict[str, Any] = Field(examples=[{"privacy_level": ["SELF_ONLY"], "notes": []}])


@api.get(
    "/accounts/<account_id>/choices",
    responses={200: Choices},
    summary="What the platform lets this account choose, asked now",
)
@signed_in
def choices(path: AccountPath) -> dict[str, Any]:
    lin = current_app.extensions["lin"]
    return {"choices": dict(lin.follow_ups.choices(path.account_id, current_user().id))}
