"""The models that Lin can use. ADDING.md tells how to point Lin at one."""

from __future__ import annotations

from backend.core.models import Model

from .gradio_model import GradioModel


def connect(space: str, *, token: str | None = None, key: str | None = None) -> Model:
    """The model behind a *_SPACE setting: owner/name or the URL of a Gradio app, or of an OpenAI-compatible endpoint."""
    return GradioModel(space, token=token)


__all__ = ["GradioModel", "connect"]
