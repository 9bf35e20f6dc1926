"""Hearing a text: an answer of the mentor, or a post, as a sound in the caller's media."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import current_app
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..core.errors import BeingMade, InvalidInput
from ..problems import REFUSALS
from .access import NEEDS_TOKEN, current_user, live_session

api = APIBlueprint(
    "speech",
    __name__,
    url_prefix="/api/chat",
    abp_tags=[Tag(name="Chat")],
    abp_security=NEEDS_TOKEN,
    abp_responses=REFUSALS,
)

_TROUBLE: Any = {
    status: {
        "description": description,
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}
        },
    }
    for status, description in (
        (502, "The voice Space failed, or answered with something that is no sound"),
        (504, "The voice Space did not finish in time"),
    )
}


class SpeakBody(BaseModel):
    """What to speak: exactly one of message_id and post_id."""

    model_config = ConfigDict(extra="forbid")

    message_id: str | None = Field(
        default=None, pattern=r"^[0-9a-fA-F-]{36}$", description="An answer of the mentor"
    )
    post_id: str | None = Field(default=None, pattern=r"^[0-9a-fA-F-]{36}$")
    voice: str | None = Field(
        default=None, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$",
        description="As the Space calls it; without one, the Space's own",
    )  # fmt: skip

    @model_validator(mode="after")
    def _exactly_one(self) -> SpeakBody:
        if (self.message_id is None) == (self.post_id is None):
            raise ValueError("name exactly one of message_id and post_id")
        return self


class SpeakAnswer(BaseModel):
    """A sound in the caller's media."""

    audio_url: str = Field(description="Plays without a token until expires_at; takes ranges")
    expires_at: datetime
    media_id: str
    mime: str = Field(examples=["audio/wav"])
    duration: float = Field(description="In seconds")
    cached: bool = Field(description="Whether it was there already, so that nothing was counted")


@api.post(
    "/speak", responses={200: SpeakAnswer, **_TROUBLE}, summary="Hear an answer or a post",
    description="Markdown, addresses, citations and hashtag signs are not read. The same text with the same voice is spoken "
    "once; asked for again, the answer comes from the caller's media.",
)  # fmt: skip
@live_session
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
