"""What an uploaded file really is."""

from __future__ import annotations

from .inspecting import Inspector

__all__ = ["Inspector"]
