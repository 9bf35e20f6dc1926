"""One social network per file, found by itself. To add one, read ADDING.md beside this file."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any


def _found() -> dict[str, type[Any]]:
    """The class that each module here names as its PLATFORM, by the platform's name, sorted."""
    modules = (
        importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)
    )
    found = (module.PLATFORM for module in modules if hasattr(module, "PLATFORM"))
    return {platform.name: platform for platform in sorted(found, key=lambda p: str(p.name))}


PLATFORMS = _found()
