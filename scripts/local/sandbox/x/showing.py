"""A post as X's answers show it: t.co links, HTML entities, fields on demand (2.3, 2.8)."""

from __future__ import annotations

import html
from typing import Any

from local.sandbox.records import ReceivedPost, as_text

from .state import State

_NUMBERS = ("retweet", "reply", "like", "quote", "bookmark", "impression")
_PRIVATE_DAYS = 30
FIELDS = (
    "id",
    "text",
    "author_id",
    "conversation_id",
    "created_at",
    "edit_history_tweet_ids",
    "edit_history_post_ids",
    "entities",
    "in_reply_to_user_id",
    "lang",
    "non_public_metrics",
    "organic_metrics",
    "possibly_sensitive",
    "public_metrics",
    "referenced_tweets",
    "reply_settings",
)
PRIVATE = ("non_public_metrics", "organic_metrics")


def answered_text(state: State, post: ReceivedPost) -> str:
    """The text with each link as its t.co address, and ``&``, ``<``, ``>`` as HTML entities."""
    short = iter(post.content["links"])
    parts = [
        next(short)[0] if kind == "link" else html.escape(part, quote=False)
        for kind, part in post.pieces
    ]
    if post.media and state.setting("media_link_in_text", post.member):
        parts.append(f" {post.content['media_link']}" if parts else post.content["media_link"])
    return "".join(parts)


def created(state: State, post: ReceivedPost) -> dict[str, Any]:
    """The ``data`` of a successful create."""
    name = _named(state, post.member, "edit_history_tweet_ids")
    history = post.content["edit_history"]
    return {"id": post.urn, "text": answered_text(state, post), name: history}


def shown(state: State, post: ReceivedPost, fields: set[str]) -> dict[str, Any]:
    """A post object: id, text and edit history always, the rest when asked for."""
    body = created(state, post)
    replied = state.world.post_by_urn.get(str(post.content["in_reply_to"]))
    more: dict[str, Any] = {
        "author_id": post.author,
        "conversation_id": post.content["conversation_id"],
        "created_at": (as_text(post.created) or "").replace("+00:00", "Z"),
        "entities": _entities(state, post),
        "lang": "en",
        "possibly_sensitive": False,
        "public_metrics": _metrics(state, post),
        "reply_settings": post.content.get("reply_settings", "everyone"),
    }
    if replied is not None:
        more["in_reply_to_user_id"] = replied.author
        more["referenced_tweets"] = [{"type": "replied_to", "id": replied.urn}]
    for name in PRIVATE:
        more[name] = {"impression_count": more["public_metrics"]["impression_count"]}
    return body | {name: value for name, value in more.items() if name in fields}


def keeps_private(state: State, post: ReceivedPost, subject: str | None) -> bool:
    """Whether private numbers are withheld: they are the author's own, for thirty days."""
    old = state.now(post.member) > post.created + _PRIVATE_DAYS * 86_400
    return old or post.author != subject


def _metrics(state: State, post: ReceivedPost) -> dict[str, int]:
    set_numbers = state.metrics.get(post.urn, {})
    named = {f"{name}_count": set_numbers.get(f"{name}_count", 0) for name in _NUMBERS}
    if state.setting("post_names", post.member):
        named = {"repost_count": named.pop("retweet_count"), **named}
    return named


def check_metrics(numbers: Any) -> dict[str, int]:
    """Numbers as they are set from outside. Raises ValueError."""
    known = {f"{name}_count" for name in _NUMBERS}
    if not isinstance(numbers, dict) or set(numbers) - known:
        raise ValueError(f"metrics of a post are {', '.join(sorted(known))}")
    return {name: int(value) for name, value in numbers.items()}


def _entities(state: State, post: ReceivedPost) -> dict[str, Any]:
    text, urls, at = answered_text(state, post), [], 0
    for short, written in post.content["links"]:
        start = text.index(short, at)
        at = start + len(short)
        whole = written if "://" in written else f"http://{written}"
        urls.append({"start": start, "end": at, "url": short, "expanded_url": whole})
    return {"urls": urls} if urls else {}


def _named(state: State, member: str, name: str) -> str:
    return name.replace("tweet", "post") if state.setting("post_names", member) else name
