"""A local Supabase with tables of its own, so that these tests say something about the bridges and nothing else."""

from __future__ import annotations

import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest

from local.stack import Stack
from tests.tls import TLS

ROOT = Path(__file__).resolve().parents[2]
PROJECT = Path(__file__).parent / "project"
# nothing of the product is needed here, and nothing that the machine's environment names
BARE = {"PLATFORM_SANDBOX_URL": "", "WRITER_SPACE": "", "SUPABASE_URL": ""}


@pytest.fixture
def state() -> Iterator[Path]:
    """A directory for one stack."""
    with tempfile.TemporaryDirectory(prefix="lin-") as directory:
        yield Path(directory)


@pytest.fixture(scope="package")
def local_supabase() -> Iterator[Stack]:
    """Postgres, gateway and mailbox with the tables of tests/stack/project."""
    stack = Stack(
        ROOT,
        Path(tempfile.mkdtemp(prefix="lin-")),
        web=False,
        worker=False,
        extra_env=BARE,
        supabase_directory=PROJECT,
    )
    try:
        stack.start()
        yield stack
    finally:
        stack.discard()


@pytest.fixture
def superuser(local_supabase: Stack) -> Iterator[psycopg.Connection]:
    """A connection that may break things."""
    url = local_supabase.gateway_env()["GATEWAY_DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@dataclass(frozen=True)
class Caller:
    """HTTP to the gateway as somebody."""

    http: httpx.Client
    id: str = ""
    email: str = ""
    password: str = ""
    token: str = ""

    def rpc(self, name: str, **arguments: Any) -> httpx.Response:
        """Call a function of the schema public."""
        return self.http.post(f"/rest/v1/rpc/{name}", json=arguments)


def caller(stack: Stack, key: str, token: str | None = None) -> httpx.Client:
    """A client that sends this API key and this access token."""
    headers = {"apikey": key} | ({"Authorization": f"Bearer {token}"} if token else {})
    return httpx.Client(
        base_url=stack.info["supabase_url"], headers=headers, timeout=20, verify=TLS
    )


@pytest.fixture
def anon(local_supabase: Stack) -> Iterator[Caller]:
    """Nobody: the publishable key only."""
    with caller(local_supabase, local_supabase.info["publishable_key"]) as http:
        yield Caller(http)


@pytest.fixture
def service(local_supabase: Stack) -> Iterator[Caller]:
    """The server: the secret key."""
    with caller(local_supabase, local_supabase.info["secret_key"]) as http:
        yield Caller(http)


@pytest.fixture
def person(local_supabase: Stack, anon: Caller, service: Caller) -> Iterator[Caller]:
    """Somebody new with a confirmed address, signed in."""
    email = f"p{secrets.token_hex(5)}@example.com"
    password = secrets.token_urlsafe(12)
    made = service.http.post(
        "/auth/v1/admin/users", json={"email": email, "password": password, "email_confirm": True}
    ).json()
    signed_in = anon.http.post(
        "/auth/v1/token?grant_type=password", json={"email": email, "password": password}
    ).json()
    token = signed_in["access_token"]
    with caller(local_supabase, local_supabase.info["publishable_key"], token) as http:
        yield Caller(http, made["id"], email, password, token)


@dataclass(frozen=True)
class AuthMail:
    """What a mail of Auth holds for its reader."""

    subject: str
    code: str
    link: str
    text: str

    @property
    def query(self) -> dict[str, str]:
        """The parts of the link."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.link).query).items()}


@pytest.fixture
def mails_to(local_supabase: Stack) -> Callable[[str], list[AuthMail]]:
    """The mails that arrived for an address, newest first."""
    mailbox = local_supabase.info["mailbox_url"]

    def read(address: str) -> list[AuthMail]:
        listed = httpx.get(f"{mailbox}/api/v1/messages?limit=500", verify=TLS).json()["messages"]
        ids = [mail["ID"] for mail in listed if mail["To"][0]["Address"] == address]
        found = []
        for mail_id in ids:
            mail = httpx.get(f"{mailbox}/api/v1/message/{mail_id}", verify=TLS).json()
            code = re.search(r"\b\d{6}\b", mail["Text"])
            link = re.search(r"http\S+", mail["Text"])
            assert code
            assert link
            found.append(
                AuthMail(mail["Subject"], code.group(), link.group(), mail["Text"] + mail["HTML"])
            )
        return found

    return read
