"""The main job in fifteen steps, from signing up to two published posts, each with its evidence."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from .mentor import Talk
from .sources import Reading
from .visitor import DemoError, Visitor, until
from .writing import Writing

STEPS = 15
SECONDS_AHEAD = 4
ENDED = {
    "published",
    "unconfirmed",
    "failed",
    "missed",
    "needs_reconnect",
    "quarantined",
    "canceled",
}


class MainJob:
    """Runs the steps in order; `say(number, title, evidence)` is called after each. Raises DemoError."""

    def __init__(self, info: dict[str, Any], say: Callable[[int, str, list[str]], None]) -> None:
        self._info = info
        self._say = say
        self.visitor = Visitor(info)
        self.email = f"ada.{secrets.token_hex(4)}@lin.example.com"

    def run(self) -> dict[str, Any]:
        """Do everything; returns the row of the first post's target at the end."""
        reading = Reading(self.visitor, self._say)
        writing = Writing(self.visitor, self._say)
        talk = Talk(self.visitor, self._say)
        self._sign_up()
        self._confirm()
        account = self._connect()
        articles = reading.read(5, reading.add(4))
        variants = writing.variants(6, articles["RSS"][0])
        shorter = writing.refine(7, variants)
        post = self._write(8, shorter, variants["media_id"], account)
        scheduled = self._schedule(9, "scheduled it", post)
        message = talk.ask(10)
        talk.hear(11, message)
        answer = talk.draft(12, message, account)
        scheduled_answer = self._schedule(13, "scheduled that as well", answer)
        targets = self._wait(14, {post["id"]: scheduled, answer["id"]: scheduled_answer})
        self._show(15, targets)
        return targets[0]

    def _sign_up(self) -> None:
        self.visitor.sign_up(self.email, secrets.token_urlsafe(12), "Ada")
        self._say(
            1, "signed up", [f"{self.email}: no session yet, Auth wants the address confirmed"]
        )

    def _confirm(self) -> None:
        mail = self.visitor.newest_mail(self.email)
        link = self.visitor.confirm(mail)
        profile = self.visitor.row("profiles", "display_name,timezone")
        self._say(2, "confirmed the address by the mail that arrived", [
            f'mail "{mail["Subject"]}" at {self._info["mailbox_url"]}, link {link}?token_hash=…',
            f"the profile was made by a trigger: {profile}",
        ])  # fmt: skip

    def _connect(self) -> dict[str, Any]:
        redirect_to = f"{self._info['frontend_url']}/connected"
        started = self.visitor.call(
            "POST", "/api/platforms/connect", {"platform": "linkedin", "redirect_to": redirect_to}
        ).json()
        ended = self.visitor.consent(
            started["authorization_url"], member="new", name="Ada Lovelace 🌷", decision="allow"
        )
        account_id = parse_qs(urlsplit(ended).query).get("account", [""])[0]
        if not account_id:
            raise DemoError(f"connecting ended at {ended}")
        columns = "id,account_name,status,granted_scopes,token_expires_at,external_id"
        account = self.visitor.row("social_accounts", columns, id=account_id)
        self._say(3, "connected LinkedIn through its consent page", [
            f"redirected back to {ended.partition('?')[0]}?account={account_id}",
            f"{account['account_name']}: {account['status']}, scopes {' '.join(account['granted_scopes'])}, until {account['token_expires_at'][:10]}",
        ])  # fmt: skip
        return account

    def _write(
        self, number: int, draft: dict[str, Any], media_id: str, account: dict[str, Any]
    ) -> dict[str, Any]:
        post = self.visitor.insert(
            "posts", text=draft["text"], generation_id=draft["generation_id"]
        )
        self.visitor.insert("post_media", post_id=post["id"], media_id=media_id)
        self.visitor.insert("post_targets", post_id=post["id"], account_id=account["id"])
        preview = self.visitor.call("GET", f"/api/posts/{post['id']}/preview").json()["targets"][0]
        if preview["violations"]:
            raise DemoError(f"the preview finds {preview['violations']}")
        self._say(number, "saved it as a post, with the image, for one account", [
            (f"preview: {preview['length']} of {preview['max_length']} characters, {preview['media'][0]['mime']} "
            f"{preview['media'][0]['width']}×{preview['media'][0]['height']}, nothing against it")
        ])  # fmt: skip
        return post

    def _schedule(self, number: int, title: str, post: dict[str, Any]) -> dict[str, Any]:
        at = datetime.now(UTC) + timedelta(seconds=SECONDS_AHEAD)
        wanted = {"post": post["id"], "at": at.isoformat()}
        row: Any = self.visitor.supabase.rpc("schedule_post", wanted).execute().data
        self._say(
            number,
            title,
            [f"status {row['status']}, for {row['scheduled_at']}, {SECONDS_AHEAD} s ahead"],
        )
        return dict(row)

    def _wait(self, number: int, scheduled: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """Until every post has come to its end; returns their targets, in the same order."""
        targets, evidence = [], []
        for post_id, row in scheduled.items():
            target = until(
                partial(self._outcome, post_id), "the worker to publish", SECONDS_AHEAD + 60
            )
            if target["state"] != "published":
                raise DemoError(f"the target ended as {target['state']}: {target['error']}")
            late = datetime.fromisoformat(target["published_at"]) - datetime.fromisoformat(
                row["scheduled_at"]
            )
            targets.append(target)
            evidence.append(
                f"done {late.total_seconds():.2f} s after its time, attempt {target['attempts']}"
            )
        self._say(number, "the worker published both", evidence)
        return targets

    def _outcome(self, post_id: str) -> dict[str, Any] | None:
        columns = "id,state,due_at,published_at,external_id,external_url,attempts,error,account_id"
        row = self.visitor.row("post_targets", columns, post_id=post_id)
        return row if row["state"] in ENDED else None

    def _show(self, number: int, targets: list[dict[str, Any]]) -> None:
        sandbox = self._info["sandbox_url"]
        received = requests.get(f"{sandbox}/_control/posts", timeout=10).json()["posts"]
        evidence = []
        for target in targets:
            post = next((p for p in received if p["urn"] == target["external_id"]), None)
            if post is None:
                raise DemoError(f"the sandbox did not receive {target['external_id']}")
            if post["defects"]:
                raise DemoError(f"the sandbox received it damaged: {post['defects']}")
            evidence += [
                f"received: {post['urn']}, {len(post['visible_text'])} characters, {len(post['media'])} image(s)",
                f"row:      {target['state']}, {target['external_id']}, {target['external_url']}",
            ]
        query = self.visitor.supabase.table("notifications").select("kind")
        told: Any = query.eq("kind", "target_published").execute().data
        self._say(number, "the platform has both, and the rows say so", [
            *evidence, f"told:     {len(told)} × {told[0]['kind']}", f"look at   {sandbox}/feed"
        ])  # fmt: skip
