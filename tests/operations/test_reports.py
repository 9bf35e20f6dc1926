"""Error reports and spans of real processes, and one server's counters from all of its processes."""

from __future__ import annotations

import os
import secrets
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from local.stack.forking import Forked
from tests.operations.stand_in import StandIn
from tests.tls import TLS
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0
# what the processes are entrusted with, and what comes with a request or an answer
KEY, TOKEN, PLANTED = (secrets.token_hex(16) for _ in range(3))
SEALING = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


@dataclass(frozen=True)
class Watched:
    """A web server of two processes and a worker, whose errors and spans go to the stand-in."""

    stand_in: StandIn
    url: str

    def get(self, path: str, **headers: str) -> httpx.Response:
        """On a connection of its own, so that either process may take it."""
        return httpx.get(
            f"{self.url}{path}",
            headers=headers,
            trust_env=False,
            timeout=START_SECONDS,
            verify=TLS,
        )

    def event(self, process: str, words: str) -> dict[str, Any]:
        """The first report of this process whose error says these words."""
        found = until(
            lambda: [
                one for one in self.stand_in.events()
                if one["tags"]["process"] == process and words in str(one.get("exception"))
            ],
            f"a report of the {process}",
        )  # fmt: skip
        return found[0]

    def span(self, **like: Any) -> dict[str, Any]:
        """The first span with these attributes."""
        found = until(
            lambda: [one for one in self.stand_in.spans() if like.items() <= one.items()],
            f"a span {like}",
        )
        return found[0]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    place = tmp_path_factory.mktemp("watched")
    stand_in = StandIn()
    stand_in.answers["/rest/v1/rpc/purge_expired"] = f"sb_secret_{PLANTED}"
    # the time, for which a worker's other jobs wait
    now = datetime.now(UTC).isoformat()
    stand_in.answers["/rest/v1/rpc/claim_due_targets"] = {"now": now, "targets": []}
    env = {
        name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "TMPDIR")
    } | {
        "PYTHONPATH": str(ROOT), "APP_ENV": "development", "SUPABASE_URL": stand_in.url, "SUPABASE_KEY": "sb_publishable_x",
        "SUPABASE_SECRET_KEY": f"sb_secret_{KEY}", "PUBLIC_URL": "http://127.0.0.1:9", "FRONTEND_ORIGINS": "http://127.0.0.1:9",
        "TOKEN_KEYS": SEALING, "SPOOL_DIRECTORY": str(place / "spool"), "WORKER_THREADS": "1", "WEB_CONCURRENCY": "2",
        "SENTRY_DSN": f"{stand_in.url.replace('://', f'://{secrets.token_hex(16)}@')}/7",
        "OTEL_EXPORTER_OTLP_ENDPOINT": stand_in.url, "OTEL_EXPORTER_OTLP_HEADERS": "x-team=bridges", "OTEL_BSP_SCHEDULE_DELAY": "100",
    }  # fmt: skip
    listening = socket.create_server(("127.0.0.1", 0))
    web = [
        "gunicorn", "-c", str(ROOT / "backend" / "gunicorn.conf.py"), "--bind", f"fd://{listening.fileno()}", "backend.wsgi:create()"
    ]  # fmt: skip
    processes: list[Forked] = []
    try:
        processes.extend(
            Forked(program, env=env, cwd=place, log=place / "log", pass_fds=[listening.fileno()])
            for program in (web, ["backend.worker"])
        )
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.close()
        made = Watched(stand_in, url)
        # two processes: only then may counters of one be missing in the other
        until(lambda: made.get("/health/live").status_code == 200, "the web server", START_SECONDS)
        yield made
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        ended = [process.wait(START_SECONDS) for process in processes]
        stand_in.close()
    assert ended == [0, 0], (place / "log").read_text()


def test_an_error_of_a_request_is_reported_with_its_number_and_without_its_secrets(
    watched: Watched,
) -> None:
    answer = watched.get(
        f"/health/ready?access_token={TOKEN}", Authorization=f"Bearer {TOKEN}", Cookie=f"lin={TOKEN}", **{"X-Request-ID": "request-of-ada"}
    )  # fmt: skip
    assert answer.status_code == 500
    event = watched.event("web", "heartbeat_age_seconds")
    assert event["exception"]["values"][-1]["type"] == "KeyError"
    assert event["tags"]["request_id"] == "request-of-ada"
    assert event["environment"] == "development"
    assert not {"request", "user", "breadcrumbs", "modules"} & event.keys()


def test_an_error_of_a_job_is_reported_with_its_name(watched: Watched) -> None:
    event = watched.event("worker", "invalid literal for int()")
    assert event["tags"]["job"] == "purge_expired"


def test_no_report_and_no_span_holds_a_secret_or_a_variable(watched: Watched) -> None:
    watched.get(f"/health/ready?code={TOKEN}", Authorization=f"Bearer {TOKEN}")
    watched.event("web", "heartbeat_age_seconds")
    watched.event("worker", "invalid literal for int()")
    watched.span(name="GET /health/ready")
    told = "\n".join(watched.stand_in.envelopes)
    spans = repr(watched.stand_in.spans())
    for secret in (KEY, TOKEN, PLANTED, SEALING):
        assert secret not in told
        assert secret not in spans
    assert '"vars"' not in told


def test_a_request_is_a_span_with_the_calls_it_made_inside(watched: Watched) -> None:
    watched.get("/health/ready", **{"X-Request-ID": "request-of-ben"})
    request = watched.span(name="GET /health/ready", **{"lin.request_id": "request-of-ben"})
    assert request["http.route"] == "/health/ready"
    assert (request["http.response.status_code"], request["lin.process"]) == (500, "web")
    call = watched.span(name="supabase call", parent=request["id"])
    assert call["lin.call"] == "rest/v1/rpc/system_health"
    assert call["service.name"] == "lin"
    assert watched.stand_in.headers[0]["x-team"] == "bridges"


def test_a_job_is_a_span(watched: Watched) -> None:
    job = watched.span(name="job purge_expired")
    assert job["lin.process"] == "worker"
    assert watched.span(name="supabase call", parent=job["id"])["lin.call"] == "rest/v1/rpc/purge_expired"  # fmt: skip


def test_each_process_tells_the_requests_of_all(watched: Watched) -> None:
    def answered() -> float:
        # useless figures of the database are an error of ours, so they are made usable here
        families = text_string_to_metric_families(watched.get("/metrics").text)
        return sum(
            sample.value for family in families for sample in family.samples
            if sample.name == "lin_http_requests_total" and sample.labels["route"] == "/health/live"
        )  # fmt: skip

    watched.stand_in.answers["/rest/v1/rpc/system_health"] = {
        "heartbeat_age_seconds": None, "workers": 0, "oldest_due_seconds": None, "due": 0, "at_work": 0, "unconfirmed": 0,
        "unconfirmed_by_platform": {},
    }  # fmt: skip
    watched.stand_in.answers["/rest/v1/rpc/counters"] = {"counts": [], "bounds": {"attempts": [1], "spaces": [1]}}  # fmt: skip
    try:
        before = answered()
        for _ in range(20):
            watched.get("/health/live")
        assert [answered() for _ in range(10)] == [before + 20] * 10
    finally:
        del watched.stand_in.answers["/rest/v1/rpc/system_health"]
