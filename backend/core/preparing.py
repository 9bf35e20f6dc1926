"""Everything before the send mark: usable tokens, unchanged media, no violations, uploads. All of it may be repeated."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Protocol

from .errors import NotFound, Reconnect, Rejected
from .ports import Attachment, Content, Platform, Tokens
from .records import ClaimedMedia, ClaimedTarget
from .refreshing import TokenKeeper


class MediaStore(Protocol):
    """Where the bytes of media are; see store/media.py. Raises NotFound, Unavailable."""

    def open_media(self, path: str) -> AbstractContextManager[BinaryIO]: ...


@dataclass(frozen=True)
class Ready:
    """A target of which nothing but the one call is left. `request` is the platform's own."""

    target: ClaimedTarget
    platform: Platform
    tokens: Tokens
    request: Any


class Preparer:
    """Makes claimed targets ready."""

    def __init__(
        self, media: MediaStore, platforms: Mapping[str, Platform], keeper: TokenKeeper
    ) -> None:
        self._media = media
        self._platforms = platforms
        self._keeper = keeper

    def prepare(self, target: ClaimedTarget, now: datetime) -> Ready:
        """Make one target ready. Nothing irreversible happens here, so whatever is raised, nothing was sent.

        Raises Reconnect, Rejected, TryLater, OutcomeUnknown, NotSent, NoAnswer, Unavailable.
        """
        platform = self._platforms.get(target.platform)
        if platform is None:
            raise Rejected(
                f"This server does not publish to {target.platform}.",
                error_class="unknown_platform",
            )
        tokens = self._tokens(target, platform, now)
        with ExitStack() as files:
            content = Content(
                text=target.text,
                attachments=tuple(self._attachment(media, files) for media in target.media),
                options=target.options,
            )
            violations = platform.violations(content)
            if violations:
                raise Rejected(" ".join(v.message for v in violations), error_class="invalid")
            request = platform.prepare(tokens, target.identity, content)
        return Ready(target, platform, tokens, request)

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

    def _attachment(self, media: ClaimedMedia, files: ExitStack) -> Attachment:
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

        return Attachment(
            media.media_id, media.kind, media.mime, media.bytes, media.alt_text, title, rewound
        )


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()
