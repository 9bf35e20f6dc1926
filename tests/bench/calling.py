"""The same questions as a frontend and a worker ask them, over HTTP, through the gateway or the web server."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx

from backend.core.exporting import export
from backend.core.publishing import utc_now
from backend.store import Supabase
from local.stack import Stack
from tests.people import People
from tests.people import Person as Caller

from .asking import Person, agency, usual


@dataclass(frozen=True)
class Call:
    """One request. `by` chooses whose token it carries; None: the secret key for Supabase, nobody's for the web server."""

    name: str
    path: str
    by: Callable[[random.Random, int], Person] | None = None
    body: dict[str, Any] | None = None
    flat: bool = True


EXPORT = "export"  # not by its route, which wants a session that began with a password
_PUBLISHED = (
    "/rest/v1/posts?select=*,post_targets(*)&status=eq.published&order=created_at.desc&limit=50"
)
CALLS = (
    Call("REST: published posts with their targets", _PUBLISHED, usual),
    Call("REST: published posts with their targets, of an agency", _PUBLISHED, agency),
    Call("REST: unread notifications", "/rest/v1/notifications?read_at=is.null&order=created_at.desc&limit=50", usual),
    Call("REST: system_health", "/rest/v1/rpc/system_health", body={}),
    Call("REST: claim_due_targets: 5", "/rest/v1/rpc/claim_due_targets",
        body={"worker_name": "bench", "take": 5, "lease_seconds": 86_400}),
    Call("/health/ready", "/health/ready"),
    Call("/api/insights", "/api/insights", usual),
    Call("/api/insights, of an agency", "/api/insights", agency),
    Call("a whole account as a ZIP file", EXPORT, usual),
)  # fmt: skip


class Wire:
    """A client of a stack that lets anybody in, by tokens of its own making."""

    def __init__(self, stack: Stack) -> None:
        self._info = stack.info
        self._http = httpx.Client(timeout=60, trust_env=False)
        self._people = People(stack.info)
        keys = ("supabase_url", "publishable_key", "secret_key")
        self._supabase = Supabase(*(stack.info[key] for key in keys))

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:  # fmt: skip
        self._supabase.close()
        self._people.close()
        self._http.close()

    def milliseconds(self, call: Call, person: Person | None) -> float:
        """What the call took, to the last byte. Raises AssertionError for any answer but 200."""
        token = self._token(person) if person else ""
        if not person:
            self._supabase.service.operations.heartbeat("bench")
        began = time.perf_counter()
        if call.path == EXPORT and person:
            for _ in export(self._supabase.own_data(token, person.id()), {}, utc_now()):
                pass
        else:
            self._request(call, token)
        return (time.perf_counter() - began) * 1000

    def _request(self, call: Call, token: str) -> None:
        supabase = call.path.startswith("/rest/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if supabase:
            headers["apikey"] = self._info["publishable_key" if token else "secret_key"]
        url = f"{self._info['supabase_url' if supabase else 'api_url']}{call.path}"
        method = "GET" if call.body is None else "POST"
        answer = self._http.request(method, url, headers=headers, json=call.body)
        assert answer.status_code == 200, f"{call.name}: {answer.status_code} {answer.text[:300]}"

    def _token(self, person: Person) -> str:
        caller = Caller(self._info, self._http, person.id(), f"p{person.number}@example.com")
        minted = self._people.with_minted_token(caller)
        assert minted, "the key that signs tokens is not at hand"
        return str(minted.token)
