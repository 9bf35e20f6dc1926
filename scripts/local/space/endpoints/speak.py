"""`/speak`: says a text in one of a few voices; answers with a WAV."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from ..misbehaving import OrderedFailure, in_one_piece
from ..orders import Desk
from ..quick_gradio import gradio as gr
from ..voices import LONGEST, VOICES, NotSpeakableError, voice_for
from ..voices import speak as say

_AT_ONCE = 2


def add_speak(desk: Desk) -> None:
    """The tab and the endpoint."""

    async def speak(text: str, voice: str = "") -> str | None:
        """Say the text; without a voice in that of the text's language."""
        order = desk.begin("speak", text=text, voice=voice)
        try:
            name = voice_for(text or "", voice)
            await in_one_piece(order, desk)
        except (NotSpeakableError, OrderedFailure) as refused:
            raise gr.Error(str(refused), print_exception=False) from None
        if order and order.order == "empty":
            return None
        if order and order.order == "garbage":
            return _kept(b"<html>not a sound</html>")
        return _kept(await say(text, name))

    with gr.Tab("Speak"):
        gr.Markdown(
            f"Says up to {LONGEST} characters with espeak-ng, a small engine with a mechanical voice; "
            f"set `VOICE_SPACE` to a real Space for a human one. Voices: {', '.join(VOICES)}."
        )
        inputs = [gr.Textbox(label="Text", lines=6), gr.Textbox(label="Voice", value="")]
        button = gr.Button("Speak", variant="primary")
        output = gr.Audio(label="Speech", type="filepath")
        button.click(speak, inputs, output, api_name="speak", concurrency_limit=_AT_ONCE)


def _kept(sound: bytes) -> str:
    """A file that holds the sound; the same sound has the same file."""
    name = hashlib.sha256(sound).hexdigest()[:32]
    path = Path(tempfile.gettempdir()) / f"speech-{name}.wav"
    path.write_bytes(sound)
    return str(path)
