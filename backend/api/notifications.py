"""Leaving a kind of mail by the link in it (RFC 8058). The link is the permission; reading it changes nothing."""

from __future__ import annotations

from html import escape

from flask import Response, current_app
from flask_openapi3 import APIBlueprint, Tag
from flask_openapi3.types import ResponseDict
from pydantic import Field

from ..described import Model
from ..problems import refused
from .access import open_to_all
from .limits import unlimited

api = APIBlueprint(
    "notifications",
    __name__,
    url_prefix="/api/notifications",
    abp_tags=[Tag(name="Notifications")],
    abp_responses=refused(404, 429, 503),
)

_PAGE: ResponseDict = {
    200: {"description": "A page for people", "content": {"text/html": {"schema": {"type": "string"}}}}
}  # fmt: skip
# as every answer, but that its form may be sent
_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

_TOPICS = {
    "en": {
        "published": "what was published",
        "partly_published": "what was published in part",
        "failed": "what could not be published",
        "unconfirmed": "what may be live",
        "missed": "what became too late",
        "needs_reconnect": "accounts to connect again",
        "token_ends": "permissions that end soon",
        "review": "drafts that wait for you",
        "mail": "anything",
    },
    "fr": {
        "published": "ce qui est publié",
        "partly_published": "ce qui est publié en partie",
        "failed": "ce qui n’a pas pu être publié",
        "unconfirmed": "ce qui est peut-être en ligne",
        "missed": "ce qui est devenu trop tard",
        "needs_reconnect": "les comptes à reconnecter",
        "token_ends": "les autorisations qui prennent fin",
        "review": "les brouillons qui vous attendent",
        "mail": "quoi que ce soit",
    },
}
_ASK = {
    "en": ("Stop these mails?", "Lin will send you no more mail about {topic}.", "Stop them"),
    "fr": ("Arrêter ces messages ?", "Lin ne vous écrira plus sur {topic}.", "Arrêter"),
}
_DONE = {
    "en": ("Done", "Lin sends you no more mail about {topic}. Your settings in Lin can change that."),
    "fr": ("C’est fait", "Lin ne vous écrit plus sur {topic}. Vos réglages dans Lin peuvent le changer."),
}  # fmt: skip


class UnsubscribeQuery(Model):
    """The link's token: whose mail, and which kind."""

    token: str = Field(
        max_length=500, description="Made by Lin, from the link in a mail", examples=["WyI2ZjhmIl0.qapGbKLOfYWylN0r"],
    )  # fmt: skip


@api.get(
    "/unsubscribe",
    responses=_PAGE,
    security=[{}],
    summary="A page that asks whether to stop a kind of mail",
)
@open_to_all
def ask(query: UnsubscribeQuery) -> Response:
    _, topic, language = current_app.extensions["lin"].unsubscribe_links.read(query.token)
    title, text, button = _ASK[language]
    form = f'<form method="post"><button>{escape(button)}</button></form>'
    return _page(language, title, text.format(topic=_TOPICS[language][topic]), form)


@api.post(
    "/unsubscribe",
    responses=_PAGE,
    security=[{}],
    summary="Stop a kind of mail, by one click",
    description="What mail programs call (List-Unsubscribe-Post), and the button of the page. Any body is taken, and none is read. May be repeated.",
)  # fmt: skip
@open_to_all
@unlimited  # a mail provider clicks for everybody from few addresses, and a link that is not ours costs nothing
def stop(query: UnsubscribeQuery) -> Response:
    lin = current_app.extensions["lin"]
    user_id, topic, language = lin.unsubscribe_links.read(query.token)
    # somebody who is gone gets no more mail either
    lin.supabase.service.mails.stop_mails(user_id, topic)
    title, text = _DONE[language]
    return _page(language, title, text.format(topic=_TOPICS[language][topic]))


def _page(language: str, title: str, text: str, form: str = "") -> Response:
    answer = current_app.make_response(
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><h1>{escape(title)}</h1><p>{escape(text)}</p>{form}</html>"
    )
    answer.content_type = "text/html; charset=utf-8"
    answer.headers["Content-Security-Policy"] = _POLICY
    return answer
