"""The whole server: the Gradio page with its endpoints, the OpenAI-compatible face, and the control path for tests."""

from __future__ import annotations

import gradio as gr
from fastapi import FastAPI

from .door import Door
from .endpoints.chat import add_chat
from .endpoints.embed import add_embed
from .endpoints.speak import add_speak
from .endpoints.write import add_write
from .orders import Desk

_SYSTEM_FONTS = ["system-ui", "sans-serif"]
_SYSTEM_MONO_FONTS = ["ui-monospace", "monospace"]


def build_app() -> Door:
    """The whole server: Gradio at `/`, the control path at `/_control`."""
    desk = Desk()
    app = FastAPI(
        title="Lin's local stand-in Space", docs_url=None, redoc_url=None, openapi_url=None
    )
    app.include_router(desk.router())
    # Fonts of the system: Gradio's own theme makes browsers load fonts from the internet.
    theme = gr.themes.Base(font=_SYSTEM_FONTS, font_mono=_SYSTEM_MONO_FONTS)
    whole = gr.mount_gradio_app(
        app,
        _blocks(desk),
        path="/",
        theme=theme,
        ssr_mode=False,
        show_error=True,
        footer_links=[],
    )
    return Door(whole, desk)


def _blocks(desk: Desk) -> gr.Blocks:
    with gr.Blocks(title="Lin's local stand-in Space", analytics_enabled=False) as blocks:
        gr.Markdown("# Lin's local stand-in Space")
        add_write(desk)
        add_chat(desk)
        add_speak(desk)
        add_embed(desk)
    page: gr.Blocks = blocks.queue(max_size=200)
    return page
