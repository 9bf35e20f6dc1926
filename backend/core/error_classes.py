"""The words that rows and answers hold for what a model or a source did wrong."""

from __future__ import annotations

from .errors import (
    FetchError,
    LinError,
    SpaceAnswerUnusable,
    SpaceError,
    SpaceFailed,
    SpaceTimedOut,
    SpaceUnavailable,
    Unavailable,
    UnreadableSource,
)

ERRORS: dict[str, type[LinError]] = {
    "space_unavailable": SpaceUnavailable,
    "space_timed_out": SpaceTimedOut,
    "space_answer_unusable": SpaceAnswerUnusable,
    "space_failed": SpaceFailed,
    "source_unreachable": FetchError,
    "source_unreadable": UnreadableSource,
    "unavailable": Unavailable,
}
"""The error that a word stands for."""


def error_class(error: Exception) -> str:
    """The word for an error, "failed" when there is none; any other error of a Space is "space_failed"."""
    other = "space_failed" if isinstance(error, SpaceError) else "failed"
    return next((word for word, kind in ERRORS.items() if isinstance(error, kind)), other)
