"""The platforms there are, found by themselves: each package names its class as PLATFORM."""

from __future__ import annotations

from importlib import import_module

from . import platforms
from .control import control_app
from .mounting import Mounts
from .pages import pages_app
from .world import World


def build(public_origins: tuple[str, ...] = ()) -> tuple[World, Mounts]:
    """A new world with every platform in it, and the table that leads to them.

    ``public_origins`` are addresses that platforms may fetch media from, see ``fetching.py``.
    """
    world = World()
    world.public_origins = public_origins
    for name in platforms():  # sorted: Instagram, partly on hosts of Facebook, comes after it
        world.add_platform(import_module(f"{__package__}.{name}").PLATFORM(world))
    return world, Mounts(world, control_app(world), pages_app(world))


def register_apps(world: World, declared: str) -> None:
    """Read ``platform:client id:client secret:redirect address[,…]``, as in ``SANDBOX_APPS``.

    The same app may be named again with another redirect address. Raises ValueError.
    """
    apps: dict[tuple[str, str, str], list[str]] = {}
    for entry in filter(None, map(str.strip, declared.split(","))):
        parts = entry.split(":", 3)
        if len(parts) != 4 or parts[0] not in world.platforms:
            raise ValueError(
                "SANDBOX_APPS: each entry is platform:client_id:client_secret:redirect_uri, with "
                f"a platform out of {', '.join(world.platforms)}"
            )
        apps.setdefault((parts[0], parts[1], parts[2]), []).append(parts[3])
    for (platform, client_id, secret), redirect_uris in apps.items():
        world.platforms[platform].register_app(
            client_id=client_id, client_secret=secret, redirect_uris=redirect_uris, name=client_id
        )
