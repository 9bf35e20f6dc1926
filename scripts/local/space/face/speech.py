"""`POST /v1/audio/speech`."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from ..misbehaving import in_one_piece
from ..orders import Desk
from ..voices import NotSpeakableError, speak, voice_for
from .refusing import Refused, check_model

_OWN_VOICES = ("alloy", "default")
"""Names that clients send when they do not care: the voice of the text's language."""


class _Asked(BaseModel):
    model: str
    input: str
    voice: str
    response_format: Literal["wav", "mp3"] = "mp3"
    """The API's default is MP3. There is no encoder here: the answer is a WAV in both cases, and says so."""


def speech(desk: Desk) -> APIRouter:
    """The route. It carries out orders for `speak`."""
    router = APIRouter()

    @router.post("/audio/speech")
    async def say(asked: _Asked) -> Response:
        check_model(asked.model)
        voice = "" if asked.voice.casefold() in _OWN_VOICES else asked.voice
        try:
            name = voice_for(asked.input, voice)
        except NotSpeakableError as refused:
            raise Refused(400, str(refused)) from None
        order = desk.begin("speak", text=asked.input, voice=asked.voice)
        await in_one_piece(order, desk)
        if order and order.order == "empty":
            return Response(b"", media_type="audio/wav")
        if order and order.order == "garbage":
            return Response(b"<html>not a sound</html>", media_type="audio/wav")
        return Response(await speak(asked.input, name), media_type="audio/wav")

    return router
