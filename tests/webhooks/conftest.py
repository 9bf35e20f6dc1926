"""People with webhooks, receivers on loopback, and workers of the test's own: the real functions, the real door. Nobody else
works in this database."""

from __future__ import annotations

import random
import secrets
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import psycopg
import pytest
from standardwebhooks import Webhook

from backend.core.delivering import Deliverer
from backend.core.records import DueDelivery
from backend.core.subscribing import Subscriber, secret_of
from backend.outbound import PublicHttp
from backend.sealing import Sealer
from backend.signing import new_signing_secret, signed_headers
from backend.store.webhooks import due_delivery
from tests import stacks
from tests.engine.actors import Actor, Refused, Row, World
from tests.unit.outbound.conftest import Site
from tests.unit.outbound.conftest import new_site as new_site

# reading the certificates takes a while, and nothing here is encrypted
TLS = ssl.create_default_context()


@pytest.fixture(scope="package")
def database_url() -> Iterator[str]:
    """Postgres with the migrations and nobody else in it."""
    with stacks.quiet_stack() as stack:
        yield f"{stack.info['database_url']}?sslmode=disable"


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """People of one test, gone with their webhooks after it."""
    made = World(database_url)
    try:
        yield made
    finally:
        made.close()


@dataclass(frozen=True)
class SqlStore:
    """`WebhookStore` and `DeliveryStore` over a database session: only PostgREST is left out."""

    actor: Actor

    def create(
        self, webhook_id: str, user_id: str, url: str, kinds: Sequence[str] | None, description: str | None, secret_sealed: str
    ) -> dict[str, Any]:  # fmt: skip
        try:
            (row,) = self.actor.run(
                "select * from create_webhook(%s, %s, %s, %s, %s, %s)",
                webhook_id, user_id, url, kinds and list(kinds), description, secret_sealed,
            )  # fmt: skip
        except psycopg.Error as error:
            raise Refused(error) from error
        return row

    def add_secret(
        self, webhook_id: str, user_id: str, secret_sealed: str, overlap_seconds: int
    ) -> datetime:
        ends_at: datetime = self.actor.call(
            "add_webhook_secret", hook=webhook_id, owner=user_id, secret=secret_sealed, overlap_seconds=overlap_seconds
        )  # fmt: skip
        return ends_at

    def claim_deliveries(
        self, take: int, take_troubled: int, lease_seconds: int
    ) -> list[DueDelivery]:
        rows = self.actor.rows(
            "claim_webhook_deliveries", take=take, take_troubled=take_troubled, lease_seconds=lease_seconds
        )  # fmt: skip
        return [due_delivery(value) for row in rows for value in row.values()]

    def settle_delivery(self, delivery: DueDelivery, result: Mapping[str, Any]) -> str:
        return str(
            self.actor.call(
                "settle_webhook_delivery", delivery=delivery.delivery_id, token=delivery.lease_token, result=dict(result)
            )
        )  # fmt: skip


def deliverer(actor: Actor, sealer: Sealer, door: PublicHttp, **more: Any) -> Deliverer:
    """A worker of its own, as worker_services.py builds it."""
    return Deliverer(
        SqlStore(actor), door,
        lambda sealed, webhook_id: sealer.open(sealed, bound_to=secret_of(webhook_id)), signed_headers,
        more.pop("https_only", False), lambda: datetime.now(UTC), **more,
    )  # fmt: skip


@dataclass(frozen=True)
class Hook:
    """A webhook with the secret its owner was shown."""

    id: str
    user_id: str
    secret: str


@dataclass
class Receiver:
    """A program that takes events, and checks them with the library for receivers."""

    site: Site
    secret: str = ""

    @property
    def url(self) -> str:
        return f"{self.site.url}/hook"

    def answer(self, status: int, **headers: str) -> None:
        """What it says from now on."""
        self.site.answer("/hook", status, b"", **headers)

    def hold(self) -> threading.Event:
        """It answers nothing until the event is set."""
        free = threading.Event()

        def page(handler: BaseHTTPRequestHandler) -> None:
            free.wait(60)
            handler.send_response(204)
            handler.end_headers()

        self.site.pages["/hook"] = page
        return free

    @property
    def ids(self) -> list[str]:
        """The webhook-id of each request, oldest first."""
        return [self.headers(n)["webhook-id"] for n in range(len(self.site.requests))]

    def headers(self, n: int) -> dict[str, str]:
        return {name.lower(): value for name, value in self.site.requests[n][1].items()}

    def event(self, n: int = -1, secret: str = "") -> dict[str, Any]:
        """A request's event. Raises WebhookVerificationError."""
        told: dict[str, Any] = Webhook(secret or self.secret).verify(
            self.site.requests[n][2], self.headers(n)
        )
        return told


@dataclass
class Desk:
    """Somebody with webhooks, and the workers that serve them."""

    world: World
    new_site: Callable[..., Site]
    user: str = ""
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    origins: list[str] = field(default_factory=list)

    @property
    def sealer(self) -> Sealer:
        return Sealer([self.key])

    def door(self) -> PublicHttp:
        return PublicHttp(self.origins, connect_timeout=2, tls=TLS, contact="https://lin.example")

    def subscriber(self, **more: Any) -> Subscriber:
        store = SqlStore(self.world.service)
        https_only = more.pop("https_only", False)
        return Subscriber(store, self.door(), self.sealer, new_signing_secret, https_only)

    def hook(self, url: str, user: str | None = None, kinds: list[str] | None = None) -> Hook:
        """A new webhook."""
        owner = user or self.user
        row, secret = self.subscriber().subscribe(owner, url, kinds, None)
        return Hook(str(row["id"]), owner, secret)

    def receiver(self, *, reachable: bool = True) -> Receiver:
        """A program that answers 204, which the workers may reach."""
        receiver = Receiver(self.new_site())
        receiver.answer(204)
        if reachable:
            self.origins.append(receiver.site.url)
        return receiver

    def subscribed(self, user: str | None = None, **more: Any) -> tuple[Receiver, Hook]:
        """A receiver that is somebody's webhook."""
        receiver = self.receiver()
        hook = self.hook(receiver.url, user, **more)
        receiver.secret = hook.secret
        return receiver, hook

    def tell(self, kind: str = "target_published", user: str | None = None, **facts: Any) -> str:
        """Tell somebody something, as the worker does; returns the notification's id."""
        (row,) = self.world.service.run(
            "insert into notifications (user_id, kind, event_key, payload) values (%s, %s, %s, jsonb_build_object('post_id', %s::text)) returning id",
            user or self.user, kind, str(uuid.uuid4()), facts.get("post_id", str(uuid.uuid4())),
        )  # fmt: skip
        return str(row["id"])

    def worker(self, **more: Any) -> Deliverer:
        """Another worker, whose waits are the shortest allowed."""
        return deliverer(
            self.world.worker(), self.sealer, self.door(), draw=random.Random(1), **more
        )

    def run(self) -> int:
        """Have what is due posted."""
        return self.worker().run()

    def let_pass(self, seconds: float) -> None:
        """As if this time had passed for webhooks and deliveries."""
        for table, columns in (
            ("webhook_deliveries", ("next_attempt_at", "lease_until", "created_at", "finished_at")),
            ("webhooks", ("failing_since", "held_until", "lease_until")),
            ("webhook_secrets", ("ends_at",)),
        ):
            moved = ", ".join(f"{c} = {c} - make_interval(secs => {seconds})" for c in columns)
            self.world.admin.run(f"update {table} set {moved}")  # noqa: S608 - names from here

    def deliveries(self, user: str | None = None) -> list[Row]:
        """The log, oldest first, with `wait`: in how many seconds each is posted."""
        return self.world.admin.run(
            """select *, extract(epoch from next_attempt_at - clock_timestamp())::float as wait from webhook_deliveries
               where user_id = %s order by created_at, id""",
            user or self.user,
        )

    def row(self, hook: Hook) -> Row:
        (row,) = self.world.admin.run("select * from webhooks where id = %s", hook.id)
        return row

    def told(self, user: str | None = None) -> list[Row]:
        """The owner's notifications about webhooks."""
        return self.world.admin.run(
            "select * from notifications where user_id = %s and kind = 'webhook_disabled'",
            user or self.user,
        )


@pytest.fixture
def desk(world: World, new_site: Callable[..., Site]) -> Desk:
    return Desk(world, new_site, world.user())
