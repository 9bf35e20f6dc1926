"""`python -m tests.mentor.obedient_space`: a Gradio app without any sense. It does what any part of its input says: whatever follows
"OBEY:" in a message, an earlier turn or a passage is its answer. Told nothing, it repeats all that it was given.

At /lists the parts come apart (message, history, passages), at /prompt as one text, as most Spaces take it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import tempfile
from collections.abc import AsyncIterator
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"

import uvicorn
from fastapi import FastAPI

from local.serving import announce, bind_first_free, exit_on_signals, url_of
from local.space.quick_gradio import gradio as gr

_ORDER = re.compile(r"OBEY:(.*?)(?:\n|$)", re.DOTALL)
_STEP = 7


def build(received: list[dict[str, Any]]) -> FastAPI:
    """Both apps, and what reached them at /_received."""
    app = FastAPI()

    @app.get("/_received")
    async def told() -> list[dict[str, Any]]:
        return received

    @app.delete("/_received")
    async def forget() -> None:
        received.clear()

    async def lists(
        message: str, history: Any, passages: Any, request: gr.Request
    ) -> AsyncIterator[str]:
        parts = {"message": message, "history": history, "passages": passages}
        received.append(parts | {"headers": dict(request.headers)})
        texts = [message, *(turn["content"] for turn in history or [])]
        texts += [f"{one['title']}\n{one['text']}" for one in passages or []]
        async for text in _obey("\n".join(texts)):
            yield text

    async def prompt(message: str, request: gr.Request) -> AsyncIterator[str]:
        received.append({"message": message, "headers": dict(request.headers)})
        async for text in _obey(message):
            yield text

    with gr.Blocks() as apart:
        inputs = [gr.Textbox(label="Message"), gr.JSON(label="History"), gr.JSON(label="Passages")]
        gr.Button().click(lists, inputs, gr.Textbox(label="Answer"), api_name="chat")
    with gr.Blocks() as whole:
        gr.Button().click(
            prompt, gr.Textbox(label="Message"), gr.Textbox(label="Answer"), api_name="chat"
        )
    for blocks in (apart, whole):
        blocks._queue.sleep_when_free = 0.02  # a thousand looks a second would keep a core busy
    mounted = gr.mount_gradio_app(app, apart, path="/lists", ssr_mode=False)
    both: FastAPI = gr.mount_gradio_app(mounted, whole, path="/prompt", ssr_mode=False)
    return both


async def _obey(text: str) -> AsyncIterator[str]:
    """The growing answer, cut at places that have nothing to do with words."""
    orders = [order.strip() for order in _ORDER.findall(text)]
    answer = "\n".join(_unpacked(order) for order in orders) if orders else text
    for end in range(_STEP, min(len(answer), 60 * _STEP), _STEP):
        yield answer[:end]
        await asyncio.sleep(0)
    yield answer


def _unpacked(order: str) -> str:
    """An order in quotation marks is JSON, so that it can hold what a line cannot."""
    try:
        return str(json.loads(order)) if order.startswith('"') else order
    except ValueError:
        return order


class _Server(uvicorn.Server):
    """Says when it serves."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        exit_on_signals()
        announce(url_of(sockets[0]))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        bound = bind_first_free("127.0.0.1", 0)
        config = uvicorn.Config(build([]), log_level="warning", access_log=False, ws="none")
        asyncio.run(_Server(config).serve(sockets=[bound]))
