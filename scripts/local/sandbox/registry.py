"""The platforms there are. A further one is a package like ``linkedin/`` and a line here."""

from __future__ import annotations

from .control import control_app
from .facebook import Facebook
from .instagram import Instagram
from .linkedin import LinkedIn
from .mounting import Mounts
from .pages import pages_app
from .tiktok import TikTok
from .world import World
from .x import X

_PLATFORMS = (LinkedIn, TikTok, X, Facebook, Instagram)


def build(public_origins: tuple[str, ...] = ()) -> tuple[World, Mounts]:
    """A new world with every platform in it, and the table that leads to them.

    ``public_origins`` are addresses that platforms may fetch media from, see ``fetching.py``.
    """
    world = World()
    world.public_origins = public_origins
    for platform in _PLATFORMS:
        world.add_platform(platform(world))
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
