"""The Gradio app: one page and one endpoint, `/write`, beside the control path for tests."""

from __future__ import annotations

import asyncio
import re
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator

import gradio as gr
from fastapi import FastAPI
from PIL import Image

from .card import render_card
from .drafting import Article, draft
from .orders import Desk, Order

_PIECES = 12
_PAUSE_SECONDS = 0.02
_SHORTEST, _LONGEST = 1, 100_000
_SYSTEM_FONTS = ["system-ui", "sans-serif"]
_SYSTEM_MONO_FONTS = ["ui-monospace", "monospace"]

Piece = tuple[str | None, Image.Image | str | None]


def build_app() -> FastAPI:
    """The whole server: Gradio at `/`, the control path at `/_control`."""
    desk = Desk()
    app = FastAPI(
        title="Lin's local stand-in Space", docs_url=None, redoc_url=None, openapi_url=None
    )
    app.include_router(desk.router())
    # Fonts of the system: Gradio's own theme makes browsers load fonts from the internet.
    theme = gr.themes.Base(font=_SYSTEM_FONTS, font_mono=_SYSTEM_MONO_FONTS)
    whole: FastAPI = gr.mount_gradio_app(
        app, _blocks(desk), path="/", theme=theme, ssr_mode=False, show_error=True, footer_links=[]
    )
    return whole


def _blocks(desk: Desk) -> gr.Blocks:
    async def write(
        title: str,
        text: str,
        url: str = "",
        platform: str = "linkedin",
        tone: str = "",
        language: str = "",
        max_length: float = 3000,
        with_image: bool = True,
    ) -> AsyncIterator[Piece]:
        """Draft a post from an article by extraction; streams the text, ends with text and image."""
        order = desk.next_order()
        desk.calls.append(
            {
                "title": title,
                "text": text,
                "url": url,
                "platform": platform,
                "tone": tone,
                "language": language,
                "max_length": max_length,
                "with_image": with_image,
                "order": order.order if order else None,
            }
        )
        article = Article((title or "").strip(), (text or "").strip(), (url or "").strip() or None)
        if not article.title and not article.text:
            raise gr.Error("There is nothing to write about: give a title or a text.")
        if not _SHORTEST <= max_length <= _LONGEST:
            raise gr.Error(f"max_length must be between {_SHORTEST} and {_LONGEST}.")
        post = draft(
            article, platform=platform, tone=tone, language=language, max_length=int(max_length)
        )
        picture = render_card(article.title or article.text) if with_image else None
        async for piece in _stream(post, picture, order):
            yield piece

    with gr.Blocks(title="Lin's local stand-in Space", analytics_enabled=False) as blocks:
        gr.Markdown(
            "# Lin's local stand-in Space\n"
            "Drafts by choosing sentences of the article. **There is no model here**; "
            "set `WRITER_SPACE` to a real Space for real drafts."
        )
        with gr.Row():
            with gr.Column():
                inputs = [
                    gr.Textbox(label="Title"),
                    gr.Textbox(label="Text", lines=10),
                    gr.Textbox(label="URL", value=""),
                    gr.Textbox(label="Platform", value="linkedin"),
                    gr.Textbox(label="Tone", value=""),
                    gr.Textbox(label="Language", value=""),
                    gr.Number(label="Longest post (characters)", value=3000),
                    gr.Checkbox(label="With an image", value=True),
                ]
                button = gr.Button("Draft", variant="primary")
            with gr.Column():
                outputs = [
                    gr.Textbox(label="Post", lines=14),
                    gr.Image(label="Image", format="png", buttons=[]),
                ]
        button.click(write, inputs, outputs, api_name="write", concurrency_limit=1)
    page: gr.Blocks = blocks.queue(max_size=50)
    return page


async def _stream(
    post: str, picture: Image.Image | None, order: Order | None
) -> AsyncIterator[Piece]:
    """The growing text, then text and picture; or whatever the order says."""
    ordered = order.order if order else None
    if order:
        await _hold_up(order)
    if ordered in ("empty", "garbage"):
        yield ("", None) if ordered == "empty" else (None, _not_an_image())
        return
    grown = list(_growing(post))
    for number, text in enumerate(grown, start=1):
        yield text, None
        if number * 2 >= len(grown):
            _break_down(ordered)
        await asyncio.sleep(order.seconds if order and ordered == "slow" else _PAUSE_SECONDS)
    yield post, picture


async def _hold_up(order: Order) -> None:
    """What an order asks for before the first piece."""
    if order.order == "sleep":
        await asyncio.sleep(order.seconds)
    if order.order == "hang":
        await asyncio.Event().wait()
    if order.order == "fail":
        raise gr.Error(order.message)


def _break_down(ordered: str | None) -> None:
    """What an order asks for in mid-stream."""
    if ordered == "crash":
        raise RuntimeError("the local Space was ordered to crash")
    if ordered == "die":
        signal.raise_signal(signal.SIGTERM)


def _growing(post: str) -> Iterator[str]:
    """Prefixes of the post that end at a word, the last one whole."""
    ends = [match.end() for match in re.finditer(r"\S+\s*", post)]
    step = max(1, len(ends) // _PIECES)
    for end in ends[step - 1 : -1 : step]:
        yield post[:end].rstrip()
    yield post


def _not_an_image() -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".png", delete=False) as file:
        file.write("<html>not an image</html>")
    return file.name
