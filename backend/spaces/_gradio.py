"""Calls Gradio Spaces through gradio_client: connects, follows a job, keeps the deadline, translates errors.

This is the only module that imports gradio_client, and only inside functions: it costs 30 MB and 0.2 s
that a web process without generations does not pay.

Threads: each call runs in one daemon thread; its caller never blocks on the Space, so a hanging Space cannot
break the deadline or hold up the exit of the process. gradio_client adds four threads while a job runs. A call that
is given up cancels its job, after which a healthy Space closes the stream and all five end. Of a Space that does not
react, the thread reading the stream remains until the Space sends nothing for READ_SECONDS or closes.
"""

from __future__ import annotations

import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

from backend.core.errors import GenerationCanceled, SpaceAnswerUnusable, SpaceError
from backend.core.models import Progress

from ._call import CONNECT_SECONDS, READ_SECONDS, Call, Result
from ._signature import Endpoint
from ._troubles import Trouble, judge

_CANCELED_POLL_SECONDS = 0.1
_WAKING_AFTER_SECONDS = 1.0
_IDLE_CLIENTS, _IDLE_SECONDS = 4, 300.0

_P = ParamSpec("_P")
_R = TypeVar("_R")


def connect(space: str, token: str | None) -> Any:
    """A connected gradio_client.Client for `space` (owner/name or URL), quiet, without downloads or telemetry.

    Blocks as long as the Space's servers let it. Raises whatever gradio_client, huggingface_hub and httpx raise,
    and SpaceAnswerUnusable for a Gradio app older than 4.
    """
    import gradio_client
    import httpx
    import huggingface_hub.constants

    class Client(gradio_client.Client):  # type: ignore[misc]  # gradio_client has no type information
        def _get_config(self) -> dict[str, Any]:
            config: dict[str, Any] = super()._get_config()
            if not str(config.get("protocol")).startswith("sse"):
                # gradio_client would send such a configuration to a service of Hugging Face, and then give up.
                raise SpaceAnswerUnusable(
                    f"What answers at {shown(space)} is not a Gradio app of version 4 or later."
                )
            # No heartbeat: it is an open connection for as long as the client lives, which keeps a Space awake.
            return {**config, "connect_heartbeat": False}

    # gradio_client 2.7 reports each client to the Hub unless this is set; its own argument has no effect.
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True
    client = Client(
        space,
        # False, because None would send the token that happens to be saved on this machine.
        token=(token or False) if trusted_with_token(space) else False,
        verbose=False,
        # Files are fetched in `_call`: with a size limit, into memory, only from the Space itself. gradio_client would
        # download each partial picture, of any size, from where the Space says, and leave its temporary folders behind.
        download_files=False,
        httpx_kwargs={"timeout": httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)},
    )
    if (
        client.protocol == "sse"
    ):  # Gradio 4.0: gradio_client sets the time-out itself and trips over ours
        client.httpx_kwargs.pop("timeout", None)
    # Its thread pools are joined when the interpreter exits, so that one hanging Space would keep a worker alive.
    client.executor = client.helper_executor = client.stream_executor = _DaemonThreads()
    return client


def trusted_with_token(space: str) -> bool:
    """Whether the Hugging Face token may go to this Space: only to Hugging Face, only encrypted."""
    if not _is_url(space):
        return True
    url = urllib.parse.urlsplit(space)
    return url.scheme == "https" and (url.hostname or "").endswith(".hf.space")


def shown(space: str) -> str:
    """`space` as it may be shown and kept: a URL loses user, password, query and fragment."""
    if not _is_url(space):
        return space
    url = urllib.parse.urlsplit(space)
    return urllib.parse.urlunsplit((url.scheme, url.netloc.rpartition("@")[2], url.path, "", ""))


class GradioSpace:
    """One Space, `owner/name` on Hugging Face or the http(s) URL of any Gradio app. Safe to share among threads.

    Connected clients are kept and lent to one call at a time: Gradio cancels all calls of a session at once, and a
    client is a session. After an error the client is dropped, so the next call discovers the signature again.
    """

    def __init__(
        self,
        space: str,
        *,
        token: str | None = None,
        connect: Callable[[str, str | None], Any] = connect,
    ) -> None:
        if token and (not token.isprintable() or " " in token):
            # httpx would quote such a header, with the token, in its error and its log.
            raise ValueError("HUGGING_KEY holds white space or control characters")
        self.name = shown(space)
        self._space = space
        self._token = token
        self._connect = connect
        self._idle: list[tuple[float, Any]] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"GradioSpace({self.name!r})"

    def run(
        self,
        preferred: Sequence[str],
        arguments: Callable[[Endpoint], Mapping[str, Any]],
        *,
        want_image: bool,
        on_progress: Callable[[Progress], None],
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> Result:
        """Call the endpoint that `find_endpoint(…, preferred)` picks with `arguments(endpoint)` by parameter name.

        `on_progress` runs in the caller's thread, only when something changed; `canceled` is asked every 0.1 s.
        Raises SpaceUnavailable, SpaceTimedOut, SpaceFailed, SpaceAnswerUnusable, GenerationCanceled; also what
        `on_progress` and `canceled` raise, after giving up the call.
        """
        started = time.monotonic()
        call = Call(self, preferred, arguments, want_image=want_image)
        threading.Thread(target=call.work, name="space-call", daemon=True).start()
        last: Progress | None = None
        asked = float("-inf")
        try:
            while True:
                now = time.monotonic()
                if now - asked >= _CANCELED_POLL_SECONDS:
                    asked = now
                    if canceled():
                        raise GenerationCanceled("The generation was canceled.")
                if now - started >= deadline_seconds:
                    raise call.late(deadline_seconds)
                event = call.next_event(
                    min(_CANCELED_POLL_SECONDS, started + deadline_seconds - now)
                )
                if event is None and call.connecting and now - started >= _WAKING_AFTER_SECONDS:
                    event = Progress("waking")
                if isinstance(event, SpaceError):
                    raise event
                if isinstance(event, Result):
                    return event
                if event is not None and event != last:
                    last = event
                    on_progress(event)
        finally:
            call.give_up()

    def borrow(self) -> tuple[Any, bool]:
        """A client for one call, and whether it was used before. Blocks; raises what `connect` raises."""
        with self._lock:
            fresh_enough = time.monotonic() - _IDLE_SECONDS
            self._idle = [(since, client) for since, client in self._idle if since > fresh_enough]
            if self._idle:
                return self._idle.pop()[1], True
        return self._connect(self._space, self._token), False

    def give_back(self, client: Any) -> None:
        """Keep a client whose call ended well, for the next call."""
        with self._lock:
            if len(self._idle) < _IDLE_CLIENTS:
                self._idle.append((time.monotonic(), client))

    def forget_idle(self) -> None:
        """Drop the clients that wait for a call, so that the next call discovers the Space anew."""
        with self._lock:
            self._idle.clear()

    def judge(self, error: BaseException) -> Trouble:
        """What went wrong, in our words, without the token."""
        return judge(error, self._space, self.name, self._token)


class _DaemonThreads(Executor):
    """An executor without a pool: each task has a daemon thread that ends with it."""

    def submit(self, fn: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_R]:
        future: Future[_R] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # handed on, as every executor does
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=run, name="space-job", daemon=True).start()
        return future


def _is_url(space: str) -> bool:
    return space.startswith(("http://", "https://"))
