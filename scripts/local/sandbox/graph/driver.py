"""Raw HTTP clients of Facebook and Instagram: they send exactly what they are told."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from local.sandbox.driver import Sandbox

_SECONDS = 30.0
VERSION = "v24.0"
RUPLOAD = "https://rupload.facebook.com"


@dataclass
class GraphCaller:
    """A token for one page or one Instagram account; ``id`` is the page's or the account's."""

    sandbox: Sandbox
    platform: str
    host: str
    member: str
    id: str
    token: str
    #: The rest of what ``/_control/tokens`` answered.
    made: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def new(cls, sandbox: Sandbox, platform: str, **fields: Any) -> GraphCaller:
        """A new member; ``fields`` as for ``/_control/tokens``."""
        made = sandbox.tell("tokens", platform=platform, **fields)["tokens"][0]
        own = platform == "instagram" and made["login"] == "instagram"
        host = "graph.instagram.com" if own else "graph.facebook.com"
        return cls(
            sandbox, platform, host, made["member"], made["subject"], made["access_token"], made
        )

    def with_token(self, token: str) -> GraphCaller:
        """The same with another token."""
        return GraphCaller(
            self.sandbox, self.platform, self.host, self.member, self.id, token, self.made
        )

    def set(self, **fields: Any) -> None:
        """Change how the platform treats this member."""
        self.sandbox.tell("settings", platform=self.platform, member=self.member, **fields)

    def pass_time(self, seconds: float) -> None:
        """Move this member's clock."""
        self.sandbox.tell("clock", advance_seconds=seconds, member=self.member)

    def call(
        self, method: str, path: str, *, host: str = "", version: str = VERSION, **more: Any
    ) -> requests.Response:
        """One request to ``https://{host}/{version}/{path}``; no version leaves it out."""
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        middle = f"/{version}" if version else ""
        address = self.sandbox.at(f"https://{host or self.host}{middle}/{path}")
        more.setdefault("timeout", _SECONDS)
        return self.sandbox.http.request(method, address, headers=headers, **more)

    def get(self, path: str, **params: Any) -> requests.Response:
        """A read."""
        return self.call("GET", path, params=params)

    def post(self, edge: str, /, **body: Any) -> requests.Response:
        """A JSON body to an edge of the page or account, such as ``feed``."""
        return self.call("POST", f"{self.id}/{edge}", json=body)

    def posts(self) -> list[dict[str, Any]]:
        """What was received for this page or account, newest first."""
        return self.sandbox.posts(self.id)

    def put_bytes(self, address: str, data: bytes, **headers: str) -> requests.Response:
        """Bytes to an upload host; ``headers`` as named there, such as ``file_size``."""
        sent = {"Authorization": f"OAuth {self.token}"} | headers
        return self.sandbox.http.post(
            self.sandbox.at(address), data, headers=sent, timeout=_SECONDS
        )


@dataclass
class GraphApp:
    """A developer app and the ways through its consent page."""

    sandbox: Sandbox
    platform: str
    dialog: str
    client_id: str
    client_secret: str
    redirect_uri: str
    scope: str

    @classmethod
    def new(
        cls, sandbox: Sandbox, platform: str, dialog: str, scope: str, **fields: Any
    ) -> GraphApp:
        """A registered app; ``fields`` as for ``/_control/apps``."""
        credentials = {"client_id": str(secrets.randbelow(10**15)), "client_secret": "s-1"}
        uri = f"https://lin.example/api/{platform}/callback"
        sandbox.tell(
            "apps", platform=platform, redirect_uris=[uri], name="Lin <b>", **credentials, **fields
        )
        return cls(sandbox, platform, dialog, **credentials, redirect_uri=uri, scope=scope)

    @property
    def credentials(self) -> dict[str, str]:
        """Id and secret."""
        return {"client_id": self.client_id, "client_secret": self.client_secret}

    def question(self, **changed: str) -> dict[str, str]:
        """The query of a correct dialog address, other as told."""
        query = {"client_id": self.client_id, "redirect_uri": self.redirect_uri, "state": "s-1"}
        return query | {"response_type": "code", "scope": self.scope} | changed

    def ask(self, **changed: str) -> requests.Response:
        """The consent page."""
        address = self.sandbox.at(self.dialog)
        return self.sandbox.http.get(
            address, params=self.question(**changed), timeout=_SECONDS, allow_redirects=False
        )

    def decide(
        self, decision: str = "allow", form: dict[str, Any] | None = None, **changed: str
    ) -> requests.Response:
        """Post the form; without a member in ``form`` somebody new signs in."""
        return self.sandbox.http.post(
            self.sandbox.at(self.dialog),
            params=self.question(**changed),
            data={"member": "new", "decision": decision} | (form or {}),
            timeout=_SECONDS,
            allow_redirects=False,
        )

    def code(self, member: str = "new", form: dict[str, Any] | None = None, **changed: str) -> str:
        """A code of that member."""
        target = self.decide("allow", {"member": member} | (form or {}), **changed)
        return query_of(target)["code"]


def query_of(redirect: requests.Response) -> dict[str, str]:
    """The query with which somebody was sent back."""
    sent = parse_qs(urlsplit(redirect.headers["Location"]).query)
    return {name: values[0] for name, values in sent.items()}


def error_of(answer: requests.Response) -> tuple[int, int, int | None]:
    """Status, code and subcode of an error answer."""
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("error_subcode")
