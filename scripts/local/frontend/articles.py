"""The articles of the local feeds, read from the text files beside this module: one folder for each feed.

A file is: title, author, date (ISO 8601), summary, one per line; an empty line; then paragraphs. A paragraph that
starts with "## " is a heading.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parent / "articles"
JOURNALS = Path(__file__).parent / "journals"


@dataclass(frozen=True)
class Article:
    """One article of the feed."""

    slug: str
    title: str
    author: str
    published: datetime
    summary: str
    paragraphs: tuple[str, ...]

    @property
    def html(self) -> str:
        """The text as HTML."""
        return "\n".join(
            f"<h2>{escape(text[3:])}</h2>" if text.startswith("## ") else f"<p>{escape(text)}</p>"
            for text in self.paragraphs
        )


def read_articles(folder: Path = FOLDER) -> list[Article]:
    """All articles of a feed, newest first."""
    articles = [_read(file) for file in folder.glob("*.txt")]
    return sorted(articles, key=lambda article: article.published, reverse=True)


def _read(file: Path) -> Article:
    head, _, body = file.read_text(encoding="utf-8").partition("\n\n")
    title, author, published, summary = head.splitlines()
    paragraphs = tuple(" ".join(block.split()) for block in body.split("\n\n") if block.strip())
    return Article(file.stem, title, author, datetime.fromisoformat(published), summary, paragraphs)
