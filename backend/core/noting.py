"""What is known of one publication under way, kept with its target."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .errors import LeaseLost, Unavailable
from .records import ClaimedTarget

# A database that does not answer is asked again for so long; then nothing more is sent.
_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)


class NoteStore(Protocol):
    """Where notes are kept; see store/targets.py."""

    def keep_notes(
        self, target_id: str, lease_token: int, values: Mapping[str, Any], look: int | None
    ) -> bool: ...


class TargetNotes:
    """Implements `Notes` for a claimed target; `look` is given when it is only looked for (records.UnconfirmedTarget)."""

    def __init__(
        self,
        target: ClaimedTarget,
        store: NoteStore,
        *,
        look: int | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._target = target
        self._store = store
        self._look = look
        self._pause = pause
        self._values = dict(target.notes)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of that name."""
        return self._values.get(name, default)

    def keep(self, **values: Any) -> None:
        """Store the values durably, before it returns; None removes one. Raises LeaseLost, Unavailable."""
        if not self._stored(values):
            raise LeaseLost("Another worker has this post by now, or its owner took it back.")
        self._values = {
            name: value for name, value in {**self._values, **values}.items() if value is not None
        }

    def _stored(self, values: Mapping[str, Any]) -> bool:
        for seconds in _PAUSES:
            try:
                return self._store.keep_notes(
                    self._target.target_id, self._target.lease_token, values, self._look
                )
            except Unavailable:
                self._pause(seconds)
        return self._store.keep_notes(
            self._target.target_id, self._target.lease_token, values, self._look
        )
