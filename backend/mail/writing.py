"""Letters from the templates beside this file: one mail, or several things in one. Plain text and HTML say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Environment, FileSystemLoader, select_autoescape

from ..core.mailing import Item, Letter, Mail

LANGUAGES = ("en", "fr")
_SHOWN = 30  # of a digest; the rest is in the app
_TEXT = 200  # characters of a post
_PLATFORMS = {
    "linkedin": "LinkedIn",
    "x": "X",
    "facebook": "Facebook",
    "instagram": "Instagram",
    "tiktok": "TikTok",
}


class Writer:
    """Writes letters. `frontend_url` is the origin that links lead to; `unsubscribe_url` makes the address that switches off a
    topic of somebody's mail, with the language of its page."""

    def __init__(self, frontend_url: str, unsubscribe_url: Callable[[str, str, str], str]) -> None:
        self._frontend_url = frontend_url
        self._unsubscribe_url = unsubscribe_url
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=select_autoescape(["html"]),
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def __call__(self, mail: Mail) -> Letter:
        """The letter of a mail, in its reader's language where we speak it, else in English."""
        language = mail.locale[:2] if mail.locale[:2] in LANGUAGES else "en"
        unsubscribe = self._unsubscribe_url(mail.user_id, mail.topic, language)
        more = {"language": language, "topic": mail.topic, "unsubscribe_url": unsubscribe, "settings_url": f"{self._frontend_url}/"}  # fmt: skip
        told = [self._facts(item, mail.timezone) for item in mail.items]
        if len(told) == 1:
            name, facts = mail.items[0].topic, told[0] | more
        else:
            listed = [
                {"title": self._titled(language, facts)[0], "link": facts["link"], "at": facts["at"], "reason": facts.get("reason")}
                for facts in told
            ]  # fmt: skip
            name = "digest"
            facts = {"entries": listed[:_SHOWN], "count": len(listed), "more": max(0, len(listed) - _SHOWN), "link": f"{self._frontend_url}/"} | more  # fmt: skip
        subject, text = self._titled(language, facts, name)
        html = self._templates.get_template(f"{language}/{name}.html").render(facts)
        return Letter(mail.mail_id, mail.name, mail.address, subject, text, html, unsubscribe)

    def _titled(self, language: str, facts: Mapping[str, Any], name: str = "") -> tuple[str, str]:
        """Subject and text: the first line of the text template, and the rest."""
        template = self._templates.get_template(f"{language}/{name or facts['name']}.txt")
        subject, _, text = template.render(facts).partition("\n")
        return subject, text.lstrip("\n")

    def _facts(self, item: Item, timezone: str) -> dict[str, Any]:
        """What a template may say of an item; the payload of its kind is described in supabase/README.md."""
        payload = item.payload
        when = next((payload[name] for name in ("occurs_at", "ends_at") if name in payload), None)
        return {
            **payload,
            "name": item.topic,
            "kind": item.kind,
            "account": _cut(payload.get("account_name")),
            "platform": _PLATFORMS.get(payload.get("platform", ""), payload.get("platform")),
            "text": _cut(item.text),
            "at": _local(item.created_at, timezone),
            "when": _local(datetime.fromisoformat(when), timezone) if when else None,
            "link": f"{self._frontend_url}/?notification={item.id}",
        }


def _cut(text: str | None) -> str:
    """The beginning of what somebody wrote, on one line."""
    line = " ".join((text or "").split())
    return line if len(line) <= _TEXT else f"{line[: _TEXT - 1].rstrip()}…"


def _local(moment: datetime, timezone: str) -> str:
    try:
        zone = ZoneInfo(timezone)
    except (
        ZoneInfoNotFoundError,
        ValueError,
        OSError,
    ):  # Postgres may know a zone that this machine does not
        zone, timezone = ZoneInfo("UTC"), "UTC"
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M} ({timezone})"
