"""``/v2/post/publish``: init, status, cancel (platform facts 5.3)."""

from __future__ import annotations

import secrets
from typing import Any, cast

from flask import Blueprint, request

from local.sandbox.records import SeenRequest

from .errors import TikTokError, envelope
from .fields import Fields
from .gateway import Session, json_object, session
from .publications import sent_today, settle, users_today
from .pulling import pull
from .reading import (
    PostInfo,
    Source,
    read_photo_info,
    read_photo_source,
    read_video_info,
    read_video_source,
)
from .state import Publication, State

#: Per minute, all three init calls together (the strict reading), and status calls.
_INITS, _STATUSES = 6, 30
_DIRECT, _DRAFT = "video.publish", "video.upload"


def blueprint(state: State) -> Blueprint:
    """The Content Posting API, creator info aside."""
    views = Blueprint("publishing", __name__)

    @views.post("/v2/post/publish/video/init/")
    def video() -> dict[str, Any]:
        me = _starting(_DIRECT)
        body = Fields(json_object(), "", ("post_info", "source_info"))
        creator = state.creator(me.member)
        check_caps(me, "direct")
        info = read_video_info(me, body, creator)
        return _start(me, "video", read_video_source(me, body), info, inbox=False)

    @views.post("/v2/post/publish/inbox/video/init/")
    def draft() -> dict[str, Any]:
        me = _starting(_DRAFT)
        body = Fields(json_object(), "", ("source_info",))
        check_caps(me, "inbox")
        source = read_video_source(me, body)
        return _start(me, "video", source, PostInfo("", "", {}), inbox=True)

    @views.post("/v2/post/publish/content/init/")
    def photos() -> dict[str, Any]:
        me = _starting(_DIRECT, _DRAFT)
        known = ("media_type", "post_mode", "post_info", "source_info")
        body = Fields(json_object(), "", known)
        body.choice("media_type", ("PHOTO",))
        direct = body.choice("post_mode", ("DIRECT_POST", "MEDIA_UPLOAD")) == "DIRECT_POST"
        me.require(_DIRECT if direct else _DRAFT)
        check_caps(me, "direct" if direct else "inbox")
        info = read_photo_info(me, body, state.creator(me.member), direct=direct)
        return _start(me, "image", read_photo_source(me, body), info, inbox=not direct)

    @views.post("/v2/post/publish/status/fetch/")
    def status() -> dict[str, Any]:
        publication = _named(state)
        settle(state, publication)
        data: dict[str, Any] = {"status": publication.status}
        if publication.fail_reason is not None:
            data["fail_reason"] = publication.fail_reason
        if publication.is_public(state):
            # Misspelt so by TikTok; numbers beyond what a double holds.
            data["publicaly_available_post_id"] = [publication.post_id]
        return envelope(data)

    @views.post("/v2/post/publish/cancel/")
    def cancel() -> dict[str, Any]:
        publication = _named(state)
        settle(state, publication)
        with publication.lock:
            if publication.over:
                raise TikTokError("publish_not_cancellable", "It is published or failed already.")
            publication.fail_reason = "publish_cancelled"
        return envelope({})

    return views


def check_caps(me: Session, what: str) -> None:
    """Caps on posting; ``what`` is ``direct`` or ``inbox``. Raises TikTokError 403.

    Whether the cap on drafts counts those of a day or those pending at once is not confirmed; here
    it is those of a day.
    """
    state, member = me.state, me.member
    creator = state.creator(member)
    if creator.banned:
        raise TikTokError("spam_risk_user_banned_from_posting", "The user is banned from posting.")
    if what == "inbox":
        if sent_today(state, member, inbox=True) >= creator.pending_shares:
            message = f"There are {creator.pending_shares} drafts of the last 24 hours already."
            raise TikTokError("spam_risk_too_many_pending_share", message)
        return
    if sent_today(state, member, inbox=False) >= creator.posts_per_day:
        message = f"{creator.posts_per_day} posts in 24 hours are the most."
        raise TikTokError("spam_risk_too_many_posts", message)
    cap = me.app.most_active_users
    if cap is not None:
        users = users_today(state, me.app.client_id)
        if member not in users and len(users) >= cap:
            message = f"{cap} people posted through this app in the last 24 hours."
            raise TikTokError("reached_active_user_cap", message)


def _starting(*any_of: str) -> Session:
    me = session()
    me.require(*any_of)
    me.spend("init", _INITS)
    return me


def _start(
    me: Session, kind: str, source: Source, info: PostInfo, *, inbox: bool
) -> dict[str, Any]:
    state, post_id = me.state, me.state.world.new_id()
    seen = cast("SeenRequest", request.environ["sandbox.seen"])
    sent = {"source_info": request.get_json()["source_info"]}
    publication = Publication(
        id=_publish_id(kind, source, post_id, inbox=inbox),
        post_id=post_id,
        token=me.token,
        kind=kind,
        inbox=inbox,
        source=source.kind,
        caption=info.caption,
        visibility=info.privacy_level,
        sent=sent | ({"post_info": info.sent} if info.sent else {}),
        opened=me.now,
        request=seen.number,
        client_request_id=seen.client_request_id,
        size=source.size,
        chunk_size=source.chunk_size,
        chunks=source.chunks,
        defects=[] if inbox else _unasked(me),
    )
    state.publications[publication.id] = publication
    state.by_post_id[str(post_id)] = publication
    data = {"publish_id": publication.id}
    if source.kind == "PULL_FROM_URL":
        pull(state, publication, source.urls)
    else:
        publication.upload_key = secrets.token_urlsafe(24)
        state.by_upload[publication.upload_key] = publication
        data["upload_url"] = (
            f"https://open-upload.tiktokapis.com/video/?upload_id={post_id}"
            f"&upload_token={publication.upload_key}"
        )
    return envelope(data)


def _unasked(me: Session) -> list[str]:
    """Creator info has to be asked before each direct post; TikTok cannot refuse who did not."""
    key = (me.app.client_id, me.member)
    if key in me.state.asked_creator:
        me.state.asked_creator.discard(key)
        return []
    return ["creator_info was not asked before this post"]


def _publish_id(kind: str, source: Source, number: int, *, inbox: bool) -> str:
    what = "v" if kind == "video" else "p"
    where = "inbox" if inbox else "pub"
    how = "file" if source.kind == "FILE_UPLOAD" else "url"
    return f"{what}_{where}_{how}~v2.{number}"


def _named(state: State) -> Publication:
    """Row 15: the publication of the caller that the body names."""
    me = session()
    me.require(_DIRECT, _DRAFT)
    me.spend("status", _STATUSES)
    body = Fields(json_object(), "", ("publish_id",))
    body.required("publish_id")
    publication = state.publications.get(body.text("publish_id"))
    if publication is None:
        raise TikTokError("invalid_publish_id", "There is no such publish_id.")
    if publication.member != me.member or publication.token.app is not me.app:
        message = "The publish_id belongs to another user or another app."
        raise TikTokError("token_not_authorized_for_specified_publish_id", message)
    return publication
