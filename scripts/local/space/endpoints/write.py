"""`/write`: drafts a post from an article, or reworks a draft; streams the text, ends with text and image."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from typing import TypedDict

from PIL import Image

from ..card import render_card
from ..drafting import Article, draft
from ..misbehaving import OrderedFailure, hold_up, in_pieces
from ..orders import Desk, Order
from ..quick_gradio import gradio as gr
from ..reworking import rework

_SHORTEST, _LONGEST = 1, 100_000
_MOST_VARIANTS = 10


class Wanted(TypedDict):
    """What a draft and a rework have in common."""

    platform: str
    tone: str | None
    language: str | None
    max_length: int
    variant: int


Piece = tuple[str | None, Image.Image | str | None]


def add_write(desk: Desk) -> None:
    """The tab and the endpoint."""

    async def write(
        title: str,
        text: str,
        url: str = "",
        platform: str = "linkedin",
        tone: str = "",
        language: str = "",
        max_length: float = 3000,
        with_image: bool = True,
        instruction: str = "",
        task: str = "write",
        variant: float = 1,
        variants: float = 1,
    ) -> AsyncIterator[Piece]:
        """Draft a post from an article by extraction, or rework a draft; streams the text, ends with text and image."""
        order = desk.begin(
            "write",
            title=title,
            text=text,
            url=url,
            platform=platform,
            tone=tone,
            language=language,
            max_length=max_length,
            with_image=with_image,
            instruction=instruction,
            task=task,
            variant=variant,
            variants=variants,
        )
        article = Article((title or "").strip(), (text or "").strip(), (url or "").strip() or None)
        _refuse_nonsense(article, task, max_length, variant)
        wanted: Wanted = {
            "platform": platform,
            "tone": tone,
            "language": language,
            "max_length": int(max_length),
            "variant": int(variant),
        }
        if task == "rework":
            post = rework(article.text, instruction=instruction or "", **wanted)
        else:
            post = draft(article, **wanted)
        picture = render_card(article.title or article.text) if with_image else None
        async for piece in _stream(post, picture, order, desk):
            yield piece

    with gr.Tab("Write"):
        gr.Markdown(
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
                    gr.Textbox(label="What to change in a draft", value=""),
                    gr.Radio(["write", "rework"], label="Task", value="write"),
                    gr.Number(label="Variant", value=1, precision=0),
                    gr.Number(label="of how many", value=1, precision=0),
                ]
                button = gr.Button("Draft", variant="primary")
            with gr.Column():
                outputs = [
                    gr.Textbox(label="Post", lines=14),
                    gr.Image(label="Image", format="png", buttons=[]),
                ]
        button.click(write, inputs, outputs, api_name="write", concurrency_limit=1)


def _refuse_nonsense(article: Article, task: str, max_length: float, variant: float) -> None:
    if task not in ("write", "rework"):
        raise gr.Error("task must be write or rework.", print_exception=False)
    if task == "rework" and not article.text:
        raise gr.Error("There is nothing to rework: give the draft as text.", print_exception=False)
    if not article.title and not article.text:
        raise gr.Error(
            "There is nothing to write about: give a title or a text.", print_exception=False
        )
    if not _SHORTEST <= max_length <= _LONGEST:
        raise gr.Error(
            f"max_length must be between {_SHORTEST} and {_LONGEST}.", print_exception=False
        )
    if not 1 <= variant <= _MOST_VARIANTS:
        raise gr.Error(f"variant must be between 1 and {_MOST_VARIANTS}.", print_exception=False)


async def _stream(
    post: str, picture: Image.Image | None, order: Order | None, desk: Desk
) -> AsyncIterator[Piece]:
    """The growing text, then text and picture; or whatever the order says."""
    try:
        await hold_up(order)
    except OrderedFailure as failure:
        raise gr.Error(str(failure), print_exception=False) from None
    if order and order.order in ("empty", "garbage"):
        yield ("", None) if order.order == "empty" else (None, _not_an_image())
        return
    async for text in in_pieces(post, order, desk):
        yield text, None
    yield post, picture


def _not_an_image() -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".png", delete=False) as file:
        file.write("<html>not an image</html>")
    return file.name
