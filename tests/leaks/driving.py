"""Drives a product whose secrets are known over the paths on which they could come out: each answer is kept."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import requests

from backend.sealing import Sealer
from tests.api.conftest import Browser, Space
from tests.models.endpoint import Endpoint, Handler
from tests.operations.stand_in import StandIn
from tests.waiting import until

LINKEDIN = {"host": "api.linkedin.com", "method": "POST", "path": "/rest/posts"}
LINKEDIN_TOKEN = {"host": "www.linkedin.com", "method": "POST", "path": "/oauth/v2/accessToken"}
X = {"host": "api.x.com", "method": "POST", "path": "/2/tweets"}
X_TOKEN = {"host": "api.x.com", "method": "POST", "path": "/2/oauth2/token"}
AT_WORK = "('scheduled', 'preparing', 'sending', 'confirming')"

Sql = Callable[..., list[Any]]


@dataclass
class Product:
    """A web process with planted secrets and the worker of its stack, at work for one person."""

    browser: Browser
    space: Space
    model: Endpoint
    sql: Sql
    sealer: Sealer
    env: Mapping[str, str]
    known: dict[str, str]
    """Each secret by what it is."""
    collector: StandIn
    """Gets its spans and its reports of errors."""
    logs: dict[Path, int] = field(default_factory=dict)
    """The log files, and where in them this began."""
    since: int = 0
    """The first transaction of this."""
    answers: list[tuple[str, str]] = field(default_factory=list)
    """What was asked, and the whole answer."""
    archive: bytes = b""
    """The account's export."""

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """One call, its answer kept."""
        answer = self.browser.call(method, path, body, **more)
        shown = f"{answer.status_code} {dict(answer.headers)}\n{answer.content.decode('utf-8', 'backslashreplace')}"
        self.answers.append((f"{method} {path}", shown))
        return answer

    # ------------------------------------------------------------------ connecting

    def connect(self, platform: str) -> str:
        """Connect an account; what it took is known from then on."""
        url = self.browser.start(platform=platform)
        self._know_state(platform, url)
        callback = self.browser.decide(url, self.browser.new_member())
        self.known[f"{platform} code"] = parse_qs(urlsplit(callback).query)["code"][0]
        account = self.browser.back(callback)["account"]
        rows = self.sql(
            "select access_token_sealed, refresh_token_sealed from social_account_tokens where account_id = %s", account
        )  # fmt: skip
        for kind, sealed in zip(("access", "refresh"), rows[0], strict=True):
            if sealed:
                self.known[f"{platform} {kind} token"] = self.sealer.open(sealed, bound_to=f"{account}:{kind}")  # fmt: skip
        return account

    def connect_in_vain(self) -> None:
        """The platform refuses the code, and repeats what it was sent with it; somebody comes back with a foreign state."""
        url = self.browser.start()
        self._know_state("linkedin in vain", url)
        member = self.browser.new_member()
        callback = self.browser.decide(url, member)
        code = self.known["linkedin in vain code"] = parse_qs(urlsplit(callback).query)["code"][0]
        secret = self.known["LINKEDIN_CLIENT_SECRET"]
        self.order(LINKEDIN_TOKEN, 400, {"error": f"{secret} {code}", "error_description": f"{code} and {quote(secret)}"}, member)  # fmt: skip
        path = callback.removeprefix(self.browser.api_url)
        assert self.ask("GET", path, allow_redirects=False).status_code == 303
        foreign = self.known["foreign state"] = secrets.token_urlsafe(24)
        path = f"{urlsplit(path).path}?code={code}&state={foreign}"
        assert self.ask("GET", path, allow_redirects=False).status_code == 422

    def _know_state(self, name: str, authorization_url: str) -> None:
        self.known[f"{name} state"] = parse_qs(urlsplit(authorization_url).query)["state"][0]
        ((state, sealed),) = self.sql("select state_hash, verifier_sealed from oauth_states order by created_at desc limit 1")  # fmt: skip
        self.known[f"{name} verifier"] = self.sealer.open(sealed, bound_to=f"state:{state}")

    # ------------------------------------------------------------------ publishing

    def order(self, at: Mapping[str, str], status: int, body: Any, member: str | None = None) -> None:  # fmt: skip
        """What the platform answers the next such request."""
        more = {"member": member} if member else {}
        self.browser.sandbox.order({"status": status, "body": body}, **at, **more)

    def publish(self, account: str, *, or_refused: bool = False) -> str:
        """Publish a post now; returns its id. `or_refused`: the account may need to be connected again by now."""
        post = self.browser.write(f"Post {secrets.token_hex(8)}", account)
        headers = {"Idempotency-Key": secrets.token_hex(8), "Prefer": "wait=0"}
        answer = self.ask("POST", f"/api/posts/{post}/publish", headers=headers)
        assert answer.status_code in ((200, 202, 422) if or_refused else (200, 202)), answer.text
        return post

    def publish_in_vain(self) -> None:
        """Both platforms refuse in every way, and repeat the token that they were sent."""
        linkedin, x = self.connect("linkedin"), self.connect("x")
        token = self.known["linkedin access token"]
        for status, message in ((400, token), (422, quote(token, safe="")), (500, token), (400, base64.b64encode(token.encode()).decode())):  # fmt: skip
            self.order(LINKEDIN, status, {"code": token, "message": f"Malformed access token {message}"})  # fmt: skip
        posts = [self.publish(linkedin) for _ in range(4)]
        self.order(X, 403, {"detail": f"{self.known['x access token']} is not allowed to do this", "title": "Forbidden"})  # fmt: skip
        posts.append(self.publish(x))
        self._wait_for(posts)
        self.order(LINKEDIN, 403, {"code": "ACCESS_DENIED", "message": f"{token} has no w_member_social"})  # fmt: skip
        refresh = self.known["x refresh token"]
        self.order(X_TOKEN, 400, {"error": refresh, "error_description": f"Value {refresh} is wrong"})  # fmt: skip
        self.sql("update social_account_tokens set access_token_expires_at = now() where account_id = %s", x)  # fmt: skip
        # the job that refreshes ahead may be the first to hear the refusal
        posts += [self.publish(linkedin), self.publish(x, or_refused=True)]
        self._wait_for(posts)
        for post in posts:
            assert self.ask("GET", f"/api/posts/{post}/preview").status_code == 200

    def _wait_for(self, posts: list[str]) -> None:
        """Until each was tried."""
        untried = f"select 1 from post_targets where post_id = any (%s::uuid[]) and state in {AT_WORK} and failures = 0"  # noqa: S608 - a constant
        until(lambda: not self.sql(untried, posts), "the posts to be tried")

    # ------------------------------------------------------------------ models and sources

    def generate_in_vain(self) -> None:
        """Models refuse and repeat the key that they were sent, or were never sent."""
        hugging, model = self.known["HUGGING_KEY"], self.known["MODEL_KEY"]

        def refuse(handler: Handler) -> None:
            sent = handler.received.headers["authorization"]
            assert model in sent
            handler.refuse(400, f"Incorrect API key provided: {sent} ({quote(sent)}, {hugging})")

        def break_down(handler: Handler) -> None:
            handler.reply(500, f"Traceback: headers={handler.received.headers}".encode(), "text/plain")  # fmt: skip

        def answer_with(handler: Handler) -> None:
            handler.begin()
            handler.event({"error": {"message": f"{handler.received.headers}", "type": "server_error"}})  # fmt: skip
            handler.end()

        for act in (refuse, break_down, answer_with):
            self.model.acts.append(act)
            # the stack's worker may take a draft in the instant before this process does, and has another model
            until(lambda: "event: error" in self._draft(), "a draft to fail")
        self.space.order("fail", endpoint="chat", message=f"{hugging} is not {model}")
        said = self.ask("POST", "/api/chat/send", {"message": "Well?"}, headers={"Accept": "application/json"})  # fmt: skip
        assert said.json()["error_class"] == "space_failed", said.text

    def _draft(self) -> str:
        """Ask for a draft; the whole stream of its events."""
        asked = self.ask("POST", "/api/generate", {"platform": "linkedin", "topic": "Bridges"})
        return str(self.ask("GET", f"/api/generations/{asked.json()['generation_id']}/events").text)

    def read_in_vain(self) -> None:
        """A source whose address holds a password."""
        password = self.known["a source's password"] = secrets.token_urlsafe(24)
        source = self.browser.insert("sources", {"url": f"https://lin:{password}@127.0.0.1:9/feed"})
        refused = "select 1 from sources where id = %s and error is not null"
        until(lambda: self.sql(refused, source["id"]), "the source to be refused")

    # ------------------------------------------------------------------ asking wrongly

    def ask_wrongly(self) -> None:
        """What is refused with 401, 404, 405, 413 and 422 although, or because, a secret is in it."""
        person = self.browser.person
        assert person
        password, key = person.password, self.known["SUPABASE_SECRET_KEY 1"]
        typed = self.known["an article's password"] = secrets.token_urlsafe(24)
        headers = [f"Bearer {person.token}x", f"Bearer {key}", f"Basic {base64.b64encode(f'{person.email}:{password}'.encode()).decode()}"]  # fmt: skip
        for header in headers:
            assert self.ask("GET", "/api/platforms", headers={"Authorization": header}).status_code == 401  # fmt: skip
        evil = f"https://evil.internal/?access_token={person.token}"
        for path, body in (
            ("/api/platforms/connect", {"platform": "linkedin", "redirect_to": evil}),
            ("/api/platforms/connect", {"platform": "linkedin", "redirect_to": 1, "password": password}),
            ("/api/generate", {"platform": "linkedin", "tone": {"password": password}}),
            ("/api/generate", {"platform": "linkedin", "url": f"https://lin:{typed}@127.0.0.1/"}),
            ("/api/chat/send", {"message": {"token": person.token}}),
        ):  # fmt: skip
            assert self.ask("POST", path, body).status_code in (202, 422), path
        torn = self.ask("POST", "/api/generate", data=f'{{"password": "{password}", ', headers={"Content-Type": "application/json"})  # fmt: skip
        assert torn.status_code in (400, 422)
        assert self.ask("GET", f"/api/nowhere?password={password}").status_code == 404
        assert self.ask("PUT", f"/api/platforms?token={person.token}").status_code == 405
        assert self.ask("GET", f"/media/{self.sealer.seal(password, bound_to='x')}").status_code == 404  # fmt: skip

    def look(self) -> None:
        """What anybody, and its owner, can read."""
        for path in ("/metrics", "/openapi.json", "/health/live", "/health/ready", "/docs/swagger"):
            assert self.ask("GET", path).status_code < 504, path
        for path in ("/api/platforms", "/api/posts/export", "/api/insights"):
            assert self.ask("GET", path).status_code == 200, path
