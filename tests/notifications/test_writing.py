"""Every topic in every language: a subject of one line, the same in text and HTML, and nothing that runs."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from backend.api import notifications
from backend.core.mailing import Item, Letter, Mail
from backend.mail import Writer
from backend.mail.writing import LANGUAGES

EVIL = '<img src=x onerror="alert(1)">{{ 7 * 7 }}'
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "published": ("target_published", {"external_url": "https://x.example/1"}),
    "partly_published": (
        "post_partly_published",
        {"published": [{"account_name": EVIL}], "not_published": [{"account_name": "B", "reason": EVIL}]},
    ),
    "failed": ("target_failed", {"reason": EVIL}),
    "unconfirmed": ("target_unconfirmed", {}),
    "missed": ("target_missed", {"reason": EVIL}),
    "needs_reconnect": ("account_needs_reconnect", {"reason": EVIL}),
    "token_ends": ("token_ends_soon", {"ends_at": "2026-12-05T08:00:00+00:00"}),
    "review": ("draft_awaits_review", {"occurs_at": "2026-12-05T08:00:00+00:00"}),
}  # fmt: skip
writer = Writer("https://app.example.org", lambda *what: "https://api.example.org/stop?" + "-".join(what))  # fmt: skip


def item(topic: str, number: int = 0, **more: Any) -> Item:
    kind, payload = KINDS[topic]
    facts = {"account_name": EVIL, "platform": "linkedin"} | payload | more
    at = datetime(2026, 11, 28, 9, tzinfo=UTC)
    return Item(f"n{number}", kind, topic, at, facts, f"{EVIL} " * 40)


def letter(*items: Item, locale: str = "en", zone: str = "Europe/Paris") -> Letter:
    return writer(Mail("m", 1, "u", "ada@example.com", "Ada", locale, zone, items))


@pytest.mark.parametrize("locale", ["en", "fr"])
@pytest.mark.parametrize("topic", KINDS)
def test_every_topic_is_written_in_every_language(topic: str, locale: str) -> None:
    written = letter(item(topic), locale=locale)
    assert written.subject.strip()
    assert "\n" not in written.subject
    assert written.unsubscribe_url == f"https://api.example.org/stop?u-{topic}-{locale}"
    for body in (written.text, written.html):
        assert "https://app.example.org/?notification=n0" in body
        assert written.unsubscribe_url in body
        assert "49" not in body, "what people write is no template"
        assert not re.search(r"\{[{%]|[%}]\}", body.replace("{{ 7 * 7 }}", ""))
    assert "<img" not in written.html
    assert "\n\n\n" not in written.text
    assert max(len(line) for line in written.text.splitlines()) < 400, "a post is cut"


def test_the_languages_differ() -> None:
    for topic in KINDS:
        assert letter(item(topic)).subject != letter(item(topic), locale="fr").subject
    assert letter(item("missed"), locale="pt-BR").subject == letter(item("missed")).subject


def test_times_are_the_readers_own() -> None:
    assert "2026-12-05 09:00 (Europe/Paris)" in letter(item("review")).subject
    assert "2026-12-05 08:00 (UTC)" in letter(item("review"), zone="Not/AZone").subject


def test_a_long_digest_is_cut_and_says_so() -> None:
    written = letter(*(item("failed", number) for number in range(40)))
    assert written.subject == "40 things happened to your posts"
    assert written.text.count("?notification=") == written.html.count("?notification=") == 30
    assert "and 10 more, in Lin." in written.text
    assert "stop?u-failed-en" in written.text, "all of one topic: its link stops that topic"
    assert "stop?u-mail-en" in letter(item("failed"), item("missed", 1)).text


def test_a_link_of_a_platform_that_is_none_is_not_linked() -> None:
    written = letter(item("published", external_url="javascript:alert(1)"))
    assert "javascript" not in written.html


def test_the_page_of_the_link_knows_every_topic_in_every_language() -> None:
    for language in LANGUAGES:
        assert set(notifications._TOPICS[language]) == {*KINDS, "mail"}
        assert language in notifications._ASK
        assert language in notifications._DONE
