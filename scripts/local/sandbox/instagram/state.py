"""What the Instagram part of the sandbox knows, and how its parts reach it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.sandbox.graph.state import GraphState
from local.sandbox.graph.tokens import Grants, MetaApp, number_of
from local.sandbox.records import Media

if TYPE_CHECKING:
    from local.sandbox.graph.transfers import Transfer
    from local.sandbox.world import World

HOST = "graph.instagram.com"

#: Permissions of Instagram Login, with what the consent page says.
PERMISSIONS = {
    "instagram_business_basic": "Read your profile and media",
    "instagram_business_content_publish": "Publish to your account",
    "instagram_business_manage_comments": "Manage comments on your media",
    "instagram_business_manage_insights": "Read the statistics of your media",
    "instagram_business_manage_messages": "Manage your messages",
}

SETTINGS: dict[str, Any] = {
    # Posts in 24 hours: 50 or 100 by page of the documents; the smaller is the strict one.
    "quota_total": 50,
    # Containers in 24 hours.
    "containers_per_day": 400,
    # Hashtags in a caption: 30; the app is said to take 5 only since December 2025.
    "hashtags": 30,
    # Children of a carousel: 10; the app takes 20.
    "carousel_most": 10,
    # ``alt_text`` on a reel or story: "error" or "ignore".
    "alt_text_on_video": "error",
    # ``media_publish`` of a published container: "error" (24/2207006) or "same" (the same id).
    "second_publish": "error",
    # After it is FINISHED a container is not found by media_publish for this long (24/2207008).
    "missing_seconds": 0.0,
    # The account is restricted or inactive: nothing is taken (25/2207050).
    "restricted": False,
    # The subcode that goes with ``processing_fails``.
    "processing_subcode": 2207053,
    # Whether a refresh gives another string.
    "refresh_gives_new_token": True,
    # Numbers of every post, and of single ones by id.
    "statistics": {},
    "statistics_of": {},
}


@dataclass
class InstagramApp(MetaApp):
    """An Instagram app: its id is not the Facebook app's."""

    #: Documents show ``{"data": [{…}]}``, live clients read the flat object.
    wraps_data: bool = False
    #: ``permissions`` of a code exchange as a list, not separated by commas.
    permissions_as_list: bool = False


@dataclass
class Container:
    """A post on its way. ``kind`` is IMAGE, VIDEO, REELS, STORIES or CAROUSEL."""

    id: str
    app: MetaApp
    account: str
    member: str
    kind: str
    created: float
    caption: str = ""
    alt_text: str | None = None
    is_child: bool = False
    children: list[Container] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)
    transfer: Transfer | None = None
    #: What was sent beside the above, and notes on it.
    sent: dict[str, Any] = field(default_factory=dict)
    defects: list[str] = field(default_factory=list)
    #: Subcode and sentence once it is known that processing fails.
    failure: tuple[int, str] | None = None
    #: The id of the media made of it.
    published: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class InstagramState(GraphState[InstagramApp]):
    """Grants and containers, next to the shared world."""

    def __init__(self, world: World) -> None:
        super().__init__(world, Grants(InstagramApp, "IGAA"), SETTINGS)
        self._forget()

    def reset(self) -> None:
        """Forget everything but the world."""
        super().reset()
        self._forget()

    def _forget(self) -> None:
        self.containers: dict[str, Container] = {}
        #: The short code in a public address to the id of the media.
        self.shortcodes: dict[str, str] = {}

    def scoped_id(self, app: MetaApp, member: str) -> str:
        """The id of a member towards one app; not the one that publishing needs."""
        identity = number_of("instagram-login", app.client_id, member)
        self.world.people.remember_alias(identity, member)
        return identity
