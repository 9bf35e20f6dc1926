"""Turn the body of ``POST /rest/posts`` into a post (platform facts 1.3, 1.4 and 1.7)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from local.sandbox.records import ReceivedPost

from .assets import check_owner
from .content import Content, read_content
from .errors import LinkedInError, blank, invalid_value, too_long, wrong_schema
from .fields import Fields
from .gateway import Session
from .little_text import ReadText, read
from .state import State

_COMMENTARY = 3000
_DUPLICATE_SECONDS = 600
_VISIBILITIES = ("PUBLIC", "CONNECTIONS", "LOGGED_IN", "CONTAINER")
_POST_URNS = ("urn:li:share", "urn:li:ugcPost")
_KNOWN = (
    "author",
    "commentary",
    "visibility",
    "distribution",
    "lifecycleState",
    "isReshareDisabledByAuthor",
    "content",
    "reshareContext",
)


def read_post(state: State, me: Session, body: dict[str, Any]) -> ReceivedPost:
    """Check a body and say what its readers would see; nothing is kept yet.

    The order is: may the token post at all, does the schema fit, are the values right, is the
    author the caller, are text and content right. Raises LinkedInError.
    """
    me.require("partnerApiPostsExternal.CREATE", "w_member_social", "w_organization_social")
    fields = Fields(body, "", _KNOWN)
    author = fields.text("author")
    commentary = fields.text("commentary", empty=True)
    visibility = fields.choice("visibility", _VISIBILITIES)
    distribution = _distribution(fields)
    fields.choice("lifecycleState", ("PUBLISHED",))
    reshare_disabled = fields.flag("isReshareDisabledByAuthor")
    check_owner(state, me, author, "partnerApiPostsExternal.CREATE")
    if author.startswith("urn:li:organization:") and visibility != "PUBLIC":
        raise invalid_value("visibility", "an organization posts as PUBLIC")
    text = read_commentary(state, commentary)
    content = read_content(state, fields, author)
    if not commentary.strip() and content.kind == "text" and not _reshared(fields):
        raise blank("commentary", "a post needs a text or content")
    return ReceivedPost(
        urn=_new_urn(state, content),
        platform="linkedin",
        member=me.member,
        author=author,
        author_name=state.organization_name(author) or state.member(me.member).name,
        app=me.app.client_id,
        commentary=commentary,
        visible_text=text.visible,
        pieces=text.pieces,
        visibility=visibility,
        created=state.now(me.member),
        kind=content.kind,
        content=content.sent,
        media=content.media,
        defects=text.defects + _unseen(visibility, distribution),
        distribution=distribution,
        reshare_disabled=reshare_disabled,
    )


def read_commentary(state: State, commentary: str) -> ReadText:
    """The text as readers see it. Raises FIELD_LENGTH_TOO_LONG above 3000 visible code points."""
    text = read(commentary, state.organization_name)
    if text.length > _COMMENTARY:
        raise too_long("commentary", _COMMENTARY, text.length)
    return text


def keep(state: State, post: ReceivedPost) -> None:
    """Add the post to the feed. Raises LinkedInError 422 for a duplicate (row 31).

    A post deleted since still counts, as reported; the window is the ten minutes documented for
    ugcPosts. Two identical requests at once: exactly one of them gets through.
    """
    key = _fingerprint(post)
    recent = state.recent_of(post.author)
    with recent.lock:
        while recent.posts and recent.posts[0][1].created <= post.created - _DUPLICATE_SECONDS:
            recent.posts.popleft()
        for known, earlier in recent.posts:
            if known == key:
                raise _duplicate_of(earlier.urn)
        recent.posts.append((key, post))
        state.world.add_post(post)


def _distribution(post: Fields) -> str:
    known = ("feedDistribution", "targetEntities", "thirdPartyDistributionChannels")
    fields = post.inner("distribution", known)
    for name in known[1:]:
        if fields.has(name):
            fields.items(name)
    return fields.choice("feedDistribution", ("MAIN_FEED", "NONE"))


def _reshared(post: Fields) -> bool:
    if not post.has("reshareContext"):
        return False
    parent = post.inner("reshareContext", ("parent",)).text("parent")
    if parent.rpartition(":")[0] not in _POST_URNS:
        raise LinkedInError(
            400, f"{parent} is not a post", "INVALID_URN_TYPE", field="reshareContext.parent"
        )
    return True


def _unseen(visibility: str, distribution: str) -> list[str]:
    # Accepted by LinkedIn, and not what an author who presses "publish" means.
    defects = []
    if visibility == "CONTAINER":
        defects.append("visibility CONTAINER without a group: nobody sees the post")
    if distribution == "NONE":
        defects.append("feedDistribution NONE: the post is in nobody's feed")
    return defects


def _new_urn(state: State, content: Content) -> str:
    # Video and some other posts get the other type; clients must take both.
    kind = "ugcPost" if content.kind in ("video", "document", "poll") else "share"
    return f"urn:li:{kind}:{state.world.new_id()}"


def _fingerprint(post: ReceivedPost) -> str:
    same = json.dumps([post.commentary, post.content], sort_keys=True)
    return hashlib.sha256(same.encode()).hexdigest()


def _duplicate_of(urn: str) -> LinkedInError:
    # A Java class name in front and the URN at the end, as clients have seen it.
    message = (
        "com.linkedin.content.common.exception.BadRequestResponseException: "
        f"Content is a duplicate of {urn}"
    )
    return LinkedInError(422, message, input_code="DUPLICATE_POST")


def check_readonly(patch: Any) -> str:
    """The new commentary of a partial update; everything else is read-only. Raises 422 or 400."""
    outer = Fields(patch, "", ("patch",)).inner("patch", ("$set",))
    fields = outer.inner("$set", ("commentary",))
    if not fields.has("commentary"):
        raise wrong_schema("patch.$set", "names nothing to change")
    return fields.text("commentary", empty=True)
