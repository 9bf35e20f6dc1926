"""Every route of the app, and how it is asked: as its owner would ask, for what is theirs.

The app's own list of routes is held against this table: a route without a row here fails by name, and a row without a route.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.rls.rows import Rows

OPEN, SIGNED_IN, LIVE = "open", "signed_in", "live_session"

Arguments = dict[str, Any]
Fill = Callable[[Rows, Rows], Arguments]


@dataclass(frozen=True)
class Ask:
    """One request. `fill(hers, mine)` makes it about what is hers, asked by whom `mine` belongs to: the arguments of Flask's
    client, of which `path` fills the rule. `stranger` is what somebody else gets."""

    fill: Fill
    stranger: int = 404


@dataclass(frozen=True)
class Route:
    """Who may call it, and what can be asked of it, by a name for each."""

    access: str
    asks: dict[str, Ask]


def _plain(access: str, status: int, **arguments: Any) -> Route:
    """A route that names nobody's object."""
    return Route(access, {"": Ask(lambda _hers, _mine: arguments, status)})


def _of(access: str, **asks: Fill | Ask) -> Route:
    """A route about an object. Others do not find it."""
    return Route(
        access, {name: ask if isinstance(ask, Ask) else Ask(ask) for name, ask in asks.items()}
    )


def _key(table: str) -> Callable[[Rows], str]:
    return lambda rows: rows.keys[table]["id"]


_session, _message = _key("chat_sessions"), _key("chat_messages")
_webhook, _delivery = _key("webhooks"), _key("webhook_deliveries")


def _csv(account: str, media: str) -> Arguments:
    row = f"text,account,media\nBridges,{account},{media}\n"
    return {"data": row, "content_type": "text/csv"}


def _documents() -> dict[tuple[str, str], Route]:
    pages = {
        "/": 302, "/openapi.json": 200, "/docs/": 200, "/docs/openapi.json": 200, "/docs/swagger": 200,
        "/docs/oauth2-redirect.html": 200, "/health/live": 200, "/metrics": 200,
    }  # fmt: skip
    files = ("/docs/swagger/<path:filename>", "/docs/static/<path:filename>")
    return {("GET", rule): _plain(OPEN, status) for rule, status in pages.items()} | {
        ("GET", rule): _plain(OPEN, 404, path={"filename": "none"}) for rule in files
    }


ROUTES: dict[tuple[str, str], Route] = _documents() | {
    ("GET", "/health/ready"): _plain(OPEN, 200),
    ("GET", "/media/<token>"): _of(OPEN, file=lambda hers, _mine: {"path": {"token": hers.media}}),
    # the token in it is the permission; tests/notifications/test_unsubscribe.py tries it with other people's
    ("GET", "/api/notifications/unsubscribe"): _plain(OPEN, 404, query_string={"token": "x"}),
    ("POST", "/api/notifications/unsubscribe"): _plain(OPEN, 404, query_string={"token": "x"}),
    ("GET", "/api/platforms/<platform>/callback"): _plain(
        OPEN, 422, path={"platform": "linkedin"}, query_string={"state": "x", "code": "x"}
    ),
    ("GET", "/api/platforms"): _plain(SIGNED_IN, 200),
    ("POST", "/api/platforms/connect"): Route(
        LIVE,
        {"": Ask(lambda _hers, mine: {"json": {"platform": "linkedin", "redirect_to": mine.owner.info["frontend_url"]}}, 200)},
    ),
    ("DELETE", "/api/platforms/accounts/<account_id>"): _of(
        LIVE, account=lambda hers, _mine: {"path": {"account_id": hers.account}}
    ),
    ("GET", "/api/platforms/accounts/<account_id>/choices"): _of(
        LIVE, account=lambda hers, _mine: {"path": {"account_id": hers.account}}
    ),
    ("GET", "/api/posts/<post_id>/preview"): _of(
        SIGNED_IN, post=lambda hers, _mine: {"path": {"post_id": hers.post}}
    ),
    ("POST", "/api/posts/<post_id>/publish"): _of(
        LIVE, post=lambda hers, _mine: {"path": {"post_id": hers.other_post}}
    ),
    ("DELETE", "/api/posts/<post_id>/targets/<target_id>/publication"): _of(
        LIVE,
        target=lambda hers, _mine: {"path": {"post_id": hers.post, "target_id": hers.target}},
        target_below_ones_own_post=lambda hers, mine: {"path": {"post_id": mine.post, "target_id": hers.target}},
    ),
    ("POST", "/api/posts/import"): _of(
        LIVE,
        account=Ask(lambda hers, _mine: _csv(hers.account, ""), 200),
        file=Ask(lambda hers, mine: _csv(mine.account, hers.media), 200),
    ),
    ("GET", "/api/posts/export"): _plain(SIGNED_IN, 200),
    ("POST", "/api/generate"): _of(
        LIVE,
        article=lambda hers, _mine: {"json": {"source_item_id": hers.item, "platform": "linkedin"}},
        post=lambda hers, _mine: {"json": {"post_id": hers.other_post, "instruction": "shorter", "platform": "linkedin"}},
        generation=lambda hers, _mine: {"json": {"generation_id": hers.generation, "instruction": "shorter", "platform": "linkedin"}},
    ),
    ("GET", "/api/generations/<generation_id>/events"): _of(
        SIGNED_IN, generation=lambda hers, _mine: {"path": {"generation_id": hers.generation}}
    ),
    ("DELETE", "/api/generations/<generation_id>"): _of(
        LIVE, generation=lambda hers, _mine: {"path": {"generation_id": hers.generation}}
    ),
    ("GET", "/api/generations/export"): _plain(SIGNED_IN, 200),
    ("POST", "/api/chat/send"): _of(
        LIVE,
        session=lambda hers, _mine: {"json": {"session_id": _session(hers), "message": "Which bridges?"}},
        answer_to_go_on_with=lambda hers, _mine: {
            "json": {"message": "Which bridges?"}, "headers": {"Last-Event-ID": f"{_message(hers)}:0"}
        },
    ),
    ("GET", "/api/chat/messages/<message_id>/events"): _of(
        SIGNED_IN, message=lambda hers, _mine: {"path": {"message_id": _message(hers)}}
    ),
    ("DELETE", "/api/chat/messages/<message_id>/answer"): _of(
        LIVE, message=lambda hers, _mine: {"path": {"message_id": _message(hers)}}
    ),
    ("POST", "/api/chat/messages/<message_id>/post"): _of(
        LIVE, message=lambda hers, _mine: {"path": {"message_id": _message(hers)}}
    ),
    ("GET", "/api/chat/history"): _of(
        SIGNED_IN, session=lambda hers, _mine: {"query_string": {"session_id": _session(hers)}}
    ),
    ("GET", "/api/chat/sessions/<session_id>/export"): _of(
        SIGNED_IN, session=lambda hers, _mine: {"path": {"session_id": _session(hers)}}
    ),
    ("POST", "/api/chat/speak"): _of(
        LIVE,
        message=lambda hers, _mine: {"json": {"message_id": _message(hers)}},
        post=lambda hers, _mine: {"json": {"post_id": hers.post}},
    ),
    ("POST", "/api/slots"): _of(
        LIVE,
        account=lambda hers, _mine: {"json": {"account_id": hers.account, "when": "Thursday 11:00", "enabled": False}},
    ),
    ("PATCH", "/api/slots/<slot_id>"): _of(
        LIVE, slot=lambda hers, _mine: {"path": {"slot_id": hers.slot}, "json": {"brief": "Longer"}}
    ),
    # an entry without an address: nothing is added that a worker would fetch
    ("POST", "/api/sources/import"): _plain(
        LIVE, 200, data='<opml version="2.0"><head/><body><outline text="x"/></body></opml>', content_type="text/x-opml"
    ),
    ("GET", "/api/sources/export"): _plain(SIGNED_IN, 200),
    ("GET", "/api/insights"): _plain(SIGNED_IN, 200),
    # an address that is refused: nothing is made that a worker would post to
    ("POST", "/api/webhooks"): _plain(LIVE, 422, json={"url": "http://10.0.0.1/"}),
    ("POST", "/api/webhooks/<webhook_id>/secret"): _of(
        LIVE, webhook=lambda hers, _mine: {"path": {"webhook_id": _webhook(hers)}, "json": {}}
    ),
    ("POST", "/api/webhooks/<webhook_id>/test"): _of(
        LIVE, webhook=lambda hers, _mine: {"path": {"webhook_id": _webhook(hers)}}
    ),
    ("POST", "/api/webhooks/deliveries/<delivery_id>/again"): _of(
        LIVE, delivery=lambda hers, _mine: {"path": {"delivery_id": _delivery(hers)}}
    ),
    ("GET", "/api/account/export"): _plain(LIVE, 200),
    ("DELETE", "/api/account"): Route(
        LIVE, {"": Ask(lambda hers, _mine: {"json": {"confirm": hers.owner.email}}, 422)}
    ),
}  # fmt: skip


def asks(*access: str) -> list[tuple[str, str, Ask]]:
    """(method, rule, ask) of every route of these kinds, of all without any."""
    return [
        (method, rule, ask)
        for (method, rule), route in ROUTES.items()
        if not access or route.access in access
        for ask in route.asks.values()
    ]


def names(*access: str) -> list[str]:
    """What the tests about `asks(*access)` are called."""
    return [
        f"{method} {rule} {name}".strip()
        for (method, rule), route in ROUTES.items()
        if not access or route.access in access
        for name in route.asks
    ]
