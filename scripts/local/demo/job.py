"""The main job in ten steps, from signing up to a published post, each with its evidence."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from .visitor import DemoError, Visitor, until

STEPS = 10
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
        """Do everything; returns the target's row at the end."""
        self._sign_up()
        self._confirm()
        account = self._connect()
        source = self._add_feed()
        item = self._read_feed(source)
        draft = self._draft(item)
        post = self._write(draft, account)
        scheduled = self._schedule(post)
        target = self._wait(post, scheduled)
        self._show(target)
        return target

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

    def _add_feed(self) -> dict[str, Any]:
        source = self.visitor.insert("sources", url=self._info["feed_url"], category="craft")
        self._say(4, "added a feed", [f"{source['url']}: {source['status']}"])
        return source

    def _read_feed(self, source: dict[str, Any]) -> dict[str, Any]:
        supabase = self.visitor.supabase

        def items() -> list[Any] | None:
            query = (
                supabase.table("source_items")
                .select("id,title,url,text")
                .eq("source_id", source["id"])
            )
            return list(query.order("published_at", desc=True).execute().data) or None

        found = until(items, "the worker to read the feed")
        title = self.visitor.row("sources", "title", id=source["id"])["title"]
        self._say(
            5,
            "the worker read it",
            [f'"{title}": {len(found)} articles, the newest "{found[0]["title"]}"'],
        )
        return dict(found[0])

    def _draft(self, item: dict[str, Any]) -> dict[str, Any]:
        wanted = {
            "source_item_id": item["id"],
            "platform": "linkedin",
            "tone": "warm",
            "language": "en",
            "image": True,
        }
        generation_id = self.visitor.call("POST", "/api/generate", wanted).json()["generation_id"]
        pieces = 0
        for event, data in self.visitor.events(f"/api/generations/{generation_id}/events"):
            pieces += event == "progress"
            if event == "error":
                raise DemoError(f"the draft ended as {data}")
            if event == "result":
                output: dict[str, Any] = data["output"]
                first_line = output["text"].partition("\n")[0]
                self._say(6, "the Space drafted a post", [
                    f"{pieces} progress events, then {output['length']} of {output['max_length']} characters and an image",
                    f'"{first_line}"',
                ])  # fmt: skip
                return {**output, "generation_id": generation_id}
        raise DemoError("the stream of events ended without a result")

    def _write(self, draft: dict[str, Any], account: dict[str, Any]) -> dict[str, Any]:
        post = self.visitor.insert(
            "posts", text=draft["text"], generation_id=draft["generation_id"]
        )
        self.visitor.insert("post_media", post_id=post["id"], media_id=draft["media_id"])
        self.visitor.insert("post_targets", post_id=post["id"], account_id=account["id"])
        preview = self.visitor.call("GET", f"/api/posts/{post['id']}/preview").json()["targets"][0]
        if preview["violations"]:
            raise DemoError(f"the preview finds {preview['violations']}")
        self._say(7, "saved it as a post, with the image, for one account", [
            (f"preview: {preview['length']} of {preview['max_length']} characters, {preview['media'][0]['mime']} "
            f"{preview['media'][0]['width']}×{preview['media'][0]['height']}, nothing against it")
        ])  # fmt: skip
        return post

    def _schedule(self, post: dict[str, Any]) -> dict[str, Any]:
        at = datetime.now(UTC) + timedelta(seconds=SECONDS_AHEAD)
        wanted = {"post": post["id"], "at": at.isoformat()}
        row: Any = self.visitor.supabase.rpc("schedule_post", wanted).execute().data
        self._say(
            8,
            "scheduled it",
            [f"status {row['status']}, for {row['scheduled_at']}, {SECONDS_AHEAD} s ahead"],
        )
        return dict(row)

    def _wait(self, post: dict[str, Any], scheduled: dict[str, Any]) -> dict[str, Any]:
        columns = "id,state,due_at,published_at,external_id,external_url,attempts,error,account_id"

        def ended() -> dict[str, Any] | None:
            row = self.visitor.row("post_targets", columns, post_id=post["id"])
            return row if row["state"] in ENDED else None

        target = until(ended, "the worker to publish", SECONDS_AHEAD + 60)
        if target["state"] != "published":
            raise DemoError(f"the target ended as {target['state']}: {target['error']}")
        late = datetime.fromisoformat(target["published_at"]) - datetime.fromisoformat(
            scheduled["scheduled_at"]
        )
        self._say(
            9,
            "the worker published it",
            [f"done {late.total_seconds():.2f} s after its time, attempt {target['attempts']}"],
        )
        return target

    def _show(self, target: dict[str, Any]) -> None:
        sandbox = self._info["sandbox_url"]
        received = requests.get(f"{sandbox}/_control/posts", timeout=10).json()["posts"]
        post = next((p for p in received if p["urn"] == target["external_id"]), None)
        if post is None:
            raise DemoError(f"the sandbox did not receive {target['external_id']}")
        if post["defects"]:
            raise DemoError(f"the sandbox received it damaged: {post['defects']}")
        notification = self.visitor.row("notifications", "kind", kind="target_published")["kind"]
        self._say(10, "the platform has it, and the row says so", [
            f"received: {post['urn']}, {len(post['visible_text'])} characters, {len(post['media'])} image(s)",
            f"row:      {target['state']}, {target['external_id']}, {target['external_url']}",
            f"told:     {notification}",
            f"look at   {sandbox}/feed",
        ])  # fmt: skip
