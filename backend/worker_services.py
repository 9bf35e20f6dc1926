"""What the worker is made of: the only place that builds its real parts. worker.py uses it, tests may build their own."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from .core.breaker import Breakers
from .core.budget import RetryBudget
from .core.checking import MediaChecker
from .core.clock import DatabaseClock
from .core.delivering import Deliverer
from .core.dispatching import Dispatcher
from .core.embedding import Embedder
from .core.follow_ups import FollowUps
from .core.generating import Generator
from .core.indexing import DocumentIndexer, Indexer
from .core.leaving import Leaver
from .core.mailing import Mailer
from .core.platform_contract import Platform
from .core.preparing import Preparer
from .core.publishing import Publisher
from .core.reading import SourceFetcher
from .core.reconciling import Reconciler
from .core.refreshing import TokenKeeper
from .core.subscribing import secret_of
from .links import MediaLinks, UnsubscribeLinks
from .mail import MailServer, Writer
from .media.document_text import read_document
from .media.erasing import erase_place
from .media.fitting import fit_picture
from .media.inspecting import Inspector
from .sealing import Sealer
from .settings import Settings
from .signing import signed_headers
from .sources import Reader
from .sources.language import detect_language
from .spool import Spool
from .store import Supabase
from .wiring import connector_of, generator_of, model_of, platforms_of, public_door_of, supabase_of


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


def build_worker(
    settings: Settings, platforms: Mapping[str, Platform] | None = None
) -> WorkerServices:
    """Everything a worker needs, for the platforms of the registry unless others are given."""
    supabase, stopping, clock = supabase_of(settings), threading.Event(), DatabaseClock()
    name = f"{socket.gethostname()}:{os.getpid()}"
    platforms = platforms_of(settings) if platforms is None else platforms
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
        SourceFetcher(supabase.service.sources, public_door_of(settings), Reader(), settings.source_interval_seconds, stopping),
        MediaChecker(supabase.service.media, Inspector()),
        Indexer(supabase.service.passages, detect_language, stopping, dispatcher.give_way),
        DocumentIndexer(supabase.service.passages, supabase.service.media, read_document, detect_language, stopping),
        Embedder(
            supabase.service.passages, model_of(settings, settings.embedding_space), stopping, give_way=dispatcher.give_way
        ),
        generator_of(settings, supabase, stopping, lambda _: None),
        keeper,
        Reconciler(supabase.service.unconfirmed, supabase.service.targets, platforms, keeper, clock.now),
        spool,
        platforms,
        FollowUps(supabase.service.published, supabase.service.targets, platforms, keeper, clock.now, stopping),
        Leaver(supabase.service.deletions, connector_of(settings, supabase, platforms, sealer).disconnect),
        _mailer(settings, supabase, stopping),
        Deliverer(
            supabase.service.webhooks, public_door_of(settings),
            lambda sealed, webhook_id: sealer.open(sealed, bound_to=secret_of(webhook_id)), signed_headers,
            settings.app_env == "production", clock.now, stopping,
        ),
    )  # fmt: skip


def _mailer(settings: Settings, supabase: Supabase, stopping: threading.Event) -> Mailer | None:
    if settings.smtp_url is None or settings.mail_from is None:
        return None
    links = UnsubscribeLinks(settings.token_key_bytes(), settings.public_url)
    server = MailServer(settings.smtp_url.get_secret_value(), settings.mail_from)
    write = Writer(settings.frontend_origins[0], links.address)
    return Mailer(supabase.service.mails, write, server.connect, stopping)
