"""The whole server: the Gradio page with its endpoints, the OpenAI-compatible face, and the control path for tests."""

from __future__ import annotations

from fastapi import FastAPI

from .door import Door
from .endpoints.chat import add_chat
from .endpoints.embed import add_embed
from .endpoints.speak import add_speak
from .endpoints.write import add_write
from .face.app import build_face
from .orders import Desk
from .quick_gradio import gradio as gr

_SYSTEM_FONTS = ["system-ui", "sans-serif"]
_SYSTEM_MONO_FONTS = ["ui-monospace", "monospace"]
_LOOK_SECONDS = 0.03
_PROGRESS_SECONDS = 1.0


def build_app(key: str | None = None) -> Door:
    """The whole server: Gradio at `/`, the API at `/v1` (with `key` only for who brings it), the control path at `/_control`."""
    desk = Desk()
    app = FastAPI(
        title="Lin's local stand-in Space", docs_url=None, redoc_url=None, openapi_url=None
    )
    app.include_router(desk.router())
    app.mount("/v1", build_face(desk, key))
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
        gr.Markdown(
            "# Lin's local stand-in Space\n"
            "What Lin needs of models, done by rules, to try the product without one. The same at `/v1` in the shape "
            "of the OpenAI API; `/_control/orders` takes orders for tests."
        )
        add_write(desk)
        add_chat(desk)
        add_speak(desk)
        add_embed(desk)
    page: gr.Blocks = blocks.queue(max_size=200)
    # Gradio looks for new calls a thousand times a second, which costs an idle Space a tenth of a core, and for progress bars
    # ten times, of which there is none here. There are no settings for it.
    page._queue.sleep_when_free = _LOOK_SECONDS  # noqa: SLF001
    page._queue.progress_update_sleep_when_free = _PROGRESS_SECONDS  # noqa: SLF001
    return page
