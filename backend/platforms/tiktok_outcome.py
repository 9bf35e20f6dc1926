"""What became of a publication. Source: TikTok for Developers, Get Post Status, Cancel (2026-09).

A publication belongs to one publish_id: it makes one post or none, however often it is asked for.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from ..core.errors import Rejected
from ..core.platform_contract import Absent, Notes, Pending, Published, Tokens
from .tiktok_errors import failure, may_be_sent_again
from .tiktok_media import Call

log = logging.getLogger("lin.platforms.tiktok")

_LONGEST_POLL_SECONDS = 300.0
# what TikTok still has under way after so long is no more waited for; its owner is asked
_PATIENCE = timedelta(days=1)


class TikTokOutcomes:
    """Asks for the state of a publication by the reference in the notes."""

    def __init__(self, call: Call, poll_seconds: float) -> None:
        self._call = call
        self._poll_seconds = poll_seconds

    def outcome(
        self, tokens: Tokens, username: str | None, notes: Notes, since: datetime
    ) -> Published | Pending | Absent | None:
        """What became of it. A draft that was delivered counts as published: all that Lin can do is done, and the owner
        finishes it in the app. The id is then the publish_id, as it is of what cannot be seen publicly (yet)."""
        reference = notes.get("reference")
        if not reference:
            return None
        body = {"publish_id": str(reference)}
        try:
            data = self._call("/post/publish/status/fetch/", tokens, body)
        except Rejected as error:  # the question was refused, which says nothing about the post
            log.warning("TikTok does not tell a state", extra={"error_class": error.error_class})
            return None
        match data.get("status"):
            case "PUBLISH_COMPLETE":
                return _published(str(reference), data, username)
            case "SEND_TO_USER_INBOX":
                return Published(str(reference), None, http_status=200)
            case "FAILED":
                return _failed(str(data.get("fail_reason") or ""), notes)
        if _is_stuck(notes):
            self._cancel(tokens, body, notes)
        elapsed = datetime.now(UTC) - since
        if elapsed > _PATIENCE:
            return None
        # ever more seldom: TikTok answers thirty such questions a minute
        wait = max(self._poll_seconds, elapsed.total_seconds() / 10)
        return Pending(min(wait, _LONGEST_POLL_SECONDS))

    def _cancel(self, tokens: Tokens, body: dict[str, Any], notes: Notes) -> None:
        """Cancel an upload that can no more be completed. Whether that worked the next state says: "canceled" proves that
        it makes no post, anything else that it is on its way after all."""
        notes.keep(canceling=True)
        try:
            self._call("/post/publish/cancel/", tokens, body)
        except Rejected as error:
            log.info("an upload could not be canceled", extra={"error_class": error.error_class})
            if error.error_class == "publish_not_cancellable":  # it is being published
                notes.keep(canceling=None, complete=True)


def _is_stuck(notes: Notes) -> bool:
    """Whether TikTok may lack the last part and can get it no more: its address has ended, and TikTok never said that it has
    it all."""
    upload = notes.get("upload")
    return (
        isinstance(upload, dict)
        and not notes.get("complete")
        and datetime.now(UTC) > datetime.fromisoformat(upload["until"]) + timedelta(minutes=5)
    )


def _failed(reason: str, notes: Notes) -> Absent:
    """A failed publication made no post, and never will. Raises Rejected when another try would fail as well."""
    canceled_here = reason == "publish_cancelled" and bool(notes.get("canceling"))
    notes.keep(over=True)
    if canceled_here:
        return Absent("TikTok never got the end of the video; its upload was canceled.")
    if may_be_sent_again(reason):
        return Absent(f"TikTok did not publish it ({reason}).")
    raise failure(reason)


def _published(reference: str, data: dict[str, Any], username: str | None) -> Published:
    # spelled so by TikTok; whole numbers of 64 bits, which Python's JSON reads exactly
    ids = data.get("publicaly_available_post_id")
    public = str(ids[0]) if isinstance(ids, list) and ids else None
    url = None
    if public and username:
        url = f"https://www.tiktok.com/@{quote(username)}/video/{public}"
    return Published(public or reference, url, http_status=200)
