"""Everything before the send mark: usable tokens, unchanged media made to fit, no violations, uploads. All of it may be
repeated."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, BinaryIO, Protocol

from .errors import MediaRejected, NotFound, Reconnect, Rejected
from .noting import NoteStore, TargetNotes
from .platform_contract import Attachment, Content, Notes, Platform, Tokens
from .ports import PictureLimits
from .records import ClaimedMedia, ClaimedTarget
from .refreshing import TokenKeeper


class MediaStore(Protocol):
    """Where the bytes of media are; see store/media.py. What is opened is a copy, to be written to at will. Raises NotFound,
    Unavailable."""

    def open_media(self, path: str) -> AbstractContextManager[BinaryIO]: ...

    def put_fitted(self, user_id: str, content: bytes, mime: str) -> str: ...


class Fitted(Protocol):
    """A picture as a platform takes it, and what was done to it; see media/fitting.py."""

    @property
    def content(self) -> bytes: ...
    @property
    def mime(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def changes(self) -> tuple[str, ...]: ...
    @property
    def details(self) -> tuple[str, ...]: ...


class Links(Protocol):
    """Addresses from which a platform can fetch a file; see links.py."""

    def address(self, path: str, mime: str) -> str: ...


@dataclass(frozen=True)
class Ready:
    """A target of which nothing but the one call is left. `request` is the platform's own."""

    target: ClaimedTarget
    platform: Platform
    tokens: Tokens
    request: Any
    notes: Notes


class Preparer:
    """Makes claimed targets ready. `fit` makes a picture one that is within limits, or raises MediaRejected; `erase_place`
    overwrites in a video where it was filmed, and says what it did."""

    def __init__(
        self,
        media: MediaStore,
        notes: NoteStore,
        platforms: Mapping[str, Platform],
        keeper: TokenKeeper,
        *,
        fit: Callable[[BinaryIO, str, PictureLimits], Fitted],
        erase_place: Callable[[BinaryIO, str], tuple[str, ...]],
        links: Links,
    ) -> None:
        self._media = media
        self._notes = notes
        self._platforms = platforms
        self._keeper = keeper
        self._fit = fit
        self._erase_place = erase_place
        self._links = links

    def prepare(self, target: ClaimedTarget, now: datetime) -> Ready:
        """Make one target ready. Nothing irreversible happens here, so whatever is raised, nothing was sent.

        Raises Reconnect, Rejected, TryLater, OutcomeUnknown, NotSent, NoAnswer, Unavailable, LeaseLost.
        """
        platform = self._platforms.get(target.platform)
        if platform is None:
            raise Rejected(
                f"This server does not publish to {target.platform}.",
                error_class="unknown_platform",
            )
        tokens = self._tokens(target, platform, now)
        notes = TargetNotes(target, self._notes)
        with ExitStack() as files:
            content = Content(
                text=target.text,
                attachments=tuple(
                    self._attachment(target, platform, media, files) for media in target.media
                ),
                options=target.options,
                account_kind=target.identity.kind,
            )
            violations = platform.violations(content)
            if violations:
                raise Rejected(" ".join(v.message for v in violations), error_class="invalid")
            request = platform.prepare(tokens, target.identity, content, notes)
        return Ready(target, platform, tokens, request, notes)

    def renew(self, ready: Ready, now: datetime) -> None:
        """The platform refused a token before its time: get a new one. Raises Reconnect, TryLater."""
        target = ready.target
        if target.tokens is None or ready.tokens.refresh_token is None:
            raise Reconnect("The permission cannot be renewed.", error_class="token_refused")
        self._keeper.renew(
            target.account_id, ready.platform, target.tokens, target.granted_scopes, now
        )

    def _tokens(self, target: ClaimedTarget, platform: Platform, now: datetime) -> Tokens:
        if target.tokens is None:
            raise Reconnect("The account is not connected any more.", error_class="no_token")
        missing = set(platform.scopes) - set(target.granted_scopes)
        if missing:
            names = ", ".join(sorted(missing))
            raise Reconnect(f"The account has not granted {names}.", error_class="missing_scope")
        return self._keeper.usable(
            target.account_id, platform, target.tokens, target.granted_scopes, now
        )

    def _attachment(
        self, target: ClaimedTarget, platform: Platform, media: ClaimedMedia, files: ExitStack
    ) -> Attachment:
        title = media.path.rsplit("/", 1)[-1]
        try:
            file = files.enter_context(self._media.open_media(media.path))
        except NotFound as error:
            gone = f"A file of this post ({title}) is gone from the storage."
            raise Rejected(gone, error_class="media_changed") from error
        if _sha256(file) != media.checksum:
            raise Rejected(
                "A file of this post was replaced after it had been checked; upload it as a new file.",
                error_class="media_changed",
            )

        def rewound() -> BinaryIO:
            file.seek(0)
            return file

        whole = attachment_of(media, rewound, lambda: self._links.address(media.path, media.mime))
        if media.kind == "video":
            # in this copy; who fetches it from its address gets the same, see api/media.py
            return replace(whole, changes=self._erase_place(file, media.mime))
        if media.kind not in ("image", "gif") or platform.pictures is None:
            return whole
        return self._fitted(target.user_id, whole, platform.pictures)

    def _fitted(self, user_id: str, whole: Attachment, limits: PictureLimits) -> Attachment:
        """The picture without its metadata, and within the platform's limits; the original where nothing had to be done."""
        if whole.kind == "gif":  # a moving one is never written anew, so its own limits hold for it
            limits = PictureLimits((whole.mime,), max_bytes=max(whole.bytes, 1))
        try:
            fitted = self._fit(whole.open(), whole.mime, limits)
        except MediaRejected as error:
            raise Rejected(str(error), error_class="media_unfit") from error
        if not fitted.changes and not fitted.details:
            return whole

        def address() -> str:
            path = self._media.put_fitted(user_id, fitted.content, fitted.mime)
            return self._links.address(path, fitted.mime)

        return replace(
            whole, mime=fitted.mime, bytes=len(fitted.content), width=fitted.width, height=fitted.height,
            open=lambda: io.BytesIO(fitted.content), url=address, changes=fitted.changes + fitted.details,
        )  # fmt: skip


def attachment_of(
    media: ClaimedMedia, open_file: Callable[[], BinaryIO], url: Callable[[], str] | None = None
) -> Attachment:
    """An attachment with the facts of a media row."""
    title = media.path.rsplit("/", 1)[-1]
    return Attachment(
        media.media_id, media.kind, media.mime, media.bytes, media.alt_text, title, open_file,
        media.width, media.height, media.duration, media.frame_rate, media.codec,
        media.index_first, url,
    )  # fmt: skip


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()
