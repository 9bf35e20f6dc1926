"""Somebody at a browser: signs up, reads mail, follows redirects, fills in the platform's consent page."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from supabase import Client, ClientOptions, create_client

T = TypeVar("T")


class DemoError(Exception):
    """A step did not do what it should; the message says what was seen instead."""


def until(look: Callable[[], T | None], what: str, seconds: float = 30.0) -> T:
    """What `look` returns as soon as it is not None. Raises DemoError after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(0.05)
    raise DemoError(f"waited {seconds:.0f} s for {what}")


@dataclass
class Visitor:
    """One person with one browser and one Supabase client. `info` is the contents of stack.json."""

    info: Mapping[str, Any]
    supabase: Client = field(init=False)
    browser: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        options = ClientOptions(flow_type="implicit", auto_refresh_token=False)
        self.supabase = create_client(
            self.info["supabase_url"], self.info["publishable_key"], options
        )

    @property
    def token(self) -> str:
        """The access token of the session. Raises DemoError when nobody is signed in."""
        session = self.supabase.auth.get_session()
        if session is None:
            raise DemoError("nobody is signed in")
        return session.access_token

    @property
    def user_id(self) -> str:
        """Who is signed in. Raises DemoError."""
        session = self.supabase.auth.get_session()
        if session is None:
            raise DemoError("nobody is signed in")
        return session.user.id

    def row(self, table: str, columns: str, **filters: str) -> dict[str, Any]:
        """The one row of a table that this person sees with these values."""
        query = self.supabase.table(table).select(columns)
        for column, value in filters.items():
            query = query.eq(column, value)
        found: Any = query.single().execute().data
        return dict(found)

    def insert(self, table: str, **values: Any) -> dict[str, Any]:
        """Insert a row as this person; returns it as stored."""
        stored: Any = self.supabase.table(table).insert(values).execute().data
        return dict(stored[0])

    def sign_up(self, email: str, password: str, name: str) -> None:
        """Ask Auth for an account; nothing can be done with it before the address is confirmed."""
        answer = self.supabase.auth.sign_up(
            {
                "email": email,
                "password": password,
                "options": {
                    "data": {"display_name": name},
                    "email_redirect_to": self.info["frontend_url"],
                },
            }
        )
        if answer.session is not None:
            raise DemoError("Auth gave a session before the address was confirmed")

    def newest_mail(self, email: str) -> dict[str, Any]:
        """The newest mail that arrived for this address."""
        url = f"{self.info['mailbox_url']}/api/v1/messages"

        def look() -> str | None:
            listed = requests.get(url, timeout=10).json()["messages"]
            return next(
                (m["ID"] for m in listed if any(to["Address"] == email for to in m["To"])), None
            )

        message_id = until(look, f"a mail to {email}")
        message: dict[str, Any] = requests.get(
            f"{self.info['mailbox_url']}/api/v1/message/{message_id}", timeout=10
        ).json()
        return message

    def confirm(self, mail: Mapping[str, Any]) -> str:
        """Follow the link of a mail as a frontend does: verify its token_hash. Returns the link without the token."""
        link = re.search(r"https?://\S+token_hash=[^\s\"<>]+", mail["Text"])
        if link is None:
            raise DemoError(f"the mail holds no link: {mail['Text']!r}")
        query = parse_qs(urlsplit(link[0]).query)
        proof: Any = {"token_hash": query["token_hash"][0], "type": query["type"][0]}
        self.supabase.auth.verify_otp(proof)
        return link[0].partition("?")[0]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """Call Lin's API as this person."""
        answer = self.browser.request(
            method,
            f"{self.info['api_url']}{path}",
            json=body,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Origin": self.info["frontend_url"],
                **headers,
            },
            timeout=90,
        )
        if answer.status_code >= 400:
            raise DemoError(f"{method} {path} answered {answer.status_code}: {answer.text}")
        return answer

    def consent(self, authorization_url: str, **form: str) -> str:
        """Open the platform's consent page, answer it, and follow the redirects. Returns the last URL."""
        page = self.browser.get(authorization_url, timeout=30)
        if page.status_code != 200 or "<form" not in page.text:
            raise DemoError(f"the consent page answered {page.status_code}")
        action = re.search(r'<form[^>]*\baction="([^"]+)"', page.text)
        target = urljoin(page.url, action[1]) if action else page.url
        return self.browser.post(target, data=form, timeout=30).url

    def events(
        self, path: str, method: str = "GET", body: Any = None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """The Server-Sent Events of a route of Lin's API."""
        with self.browser.request(
            method,
            f"{self.info['api_url']}{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}", "Accept": "text/event-stream"},
            stream=True,
            timeout=90,
        ) as answer:
            if answer.status_code >= 400:
                raise DemoError(f"{method} {path} answered {answer.status_code}: {answer.text}")
            event = "message"
            answer.encoding = "utf-8"
            for line in answer.iter_lines(decode_unicode=True):
                name, _, value = line.partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    yield event, json.loads(value)
