"""The developer apps that the local platforms know, and the variables that tell the backend of them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from local.sandbox import platforms

# What some platforms call id and secret of an app, as .env.example has them; others say CLIENT_ID and CLIENT_SECRET.
_WORDS = {
    "facebook": ("APP_ID", "APP_SECRET"),
    "instagram": ("APP_ID", "APP_SECRET"),
    "tiktok": ("CLIENT_KEY", "CLIENT_SECRET"),
}
# The variables of each platform's credentials.
VARIABLES = {
    name: tuple(
        f"{name.upper()}_{word}" for word in _WORDS.get(name, ("CLIENT_ID", "CLIENT_SECRET"))
    )
    for name in platforms()
}


def credentials(seed: str) -> dict[str, str]:
    """Id and secret of an app on each platform, by their variables; the same for the same seed."""
    made = {}
    for platform, (id_name, secret_name) in VARIABLES.items():
        digest = hmac.new(seed.encode(), platform.encode(), hashlib.sha256).hexdigest()
        made[id_name] = f"lin-{platform}-{digest[:10]}"
        made[secret_name] = digest[10:42]
    return made


def sandbox_apps(environ: Mapping[str, str], seed: str, public_url: str) -> str:
    """The apps as the sandbox reads them (SANDBOX_APPS): what the environment names wins."""
    known = credentials(seed) | {
        name: environ[name] for pair in VARIABLES.values() for name in pair if environ.get(name)
    }
    return ",".join(
        f"{platform}:{known[id_name]}:{known[secret_name]}:{public_url}/api/platforms/{platform}/callback"
        for platform, (id_name, secret_name) in VARIABLES.items()
    )
