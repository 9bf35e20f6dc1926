"""Connecting to Instagram through Facebook: the accounts that are linked to a user's pages.

Source: Instagram API with Facebook Login (2026).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from ..core.errors import Reconnect, Rejected
from ..core.platform_contract import Granted, Identity, Tokens
from ..core.ports import PlatformDoor
from .graph import FACEBOOK_HOST, Graph
from .graph_login import FacebookLogin, may_publish
from .instagram_login import VARIABLES, identity_of, other_login


class LoginThroughFacebook:
    """Through Facebook: the accounts that are linked to the user's pages, each with its page's token."""

    HOST = FACEBOOK_HOST
    SCOPES: ClassVar[tuple[str, ...]] = ("instagram_basic", "instagram_content_publish", "pages_show_list", "pages_read_engagement")  # fmt: skip
    INSIGHTS_SCOPE = "instagram_manage_insights"
    DELETE_SCOPE: ClassVar[str | None] = "instagram_manage_contents"
    PROVES = True

    def __init__(
        self, door: PlatformDoor, graph: Graph, *, version: str, client_id: str, secret: str
    ) -> None:
        self._graph = graph
        self._login = FacebookLogin(
            door, graph, version=version, client_id=client_id, secret=secret,
            title="Instagram", variables=VARIABLES,
        )  # fmt: skip

    def authorization_url(self, *, state: str, redirect_uri: str, scopes: Sequence[str]) -> str:
        """Facebook's consent page."""
        return self._login.authorization_url(state=state, redirect_uri=redirect_uri, scopes=scopes)

    def exchange_code(self, *, code: str, redirect_uri: str, now: datetime) -> Tokens:
        """A code for the user's long-lived token, with what they granted."""
        return self._login.exchange_code(code=code, redirect_uri=redirect_uri, now=now)

    def refresh(self, tokens: Tokens, *, now: datetime) -> Tokens:
        """Always Reconnect: a page's token has no end of its own, and when it is dead its user has to consent again."""
        raise Reconnect(
            "Facebook does not renew the permission for an Instagram account; connect it again.",
            error_class="no_refresh",
        )

    def accounts(self, tokens: Tokens) -> Sequence[Granted]:
        """The accounts linked to the pages that the user ticked and may publish to. Each keeps the user's token beside its
        page's: only that one revokes."""
        fields = "id,name,access_token,tasks,instagram_business_account"
        pages = self._login.pages(tokens.access_token, fields=fields)
        linked = {
            account: str(page["access_token"])
            for page in pages
            if (account := _linked(page)) and may_publish(page) and page.get("access_token")
        }
        if not linked:
            raise Rejected(_NOT_LINKED, error_class="no_professional_account")
        own = replace(tokens, expires_at=None, refresh_token=tokens.access_token)
        return [
            Granted(self._read(account, token), replace(own, access_token=token))
            for account, token in linked.items()
        ]

    def profile(self, tokens: Tokens, identity: Identity) -> Identity:
        """The account as it is now."""
        return self._read(identity.external_id, tokens.access_token)

    def revoke(self, tokens: Tokens) -> None:
        """Take back what was granted for Instagram alone: the same app may publish to the user's pages."""
        if tokens.refresh_token == tokens.access_token:
            raise other_login()
        token = tokens.refresh_token or tokens.access_token
        for scope in self.SCOPES[:2]:
            self._graph.send("DELETE", f"me/permissions/{scope}", token)

    def _read(self, account: str, token: str) -> Identity:
        fields = "username,name,profile_picture_url"
        return identity_of(account, self._graph.get(account, token, fields=fields))


def _linked(page: Mapping[str, Any]) -> str | None:
    account = page.get("instagram_business_account")
    return str(account["id"]) if isinstance(account, dict) and account.get("id") else None


_NOT_LINKED = (
    "None of the Facebook pages that you gave Lin, and may publish to, is linked to a professional Instagram account. Link it "
    "in the page's settings, connect again and tick the page."
)
