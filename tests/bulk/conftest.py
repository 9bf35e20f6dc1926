"""People with accounts at their browsers, and files of theirs."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from PIL import Image

from tests.api.conftest import Browser, ada, ben, open_browser, sandbox, sql  # noqa: F401 - fixtures

Report = dict[str, Any]


@dataclass
class Desk:
    """Somebody with an account, and the route for their files."""

    browser: Browser
    account: str
    run: Callable[..., list[Any]]

    def send(self, file: str | bytes, query: str = "", **headers: str) -> requests.Response:
        """One import."""
        body = file.encode() if isinstance(file, str) else file
        sent = {"Content-Type": "text/csv"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.browser.call("POST", f"/api/posts/import{query}", data=body, headers=sent)

    def bring(self, file: str | bytes, query: str = "") -> Report:
        """One import that is answered with a report."""
        answer = self.send(file, query)
        assert answer.status_code == 200, answer.text
        report: Report = answer.json()
        return report

    def posts(self) -> list[dict[str, Any]]:
        """All posts with their targets and files, by text."""
        assert self.browser.person
        select = "id,text,status,scheduled_at,post_targets(account_id,options,state,due_at),post_media(media(id,alt_text,status,kind))"
        found: list[dict[str, Any]] = self.browser.person.rest(
            "GET", f"posts?select={select}&order=text"
        ).json()
        return found

    def add_account(self, name: str, platform: str = "linkedin") -> str:
        """One more account, of which no platform knows."""
        assert self.browser.person
        ((account_id,),) = self.run(
            "insert into public.social_accounts (user_id, platform_id, external_id, account_name) values (%s, %s, gen_random_uuid(), %s) returning id",
            self.browser.person.id, platform, name,
        )  # fmt: skip
        return str(account_id)


@pytest.fixture
def sit_down(sql: Callable[..., list[Any]]) -> Callable[[Browser], Desk]:  # noqa: F811
    """`sit_down(ada)`: gives her a LinkedIn account and a desk."""

    def give(browser: Browser) -> Desk:
        desk = Desk(browser, "", sql)
        desk.account = desk.add_account("Ada Lovelace")
        return desk

    return give


@pytest.fixture
def desk(sit_down: Callable[[Browser], Desk], ada: Browser) -> Desk:  # noqa: F811
    """Ada's."""
    return sit_down(ada)


class _Pictures(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        picture = self.path.endswith(".png")
        body = io.BytesIO()
        if picture:
            Image.new("RGB", (400, 300), "navy").save(body, "PNG")
        self.send_response(200 if picture else 404)
        self.send_header("Content-Length", str(len(body.getvalue())))
        self.end_headers()
        self.wfile.write(body.getvalue())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def pictures() -> Iterator[str]:
    """A server with a picture at every path that ends with .png; its origin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pictures)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
