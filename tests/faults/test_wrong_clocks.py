"""A worker whose wall clock is wrong, or is set while it runs: only the database's clock decides what is due or over."""

from __future__ import annotations

import secrets
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.engine.actors import Row
from tests.faults.rig import Rig
from tests.faults.test_refreshing import CALLBACK, Partner
from tests.waiting import until

MINUTE, HOUR, DAY = 60, 3600, 86_400


@pytest.fixture
def partner(rig: Rig) -> Partner:
    """An app that is given refresh tokens."""
    client_id, secret = f"partner-{secrets.token_hex(4)}", secrets.token_hex(8)
    rig.sandbox.tell(
        "apps", client_id=client_id, client_secret=secret, redirect_uris=[CALLBACK], refresh_tokens=True
    )  # fmt: skip
    return Partner(rig, client_id, secret)


def _worker(rig: Rig, shift: int, jump: Path | None = None, **env: str) -> subprocess.Popen[bytes]:
    """A worker whose clock is wrong by `shift` seconds, from the start or when the file `jump` appears."""
    command = [sys.executable, "-m", "tests.faults.wrong_clock", str(shift)]
    child = rig.stack.processes.start(
        f"worker-with-clock-{shift}", [*command, *([str(jump)] if jump else [])],
        env=rig.stack.backend_env() | env, cwd=rig.stack.root, announces=False,
    )  # fmt: skip
    rig.workers.append(child.popen)
    return child.popen


def _account(rig: Rig, account: str) -> Row:
    return rig.admin.run("select * from social_accounts where id = %s", account)[0]


@pytest.mark.parametrize(
    "shift",
    [
        pytest.param(DAY, id="a day fast"),
        pytest.param(-10 * MINUTE, id="ten minutes slow", marks=pytest.mark.slow),
        pytest.param(10 * MINUTE, id="ten minutes fast", marks=pytest.mark.slow),
        pytest.param(HOUR, id="an hour fast", marks=pytest.mark.slow),
        pytest.param(-HOUR, id="an hour slow", marks=pytest.mark.slow),
        pytest.param(-DAY, id="a day slow", marks=pytest.mark.slow),
    ],
)
def test_the_clock_of_a_worker_decides_nothing(rig: Rig, partner: Partner, shift: int) -> None:
    good = partner.account(ends=2 * HOUR)[0]
    ending = partner.account(ends=2 * MINUTE)[0]
    overdue = [rig.due(due=-1) for _ in range(3)]
    soon = [rig.due(due=5) for _ in range(3)]
    later = rig.due(due=5 * MINUTE)
    two_hours = rig.due(rig.account(ends=2 * HOUR), due=-1)
    renewable, renewed = rig.due(good, due=-1), rig.due(ending, due=-1)
    over = rig.due(rig.account(ends=-5 * MINUTE), due=-1)
    throttled = rig.due(due=-1)
    told = (datetime.now(UTC) + timedelta(minutes=2)).replace(microsecond=0)
    rig.order(throttled, {"status": 429, "retry_after": format_datetime(told, usegmt=True)})

    worker = _worker(
        rig, shift, LINKEDIN_CLIENT_ID=partner.client_id, LINKEDIN_CLIENT_SECRET=partner.secret
    )
    sent = [*overdue, *soon, two_hours, renewable, renewed]
    rig.wait_for(sent, "published", seconds=60)
    rig.wait_for([over], "needs_reconnect")
    until(lambda: rig.target(throttled.target)["failures"], "the throttled post to be put off")
    assert rig.end(worker) == 0

    for post in sent:
        assert len(rig.received(post)) == 1
    assert rig.target(later.target)["attempts"] == 0
    assert rig.creates(over) == rig.creates(later) == []
    # nobody was parked or asked to refresh for a token that is good
    assert _account(rig, str(rig.target(two_hours.target)["account_id"]))["status"] == "active"
    assert partner.refreshes(good) == 0
    assert partner.stored(good)["version"] == 1
    # and what was renewed ends when the platform says
    life = partner.stored(ending)["access_token_expires_at"] - datetime.now(UTC)
    assert abs(life - timedelta(days=60)) < timedelta(minutes=5)
    assert partner.refreshes(ending) == 1
    # a platform that names a moment means its own clock
    waits = rig.target(throttled.target)["next_attempt_at"] - told
    assert timedelta(0) <= waits < timedelta(minutes=1)
    rig.assert_invariants(*sent, over, later, throttled)


@pytest.mark.parametrize(
    "shift",
    [pytest.param(-HOUR, id="back"), pytest.param(HOUR, id="forward", marks=pytest.mark.slow)],
)
def test_a_clock_that_is_set_while_the_worker_runs_stops_nothing_and_hurries_nothing(
    rig: Rig, tmp_path: Path, shift: int
) -> None:
    jump = tmp_path / "jump"
    before, later = rig.due(due=-1), rig.due(due=5 * MINUTE)
    worker = _worker(rig, shift, jump)
    rig.wait_for([before], "published")
    jump.touch()
    until(lambda: not jump.exists(), "the clock to be set")
    after = [rig.due(), rig.due(due=2)]
    rig.wait_for(after, "published")
    assert rig.end(worker) == 0
    assert rig.target(later.target)["attempts"] == 0
    rig.assert_invariants(before, *after, later)
