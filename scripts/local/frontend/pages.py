"""The pages of the stand-in frontend. Everything that comes from an address is escaped."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from local.serving import Pages, url_of

from .articles import JOURNALS, Article, read_articles
from .feeds import atom, json_feed, rss

HARBOUR = ("/harbour/atom.xml", "The harbour letter")
WORKSHOP = ("/workshop/feed.json", "Notes from the workshop")

LINKS = {
    "api_url": "the API",
    "supabase_url": "Supabase",
    "mailbox_url": "the mailbox",
    "sandbox_url": "the platform sandbox",
    "space_url": "the writer Space",
}
STYLE = """
<style>
  body { font: 17px/1.6 Georgia, serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c }
  a { color: #0a66c2 } dt { font-weight: bold } dd { margin: 0 0 .6rem; overflow-wrap: anywhere }
  small, nav { color: #666; font-family: system-ui, sans-serif }
</style>
"""


def page(title: str, body: str) -> str:
    """A whole page around `body`, which is HTML already."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    feed = '<link rel="alternate" type="application/rss+xml" href="/feed.xml">'
    return (
        f'<!doctype html><html lang="en"><head>{head}{feed}{STYLE}</head><body>{body}</body></html>'
    )


def said(query: dict[str, str], names: tuple[str, ...]) -> str:
    """The named parts of the query, as a list of facts."""
    facts = "".join(
        f"<dt>{name}</dt><dd>{escape(query[name])}</dd>" for name in names if name in query
    )
    return f"<dl>{facts}</dl>" if facts else "<p>The address says nothing more.</p>"


class FrontendPages(Pages):
    """GET /, /connected, /confirm, the feeds and /articles/<slug>.html."""

    stack_json: ClassVar[Path | None]

    def do_GET(self) -> None:  # noqa: N802 - the name http.server calls
        """Find the page."""
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        base = url_of(self.connection)
        articles = read_articles()
        harbour, workshop = (read_articles(JOURNALS / name) for name in ("harbour", "workshop"))
        everything = (*articles, *harbour, *workshop)
        article = next(
            (one for one in everything if url.path == f"/articles/{one.slug}.html"), None
        )
        if url.path == "/":
            self.answer(self._home(articles))
        elif url.path == "/connected":
            self.answer(self._connected(query))
        elif url.path == "/confirm":
            self.answer(self._confirm(query))
        elif url.path == "/feed.xml":
            self.answer(rss(base, articles), "application/rss+xml; charset=utf-8")
        elif url.path == "/atom.xml":
            self.answer(atom(base, articles), "application/atom+xml; charset=utf-8")
        elif url.path == HARBOUR[0]:
            self.answer(atom(base, harbour, *HARBOUR, whole=True), "application/atom+xml; charset=utf-8")  # fmt: skip
        elif url.path == WORKSHOP[0]:
            self.answer(json_feed(base, workshop, *WORKSHOP), "application/feed+json; charset=utf-8")  # fmt: skip
        elif article:
            self.answer(self._article(article))
        else:
            self.answer(
                page("Not found", "<h1>Not found</h1><p><a href='/'>Start</a></p>"), status=404
            )

    def _home(self, articles: list[Article]) -> str:
        try:
            stack = json.loads(self.stack_json.read_text()) if self.stack_json else {}
        except (OSError, ValueError):
            stack = {}
        links = "".join(
            f'<li><a href="{escape(stack[key])}">{name}</a> <small>{escape(stack[key])}</small></li>'
            for key, name in LINKS.items()
            if stack.get(key)
        )
        reading = "".join(
            f'<li><a href="/articles/{one.slug}.html">{escape(one.title)}</a></li>'
            for one in articles
        )
        return page(
            "Lin, a stand-in frontend",
            "<h1>Lin</h1><p>This stands in for a frontend on your machine: Auth's mails and the platforms' "
            f"consent pages lead back here. The parts of the stack:</p><ul>{links or '<li>still starting</li>'}</ul>"
            f"<h2>Something to read</h2><p>The feeds to draft from: <a href='/feed.xml'>RSS</a>, "
            f"<a href='{HARBOUR[0]}'>Atom</a>, <a href='{WORKSHOP[0]}'>JSON Feed</a>.</p><ul>{reading}</ul>",
        )

    def _connected(self, query: dict[str, str]) -> str:
        title = "That did not work" if "error" in query else "Connected"
        facts = said(query, ("account", "platform", "error", "error_description"))
        return page(
            title,
            f"<h1>{title}</h1><p>The API sent you back with:</p>{facts}<p><a href='/'>Start</a></p>",
        )

    def _confirm(self, query: dict[str, str]) -> str:
        facts = said(query, ("type", "token_hash", "redirect_to"))
        call = "<code>auth.verify_otp({token_hash, type})</code>"
        return page(
            "Confirm",
            f"<h1>A link from a mail</h1><p>A frontend now calls {call} with:</p>{facts}<p><a href='/'>Start</a></p>",
        )

    def _article(self, article: Article) -> str:
        line = f"<p><small>{escape(article.author)}, {article.published:%d %B %Y}</small></p>"
        body = f"<article><h1>{escape(article.title)}</h1>{line}{article.html}</article>"
        return page(article.title, f"<nav><a href='/'>Start</a></nav>{body}")
