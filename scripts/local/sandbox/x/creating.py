"""Turn the body of ``POST /2/tweets`` into a post (platform facts 2.3 and 2.6)."""

from __future__ import annotations

import secrets
import string
import unicodedata
from typing import Any

from local.sandbox.records import ReceivedPost

from . import uploads
from .errors import forbidden, invalid
from .gateway import Session
from .schemas import NewPost
from .state import State, Upload
from .weighing import pieces, weighted_length

_UNITS = 280
_EDIT_SECONDS = 3600
_CODE_CHARACTERS = string.ascii_letters + string.digits


def read_post(state: State, me: Session, asked: NewPost, sent: dict[str, Any]) -> ReceivedPost:
    """Check a body whose schema fits, and say what its readers would see; nothing is kept yet.

    ``visible_text`` has the links as they were written. Raises XError.
    """
    _check_exclusive(asked)
    _check_quote(state, me, asked)
    _check_text(state, me, asked)
    attached = _attached(state, me, asked)
    _check_reply(state, me, asked)
    parts = pieces(asked.text)
    return ReceivedPost(
        urn=str(state.world.new_id()),
        platform="x",
        member=me.member,
        author=me.subject,
        author_name=state.member(me.member).name,
        app=me.app.client_id,
        commentary=asked.text,
        visible_text=asked.text,
        pieces=parts,
        visibility="PUBLIC",
        created=state.now(me.member),
        kind=_kind(asked, attached),
        content=_content(state, me, asked, sent, parts),
        media=[_described(upload) for upload in attached],
    )


def keep(state: State, post: ReceivedPost) -> None:
    """Add the post to the feed. Raises XError 403 for a duplicate (row 15).

    The same text counts, whatever is attached; a deleted post does not count any more, for the
    refusal shows "that the same text exists". Of two at once exactly one gets through.
    """
    key = (post.member, unicodedata.normalize("NFC", post.commentary).strip())
    window = state.setting("duplicate_seconds", post.member)
    with state.world.lock:
        earlier = state.last_with_text.get(key) if key[1] else None
        if earlier and not earlier.deleted and earlier.created > post.created - window:
            raise forbidden("You are not allowed to create a Tweet with duplicate content.")
        _take_place_of(state, post)
        state.last_with_text[key] = post
        state.world.add_post(post)


def _check_exclusive(asked: NewPost) -> None:
    """Row 14."""
    several = [name for name in ("media", "poll", "quote_tweet_id") if getattr(asked, name)]
    if len(several) > 1:
        raise invalid(f"$: {' and '.join(several)} cannot go together", several[0])


def _check_quote(state: State, me: Session, asked: NewPost) -> None:
    """Row 16."""
    if asked.quote_tweet_id is None:
        return
    if not me.app.enterprise:
        raise forbidden("Quoting is not permitted for this app.")
    _post_or_invalid(state, asked.quote_tweet_id, "quote_tweet_id")


def _check_text(state: State, me: Session, asked: NewPost) -> None:
    """Rows 11 and 12; for too long a text 403 is reported as well. At most one cashtag."""
    if not asked.text.strip() and asked.media is None:
        raise invalid("$.text: is required unless media is attached", "text", asked.text)
    premium = state.setting("premium", me.member)
    most = state.setting("premium_units", me.member) if premium else _UNITS
    length = weighted_length(asked.text)
    if length > most:
        why = f"Your Tweet text is too long: {length} of {int(most)} units."
        if state.setting("too_long_status", me.member) == 403:
            raise forbidden(why)
        raise invalid(why, "text", asked.text[:100])
    if sum(kind == "cashtag" for kind, _ in pieces(asked.text)) > 1:
        raise invalid("A post has at most one cashtag.", "text", asked.text[:100])


def _attached(state: State, me: Session, asked: NewPost) -> list[Upload]:
    """Row 13: up to four pictures, or one GIF, or one video, each once."""
    if asked.media is None:
        return []
    ids = asked.media.media_ids
    if len(set(ids)) < len(ids):
        raise invalid("The same media id is named twice.", "media.media_ids", ids)
    found = [uploads.usable(state, me, urn) for urn in ids]
    if len(found) > 1 and any(upload.media.kind != "image" for upload in found):
        why = "A post has up to four photos, or one GIF, or one video."
        raise invalid(why, "media.media_ids", ids)
    return found


def _check_reply(state: State, me: Session, asked: NewPost) -> None:
    """Since February 2026 self-serve apps reply only to who mentioned or quoted the author.

    The documents name no status for a post that is not there; 403 is what X answers.
    """
    if asked.reply is None:
        return
    to = state.world.post_by_urn.get(asked.reply.in_reply_to_tweet_id)
    if to is None or to.platform != "x" or to.deleted:
        why = "You attempted to reply to a Tweet that is deleted or not visible to you."
        raise forbidden(why)
    if to.member == me.member:
        refused = state.setting("own_replies_refused", me.member)
    else:
        refused = not (me.app.enterprise or _speaks_of(state, to, me))
    if refused:
        raise forbidden("Reply to this conversation is not allowed.")


def _speaks_of(state: State, post: ReceivedPost, me: Session) -> bool:
    quoted = state.world.post_by_urn.get(str(post.content.get("quote_tweet_id")))
    name = state.username(me.member).lower()
    mentions = [part[1:].lower() for kind, part in post.pieces if kind == "mention"]
    return name in mentions or (quoted is not None and quoted.member == me.member)


def _kind(asked: NewPost, attached: list[Upload]) -> str:
    if len(attached) > 1:
        return "multiImage"
    if attached:
        return attached[0].media.kind
    return "poll" if asked.poll else "text"


def _content(
    state: State, me: Session, asked: NewPost, sent: dict[str, Any], parts: list[tuple[str, str]]
) -> dict[str, Any]:
    """What was sent besides the text, with the place in the conversation and the links.

    ``links`` holds a pair for each link in reading order: the t.co address and what was written.
    """
    content = {name: value for name, value in sent.items() if name != "text"}
    reply = asked.reply.in_reply_to_tweet_id if asked.reply else None
    root = state.world.post_by_urn[reply].content["conversation_id"] if reply else None
    written = [part for kind, part in parts if kind == "link"]
    return content | {
        "in_reply_to": reply,
        "conversation_id": root,
        "links": [[_short(), part] for part in written],
        "media_link": _short() if asked.media else None,
        "username": state.username(me.member),
        "edit_history": [],
    }


def _short() -> str:
    return "https://t.co/" + "".join(secrets.choice(_CODE_CHARACTERS) for _ in range(10))


def _described(upload: Upload) -> dict[str, Any]:
    plain = upload.media.as_json()
    return plain | {"alt_text": upload.alt_text, "title": None, "category": upload.category}


def _take_place_of(state: State, post: ReceivedPost) -> None:
    """The first post of a conversation gives it its id; an edit is a new post with a history."""
    post.content["conversation_id"] = post.content["conversation_id"] or post.urn
    history = []
    if "edit_options" in post.content:
        urn = post.content["edit_options"]["previous_post_id"]
        previous = _post_or_invalid(state, urn, "edit_options.previous_post_id")
        premium = state.setting("premium", post.member)
        late = post.created > previous.created + _EDIT_SECONDS
        if previous.member != post.member or not premium or late:
            raise forbidden("You are not permitted to edit this Tweet.")
        history = previous.content["edit_history"]
        previous.edited = post.created
    post.content["edit_history"] = [*history, post.urn]


def _post_or_invalid(state: State, urn: str, parameter: str) -> ReceivedPost:
    post = state.world.post_by_urn.get(urn)
    if post is None or post.platform != "x" or post.deleted:
        raise invalid("There is no such post.", parameter, urn)
    return post
