"""Posts through Flask: what will be sent, and publishing now. Everything else a frontend does on Supabase."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Any

from flask import Response, current_app, make_response, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from ..core.previewing import preview_targets
from ..problems import REFUSALS
from .access import NEEDS_TOKEN, current_user, live_session, signed_in
from .idempotency import idempotent

api = APIBlueprint(
    "posts",
    __name__,
    url_prefix="/api/posts",
    abp_tags=[Tag(name="Posts")],
    abp_security=NEEDS_TOKEN,
    abp_responses=REFUSALS,
)

LONGEST_WAIT_SECONDS = 60
_POLL_SECONDS = 0.2
_GOING_ON = frozenset({"scheduled", "preparing", "sending", "confirming"})


class PostPath(BaseModel):
    """Which post."""

    post_id: str = Field(pattern=r"^[0-9a-fA-F-]{36}$")


class TargetView(BaseModel):
    """What became of one target."""

    id: str
    account_id: str
    state: str = Field(examples=["published"])
    external_id: str | None = Field(examples=["urn:li:share:7000000000000000001"])
    external_url: str | None
    external_id_unknown: bool
    error_class: str | None
    error: str | None
    published_at: datetime | None
    next_attempt_at: datetime | None


class PostView(BaseModel):
    """A post and what became of it."""

    id: str
    status: str = Field(examples=["published"])
    scheduled_at: datetime | None
    targets: list[TargetView]


class TargetPreview(BaseModel):
    """A target exactly as it would be sent."""

    target_id: str
    account_name: str
    platform: str
    text: str = Field(description="As it is sent, after escaping")
    length: int = Field(description="As the platform counts")
    max_length: int | None
    media: list[dict[str, Any]]
    violations: list[dict[str, str]]


class Preview(BaseModel):
    """Every target of a post as it would be sent."""

    post_id: str
    targets: list[TargetPreview]


@api.get(
    "/<post_id>/preview", responses={200: Preview}, summary="Each target exactly as it will be sent"
)
@signed_in
def preview(path: PostPath) -> dict[str, Any]:
    lin = current_app.extensions["lin"]
    user = lin.supabase.as_user(current_user().token)
    post = user.post(path.post_id)
    limits = {row["id"]: row["limits"] for row in user.platforms()}
    return {"post_id": post["id"], "targets": preview_targets(post, lin.platforms, limits)}


@api.post(
    "/<post_id>/publish", responses={200: PostView, 202: PostView}, summary="Publish now",
    description="Schedules the post for now and waits up to `Prefer: wait=N` seconds (60 at most). 200: every target has "
    "ended or needs its owner; 202: still going on.",
)  # fmt: skip
@live_session
@idempotent
def publish(path: PostPath) -> Response:
    lin = current_app.extensions["lin"]
    user = lin.supabase.as_user(current_user().token)
    user.schedule_post(path.post_id)
    wait = _preferred_wait(request.headers.get("Prefer", ""))
    deadline = time.monotonic() + wait
    post = user.post(path.post_id)
    while _is_going_on(post) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        post = user.post(path.post_id)
    answer = make_response(current_app.json.response(_post_view(post)))
    answer.status_code = 202 if _is_going_on(post) else 200
    if wait:
        answer.headers["Preference-Applied"] = f"wait={wait}"
    return answer


def _preferred_wait(prefer: str) -> int:
    """The seconds of RFC 7240's `wait` preference, capped; 0 without it."""
    match = re.search(r"(?:^|[,;\s])wait\s*=\s*(\d{1,6})", prefer)
    return min(int(match[1]), LONGEST_WAIT_SECONDS) if match else 0


def _is_going_on(post: dict[str, Any]) -> bool:
    return any(target["state"] in _GOING_ON for target in post["post_targets"])


def _post_view(post: dict[str, Any]) -> dict[str, Any]:
    fields = TargetView.model_fields
    return {
        "id": post["id"],
        "status": post["status"],
        "scheduled_at": post["scheduled_at"],
        "targets": [{name: target[name] for name in fields} for target in post["post_targets"]],
    }
