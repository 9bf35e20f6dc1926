"""`python -m local.space.espeak VOICE < text > speech.wav`: says the text with the espeak-ng library, then ends.

A program of its own because the library keeps its state in globals and is made for one caller: calls that come at
once do not mix, a call that is given up is killed, and a fault of the library ends this process and not the Space.
"""

from __future__ import annotations

import ctypes
import io
import os
import sys
import wave
from pathlib import Path

_RETRIEVAL, _DONT_EXIT = 1, 0x8000
_UTF8_AND_END_PAUSE = 1 | 0x1000
_EVERY_MS = 500
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def say(text: str, voice: str) -> bytes:
    """The text as a mono WAV of 16 bits. Raises RuntimeError when the library refuses."""
    import espeakng_loader

    data = Path(espeakng_loader.get_data_path())
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    # The library holds paths of at most 160 bytes; from here the path is short wherever the package lies.
    os.chdir(data)
    rate = library.espeak_Initialize(_RETRIEVAL, _EVERY_MS, b".", _DONT_EXIT)
    if rate <= 0:
        raise RuntimeError("espeak-ng did not start")
    samples = bytearray()

    def keep(sound: ctypes._Pointer[ctypes.c_short], count: int, _events: object) -> int:
        if sound and count > 0:
            samples.extend(ctypes.string_at(sound, count * 2))
        return 0

    callback = _CALLBACK(keep)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise RuntimeError(f"espeak-ng has no voice {voice}")
    told = text.encode("utf-8", "ignore").replace(b"\0", b"") + b"\0"
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    if library.espeak_Synth(told, len(told), 0, 0, 0, _UTF8_AND_END_PAUSE, None, None) != 0:
        raise RuntimeError("espeak-ng did not take the text")
    library.espeak_Synchronize()
    library.espeak_Terminate()
    return _as_wav(bytes(samples), rate)


def _as_wav(samples: bytes, rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(samples)
    return file.getvalue()


if __name__ == "__main__":
    sys.stdout.buffer.write(say(sys.stdin.buffer.read().decode("utf-8", "ignore"), sys.argv[1]))
