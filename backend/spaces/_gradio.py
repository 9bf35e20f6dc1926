"""Calls Gradio Spaces: connects with gradio_client, keeps the deadline, translates errors.

gradio_client is imported only inside functions, here and in `_stream.py`: it costs 30 MB and 0.2 s that a web process
without generations does not pay.

Threads: each call runs in one daemon thread; its caller never blocks on the Space, so a hanging Space cannot break the
deadline or hold up the exit of the process. A call that is given up gets a second one, which tells the Space to stop and
ends the stream; both end then, whatever the Space does.
"""

from __future__ import annotations

import threading
import time
import urllib.parse
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from backend.core.errors import GenerationCanceled, SpaceAnswerUnusable, SpaceError
from backend.core.models import Progress

from ._call import Ask, Call, Done
from ._certificates import trusted
from ._stream import CONNECT_SECONDS, READ_SECONDS
from ._troubles import Trouble, judge

_CANCELED_POLL_SECONDS = 0.1
_WAKING_AFTER_SECONDS = 1.0
_IDLE_SECONDS = 300.0

T = TypeVar("T")


def connect(space: str, token: str | None) -> Any:
    """A connected gradio_client.Client for `space` (owner/name or URL), quiet, without downloads or telemetry.

    Its `http` is the httpx.Client for everything after connecting; it closes with the last use of the client.
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
        # httpx's `verify`, to which gradio_client hands it on
        ssl_verify=trusted(),
        # Files are fetched in `_call`: with a size limit, into memory, only from the Space itself. gradio_client would
        # download each partial picture, of any size, from where the Space says, and leave its temporary folders behind.
        download_files=False,
        httpx_kwargs={"timeout": httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)},
    )
    client.http = httpx.Client(
        headers=client.headers,
        cookies=client.cookies,
        verify=trusted(),
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=10),
    )
    weakref.finalize(client, client.http.close)
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

    One connected client serves all calls, each in a session of its own. After an error it is dropped, so the next
    call discovers the signature again.
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
        self._client: Any = None
        self._last_use = 0.0
        self._connecting = threading.Lock()

    def __repr__(self) -> str:
        return f"GradioSpace({self.name!r})"

    def run(
        self,
        ask: Ask[T],
        *,
        on_progress: Callable[[Progress], None],
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> T:
        """Call the endpoint that `ask` finds, and return what it reads in the answer.

        `on_progress` runs in the caller's thread, only when something changed; `canceled` is asked every 0.1 s.
        Raises SpaceUnavailable, SpaceTimedOut, SpaceFailed, SpaceAnswerUnusable, GenerationCanceled; also what
        `on_progress` and `canceled` raise, after giving up the call.
        """
        started = time.monotonic()
        call = Call(self, ask)
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
                if isinstance(event, Done):
                    return event.result
                if event is not None and event != last:
                    last = event
                    on_progress(event)
        finally:
            call.give_up()

    def borrow(self, given_up: threading.Event) -> tuple[Any, bool]:
        """The connected client, and whether calls used it before. Blocks; raises what `connect` raises.

        One call at a time connects; the others wait for its client until they are given up.
        """
        while not self._connecting.acquire(timeout=_CANCELED_POLL_SECONDS):
            if given_up.is_set():
                raise GenerationCanceled("The call was given up.")
        try:
            now = time.monotonic()
            used = self._client is not None and now - self._last_use < _IDLE_SECONDS
            if not used:
                self._client = None
                self._client = self._connect(self._space, self._token)
            self._last_use = time.monotonic()
            return self._client, used
        finally:
            self._connecting.release()

    def forget(self, client: Any) -> None:
        """Drop this client after trouble, so that the next call discovers the Space anew."""
        if self._client is client:
            self._client = None

    def judge(self, error: BaseException) -> Trouble:
        """What went wrong, in our words, without the token."""
        return judge(error, self._space, self.name, self._token)


def _is_url(space: str) -> bool:
    return space.startswith(("http://", "https://"))
