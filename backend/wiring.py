"""What web process, worker and commands build in the same way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from .core.connecting import Connector
from .core.generating import Generator
from .core.models import Model
from .core.platform_contract import Platform
from .logs import hide
from .media.inspecting import Inspector
from .outbound import PlatformHttp, PublicHttp
from .outbound.wire import tls_context
from .platforms import PLATFORMS
from .platforms.ruler import Ruler
from .platforms.x_text import weighted_length
from .sealing import Sealer
from .settings import Settings, SettingsError, read_settings, secrets_of, variable_of
from .sources import Reader
from .spaces import FollowedModel, connect
from .store import Supabase


def supabase_of(settings: Settings) -> Supabase:
    """The project, with the caller's rights and with the service's."""
    return Supabase(
        settings.supabase_url,
        settings.supabase_key.get_secret_value(),
        settings.supabase_secret_key.get_secret_value(),
        tls=tls_context(),
    )


def platforms_of(settings: Settings) -> dict[str, Platform]:
    """The platforms of the registry, each with its own settings. Raises SettingsError."""
    door = PlatformHttp(
        settings.platform_sandbox_url,
        total_timeout=settings.platform_timeout_seconds,
        pool_size=2 * settings.worker_threads,
    )
    told = {name: read_settings(platform.Settings) for name, platform in PLATFORMS.items()}
    hide(secret for one in told.values() for secret in secrets_of(one))
    return {name: platform(door, told[name]) for name, platform in PLATFORMS.items()}


def connector_of(
    settings: Settings, supabase: Supabase, platforms: Mapping[str, Platform], sealer: Sealer
) -> Connector:
    """What connects and disconnects accounts."""
    return Connector(
        supabase.service.accounts,
        platforms,
        sealer,
        redirect_uris={
            name: _redirect_uri(settings, name) for name in platforms if name in PLATFORMS
        },
        allowed_origins=settings.frontend_origins,
        require_browser=settings.app_env == "production",
    )


def _redirect_uri(settings: Settings, platform: str) -> str:
    """Where a platform sends browsers back; registered with its app, character by character."""
    kind = PLATFORMS[platform].Settings
    own = read_settings(kind).redirect_url
    if own and settings.app_env == "production" and not own.startswith("https://"):
        name = variable_of(kind, "redirect_url")
        raise SettingsError(f"Lin cannot start:\n  {name}: must be https with APP_ENV=production\nSee .env.example.")  # fmt: skip
    return own or f"{settings.public_url}/api/platforms/{platform}/callback"


def public_door_of(settings: Settings) -> PublicHttp:
    """The way to addresses that people give."""
    return PublicHttp(settings.fetch_private_origins, contact=settings.public_url)


def model_of(settings: Settings, space: str | None) -> Model | None:
    """The model behind one of the *_SPACE settings, None where that is not set."""
    token, key = (
        secret.get_secret_value() if secret else None
        for secret in (settings.hugging_key, settings.model_key)
    )
    return FollowedModel(connect(space, token=token, key=key)) if space else None


def generator_of(
    settings: Settings,
    supabase: Supabase,
    stopping: threading.Event,
    written: Callable[[str], None],
) -> Generator:
    """What drafts."""
    return Generator(
        supabase.service.generations, supabase.service.media, model_of(settings, settings.writer_space), public_door_of(settings), Reader(), Inspector(),
        Ruler(PLATFORMS, weighted_length), written, deadline_seconds=settings.generation_deadline_seconds, stopping=stopping,
    )  # fmt: skip
