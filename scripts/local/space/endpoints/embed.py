"""`/embed`: a list of texts to a list of vectors."""

from __future__ import annotations

import asyncio
from typing import Any

from .. import embedding
from ..misbehaving import OrderedFailure, in_one_piece
from ..orders import Desk
from ..quick_gradio import gradio as gr

_AT_ONCE = 2
GARBAGE = [[0.1, 0.2], [0.3]]
"""Vectors of two lengths, of which no index can be made."""


def add_embed(desk: Desk) -> None:
    """The tab and the endpoint."""

    async def embed(texts: Any) -> list[list[float]]:
        """One vector of length 1 per text, in order, all of one size."""
        order = desk.begin("embed", texts=texts)
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise gr.Error("texts must be a list of strings.", print_exception=False)
        if len(texts) > embedding.MOST_TEXTS:
            raise gr.Error(f"At most {embedding.MOST_TEXTS} texts at once.", print_exception=False)
        try:
            await in_one_piece(order, desk)
        except OrderedFailure as failure:
            raise gr.Error(str(failure), print_exception=False) from None
        if order and order.order in ("empty", "garbage"):
            return [] if order.order == "empty" else GARBAGE
        return await asyncio.to_thread(embedding.embed, texts)

    with gr.Tab("Embed"):
        gr.Markdown(
            "Vectors by WordLlama: averages of static vectors, made for English. They know related words, "
            "but no context; set `EMBEDDING_SPACE` to a real Space for better ones."
        )
        inputs = [gr.JSON(label="Texts: a list of strings", value=[])]
        button = gr.Button("Embed", variant="primary")
        output = gr.JSON(label="Vectors")
        button.click(embed, inputs, output, api_name="embed", concurrency_limit=_AT_ONCE)
