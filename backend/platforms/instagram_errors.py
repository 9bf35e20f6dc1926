"""What refusals mean on Instagram alone; the rest is in graph_errors.py. Source: Instagram API error codes (2025-2026).

The subcode decides. A container that failed tells the same subcodes in a sentence.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from ..core.errors import OutcomeUnknown, PlatformError, Rejected, TryLater
from .graph_errors import Problem

_MISSING, _NOT_READY, _QUOTA, _SPAM, _UNFETCHED = 2207008, 2207027, 2207042, 2207051, 2207052
# the file could not be taken in time; the container was not used for a day
_TIMED_OUT, _EXPIRED = 2207003, 2207020
# what went wrong is told by none of them
_TROUBLE = (2207001, 2207032, 2207053)
_NEW_CONTAINER = (_TIMED_OUT, _EXPIRED, *_TROUBLE)
# which subcode is meant where only the code is told
_OF_CODES = {9: _QUOTA, 9004: _UNFETCHED, 9007: _NOT_READY}
_ENDS_OF_NEW_CONTAINER = (
    "container_failed", "container_expired", "graph_-1", "graph_-2", "graph_9004",
    *(str(subcode) for subcode in (*_NEW_CONTAINER, _UNFETCHED)),
)  # fmt: skip
_WAIT_FOR_QUOTA_SECONDS = 3600.0
_WAIT_SECONDS = {_MISSING: 60.0, _NOT_READY: 30.0}
_TAGS = "Instagram does not take the tags of this post. Check them before you try again."
_REFUSED = {
    2207004: "Instagram takes no picture of more than 8 MB.",
    2207005: "Instagram does not take the format of a picture of this post; it takes JPEG.",
    2207006: "Instagram does not find what was to be published, or the account may not publish it.",
    2207009: "Instagram takes pictures from 4:5 (upright) to 1.91:1 (wide) only.",
    2207010: "The text is too long for Instagram; it takes at most 2200 characters.",
    2207023: "Instagram does not take a file of this post for this kind of post.",
    2207026: "Instagram does not take the format of the video. Export it as MP4 with H.264 and AAC.",
    2207028: "An Instagram carousel has 2 to 10 pictures and videos.",
    2207035: _TAGS,
    2207036: _TAGS,
    2207037: _TAGS,
    2207040: "The text has too many hashtags or mentions for Instagram.",
    2207050: "Instagram says that the account is restricted or inactive. Log in there and look at its notices.",
    2207057: "The moment for the cover (thumb_offset) is not within the video.",
}
# Sentences vary ("… error code 2207026 …"); the number does not.
_SUBCODE = re.compile(r"\b2207\d{3}\b")


def raise_for_media(problem: Problem) -> None:
    """Raise what a code means for calls that make nothing visible; return for all others."""
    subcode = problem.subcode or _OF_CODES.get(problem.code or 0)
    if subcode == _SPAM:
        raise Rejected(_SPAM_REFUSED, **problem.named)
    if subcode in _NEW_CONTAINER or (subcode is None and problem.code in (-1, -2)):
        raise TryLater(f"Instagram did not take a file: {problem.message}", after=problem.after, **problem.named)  # fmt: skip
    _raise_for_known(subcode, problem.named, problem.after)


def raise_for_publishing(problem: Problem) -> None:
    """The same for the call that publishes: what Instagram calls trouble, and what it calls spam, may be live."""
    subcode = problem.subcode or _OF_CODES.get(problem.code or 0)
    if subcode == _SPAM:
        raise OutcomeUnknown(_SPAM_DOUBTFUL, **problem.named)
    if subcode in _TROUBLE or (problem.code in (-1, -2) and subcode not in _NEW_CONTAINER):
        raise OutcomeUnknown("Instagram is in trouble; the post may be live.", **problem.named)
    if subcode in _NEW_CONTAINER:
        raise TryLater("What was prepared at Instagram has ended; Lin prepares it again.", **problem.named)  # fmt: skip
    _raise_for_known(subcode, problem.named, problem.after)


def raise_for_failed(status: str) -> NoReturn:
    """Always raises: what a container's `status` sentence says of why it failed. Without a subcode nothing is known, and a
    new container may do better."""
    found = _SUBCODE.search(status)
    subcode = int(found[0]) if found else None
    named: dict[str, Any] = {"error_class": f"graph_{subcode}" if subcode else "container_failed"}
    words = status.strip()[:200] or "no reason given"
    if subcode is not None:
        _raise_for_known(subcode, named, None)
    if subcode is None or subcode in _NEW_CONTAINER:
        raise TryLater(f"Instagram could not process a file of this post ({words}).", **named)
    raise Rejected(f"Instagram could not process a file of this post ({words}).", **named)


def wants_new_container(error: PlatformError) -> bool:
    """Whether a next try has to begin with a new container."""
    return error.error_class.endswith(_ENDS_OF_NEW_CONTAINER)


def is_unfetched(error: PlatformError) -> bool:
    """Whether Instagram could not fetch a file from its address."""
    return error.error_class.endswith((str(_UNFETCHED), "graph_9004"))


def _raise_for_known(subcode: int | None, named: dict[str, Any], after: float | None) -> None:
    if subcode in _REFUSED:
        raise Rejected(_REFUSED[subcode], **named)
    if subcode == _QUOTA:
        raise quota_used(after, **named)
    if subcode == _UNFETCHED:
        raise TryLater("Instagram could not fetch a file of this post from this server.", after=after, **named)  # fmt: skip
    if subcode in _WAIT_SECONDS:
        wait = _WAIT_SECONDS[subcode] if after is None else after
        raise TryLater("Instagram is still processing this post.", after=wait, **named)


def quota_used(after: float | None, **named: Any) -> TryLater:
    """The posts of 24 hours are used up: nothing of the account goes out until the oldest of them is a day old."""
    return TryLater(
        "The account has published as much as Instagram allows in 24 hours; Lin waits until it allows more.",
        after=_WAIT_FOR_QUOTA_SECONDS if after is None else after,
        whole_account=True,
        **named,
    )


_SPAM_REFUSED = "Instagram takes this for spam and blocks it. Look at the account's notices there before anything is sent again."
_SPAM_DOUBTFUL = "Instagram takes this for spam; the post may be live all the same. Look at the account there before you send it again."
