"""People of the tests: made fresh through Auth, so that no test sees another one's rows."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import jwt

from supabase import Client, ClientOptions, create_client
from tests.tls import TLS

_TOKEN_SECONDS = 3600


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody who calls Supabase: with an access token, or with none (nobody).

    `id`, `email` and `password` are empty for nobody, `token` is None for nobody and for people whose address is not
    confirmed: Auth gives them none.
    """

    info: Mapping[str, Any] = field(repr=False)
    http: httpx.Client = field(repr=False)
    id: str = ""
    email: str = ""
    password: str = field(default="", repr=False)
    token: str | None = field(default=None, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What a frontend sends with every request to Supabase."""
        key = {"apikey": self.info["publishable_key"]}
        return key | ({"Authorization": f"Bearer {self.token}"} if self.token else {})

    @cached_property
    def supabase(self) -> Client:
        """A Supabase client that acts as this person."""
        options = ClientOptions(
            headers={"Authorization": f"Bearer {self.token}"} if self.token else {},
            httpx_client=self.http,
            auto_refresh_token=False,
            persist_session=False,
            postgrest_client_retry=False,
        )
        return create_client(self.info["supabase_url"], self.info["publishable_key"], options)

    def rest(self, method: str, path: str, json: Any = None, **headers: str) -> httpx.Response:
        """One raw request to the REST API: `person.rest("GET", "posts?id=eq.1")`; underscores in header names are hyphens."""
        return self._request(method, f"/rest/v1/{path}", headers, json=json)

    def rpc(self, function: str, /, **arguments: Any) -> httpx.Response:
        """Call a function of the schema public."""
        return self.rest("POST", f"rpc/{function}", arguments)

    def storage(
        self, method: str, path: str, content: bytes | None = None, json: Any = None, **headers: str
    ) -> httpx.Response:
        """One raw request to Storage: `person.storage("POST", "object/media/folder/name", b"...", Content_Type="image/png")`."""
        return self._request(method, f"/storage/v1/{path}", headers, content=content, json=json)

    def _request(
        self, method: str, path: str, headers: Mapping[str, str], **body: Any
    ) -> httpx.Response:
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{self.info['supabase_url']}{path}"
        return self.http.request(method, url, headers=self.headers | own, **body)


class People:
    """Makes people on one stack: `people.make()` is somebody new, confirmed and signed in."""

    def __init__(self, info: Mapping[str, Any]) -> None:
        self._info = info
        self._http = httpx.Client(timeout=30, trust_env=False, verify=TLS)

    def close(self) -> None:
        """Close the connections of everybody made here."""
        self._http.close()

    def make(self, name: str = "person", *, confirmed: bool = True) -> Person:
        """Somebody new; without a confirmed address they have no token, because Auth gives them none."""
        email = f"{name}-{secrets.token_hex(6)}@example.com"
        password = secrets.token_urlsafe(12)
        made = self._auth(
            "admin/users",
            self._info["secret_key"],
            {
                "email": email,
                "password": password,
                "email_confirm": confirmed,
                "user_metadata": {"display_name": name.capitalize()},
            },
        )
        person = Person(self._info, self._http, made["id"], email, password)
        return self.signed_in_again(person) if confirmed else person

    def signed_in_again(self, person: Person) -> Person:
        """The same person with a session of its own."""
        # a call of its own: a client that signs somebody in acts as them from then on
        token = self._auth(
            "token?grant_type=password",
            self._info["publishable_key"],
            {"email": person.email, "password": person.password},
        )["access_token"]
        return replace(person, token=token)

    def nobody(self) -> Person:
        """The publishable key and nothing else."""
        return Person(self._info, self._http)

    def service(self) -> Person:
        """The secret key: what the server itself may do."""
        info = {**self._info, "publishable_key": self._info["secret_key"]}
        return Person(info, self._http)

    def with_minted_token(self, person: Person) -> Person | None:
        """This person with a valid token that Auth would not give them; None where the signing key is not at hand.

        The keys of the local stack are: its own ES256 key, or the HS256 secret of the Docker stack.
        """
        issued = int(time.time())
        claims = {
            "iss": f"{self._info['supabase_url']}/auth/v1",
            "sub": person.id,
            "aud": "authenticated",
            "role": "authenticated",
            "email": person.email,
            "session_id": str(uuid.uuid4()),
            "aal": "aal1",
            "is_anonymous": False,
            "iat": issued,
            "exp": issued + _TOKEN_SECONDS,
        }
        key_file = Path(self._info["state"]) / "supabase" / "signing-key.json"
        if key_file.exists():
            key = json.loads(key_file.read_text())
            token = jwt.encode(
                claims, jwt.PyJWK(key).key, algorithm="ES256", headers={"kid": key["kid"]}
            )
        elif self._info.get("jwt_secret"):
            token = jwt.encode(claims, self._info["jwt_secret"], algorithm="HS256")
        else:
            return None
        return Person(self._info, self._http, person.id, person.email, person.password, token)

    def _auth(self, path: str, key: str, body: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"apikey": key}
        if key.startswith("ey"):  # a key of the older kind is a token and goes here as well
            headers["Authorization"] = f"Bearer {key}"
        answered = self._http.post(
            f"{self._info['supabase_url']}/auth/v1/{path}", json=body, headers=headers
        )
        assert answered.status_code == 200, f"{path}: {answered.status_code} {answered.text}"
        answer: dict[str, Any] = answered.json()
        return answer
