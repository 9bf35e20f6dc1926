"""The composition root: the only place that builds real things. wsgi.py and worker.py use it, tests may build their own."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, BinaryIO

from .auth import Authenticator, SigningKeys
from .bulk import CsvSheets, draw_heat_map, write_posts
from .core.bell import Bell
from .core.breaker import Breakers
from .core.budget import RetryBudget
from .core.checking import MediaChecker
from .core.clock import DatabaseClock
from .core.connecting import Connector
from .core.delivering import Deliverer
from .core.dispatching import Dispatcher
from .core.embedding import Embedder
from .core.errors import Unavailable
from .core.follow_ups import FollowUps
from .core.generating import Generator
from .core.importing import Importer
from .core.indexing import DocumentIndexer, Indexer
from .core.leaving import Leaver
from .core.listing import SourceLists
from .core.mailing import Mailer
from .core.mentoring import Mentor
from .core.models import Model
from .core.platform_contract import Platform
from .core.preparing import Preparer
from .core.previewing import Planner
from .core.publishing import Publisher, utc_now
from .core.reading import SourceFetcher
from .core.reconciling import Reconciler
from .core.refreshing import TokenKeeper
from .core.retrieving import Retriever
from .core.rotating import Findings, Rotation
from .core.speaking import Speaker
from .core.subscribing import Subscriber, secret_of
from .links import MediaLinks, UnsubscribeLinks
from .logs import hide
from .mail import MailServer, Writer
from .media.document_text import read_document
from .media.erasing import erase_place
from .media.fitting import fit_picture
from .media.inspecting import Inspector
from .media.planning import plan_picture
from .outbound import PlatformHttp, PublicHttp
from .platforms import PLATFORMS
from .platforms.ruler import Ruler
from .platforms.x_text import weighted_length
from .sealing import Sealer
from .settings import Settings, SettingsError, read_settings, secrets_of, variable_of
from .signing import new_signing_secret, signed_headers
from .sources import Opml, Reader
from .sources.language import detect_language
from .spaces import FollowedModel, connect
from .spool import Spool
from .store import Supabase

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


@dataclass(frozen=True)
class WorkerServices:
    """What the worker hands to its jobs."""

    settings: Settings
    supabase: Supabase
    name: str
    stopping: threading.Event
    clock: DatabaseClock
    dispatcher: Dispatcher
    fetcher: SourceFetcher
    checker: MediaChecker
    indexer: Indexer
    document_indexer: DocumentIndexer
    embedder: Embedder
    generator: Generator
    keeper: TokenKeeper
    reconciler: Reconciler
    spool: Spool
    platforms: Mapping[str, Platform]
    follow_ups: FollowUps
    leaver: Leaver
    mailer: Mailer | None
    deliverer: Deliverer


def build(settings: Settings) -> Services:
    """Everything the web process needs."""
    supabase, sealer, platforms = (
        _supabase(settings),
        Sealer(settings.token_key_bytes()),
        _platforms(settings),
    )
    bell = Bell()
    connector = _connector(settings, supabase, platforms, sealer)
    return Services(
        settings, supabase, _authenticator(settings, supabase), platforms, connector, MediaLinks(sealer, settings.public_url),
        FollowUps(
            supabase.service.published, supabase.service.targets, platforms,
            TokenKeeper(supabase.service.accounts, platforms, sealer), utc_now,
        ),
        plan_picture,
        erase_place,
        Opml(),
        _background(_generator(settings, supabase, threading.Event(), bell.ring)),
        bell,
        _speaker(settings, supabase),
        Mentor(supabase.service.answers, _model(settings, settings.mentor_space), deadline_seconds=settings.generation_deadline_seconds),
        Retriever(_model(settings, settings.embedding_space)),
        Leaver(supabase.service.deletions, connector.disconnect),
        Importer(CsvSheets(), _public_door(settings), Inspector(), supabase.service.media),
        write_posts,
        draw_heat_map,
        UnsubscribeLinks(settings.token_key_bytes(), settings.public_url),
        Subscriber(
            supabase.service.webhooks, _public_door(settings), sealer, new_signing_secret,
            https_only=settings.app_env == "production",
        ),
    )  # fmt: skip


def build_worker(
    settings: Settings, platforms: Mapping[str, Platform] | None = None
) -> WorkerServices:
    """Everything a worker needs, for the platforms of the registry unless others are given."""
    supabase, stopping, clock = _supabase(settings), threading.Event(), DatabaseClock()
    name = f"{socket.gethostname()}:{os.getpid()}"
    platforms = _platforms(settings) if platforms is None else platforms
    sealer = Sealer(settings.token_key_bytes())
    keeper = TokenKeeper(supabase.service.accounts, platforms, sealer)
    spool = Spool(settings.spool_directory, settings.supabase_url)
    publisher = Publisher(
        supabase.service.targets,
        Preparer(
            supabase.service.media,
            supabase.service.targets,
            platforms,
            keeper,
            fit=fit_picture,
            erase_place=erase_place,
            links=MediaLinks(sealer, settings.public_url),
        ),
        Breakers(first_open_seconds=settings.breaker_seconds),
        RetryBudget(),
        spool,
        lease_seconds=settings.publish_lease_seconds,
        request_seconds=settings.platform_timeout_seconds,
        places=settings.worker_threads,
        stopping=stopping,
        now=clock.now,
    )
    dispatcher = Dispatcher(
        supabase.service.targets, publisher, clock,
        worker=name, threads=settings.worker_threads, lease_seconds=settings.publish_lease_seconds,
    )  # fmt: skip
    return WorkerServices(
        settings, supabase, name, stopping, clock, dispatcher,
        SourceFetcher(supabase.service.sources, _public_door(settings), Reader(), settings.source_interval_seconds, stopping),
        MediaChecker(supabase.service.media, Inspector()),
        Indexer(supabase.service.passages, detect_language, stopping),
        DocumentIndexer(supabase.service.passages, supabase.service.media, read_document, detect_language, stopping),
        Embedder(supabase.service.passages, _model(settings, settings.embedding_space), stopping),
        _generator(settings, supabase, stopping, lambda _: None),
        keeper,
        Reconciler(supabase.service.unconfirmed, supabase.service.targets, platforms, keeper, clock.now),
        spool,
        platforms,
        FollowUps(supabase.service.published, supabase.service.targets, platforms, keeper, clock.now, stopping),
        Leaver(supabase.service.deletions, _connector(settings, supabase, platforms, sealer).disconnect),
        _mailer(settings, supabase, stopping),
        Deliverer(
            supabase.service.webhooks, _public_door(settings),
            lambda sealed, webhook_id: sealer.open(sealed, bound_to=secret_of(webhook_id)), signed_headers,
            settings.app_env == "production", clock.now, stopping,
        ),
    )  # fmt: skip


def build_rotation(settings: Settings, on_progress: Callable[[Findings], None]) -> Rotation:
    """What seals everything again under the newest key."""
    sealer = Sealer(settings.token_key_bytes())
    return Rotation(_supabase(settings).service.sealed, sealer, on_progress)


def _supabase(settings: Settings) -> Supabase:
    return Supabase(
        settings.supabase_url,
        settings.supabase_key.get_secret_value(),
        settings.supabase_secret_key.get_secret_value(),
    )


def _platforms(settings: Settings) -> dict[str, Platform]:
    door = PlatformHttp(
        settings.platform_sandbox_url,
        total_timeout=settings.platform_timeout_seconds,
        pool_size=2 * settings.worker_threads,
    )
    told = {name: read_settings(platform.Settings) for name, platform in PLATFORMS.items()}
    hide(secret for one in told.values() for secret in secrets_of(one))
    return {name: platform(door, told[name]) for name, platform in PLATFORMS.items()}


def _connector(
    settings: Settings, supabase: Supabase, platforms: Mapping[str, Platform], sealer: Sealer
) -> Connector:
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


def _public_door(settings: Settings) -> PublicHttp:
    return PublicHttp(settings.fetch_private_origins, contact=settings.public_url)


def _model(settings: Settings, space: str | None) -> Model | None:
    """The model behind one of the *_SPACE settings, None where that is not set."""
    token, key = (
        secret.get_secret_value() if secret else None
        for secret in (settings.hugging_key, settings.model_key)
    )
    return FollowedModel(connect(space, token=token, key=key)) if space else None


def _generator(
    settings: Settings,
    supabase: Supabase,
    stopping: threading.Event,
    written: Callable[[str], None],
) -> Generator:
    return Generator(
        supabase.service.generations, supabase.service.media, _model(settings, settings.writer_space), _public_door(settings), Reader(), Inspector(),
        Ruler(PLATFORMS, weighted_length), written, deadline_seconds=settings.generation_deadline_seconds, stopping=stopping,
    )  # fmt: skip


def _mailer(settings: Settings, supabase: Supabase, stopping: threading.Event) -> Mailer | None:
    if settings.smtp_url is None or settings.mail_from is None:
        return None
    links = UnsubscribeLinks(settings.token_key_bytes(), settings.public_url)
    server = MailServer(settings.smtp_url.get_secret_value(), settings.mail_from)
    write = Writer(settings.frontend_origins[0], links.address)
    return Mailer(supabase.service.mails, write, server.connect, stopping)


def _speaker(settings: Settings, supabase: Supabase) -> Speaker:
    return Speaker(
        supabase.service.speeches, _model(settings, settings.voice_space), Inspector(),
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
