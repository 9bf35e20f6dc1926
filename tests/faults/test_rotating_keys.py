"""Sealing everything again under a new key: killed, run again, beside a worker that refreshes, with values nobody can open."""

from __future__ import annotations

import base64
import secrets
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backend.core.errors import SealBroken
from backend.core.rotating import BATCH, Findings, Rotation
from backend.rotate_keys import rotate
from backend.sealing import Sealer
from backend.settings import Settings, load_settings
from backend.store import Supabase
from tests.faults.rig import Rig
from tests.faults.test_refreshing import Partner, lives_long, partner  # noqa: F401 - a fixture
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
OLD, NEW, UNKNOWN = (secrets.token_bytes(32) for _ in range(3))


def written(*keys: bytes) -> str:
    """Keys as TOKEN_KEYS has them."""
    return ",".join(base64.urlsafe_b64encode(key).decode().rstrip("=") for key in keys)


def connected(rig: Rig, count: int, key: bytes = OLD) -> list[str]:
    """Accounts of one user whose tokens are under this key, in the order of their ids."""
    sealer, user = Sealer([key]), rig.user()
    ids = sorted(str(uuid.uuid4()) for _ in range(count))
    rig.admin.run(
        "insert into social_accounts (id, user_id, platform_id, external_id, account_name)"
        " select id, %s, 'linkedin', id::text, 'Ada' from unnest(%s::uuid[]) id",
        user, ids,
    )  # fmt: skip
    rig.admin.run(
        "insert into social_account_tokens (account_id, access_token_sealed, refresh_token_sealed)"
        " select * from unnest(%s::uuid[], %s::text[], %s::text[])",
        ids,
        [sealer.seal(f"access of {one}", bound_to=f"{one}:access") for one in ids],
        [sealer.seal(f"refresh of {one}", bound_to=f"{one}:refresh") if number % 3 else None for number, one in enumerate(ids)],
    )  # fmt: skip
    return ids


def under(rig: Rig, key: bytes, accounts: Sequence[str]) -> list[str]:
    """Those of these accounts whose tokens open with this key alone; they must be the right ones."""
    sealer, found = Sealer([key]), []
    rows = rig.admin.run(
        "select * from social_account_tokens where account_id = any (%s)", list(accounts)
    )
    for row in rows:
        account = str(row["account_id"])
        for kind in ("access", "refresh"):
            sealed = row[f"{kind}_token_sealed"]
            if sealed is None:
                continue
            try:
                assert sealer.open(sealed, bound_to=f"{account}:{kind}") == f"{kind} of {account}"
            except SealBroken:
                break
        else:
            found.append(account)
    return sorted(found)


def command(rig: Rig, *keys: bytes) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "backend.rotate_keys"], cwd=ROOT, text=True, bufsize=1,
        env=rig.stack.backend_env() | {"TOKEN_KEYS": written(*keys)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def settings(rig: Rig, *keys: bytes) -> Settings:
    """What the command is told, for a run in this process."""
    env = rig.stack.backend_env() | {"TOKEN_KEYS": written(*keys)}
    known = {name: env[name.upper()] for name in Settings.model_fields if name.upper() in env}
    return load_settings(**{name: value for name, value in known.items() if value})


@pytest.fixture(autouse=True)
def alone(rig: Rig) -> None:
    """The command looks at all rows there are: those of the tests before are over."""
    for table in ("social_account_tokens", "oauth_states", "webhook_secrets"):
        rig.admin.run(f"delete from {table}")  # noqa: S608 - names of ours


def test_killed_in_the_middle_it_goes_on_where_it_stopped(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    accounts = connected(rig, 5 * BATCH // 2)
    lock = rig.actor("postgres")
    lock.begin()
    lock.run(
        "select 1 from social_account_tokens where account_id = %s for update", accounts[BATCH]
    )
    first = command(rig, NEW, OLD)
    assert first.stdout
    line = first.stdout.readline()
    assert line == f"{BATCH} of {len(accounts)} looked at, {BATCH} sealed again\n"
    waits = "select 1 from pg_stat_activity where query ilike '%%reseal_many_tokens%%' and cardinality(pg_blocking_pids(pid)) > 0"
    until(lambda: rig.admin.run(waits), "the second batch to wait for the lock")
    first.send_signal(signal.SIGKILL)
    with first:
        assert first.wait(30) == -signal.SIGKILL
    assert under(rig, NEW, accounts) == accounts[:BATCH]
    assert under(rig, OLD, accounts) == accounts[BATCH:]
    # the batch that waits may still be carried out, beside the second run
    lock.rollback()
    assert rotate(settings(rig, NEW, OLD), dry_run=False) == 0
    assert "the old keys may be removed now" in capsys.readouterr().out
    assert under(rig, NEW, accounts) == accounts


def test_what_a_worker_refreshes_meanwhile_is_kept_and_sealed_again(
    rig: Rig,
    partner: Partner,  # noqa: F811
) -> None:
    account, _ = partner.account()
    partner.order(account, {"hold": True})
    # a worker that does not know the new key yet
    rig.worker_process(
        LINKEDIN_CLIENT_ID=partner.client_id, LINKEDIN_CLIENT_SECRET=partner.secret,
        PLATFORM_TIMEOUT_SECONDS="60", PUBLISH_LEASE_SECONDS="120",
    )  # fmt: skip
    member = rig.members[account].member
    assert rig.sandbox.wait(held=1, member=member, seconds=60), "no refresh came"
    env = rig.stack.backend_env()
    old = [base64.urlsafe_b64decode(f"{key}==") for key in env["TOKEN_KEYS"].split(",")]
    paused = []

    def let_it_refresh(seconds: float) -> None:
        paused.append(seconds)
        rig.sandbox.tell("release", member=member)
        until(lambda: lives_long(partner.stored(account)), "the worker to store the new tokens")

    supabase = Supabase(env["SUPABASE_URL"], env["SUPABASE_KEY"], env["SUPABASE_SECRET_KEY"])
    looks: list[Findings] = []
    found = Rotation(
        supabase.service.sealed, Sealer([NEW, *old]), looks.append, let_it_refresh
    ).run()
    supabase.close()
    assert len(paused) == 1
    assert (looks[0].older, looks[0].sealed_again) == (1, 0)
    assert (found.waiting, found.sealed_again, found.broken) == (0, 1, [])
    rig.sealer = Sealer([NEW])
    row = partner.stored(account)
    assert row["access"] != rig.members[account].token
    assert lives_long(row)
    assert row["version"] == 2
    assert partner.status(account) == "active"


def test_what_no_key_opens_is_named_and_does_not_stop_the_rest(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    accounts, (stranger,) = connected(rig, 4), connected(rig, 1, UNKNOWN)
    copied, torn = accounts[1], accounts[2]
    rig.admin.run(
        "update social_account_tokens t set access_token_sealed = o.access_token_sealed"
        " from social_account_tokens o where t.account_id = %s and o.account_id = %s",
        copied, accounts[0],
    )  # fmt: skip
    rig.admin.run(
        "update social_account_tokens set access_token_sealed = 'torn' where account_id = %s", torn
    )
    assert rotate(settings(rig, NEW, OLD), dry_run=False) == 1
    said = capsys.readouterr().out
    named = [line.rpartition(" ")[2] for line in said.splitlines() if "cannot be opened with any" in line]  # fmt: skip
    assert sorted(named) == sorted([stranger, copied, torn])
    assert "2 of 5 were sealed again" in said
    assert "may be removed now" not in said
    assert "Keep all keys" in said
    assert under(rig, NEW, accounts) == [accounts[0], accounts[3]]
    assert under(rig, UNKNOWN, [stranger]) == [stranger]


def test_a_dry_run_counts_and_changes_nothing(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = connected(rig, 3), connected(rig, 2, NEW)
    assert rotate(settings(rig, NEW, OLD), dry_run=True) == 0
    assert "3 of 5 are under an older key; nothing was changed" in capsys.readouterr().out
    assert (under(rig, OLD, old), under(rig, NEW, new)) == (old, new)


def test_keys_in_the_wrong_order_cost_nothing_and_the_first_is_said_to_stay(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    accounts = connected(rig, 3, NEW)
    assert rotate(settings(rig, OLD, NEW), dry_run=False) == 0
    assert "Everything is under the first key of TOKEN_KEYS" in capsys.readouterr().out
    assert under(rig, OLD, accounts) == accounts
    assert rotate(settings(rig, NEW, OLD), dry_run=False) == 0
    assert under(rig, NEW, accounts) == accounts


def test_a_connection_that_is_being_made_can_still_be_ended_without_the_old_key(rig: Rig) -> None:
    user, ends = rig.user(), datetime.now(UTC) + timedelta(minutes=10)
    states = {name: secrets.token_hex(32) for name in ("open", "used", "expired")}
    for name, state in states.items():
        rig.admin.run(
            "insert into oauth_states (state_hash, user_id, platform_id, verifier_sealed, browser_hash, redirect_to, expires_at, used_at)"
            " values (%s, %s, 'x', %s, %s, 'https://app.example.org', %s, %s)",
            state, user, Sealer([OLD]).seal("v" * 64, bound_to=f"state:{state}"), "b" * 64,
            ends - timedelta(hours=1) if name == "expired" else ends, ends if name == "used" else None,
        )  # fmt: skip
    assert rotate(settings(rig, NEW, OLD), dry_run=False) == 0
    stored = {
        name: rig.admin.run("select verifier_sealed from oauth_states where state_hash = %s", state)[0]["verifier_sealed"]
        for name, state in states.items()
    }  # fmt: skip
    opened = Sealer([NEW]).open(stored["open"], bound_to=f"state:{states['open']}")
    assert opened == "v" * 64
    # of these nobody opens the verifier again
    assert Sealer([NEW, OLD]).is_stale(stored["used"])
    assert Sealer([NEW, OLD]).is_stale(stored["expired"])


def test_every_sealed_column_of_the_database_is_sealed_again(rig: Rig) -> None:
    columns = rig.admin.run(
        "select table_name, column_name from information_schema.columns"
        " where table_schema in ('public', 'private') and column_name like '%%sealed%%'"
    )
    assert {(row["table_name"], row["column_name"]) for row in columns} == {
        ("social_account_tokens", "access_token_sealed"),
        ("social_account_tokens", "refresh_token_sealed"),
        ("oauth_states", "verifier_sealed"),
        ("webhook_secrets", "secret_sealed"),
    }
