"""Hearing a text: an answer of the mentor, or a post, as a sound in the caller's media."""

from __future__ import annotations

from typing import Any

from flask import current_app
from flask_openapi3 import APIBlueprint, Tag
from pydantic import ConfigDict, Field, model_validator

from ..core.errors import BeingMade, InvalidInput
from ..described import Model
from ..problems import REFUSALS, refused
from .access import NEEDS_TOKEN, current_user, live_session
from .fields import Id, Moment
from .limits import limited

api = APIBlueprint(
    "speech",
    __name__,
    url_prefix="/api/chat",
    abp_tags=[Tag(name="Chat")],
    abp_security=NEEDS_TOKEN,
    abp_responses=REFUSALS,
)


class SpeakBody(Model):
    """What to speak: exactly one of message_id and post_id."""

    model_config = ConfigDict(
        extra="forbid",
        openapi_extra={"example": {"message_id": "3f2b8c1e-9d47-4a6b-8e05-7c1d2f3a4b5c"}},  # type: ignore[typeddict-unknown-key] # flask_openapi3's
    )

    message_id: Id | None = Field(default=None, description="An answer of the mentor")
    post_id: Id | None = Field(default=None, description="A post")
    voice: str | None = Field(
        default=None, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$",
        description="As the Space calls it; without one, the Space's own", examples=["en"],
    )  # fmt: skip

    @model_validator(mode="after")
    def _exactly_one(self) -> SpeakBody:
        if (self.message_id is None) == (self.post_id is None):
            raise ValueError("name exactly one of message_id and post_id")
        return self


class SpeakAnswer(Model):
    """A sound in the caller's media."""

    audio_url: str = Field(
        description="Plays without a token until expires_at; takes ranges",
        examples=["https://project.supabase.co/storage/v1/object/sign/media/…?token=…"],
    )
    expires_at: Moment
    media_id: Id
    mime: str = Field(examples=["audio/wav"])
    duration: float = Field(description="In seconds", examples=[4.2])
    cached: bool = Field(description="Whether it was there already, so that nothing was counted")


@api.post(
    "/speak", responses={200: SpeakAnswer, **refused(404, 409, 502, 504)}, summary="Hear an answer or a post",
    description="Markdown, addresses, citations and hashtag signs are not read. The same text with the same voice is spoken "
    "once; asked for again, the answer comes from the caller's media.",
)  # fmt: skip
@live_session
@limited("speak")
def speak(body: SpeakBody) -> dict[str, Any]:
    lin = current_app.extensions["lin"]
    caller = current_user()
    user = lin.supabase.as_user(caller.token)
    if body.message_id is not None:
        field, text = "message_id", _said(user.chat_message(body.message_id))
    else:
        field, text = "post_id", user.post(body.post_id)["text"]
    voice = body.voice.strip() if body.voice else None
    spoke = lin.speaker.speak(caller.id, text, voice, field=field)
    return {
        "audio_url": spoke.url,
        "expires_at": spoke.expires_at.isoformat(),
        "media_id": spoke.sound.media_id,
        "mime": spoke.sound.mime,
        "duration": spoke.sound.duration,
        "cached": spoke.cached,
    }


def _said(message: dict[str, Any]) -> str:
    """The text of an answer that has ended, all of it or what came. Raises InvalidInput, BeingMade."""
    if message["role"] == "user":
        raise InvalidInput.of("message_id", "This message is your own; only answers are spoken.")
    if message["state"] == "streaming":
        raise BeingMade("This answer is still being written; ask again when it is complete.")
    text: str = message["text"]
    return text
