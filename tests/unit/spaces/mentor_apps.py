"""Real Gradio apps of the shapes that chats have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

from local.space.quick_gradio import gradio as gr

ANSWER = "Lyon renovated twelve bridges [1]."


class Steered(Protocol):
    """The part of `gradio_apps.Control` that is used here."""

    received: Any

    def stopped(self, name: str) -> Any: ...
    async def wait_at(self, name: str) -> None: ...


def mentor_apps(control: Steered) -> dict[str, gr.Blocks]:
    """One app per path: what a chat may take, what it may give."""
    return {
        "talk": gr.ChatInterface(_noted(control), api_name="chat"),
        "talk_files": gr.ChatInterface(_noted(control), api_name="chat", multimodal=True),
        "talk_system": gr.ChatInterface(
            _noted_with_system(control),
            api_name="chat",
            additional_inputs=[
                gr.Textbox("You are a pirate.", label="System prompt"),
                gr.Slider(0, 2, value=0.7, label="Temperature"),
            ],
        ),
        "talk_memory": gr.ChatInterface(_counting, api_name="chat"),
        "talk_thoughts": gr.ChatInterface(_thinking, api_name="chat"),
        "talk_messages": _with_messages(control),
        "talk_material": _with_material(control),
        "talk_context": _with_context(control),
        "talk_acting": _acting(control),
    }


def _growing(text: str) -> Iterator[str]:
    words = text.split()
    for end in range(1, len(words) + 1):
        yield " ".join(words[:end])


def _noted(control: Steered) -> Any:
    def respond(message: Any, history: list[Any]) -> Iterator[str]:
        control.received.append({"message": message, "history": history})
        yield from _growing(ANSWER)

    return respond


def _noted_with_system(control: Steered) -> Any:
    def respond(
        message: Any, history: list[Any], system_prompt: str, temperature: float
    ) -> Iterator[str]:
        control.received.append(
            {"message": message, "system": system_prompt, "temperature": temperature}
        )
        yield from _growing(ANSWER)

    return respond


def _counting(message: str, history: list[Any]) -> str:
    return f"{len(history)} messages before this one"


def _thinking(message: str, history: list[Any]) -> Iterator[list[dict[str, Any]]]:
    thought = {"role": "assistant", "content": "Hm.", "metadata": {"title": "Thinking"}}
    yield [thought]
    for text in _growing(ANSWER):
        yield [thought, {"role": "assistant", "content": text}]


def _with_messages(control: Steered) -> gr.Blocks:
    """Takes the conversation as a Chatbot has it, and gives it back with an answer that grows."""

    def respond(message: str, history: list[Any]) -> Iterator[list[Any]]:
        control.received.append({"message": message, "history": history})
        for text in _growing(ANSWER):
            yield [
                *history,
                {"role": "user", "content": message},
                {"role": "assistant", "content": text},
            ]

    with gr.Blocks() as blocks:
        inputs = [gr.Textbox(label="Message"), gr.Chatbot(label="History")]
        gr.Button().click(respond, inputs, gr.Chatbot(label="Chat"), api_name="respond")
    return blocks


def _with_material(control: Steered) -> gr.Blocks:
    """Everything in an input of its own, history and passages as JSON, like the local Space."""

    def chat(
        message: str, history: Any = None, passages: Any = None, language: str = ""
    ) -> Iterator[str]:
        received = {"message": message, "history": history, "passages": passages}
        control.received.append({**received, "language": language})
        yield from _growing(ANSWER)

    with gr.Blocks() as blocks:
        inputs = [
            gr.Textbox(label="Message"),
            gr.JSON(label="History", value=[]),
            gr.JSON(label="Passages", value=[]),
            gr.Textbox(label="Language", value=""),
        ]
        gr.Button().click(chat, inputs, gr.Textbox(label="Answer"), api_name="chat")
    return blocks


def _with_context(control: Steered) -> gr.Blocks:
    """A question and its context as texts; the answer in JSON, beside something else."""

    def ask(question: str, context: str) -> tuple[str, dict[str, str]]:
        control.received.append({"question": question, "context": context})
        return "done", {"answer": ANSWER}

    with gr.Blocks() as blocks:
        inputs = [gr.Textbox(label="Question"), gr.Textbox(label="Context")]
        outputs = [gr.Textbox(label="Status"), gr.JSON(label="Answer")]
        gr.Button().click(ask, inputs, outputs, api_name="ask")
    return blocks


def _acting(control: Steered) -> gr.Blocks:
    """Does what the first word of the message says; the rest names the gates it waits at."""

    async def chat(message: str, history: Any = None, passages: Any = None) -> AsyncIterator[str]:
        act = message.split()[0]
        try:
            if act == "fail":
                raise gr.Error(message, print_exception=False)
            if act == "garbage":
                yield "\x00\r\n \ud83d".encode("utf-8", "replace").decode()[:3]
                return
            words = ANSWER.split()
            for end in range(1, len(words)):
                if act == "hang":
                    await control.wait_at(message)
                yield " ".join(words[:end])
                if act == "slow":
                    await control.wait_at(f"{message} {end}")
                if act == "half":
                    await control.wait_at(message)
            yield ANSWER
        finally:
            control.stopped(message).set()
            await asyncio.sleep(0)

    with gr.Blocks() as blocks:
        inputs = [
            gr.Textbox(label="Message"),
            gr.JSON(label="History", value=[]),
            gr.JSON(label="Passages", value=[]),
        ]
        gr.Button().click(chat, inputs, gr.Textbox(), api_name="chat", concurrency_limit=8)
    return blocks
