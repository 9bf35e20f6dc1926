"""Webhooks: what needs their secret, and what makes an event. Frontends list, change, pause and delete them, and read the log of
deliveries, through Supabase (`webhooks`, `webhook_deliveries`)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import current_app
from flask_openapi3 import APIBlueprint, Tag
from pydantic import ConfigDict, Field

from ..described import Model
from ..problems import REFUSALS, refused
from .access import NEEDS_TOKEN, current_user, live_session
from .fields import Id, Moment
from .idempotency import idempotent, idempotent_in_secret

api = APIBlueprint(
    "webhooks",
    __name__,
    url_prefix="/api/webhooks",
    abp_tags=[Tag(name="Webhooks")],
    abp_security=NEEDS_TOKEN,
    abp_responses=REFUSALS,
)

_HOUR = 3600
_SECRET = Field(
    description="Shown this once: with it the receiver checks the signatures",
    examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
)

Kind = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,49}$", examples=["target_published"])]


class WebhookBody(Model):
    """A webhook to make."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        min_length=1, max_length=2000, examples=["https://hooks.example.org/lin"],
        description="Where events are posted; https, and nothing on a private network",
    )  # fmt: skip
    kinds: list[Kind] | None = Field(
        default=None, min_length=1, max_length=50, examples=[["target_published", "target_failed"]],
        description="The kinds of notifications to post; null for all",
    )  # fmt: skip
    description: str | None = Field(
        default=None, max_length=200, pattern=r"^[^\x00]*$", examples=["The office's screen"]
    )


class WebhookPath(Model):
    """Which webhook."""

    webhook_id: Id


class DeliveryPath(Model):
    """Which delivery of the log."""

    delivery_id: Id


class WebhookView(Model):
    """A new webhook with its secret."""

    id: Id
    url: str = Field(examples=["https://hooks.example.org/lin"])
    kinds: list[Kind] | None = Field(
        description="null: all", examples=[["target_published", "target_failed"]]
    )
    description: str | None = Field(examples=["The office's screen"])
    enabled: bool
    disabled_reason: Literal["owner", "gone", "failing"] | None = Field(examples=[None])
    created_at: Moment
    secret: str = _SECRET


class SecretBody(Model):
    """How to change over."""

    model_config = ConfigDict(extra="forbid")

    overlap_hours: int = Field(
        default=24, ge=0, le=168,
        description="So long the old secret signs beside the new one; 0 when it is in the wrong hands",
    )  # fmt: skip


class SecretAnswer(Model):
    """A new secret."""

    secret: str = _SECRET
    old_ones_end_at: Moment = Field(description="Until then the old secret signs as well")


class TestAnswer(Model):
    """A test on its way."""

    delivery_id: Id = Field(description="Its row in `webhook_deliveries` tells what came of it")


class RedeliverAnswer(Model):
    """An event on its way again."""

    delivery_id: Id


@api.post("", responses={201: WebhookView, **refused(404, 409)}, summary="Make a webhook",
    description="Whatever the caller is told from now on is posted there, signed as Standard Webhooks 1.0 has it.")  # fmt: skip
@live_session
@idempotent_in_secret
def make_webhook(body: WebhookBody) -> tuple[dict[str, Any], int]:
    subscriber = current_app.extensions["lin"].subscriber
    row, secret = subscriber.subscribe(current_user().id, body.url, body.kinds, body.description)
    view = {name: row[name] for name in WebhookView.model_fields if name != "secret"}
    return view | {"secret": secret}, 201


@api.post("/<webhook_id>/secret", responses={201: SecretAnswer, **refused(404, 409)}, summary="Change a webhook's secret",
    description="Until the old secret ends, events carry a signature of each, and receivers take either.")  # fmt: skip
@live_session
@idempotent_in_secret
def renew_secret(path: WebhookPath, body: SecretBody) -> tuple[dict[str, Any], int]:
    subscriber = current_app.extensions["lin"].subscriber
    fresh = subscriber.renew_secret(current_user().id, path.webhook_id, body.overlap_hours * _HOUR)
    return {"secret": fresh.secret, "old_ones_end_at": fresh.old_ones_end_at.isoformat()}, 201


@api.post("/<webhook_id>/test", responses={202: TestAnswer, **refused(404, 409)}, summary="Post a test event to a webhook",
    description="Its type is `webhook_test`. It is tried once, also where the webhook is switched off.")  # fmt: skip
@live_session
@idempotent
def try_webhook(path: WebhookPath) -> tuple[dict[str, Any], int]:
    user = current_app.extensions["lin"].supabase.as_user(current_user().token)
    return {"delivery_id": user.test_webhook(path.webhook_id)}, 202


@api.post("/deliveries/<delivery_id>/again", responses={202: RedeliverAnswer, **refused(404, 409)}, summary="Post an event once more",
    description="With the id it had, whatever came of it before.")  # fmt: skip
@live_session
@idempotent
def redeliver(path: DeliveryPath) -> tuple[dict[str, Any], int]:
    user = current_app.extensions["lin"].supabase.as_user(current_user().token)
    user.redeliver_webhook(path.delivery_id)
    return {"delivery_id": path.delivery_id}, 202
