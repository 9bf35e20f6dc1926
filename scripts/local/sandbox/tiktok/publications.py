"""A publication from its init call to the post readers see (platform facts 5.3 and 5.5)."""

from __future__ import annotations

import threading

from local.sandbox.records import Media, ReceivedPost

from .captions import pieces
from .inspecting import inspect_photo, inspect_video
from .state import Publication, State

DAY = 86_400


def add_media(state: State, publication: Publication, data: bytes) -> Media:
    """Keep one file of a publication and look into it."""
    urn = f"{publication.id}.{len(publication.media)}"
    media = Media(urn, "tiktok", publication.member, publication.member, publication.kind, data)
    if publication.kind == "video":
        inspect_video(media, state.creator(publication.member).max_video_post_duration_sec)
    else:
        inspect_photo(media)
    publication.media.append(media)
    state.world.media[urn] = media
    return media


def complete(state: State, publication: Publication) -> None:
    """All bytes are here: from now on it publishes by itself."""
    with publication.lock:
        if publication.over:
            return
        publication.complete = state.now(publication.member)
    settle(state, publication)
    left = state.creator(publication.member).processing_seconds
    if not publication.over:
        # Somebody may wait for the post without asking for its status.
        timer = threading.Timer(left + 0.01, settle, (state, publication))
        timer.daemon = True
        timer.start()


def settle(state: State, publication: Publication) -> None:
    """Publish it or let it fail, if its processing time is over; else do nothing."""
    with publication.lock:
        if publication.over or publication.complete is None:
            return
        creator = state.creator(publication.member)
        if state.now(publication.member) < publication.complete + creator.processing_seconds:
            return
        failures = [media.failure for media in publication.media if media.failure]
        if publication.token.grant.revoked:
            failures.insert(0, "auth_removed")
        if creator.fail_reason is not None:
            failures.insert(0, creator.fail_reason)
        if failures:
            publication.fail_reason = failures[0]
            return
        if state.publications.get(publication.id) is publication:
            publication.published = state.now(publication.member)
            state.world.add_post(_post(state, publication))


def _post(state: State, publication: Publication) -> ReceivedPost:
    member, app = publication.member, publication.token.app
    photos = "image" if len(publication.media) == 1 else "multiImage"
    peculiar = {
        "inbox": publication.inbox,
        "post_id": None if publication.inbox else str(publication.post_id),
        "username": state.username(member),
    }
    return ReceivedPost(
        urn=publication.id,
        platform="tiktok",
        member=member,
        author=state.subject(app, member),
        author_name=state.member(member).name,
        app=app.client_id,
        commentary=publication.caption,
        visible_text=publication.caption,
        pieces=pieces(publication.caption),
        visibility="INBOX" if publication.inbox else publication.visibility,
        created=publication.published or 0.0,
        kind="video" if publication.kind == "video" else photos,
        content=publication.sent | peculiar,
        media=[media.as_json() | {"alt_text": None, "title": None} for media in publication.media],
        defects=publication.defects,
        request=publication.request,
        client_request_id=publication.client_request_id,
    )


def sent_today(state: State, member: str, *, inbox: bool) -> int:
    """How many posts (or drafts) the member sent whole in the last 24 hours; failed ones aside."""
    since = state.now(member) - DAY
    pretended = [] if inbox else state.pretended.get(member, [])
    mine = [each for each in _lately(state, inbox=inbox) if each.member == member]
    return len(mine) + sum(time > since for time in pretended)


def users_today(state: State, client_id: str) -> set[str]:
    """Who posted through an app in the last 24 hours, drafts aside."""
    lately = _lately(state, inbox=False)
    return {each.member for each in lately if each.token.app.client_id == client_id}


def _lately(state: State, *, inbox: bool) -> list[Publication]:
    return [
        each
        for each in list(state.publications.values())
        if each.inbox == inbox
        and each.fail_reason is None
        and each.complete is not None
        and each.complete > state.now(each.member) - DAY
    ]
