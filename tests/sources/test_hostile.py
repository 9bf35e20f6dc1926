"""Bytes made to keep their reader busy for hours. Each has a process of its own, because nothing else could end it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What takes a second or two here took minutes to centuries; the rest of it is for a busy machine.
LIMIT_SECONDS = 60

READ = """
from datetime import UTC, datetime
from backend.core.errors import UnreadableSource
from backend.core.ports import Fetched
from backend.sources import Reader
body = {body}
reader = Reader(lambda: datetime(2026, 3, 10, tzinfo=UTC))
try:
    reader.{how}(Fetched(200, "https://hostile.example/", {{"Content-Type": "{kind}"}}, body))
except UnreadableSource:
    pass
"""

FEEDS = {
    "comments without an end": 'b"<rss>" + b"<!--" * 500_000',
    "CDATA without an end": 'b"<rss>" + b"<![CDATA[" * 200_000',
    "a web page that goes on after much white space": """
        b"<html><meta http-equiv=refresh content='" + b" " * 500_000 + b"x'>\"""",
}
PAGES = {
    "comments before it begins": 'b"<!--a-->" * 1_000 + b"<p>Tides"',
    "two hundred thousand hints about scripts": 'b"<p>Tides" + b"<noscript></noscript>x" * 200_000',
    "half a million line breaks": 'b"<p>Tides" + b"<br>" * 500_000',
    "two hundred thousand headings": 'b"<article><p>Tides" + b"<h1>a</h1>" * 200_000',
    "two hundred thousand paragraphs": 'b"<article>" + b"<p>Low tide</p>" * 200_000',
}


def in_time(how: str, kind: str, body: str) -> None:
    program = READ.format(how=how, kind=kind, body=body.strip())
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=LIMIT_SECONDS)


@pytest.mark.parametrize("name", FEEDS)
def test_a_feed_cannot_keep_its_reader_busy(name: str) -> None:
    in_time("read_feed", "application/rss+xml", FEEDS[name])


# like the headings: what bounds all three is the number of elements that the reader keeps
ALIKE = ("half a million line breaks", "two hundred thousand paragraphs")


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.slow if one in ALIKE else ()) for one in PAGES]
)
def test_a_page_cannot_keep_its_reader_busy(name: str) -> None:
    in_time("read_page", "text/html", PAGES[name])
