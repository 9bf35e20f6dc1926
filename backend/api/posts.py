"""Posts through Flask: what will be sent, and publishing now. Everything else a frontend does on Supabase."""

from __future__ import annotations

import logging
import re
import time
from datetime import datetime
from typing import Any

from flask import Response, current_app, make_response, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import Field

from ..core.errors import NotFound
from ..core.previewing import preview_targets
from ..described import Model
from ..problems import REFUSALS, refused
from .access import NEEDS_TOKEN, current_user, live_session, signed_in
from .documenting import takes
from .fields import Id, Moment
from .idempotency import idempotent

api = APIBlueprint(
    "posts",
    __name__,
    url_prefix="/api/posts",
    abp_tags=[Tag(name="Posts")],
    abp_security=NEEDS_TOKEN,
    abp_responses=REFUSALS,
)

log = logging.getLogger("lin.posts")

LONGEST_WAIT_SECONDS = 60
_POLL_SECONDS = 0.2
_GOING_ON = frozenset({"scheduled", "preparing", "sending", "confirming"})


class PostPath(Model):
    """Which post."""

    post_id: Id


class TargetPath(PostPath):
    """Which target of it."""

    target_id: Id


class TargetView(Model):
    """What became of one target."""

    id: Id
    account_id: Id
    state: str = Field(examples=["published"])
    external_id: str | None = Field(examples=["urn:li:share:7000000000000000001"])
    external_url: str | None = Field(
        examples=["https://www.linkedin.com/feed/update/urn:li:share:7000000000000000001"]
    )
    external_id_unknown: bool = Field(
        description="It is published, and the platform did not say as what", examples=[False]
    )
    error_class: str | None = Field(examples=[None])
    error: str | None = Field(description="What went wrong, for its owner", examples=[None])
    published_at: Moment | None
    deleted_at: datetime | None = Field(
        description="When it was deleted from the platform", examples=[None]
    )
    next_attempt_at: datetime | None = Field(examples=[None])


class PostView(Model):
    """A post and what became of it."""

    id: Id
    status: str = Field(examples=["published"])
    scheduled_at: Moment | None
    targets: list[TargetView]


class PartPreview(Model):
    """One text exactly as it is sent."""

    text: str = Field(description="After escaping", examples=["Twelve bridges. #Lyon"])
    length: int = Field(description="As the platform counts", examples=[21])
    max_length: int = Field(examples=[3000])
    hashtags: list[str] = Field(examples=[["Lyon"]])
    links: list[str] = Field(examples=[["https://example.org/bridges"]])


class SentPreview(Model):
    """A file as it will be sent."""

    mime: str = Field(examples=["image/jpeg"])
    width: int | None = Field(examples=[1440])
    height: int | None = Field(examples=[1080])
    changes: list[str] = Field(
        description="What is done to a picture so that the platform takes it",
        examples=[["scaled from 4000 × 3000 to 1440 × 1080"]],
    )


class FilePreview(Model):
    """A file of the post, and what will be sent of it. Metadata of pictures (the place, the camera) and the
    place in a video are always removed."""

    id: Id
    kind: str | None = Field(examples=["image"])
    mime: str | None = Field(examples=["image/png"])
    bytes: int | None = Field(examples=[146515])
    width: int | None = Field(examples=[4000])
    height: int | None = Field(examples=[3000])
    duration: float | None = Field(description="In seconds", examples=[None])
    frame_rate: float | None = Field(
        description="Pictures a second; null where the file does not tell", examples=[None]
    )
    codec: str | None = Field(examples=["H.264"])
    alt_text: str | None = Field(examples=["A bridge over the Saône"])
    status: str = Field(examples=["ready"])
    sent: SentPreview | None


class TargetPreview(Model):
    """A target exactly as it would be sent."""

    target_id: Id
    account_name: str = Field(examples=["Ada Lovelace"])
    platform: str = Field(examples=["linkedin"])
    text: str = Field(
        description="As it is sent, after escaping; of a thread: as it was written", examples=["Twelve bridges. #Lyon"]
    )  # fmt: skip
    length: int = Field(description="As the platform counts, of all parts", examples=[21])
    max_length: int = Field(description="Of one part", examples=[3000])
    parts: list[PartPreview] = Field(description="One, or the posts of a thread in their order")
    privacy: str | None = Field(
        description="Who may see it, in the platform's own word", examples=["PUBLIC"]
    )
    media: list[FilePreview]
    violations: list[dict[str, str]] = Field(
        description="What stands in the way", examples=[[{"field": "text", "message": "3001 characters; 3000 are allowed"}]]
    )  # fmt: skip


class Preview(Model):
    """Every target of a post as it would be sent."""

    post_id: Id
    targets: list[TargetPreview]


@api.get(
    "/<post_id>/preview",
    responses={200: Preview, **refused(404)},
    summary="Each target exactly as it will be sent",
)
@signed_in
def preview(path: PostPath) -> dict[str, Any]:
    lin = current_app.extensions["lin"]
    user = lin.supabase.as_user(current_user().token)
    post = user.post(path.post_id)
    return {
        "post_id": post["id"],
        "targets": preview_targets(post, lin.platforms, lin.plan_picture),
    }


@api.post(
    "/<post_id>/publish", responses={200: PostView, 202: PostView, **refused(404, 409)}, summary="Publish now",
    description="Schedules the post for now and waits up to `Prefer: wait=N` seconds (60 at most). 200: every target has "
    "ended or needs its owner; 202: still going on.",
)  # fmt: skip
@live_session
@idempotent
@takes("Prefer", "How many seconds to wait for the end, 60 at most (RFC 7240)", "wait=20")
def publish(path: PostPath) -> Response:
    lin = current_app.extensions["lin"]
    user = lin.supabase.as_user(current_user().token)
    user.schedule_post(path.post_id)
    wait = _preferred_wait(request.headers.get("Prefer", ""))
    deadline = time.monotonic() + wait
    post = user.post(path.post_id)
    # from this line on the ids of the targets lead through the logs of the workers
    log.info("publishing asked for", extra={"post_id": post["id"], "target_ids": [target["id"] for target in post["post_targets"]]})  # fmt: skip
    while _is_going_on(post) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        post = user.post(path.post_id)
    answer = make_response(current_app.json.response(_post_view(post)))
    answer.status_code = 202 if _is_going_on(post) else 200
    if wait:
        answer.headers["Preference-Applied"] = f"wait={wait}"
    return answer


@api.delete(
    "/<post_id>/targets/<target_id>/publication", responses={204: None, **refused(404, 409)},
    summary="Delete a published post from its platform",
    description="Where the platform lets apps do that. The target stays `published`, with `deleted_at`.",
)  # fmt: skip
@live_session
def delete_publication(path: TargetPath) -> tuple[str, int]:
    lin = current_app.extensions["lin"]
    user = current_user()
    post = lin.supabase.as_user(user.token).post(path.post_id)
    if path.target_id.lower() not in {target["id"] for target in post["post_targets"]}:
        raise NotFound("There is no such target.")
    lin.follow_ups.delete(path.target_id, user.id)
    return "", 204


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
