"""Facebook Login: consent, a long-lived user token, what was granted, and the user's pages.

Source: Facebook Login, access tokens and Pages API (v24 to v26, 2025-2026).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from ..core.errors import NoAnswer
from ..core.platform_contract import Tokens
from ..core.ports import PlatformDoor
from .graph import FACEBOOK_HOST, Graph
from .graph_errors import raise_for_oauth

_DIALOG = "https://www.facebook.com"
_PAGE_FIELDS = "id,name,access_token,tasks,username,picture{url}"


class FacebookLogin:
    """Connecting through Facebook, for one app. `variables` names its credentials for the operator."""

    def __init__(
        self,
        door: PlatformDoor,
        graph: Graph,
        *,
        version: str,
        client_id: str,
        secret: str,
        title: str,
        variables: str,
    ) -> None:
        self._door = door
        self._graph = graph
        self._version = version
        self._client_id = client_id
        self._secret = secret
        self._title = title
        self._variables = variables

    def authorization_url(self, *, state: str, redirect_uri: str, scopes: Sequence[str]) -> str:
        """The consent page. `rerequest`: what was unticked once is not asked for again otherwise. There is no PKCE."""
        query = urlencode(
            {
                "client_id": self._client_id,
                "redirect_uri": redirect_uri,
                "state": state,
                "response_type": "code",
                "scope": ",".join(scopes),
                "auth_type": "rerequest",
            },
            quote_via=quote,
        )
        return self._door.browser_url(f"{_DIALOG}/{self._version}/dialog/oauth?{query}")

    def exchange_code(self, *, code: str, redirect_uri: str, now: datetime) -> Tokens:
        """A code for the user's long-lived token (about 60 days; the end is not always told) and the permissions that the
        user left ticked. The short-lived one in between would give short-lived page tokens."""
        # browsers carry a trailing "#_=_" along
        grant = {"redirect_uri": redirect_uri, "code": code.partition("#")[0]}
        short = self._token(grant)
        long = self._token(
            {"grant_type": "fb_exchange_token", "fb_exchange_token": str(short["access_token"])}
        )
        token = str(long["access_token"])
        return Tokens(token, _end(now, long.get("expires_in")), scopes=self.granted(token))

    def granted(self, token: str) -> tuple[str, ...]:
        """The permissions that the user granted and did not take back."""
        entries = self._graph.listed("me/permissions", token)
        return tuple(str(e.get("permission")) for e in entries if e.get("status") == "granted")

    def pages(self, token: str, *, fields: str = _PAGE_FIELDS) -> list[dict[str, Any]]:
        """The pages that the user ticked, each with a token of its own. With a long-lived user token these have no end."""
        return self._graph.listed("me/accounts", token, fields=fields, limit="100")

    def revoke(self, token: str) -> None:
        """Take all permissions back, and with them the tokens of all pages."""
        self._graph.send("DELETE", "me/permissions", token)

    def _token(self, grant: Mapping[str, str]) -> dict[str, Any]:
        credentials = {"client_id": self._client_id, "client_secret": self._secret}
        answer = self._door.send(
            "GET", f"{FACEBOOK_HOST}/{self._version}/oauth/access_token", params={**credentials, **grant}
        )  # fmt: skip
        raise_for_oauth(answer, title=self._title, variables=self._variables)
        body = self._graph.read(answer)
        if not body.get("access_token"):
            raise NoAnswer(f"{self._title}'s answer holds no access token")
        return body


def may_publish(page: Mapping[str, Any]) -> bool:
    """Whether the user's role on a page allows posting; MANAGE includes it."""
    tasks = page.get("tasks")
    return isinstance(tasks, list) and not {"CREATE_CONTENT", "MANAGE"}.isdisjoint(tasks)


def picture_of(page: Mapping[str, Any]) -> str | None:
    """The address of a page's picture, which comes in a wrapping of its own."""
    picture: Any = page.get("picture")
    data = picture.get("data", picture) if isinstance(picture, dict) else None
    url = data.get("url") if isinstance(data, dict) else None
    return str(url) if url else None


def _end(now: datetime, seconds: Any) -> datetime | None:
    try:
        return now + timedelta(seconds=int(seconds)) if seconds else None
    except (TypeError, ValueError, OverflowError):
        return None
