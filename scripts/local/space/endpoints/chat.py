"""`/chat`: answers a question from the passages it is given; streams the growing text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from ..answering import Passage, answer
from ..misbehaving import OrderedFailure, hold_up, in_pieces
from ..orders import Desk
from ..quick_gradio import gradio as gr

_MANY = 64
_GARBAGE = "\x00" * 40


class _Turn(BaseModel):
    role: str
    content: str


class _Passage(BaseModel):
    number: int
    title: str = ""
    text: str
    url: str | None = None


class _Given(BaseModel):
    """What came in beside the message, as lists even when nothing was given."""

    history: list[_Turn] = Field(max_length=1000)
    passages: list[_Passage] = Field(max_length=200)


_GIVEN = TypeAdapter(_Given)


def add_chat(desk: Desk) -> None:
    """The tab and the endpoint."""

    async def chat(
        message: str, history: Any = None, passages: Any = None, language: str = ""
    ) -> AsyncIterator[str]:
        """Answer from the passages by quoting their best sentences with [number]; streams the text."""
        order = desk.begin(
            "chat", message=message, history=history, passages=passages, language=language
        )
        if not (message or "").strip():
            raise gr.Error("There is no question: give a message.", print_exception=False)
        given = _read(history, passages)
        try:
            await hold_up(order)
        except OrderedFailure as failure:
            raise gr.Error(str(failure), print_exception=False) from None
        if order and order.order in ("empty", "garbage"):
            yield "" if order.order == "empty" else _GARBAGE
            return
        text = answer(
            message,
            [Passage(one.number, one.title, one.text) for one in given.passages],
            earlier=[turn.content for turn in given.history if turn.role == "user"],
            language=language,
        )
        async for piece in in_pieces(text, order, desk):
            yield piece

    with gr.Tab("Chat"):
        gr.Markdown(
            "Answers by quoting sentences of the passages. **There is no model here**; "
            "set `MENTOR_SPACE` to a real Space for real answers."
        )
        inputs = [
            gr.Textbox(label="Message"),
            gr.JSON(label="History: a list of {role, content}", value=[]),
            gr.JSON(label="Passages: a list of {number, title, text, url}", value=[]),
            gr.Textbox(label="Language", value=""),
        ]
        button = gr.Button("Ask", variant="primary")
        output = gr.Textbox(label="Answer", lines=8)
        button.click(chat, inputs, output, api_name="chat", concurrency_limit=_MANY)


def _read(history: Any, passages: Any) -> _Given:
    try:
        return _GIVEN.validate_python({"history": history or [], "passages": passages or []})
    except ValidationError as refused:
        first = refused.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise gr.Error(f"{where}: {first['msg']}.", print_exception=False) from None
