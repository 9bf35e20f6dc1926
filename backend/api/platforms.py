"""Platforms and accounts: what there is, connecting, disconnecting."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, make_response, redirect, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import ConfigDict, Field

from ..core.publishing import utc_now
from ..described import Model
from ..problems import REFUSALS, refused
from .access import NEEDS_TOKEN, current_user, live_session, open_to_all, signed_in
from .documenting import takes
from .fields import Id, Moment
from .limits import limited

api = APIBlueprint(
    "platforms",
    __name__,
    url_prefix="/api/platforms",
    abp_tags=[Tag(name="Platforms and accounts")],
    abp_security=NEEDS_TOKEN,
    abp_responses=REFUSALS,
)

BROWSER_COOKIE = "lin_connecting"
_LOCATION = {
    "Location": {"description": "The redirect_to of the one who began", "schema": {"type": "string", "format": "uri"}}
}  # fmt: skip


class PlatformView(Model):
    """A platform as this server knows it."""

    id: str = Field(examples=["linkedin"])
    name: str = Field(examples=["LinkedIn"])
    enabled: bool = Field(description="Whether posts can go there at all")
    configured: bool = Field(description="Whether this server has credentials for it")
    options: dict[str, Any] = Field(
        description="The JSON Schema of a target's options on this platform",
        examples=[{"type": "object", "properties": {"visibility": {"type": "string"}}}],
    )
    limits: dict[str, Any] = Field(examples=[{"text": {"max": 3000, "counted": "characters"}}])


class PlatformList(Model):
    """All platforms."""

    platforms: list[PlatformView]


class ConnectBody(Model):
    """What to connect, and where the browser shall end up."""

    model_config = ConfigDict(extra="forbid")

    platform: str = Field(max_length=30, examples=["linkedin"])
    redirect_to: str = Field(max_length=1500, examples=["https://app.example.org/accounts"])


class ConnectAnswer(Model):
    """Send the browser to `authorization_url` before `expires_at`."""

    authorization_url: str = Field(
        examples=["https://www.linkedin.com/oauth/v2/authorization?response_type=code&state=…"]
    )
    expires_at: Moment


class PlatformPath(Model):
    """Which platform."""

    platform: str = Field(
        max_length=30,
        description="As GET /api/platforms names it",
        examples=["linkedin"],
    )


class AccountPath(Model):
    """Which account."""

    account_id: Id


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


@api.post(
    "/connect", responses={200: ConnectAnswer}, summary="Start connecting an account",
    description="Sets a cookie: the browser that begins has to be the one that ends it (`credentials: 'include'`).",
)  # fmt: skip
@live_session
@limited("connect")
def connect(body: ConnectBody) -> Response:
    lin, user = current_app.extensions["lin"], current_user()
    started = lin.connector.start(
        body.platform, user.id, body.redirect_to, utc_now(), user.session_id
    )
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
    responses={
        303: {"description": "Back to redirect_to, with account= or error=", "headers": _LOCATION}
    },
    description="Browsers come here with what the platform says: `state`, and `code` or `error`. A state works once, and "
    "only in the browser that began.",
)
@open_to_all
@limited("connect")
@takes("state", "As Lin gave it to the platform", "k3J9…", place="query", maxLength=4000)
@takes("code", "The platform's consent", "AQT…", place="query", maxLength=4000)
@takes("error", "Why there is none", "user_cancelled_login", place="query", maxLength=4000)
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


@api.delete(
    "/accounts/<account_id>", responses={204: None, **refused(404, 409)}, summary="Disconnect an account",
    description="Its tokens are revoked at the platform, as far as that answers, and forgotten.",
)  # fmt: skip
@live_session
@limited("connect")
def disconnect(path: AccountPath) -> tuple[str, int]:
    lin = current_app.extensions["lin"]
    user = current_user()
    account = lin.supabase.as_user(user.token).account(path.account_id)
    lin.connector.disconnect(account["id"], account["platform_id"], user.id)
    return "", 204


class Choices(Model):
    """What the account's owner may choose for a post now, by the names of the platform's options; `notes` are sentences that
    they have to know. Empty for platforms that leave this to the options."""

    choices: dict[str, Any] = Field(examples=[{"privacy_level": ["SELF_ONLY"], "notes": []}])


@api.get(
    "/accounts/<account_id>/choices",
    responses={200: Choices, **refused(404, 409)},
    summary="What the platform lets this account choose, asked now",
)
@live_session
@limited("connect")
def choices(path: AccountPath) -> dict[str, Any]:
    lin = current_app.extensions["lin"]
    return {"choices": dict(lin.follow_ups.choices(path.account_id, current_user().id))}
