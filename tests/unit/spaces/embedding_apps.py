"""Real Gradio apps that answer with vectors, in each way that Spaces do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from local.space.quick_gradio import gradio as gr


def vector(text: str) -> list[float]:
    """A vector by which a test tells texts apart."""
    return [float(len(text)), float(text.count("e")), 0.5]


def embedding_apps(received: Any) -> dict[str, gr.Blocks]:
    """One app per path."""

    def listing(answer: Callable[[list[str]], Any], output: Any = None) -> gr.Blocks:
        def embed(texts: Any) -> Any:
            received.append({"texts": texts})
            return answer(texts)

        output = output or gr.JSON()
        return gr.Interface(embed, gr.JSON(label="Texts"), output, api_name="embed")

    def single(answer: Callable[[str], Any], output: Any = None) -> gr.Blocks:
        def embed(text: str) -> Any:
            received.append({"texts": text})
            return answer(text)

        output = output or gr.JSON()
        return gr.Interface(embed, gr.Textbox(label="Text"), output, api_name="embed")

    def openai(texts: list[str]) -> Any:
        rows = [{"index": number, "embedding": vector(text)} for number, text in enumerate(texts)]
        return {"object": "list", "data": rows[::-1]}

    return {
        "lists": listing(lambda texts: [vector(text) for text in texts]),
        "lists_in_dict": listing(lambda texts: {"embeddings": [vector(t) for t in texts]}),
        "lists_with_index": listing(openai),
        "lists_in_table": listing(
            lambda texts: [vector(text) for text in texts], gr.Dataframe(type="array")
        ),
        "table": _table(received),
        "one_text": single(vector),
        "one_text_nested": single(lambda text: [vector(text)]),
        "one_text_as_text": single(lambda text: json.dumps(vector(text)), gr.Textbox()),
        "too_few": listing(lambda texts: [vector(text) for text in texts[1:]]),
        "ragged": listing(lambda texts: [vector(t)[: 2 + n % 2] for n, t in enumerate(texts)]),
        "changing": single(lambda text: vector(text)[: len(text)]),
        "too_long": listing(lambda texts: [[0.1] * 4097 for _ in texts]),
        "no_vectors": listing(lambda texts: {"status": "loading"}),
        "words_for_numbers": listing(lambda texts: [["a", "b"] for _ in texts]),
    }


def _table(received: Any) -> gr.Blocks:
    def embed(sentences: list[list[str]]) -> list[list[float]]:
        received.append({"texts": sentences})
        return [vector(row[0]) for row in sentences]

    table = gr.Dataframe(label="Sentences", type="array", headers=["text"])
    return gr.Interface(embed, table, gr.JSON(), api_name="encode")
