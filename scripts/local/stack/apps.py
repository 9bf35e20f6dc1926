"""The developer apps that the local platforms know, and the variables that tell the backend of them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

# The variables of each platform's credentials, as .env.example has them.
VARIABLES = {
    "linkedin": ("LINKEDIN_CLIENT_ID", "LINKEDIN_CLIENT_SECRET"),
    "x": ("X_CLIENT_ID", "X_CLIENT_SECRET"),
    "facebook": ("FACEBOOK_APP_ID", "FACEBOOK_APP_SECRET"),
    "instagram": ("INSTAGRAM_APP_ID", "INSTAGRAM_APP_SECRET"),
    "tiktok": ("TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_SECRET"),
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
