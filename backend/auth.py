"""Who is calling: a Supabase access token, checked, becomes a CurrentUser."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import jwt
from cachetools import TTLCache

from .core.errors import NotAllowed, Unavailable
from .problems import Unauthorized

log = logging.getLogger("lin.auth")

# The kind of key fixes the algorithm; what a token says about itself decides nothing.
_ALGORITHMS = {("EC", "P-256"): "ES256", ("RSA", None): "RS256"}


@dataclass(frozen=True)
class CurrentUser:
    """A verified caller. Holding one is the proof that the token was checked."""

    id: str
    session_id: str
    token: str = field(repr=False)


class SigningKeys:
    """The project's public keys (JWKS), cached for ten minutes.

    An unknown `kid` asks again, at most once a minute whoever sends it: a flood of bad tokens causes no flood of requests.
    `fetch` returns the JWKS document or raises Unavailable.
    """

    def __init__(
        self,
        fetch: Callable[[], dict[str, Any]],
        *,
        lifespan: float = 600,
        pause: float = 60,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._lifespan = lifespan
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._asked_at = float("-inf")

    def get(self, kid: str) -> jwt.PyJWK | None:
        """The key of this id, None if the project has none. Raises Unavailable when no keys could ever be read."""
        with self._lock:
            now = self._clock()
            outdated = now - self._fetched_at > self._lifespan
            if (outdated or kid not in self._keys) and now - self._asked_at >= self._pause:
                self._asked_at = now
                self._refresh(now)
            if self._fetched_at == float("-inf"):
                # not knowing any key is no reason to call a token wrong
                raise Unavailable("The project's signing keys cannot be read right now.")
            return self._keys.get(kid)

    def _refresh(self, now: float) -> None:
        try:
            document = self._fetch()
        except Unavailable:
            if self._fetched_at == float("-inf"):
                self._asked_at = now - self._pause + 2  # nothing to work with yet: ask again soon
                raise
            return  # keep what we know: keys outlive a hiccup of Auth
        self._keys = dict(_usable_keys(document))
        self._fetched_at = now


def _usable_keys(document: dict[str, Any]) -> Iterator[tuple[str, jwt.PyJWK]]:
    """The keys we can verify with, by id. One that cannot be read is left out and does not harm the others."""
    for key in document.get("keys", []):
        algorithm = _ALGORITHMS.get((key.get("kty"), key.get("crv")))
        if algorithm is None or not key.get("kid"):
            continue
        try:
            yield str(key["kid"]), jwt.PyJWK(key, algorithm=algorithm)
        except jwt.PyJWTError:
            log.warning("a signing key of the project cannot be used", extra={"kid": key["kid"]})


class SessionCheck(Protocol):
    """Asks Auth whether a token's session lives and its address is confirmed (see store/connection.py)."""

    def __call__(self, access_token: str) -> bool: ...


class Authenticator:
    """Turns an Authorization header into a CurrentUser, or says which check failed."""

    def __init__(
        self,
        keys: SigningKeys,
        *,
        issuer: str,
        legacy_secret: str | None,
        session_check: SessionCheck,
        session_seconds: float = 60,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._legacy_secret = legacy_secret
        self._session_check = session_check
        self._session_seconds = session_seconds
        self._clock = clock
        # sessions that live, and when Auth was asked; not tokens, of which a session has a new one every hour
        self._sessions: TTLCache[tuple[str, str], float] = TTLCache(
            maxsize=50_000, ttl=session_seconds, timer=clock
        )
        self._lock = threading.Lock()

    def user(self, header: str | None) -> CurrentUser:
        """The caller. Raises Unauthorized naming the check, Unavailable when the keys cannot be read."""
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > 8000:
            raise Unauthorized(
                "Send your Supabase access token as 'Authorization: Bearer …'.", "no token"
            )
        claims = self._claims(token.strip())
        if claims.get("role") != "authenticated":
            raise Unauthorized("This is not a signed-in user's token.", "role")
        return CurrentUser(str(claims["sub"]), str(claims["session_id"]), token.strip())

    def require_live_session(self, user: CurrentUser) -> None:
        """For what acts outside: refuse tokens of ended sessions and unconfirmed addresses, known for a minute at most.

        While Auth does not answer, who was asked about within that minute goes on and nobody else does: what cannot be
        checked is not done. Raises Unauthorized, NotAllowed, Unavailable.
        """
        if self._is_known(user):
            return
        # an answer that took its time is as old as its question
        asked_at = self._clock()
        try:
            is_confirmed = self._session_check(user.token)
        except NotAllowed as error:
            raise Unauthorized(str(error), "session ended") from error
        # not remembered: who confirms may act at once
        if not is_confirmed:
            raise NotAllowed("Confirm your e-mail address first; the link is in your mailbox.")
        with self._lock:
            self._sessions[user.id, user.session_id] = asked_at

    def forget(self, user: CurrentUser) -> None:
        """Ask Auth again the next time, because this session has just ended."""
        with self._lock:
            self._sessions.pop((user.id, user.session_id), None)

    def _is_known(self, user: CurrentUser) -> bool:
        """Whether this session lived when Auth was last asked, within the last minute."""
        with self._lock:
            asked_at = self._sessions.get((user.id, user.session_id))
        return asked_at is not None and self._clock() - asked_at < self._session_seconds

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            key, algorithm = self._key(header)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience="authenticated",
                issuer=self._issuer,
                leeway=5,
                options={"require": ["exp", "sub", "iss", "aud", "session_id"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise Unauthorized("The token has expired; refresh the session.", "expired") from error
        except jwt.InvalidAudienceError as error:
            raise Unauthorized("The token is meant for another audience.", "audience") from error
        except jwt.InvalidIssuerError as error:
            raise Unauthorized("The token is from another project.", "issuer") from error
        except jwt.InvalidSignatureError as error:
            raise Unauthorized("The token's signature is wrong.", "signature") from error
        except jwt.MissingRequiredClaimError as error:
            raise Unauthorized("The token lacks a required claim.", "claims") from error
        except (jwt.InvalidTokenError, ValueError) as error:
            raise Unauthorized("The token cannot be read.", "form") from error
        return claims

    def _key(self, header: dict[str, Any]) -> tuple[Any, str]:
        claimed = header.get("alg")
        if claimed == "HS256" and self._legacy_secret is not None:
            return self._legacy_secret, "HS256"
        if claimed not in _ALGORITHMS.values():
            raise Unauthorized(
                "The token is signed in a way this project does not use.", "algorithm"
            )
        key = self._keys.get(str(header.get("kid") or ""))
        if key is None:
            raise Unauthorized("The token was signed with a key this project does not have.", "key")
        if key.algorithm_name != claimed:
            raise Unauthorized("The token is signed in a way its key is not for.", "algorithm")
        return key, key.algorithm_name
