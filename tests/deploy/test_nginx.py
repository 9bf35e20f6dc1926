"""nginx.conf, parsed as Nginx does, and asked what becomes of each route that the web process really has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import crossplane
import httpx
import pytest

from backend.app import MAX_BODY_BYTES
from local.stack import Stack
from tests.deploy.files import DEPLOY

UUID = "6f8f6f6e-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The directives, each in the place and with the number of arguments that Nginx allows."""
    main = tmp_path_factory.mktemp("nginx") / "nginx.conf"
    main.write_text(f"events {{}}\nhttp {{ include {DEPLOY / 'nginx.conf'}; }}\n")
    read = crossplane.parse(str(main), strict=True)
    assert (read["status"], read["errors"]) == ("ok", [])
    parsed: list[dict[str, Any]] = read["config"][1]["parsed"]
    return parsed


@pytest.fixture(scope="module")
def server(http: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The server that speaks TLS."""
    servers = [one["block"] for one in http if one["directive"] == "server"]
    return next(one for one in servers if any("ssl" in listen for listen in all_of(one, "listen")))


def all_of(block: list[dict[str, Any]], directive: str) -> list[list[str]]:
    """The arguments of each of these directives."""
    return [one["args"] for one in block if one["directive"] == directive]


def one_of(block: list[dict[str, Any]], directive: str) -> list[str]:
    (found,) = all_of(block, directive)
    return found


def location(server: list[dict[str, Any]], path: str) -> list[dict[str, Any]]:
    """The block that Nginx takes for a path: an equal one, else the first expression, else the longest beginning."""
    places = [(one["args"], one["block"]) for one in server if one["directive"] == "location"]
    equal = [block for args, block in places if args[0] == "=" and args[1] == path]
    expressions = [block for args, block in places if args[0] == "~" and re.search(args[1], path)]
    begins = [(args[0], block) for args, block in places if len(args) == 1 and path.startswith(args[0])]  # fmt: skip
    longest = max(begins, key=lambda found: len(found[0]))[1]
    return (equal or expressions or [longest])[0]


@pytest.fixture(scope="module")
def routes(stack: Stack) -> dict[str, Any]:
    """Every path of the web process, with what it answers."""
    with httpx.Client(base_url=stack.info["api_url"], trust_env=False, timeout=30) as client:
        paths: dict[str, Any] = client.get("/openapi.json").json()["paths"]
    return paths


def streams(routes: dict[str, Any]) -> list[str]:
    """Paths whose answer may come as Server-Sent Events, with something in each place."""
    found = []
    for path, item in routes.items():
        answers = [answer for operation in item.values() for answer in operation["responses"].values()]  # fmt: skip
        if any("text/event-stream" in answer.get("content", {}) for answer in answers):
            found.append(re.sub(r"\{\w+\}", UUID, path))
    return found


def test_everything_goes_to_the_web_processes_but_the_figures(
    server: list[dict[str, Any]], routes: dict[str, Any]
) -> None:
    kept = [path for path in routes if not all_of(location(server, path), "proxy_pass")]
    assert kept == ["/metrics"]
    assert one_of(location(server, "/metrics"), "deny") == ["all"]


def test_streams_are_passed_on_piece_by_piece(
    server: list[dict[str, Any]], routes: dict[str, Any]
) -> None:
    found = streams(routes)
    assert len(found) >= 3
    for path in found:
        block = location(server, path)
        assert one_of(block, "proxy_buffering") == ["off"], path
        assert one_of(block, "gzip") == ["off"], path
        # the longest stream lasts half an hour
        assert int(one_of(block, "proxy_read_timeout")[0].removesuffix("s")) > 1800, path


def test_other_answers_are_not(server: list[dict[str, Any]]) -> None:
    for path in ("/api/platforms", f"/api/posts/{UUID}/preview", "/api/chat/history"):
        assert all_of(location(server, path), "proxy_buffering") == []


def test_addresses_that_are_secrets_are_not_logged(
    server: list[dict[str, Any]], http: list[dict[str, Any]]
) -> None:
    media = location(server, "/media/eyJhbGciOi")
    assert one_of(media, "access_log") == ["off"]
    assert one_of(media, "error_log") == ["/dev/null"]
    assert one_of(location(server, "/api/platforms/x/callback"), "error_log") == ["/dev/null"]
    (log,) = all_of(http, "log_format")
    assert not re.search(r"\$(request|request_uri|args|query_string|http_\w+|arg_\w+)\b", " ".join(log))  # fmt: skip
    assert one_of(server, "access_log")[1] == log[0]


def test_large_files_do_not_pass_through_the_disk(server: list[dict[str, Any]]) -> None:
    assert one_of(server, "proxy_max_temp_file_size") == ["0"]
    places = [one["block"] for one in server if one["directive"] == "location"]
    assert [block for block in places if all_of(block, "proxy_max_temp_file_size")] == []


def test_a_body_that_lin_takes_comes_through(server: list[dict[str, Any]]) -> None:
    size = one_of(server, "client_max_body_size")[0]
    assert size.endswith("m")
    assert MAX_BODY_BYTES <= int(size[:-1]) * 1024 * 1024 <= 16 * MAX_BODY_BYTES


def test_where_a_request_came_from_cannot_be_claimed(server: list[dict[str, Any]]) -> None:
    told = dict(all_of(server, "proxy_set_header"))
    assert told["X-Forwarded-For"] == "$remote_addr"
    assert told["X-Forwarded-Proto"] == "$scheme"
    assert told["X-Forwarded-Host"] == "$host"
    assert told["Host"] == "$host"
    assert told["X-Request-ID"] == "$request_id"
    # a location with a header of its own would lose all of these
    places = [one["block"] for one in server if one["directive"] == "location"]
    assert [block for block in places if all_of(block, "proxy_set_header")] == []


def test_browsers_are_told_once_to_use_tls(server: list[dict[str, Any]]) -> None:
    (told,) = [args for args in all_of(server, "add_header") if args[0] == "Strict-Transport-Security"]  # fmt: skip
    assert "always" in told
    assert all_of(server, "proxy_hide_header") == [["Strict-Transport-Security"]]
    # a location with a header of its own would lose it
    places = [one["block"] for one in server if one["directive"] == "location"]
    assert [block for block in places if all_of(block, "add_header") or all_of(block, "proxy_hide_header")] == []  # fmt: skip


def test_only_tls_is_spoken(http: list[dict[str, Any]], server: list[dict[str, Any]]) -> None:
    assert one_of(server, "ssl_protocols") == ["TLSv1.2", "TLSv1.3"]
    plain = next(
        one["block"] for one in http if one["directive"] == "server" and one["block"] != server
    )
    assert one_of(location(plain, "/api/platforms"), "return")[0] == "301"
    assert all_of(location(plain, "/api/platforms"), "proxy_pass") == []


def test_a_sent_request_is_never_sent_again(server: list[dict[str, Any]]) -> None:
    assert "non_idempotent" not in one_of(server, "proxy_next_upstream")


def test_the_processes_are_those_of_compose(http: list[dict[str, Any]]) -> None:
    (upstream,) = [one["block"] for one in http if one["directive"] == "upstream"]
    addresses = [args[0] for args in all_of(upstream, "server")]
    text = Path(DEPLOY / "compose.yaml").read_text()
    assert addresses == re.findall(r'ports: \["([\d.]+:\d+):8000"\]', text)
