"""Drive the X of a running sandbox from tests and scripts: send exactly what is told."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from local.sandbox.driver import Sandbox

_SECONDS = 30.0
AUTHORIZE = "https://x.com/i/oauth2/authorize"
TOKEN = "https://api.x.com/2/oauth2/token"  # noqa: S105 - an address
REVOKE = "https://api.x.com/2/oauth2/revoke"
VERIFIER = "a-verifier-of-43-characters.or-more~as_asked"
SCOPE = "tweet.read tweet.write users.read media.write offline.access"


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True)
class AppCaller:
    """A developer app on its way through OAuth."""

    sandbox: Sandbox
    client_id: str
    client_secret: str
    redirect_uri: str

    def question(self, **changed: str | None) -> dict[str, str]:
        """The query of a correct authorize address, other as told; None leaves a value out."""
        right: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": SCOPE,
            "state": "s-1",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in (right | changed).items() if value is not None}

    def decide(
        self, decision: str = "allow", member: str = "new", **changed: Any
    ) -> requests.Response:
        """Post the consent form; returns the answer, redirects not followed."""
        return self.sandbox.http.post(
            self.sandbox.at(AUTHORIZE),
            params=self.question(**changed),
            data={"member": member, "decision": decision},
            allow_redirects=False,
            timeout=_SECONDS,
        )

    def code(self, member: str = "new", **changed: Any) -> str:
        """A fresh code."""
        target = self.decide("allow", member, **changed).headers["Location"]
        return parse_qs(urlsplit(target).query)["code"][0]

    def ask(
        self, address: str, form: dict[str, Any], *, basic: bool = True, **more: Any
    ) -> requests.Response:
        """Post a form to a token endpoint, with HTTP Basic unless told otherwise."""
        more.setdefault("auth", (self.client_id, self.client_secret) if basic else None)
        return self.sandbox.http.post(self.sandbox.at(address), data=form, timeout=_SECONDS, **more)

    def exchange(self, code: str, *, basic: bool = True, **changed: Any) -> requests.Response:
        """Code for tokens; None leaves a field out."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": VERIFIER,
        }
        return self.ask(TOKEN, form | changed, basic=basic)

    def refresh(self, token: str, *, basic: bool = True) -> requests.Response:
        """Refresh token for a new pair."""
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return self.ask(TOKEN, form, basic=basic)


@dataclass
class XCaller:
    """A member's raw client."""

    sandbox: Sandbox
    member: str
    subject: str
    username: str
    token: str
    refresh_token: str | None

    @classmethod
    def new(cls, sandbox: Sandbox, **fields: Any) -> XCaller:
        """A member with tokens; ``fields`` as for ``/_control/tokens``."""
        made = sandbox.tell("tokens", platform="x", **fields)["tokens"][0]
        named = {name: made[name] for name in ("member", "subject", "username", "refresh_token")}
        return cls(sandbox, token=made["access_token"], **named)

    def call(
        self, method: str, path: str, *, token: str | None = None, **more: Any
    ) -> requests.Response:
        """One request to ``api.x.com``; ``token=""`` sends none."""
        used = self.token if token is None else token
        headers = {"Authorization": f"Bearer {used}"} if used else {}
        headers |= more.pop("headers", {})
        more.setdefault("timeout", _SECONDS)
        address = f"{self.sandbox.url}/api.x.com{path}"
        return self.sandbox.http.request(method, address, headers=headers, **more)

    def create(self, text: str | None = "Good morning", **body: Any) -> requests.Response:
        """``POST /2/tweets``; without a text when that is None."""
        sent = body if text is None else {"text": text} | body
        return self.call("POST", "/2/tweets", json=sent)

    def posted(self, text: str | None = "Good morning", **body: Any) -> str:
        """The id of a new post."""
        answer = self.create(text, **body)
        answer.raise_for_status()
        urn: str = answer.json()["data"]["id"]
        return urn

    def timeline(self, **query: Any) -> requests.Response:
        """``GET /2/users/{id}/tweets``; dots in names are written as two underscores."""
        named = {name.replace("__", "."): value for name, value in query.items()}
        return self.call("GET", f"/2/users/{self.subject}/tweets", params=named)

    def initialize(self, data_size: int, media_type: str, category: str) -> requests.Response:
        """The first step of a chunked upload."""
        body = {"media_type": media_type, "total_bytes": data_size, "media_category": category}
        return self.call("POST", "/2/media/upload/initialize", json=body)

    def append(self, urn: str, index: int | str, data: bytes) -> requests.Response:
        """One segment."""
        path = f"/2/media/upload/{urn}/append"
        form, files = {"segment_index": str(index)}, {"media": ("segment", data)}
        return self.call("POST", path, data=form, files=files)

    def finalize(self, urn: str) -> requests.Response:
        """The last step of a chunked upload."""
        return self.call("POST", f"/2/media/upload/{urn}/finalize")

    def status(self, urn: str) -> requests.Response:
        """Where the processing is."""
        query = {"command": "STATUS", "media_id": urn}
        return self.call("GET", "/2/media/upload", params=query)

    def upload(
        self, data: bytes, media_type: str, category: str, segment: int = 1_000_000
    ) -> requests.Response:
        """A chunked upload from end to end; returns the answer to finalize."""
        answer = self.initialize(len(data), media_type, category)
        answer.raise_for_status()
        urn = answer.json()["data"]["id"]
        for index, first in enumerate(range(0, len(data), segment)):
            self.append(urn, index, data[first : first + segment]).raise_for_status()
        return self.finalize(urn)

    def one_shot(self, data: bytes, category: str = "tweet_image") -> requests.Response:
        """A small picture in one call."""
        form, files = {"media_category": category}, {"media": ("picture", data)}
        return self.call("POST", "/2/media/upload", data=form, files=files)

    def picture(self, data: bytes) -> str:
        """The id of an uploaded picture."""
        answer = self.one_shot(data)
        answer.raise_for_status()
        urn: str = answer.json()["data"]["id"]
        return urn
