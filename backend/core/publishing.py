"""One target, from its claim to its outcome. The order of steps is the promise:

    prepare   token, last checks, media upload     repeatable; a crash here costs nothing
    mark      begin_send, committed                 from here on the target is never sent again by the machine
    send      the one call that creates the post    its outcome may stay unknown
    settle    record the outcome                    repeated until it is stored

Between mark and send there is nothing: no upload, no refresh, no logging over the network, no lock.
"""

from __future__ import annotations

import hashlib
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO, Protocol

from .errors import (
    LinError,
    NoAnswer,
    NotFound,
    NotSent,
    OutcomeUnknown,
    PlatformError,
    Reconnect,
    Rejected,
    SealBroken,
    TryLater,
    Unavailable,
)
from .ports import Attachment, Content, Platform, Published, Tokens
from .records import ClaimedMedia, ClaimedTarget, Settlement
from .retries import retry_delay
from .tokens import Sealer, is_stale, open_tokens, seal_tokens

log = logging.getLogger("lin.publishing")

_SETTLE_PAUSES = (0.1, 0.3, 1.0, 3.0, 5.0)


class TargetStore(Protocol):
    """The steps of publishing that the database takes; see store/service.py."""

    def begin_send(self, targets: Sequence[ClaimedTarget], seconds_left: int) -> dict[int, str]: ...

    def settle_attempts(self, settlements: Sequence[Settlement]) -> dict[int, str]: ...

    def reseal_tokens(
        self, account_id: str, version: int, access_sealed: str, refresh_sealed: str | None
    ) -> bool: ...

    def open_media(self, path: str) -> AbstractContextManager[BinaryIO]: ...


@dataclass(frozen=True)
class Hold:
    """When a claimed target may go out, on this process's monotonic clock."""

    until: float
    lease_ends: float


class Publisher:
    """Publishes claimed targets; one instance serves all threads of a worker."""

    def __init__(
        self,
        store: TargetStore,
        platforms: Mapping[str, Platform],
        sealer: Sealer,
        *,
        request_seconds: float,
        stopping: threading.Event,
        draw: random.Random | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._platforms = platforms
        self._sealer = sealer
        self._request_seconds = request_seconds
        self._stopping = stopping
        self._draw = draw or random.Random()  # noqa: S311 - jitter, not a secret
        self._monotonic = monotonic

    def publish(self, target: ClaimedTarget, hold: Hold, now: datetime) -> Settlement | None:
        """Take one target through all steps. Returns what was recorded, None when there was nothing to record
        (edited, canceled, or the lease was lost)."""
        with ExitStack() as files:
            outcome = self._prepare(target, files, now)
        if isinstance(outcome, Settlement):
            return self._settle(outcome)
        platform, tokens, prepared = outcome
        if self._stopping.wait(max(0.0, hold.until - self._monotonic())):
            return self._settle(
                _settlement(
                    target, "not_sent", "stopping", "The worker stops; another one takes over."
                )
            )
        verdict = self._mark(target, hold)
        if verdict != "send":
            log.info("not sent", extra={**_names(target), "verdict": verdict})
            return None
        marked_at = self._monotonic()
        if marked_at > hold.lease_ends - self._request_seconds:
            # paused between mark and here: provably nothing has left, and the answer might come after the lease
            return self._settle(
                _settlement(
                    target,
                    "retry",
                    "lease_too_short",
                    "The worker was too slow to send.",
                    after_seconds=0,
                )
            )
        return self._settle(self._send(target, platform, tokens, prepared))

    # ---------------------------------------------------------------- prepare

    def _prepare(
        self, target: ClaimedTarget, files: ExitStack, now: datetime
    ) -> Settlement | tuple[Platform, Tokens, Any]:
        try:
            platform = self._platforms[target.platform]
            tokens = self._usable_tokens(target, platform, now)
            content = Content(
                text=target.text,
                attachments=tuple(self._attachment(media, files) for media in target.media),
                options=target.options,
            )
            violations = platform.violations(content)
            if violations:
                return _settlement(
                    target, "failed", "invalid", " ".join(v.message for v in violations)
                )
            return platform, tokens, platform.prepare(tokens, target.identity, content)
        except KeyError:
            return _settlement(
                target,
                "failed",
                "unknown_platform",
                f"This server does not publish to {target.platform}.",
            )
        except _MediaChanged as error:
            return _settlement(target, "failed", "media_changed", str(error))
        except (OutcomeUnknown, NoAnswer, NotSent, Unavailable) as error:
            # nothing irreversible happens in prepare, so not knowing is as good as not sent
            return self._retry(
                target,
                "prepare_failed",
                str(error),
                error if isinstance(error, PlatformError) else None,
            )
        except PlatformError as error:
            return self._refused(target, error)
        except LinError as error:
            return _settlement(target, "failed", "invalid", str(error))
        except Exception:
            log.exception("preparing failed unexpectedly", extra=_names(target))
            return self._retry(
                target, "internal", "Something went wrong on Lin's side while preparing this post."
            )

    def _usable_tokens(self, target: ClaimedTarget, platform: Platform, now: datetime) -> Tokens:
        if target.tokens is None:
            raise Reconnect("The account is not connected any more.", error_class="no_token")
        missing = set(platform.scopes) - set(target.granted_scopes)
        if missing:
            raise Reconnect(
                f"The account has not granted {', '.join(sorted(missing))}.",
                error_class="missing_scope",
            )
        if (
            target.tokens.access_token_expires_at is not None
            and target.tokens.access_token_expires_at <= now
        ):
            raise Reconnect("The permission to publish has expired.", error_class="token_expired")
        try:
            tokens = open_tokens(
                self._sealer, target.account_id, target.tokens, target.granted_scopes
            )
        except SealBroken as error:
            log.exception(
                "a stored token cannot be opened; is a key missing from TOKEN_KEYS?",
                extra=_names(target),
            )
            raise Reconnect(
                "The stored permission cannot be read any more.", error_class="seal_broken"
            ) from error
        if is_stale(self._sealer, target.tokens):
            fresh = seal_tokens(self._sealer, target.account_id, tokens)
            self._store.reseal_tokens(
                target.account_id,
                target.tokens.version,
                fresh.access_token_sealed,
                fresh.refresh_token_sealed,
            )
        return tokens

    def _attachment(self, media: ClaimedMedia, files: ExitStack) -> Attachment:
        try:
            file = files.enter_context(self._store.open_media(media.path))
        except NotFound as error:
            raise _MediaChanged(
                f"A file of this post ({media.path.rsplit('/', 1)[-1]}) is gone from the storage."
            ) from error
        if _sha256(file) != media.checksum:
            raise _MediaChanged(
                "A file of this post was replaced after it had been checked; upload it as a new file."
            )

        def rewound() -> BinaryIO:
            file.seek(0)
            return file

        title = media.path.rsplit("/", 1)[-1]
        return Attachment(
            media.media_id, media.kind, media.mime, media.bytes, media.alt_text, title, rewound
        )

    # ---------------------------------------------------------------- mark, send, settle

    def _mark(self, target: ClaimedTarget, hold: Hold) -> str:
        """Commit the send mark. Repeating it under the same token is harmless, so a lost reply is asked for again."""
        margin = int(self._request_seconds) + 1
        while self._monotonic() < hold.lease_ends - margin:
            try:
                verdict = self._store.begin_send([target], margin).get(target.lease_token, "lost")
            except Unavailable:
                time.sleep(0.2)
                continue
            if verdict != "early":
                return verdict
            time.sleep(0.002)  # the database's clock is a hair behind ours
        return "lost"

    def _send(
        self, target: ClaimedTarget, platform: Platform, tokens: Tokens, prepared: Any
    ) -> Settlement:
        try:
            published = platform.publish(tokens, prepared)
        except NotSent as error:
            return self._retry(target, "not_sent", str(error))
        except TryLater as error:
            return self._retry(target, error.error_class, str(error), error)
        except (Reconnect, Rejected) as error:
            return self._refused(target, error)
        except (NoAnswer, OutcomeUnknown) as error:
            status = error.http_status if isinstance(error, PlatformError) else None
            request_id = error.request_id if isinstance(error, PlatformError) else None
            return _settlement(
                target,
                "unconfirmed",
                "outcome_unknown",
                str(error),
                http_status=status,
                request_id=request_id,
            )
        except Exception:
            log.exception("sending failed unexpectedly", extra=_names(target))
            return _settlement(
                target,
                "unconfirmed",
                "internal",
                "Something went wrong on Lin's side after sending had begun.",
            )
        return _published(target, published)

    def _settle(self, settlement: Settlement) -> Settlement:
        """Record the outcome, again and again until it is stored: an answer of the platform is never thrown away."""
        tries = 0
        while True:
            try:
                verdict = self._store.settle_attempts([settlement]).get(settlement.lease_token)
            except Unavailable:
                log.warning("the outcome cannot be stored yet", extra={"target_id": settlement.target_id, "tries": tries + 1})  # fmt: skip
                time.sleep(_SETTLE_PAUSES[min(tries, len(_SETTLE_PAUSES) - 1)])
                tries += 1
                continue
            log.info(
                "attempt ended",
                extra={
                    "target_id": settlement.target_id, "lease_token": settlement.lease_token, "outcome": settlement.outcome,
                    "error_class": settlement.error_class, "http_status": settlement.http_status,
                    "platform_request_id": settlement.request_id, "verdict": verdict,
                },
            )  # fmt: skip
            return settlement

    # ---------------------------------------------------------------- outcomes

    def _refused(self, target: ClaimedTarget, error: PlatformError) -> Settlement:
        if isinstance(error, TryLater):
            return self._retry(target, error.error_class, str(error), error)
        outcome: Any = "needs_reconnect" if isinstance(error, Reconnect) else "failed"
        return _settlement(
            target,
            outcome,
            error.error_class,
            str(error),
            http_status=error.http_status,
            request_id=error.request_id,
        )

    def _retry(
        self,
        target: ClaimedTarget,
        error_class: str,
        message: str,
        error: PlatformError | None = None,
    ) -> Settlement:
        hint = error.after if isinstance(error, TryLater) else None
        throttled = error is not None and error.http_status == 429
        return _settlement(
            target, "retry", error_class, message,
            after_seconds=retry_delay(target.failures, throttled=throttled, hint_seconds=hint, draw=self._draw),
            http_status=error.http_status if error else None,
            request_id=error.request_id if error else None,
        )  # fmt: skip


class _MediaChanged(LinError):
    """A file is not the one that was checked."""


def _settlement(
    target: ClaimedTarget, outcome: Any, error_class: str, message: str, **more: Any
) -> Settlement:
    return Settlement(
        target.target_id,
        target.lease_token,
        outcome,
        error_class=error_class[:50],
        error=message[:500],
        **more,
    )


def _published(target: ClaimedTarget, published: Published) -> Settlement:
    return Settlement(
        target.target_id,
        target.lease_token,
        "published",
        external_id=published.external_id,
        external_url=published.external_url,
        http_status=published.http_status,
        request_id=published.request_id,
    )


def _names(target: ClaimedTarget) -> dict[str, Any]:
    return {"target_id": target.target_id, "post_id": target.post_id, "account_id": target.account_id, "platform": target.platform, "lease_token": target.lease_token}  # fmt: skip


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def utc_now() -> datetime:
    """The wall clock, aware, in UTC."""
    return datetime.now(UTC)
