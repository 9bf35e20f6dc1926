"""A person's account as a whole: all of its data as a file, and its deletion."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from flask import Response, current_app
from flask_openapi3 import APIBlueprint, Tag
from pydantic import ConfigDict, Field

from ..auth import CurrentUser
from ..core.errors import InvalidInput, NotAllowed, TooMany
from ..core.exporting import export
from ..core.publishing import utc_now
from ..described import Model
from ..problems import REFUSALS, Unauthorized
from .access import NEEDS_TOKEN, current_user, live_session

api = APIBlueprint(
    "account",
    __name__,
    url_prefix="/api/account",
    abp_tags=[Tag(name="Account")],
    abp_security=NEEDS_TOKEN,
    abp_responses=REFUSALS,
)

_ZIP = "application/zip"


class LeaveBody(Model):
    """The caller's own e-mail address, so that nobody deletes an account by a slip."""

    model_config = ConfigDict(extra="forbid")

    confirm: str = Field(max_length=320, examples=["ada@example.org"])


class LeaveAnswer(Model):
    """How far the deletion is. The token is refused afterwards (401), here within a minute."""

    deleted: bool = Field(
        description="Whether all is gone; if not (202), the worker goes on by itself"
    )
    published: int | None = Field(
        description="How many posts are live on platforms, or may be: they stay there. Null when that is not known any more",
        examples=[12],
    )
    detail: str = Field(examples=["Your account and everything in it is deleted."])


class Exports:
    """Who has an export running in this process: each holds a thread and, for a while, a file on disk."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: set[str] = set()

    def start(self, user_id: str) -> None:
        """Raises TooMany when one of theirs has not ended."""
        with self._lock:
            if user_id in self._users:
                raise TooMany("An export of yours is being made already; wait for its end.", 30)
            self._users.add(user_id)

    def end(self, user_id: str) -> None:
        """Their export was sent, or its reader left."""
        with self._lock:
            self._users.discard(user_id)


@api.get(
    "/export",
    summary="All of the caller's data as a ZIP file",
    description="account.json, tables/<table>.jsonl (a row a line), files/<path>, and at the end contents.json, which counts "
    "them. Made while it is sent: one that breaks off has no contents.json. One at a time.",
    responses={200: {"description": "The file", "content": {_ZIP: {"schema": {"type": "string", "format": "binary"}}}}},
)  # fmt: skip
@live_session
def export_account() -> Response:
    lin, user = current_app.extensions["lin"], current_user()
    account = _person(user)
    pieces = export(lin.supabase.own_data(user.token, user.id), account, utc_now())
    running: Exports = current_app.extensions.setdefault("lin.exports", Exports())
    running.start(user.id)
    try:
        # what fails before the first piece is still told as a problem
        answer = Response(_after(next(pieces), pieces), content_type=_ZIP)
    except BaseException:
        running.end(user.id)
        raise
    answer.call_on_close(lambda: running.end(user.id))
    answer.headers["Content-Disposition"] = 'attachment; filename="lin-account.zip"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


@api.delete(
    "",
    responses={200: LeaveAnswer, 202: LeaveAnswer},
    summary="Delete the caller's account and everything in it",
    description="What is scheduled is canceled first. Tokens are revoked at the platforms as far as those answer; published "
    "posts stay there. May be repeated.",
)  # fmt: skip
@live_session
def delete_account(body: LeaveBody) -> tuple[dict[str, Any], int]:
    lin, user = current_app.extensions["lin"], current_user()
    person = _person(user)
    # somebody without an address confirms by their id
    if body.confirm.strip().casefold() != (person.get("email") or user.id).casefold():
        raise InvalidInput.of("confirm", "Send your own e-mail address to delete your account.")
    left = lin.leaver.leave(user.id)
    if left.done:
        lin.authenticator.forget(user)
    told = {"deleted": left.done, "published": left.published, "detail": _told(left.done, left.published)}  # fmt: skip
    return told, 200 if left.done else 202


def _person(user: CurrentUser) -> dict[str, Any]:
    """The caller as Auth knows them now. Raises Unauthorized when it does not any more, Unavailable."""
    try:
        known: dict[str, Any] = current_app.extensions["lin"].supabase.person(user.token)
    except NotAllowed as error:
        raise Unauthorized(str(error), "session ended") from error
    return known


def _told(done: bool, published: int | None) -> str:
    said = (
        "Your account and everything in it is deleted."
        if done
        else "Your account is being deleted: nothing is published any more, and the rest goes by itself."
    )
    if published == 0:
        return said
    return f"{said} Posts that were published stay on the platforms; delete them there."


def _after(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others
