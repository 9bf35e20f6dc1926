"""Everything the sandbox knows, in memory. Reset empties it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from .clock import Clock
from .ledger import Ledger
from .orders import OrderBook
from .people import People
from .quotas import DailyQuotas
from .records import Media, ReceivedPost, SeenRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@dataclass(frozen=True)
class Call:
    """One request to a platform, read whole from the socket."""

    host: str
    method: str
    #: As sent, percent-encoding and all: LinkedIn wants URNs encoded, so the raw form matters.
    path: str
    query: str
    authorization: str | None
    body: bytes


@dataclass(frozen=True)
class Caller:
    """Who a request belongs to: the sandbox's member and the platform's id of that member."""

    member: str | None = None
    subject: str | None = None
    #: The request's token where it is not in the Authorization header; the order ``revoke`` ends it.
    token: str | None = None


class Platform(Protocol):
    """What a platform package gives to the sandbox (see ``linkedin/__init__.py``)."""

    name: str
    title: str
    #: The answer header that carries a new post's id; the order ``no_id`` removes it. Empty where
    #: the id is in the body only.
    id_header: str
    #: Names of the id in a JSON body, at the top or inside ``data``; ``no_id`` removes these too.
    id_fields: tuple[str, ...]
    #: The real host names, each with the WSGI application that stands for it.
    hosts: dict[str, WSGIApplication]

    def register_app(self, **fields: Any) -> dict[str, Any]:
        """Make a developer app known. Raises ValueError that names the bad field."""

    def caller(self, call: Call) -> Caller:
        """Whose request this is, without judging it; unknown is an empty Caller."""

    def issue_tokens(
        self,
        *,
        count: int = 1,
        client_id: str | None = None,
        scopes: list[str] | None = None,
        member: str | None = None,
        name: str | None = None,
    ) -> list[dict[str, Any]]:
        """Members with tokens, without the consent page."""

    def end_tokens(self, how: str, *, member: str | None, token: str | None) -> int:
        """Make tokens ``revoked`` or ``expired``; return how many."""

    def set_quota_used(self, member: str, used: int) -> None:
        """Pretend the member already made this many requests today."""

    def settings(self, **fields: Any) -> dict[str, Any]:
        """Change how the platform behaves; return what holds now."""

    def reset(self) -> None:
        """Forget apps, tokens and uploads."""


@runtime_checkable
class HasOwnFaults(Protocol):
    """A platform that says what an ordered ``status`` looks like in its own words."""

    def fault(self, status: int, member: str | None) -> tuple[dict[str, str], Any]:
        """Headers and JSON body of such an answer; an order's own headers and body win."""


class World:
    """The state all platforms share."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.people = People()
        self.orders = OrderBook()
        self.quotas = DailyQuotas(self.clock)
        self.requests: Ledger[SeenRequest] = Ledger()
        self.held: Ledger[SeenRequest] = Ledger()
        self.posts: Ledger[ReceivedPost] = Ledger()
        self.post_by_urn: dict[str, ReceivedPost] = {}
        self.media: dict[str, Media] = {}
        self.platforms: dict[str, Platform] = {}
        #: Origins that platforms may fetch media from although they are not public.
        self.public_origins: tuple[str, ...] = ()
        #: Seconds every platform answer takes at least.
        self.latency = 0.0
        #: Guards what several requests may change at once; held for moments, never over I/O.
        self.lock = threading.RLock()
        self.request_numbers = itertools.count(1)
        self._release_lock = threading.Lock()
        self._releases: dict[int, tuple[str | None, Callable[[], None]]] = {}
        # Ids must differ after a restart too, since clients keep them in their databases; so they
        # start from the time, in LinkedIn's own size (19 digits).
        self._ids = itertools.count(int(time.time() * 1000) << 22)

    def add_platform(self, platform: Platform) -> None:
        """Mount a platform."""
        self.platforms[platform.name] = platform

    def new_id(self) -> int:
        """A 19-digit number nobody had before."""
        return next(self._ids)

    def add_post(self, post: ReceivedPost) -> None:
        """Keep a post a platform accepted."""
        self.post_by_urn[post.urn] = post
        self.posts.append(post)

    def on_release(self, number: int, member: str | None, wake: Callable[[], None]) -> None:
        """Call ``wake`` when the held request is released."""
        with self._release_lock:
            self._releases[number] = (member, wake)

    def no_longer_held(self, number: int) -> None:
        """The held request got its answer, or its client left."""
        with self._release_lock:
            self._releases.pop(number, None)

    def release(self, member: str | None = None) -> int:
        """Let held requests answer, all or one member's; return how many."""
        with self._release_lock:
            wakes = [wake for who, wake in self._releases.values() if member in (None, who)]
            for wake in wakes:
                wake()
        return len(wakes)

    def reset(self) -> None:
        """An empty world; running numbers go on so that ids stay unique."""
        self.release()
        self.orders.clear()
        self.quotas.reset()
        self.clock.reset()
        self.people.reset()
        self.requests.clear()
        self.held.clear()
        self.posts.clear()
        self.post_by_urn.clear()
        self.media.clear()
        self.latency = 0.0
        for platform in self.platforms.values():
            platform.reset()
