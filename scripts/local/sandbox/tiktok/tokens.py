"""Developer apps, codes and tokens (platform facts 5.1)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .prefixes import check_prefix

DAY = 86_400
#: "Short" is all the document says.
CODE_SECONDS = 10 * 60
TOKEN_SECONDS = DAY
REFRESH_SECONDS = 365 * DAY
_REDIRECT_BELOW = 512
_REDIRECTS = 10

SCOPES = {
    "user.info.basic": "Read your profile: name and avatar",
    "user.info.profile": "Read your user name, bio and profile link",
    "user.info.stats": "Read your follower and video counts",
    "video.publish": "Post content to TikTok",
    "video.upload": "Upload draft content to your TikTok inbox",
    "video.list": "Read your public videos on TikTok",
}


@dataclass
class App:
    """A developer app; ``client_id`` is what TikTok calls ``client_key``."""

    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...] = ()
    name: str = "An app under development"
    scopes: tuple[str, ...] = tuple(SCOPES)
    #: Passed TikTok's audit. An unaudited app posts privately, for few people.
    audited: bool = True
    #: Addresses TikTok may pull from: ``https://host/prefix`` or a bare domain. On the local stack
    #: they may be http; there, with None, what counts as public (``fetching.py``) is verified too.
    verified_prefixes: tuple[str, ...] | None = None
    #: A desktop app must use PKCE; a web app here must not (sent, it is ignored or refused: not
    #: confirmed). What decides is this field, since on the local stack web apps are loopback too.
    desktop: bool = False
    #: Some sandbox apps are reported to be refused every refresh.
    refuses_refresh: bool = False
    #: How many people may post through the app in 24 hours; None is five while unaudited.
    active_users: int | None = None

    def __post_init__(self) -> None:
        unknown = set(self.scopes) - set(SCOPES)
        if unknown:
            raise ValueError(f"scopes: unknown {', '.join(sorted(unknown))}")
        if len(self.redirect_uris) > _REDIRECTS:
            raise ValueError(f"redirect_uris: at most {_REDIRECTS}")
        for uri in self.redirect_uris:
            _check_redirect(uri)
        for prefix in self.verified_prefixes or ():
            check_prefix(prefix)

    @property
    def most_active_users(self) -> int | None:
        """How many people may post in 24 hours; None is no limit."""
        if self.active_users is None and not self.audited:
            return 5
        return self.active_users


def _check_redirect(uri: str) -> None:
    parts = urlsplit(uri)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise ValueError(f"redirect_uris: {uri} must be https, or http on this computer")
    if "?" in uri or "#" in uri:
        raise ValueError(f"redirect_uris: {uri} must have neither query nor fragment")
    if len(uri) >= _REDIRECT_BELOW:
        raise ValueError(f"redirect_uris: must be shorter than {_REDIRECT_BELOW} characters")


@dataclass
class Grant:
    """What a person allowed an app once; all tokens that came from it end together."""

    app: App
    member: str
    scopes: tuple[str, ...]
    revoked: bool = False


@dataclass
class Code:
    """An authorization code: short-lived, one use."""

    grant: Grant
    redirect_uri: str
    issued: float
    challenge: str | None = None
    used: bool = False

    @property
    def member(self) -> str:
        """Whose it is."""
        return self.grant.member


@dataclass
class Token:
    """An access token (or, with ``refresh``, a refresh token)."""

    text: str
    grant: Grant
    issued: float
    expires: float
    refresh: bool = False
    #: A refresh token that was exchanged for the next one.
    used: bool = False

    @property
    def app(self) -> App:
        """The developer app the token was given to."""
        return self.grant.app

    @property
    def member(self) -> str:
        """Whose it is."""
        return self.grant.member

    def lives(self, now: float) -> bool:
        """Whether it is good at this time."""
        return not (self.used or self.grant.revoked) and now < self.expires


def open_id_of(app: App, member: str) -> str:
    """The id of a member towards one app: other apps see another one, restarts the same."""
    return "-000" + _digest(f"{app.client_id}/{member}")


def union_id_of(member: str) -> str:
    """The id of a member towards all apps of a developer."""
    return _digest(member)


def _digest(text: str) -> str:
    digest = hashlib.sha256(f"tiktok/{text}".encode()).digest()
    return base64.urlsafe_b64encode(digest)[:32].decode().replace("-", "x")


@dataclass
class Grants:
    """Apps with the codes and tokens given to them."""

    apps: dict[str, App] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add_app(self, **fields: Any) -> App:
        """Register an app, or replace it. Raises ValueError naming the bad field."""
        for name in ("redirect_uris", "scopes", "verified_prefixes"):
            if isinstance(fields.get(name), list):
                fields[name] = tuple(fields[name])
        try:
            app = App(**fields)
        except TypeError as error:
            raise ValueError(str(error)) from None
        self.apps[app.client_id] = app
        return app

    def new_code(self, code: Code) -> str:
        """A code for the redirect. It has characters that are percent-encoded on the way (row 3)."""
        text = f"{secrets.token_urlsafe(48)}*0!{secrets.randbelow(9000) + 1000}.s1"
        self.codes[text] = code
        return text

    def use_code(self, code: Code) -> bool:
        """Mark a code as used; False when it was already."""
        with self._lock:
            first, code.used = not code.used, True
            return first

    def new_token(self, grant: Grant, now: float) -> Token:
        """An access token."""
        text = f"act.{secrets.token_urlsafe(48)}"
        return self._keep(Token(text, grant, now, now + TOKEN_SECONDS))

    def new_refresh_token(self, grant: Grant, now: float, expires: float | None = None) -> Token:
        """A refresh token, for 365 days or until the end of the one it replaces."""
        text = f"rft.{secrets.token_urlsafe(48)}"
        return self._keep(Token(text, grant, now, expires or now + REFRESH_SECONDS, refresh=True))

    def use_refresh_token(self, token: Token, now: float) -> bool:
        """Mark a refresh token as used; False when it is not good, or was used by somebody else."""
        with self._lock:
            if not token.lives(now):
                return False
            token.used = True
            return True

    def of_member(self, member: str) -> list[Token]:
        """Every token the member ever had."""
        with self._lock:
            return [token for token in self.tokens.values() if token.member == member]

    def _keep(self, token: Token) -> Token:
        with self._lock:
            self.tokens[token.text] = token
        return token
