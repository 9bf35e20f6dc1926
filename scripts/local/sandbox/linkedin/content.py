"""The ``content`` of a post: exactly one kind, each with its own rules (platform facts 1.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from local.sandbox.records import Media

from .assets import usable
from .errors import LinkedInError, invalid_value, missing_field
from .fields import Fields
from .state import State

_KINDS = ("media", "multiImage", "article", "poll")
_ALT_TEXT = 4086
_ARTICLE_TITLE = 400
_DURATIONS = ("ONE_DAY", "THREE_DAYS", "SEVEN_DAYS", "FOURTEEN_DAYS")


@dataclass
class Content:
    """What a post carries besides its text."""

    kind: str = "text"
    sent: dict[str, Any] = field(default_factory=dict)
    media: list[dict[str, Any]] = field(default_factory=list)


def read_content(state: State, post: Fields, author: str) -> Content:
    """The content of a post body, checked. Raises LinkedInError."""
    if not post.has("content"):
        return Content()
    fields = post.inner("content", (*_KINDS, "carousel"))
    if fields.has("carousel"):
        raise invalid_value("content.carousel", "is not available for organic posts")
    kinds = [kind for kind in _KINDS if fields.has(kind)]
    if len(kinds) != 1:
        # Row 25; 422 is thinkable too.
        raise invalid_value("content", f"must have exactly one kind, has {len(kinds)}")
    readers = {"media": _media, "multiImage": _images, "article": _article, "poll": _poll}
    content = readers[kinds[0]](state, fields, author)
    content.sent = post.required("content")
    return content


def _media(state: State, content: Fields, author: str) -> Content:
    fields = content.inner("media", ("id", "altText", "title"))
    urn = fields.text("id")
    prefix = urn.rpartition(":")[0]
    kind = prefix.removeprefix("urn:li:")
    if kind not in ("image", "video", "document"):
        raise LinkedInError(
            400,
            f"{urn} is not an image, video or document",
            "INVALID_URN_TYPE",
            field=fields.path("id"),
        )
    title = fields.optional_text("title")
    if kind == "document" and title is None:
        raise missing_field(fields.path("title"))
    media = usable(state, urn, kind, author, fields.path("id"))
    return Content(kind, media=[_described(media, fields, title)])


def _images(state: State, content: Fields, author: str) -> Content:
    fields = content.inner("multiImage", ("images", "altText"))
    described = []
    for index, item in enumerate(fields.items("images", 2, 20)):
        image = Fields(item, f"content.multiImage.images[{index}]", ("id", "altText"))
        media = usable(state, image.text("id"), "image", author, image.path("id"))
        described.append(_described(media, image, None))
    return Content("multiImage", media=described)


def _described(media: Media, fields: Fields, title: str | None) -> dict[str, Any]:
    alt_text = fields.optional_text("altText", limit=_ALT_TEXT)
    return media.as_json() | {"alt_text": alt_text, "title": title}


def _article(state: State, content: Fields, author: str) -> Content:
    fields = content.inner("article", ("source", "title", "description", "thumbnail"))
    source = urlsplit(fields.text("source"))
    if source.scheme not in ("http", "https") or not source.netloc:
        raise invalid_value(fields.path("source"), "must be an absolute http or https URL")
    fields.text("title", limit=_ARTICLE_TITLE)
    fields.optional_text("description")
    described = []
    if thumbnail := fields.optional_text("thumbnail"):
        media = usable(state, thumbnail, "image", author, fields.path("thumbnail"))
        described.append(media.as_json() | {"alt_text": None, "title": None})
    return Content("article", media=described)


def _poll(state: State, content: Fields, author: str) -> Content:
    fields = content.inner("poll", ("question", "options", "settings"))
    fields.text("question", limit=140)
    for index, item in enumerate(fields.items("options", 2, 4)):
        Fields(item, f"content.poll.options[{index}]", ("text",)).text("text", limit=30)
    known = ("duration", "voteSelectionType", "isVoterVisibleToAuthor")
    fields.inner("settings", known).choice("duration", _DURATIONS)
    return Content("poll")
