"""Each call of a model as a step (core/following.py): which Space, for what, how it ended."""

from __future__ import annotations

from typing import Any

from backend.core import following
from backend.core.models import Model, Spoken, Written


class FollowedModel:
    """A `Model` that is another one, and says when it is called. Texts and sounds are no part of what it says."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def space(self) -> str:
        """The model's."""
        return self._model.space

    def write(self, *asked: Any, **more: Any) -> Written:
        """The model's."""
        with following.step("space call", "asking", space=self.space, role="writer"):
            return self._model.write(*asked, **more)

    def chat(self, *asked: Any, **more: Any) -> str:
        """The model's."""
        with following.step("space call", "asking", space=self.space, role="mentor"):
            return self._model.chat(*asked, **more)

    def speak(self, *asked: Any, **more: Any) -> Spoken:
        """The model's."""
        with following.step("space call", "asking", space=self.space, role="voice"):
            return self._model.speak(*asked, **more)

    def embed(self, *asked: Any, **more: Any) -> list[list[float]]:
        """The model's."""
        with following.step("space call", "asking", space=self.space, role="embedding"):
            return self._model.embed(*asked, **more)
