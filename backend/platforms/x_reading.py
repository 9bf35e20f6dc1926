"""What X shows of an account's own posts, and how they do. Source: user timelines, post lookup, public metrics (2026-08).

X changes a text on its way: links become t.co links, and & < > become HTML entities. So a post is told apart by its text with
the links taken out, and by where its links lead, as far as X says so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ..core.errors import NoAnswer
from ..core.platform_contract import Metrics, Seen
from ..core.ports import Answer
from .x_links import link_spans

READ_BACK_SCOPE = "tweet.read"
MOST_LISTED = 100
# Besides what reconciliation cannot do without (created_at, text): where links lead, and what is replied to. Answers may lack
# these two. How many files a post has is not asked for: the documentation at hand names no field for it.
FIELDS = "created_at,entities,referenced_tweets,text"

_ENTITY = re.compile(r"&(amp|lt|gt);")
_CHARACTERS = {"amp": "&", "lt": "<", "gt": ">"}
# Stands for a link; no text holds it, because the database does not store it.
_LINK = "\0"


def post_url(post_id: str) -> str:
    """Where people see a post; this form outlives a change of the user's name."""
    return f"https://x.com/i/status/{post_id}"


@dataclass(frozen=True)
class Listed:
    """A post of a timeline. `replies_to` is None where X does not say."""

    id: str
    text: str
    addresses: Mapping[str, str]
    created_at: datetime
    replies_to: str | None

    def seen(self) -> Seen:
        """The same for the core."""
        return Seen(
            external_id=self.id, external_url=post_url(self.id), text=_readable(self), media=None,
            created_at=self.created_at, fits=partial(fits, self),
        )  # fmt: skip


def listed_posts(answer: Answer, since: datetime) -> Sequence[Listed]:
    """The posts of a timeline's answer that were created since then. Raises NoAnswer for what is no such answer.

    Without posts X leaves `data` out.
    """
    body = answer.json()
    data = body.get("data", []) if isinstance(body, dict) else None
    if not isinstance(data, list):
        raise NoAnswer("X's answer lists no posts")
    found = [_listed(post) for post in data if isinstance(post, dict)]
    return [post for post in found if post is not None and post.created_at >= since]


def fits(post: Listed, text: str) -> bool:
    """Whether a rendered text is this post's: the same words, and links to the same places where X says where they lead."""
    wanted, wanted_links = _without_links(text, None)
    shown, shown_links = _without_links(_decoded(post.text), post.addresses)
    if len(shown_links) == len(wanted_links) + 1 and shown_links[-1] is None:
        # seen in practice, not documented: a post with media ends with a link to them, of which nothing else is said
        shown, shown_links = shown.removesuffix(_LINK).rstrip(), shown_links[:-1]
    return shown == wanted and all(
        there is None or there == here
        for there, here in zip(shown_links, wanted_links, strict=True)
    )


def metrics_of(answer: Answer) -> dict[str, Metrics]:
    """How each post does, by id. Both names of a repost are read: X is renaming them. Raises NoAnswer."""
    body = answer.json()
    data = body.get("data", []) if isinstance(body, dict) else None
    if not isinstance(data, list):
        raise NoAnswer("X's answer holds no posts")
    found = {}
    for post in data:
        counts = post.get("public_metrics") if isinstance(post, dict) else None
        if isinstance(counts, dict) and isinstance(post.get("id"), str):
            reposts = _count(counts, "retweet_count", "repost_count")
            quotes = _count(counts, "quote_count")
            found[post["id"]] = Metrics(
                impressions=_count(counts, "impression_count"),
                likes=_count(counts, "like_count"),
                comments=_count(counts, "reply_count"),
                # a quote is a repost with words
                shares=None if reposts is None else reposts + (quotes or 0),
            )
    return found


def _count(counts: Mapping[str, Any], *names: str) -> int | None:
    return next((counts[name] for name in names if isinstance(counts.get(name), int)), None)


def _listed(post: Mapping[str, Any]) -> Listed | None:
    created = _moment(post.get("created_at"))
    if not isinstance(post.get("id"), str) or created is None:
        return None
    replied = [
        one.get("id") for one in _objects(post, "referenced_tweets", "referenced_posts")
        if one.get("type") == "replied_to"
    ]  # fmt: skip
    return Listed(
        id=post["id"],
        text=str(post.get("text") or ""),
        addresses=_addresses(post.get("entities")),
        created_at=created,
        replies_to=str(replied[0]) if replied else None,
    )


def _objects(post: Mapping[str, Any], *names: str) -> list[dict[str, Any]]:
    for name in names:
        value = post.get(name)
        if isinstance(value, list):
            return [one for one in value if isinstance(one, dict)]
    return []


def _addresses(entities: Any) -> dict[str, str]:
    """Where each t.co link leads."""
    links = _objects(entities, "urls") if isinstance(entities, dict) else []
    return {
        str(link["url"]): str(link["expanded_url"])
        for link in links
        if link.get("url") and link.get("expanded_url")
    }


def _moment(told: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(told))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _decoded(text: str) -> str:
    """The text with the three characters that X writes as entities; in one pass, or `&amp;lt;` would lose its `&`."""
    return _ENTITY.sub(lambda entity: _CHARACTERS[entity[1]], text)


def _readable(post: Listed) -> str:
    """The text with its links as they were, as far as X says."""
    text = _decoded(post.text)
    for short, there in post.addresses.items():
        text = text.replace(short, there)
    return text


def _without_links(text: str, addresses: Mapping[str, str] | None) -> tuple[str, list[str | None]]:
    """The words, a mark in place of each link, and where each leads. Of a text that X shows, `addresses` tells where its
    t.co links lead; None for those it does not tell."""
    words, links, at = [], [], 0
    for start, end in link_spans(text):
        words += [text[at:start], _LINK]
        link = text[start:end]
        if addresses is not None and link.startswith(("https://t.co/", "http://t.co/")):
            link = addresses.get(link, "")
        links.append(_place(link))
        at = end
    plain = unicodedata.normalize("NFC", "".join([*words, text[at:]]))
    return " ".join(plain.split()), links


def _place(address: str) -> str | None:
    """An address as far as it tells two places apart: X adds a scheme, and may add the slash at the end."""
    host, slash, rest = re.sub(r"^https?://", "", address, flags=re.IGNORECASE).partition("/")
    return f"{host.lower()}{slash}{rest}".rstrip("/") or None
