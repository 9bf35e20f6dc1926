"""When a post appears, and how it is kept (platform facts 3.3 and 3.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from flask import request

from local.sandbox.graph.directory import Page
from local.sandbox.graph.errors import GraphError, bad_parameter
from local.sandbox.graph.gateway import Session
from local.sandbox.graph.parameters import Parameters
from local.sandbox.graph.text import pieces_of_message
from local.sandbox.records import ReceivedPost, SeenRequest

from .state import FacebookState, Photo

#: A widely used figure that is not in the API's documentation.
_MESSAGE = 63_206
_SOONEST = 600
WHEN = ("published", "scheduled_publish_time", "unpublished_content_type")


@dataclass(frozen=True)
class When:
    """``PUBLIC`` now, ``SCHEDULED`` for ``at``, or ``UNPUBLISHED``."""

    visibility: str
    at: float | None = None


def read_when(state: FacebookState, me: Session, sent: Parameters) -> When:
    """Row 9. Raises GraphError 100."""
    published = sent.flag("published", True)
    at = sent.whole("scheduled_publish_time")
    if at is None:
        return When("PUBLIC" if published else "UNPUBLISHED")
    if published:
        raise bad_parameter("scheduled_publish_time needs published=false")
    farthest = state.settings.get("schedule_seconds", me.member)
    if not _SOONEST <= at - me.now <= farthest:
        raise bad_parameter("The specified scheduled publish time is invalid.")
    return When("SCHEDULED", float(at))


def read_message(sent: Parameters, *names: str) -> str:
    """The text under the first of these names that was sent."""
    text = next((sent.text(name) for name in names if sent.has(name)), "")
    if len(text) > _MESSAGE:
        raise bad_parameter(f"The message has {len(text)} characters, at most {_MESSAGE}")
    return text


def described(photo: Photo) -> dict[str, Any]:
    """A photo as the feed shows it."""
    return photo.media.as_json() | {"alt_text": photo.alt_text, "title": None}


def new_post(
    state: FacebookState, me: Session, page: Page, urn: str, message: str, when: When, kind: str
) -> ReceivedPost:
    """A post that is not kept yet. ``urn`` is the id the caller is answered."""
    seen = cast("SeenRequest", request.environ["sandbox.seen"])
    return ReceivedPost(
        urn=urn,
        platform="facebook",
        member=me.member,
        author=page.id,
        author_name=page.name,
        app=me.app.client_id,
        commentary=message,
        visible_text=message,
        pieces=pieces_of_message(message),
        visibility=when.visibility,
        created=me.now,
        kind=kind,
        content={"page": page.id} | ({"scheduled": when.at} if when.at else {}),
        distribution="MAIN_FEED" if when.visibility == "PUBLIC" else "NONE",
        request=seen.number,
        client_request_id=seen.client_request_id,
    )


def ignored(sent: Parameters, *known: str) -> list[str]:
    """Parameters that Meta would ignore without a word: worth a note beside the post."""
    return [f"{name} is not documented and was ignored" for name in sent.unknown(known)]


def keep(state: FacebookState, post: ReceivedPost, *, once: bool = False) -> None:
    """Add the post to the feed.

    Row 16: with ``once``, what repeats the page's latest post is refused with code 506, which is
    "weak": only the very next post is compared. One that was deleted since still counts (strict).
    Two at once: exactly one of them gets through.
    """
    with state.world.lock:
        latest = state.world.posts.newest(
            lambda other: other.platform == "facebook" and other.author == post.author, 1
        )
        if once and latest and _same(latest[0]) == _same(post):
            message = "(#506) Duplicate status message"
            raise GraphError(506, message, status=state.settings.get("duplicate_status"))
        state.world.add_post(post)


def _same(post: ReceivedPost) -> tuple[Any, ...]:
    hashes = tuple(each["sha256"] for each in post.media)
    return post.commentary, post.content.get("link"), hashes, post.visibility


def new_post_id(state: FacebookState, page: Page) -> str:
    """``{page}_{post}``."""
    return f"{page.id}_{state.world.new_id()}"
