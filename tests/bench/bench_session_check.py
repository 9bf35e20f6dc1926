"""What it costs to ask whether a session still lives, before anything that acts outside.

The app runs in this process, without a socket of its own: what a request costs beside the check is as little as it can be, so
the ratios are the worst there are. The route is one that acts and makes one call of the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from backend.app import create_app
from backend.auth import Authenticator, CurrentUser, SigningKeys
from backend.outbound import PlatformHttp
from backend.services import Services, build
from backend.settings import Settings, load_settings
from local.figures import Report
from local.stack import Stack
from tests.people import People

from .interleaving import interleaved
from .workers import no_worker

ROUNDS = 40
REQUESTS = 10
REMEMBERED_SECONDS = 60
NOBODYS = "/api/slots/6f8f6f6e-0000-4000-8000-00000000000a"


class Unchecked(Authenticator):
    """Looks at the token's signature only, as for routes that read."""

    def require_live_session(self, user: CurrentUser) -> None:
        """Let everybody act."""


class Forgetful(Authenticator):
    """Asks Auth every time."""

    def require_live_session(self, user: CurrentUser) -> None:
        """As if a minute had passed."""
        self.forget(user)
        super().require_live_session(user)


def run(stack: Stack, report: Report) -> None:
    """Median milliseconds of a request without the check, with a remembered session, and with Auth asked."""
    no_worker(stack)
    with _services(stack) as services, _token(stack) as token:
        ask = {kind: _asking(services, kind, token) for kind in (Unchecked, Authenticator, Forgetful)}  # fmt: skip
        remembered = interleaved(ask[Unchecked], ask[Authenticator], ROUNDS)
        asked = interleaved(ask[Unchecked], ask[Forgetful], ROUNDS)
    more = [b - a for a, b in zip(asked.first, asked.second, strict=True)]
    report.add_median("acting request without the check", remembered.first, "ms")
    report.add_median("acting request, session remembered", remembered.second, "ms")
    report.add_median("acting request, Auth asked", asked.second, "ms")
    report.add_median("Auth asked: more than without", more, "ms")
    report.add("session remembered / without", remembered.ratio, "x", at_most=1.2, spread=remembered.spread)  # fmt: skip
    report.add("Auth asked / without", asked.ratio, "x", at_most=3, spread=asked.spread)
    # of somebody who acts once a second, one request a minute asks
    share = 1 / REMEMBERED_SECONDS
    report.add("one request a second / without", remembered.ratio + (asked.ratio - remembered.ratio) * share, "x", at_most=1.2)  # fmt: skip


def _asking(services: Services, kind: type[Authenticator], token: str) -> Callable[[], float]:
    """The milliseconds of one request, as the mean of a few, to an app that checks in this way."""
    url, door = f"{services.settings.supabase_url}/auth/v1", PlatformHttp(None, total_timeout=30)
    authenticator = kind(
        SigningKeys(lambda: door.send("GET", f"{url}/.well-known/jwks.json").json()),
        issuer=url,
        legacy_secret=None,
        session_check=services.supabase.confirmed_session,
        session_seconds=REMEMBERED_SECONDS,
    )
    client = create_app(replace(services, authenticator=authenticator)).test_client()
    headers = {"Authorization": f"Bearer {token}"}

    def ask() -> float:
        began = time.perf_counter()
        for _ in range(REQUESTS):
            answer = client.patch(NOBODYS, json={"brief": "Longer"}, headers=headers)
            if answer.status_code != 404:
                raise RuntimeError(f"the route answered {answer.status_code}: {answer.text}")
        return (time.perf_counter() - began) * 1000 / REQUESTS

    return ask


@contextmanager
def _services(stack: Stack) -> Iterator[Services]:
    told = {name.lower(): value for name, value in stack.backend_env().items()}
    fields = {name: value for name, value in told.items() if name in Settings.model_fields}
    services = build(load_settings(**fields))
    try:
        yield services
    finally:
        services.supabase.close()


@contextmanager
def _token(stack: Stack) -> Iterator[str]:
    people = People(stack.info)
    try:
        yield people.make("actor").token or ""
    finally:
        people.close()
