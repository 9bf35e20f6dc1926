"""The audit of pinned packages, with a stand-in for the service that knows their vulnerabilities."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from local import auditing, checking


class Service(BaseHTTPRequestHandler):
    """Knows one thing each against old versions of two packages; told to, it is out of order."""

    asked: list[str]
    out_of_order: bool

    def do_HEAD(self) -> None:
        self.send_response(405)
        self.end_headers()

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name, version = query["package"]["name"], query["version"]
        self.asked.append(f"{name}=={version}")
        known: dict[str, Any] = {}
        number = {"flask==0.12.2": 1, "jinja2==2.4.0": 2}.get(f"{name}=={version}")
        if number:
            events = [{"introduced": "0"}, {"fixed": "0.12.3"}]
            known = {
                "vulns": [
                    {
                        "id": f"GHSA-{number}", "aliases": [f"CVE-{number}"], "summary": "It may be made to wait.",
                        "affected": [{"package": query["package"], "ranges": [{"type": "ECOSYSTEM", "events": events}]}],
                    }
                ]
            }  # fmt: skip
        body = json.dumps(known).encode()
        self.send_response(500 if self.out_of_order else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def service() -> Iterator[type[Service]]:
    class One(Service):
        asked: list[str] = []  # noqa: RUF012 - of this test alone
        out_of_order = False

    with ThreadingHTTPServer(("127.0.0.1", 0), One) as server:
        One.url = f"http://127.0.0.1:{server.server_port}/v1/query"  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield One
        server.shutdown()
        thread.join()


def told(url: str) -> dict[str, str]:
    """The environment in which pip-audit asks there."""
    return {**os.environ, "PIP_AUDIT_OSV_URL": url, "NO_PROXY": "127.0.0.1"}


def test_everything_pinned_is_asked_about_and_what_is_known_and_not_accepted_is_found(
    service: Any,
) -> None:
    old = {"flask": "Flask==0.12.2", "jinja2": "Jinja2==2.4.0"}
    wanted = auditing.pinned(checking.REQUIREMENTS)
    pins = [one for one in wanted if one.partition("==")[0].lower() not in old] + [*old.values()]
    found = auditing.audit(pins, told(service.url), {"GHSA-2": "nobody is made to wait here"})
    assert found == ["flask 0.12.2: CVE-1, mended in 0.12.3"]
    assert len(service.asked) == len(pins)
    assert "psycopg==" in " ".join(service.asked)  # pinned with an extra


@pytest.mark.slow
def test_a_service_that_is_out_of_order_is_no_finding(service: Any) -> None:
    service.out_of_order = True
    with pytest.raises(auditing.Unaudited, match="pip-audit failed"):
        auditing.audit(["Flask==0.12.2"], told(service.url))


def test_without_a_way_to_ask_the_check_is_skipped_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # port 9 discards, and nobody listens
    monkeypatch.setenv("PIP_AUDIT_OSV_URL", "http://127.0.0.1:9/v1/query")
    table = checking.Table()
    table.add("vulnerabilities", checking.check_known_vulnerabilities)
    assert "skipped: the service that knows vulnerabilities cannot be reached" in capsys.readouterr().out  # fmt: skip
    assert [(name, passed) for name, passed, _ in table.rows] == [("vulnerabilities", True)]


def test_a_package_is_pinned_once_whatever_names_it() -> None:
    names = [one.partition("==")[0].partition("[")[0].lower() for one in auditing.pinned(checking.REQUIREMENTS)]  # fmt: skip
    assert len(names) == len(set(names)) > 100
