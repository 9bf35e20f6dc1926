"""The sign-in and consent page, the same for every platform but for its words."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import Response, request

from .people import Member, People
from .templating import page


@dataclass(frozen=True)
class Decision:
    """What the person on the page chose: ``allow`` or one of the platform's refusals."""

    choice: str
    member: Member
    #: The form's boxes by field name. A field that is not here was not asked.
    boxes: dict[str, frozenset[str]] = field(default_factory=dict)

    def ticked(self, value: str, name: str = "scope") -> bool:
        """Whether this box was left ticked; all are where the poster says nothing of them."""
        return name not in self.boxes or value in self.boxes[name]

    def left(self, value: str, name: str) -> bool:
        """Like ``ticked``; what the page did not show counts as ticked too."""
        shown = request.form.getlist(f"{name}_shown")
        return self.ticked(value, name) or bool(shown and value not in shown)


def show(
    people: People,
    platform: str,
    app: str,
    scopes: dict[str, str],
    refusals: dict[str, str],
    *,
    untick: bool = False,
    pages: dict[str, str] | None = None,
) -> Response:
    """The form. ``refusals`` maps values of the field ``decision`` to button texts.

    With ``untick`` each scope has a box that may be unticked; ``pages`` (id to name) have boxes
    too, whosever they are: the page cannot know who will be chosen.
    """
    return page(
        "consent.html",
        platform=platform,
        app=app,
        scopes=scopes,
        refusals=refusals,
        untick=untick,
        pages=pages or {},
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
    if member is None:
        return None
    return Decision(request.form.get("decision", ""), member, _boxes())


def _boxes() -> dict[str, frozenset[str]]:
    # A form with every box unticked sends none; "boxes" tells it from a poster who sends none.
    names = {*request.form.getlist("boxes"), *({"scope", "page"} & set(request.form))}
    return {name: frozenset(request.form.getlist(name)) for name in names}


def refuse(platform: str, why: str, status: int = 400) -> Response:
    """The platform's own error page; nobody is sent back to the app."""
    return page("refused.html", status, platform=platform, why=why)
