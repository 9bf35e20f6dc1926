"""What is being done just now, and for which post, target or account: every log line and every span inside carries these names.

Nothing here knows a library: whoever draws spans is told to `follow_with`. Without one a step costs two microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Literal, Protocol

Kind = Literal["inside", "answering", "asking"]
"""What a step is: our own work, the answer to a request, or a call of somebody else."""

Tell = Callable[..., None]
"""Says more of a step when more is known: `tell(http_status=201)`."""


class Follower(Protocol):
    """Whoever is told of steps; see tracing.py."""

    def step(
        self, name: str, kind: Kind, names: Mapping[str, Any]
    ) -> AbstractContextManager[Tell]: ...


_names: ContextVar[Mapping[str, Any]] = ContextVar("names", default=MappingProxyType({}))
_follower: Follower | None = None


def follow_with(follower: Follower | None) -> None:
    """Tell this one, and nobody else, of every step from now on; None: nobody."""
    global _follower
    _follower = follower


def is_followed() -> bool:
    """Whether anybody is told of steps."""
    return _follower is not None


def current_names() -> Mapping[str, Any]:
    """The names of what is being done in this thread."""
    return _names.get()


@contextmanager
def step(name: str, kind: Kind = "inside", **names: Any) -> Iterator[Tell]:
    """Everything inside, in this thread, belongs to this step. `name` is one of few, never an id; `names` are the ids."""
    token = _names.set({**_names.get(), **names})
    try:
        if _follower is None:
            yield _nobody
        else:
            with _follower.step(name, kind, _names.get()) as tell:
                yield tell
    finally:
        _names.reset(token)


def _nobody(**_more: Any) -> None:
    """Nobody is told."""
