"""The models that Lin can use. ADDING.md tells how to point Lin at one."""

from __future__ import annotations

from urllib.parse import urlsplit

from backend.core.models import Model

from .followed import FollowedModel
from .gradio_model import GradioModel


def connect(space: str, *, token: str | None = None, key: str | None = None) -> Model:
    """The model behind a *_SPACE setting: owner/name or the URL of a Gradio app, or of an OpenAI-compatible endpoint.

    An endpoint's URL ends in /v1, or names a model after a #. Raises ValueError for a token, key or URL of no use.
    """
    url = urlsplit(space)
    if url.scheme in ("http", "https") and (url.fragment or url.path.rstrip("/").endswith("/v1")):
        # here, so that a process that uses Spaces only is spared it
        from .openai_model import OpenAiModel

        return OpenAiModel(space, key=key)
    return GradioModel(space, token=token)


__all__ = ["FollowedModel", "GradioModel", "connect"]
