"""What the store hands to the core and takes from it: rows as dataclasses. Times are the database's, UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from .platform_contract import Identity
from .ports import MediaKind


@dataclass(frozen=True)
class SealedTokens:
    """An account's tokens as they are stored. `version` is the row's, 0 for one not stored yet."""

    access_token_sealed: str = field(repr=False)
    refresh_token_sealed: str | None = field(repr=False)
    access_token_expires_at: datetime | None
    refresh_token_expires_at: datetime | None
    version: int = 0


@dataclass(frozen=True)
class SealedValue:
    """One sealed value of a row: its column, and what it is bound to."""

    column: str
    bound_to: str
    sealed: str = field(repr=False)


@dataclass(frozen=True)
class SealedRow:
    """All sealed values of one row. `version` is the row's, 0 where values never change."""

    id: str
    version: int
    values: tuple[SealedValue, ...]


@dataclass(frozen=True)
class StateVerdict:
    """What became of an OAuth state: ok, unknown, used, expired or other_browser."""

    verdict: Literal["ok", "unknown", "used", "expired", "other_browser"]
    user_id: str | None
    redirect_to: str | None
    verifier_sealed: str | None = field(repr=False)


@dataclass(frozen=True)
class ClaimedMedia:
    """A media file of a claimed target; checksum is SHA-256 in hex."""

    media_id: str
    path: str
    kind: MediaKind
    mime: str
    bytes: int
    checksum: str
    alt_text: str | None
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    frame_rate: float | None = None
    codec: str | None = None
    index_first: bool | None = None


@dataclass(frozen=True)
class ClaimedTarget:
    """A leased target with all that publishing needs. Times are the database's, UTC."""

    target_id: str
    post_id: str
    user_id: str
    account_id: str
    platform: str
    lease_token: int
    attempt: int
    failures: int
    due_at: datetime
    deadline_at: datetime
    post_version: int
    target_version: int
    text: str
    options: Mapping[str, Any]
    identity: Identity
    granted_scopes: tuple[str, ...]
    tokens: SealedTokens | None
    media: tuple[ClaimedMedia, ...]
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class UnconfirmedTarget:
    """A target that may be live. `look` numbers this look at the platform, `sending_at` is when the call may have left."""

    target: ClaimedTarget
    look: int
    sending_at: datetime


@dataclass(frozen=True)
class PublishedTarget:
    """A target that is out, with the platform's id of its post; None when nobody knows that."""

    target: ClaimedTarget
    external_id: str | None


@dataclass(frozen=True)
class AskedAccount:
    """An account of which the platform is asked something."""

    account_id: str
    platform: str
    identity: Identity
    granted_scopes: tuple[str, ...]
    tokens: SealedTokens | None


@dataclass(frozen=True)
class Lease:
    """A claim by its fencing token."""

    target_id: str
    lease_token: int


@dataclass(frozen=True)
class Mark:
    """What the database says to a send mark, and how many seconds before the target's time it says so."""

    verdict: str
    early_by: float = 0.0


@dataclass(frozen=True)
class Settlement:
    """What became of one attempt. `after_seconds` says when a retry comes up again, or when the platform is asked what became
    of a post that it finishes later; `whole_account` that everything else of the account waits as long."""

    target_id: str
    lease_token: int
    outcome: Literal[
        "published", "confirming", "unconfirmed", "failed", "needs_reconnect", "retry", "not_sent"
    ]
    external_id: str | None = None
    external_url: str | None = None
    http_status: int | None = None
    request_id: str | None = None
    error_class: str | None = None
    error: str | None = None
    after_seconds: float | None = None
    whole_account: bool = False


@dataclass(frozen=True)
class DueSource:
    """A source to read, with what its last reading left for a conditional request."""

    source_id: str
    user_id: str
    url: str
    kind: Literal["feed", "page"]
    etag: str | None
    last_modified: str | None
    failures: int


@dataclass(frozen=True)
class UploadedMedia:
    """A file nobody has looked at; `inspections` counts the tries, this one included."""

    media_id: str
    user_id: str
    path: str
    inspections: int


@dataclass(frozen=True)
class ClaimedGeneration:
    """A generation to run; `input` is what was asked, with the article's text copied into it."""

    generation_id: str
    user_id: str
    input: Mapping[str, Any]
    lease_token: int


RefreshVerdict = Literal["refresh", "wait", "changed", "gone"]


@dataclass(frozen=True)
class ExpiringTokens:
    """Tokens that a job should refresh."""

    account_id: str
    platform: str
    granted_scopes: tuple[str, ...]
    tokens: SealedTokens


@dataclass(frozen=True)
class DueDelivery:
    """An event that is to be posted to a webhook, under a lease. `troubled`: its receiver fails, or is slow."""

    delivery_id: str
    lease_token: int
    webhook_id: str
    url: str
    secrets_sealed: tuple[str, ...] = field(repr=False)
    event_id: str
    kind: str
    occurred_at: datetime
    data: Mapping[str, Any]
    attempts: int
    troubled: bool
