"""What the Facebook part of the sandbox knows, and how its parts reach it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.sandbox.graph.directory import Page, pages_of
from local.sandbox.graph.errors import missing_permission, no_node
from local.sandbox.graph.gateway import Session
from local.sandbox.graph.state import GraphState
from local.sandbox.graph.tokens import Grants, MetaApp, Token, number_of
from local.sandbox.records import Media, ReceivedPost

if TYPE_CHECKING:
    from local.sandbox.graph.transfers import Transfer
    from local.sandbox.world import World

HOST = "graph.facebook.com"

#: Permission to what the consent page says.
PERMISSIONS = {
    "public_profile": "Use your name",
    "email": "Use your email address",
    "pages_show_list": "Show the list of your pages",
    "pages_read_engagement": "Read what your pages posted",
    "pages_manage_posts": "Create and delete posts of your pages",
    "pages_manage_engagement": "Manage comments on your pages",
    "pages_read_user_content": "Read what others wrote on your pages",
    "read_insights": "Read the statistics of your pages",
    "business_management": "Reach the pages of your business portfolio",
    "instagram_basic": "Read the profile and media of your Instagram account",
    "instagram_content_publish": "Publish to your Instagram account",
    "instagram_manage_insights": "Read the statistics of your Instagram account",
    "instagram_manage_contents": "Delete media of your Instagram account",
    "instagram_manage_comments": "Manage comments of your Instagram account",
    "ads_management": "Manage ads",
    "ads_read": "Read ads",
}

SETTINGS: dict[str, Any] = {
    # Bytes of a photo: 10 MB, other documents recommend 4 MB.
    "photo_bytes": 10_000_000,
    # Seconds until an unpublished photo is dropped: "roughly 24 h".
    "unpublished_seconds": 86_400,
    # The farthest ahead a post may be scheduled: 30 days, older documents have 75 days or more.
    "schedule_seconds": 30 * 86_400,
    # HTTP status of code 506: 400 or 500.
    "duplicate_status": 400,
    # Links get error 1609005.
    "link_preview_fails": False,
    # Whether a reel's finish names the post ("sometimes").
    "reel_answers_post_id": False,
    # Published reels in 24 hours.
    "reels_per_day": 30,
    # Numbers of every post, and of single ones by id.
    "statistics": {},
    "statistics_of": {},
}


@dataclass
class FacebookApp(MetaApp):
    """A Facebook app."""

    #: The app setting "Require App Secret".
    requires_proof: bool = False
    #: ``expires_in`` of a long-lived token is sometimes absent.
    answers_expires_in: bool = True


@dataclass
class Photo:
    """A photo on a page; ``post`` is set once it is part of a post."""

    media: Media
    page: str
    created: float
    alt_text: str | None = None
    post: str | None = None


@dataclass
class Video:
    """A video, reel or video story, from its first byte to its post."""

    media: Media
    page: str
    #: ``video``, ``reel`` or ``story``.
    kind: str
    created: float
    transfer: Transfer | None = None
    title: str | None = None
    description: str = ""
    #: When it was committed; processing begins then.
    committed: float | None = None
    failure: str | None = None
    post: ReceivedPost | None = None
    post_id: str | None = None


@dataclass
class UploadSession:
    """A resumable upload; ``handle`` names its bytes once they are complete."""

    id: str
    transfer: Transfer
    file_type: str
    handle: str | None = None


class FacebookState(GraphState[FacebookApp]):
    """Grants and uploads, next to the shared world."""

    def __init__(self, world: World) -> None:
        super().__init__(world, Grants(FacebookApp, "EAA"), SETTINGS)
        self._forget()

    def reset(self) -> None:
        """Forget everything but the world."""
        super().reset()
        self._forget()

    def _forget(self) -> None:
        self.photos: dict[str, Photo] = {}
        self.videos: dict[str, Video] = {}
        self.uploads: dict[str, UploadSession] = {}
        self.handles: dict[str, UploadSession] = {}
        #: Every page anybody asked for, as the last of its people has it.
        self.pages: dict[str, Page] = {}

    def user_id(self, app: MetaApp, member: str) -> str:
        """The app-scoped id of a member, remembered so that tools may use it as a name."""
        identity = number_of("facebook", app.client_id, member)
        self.world.people.remember_alias(identity, member)
        return identity

    def pages_of(self, member: str) -> list[Page]:
        """Every page the member has a role on, whatever an app may see."""
        found = pages_of(self.member(member))
        self.pages |= {page.id: page for page in found}
        return found

    def granted_pages(self, token: Token[FacebookApp]) -> list[Page]:
        """The pages the member ticked for this token's app."""
        ticked = self.grants.granted(token.app, token.member).pages
        return [page for page in self.pages_of(token.member) if ticked is None or page.id in ticked]

    def page_for(self, me: Session, identity: str) -> Page | None:
        """A page this token may see; ``me`` is a page token's own."""
        wanted = me.token.page if identity == "me" else identity
        for page in self.granted_pages(me.token):
            if page.id == wanted and me.token.page in (None, wanted):
                return page
        return None

    def page_to_write(self, me: Session, identity: str) -> Page:
        """Rows 6, 7 and 14: the page of this page token, with the permission and the task."""
        page = self.page_for(me, identity)
        if page is None or me.token.kind != "page":
            if page is None and identity not in self.pages:
                raise no_node(identity, "post")
            raise missing_permission(
                "The permission(s) pages_manage_posts are needed with an access token of the page"
            )
        me.require("pages_manage_posts")
        if not page.may_create:
            raise missing_permission("The user must have the task CREATE_CONTENT on the page")
        return page

    def page_to_read(self, me: Session, identity: str) -> Page:
        """A page whose posts this token may read."""
        page = self.page_for(me, identity)
        if page is None:
            raise no_node(identity)
        me.require("pages_read_engagement", 10)
        return page
