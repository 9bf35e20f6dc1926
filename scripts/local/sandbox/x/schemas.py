"""The JSON bodies X takes. Unknown fields, numbers for strings and nulls are refused (row 10)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import invalid, invalid_many, problem

#: Ids are decimal strings, never numbers.
Id = Annotated[str, Field(pattern=r"^[0-9]{1,19}$")]


class Strict(BaseModel):
    """``additionalProperties: false``, and no conversion of types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class AttachedMedia(Strict):
    """Rows 13: one to four ids."""

    media_ids: Annotated[list[Id], Field(min_length=1, max_length=4)]
    tagged_user_ids: Annotated[list[Id], Field(max_length=10)] = []


class Poll(Strict):
    """Row 14."""

    options: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=25)]], Field(min_length=2, max_length=4)
    ]
    duration_minutes: Annotated[int, Field(ge=5, le=10080)]


class Reply(Strict):
    """What the post answers."""

    in_reply_to_tweet_id: Id
    exclude_reply_user_ids: list[Id] = []
    auto_populate_reply_metadata: bool = False


class Geo(Strict):
    """Where the author is."""

    place_id: str


class EditOptions(Strict):
    """The post this one takes the place of."""

    previous_post_id: Id


class NewPost(Strict):
    """``POST /2/tweets``."""

    text: str = ""
    media: AttachedMedia | None = None
    poll: Poll | None = None
    reply: Reply | None = None
    reply_settings: Literal["following", "mentionedUsers", "subscribers", "verified"] | None = None
    quote_tweet_id: Id | None = None
    community_id: Id | None = None
    share_with_followers: bool = False
    made_with_ai: bool = False
    paid_partnership: bool = False
    nullcast: bool = False
    geo: Geo | None = None
    for_super_followers_only: bool = False
    edit_options: EditOptions | None = None


class NewUpload(Strict):
    """``POST /2/media/upload/initialize``."""

    media_type: str
    total_bytes: Annotated[int, Field(ge=1)]
    media_category: str


class Segment(Strict):
    """``POST /2/media/upload/{id}/append`` as JSON; ``media`` is base64."""

    segment_index: int
    media: str


class AltText(Strict):
    """The text for those who do not see the picture (row 20)."""

    text: Annotated[str, Field(max_length=1000)]


class Metadata(Strict):
    """What is said about a piece of media."""

    alt_text: AltText


class Description(Strict):
    """``POST /2/media/metadata``."""

    id: Id
    metadata: Metadata


Body = TypeVar("Body", bound=Strict)


def read(model: type[Body]) -> Body:
    """The JSON body of the current request. Raises XError 400."""
    sent = request.get_json(silent=True) if request.mimetype == "application/json" else None
    if not isinstance(sent, dict):
        raise invalid("The body must be a JSON object, with Content-Type: application/json.")
    if _has_null(sent):
        raise invalid("$: null found, a value expected.")
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        raise invalid_many([_described(each) for each in error.errors()]) from None


def _has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_null, value.values()))
    if isinstance(value, list):
        return any(map(_has_null, value))
    return value is None


def _described(error: Any) -> dict[str, Any]:
    path = ".".join(map(str, error["loc"]))
    return problem(f"$.{path}: {error['msg']}", path, str(error["input"])[:100])
