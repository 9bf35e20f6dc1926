"""The program itself: its ready line, its apps, its port, its end; and its control path."""

from __future__ import annotations

import ast
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

import local.sandbox
from local.sandbox.driver import Sandbox

PACKAGE = Path(local.sandbox.__file__).parent


@contextmanager
def program(
    *options: str, apps: str = ""
) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parents[1]), "SANDBOX_APPS": apps}
    with subprocess.Popen(
        [sys.executable, "-m", "local.sandbox", *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            line = running.stdout.readline() if running.stdout else ""
            yield running, json.loads(line or "{}")
        finally:
            running.kill()


def test_it_takes_the_next_free_port_knows_its_apps_and_ends_quietly() -> None:
    apps = "linkedin:cid:sec:http://127.0.0.1:8000/cb,linkedin:cid:sec:https://lin.example/cb"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with program("--port", str(port), apps=apps) as (running, ready):
            assert port < int(ready["ready"].rpartition(":")[2]) <= port + 200
            for uri in ("http://127.0.0.1:8000/cb", "https://lin.example/cb"):
                query = {"response_type": "code", "client_id": "cid", "scope": "openid"}
                page = requests.get(
                    f"{ready['ready']}/www.linkedin.com/oauth/v2/authorization",
                    params=query | {"redirect_uri": uri},
                    timeout=10,
                )
                assert page.status_code == 200
            running.send_signal(signal.SIGTERM)
            assert running.wait(timeout=20) == 0
            assert running.stderr is not None
            assert running.stderr.read() == ""


def test_it_ends_while_an_answer_is_held() -> None:
    with program("--port", "0") as (running, ready):
        sandbox = Sandbox(ready["ready"])
        caller = sandbox.caller()
        sandbox.order({"hold": True}, path="/rest/posts")
        with pytest.raises(requests.ReadTimeout):
            caller.call("POST", "/rest/posts", json=caller.body(), timeout=0.2)
        assert sandbox.wait(held=1)
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=20) == 0


def test_it_refuses_apps_it_cannot_read() -> None:
    with program("--port", "0", apps="linkedin:cid") as (running, _):
        assert running.wait(timeout=10) == 2
        assert running.stderr is not None
        assert "SANDBOX_APPS" in running.stderr.read()


def test_reset_forgets_everything_but_numbers_go_on() -> None:
    with program("--port", "0") as (_, ready):
        sandbox = Sandbox(ready["ready"])
        first = sandbox.caller()
        urn = first.create("Same").headers["x-restli-id"]
        sandbox.tell("latency", ms=1)
        sandbox.tell("reset")
        assert first.create("Same").json()["code"] == "INVALID_ACCESS_TOKEN"
        assert sandbox.ask("posts")["total"] == 0
        assert sandbox.caller().create("Same").headers["x-restli-id"] > urn


def test_many_members_come_in_one_request(sandbox: Sandbox, app: dict[str, str]) -> None:
    made = sandbox.tell(
        "tokens",
        platform="linkedin",
        count=1000,
        scopes=["w_member_social"],
        client_id=app["client_id"],
    )["tokens"]
    assert len({token["access_token"] for token in made}) == 1000
    assert len({token["author"] for token in made}) == 1000


@pytest.mark.parametrize(
    ("path", "fields", "named"),
    [
        ("clock", {"advance_seconds": "x"}, "advance_seconds"),
        ("tokens", {"platform": "myspace"}, "platform"),
        ("tokens", {"client_id": "nobody"}, "client_id"),
        ("tokens", {"scopes": ["w_everything"]}, "scopes"),
        ("tokens", {"member": "nobody"}, "member"),
        ("tokens", {"colour": 1}, "colour"),
        ("apps", {"client_id": "x"}, "client_secret"),
        ("members", {"age": 4}, "name"),
        ("settings", {"colour": 1}, "colour"),
        ("quotas", {"used": 1}, "member"),
    ],
)
def test_the_control_path_says_what_is_wrong(
    sandbox: Sandbox, path: str, fields: dict[str, Any], named: str
) -> None:
    answer = requests.post(f"{sandbox.url}/_control/{path}", json=fields, timeout=10)
    assert answer.status_code == 400
    assert named in answer.json()["error"]


def test_the_sandbox_shares_no_code_with_the_client() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names.append(node.module or "")
            assert not [name for name in names if name.partition(".")[0] == "backend"], path
