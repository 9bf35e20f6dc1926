"""The sign-in and consent page, the same for every platform but for its words."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, request

from .people import Member, People
from .templating import page


@dataclass(frozen=True)
class Decision:
    """What the person on the page chose: ``allow`` or one of the platform's refusals."""

    choice: str
    member: Member


def show(
    people: People, platform: str, app: str, scopes: dict[str, str], refusals: dict[str, str]
) -> Response:
    """The form. ``refusals`` maps values of the field ``decision`` to button texts."""
    return page(
        "consent.html",
        platform=platform,
        app=app,
        scopes=scopes,
        refusals=refusals,
        members=people.shown_on_consent_page(),
    )


def read(people: People) -> Decision | None:
    """The posted form; None when the member is unknown.

    ``member=new`` (with an optional ``name``) makes a member nobody else uses.
    """
    identity = request.form.get("member", "")
    if identity == "new":
        member: Member | None = people.add(request.form.get("name") or None)
    else:
        member = people.get(people.find(identity) or "")
    return Decision(request.form.get("decision", ""), member) if member else None


def refuse(platform: str, why: str, status: int = 400) -> Response:
    """The platform's own error page; nobody is sent back to the app."""
    return page("refused.html", status, platform=platform, why=why)
