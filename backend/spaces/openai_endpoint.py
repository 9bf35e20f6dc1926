"""The way to one OpenAI-compatible endpoint: its address and key, requests, and trying again while it wakes up.

A connection serves one call: kept ones would save a handshake of a call that takes seconds, and bring the errors of
connections that the other side has closed meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from backend.core.errors import SpaceAnswerUnusable

from ._certificates import trusted
from ._troubles import Trouble
from .openai_answers import MAX_BYTES, read_json, read_models
from .openai_calls import News
from .openai_troubles import Asked, not_this_api, of_answer, of_connection

log = logging.getLogger("lin.spaces")

_CONNECT_SECONDS = 10.0
_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = 0.25, 5.0
_MAX_ERROR_BYTES = 64 * 1024


class OpenAiEndpoint:
    """Asks one endpoint. Safe to share among threads; its coroutines belong on the loop of `openai_calls`."""

    def __init__(self, space: str, key: str | None = None) -> None:
        """`space` is the URL of the API, with the model's name after a # or without one. Raises ValueError."""
        if key and not (key.isascii() and key.isprintable() and " " not in key):
            # httpx would quote such a header, with the key, in its error.
            raise ValueError(
                "MODEL_KEY holds white space, control characters or letters outside ASCII"
            )
        url = urlsplit(space)
        if (
            url.scheme not in ("http", "https")
            or not url.hostname
            or url.query
            or "@" in url.netloc
        ):
            raise ValueError(
                "an OpenAI-compatible endpoint is an http(s) URL without user, password and query; its key is MODEL_KEY"
            )
        self._base = urlunsplit((url.scheme, url.netloc, url.path.rstrip("/"), "", ""))
        self._model = url.fragment or None
        self._found: str | None = None
        self._key = key or None
        self.name = f"{self._base}#{self._model}" if self._model else self._base

    def __repr__(self) -> str:
        return f"OpenAiEndpoint({self.name!r})"

    async def model(self, news: News) -> str:
        """The model's name: the configured one, else the first that the endpoint lists, asked for until it is gone. Raises SpaceError."""
        if self._model:
            return self._model
        found = self._found  # read once: a call that runs beside this one may forget it
        if found is None:
            asked = self.asked("/models", "")
            async with self.ask("GET", "/models", asked, news) as answer:
                names = read_models(read_json(await answer.aread(), asked), asked)
            found = self._found = names[0]
            log.info(
                "a model was taken for an endpoint that is configured without one",
                extra={"endpoint": self.name, "model": names[0], "of": len(names)},
            )
        return found

    def asked(self, path: str, model: str, sent: str = "") -> Asked:
        """What is about to be asked, for `ask` and for judging the answer."""
        return Asked(self.name, path, model, self._key, sent)

    @asynccontextmanager
    async def ask(
        self,
        method: str,
        path: str,
        asked: Asked,
        news: News,
        body: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """The answer with status 200, its body still to be read, at most MAX_BYTES of it.

        While nothing listens there, or a server says that it is loading, it is asked again until the caller gives up: in
        neither case has a model begun. Raises SpaceError.
        """
        async with self._client() as client:
            pause = _FIRST_RETRY_SECONDS
            while True:
                request = client.build_request(method, self._base + path, json=body)
                answer = await self._try(client, request, asked)
                if isinstance(answer, httpx.Response):
                    break
                if not answer.may_be_waking:
                    raise answer.problem
                news.asleep(answer.problem)
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_RETRY_SECONDS)
            try:
                yield answer
            except httpx.HTTPError as error:
                raise of_connection(error, self.name).problem from None
            finally:
                await answer.aclose()

    async def _try(
        self, client: httpx.AsyncClient, request: httpx.Request, asked: Asked
    ) -> httpx.Response | Trouble:
        try:
            answer = await client.send(request, stream=True)
        except httpx.HTTPError as error:
            return of_connection(error, self.name)
        if answer.headers.get("content-encoding", "identity") != "identity":
            await answer.aclose()
            raise not_this_api(self.name, "a compressed answer that was not asked for")
        if answer.status_code == 200:
            answer.stream = _Capped(answer.stream, MAX_BYTES)
            return answer
        if answer.status_code == 404:
            self._found = None  # the server may have another model by now
        answer.stream = _Capped(answer.stream, _MAX_ERROR_BYTES)
        try:
            told = read_json(await answer.aread(), asked)
        except (SpaceAnswerUnusable, httpx.HTTPError):  # a page of a proxy, or none at all
            told = None
        finally:
            await answer.aclose()
        return of_answer(answer.status_code, answer.headers, told, asked)

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers={
                # compressed, an answer could unpack to any size
                "Accept-Encoding": "identity",
                **({"Authorization": f"Bearer {self._key}"} if self._key else {}),
            },
            verify=trusted(),
            # A model may think for minutes before its first word: only the caller's deadline ends the wait.
            timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
        )


class _Capped(httpx.AsyncByteStream):
    """A body of at most `most` bytes."""

    def __init__(self, stream: httpx.SyncByteStream | httpx.AsyncByteStream, most: int) -> None:
        assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101  what an async client gives
        self._stream, self._most = stream, most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for piece in self._stream:
            seen += len(piece)
            if seen > self._most:
                raise SpaceAnswerUnusable(
                    f"The endpoint's answer is larger than {self._most >> 20} MB."
                )
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
