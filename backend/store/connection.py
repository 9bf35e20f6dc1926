"""The connection to the Supabase project: one pool of HTTP/1.1 connections for everything."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import Any

import httpx
from postgrest import SyncPostgrestClient
from supabase_auth.errors import AuthApiError, AuthError
from supabase_auth.types import User

from supabase import Client, ClientOptions, create_client

from ..core import following
from ..core.errors import NotAllowed, Unavailable
from .account_data import OwnData
from .calls import Calls, refuse_pages
from .files import Files
from .service import Service
from .user import AsUser

_OF_A_PERSON = {"id", "email", "phone", "created_at", "email_confirmed_at", "last_sign_in_at", "user_metadata"}  # fmt: skip


class _FollowedClient(httpx.Client):
    """A client whose every call is a step."""

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        if not following.is_followed():
            return super().send(request, **options)
        with following.step("supabase call", "asking", method=request.method, call=_call(request.url.path)) as tell:  # fmt: skip
            response = super().send(request, **options)
            tell(http_status=response.status_code)
            return response


def _call(path: str) -> str:
    """What is called, without ids: rest/v1/rpc/begin_send, auth/v1/user, storage/v1/object."""
    parts = path.strip("/").split("/")
    return "/".join(parts[: 4 if parts[2:3] == ["rpc"] else 3])


class Supabase:
    """A Supabase project. Safe to share between threads.

    One `httpx.Client` with a pool serves all calls: the library's default is HTTP/2, which fails when threads share it,
    and a client per request would open a connection per request.
    """

    def __init__(
        self,
        url: str,
        publishable_key: str,
        secret_key: str,
        *,
        connections: int = 64,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls` verifies the project's certificate; httpx's own by default."""
        self._url = url
        self._publishable_key = publishable_key
        self._http = _FollowedClient(
            verify=tls or True,
            http2=False,
            timeout=httpx.Timeout(15, connect=5),
            limits=httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=20,
            ),
            trust_env=False,
            event_hooks={"response": [refuse_pages]},
        )
        client = self._client(secret_key)
        self.service = Service(
            Calls(client.postgrest), Files(client.storage, self._http), client.auth.admin
        )
        self._auth = self._client(publishable_key).auth

    def as_user(self, access_token: str) -> AsUser:
        """Access as the owner of a verified access token: row-level security decides."""
        postgrest = SyncPostgrestClient(
            f"{self._url}/rest/v1",
            headers={"apikey": self._publishable_key, "Authorization": f"Bearer {access_token}"},
            http_client=self._http,
            retry_enabled=False,
        )
        return AsUser(Calls(postgrest))

    def own_data(self, access_token: str, user_id: str) -> OwnData:
        """All that the owner of a verified access token may read of their own, rows and files."""
        as_owner = {"Authorization": f"Bearer {access_token}"}
        client = self._client(self._publishable_key, as_owner)
        return OwnData(Calls(client.postgrest), Files(client.storage, self._http), user_id)

    def person(self, access_token: str) -> dict[str, Any]:
        """What Auth knows of a token's owner: id, email, phone, and when they came.

        Raises NotAllowed when the session has ended, Unavailable when Auth does not answer.
        """
        told: dict[str, Any] = self._asked(access_token).model_dump(
            mode="json", include=_OF_A_PERSON
        )
        return told

    def confirmed_session(self, access_token: str) -> bool:
        """Whether Auth still knows this token's session and its user has a confirmed address.

        Raises NotAllowed when the session has ended or its user is banned, Unavailable when Auth does not answer.
        """
        return self._asked(access_token).email_confirmed_at is not None

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _asked(self, access_token: str) -> User:
        silent = "Sign-in cannot be checked right now; try again in a moment."
        try:
            answer = self._auth.get_user(access_token)
        except AuthApiError as error:
            # too many questions say nothing about this session
            if error.status >= 500 or error.status in (408, 429):
                raise Unavailable(silent) from error
            raise NotAllowed("This session has ended; sign in again.") from error
        # a page or half an answer of something between is no user
        except (AuthError, httpx.HTTPError, ValueError) as error:
            raise Unavailable(silent) from error
        if answer is None:
            raise Unavailable(silent)
        # older releases of Auth answer for somebody who is banned as for anybody
        if answer.user.banned_until and _is_ahead(answer.user.banned_until):
            raise NotAllowed("This account is suspended.")
        return answer.user

    def _client(self, key: str, headers: dict[str, str] | None = None) -> Client:
        options = ClientOptions(
            httpx_client=self._http,
            auto_refresh_token=False,
            persist_session=False,
            postgrest_client_retry=False,
        )
        options.headers.update(headers or {})
        return create_client(self._url, key, options)


def _is_ahead(moment: str) -> bool:
    """Whether this moment, as Auth writes it, is still to come. What cannot be read counts as such."""
    try:
        read = datetime.fromisoformat(moment)
    except ValueError:
        return True
    return (read if read.tzinfo else read.replace(tzinfo=UTC)) > datetime.now(UTC)
