"""What the core needs from a platform: one Protocol that every platform keeps, and small ones for what only some can do.

The dataclasses cross between core and platform. Tokens are in the clear in here, and only ever in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, BinaryIO, ClassVar, Literal, Protocol, runtime_checkable

from .ports import MediaKind, PictureLimits

# ------------------------------------------------------------------------------------ accounts

AccountKind = Literal["person", "page", "organization", "professional"]


@dataclass(frozen=True)
class Tokens:
    """An account's tokens. Times are UTC, None means "not told" (or that there is no end)."""

    access_token: str = field(repr=False)
    expires_at: datetime | None
    refresh_token: str | None = field(default=None, repr=False)
    refresh_expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Identity:
    """Who an account is on its platform. `external_id` is stable, everything else may change."""

    external_id: str
    account_name: str
    kind: AccountKind = "person"
    given_name: str | None = None
    family_name: str | None = None
    picture_url: str | None = None
    username: str | None = None


@dataclass(frozen=True)
class Granted:
    """An account that a consent opened, and the tokens with which it is published to."""

    identity: Identity
    tokens: Tokens


# ------------------------------------------------------------------------------------ content


@dataclass(frozen=True)
class Attachment:
    """A media file of a post as it will be sent, readable as often as needed through `open()`.

    `url()` is an address from which the platform can fetch these bytes for an hour; it raises Rejected where this server
    cannot be reached from outside. Width and height are in pixels as displayed, duration in seconds, frame rate, codec
    and `index_first` as in `ports.Inspected`. `changes` says what was done to the original.
    """

    media_id: str
    kind: MediaKind
    mime: str
    bytes: int
    alt_text: str | None
    title: str
    open: Callable[[], BinaryIO]
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    frame_rate: float | None = None
    codec: str | None = None
    index_first: bool | None = None
    url: Callable[[], str] | None = None
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Content:
    """What is to be published to one account, before it is rendered for the platform. Of the account only the kind counts."""

    text: str
    attachments: tuple[Attachment, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    account_kind: AccountKind = "person"


@dataclass(frozen=True)
class Violation:
    """Why content cannot be published as it is, naming the field and the limit."""

    field: str
    message: str


@dataclass(frozen=True)
class Part:
    """One text exactly as it is sent. `length` and `max_length` count as the platform counts; hashtags with their #."""

    text: str
    length: int
    max_length: int
    hashtags: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rendering:
    """The words of a post as they are sent: one part, or the parts of a thread in order. `privacy` is the platform's own
    word for who may see it, None where the platform knows none."""

    parts: tuple[Part, ...]
    privacy: str | None = None


# ------------------------------------------------------------------------------------ outcomes


@dataclass(frozen=True)
class Published:
    """The platform created the post. `external_id` None means "created, id unknown"."""

    external_id: str | None
    external_url: str | None
    http_status: int | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class Accepted:
    """The platform took the post and finishes later; what became of it is asked with `Follows.outcome`, first after so many
    seconds. The notes hold a `reference` by then."""

    check_after_seconds: float
    http_status: int | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class Pending:
    """Still under way: ask again after so many seconds."""

    check_after_seconds: float


@dataclass(frozen=True)
class Absent:
    """The platform proves that the post does not exist, so that sending it again (going on from the notes) cannot double it."""

    reason: str


@dataclass(frozen=True)
class Seen:
    """A post that a platform shows. `text` is as it was sent (rendered), `media` the number of its files, None where the
    platform does not tell it. `fits` says whether a rendered text is this post's, where the platform changes more of a text
    than white space and the form of accents (X replaces links)."""

    external_id: str
    external_url: str | None
    text: str
    media: int | None
    created_at: datetime
    fits: Callable[[str], bool] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Metrics:
    """How a published post does, as the platform counts; None is "not told"."""

    impressions: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None


class Notes(Protocol):
    """What is known of one target's publication, kept with the target through crashes and retries: ids of uploads, of a
    container, of the posts of a thread. JSON values; never a token. Forgotten when the post is edited.

    Two names have a meaning for the core: `reference`, set as soon as the platform can be asked what became of the post
    (`Follows`); and `live`, set as soon as anything of it can be seen (the first post of a thread): from then on the post
    cannot be edited.
    """

    def get(self, name: str, default: Any = None) -> Any: ...

    def keep(self, **values: Any) -> None:
        """Store the values durably, before it returns; None removes one. Raises LeaseLost when the target is no longer
        this worker's (then send nothing more), Unavailable."""
        ...


# ------------------------------------------------------------------------------------ the platform


class Platform(Protocol):
    """One social network: OAuth, accounts, rendering, publishing. Built as `Class(door, settings, pause=…)`.

    Errors of every call: NotSent, NoAnswer, TryLater, Reconnect, Rejected, OutcomeUnknown.
    """

    name: ClassVar[str]
    # the same as in the platform's row (supabase/seed.sql)
    LIMITS: ClassVar[Mapping[str, Any]]
    # a subclass of settings.PlatformSettings: credentials and what else the operator sets
    Settings: ClassVar[type[Any]]
    # the pydantic model of a target's options, extra names forbidden
    Options: ClassVar[type[Any]]
    # what a still picture has to be; others are re-encoded before they come here. None: it takes none
    pictures: ClassVar[PictureLimits | None]
    # one consent opens several accounts, and revoking ends them all: done with the last of them
    one_consent: ClassVar[bool]

    @property
    def configured(self) -> bool:
        """Whether this server has the platform's credentials."""
        ...

    @property
    def scopes(self) -> tuple[str, ...]:
        """The least scopes that publishing needs."""
        ...

    def authorization_url(self, *, state: str, redirect_uri: str, verifier: str) -> str:
        """Where the user's browser goes to give consent."""
        ...

    def exchange_code(
        self, *, code: str, redirect_uri: str, verifier: str, now: datetime
    ) -> Tokens:
        """A code for tokens, with the scopes that were granted."""
        ...

    def refresh(self, tokens: Tokens, *, now: datetime) -> Tokens:
        """New tokens for a refresh token. Rejected or Reconnect mean that the platform refuses for good; a platform that renews
        none raises Reconnect (`no_refresh`) without asking."""
        ...

    def accounts(self, tokens: Tokens) -> Sequence[Granted]:
        """The accounts that a consent opened, each with its tokens. Raises Rejected when there is none to publish to."""
        ...

    def profile(self, tokens: Tokens, identity: Identity) -> Identity:
        """An account's name and picture as they are now."""
        ...

    def revoke(self, tokens: Tokens) -> None:
        """Best effort: errors are the caller's to ignore. Rejected (`no_revoke`) where there is no call for it."""
        ...

    def render(self, content: Content) -> Rendering:
        """The words exactly as they are sent."""
        ...

    def violations(self, content: Content) -> Sequence[Violation]:
        """Why it cannot be published, from facts alone: nothing is sent and no byte of a file is read. Pictures count as
        they will be after they have been made to fit."""
        ...

    def prepare(self, tokens: Tokens, identity: Identity, content: Content, notes: Notes) -> Any:
        """Everything repeatable: upload media. Returns what `publish` needs. What the notes hold from an earlier try is
        not done again."""
        ...

    def publish(self, tokens: Tokens, prepared: Any, notes: Notes) -> Published | Accepted:
        """The one call that creates the post (or, of a thread, the calls for the posts that the notes do not hold yet)."""
        ...


@runtime_checkable
class ReadsBack(Protocol):
    """A platform that shows an account its own posts: what may be live can be looked for."""

    @property
    def read_back_scope(self) -> str:
        """The scope that this needs, or several (separated by spaces) of which any is enough; the same as in the platform's
        row (supabase/seed.sql)."""
        ...

    @property
    def absence_is_proof(self) -> bool:
        """Whether a post that the listing does not show surely does not exist: it has to be complete and current."""
        ...

    def recent_posts(
        self, tokens: Tokens, identity: Identity, *, since: datetime
    ) -> Sequence[Seen]:
        """The account's posts created since then. Errors are those of Platform."""
        ...


@runtime_checkable
class Follows(Protocol):
    """A platform that tells, by the reference in the notes, what became of one publication."""

    def outcome(
        self, tokens: Tokens, identity: Identity, content: Content, notes: Notes, *, since: datetime
    ) -> Published | Pending | Absent | None:
        """What became of it; None: it cannot be told. `since` is when the call that creates may have left. May add to the
        notes. Raises Rejected when the platform refused it after all, and the errors of Platform."""
        ...


@runtime_checkable
class Deletes(Protocol):
    """A platform that deletes a published post by API."""

    def delete(self, tokens: Tokens, identity: Identity, external_id: str, notes: Notes) -> None:
        """Delete the post (of a thread: all its posts). One that is gone already is no error. Rejected (`no_delete`), without
        asking, where apps may not delete this account's posts."""
        ...


@runtime_checkable
class Measures(Protocol):
    """A platform that tells an account how its posts do."""

    @property
    def metrics_scope(self) -> str:
        """The scope that this needs, or several (separated by spaces) of which any is enough."""
        ...

    def metrics(
        self, tokens: Tokens, identity: Identity, external_ids: Sequence[str]
    ) -> Mapping[str, Metrics]:
        """By external id, for at most twenty posts; what is missing is not told."""
        ...


@runtime_checkable
class OffersChoices(Protocol):
    """A platform whose account decides what a post may be, so that it has to be asked before each."""

    def choices(self, tokens: Tokens, identity: Identity) -> Mapping[str, Any]:
        """What the account's owner may choose now (`{"privacy_level": [...], …}`), by the names of Options; other names are
        facts to be shown beside, and `notes` is a list of sentences that they have to know."""
        ...


@runtime_checkable
class Versioned(Protocol):
    """A platform whose API has dated versions, of which one is configured."""

    @property
    def version(self) -> str:
        """The version in use."""
        ...

    @property
    def version_ends(self) -> date | None:
        """The day it is refused from; None when it is not known."""
        ...
