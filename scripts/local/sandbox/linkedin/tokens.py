"""Developer apps, codes and tokens (platform facts 1.1)."""

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
CODE_SECONDS = 30 * 60
TOKEN_SECONDS = 60 * DAY
REFRESH_SECONDS = 365 * DAY

SELF_SERVE = ("openid", "profile", "email", "w_member_social")
SCOPES = {
    "openid": "Use your name and photo to sign you in",
    "profile": "Use your basic profile: name and photo",
    "email": "Use the primary email address of your account",
    "w_member_social": "Create, modify and delete posts on your behalf",
    "r_member_social": "Retrieve your posts, comments and reactions",
    "r_member_postAnalytics": "Retrieve the statistics of your posts",
    "w_organization_social": "Create, modify and delete posts of your organisations",
    "r_organization_social": "Retrieve posts of your organisations",
    "rw_organization_admin": "Manage your organisations' pages and read their statistics",
    "r_organization_admin": "Retrieve your organisations' pages and their statistics",
}


@dataclass
class App:
    """A developer app. The quotas are those of Share on LinkedIn unless said."""

    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...] = ()
    name: str = "An app under development"
    scopes: tuple[str, ...] = SELF_SERVE
    refresh_tokens: bool = False
    quota_per_member: int = 150
    quota_per_app: int = 100_000
    #: Whether ``GET /rest/videos/{urn}`` is refused to self-serve tokens: reports disagree.
    video_status_denied: bool = False
    #: LinkedIn skips consent for a signed-in member with a live token of the same scopes.
    skips_consent: bool = False
    #: The ``scope`` of a token answer is separated by spaces; commas are seen as well.
    scopes_with_spaces: bool = True

    def __post_init__(self) -> None:
        unknown = set(self.scopes) - set(SCOPES)
        if unknown:
            raise ValueError(f"scopes: unknown {', '.join(sorted(unknown))}")
        for uri in self.redirect_uris:
            parts = urlsplit(uri)
            local = parts.hostname in ("localhost", "127.0.0.1", "::1")
            if not (parts.scheme == "https" or (parts.scheme == "http" and local)):
                raise ValueError(f"redirect_uris: {uri} must be https, or http on this computer")
            if parts.fragment:
                raise ValueError(f"redirect_uris: {uri} must not have a fragment")

    def accepts_redirect(self, uri: str) -> bool:
        """Registered exactly; only the query is left out of the comparison."""
        if "#" in uri:
            return False
        return uri.partition("?")[0] in {known.partition("?")[0] for known in self.redirect_uris}


@dataclass
class Code:
    """An authorization code: thirty minutes, one use."""

    app: App
    member: str
    scopes: tuple[str, ...]
    redirect_uri: str
    issued: float
    used: bool = False


@dataclass
class Token:
    """An access token (or, with ``refresh``, a refresh token)."""

    text: str
    app: App
    member: str
    scopes: tuple[str, ...]
    issued: float
    expires: float
    refresh: bool = False
    revoked: bool = False

    def allows(self, *any_of: str) -> bool:
        """Whether one of these scopes was granted."""
        return any(scope in self.scopes for scope in any_of)


def subject_of(app: App, member: str) -> str:
    """The id of a member towards one app: other apps see another one, restarts the same."""
    digest = hashlib.sha256(f"{app.client_id}/{member}".encode()).digest()
    return base64.urlsafe_b64encode(digest)[:10].decode().replace("-", "x").replace("_", "y")


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
        self._of_member: dict[str, list[Token]] = defaultdict(list)

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
        """A code for the redirect; a different scope set ends the app's earlier tokens."""
        for token in self._of_member[code.member]:
            if token.app.client_id == code.app.client_id and set(token.scopes) != set(code.scopes):
                token.revoked = True
        text = f"AQ{secrets.token_urlsafe(96)}"
        self.codes[text] = code
        return text

    def use_code(self, code: Code) -> bool:
        """Mark a code as used; False when it was already."""
        with self._lock:
            first, code.used = not code.used, True
            return first

    def new_token(
        self, app: App, member: str, scopes: tuple[str, ...], now: float, *, refresh: bool = False
    ) -> Token:
        """A token of about 500 characters, as LinkedIn's are today."""
        life = REFRESH_SECONDS if refresh else TOKEN_SECONDS
        text = f"AQ{secrets.token_urlsafe(372)}"
        token = Token(text, app, member, scopes, now, now + life, refresh)
        with self._lock:
            self.tokens[text] = token
            self._of_member[member].append(token)
        return token

    def refresh_token(self, app: App, member: str, scopes: tuple[str, ...], now: float) -> Token:
        """The live refresh token, or a first one: using it never prolongs it."""
        for token in self._of_member[member]:
            same = token.app is app and token.refresh and set(token.scopes) == set(scopes)
            if same and not token.revoked and token.expires > now:
                return token
        return self.new_token(app, member, scopes, now, refresh=True)

    def of_member(self, member: str) -> list[Token]:
        """Every token the member ever had."""
        return list(self._of_member[member])

    def has_live_token(self, app: App, member: str, scopes: tuple[str, ...], now: float) -> bool:
        """Whether LinkedIn would skip consent for this member."""
        return any(
            token.app is app
            and not (token.revoked or token.refresh)
            and token.expires > now
            and set(token.scopes) == set(scopes)
            for token in self._of_member[member]
        )
