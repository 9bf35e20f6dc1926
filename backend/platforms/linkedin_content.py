"""What a LinkedIn post may hold: its limits, what a target may say about it, and the body that says it to LinkedIn.

Facts: LinkedIn documentation of the Posts, Images, Videos and Documents APIs (2026-09).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..core.platform_contract import Content, Part, Violation
from .counting import links
from .limits import limit_violations
from .little_text import escape, hashtags
from .options import WebAddress, option_violations, read_options

# Documented for the older ugcPosts; the Posts API only says that there is a limit. That the backslashes of little text do
# not count is not documented either: what is read counts, and LinkedIn's answer is final.
TEXT_MAX = 3000
# an animated GIF goes alone: that several may be sent together is documented for still images only
LIMITS: Mapping[str, Any] = {
    "text": {"max": TEXT_MAX, "counted": "characters"},
    "media": {
        "mixed": False,
        "image": {"max": 20, "fit": True, "max_alt_text": 4086},
        "gif": {
            "max": 1, "mimes": ["image/gif"], "max_bytes": 10_000_000, "max_pixels": 36_152_320, "max_alt_text": 4086,
        },
        "video": {
            "max": 1, "mimes": ["video/mp4"], "min_bytes": 75_000, "max_bytes": 500_000_000,
            "min_seconds": 3, "max_seconds": 1800,
        },
        "document": {
            "max": 1, "max_bytes": 100_000_000, "max_pages": 300,
            "mimes": [
                "application/pdf", "application/msword", "application/vnd.ms-powerpoint",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            ],
        },
    },
    "options": {
        "visibility": ["PUBLIC", "CONNECTIONS", "LOGGED_IN"], "title": "text", "article": "object", "poll": "object",
    },
}  # fmt: skip


class Article(BaseModel):
    """A link with its own words. LinkedIn reads nothing from the page: what is not given is not shown."""

    model_config = ConfigDict(extra="forbid")

    source: WebAddress = Field(description="The address that the post links to")
    # the limit is that of the older API; not confirmed
    title: str = Field(
        min_length=1, max_length=400, pattern=r"\S", description="The headline of the link"
    )
    description: str | None = Field(default=None, min_length=1, description="A few words below the headline")  # fmt: skip


class Poll(BaseModel):
    """A question with two to four answers."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1, max_length=140, pattern=r"\S", description="What is asked")
    options: list[Annotated[str, Field(min_length=1, max_length=30, pattern=r"\S")]] = Field(
        min_length=2, max_length=4, description="The answers to choose from, two to four"
    )
    # the facts at hand name THREE_DAYS only; these four are what LinkedIn's own form offers
    duration: Literal["ONE_DAY", "THREE_DAYS", "SEVEN_DAYS", "FOURTEEN_DAYS"] = Field(
        default="THREE_DAYS", description="How long people may vote"
    )


class LinkedInOptions(BaseModel):
    """What a target may say about a LinkedIn post."""

    model_config = ConfigDict(extra="forbid")

    visibility: Literal["PUBLIC", "CONNECTIONS", "LOGGED_IN"] = Field(
        default="PUBLIC", description="Who may see the post; a page's posts are PUBLIC"
    )
    title: str | None = Field(
        default=None, max_length=400, description="The title of a document or a video; without it the file's name"
    )  # fmt: skip
    article: Article | None = Field(
        default=None, description="A link shown as a card; a picture of the post becomes its thumbnail"
    )  # fmt: skip
    poll: Poll | None = Field(default=None, description="A question to the readers, without files")


def commentary(content: Content) -> Part:
    """The text as it is sent: little text, hashtags kept. It counts as it is read, before escaping."""
    text = content.text
    return Part(escape(text), len(text), TEXT_MAX, hashtags(text), links(text))


def content_violations(content: Content) -> list[Violation]:
    """What LinkedIn would refuse, before anything is sent."""
    found = limit_violations("LinkedIn", LIMITS, content, [commentary(content)])
    wrong = option_violations(LinkedInOptions, content.options)
    if wrong:
        return [*found, *wrong]
    return [*found, *_of_options(content, read_options(LinkedInOptions, content.options))]


def _of_options(content: Content, options: LinkedInOptions) -> Iterator[Violation]:
    if content.account_kind == "organization" and options.visibility != "PUBLIC":
        yield Violation("options.visibility", "Everybody sees what a LinkedIn page posts: it has to be PUBLIC.")  # fmt: skip
    if options.article and options.poll:
        yield Violation("options.poll", "LinkedIn shows an article or a poll, not both in one post.")  # fmt: skip
    elif options.poll and content.attachments:
        yield Violation("options.poll", "LinkedIn shows a poll or files, not both in one post.")
    elif options.article and [a.kind for a in content.attachments] not in ([], ["image"]):
        yield Violation("options.article", "Beside an article LinkedIn takes one picture at most, as its thumbnail.")  # fmt: skip


def post_body(author: str, content: Content) -> dict[str, Any]:
    """The body of the create call, but for its media."""
    options = read_options(LinkedInOptions, content.options)
    body: dict[str, Any] = {
        "author": author,
        "commentary": escape(content.text),
        "visibility": options.visibility,
        "distribution": {
            "feedDistribution": "MAIN_FEED",
            "targetEntities": [],
            "thirdPartyDistributionChannels": [],
        },
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": False,
    }
    if options.article:
        body["content"] = {"article": options.article.model_dump(exclude_none=True)}
    if options.poll:
        poll = options.poll
        body["content"] = {
            "poll": {
                "question": poll.question,
                "options": [{"text": text} for text in poll.options],
                "settings": {"duration": poll.duration},
            }
        }
    return body
