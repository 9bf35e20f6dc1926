"""Calls to Meta's Graph API, for Facebook and Instagram. Source: Graph API documentation (v24 to v26, 2025-2026)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urlsplit

from ..core.errors import NoAnswer, Rejected
from ..core.ports import Answer, PlatformDoor
from .graph_errors import Own, raise_for

FACEBOOK_HOST = "https://graph.facebook.com"

# The day from which a version is not served any more: calls to it are then answered by the oldest living one, in silence.
VERSION_ENDS = {
    "v21.0": date(2027, 1, 21),
    "v22.0": date(2027, 5, 20),
    "v23.0": date(2027, 10, 8),
    "v24.0": date(2028, 2, 18),
    "v25.0": date(2028, 7, 29),
}
_PAGES_MAX = 50


def version_ends(version: str) -> date | None:
    """When a version ends; None: Meta has not said, or we do not know."""
    return VERSION_ENDS.get(version)


def app_secret_proof(token: str, secret: str) -> str:
    """The proof that a call comes from the app's server: HMAC-SHA256 of the token under the app's secret, in hex."""
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


class Graph:
    """One host and version of the Graph API, called with tokens.

    `title` is the platform's name for people, `own` raises for what a code means on this platform alone. With a `secret`
    every call carries a proof; apps may demand it.
    """

    def __init__(
        self,
        door: PlatformDoor,
        version: str,
        secret: str,
        *,
        title: str,
        host: str = FACEBOOK_HOST,
        own: Own | None = None,
    ) -> None:
        self._door = door
        self._version = version
        self._secret = secret
        self._title = title
        self._host = host
        self._own = own

    def send(
        self,
        method: str,
        path: str,
        token: str,
        *,
        committing: bool = False,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        host: str | None = None,
    ) -> Answer:
        """One call; `path` without the version. The token goes in a header, so that no address holds it. Raises what the
        answer means (see graph_errors.raise_for), NotSent, NoAnswer."""
        more: dict[str, Any] = {"files": files} if files else {}
        answer = self._door.send(
            method,
            f"{host or self._host}/{self._version}/{path}",
            headers={"Authorization": f"Bearer {token}"},
            params={**(params or {}), **self._proof(token)},
            form=form,
            json=json,
            **more,
        )
        raise_for(answer, committing=committing, title=self._title, own=self._own)
        return answer

    def upload(
        self, method: str, url: str, token: str, *, headers: Mapping[str, str] | None = None, body: bytes | BinaryIO | None = None
    ) -> Answer:  # fmt: skip
        """One call to an address that takes bytes, which wants the token in its own way: an upload session below `address`,
        or what Meta named. Raises Rejected for an address outside Meta: a token goes nowhere else."""
        if not _is_meta(url):
            raise Rejected(
                f"{self._title} named an upload address outside Meta.",
                error_class="unexpected_upload_url",
            )
        answer = self._door.send(
            method,
            url,
            params=self._proof(token),
            headers={"Authorization": f"OAuth {token}", **(headers or {})},
            body=body,
        )
        raise_for(answer, committing=False, title=self._title, own=self._own)
        return answer

    @property
    def address(self) -> str:
        """Where the API of this version is."""
        return f"{self._host}/{self._version}"

    def get(self, path: str, token: str, **params: str) -> dict[str, Any]:
        """What a GET answers."""
        return self.read(self.send("GET", path, token, params=params))

    def read(self, answer: Answer) -> dict[str, Any]:
        """The object that an answer holds. Raises NoAnswer when it holds none."""
        body = answer.json()
        if not isinstance(body, dict):
            raise NoAnswer(f"{self._title}'s answer is no object")
        return body

    def listed(
        self, path: str, token: str, *, enough: Callable[[list[dict[str, Any]]], bool] | None = None, **params: str
    ) -> list[dict[str, Any]]:  # fmt: skip
        """All entries of a list, page by page; of a list with an order, up to the page that is `enough`. Raises NoAnswer for
        what is no list, and for one that does not end: whoever asks may rely on having seen all."""
        found: list[dict[str, Any]] = []
        for _ in range(_PAGES_MAX):
            body = self.get(path, token, **params)
            entries = body.get("data")
            if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
                raise NoAnswer(f"{self._title}'s answer lists nothing")
            found += entries
            following = _next_page(body)
            if not following or (enough is not None and enough(entries)):
                return found
            params = {**params, **following}
        raise NoAnswer(f"{self._title}'s list has no end")

    def _proof(self, token: str) -> dict[str, str]:
        return {"appsecret_proof": app_secret_proof(token, self._secret)} if self._secret else {}


def _is_meta(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme == "https" and host.endswith((".facebook.com", ".instagram.com"))


def _next_page(body: Mapping[str, Any]) -> dict[str, str]:
    """What has to be asked for the next page, {} after the last. The address itself is not followed: it holds a token, and
    nobody vouches for its host."""
    paging = body.get("paging")
    address = paging.get("next") if isinstance(paging, dict) else None
    if not isinstance(address, str):
        return {}
    query = dict(parse_qsl(urlsplit(address).query))
    return {k: v for k, v in query.items() if k not in ("access_token", "appsecret_proof")}
