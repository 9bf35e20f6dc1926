"""Real workers against a real database and a sandbox that keeps count: what the fault tests stand on."""

from __future__ import annotations

import base64
import hashlib
import io
import secrets
import signal
import subprocess
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from PIL import Image

from backend.sealing import Sealer
from local.sandbox.driver import Caller, Sandbox
from local.stack import Stack
from tests.engine.actors import Post, Row, World
from tests.tls import TLS
from tests.waiting import until

CREATE = {"host": "api.linkedin.com", "method": "POST", "path": "/rest/posts"}
UPLOAD = {"host": "www.linkedin.com", "method": "PUT", "path": "/dms-uploads/*"}
SCOPES = ["openid", "profile", "w_member_social"]
# short, so that a lost lease costs a test seconds; the ratio is that of the defaults
LEASE_SECONDS, TIMEOUT_SECONDS = 4, 2
AT_WORK = ("preparing", "sending", "confirming")


class Rig(World):
    """A world whose accounts are members of the sandbox, and workers to publish for them."""

    def __init__(self, stack: Stack, sandbox: Sandbox) -> None:
        super().__init__(f"{stack.info['database_url']}?sslmode=disable")
        self.stack = stack
        self.sandbox = sandbox
        self.members: dict[str, Caller] = {}
        self.workers: list[subprocess.Popen[bytes]] = []
        self.first_due: dict[str, datetime] = {}
        keys = stack.backend_env()["TOKEN_KEYS"].split(",")
        self.sealer = Sealer(
            [base64.urlsafe_b64decode(f"{key}{'=' * (-len(key) % 4)}") for key in keys]
        )

    def close(self) -> None:
        for worker in self.workers:
            self.end(worker)
        super().close()

    # ------------------------------------------------------------------ workers

    def worker_process(self, **env: str) -> subprocess.Popen[bytes]:
        """Start a worker."""
        worker = self.stack.start_worker(env)
        self.workers.append(worker)
        return worker

    def logged(self, words: str) -> list[str]:
        """The lines of any worker's log that hold these words."""
        files = self.stack.processes.logs.glob("worker*.log")
        lines = (line for file in files for line in file.read_text(errors="replace").splitlines())
        return [line for line in lines if words in line]

    def check_processes(self) -> None:
        """A worker must not die of itself. The local gateway may when its database restarts (its driver, postgres.js,
        writes to a socket that is gone); hosted parts are supervised, and so is this one."""
        for worker in self.workers:
            assert worker.poll() in (None, 0, -signal.SIGKILL), (
                f"a worker ended with {worker.poll()}"
            )
        for child in self.stack.processes.children:
            if child.name == "gateway" and child.popen.poll() is not None:
                self.stack.stop_gateway()
                self.stack.start_gateway()
                return

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """SIGKILL, as a machine that loses its power does."""
        worker.send_signal(signal.SIGKILL)
        worker.wait(10)

    def end(self, worker: subprocess.Popen[bytes]) -> int:
        """SIGTERM (and on, if it is stopped); the exit code."""
        if worker.poll() is None:
            worker.send_signal(signal.SIGCONT)
            worker.send_signal(signal.SIGTERM)
        return worker.wait(40)

    # ------------------------------------------------------------------ accounts

    def account(self, user_id: str | None = None, name: str = "Ada", **changed: Any) -> str:
        """A connected member of the sandbox; `ends` (seconds), `scopes` and `bound_to` may be told."""
        caller = self.sandbox.caller(name=name)
        account_id = str(uuid.uuid4())
        self.members[account_id] = caller
        self._store(account_id, user_id or self.user(), caller, **changed)
        return account_id

    def account_on(self, platform: str, *scopes: str) -> str:
        """A connected member of another platform, who granted these."""
        made = self.sandbox.tell("tokens", platform=platform)["tokens"][0]
        caller = Caller(self.sandbox, made["member"], made["subject"], made["access_token"])
        account_id = str(uuid.uuid4())
        self.members[account_id] = caller
        self._store(account_id, self.user(), caller, platform=platform, scopes=list(scopes))
        return account_id

    def reconnect(self, account_id: str, actor: Any = None) -> None:
        """The same member with a new token, stored as connecting does it."""
        caller = self.members[account_id]
        made = self.sandbox.tell("tokens", member=caller.member)["tokens"][0]
        caller.token = made["access_token"]
        self._store(account_id, self.owner(account_id), caller)

    def _store(
        self, account_id: str, user_id: str, caller: Caller, *, ends: float = 86_400, scopes: list[str] | None = None,
        bound_to: str | None = None, platform: str = "linkedin",
    ) -> None:  # fmt: skip
        account = {
            "id": account_id, "user_id": user_id, "platform": platform, "kind": "person", "account_name": "Ada",
            "external_id": caller.author.rpartition(":")[2], "granted_scopes": SCOPES if scopes is None else scopes,
        }  # fmt: skip
        sealed = self.sealer.seal(caller.token, bound_to=f"{bound_to or account_id}:access")
        until_then = (datetime.now(UTC) + timedelta(seconds=ends)).isoformat()
        token = {"access_token_sealed": sealed, "access_token_expires_at": until_then}
        assert str(self.service.call("store_account", account=account, token=token)) == account_id

    # ------------------------------------------------------------------ posts

    def due(self, account: str | None = None, *, due: float = 0, images: int = 0) -> Post:
        """A post with a text of its own, due in so many seconds."""
        # no worker may have it before its files are there
        first = max(due, 3600) if images else due
        post = self.scheduled(
            account or self.account(), due=first, text=f"Post {secrets.token_hex(8)}"
        )
        self.first_due[post.target] = self.target(post.target)["due_at"]
        if images:
            data = io.BytesIO()
            Image.new("RGB", (8, 8), "teal").save(data, "PNG")
            self.attach(post, *[data.getvalue()] * images)
            assert self.bring_forward(post, due)
        return post

    def bring_forward(self, post: Post, seconds: float = 0) -> bool:
        """Let a scheduled post be due in so many seconds; whether it is scheduled."""
        changed = self.admin.changed(
            "update post_targets set due_at = m, next_attempt_at = m, deadline_at = m + interval '6 hours'"
            " from (select now() + make_interval(secs => %s) as m) at where post_id = %s and state = 'scheduled'",
            seconds, post.id,
        )  # fmt: skip
        self.first_due[post.target] = self.target(post.target)["due_at"]
        return changed == 1

    def attach(self, post: Post, *files: bytes, **facts: Any) -> None:
        """Files of the post, with their bytes in the storage; pictures in PNG, unless `facts` of their rows say else."""
        rows = [
            {"mime": "image/png", "bytes": len(file), "checksum": hashlib.sha256(file).hexdigest(), **facts}
            for file in files
        ]  # fmt: skip
        for media_id, file, row in zip(self.media(post, *rows), files, rows, strict=True):
            path = self.admin.run("select path from media where id = %s", media_id)[0]["path"]
            stored = httpx.post(
                f"{self.stack.info['supabase_url']}/storage/v1/object/media/{path}", content=file,
                headers={"apikey": self.stack.info["secret_key"], "Content-Type": row["mime"]}, timeout=60, verify=TLS,
            )  # fmt: skip
            assert stored.is_success, stored.text

    def member_of(self, post: Post) -> str:
        """The sandbox's member that a post with one target goes to."""
        return self.members[str(self.target(post.target)["account_id"])].member

    def order(self, post: Post, order: dict[str, Any], at: dict[str, str] = CREATE) -> None:
        """A fault for the next such request for this post."""
        self.sandbox.order(order, member=self.member_of(post), **at)

    def held(self, post: Post) -> None:
        """Wait until the sandbox holds a request for this post."""
        assert self.sandbox.wait(held=1, member=self.member_of(post), seconds=60), "no request came"

    def release(self, *posts: Post) -> None:
        """Let what is held for these posts go."""
        for post in posts:
            self.sandbox.tell("release", member=self.member_of(post))

    def received(self, post: Post) -> list[dict[str, Any]]:
        """What the platform accepted of a post."""
        text = self.post(post)["text"]
        return [p for p in self.sandbox.posts(self.member_of(post)) if p["commentary"] == text]

    def creates(self, post: Post) -> list[dict[str, Any]]:
        """The create calls that reached the platform for this post's member."""
        return self.sandbox.requests(self.member_of(post), **CREATE)

    def wait_for(
        self, posts: Iterable[Post], *states: str, seconds: float = 120, hurry: bool = False
    ) -> None:
        """Wait until every target is in one of these states; `hurry`: not for as long as a retry waits."""
        targets = [post.target for post in posts]
        query = "select id, state, error_class from post_targets where id = any (%s) and state <> all (%s::target_state[])"
        waiting: list[Row] = []

        def none_left() -> bool:
            self.check_processes()
            if hurry:
                self.admin.run("update post_targets set next_attempt_at = now() where id = any (%s) and state = 'scheduled' and next_attempt_at > now()", targets)  # fmt: skip
            waiting[:] = self.admin.run(query, targets, list(states))
            return not waiting

        try:
            until(none_left, f"targets to be {' or '.join(states)}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {waiting}") from None

    # ------------------------------------------------------------------ the truth

    def assert_invariants(self, *posts: Post, by_a_person: Iterable[Post] = ()) -> None:
        """The platform's record and the database agree; `by_a_person` names posts somebody settled by hand."""
        for post in posts:
            row, received = self.target(post.target), self.received(post)
            urns = {p["urn"] for p in received}
            story = (row["state"], row["error"], urns)
            assert row["lease_until"] is None or row["state"] in AT_WORK, story
            if post not in by_a_person:
                assert len(received) <= 1, f"sent twice: {story}"
                assert not received or row["state"] in ("published", "unconfirmed", *AT_WORK), (
                    f"lied: {story}"
                )
                assert row["state"] != "published" or received, f"published and not there: {story}"
            if row["external_id"] is not None:
                assert row["external_id"] in urns, f"an id the platform does not know: {story}"
            for one in received:
                due = self.first_due[post.target] - timedelta(
                    milliseconds=1
                )  # the sandbox tells milliseconds
                assert datetime.fromisoformat(one["created_at"]) >= due, f"too early: {story}"
            attempts = self.attempts(post.target)
            assert [a["number"] for a in attempts] == list(range(1, row["attempts"] + 1)), story
            if row["state"] not in AT_WORK:
                assert all(a["finished_at"] for a in attempts), f"an attempt is still open: {story}"
            marked = [a for a in attempts if a["phase"] == "sending"]
            assert len(self.creates(post)) <= len(marked) or len(self.members) == 1, (
                "a call without a mark"
            )
