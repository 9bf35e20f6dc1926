"""Real Gradio apps that answer with a sound, in each way that Spaces do."""

from __future__ import annotations

import base64
import io
import wave
from pathlib import Path
from typing import Any

import numpy as np

from local.space.quick_gradio import gradio as gr

TOO_LARGE_SOUND = 20 * 1024 * 1024 + 1
RATE = 16_000


def tone(seconds: float = 0.1) -> np.ndarray:
    """A sine of 440 Hz in 16-bit samples."""
    at = np.arange(round(RATE * seconds)) / RATE
    return np.round(8000 * np.sin(2 * np.pi * 440 * at)).astype(np.int16)


def wav() -> bytes:
    """The tone as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(tone().tobytes())
    return file.getvalue()


def voice_apps(received: Any, folder: Path) -> dict[str, gr.Blocks]:
    """One app per path."""
    (folder / "tone.wav").write_bytes(wav())
    (folder / "fake.wav").write_text("<html>no sound</html>")
    with (folder / "huge.wav").open("wb") as huge:
        huge.write(wav())
        huge.truncate(TOO_LARGE_SOUND)
    data_url = "data:audio/wav;base64," + base64.b64encode(wav()).decode()

    def speaking(answer: Any, output: Any) -> gr.Blocks:
        def tts(text: str) -> Any:
            received.append({"text": text})
            return answer

        return gr.Interface(tts, gr.Textbox(label="Text"), output, api_name="tts")

    samples = {"sampling_rate": RATE, "audio": (tone() / 32768).tolist()}
    return {
        "says": _with_voices(received),
        "says_file": speaking(str(folder / "tone.wav"), gr.File()),
        "says_pair": speaking([RATE, tone().tolist()], gr.JSON()),
        "says_samples": speaking(samples, gr.JSON()),
        "says_url": speaking({"audio": data_url}, gr.JSON()),
        "says_url_text": speaking(data_url, gr.Textbox()),
        "says_nothing": speaking(None, gr.Audio()),
        "says_fake": speaking(str(folder / "fake.wav"), gr.File()),
        "says_huge": speaking(str(folder / "huge.wav"), gr.File()),
        "says_words": speaking("no sound here", gr.Textbox()),
    }


def _with_voices(received: Any) -> gr.Blocks:
    """A voice among choices, a language, a speed; an endpoint without sound stands before it."""

    def speak(text: str, voice: str, language: str, speed: float) -> tuple[int, np.ndarray]:
        received.append({"text": text, "voice": voice, "language": language, "speed": speed})
        if text == "fail":
            raise gr.Error("The voice is hoarse.", print_exception=False)
        return RATE, tone()

    with gr.Blocks() as blocks:
        note = gr.Textbox(label="Text")
        note.change(lambda text: text, note, gr.Textbox(), api_name="predict")
        inputs = [
            note,
            gr.Dropdown(["Ada", "Blaise"], label="Speaker", value="Blaise"),
            gr.Dropdown(["English", "French"], label="Language"),
            gr.Slider(0.5, 2, label="Speed"),
        ]
        gr.Button().click(speak, inputs, gr.Audio(label="Speech"), api_name="speak")
    return blocks
