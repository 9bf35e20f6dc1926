"""Drive a running sandbox from tests and scripts: give orders, ask what was received, call raw.

``Sandbox`` speaks the control path, ``Caller`` is a LinkedIn member's raw HTTP client: it sends
exactly what it is told, right or wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote, urlsplit

import requests

_SECONDS = 30.0
VERSION = "202609"


class Sandbox:
    """The control path of the sandbox at ``url``."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        #: For raw calls as well; it keeps connections, but no cookies.
        self.http = requests.Session()
        self.http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # no proxy leads to it, and looking for one costs as much as the answer
        self.http.trust_env = False

    def at(self, address: str) -> str:
        """Where the real ``address`` (``https://host/path``) is in the sandbox."""
        parts = urlsplit(address)
        query = f"?{parts.query}" if parts.query else ""
        return f"{self.url}/{parts.netloc}{parts.path}{query}"

    def tell(self, path: str, /, **fields: Any) -> Any:
        """POST to the control path; returns its JSON. Raises on an error answer."""
        answer = self.http.post(f"{self.url}/_control/{path}", json=fields, timeout=_SECONDS)
        if not answer.ok:
            raise ValueError(f"{path}: {answer.text}")
        return answer.json()

    def ask(self, path: str, /, **query: Any) -> Any:
        """GET from the control path."""
        answer = self.http.get(f"{self.url}/_control/{path}", params=query, timeout=_SECONDS)
        answer.raise_for_status()
        return answer.json()

    def order(self, order: dict[str, Any], /, **match: Any) -> None:
        """Order a fault; ``match`` narrows it (host, method, path, action, member, times)."""
        self.tell("orders", order=order, **match)

    def posts(self, member: str, **query: Any) -> list[dict[str, Any]]:
        """Accepted posts of a member, newest first."""
        found: list[dict[str, Any]] = self.ask("posts", member=member, **query)["posts"]
        return found

    def requests(self, member: str, **query: Any) -> list[dict[str, Any]]:
        """Requests of a member, newest first."""
        found: list[dict[str, Any]] = self.ask("requests", member=member, **query)["requests"]
        return found

    def wait(self, *, seconds: float = 10, **query: Any) -> bool:
        """Wait until ``posts=N``, ``requests=N`` or ``held=N`` match; False when they did not."""
        return bool(self.ask("wait", timeout=seconds, **query)["reached"])

    def caller(self, **fields: Any) -> Caller:
        """A new member with a token; ``fields`` as for ``/_control/tokens``."""
        made = self.tell("tokens", **fields)["tokens"][0]
        return Caller(self, made["member"], made["author"], made["access_token"])


@dataclass
class Caller:
    """A member's raw client."""

    sandbox: Sandbox
    member: str
    author: str
    token: str

    def headers(self, without: tuple[str, ...] = (), **changed: str) -> dict[str, str]:
        """What ``/rest`` calls need, less or other as told (``_`` stands for ``-``)."""
        headers = {
            "Authorization": f"Bearer {self.token}",
            "LinkedIn-Version": VERSION,
            "X-Restli-Protocol-Version": "2.0.0",
        }
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        return {name: value for name, value in headers.items() if name not in without}

    def call(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any
    ) -> requests.Response:
        """One request to ``api.linkedin.com``."""
        address = f"{self.sandbox.url}/api.linkedin.com{path}"
        sent = self.headers() if headers is None else headers
        more.setdefault("timeout", _SECONDS)
        return self.sandbox.http.request(method, address, headers=sent, **more)

    def body(self, commentary: str = "Good morning", **changed: Any) -> dict[str, Any]:
        """A correct body of ``POST /rest/posts``, other as told; None leaves a field out."""
        body: dict[str, Any] = {
            "author": self.author,
            "commentary": commentary,
            "visibility": "PUBLIC",
            "distribution": {
                "feedDistribution": "MAIN_FEED",
                "targetEntities": [],
                "thirdPartyDistributionChannels": [],
            },
            "lifecycleState": "PUBLISHED",
            "isReshareDisabledByAuthor": False,
        }
        return {name: value for name, value in (body | changed).items() if value is not None}

    def create(self, commentary: str = "Good morning", **changed: Any) -> requests.Response:
        """``POST /rest/posts``."""
        return self.call("POST", "/rest/posts", json=self.body(commentary, **changed))

    def start_upload(self, kind: str, **fields: Any) -> dict[str, Any]:
        """``initializeUpload``; returns its ``value``."""
        request = {"initializeUploadRequest": {"owner": self.author} | fields}
        answer = self.call("POST", f"/rest/{kind}s?action=initializeUpload", json=request)
        answer.raise_for_status()
        value: dict[str, Any] = answer.json()["value"]
        return value

    def put(self, address: str, data: bytes, *, token: bool = True) -> requests.Response:
        """PUT bytes to an upload URL as LinkedIn gave it."""
        headers = {"Authorization": f"Bearer {self.token}"} if token else {}
        at = self.sandbox.at(address)
        return self.sandbox.http.put(at, data, headers=headers, timeout=_SECONDS)

    def upload(self, kind: str, data: bytes) -> str:
        """An uploaded image or document; returns its URN."""
        value = self.start_upload(kind)
        self.put(value["uploadUrl"], data).raise_for_status()
        urn: str = value[kind]
        return urn

    def post_path(self, urn: str) -> str:
        """``/rest/posts/{urn}`` with the URN encoded."""
        return f"/rest/posts/{quote(urn, safe='')}"
