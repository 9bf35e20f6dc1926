"""Gradio, loaded in half the time: `from .quick_gradio import gradio` before anything else loads it.

With each component that is defined, Gradio 6 reads and parses its source and keeps a stub for editors beside it, whether there
is one already or not. It leaves that out where a component's file is not known.
"""

from __future__ import annotations

import inspect
from typing import Any

_getfile = inspect.getfile


def _unknown(thing: Any) -> str:
    if getattr(thing, "__module__", "").startswith("gradio."):
        raise FileNotFoundError("left out to load faster")
    return _getfile(thing)


inspect.getfile = _unknown  # type: ignore[assignment] # the name of its parameter is that of a builtin
try:
    import gradio as gradio
finally:
    inspect.getfile = _getfile
