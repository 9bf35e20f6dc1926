"""An OpenAI-compatible endpoint as a model: Ollama, vLLM, LM Studio, llama.cpp or a hosted one."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import httpx
import httpx_sse

from backend.core.errors import SpaceAnswerUnusable, SpaceUnavailable
from backend.core.models import ChatRequest, Progress, Spoken, WriteRequest, Written

from ._roles import clean_text
from ._sounds import sound_mime
from .discretion import discreet, without_instructions
from .openai_answers import (
    Completion,
    check_lengths,
    read_json,
    read_vectors,
    without_thoughts,
)
from .openai_calls import News, follow
from .openai_endpoint import OpenAiEndpoint
from .openai_messages import Message, chat_messages, write_messages
from .openai_troubles import not_this_api

_TEXTS_PER_REQUEST = 32
"""How many texts are embedded at once: the fewest that a common server takes by default."""
_OWN_VOICE = "alloy"
"""The voice when none is asked for: the API requires one, and compatible servers take this name for theirs."""

T = TypeVar("T")


class OpenAiModel:
    """Implements `core.models.Model` with one endpoint. Safe to share among threads."""

    def __init__(self, space: str, *, key: str | None = None) -> None:
        """`space` is the URL of the API (…/v1), the model's name after a #. Raises ValueError for any other."""
        self._endpoint = OpenAiEndpoint(space, key)

    def __repr__(self) -> str:
        return f"OpenAiModel({self.space!r})"

    @property
    def space(self) -> str:
        """The URL, with the model's name after a # where one is configured."""
        return self._endpoint.name

    def write(
        self,
        request: WriteRequest,
        *,
        on_progress: Callable[[Progress], None],
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> Written:
        """See `core.models.Model.write`. Never with an image: the chat API makes none."""
        text = self._complete(
            write_messages(request), True, on_progress, canceled, deadline_seconds
        )
        return Written(text)

    def chat(
        self,
        request: ChatRequest,
        *,
        on_progress: Callable[[Progress], None],
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> str:
        """See `core.models.Model.chat`."""
        answer = self._complete(
            chat_messages(request),
            False,
            discreet(on_progress, request.language),
            canceled,
            deadline_seconds,
        )
        answer = without_instructions(answer, request.language, ended=True).strip()
        if not answer:
            raise SpaceAnswerUnusable(f"The endpoint {self.space} answered without any text.")
        return answer

    def speak(
        self,
        text: str,
        *,
        voice: str | None,
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> Spoken:
        """See `core.models.Model.speak`."""

        async def work(news: News) -> Spoken:
            model = await self._endpoint.model(news)
            body = {
                "model": model,
                "input": text,
                "voice": voice or _OWN_VOICE,
                "response_format": "mp3",
            }
            asked = self._endpoint.asked("/audio/speech", model, text)
            async with self._endpoint.ask("POST", asked.path, asked, news, body) as answer:
                audio = await answer.aread()
            return Spoken(audio, sound_mime(audio))

        return self._follow(work, lambda _: None, canceled, deadline_seconds)

    def embed(self, texts: Sequence[str], *, deadline_seconds: float) -> list[list[float]]:
        """See `core.models.Model.embed`."""

        async def work(news: News) -> list[list[float]]:
            model, vectors = await self._endpoint.model(news), list[list[float]]()
            for start in range(0, len(texts), _TEXTS_PER_REQUEST):
                batch = list(texts[start : start + _TEXTS_PER_REQUEST])
                body = {"model": model, "input": batch, "encoding_format": "float"}
                asked = self._endpoint.asked("/embeddings", model, "\n".join(batch))
                async with self._endpoint.ask("POST", asked.path, asked, news, body) as answer:
                    told = read_json(await answer.aread(), asked)
                vectors += read_vectors(told, len(batch), asked)
            check_lengths(vectors, self.space)
            return vectors

        if not texts:
            return []
        return self._follow(work, lambda _: None, lambda: False, deadline_seconds)

    def _complete(
        self,
        messages: list[Message],
        whole: bool,
        on_progress: Callable[[Progress], None],
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> str:
        """The answer to the messages; with `whole`, one that stopped at the model's limit of tokens is an error."""
        last: Progress | None = None

        def report(progress: Progress) -> None:
            nonlocal last
            text = clean_text(without_thoughts(progress.text)) if progress.text else None
            seen = Progress(progress.state, text=text or None)
            if seen != last:
                last = seen
                on_progress(seen)

        async def work(news: News) -> str:
            model = await self._endpoint.model(news)
            sent = "\n".join(message["content"] for message in messages)
            asked = self._endpoint.asked("/chat/completions", model, sent)
            body = {"model": model, "messages": messages, "stream": True}
            completion = Completion(asked)
            async with self._endpoint.ask("POST", asked.path, asked, news, body) as answer:
                news.running()
                await _read(answer, completion, news)
            if not completion.ended:
                raise SpaceUnavailable(
                    f"The endpoint {self.space} went away while it was working; try again later."
                )
            text = clean_text(without_thoughts(completion.raw))
            completion.check(text, whole=whole)
            return text

        return self._follow(work, report, canceled, deadline_seconds)

    def _follow(
        self,
        work: Callable[[News], Coroutine[Any, Any, T]],
        on_progress: Callable[[Progress], None],
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> T:
        return follow(
            work,
            name=self.space,
            on_progress=on_progress,
            canceled=canceled,
            deadline_seconds=deadline_seconds,
        )


async def _read(answer: httpx.Response, completion: Completion, news: News) -> None:
    """Read a completion to its end, telling all text so far with every piece."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if kind == "application/json":  # a server that does not stream
        completion.take(read_json(await answer.aread(), completion.asked), "message")
        return
    if kind != "text/event-stream":
        raise not_this_api(completion.asked.name, "neither a stream nor JSON")
    async for event in httpx_sse.EventSource(answer).aiter_sse():
        if event.data:
            completion.add(event.data, event.event)
            news.running(completion.raw)
        if completion.done:
            return
