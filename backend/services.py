"""What the web process is made of: the only place that builds its real parts. wsgi.py uses it, tests may build their own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, BinaryIO

from .auth import Authenticator, SigningKeys
from .bulk import CsvSheets, draw_heat_map, write_posts
from .core.bell import Bell
from .core.connecting import Connector
from .core.errors import Unavailable
from .core.follow_ups import FollowUps
from .core.generating import Generator
from .core.importing import Importer
from .core.leaving import Leaver
from .core.listing import SourceLists
from .core.mentoring import Mentor
from .core.platform_contract import Platform
from .core.previewing import Planner
from .core.publishing import utc_now
from .core.refreshing import TokenKeeper
from .core.retrieving import Retriever
from .core.speaking import Speaker
from .core.subscribing import Subscriber
from .links import MediaLinks, UnsubscribeLinks
from .media.erasing import erase_place
from .media.inspecting import Inspector
from .media.planning import plan_picture
from .outbound import PlatformHttp
from .sealing import Sealer
from .settings import Settings
from .signing import new_signing_secret
from .sources import Opml
from .store import Supabase
from .wiring import connector_of, generator_of, model_of, platforms_of, public_door_of, supabase_of

log = logging.getLogger("lin.services")

# Generations a web process runs at once; more wait in the table, where workers pick them up.
WEB_GENERATIONS = 8


@dataclass(frozen=True)
class Services:
    """What the web process hands to its views."""

    settings: Settings
    supabase: Supabase
    authenticator: Authenticator
    platforms: Mapping[str, Platform]
    connector: Connector
    links: MediaLinks
    follow_ups: FollowUps
    plan_picture: Planner
    erase_place: Callable[[BinaryIO, str], tuple[str, ...]]
    source_lists: SourceLists
    run_generation: Callable[[str], None]
    bell: Bell
    speaker: Speaker
    mentor: Mentor
    retriever: Retriever
    leaver: Leaver
    importer: Importer
    write_posts: Callable[[Iterable[dict[str, Any]]], Iterator[str]]
    draw_heat_map: Callable[..., bytes]
    unsubscribe_links: UnsubscribeLinks
    subscriber: Subscriber


def build(settings: Settings) -> Services:
    """Everything the web process needs."""
    supabase, sealer, platforms = (
        supabase_of(settings),
        Sealer(settings.token_key_bytes()),
        platforms_of(settings),
    )
    bell = Bell()
    connector = connector_of(settings, supabase, platforms, sealer)
    return Services(
        settings, supabase, _authenticator(settings, supabase), platforms, connector, MediaLinks(sealer, settings.public_url),
        FollowUps(
            supabase.service.published, supabase.service.targets, platforms,
            TokenKeeper(supabase.service.accounts, platforms, sealer), utc_now,
        ),
        plan_picture,
        erase_place,
        Opml(),
        _background(generator_of(settings, supabase, threading.Event(), bell.ring)),
        bell,
        _speaker(settings, supabase),
        Mentor(supabase.service.answers, model_of(settings, settings.mentor_space), deadline_seconds=settings.generation_deadline_seconds),
        Retriever(model_of(settings, settings.embedding_space)),
        Leaver(supabase.service.deletions, connector.disconnect),
        Importer(CsvSheets(), public_door_of(settings), Inspector(), supabase.service.media),
        write_posts,
        draw_heat_map,
        UnsubscribeLinks(settings.token_key_bytes(), settings.public_url),
        Subscriber(
            supabase.service.webhooks, public_door_of(settings), sealer, new_signing_secret,
            https_only=settings.app_env == "production",
        ),
    )  # fmt: skip


def _speaker(settings: Settings, supabase: Supabase) -> Speaker:
    return Speaker(
        supabase.service.speeches, model_of(settings, settings.voice_space), Inspector(),
        deadline_seconds=settings.generation_deadline_seconds,
    )  # fmt: skip


def _authenticator(settings: Settings, supabase: Supabase) -> Authenticator:
    door = PlatformHttp(None, total_timeout=10)
    address = f"{settings.supabase_url}/auth/v1/.well-known/jwks.json"

    def fetch_keys() -> dict[str, Any]:
        try:
            answer = door.send("GET", address)
            document = answer.json() if answer.status == 200 else None
        except Exception as error:
            raise Unavailable("The project's signing keys cannot be read right now.") from error
        if not isinstance(document, dict):
            raise Unavailable("The project's signing keys cannot be read right now.")
        return document

    legacy = settings.jwt_secret_key.get_secret_value() if settings.jwt_secret_key else None
    return Authenticator(
        SigningKeys(fetch_keys),
        issuer=f"{settings.supabase_url}/auth/v1",
        legacy_secret=legacy,
        session_check=supabase.confirmed_session,
    )


def _background(generator: Generator) -> Callable[[str], None]:
    """Start generations on threads of this process. What does not find a free one is picked up by a worker; so is what
    was running when the process ended, which does not wait for it (daemon threads)."""
    free = threading.BoundedSemaphore(WEB_GENERATIONS)

    def run(generation_id: str) -> None:
        if not free.acquire(blocking=False):
            return
        try:
            # with the context: its log lines name the request that asked for it
            context = copy_context()
            threading.Thread(
                target=context.run, args=(work, generation_id), name="generate", daemon=True
            ).start()
        except RuntimeError:
            # no thread to be had. It is queued already: an error would have its caller ask for it again
            free.release()
            log.warning("no thread for a generation", extra={"generation_id": generation_id})

    def work(generation_id: str) -> None:
        try:
            generator.run(generation_id)
        except Exception:
            log.exception(
                "a generation could not be run; a worker takes over",
                extra={"generation_id": generation_id},
            )
        finally:
            free.release()

    return run
