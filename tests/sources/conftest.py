"""Readers of sources: the real functions of the database, the real door, and servers on loopback. No worker is about."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from backend.core.reading import SourceFetcher
from backend.core.records import DueSource
from backend.outbound import PublicHttp
from backend.sources import Reader
from tests import stacks
from tests.engine.actors import Actor, Row, World

# a server whose pages a test fills in
from tests.unit.outbound.conftest import Site
from tests.unit.outbound.conftest import new_site as new_site

INTERVAL = 1800


@pytest.fixture(scope="package")
def database_url() -> Iterator[str]:
    """Postgres with the migrations and nobody else in it."""
    with stacks.quiet_stack() as stack:
        yield f"{stack.info['database_url']}?sslmode=disable"


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """People of one test, gone with their sources after it."""
    made = World(database_url)
    made.admin.run("delete from private.source_hosts")
    try:
        yield made
    finally:
        made.close()


@dataclass(frozen=True)
class SqlStore:
    """`SourceStore` over a database session: the functions are the product's, only PostgREST is left out."""

    actor: Actor

    def claim_due_sources(self, take: int, retry_after_seconds: int) -> list[DueSource]:
        rows = self.actor.rows(
            "claim_due_sources", take=take, retry_after_seconds=retry_after_seconds
        )
        return [
            DueSource(
                str(row["id"]), str(row["user_id"]), row["url"], row["kind"],
                row["etag"], row["last_modified"], row["failures"],
            )
            for row in rows
        ]  # fmt: skip

    def record_source_fetch(self, source_id: str, result: dict[str, Any]) -> int:
        return int(self.actor.call("record_source_fetch", source=source_id, result=result))


@dataclass
class Desk:
    """Somebody with sources, and the workers that read them."""

    world: World
    new_site: Callable[..., Site]
    user: str = ""
    origins: list[str] = field(default_factory=list)

    def site(self) -> Site:
        """A server that the workers may reach."""
        made = self.new_site()
        self.origins.append(made.url)
        return made

    def add(self, url: str, kind: str = "feed", user: str | None = None) -> str:
        """A new source; returns its id."""
        (row,) = self.world.admin.run(
            "insert into sources (user_id, url, kind) values (%s, %s, %s) returning id",
            user or self.user, url, kind,
        )  # fmt: skip
        return str(row["id"])

    def fetcher(self, stopping: threading.Event | None = None) -> SourceFetcher:
        """A worker of its own: its own session, its own door."""
        return SourceFetcher(
            SqlStore(self.world.worker()),
            PublicHttp(self.origins, connect_timeout=2, contact="https://lin.example"),
            Reader(),
            INTERVAL,
            stopping or threading.Event(),
        )

    def read(self) -> int:
        """Let every source be due and have what is due read once."""
        self.let_pass(60 * 24 * 3600)
        return self.fetcher().run()

    def let_pass(self, seconds: float) -> None:
        """As if this time had passed for sources and servers."""
        self.world.admin.run(
            "update sources set next_fetch_at = next_fetch_at - make_interval(secs => %s)", seconds
        )
        self.world.admin.run(
            """update private.source_hosts set next_at = next_at - make_interval(secs => %s),
                 busy_until = busy_until - make_interval(secs => %s)""",
            seconds,
            seconds,
        )

    def source(self, source_id: str) -> Row:
        """The row, with `wait`: in how many seconds it is due."""
        (row,) = self.world.admin.run(
            "select *, extract(epoch from next_fetch_at - now())::float as wait from sources where id = %s",
            source_id,
        )
        return row

    def items(self, source_id: str) -> list[Row]:
        """Its articles by guid."""
        return self.world.admin.run(
            "select * from source_items where source_id = %s order by guid", source_id
        )


@pytest.fixture
def desk(world: World, new_site: Callable[..., Site]) -> Desk:
    return Desk(world, new_site, world.user())


@pytest.fixture
def site(desk: Desk) -> Site:
    """A server that the workers may reach."""
    return desk.site()


def rss(*items: tuple[str, str], text: str = "Text") -> bytes:
    """A feed of these items (guid, title)."""
    inner = "".join(
        f"<item><guid isPermaLink='false'>{guid}</guid><title>{title}</title><description>{text} of {title}</description></item>"
        for guid, title in items
    )
    return f"<rss version='2.0'><channel><title>News</title>{inner}</channel></rss>".encode()


@pytest.fixture
def feed() -> Callable[..., bytes]:
    return rss
