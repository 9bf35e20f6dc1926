"""Developer apps, codes, tokens and what people granted (platform facts 3.1 and 4.1)."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

HOUR, DAY = 3600, 86_400
#: One to two hours for Facebook, one hour for Instagram; the strict reading is the shorter one.
SHORT_SECONDS = HOUR
#: "About 60 days", as the number stands in answers.
LONG_SECONDS = 5_183_944
_HOSTS_AT_HOME = ("localhost", "127.0.0.1", "::1")

#: Subcodes of error 190 by how a token ended.
REVOKED, EXPIRED = 458, 463


@dataclass
class MetaApp:
    """What a Facebook app and an Instagram app have in common."""

    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...] = ()
    name: str = "An app under development"
    #: Permissions the app may ask for; empty stands for all.
    scopes: tuple[str, ...] = ()
    #: Whether ``http`` addresses of this computer may be registered. Facebook allows it while an
    #: app is in development. Instagram's dashboard refuses it as of October 2026 (a report); the
    #: local stack has no other address, so it is allowed here unless this says no.
    loopback_redirects: bool = True

    def __post_init__(self) -> None:
        for uri in self.redirect_uris:
            parts = urlsplit(uri)
            at_home = parts.hostname in _HOSTS_AT_HOME and self.loopback_redirects
            if not (parts.scheme == "https" or (parts.scheme == "http" and at_home)):
                raise ValueError(f"redirect_uris: {uri} must be https")
            if parts.fragment:
                raise ValueError(f"redirect_uris: {uri} must not have a fragment")


App = TypeVar("App", bound=MetaApp)


@dataclass
class Code(Generic[App]):
    """An authorization code, good for one exchange."""

    app: App
    member: str
    redirect_uri: str
    issued: float
    used: bool = False


@dataclass
class Token(Generic[App]):
    """An access token of a person (``user``) or of one of the pages (``page``)."""

    text: str
    app: App
    member: str
    kind: str
    issued: float
    #: None: no fixed end, as page tokens of long-lived user tokens.
    expires: float | None
    long_lived: bool = False
    page: str | None = None
    #: The subcode of error 190 once the token was ended.
    ended: int | None = None


@dataclass
class Granted:
    """What a person allowed an app; it holds for every token of that person and app."""

    #: Permission to ``granted`` or ``declined``.
    permissions: dict[str, str]
    #: Ids of the ticked pages; None for all.
    pages: set[str] | None = None


class Grants(Generic[App]):
    """Apps with the codes and tokens given to them."""

    def __init__(self, app_type: type[App], prefix: str) -> None:
        self._lock = threading.Lock()
        self._app_type = app_type
        self._prefix = prefix
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.apps: dict[str, App] = {}
        self.codes: dict[str, Code[App]] = {}
        self.tokens: dict[str, Token[App]] = {}
        self._of_member: dict[str, list[Token[App]]] = defaultdict(list)
        self._granted: dict[tuple[str, str], Granted] = {}

    def add_app(self, **fields: Any) -> App:
        """Register an app, or replace it. Raises ValueError naming the bad field."""
        for name in ("redirect_uris", "scopes"):
            if isinstance(fields.get(name), list):
                fields[name] = tuple(fields[name])
        try:
            app = self._app_type(**fields)
        except TypeError as error:
            raise ValueError(str(error)) from None
        self.apps[app.client_id] = app
        return app

    def an_app(self, client_id: str | None) -> App:
        """The app with this id, or any: tokens without consent page need one. Raises ValueError."""
        if client_id is None and not self.apps:
            # No program signs in through it, so its secret need not be known to anybody.
            return self.add_app(client_id="100000000000001", client_secret=secrets.token_hex(16))
        app = next(iter(self.apps.values())) if client_id is None else self.apps.get(client_id)
        if app is None:
            raise ValueError(f"client_id: there is no app {client_id}")
        return app

    def new_code(self, code: Code[App]) -> str:
        """A code for the redirect."""
        text = f"AQ{secrets.token_urlsafe(120)}"
        self.codes[text] = code
        return text

    def use_code(self, code: Code[App]) -> bool:
        """Mark a code as used; False when it was already."""
        with self._lock:
            first, code.used = not code.used, True
            return first

    def new_token(self, app: App, member: str, kind: str, now: float, **more: Any) -> Token[App]:
        """A token of about 200 characters."""
        text = f"{self._prefix}{secrets.token_hex(90)}"
        token = Token(text, app, member, kind, now, **more)
        with self._lock:
            self.tokens[text] = token
            self._of_member[member].append(token)
        return token

    def page_token(self, user: Token[App], page: str, now: float) -> Token[App]:
        """The page's token for this person and app: the same string as long as it lives.

        With a long-lived user token it has no fixed end, else it ends with the user token.
        """
        expires = None if user.long_lived else user.expires
        for token in self._of_member[user.member]:
            same = (token.app, token.page, token.expires) == (user.app, page, expires)
            if same and token.ended is None:
                return token
        more = {"expires": expires, "page": page, "long_lived": user.long_lived}
        return self.new_token(user.app, user.member, "page", now, **more)

    def of_member(self, member: str, app: App | None = None) -> list[Token[App]]:
        """Every token the member ever had, with one app or with all."""
        return [each for each in self._of_member[member] if app in (None, each.app)]

    def granted(self, app: App, member: str) -> Granted:
        """What the member allowed this app; empty at first."""
        with self._lock:
            return self._granted.setdefault((app.client_id, member), Granted({}))

    def forget(self, app: App, member: str) -> None:
        """The member removed the app: nothing is granted any more, no token works."""
        with self._lock:
            self._granted.pop((app.client_id, member), None)
        for token in self.of_member(member, app):
            token.ended = token.ended or REVOKED


def number_of(*parts: str, digits: int = 16) -> str:
    """A number that looks like one of Meta's ids, the same after a restart."""
    digest = int.from_bytes(hashlib.sha256("/".join(parts).encode()).digest()[:8])
    return str(10 ** (digits - 1) + digest % (9 * 10 ** (digits - 1)))
