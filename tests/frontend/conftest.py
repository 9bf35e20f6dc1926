"""A writer with a connected account and an article, and a stranger with a post, for each client library."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.paths import LOCAL, NODE_PACKAGES, node_directory
from local.stack import Stack
from tests.people import People, Person
from tests.tls import TLS

from .supabase_py import Frontend

SUPABASE_JS = Path(__file__).with_name("supabase_js.mjs")
ALL_SECONDS = 120


def _given(stack: Stack, people: People, service: Person) -> dict[str, Any]:
    """What a frontend knows, and whom it meets."""
    if not stack.info["mailbox_url"]:
        pytest.skip("Auth's mails have to be readable: name the mailbox in MAILBOX_URL")
    writer, stranger = people.make("writer"), people.make("stranger")

    def made(table: str, **row: Any) -> dict[str, Any]:
        answer = service.rest("POST", table, row, Prefer="return=representation")
        assert answer.status_code == 201, answer.text
        first: dict[str, Any] = answer.json()[0]
        return first

    account = made(
        "social_accounts",
        user_id=writer.id,
        platform_id="linkedin",
        external_id=f"person-{writer.id}",
        account_name="Wanda Writer",
    )
    source = made(
        "sources",
        user_id=writer.id,
        url="https://example.com/marmots",
        status="ok",
        next_fetch_at="2100-01-01T00:00:00Z",
    )
    item = made(
        "source_items",
        user_id=writer.id,
        source_id=source["id"],
        guid="1",
        title="Whistling",
        text="Why alpine marmots whistle before the eagle comes.",
    )
    post = made("posts", user_id=stranger.id, text="Not yours")
    return {
        name: stack.info[name]
        for name in ("supabase_url", "publishable_key", "mailbox_url", "frontend_url")
    } | {
        "writer": {
            "id": writer.id,
            "email": writer.email,
            "password": writer.password,
            "account_id": account["id"],
            "account_name": account["account_name"],
            "item_id": item["id"],
        },
        "stranger": {"id": stranger.id, "post_id": post["id"]},
    }


@pytest.fixture(scope="session")
def supabase_py(stack: Stack, people: People, service: Person) -> Iterator[Frontend]:
    """The scenarios in Python, each run by its own test."""
    with httpx.Client(timeout=30, verify=TLS) as http:
        yield Frontend(_given(stack, people, service), http)


@pytest.fixture(scope="session")
def supabase_js(stack: Stack, people: People, service: Person) -> dict[str, str | None]:
    """What became of each scenario in Node: its name, and None or the stack of the error."""
    command = [
        str(node_directory() / "node"),
        "--import",
        (LOCAL / "gateway" / "packages.mjs").as_uri(),
        str(SUPABASE_JS),
    ]
    done = subprocess.run(
        command,
        input=json.dumps(_given(stack, people, service)),
        env={"LIN_NODE_PACKAGES": str(NODE_PACKAGES)},
        capture_output=True,
        text=True,
        check=False,
        timeout=ALL_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["scenario"]: line["problem"] for line in lines}
