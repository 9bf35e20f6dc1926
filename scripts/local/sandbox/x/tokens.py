"""Developer apps, codes and tokens (platform facts 2.1)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

DAY = 86_400
CODE_SECONDS = 30
TOKEN_SECONDS = 7200
#: About six months; the exact life of a refresh token is unconfirmed.
REFRESH_SECONDS = 180 * DAY
_MOST_REDIRECTS = 10

POSTING = ("tweet.read", "tweet.write", "users.read", "media.write", "offline.access")
SCOPES = {
    "tweet.read": "See posts, also those of protected accounts you can see",
    "tweet.write": "Post and repost for you, and delete your posts",
    "users.read": "See accounts, also protected ones you can see",
    "media.write": "Upload media for you",
    "offline.access": "Stay connected to your account until you revoke access",
    "users.email": "See your email address",
    "follows.read": "See whom you follow and who follows you",
    "like.read": "See posts you liked",
    "bookmark.read": "See your bookmarks",
}


@dataclass
class App:
    """A developer app: a confidential web app on self-serve access, unless said otherwise."""

    client_id: str
    client_secret: str = ""
    redirect_uris: tuple[str, ...] = ()
    name: str = "An app under development"
    scopes: tuple[str, ...] = tuple(SCOPES)
    #: A public client has no secret and names itself in the body.
    confidential: bool = True
    #: Only enterprise apps may quote since April 2026.
    enterprise: bool = False

    def __post_init__(self) -> None:
        unknown = set(self.scopes) - set(SCOPES)
        if unknown:
            raise ValueError(f"scopes: unknown {', '.join(sorted(unknown))}")
        if self.confidential and not self.client_secret:
            raise ValueError("client_secret: a confidential app has one")
        if len(self.redirect_uris) > _MOST_REDIRECTS:
            raise ValueError(f"redirect_uris: at most {_MOST_REDIRECTS}")
        for uri in self.redirect_uris:
            parts = urlsplit(uri)
            local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
            if parts.scheme != "https" and not local:
                raise ValueError(f"redirect_uris: {uri} must be https, or http on this computer")


@dataclass
class Code:
    """An authorization code: thirty seconds, one use, bound to its PKCE challenge."""

    app: App
    member: str
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str
    method: str
    issued: float
    used: bool = False

    def proven_by(self, verifier: str) -> bool:
        """Whether the challenge was made from this verifier (RFC 7636)."""
        if self.method == "plain":
            return secrets.compare_digest(self.challenge, verifier)
        digest = hashlib.sha256(verifier.encode()).digest()
        made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return secrets.compare_digest(self.challenge, made)


@dataclass
class Token:
    """An access token or (``refresh``) a refresh token; ``grant`` is the consent it comes from."""

    text: str
    app: App
    #: None for an app-only token: that acts for nobody.
    member: str | None
    scopes: tuple[str, ...]
    grant: str
    issued: float
    expires: float
    refresh: bool = False
    used: bool = False
    revoked: bool = False

    def allows(self, *every: str) -> bool:
        """Whether all of these scopes were granted."""
        return set(every) <= set(self.scopes)


class Grants:
    """Apps with the codes and tokens given to them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.apps: dict[str, App] = {}
        self.codes: dict[str, Code] = {}
        self.tokens: dict[str, Token] = {}
        self._of_member: dict[str | None, list[Token]] = defaultdict(list)
        self._of_grant: dict[str, list[Token]] = defaultdict(list)

    def add_app(self, **fields: Any) -> App:
        """Register an app, or replace it. Raises ValueError naming the bad field."""
        for name in ("redirect_uris", "scopes"):
            if isinstance(fields.get(name), list):
                fields[name] = tuple(fields[name])
        try:
            app = App(**fields)
        except TypeError as error:
            raise ValueError(str(error)) from None
        self.apps[app.client_id] = app
        return app

    def new_code(self, code: Code) -> str:
        """A code for the redirect."""
        text = secrets.token_urlsafe(66)
        self.codes[text] = code
        return text

    def use_once(self, what: Code | Token) -> bool:
        """Mark a code or a refresh token as used; False when it was already."""
        with self._lock:
            first, what.used = not what.used, True
            return first

    def new_token(
        self,
        app: App,
        member: str | None,
        scopes: tuple[str, ...],
        now: float,
        *,
        grant: str | None = None,
        refresh: bool = False,
    ) -> Token:
        """A token of the consent ``grant``; without one a new consent begins."""
        life = REFRESH_SECONDS if refresh else TOKEN_SECONDS
        text, grant = secrets.token_urlsafe(68), grant or secrets.token_hex(8)
        token = Token(text, app, member, scopes, grant, now, now + life, refresh)
        with self._lock:
            self.tokens[text] = token
            self._of_member[member].append(token)
            self._of_grant[grant].append(token)
        return token

    def of_member(self, member: str) -> list[Token]:
        """Every token the member ever had, refresh tokens too."""
        return list(self._of_member[member])

    def of_grant(self, grant: str) -> list[Token]:
        """Every token that came out of one consent."""
        return list(self._of_grant[grant])
