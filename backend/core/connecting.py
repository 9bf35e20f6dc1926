"""Connecting an account: out to the platform's consent page, back with a code, tokens sealed and stored."""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlencode, urlsplit, urlunsplit

from .errors import (
    InvalidInput,
    LinError,
    NotFound,
    PlatformError,
    Rejected,
    SealBroken,
    SendError,
    TryLater,
)
from .platform_contract import Granted, Identity, Platform, Tokens
from .records import SealedTokens, StateVerdict
from .tokens import Sealer, open_tokens, seal_tokens, verifier_of

log = logging.getLogger("lin.connecting")

STATE_LIFETIME = timedelta(minutes=10)
_ACCOUNT_IDS = uuid.UUID("6d1c5f0a-6f43-4c55-9a53-2f1f7a3f5c1e")


class AccountStore(Protocol):
    """What connecting keeps; see store/accounts.py."""

    def save_oauth_state(
        self, *, state_hash: str, user_id: str, session_id: str | None, platform: str, verifier_sealed: str, browser_hash: str,
        redirect_to: str, expires_at: datetime,
    ) -> None: ...  # fmt: skip

    def consume_oauth_state(
        self, state_hash: str, platform: str, browser_hash: str | None
    ) -> StateVerdict: ...

    def store_account(
        self, account_id: str, user_id: str, platform: str, identity: Identity, scopes: tuple[str, ...], tokens: SealedTokens
    ) -> str: ...  # fmt: skip

    def account_tokens(self, account_id: str) -> SealedTokens | None: ...

    def other_accounts(self, account_id: str, user_id: str, platform: str) -> int: ...

    def disconnect_account(self, account_id: str, user_id: str) -> bool: ...


@dataclass(frozen=True)
class Started:
    """A started connection. `browser` is a secret for the browser that started it (a cookie)."""

    authorization_url: str
    expires_at: datetime
    browser: str


class Connector:
    """Connects and disconnects accounts.

    `require_browser` refuses a callback from a browser without the cookie of the one that started: it closes the door
    on a stranger who sends somebody their own consent link. Without it only a wrong cookie is refused.
    """

    def __init__(
        self,
        store: AccountStore,
        platforms: Mapping[str, Platform],
        sealer: Sealer,
        *,
        redirect_uris: Mapping[str, str],
        allowed_origins: Collection[str],
        require_browser: bool,
    ) -> None:
        self._store = store
        self._platforms = platforms
        self._sealer = sealer
        self._redirect_uris = redirect_uris
        self._allowed_origins = frozenset(allowed_origins)
        self._require_browser = require_browser

    def start(
        self, platform_name: str, user_id: str, redirect_to: str, now: datetime, session_id: str | None = None
    ) -> Started:  # fmt: skip
        """Begin a connection, which ends with this session. Raises InvalidInput for an unknown platform or a redirect_to elsewhere."""
        platform = self._platform(platform_name)
        if not platform.configured:
            raise InvalidInput.of(
                "platform", f"This server has no credentials for {platform_name}."
            )
        if not self._is_allowed(redirect_to):
            raise InvalidInput.of(
                "redirect_to",
                "redirect_to must be a URL of one of this server's frontends (FRONTEND_ORIGINS).",
            )
        state, verifier, browser = (
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(48),
            secrets.token_urlsafe(24),
        )
        state_hash = _digest(state)
        expires_at = now + STATE_LIFETIME
        self._store.save_oauth_state(
            state_hash=state_hash,
            user_id=user_id,
            session_id=session_id,
            platform=platform_name,
            verifier_sealed=self._sealer.seal(verifier, bound_to=verifier_of(state_hash)),
            browser_hash=_digest(browser),
            redirect_to=redirect_to,
            expires_at=expires_at,
        )
        url = platform.authorization_url(
            state=state, redirect_uri=self._redirect_uris[platform_name], verifier=verifier
        )
        return Started(url, expires_at, browser)

    def finish(
        self, platform_name: str, answer: Mapping[str, str], browser: str | None, now: datetime
    ) -> str:
        """End a connection with what the platform sent back; returns where the browser goes, with account= (once for each
        account that the consent opened) or error=.

        Raises InvalidInput when there is no known state, so that nobody can be sent anywhere.
        """
        platform = self._platform(platform_name)
        state = answer.get("state", "")
        if not state or len(state) > 200:
            raise InvalidInput.of("state", "The answer carries no state; start connecting again.")
        state_hash = _digest(state)
        verdict = self._store.consume_oauth_state(
            state_hash, platform_name, _digest(browser) if browser else None
        )
        if verdict.redirect_to is None or verdict.user_id is None:
            raise InvalidInput.of(
                "state", "This server did not start this connection; start connecting again."
            )
        if verdict.verdict != "ok":
            return _with(verdict.redirect_to, error=f"state_{verdict.verdict}")
        if browser is None and self._require_browser:
            return _with(verdict.redirect_to, error="state_other_browser")
        if "error" in answer:
            canceled = answer["error"] in (
                "user_cancelled_login",
                "user_cancelled_authorize",
                "access_denied",
            )
            log.info(
                "connecting ended at the platform",
                extra={"platform": platform_name, "error": answer["error"][:100]},
            )
            return _with(verdict.redirect_to, error="canceled" if canceled else "platform_refused")
        try:
            accounts = self._connect(platform, verdict, state_hash, answer.get("code", ""), now)
        except LinError as error:
            log.warning("connecting failed", extra={"platform": platform_name, "error": str(error)})
            return _with(verdict.redirect_to, error=_error_word(error))
        return _with(verdict.redirect_to, account=accounts)

    def disconnect(self, account_id: str, platform_name: str, user_id: str) -> None:
        """Revoke at the platform (best effort) and forget the tokens. Where one consent opened several accounts, revoking
        would end them all: that is done with the last of them. Raises NotFound, Unavailable."""
        sealed = self._store.account_tokens(account_id)
        platform = self._platforms.get(platform_name)
        if platform is not None and platform.one_consent:
            others = self._store.other_accounts(account_id, user_id, platform_name)
        else:
            others = 0
        if sealed is not None and platform is not None and not others:
            try:
                platform.revoke(open_tokens(self._sealer, account_id, sealed))
            except (PlatformError, SendError, SealBroken) as error:
                log.info("revoking did not work; tokens are forgotten anyway", extra={"platform": platform_name, "error": str(error)})  # fmt: skip
        if not self._store.disconnect_account(account_id, user_id):
            raise NotFound("There is no such account.")

    def _connect(
        self, platform: Platform, verdict: StateVerdict, state_hash: str, code: str, now: datetime
    ) -> list[str]:
        verifier = self._sealer.open(
            verdict.verifier_sealed or "", bound_to=verifier_of(state_hash)
        )
        tokens = platform.exchange_code(
            code=code, redirect_uri=self._redirect_uris[platform.name], verifier=verifier, now=now
        )
        missing = set(platform.scopes) - set(tokens.scopes)
        if missing:
            self._revoke_quietly(platform, tokens)
            raise _PermissionMissing(f"the user's consent lacks {', '.join(sorted(missing))}")
        user_id = verdict.user_id or ""
        return [self._stored(user_id, platform, granted) for granted in platform.accounts(tokens)]

    def _stored(self, user_id: str, platform: Platform, granted: Granted) -> str:
        account_id = account_id_for(user_id, platform.name, granted.identity.external_id)
        return self._store.store_account(
            account_id,
            user_id,
            platform.name,
            granted.identity,
            granted.tokens.scopes,
            seal_tokens(self._sealer, account_id, granted.tokens),
        )

    def _revoke_quietly(self, platform: Platform, tokens: Tokens) -> None:
        try:
            platform.revoke(tokens)
        except (PlatformError, SendError):
            return  # nothing was stored: the token ends by itself

    def _platform(self, name: str) -> Platform:
        if name not in self._platforms:
            raise InvalidInput.of("platform", f'"{name[:30]}" is not a platform Lin knows.')
        return self._platforms[name]

    def _is_allowed(self, url: str) -> bool:
        # browsers read a backslash as a slash and skip control characters: urlsplit does not
        if len(url) > 1500 or "\\" in url or any(c.isspace() or ord(c) < 32 for c in url):
            return False
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        return f"{parts.scheme}://{parts.netloc}" in self._allowed_origins and not parts.fragment


class _PermissionMissing(LinError):
    """The user did not grant all that publishing needs."""


def account_id_for(user_id: str, platform: str, external_id: str) -> str:
    """The id of a user's account: the same identity always gets the same row, so tokens can be sealed to it first."""
    return str(uuid.uuid5(_ACCOUNT_IDS, f"{user_id}:{platform}:{external_id}"))


def s256_challenge(verifier: str) -> str:
    """The PKCE challenge of a verifier (RFC 7636, S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _with(url: str, **parameters: str | list[str]) -> str:
    parts = urlsplit(url)
    kept = f"{parts.query}&" if parts.query else ""
    return urlunsplit(parts._replace(query=kept + urlencode(parameters, doseq=True)))


def _error_word(error: LinError) -> str:
    match error:
        case _PermissionMissing():
            return "missing_permission"
        case Rejected():
            return "platform_refused"
        case SendError() | TryLater():
            return "platform_unavailable"
        case PlatformError():
            return "platform_refused"
    return "server_error"
