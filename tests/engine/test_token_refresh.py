"""Keeping permissions: one refresh at a time, nothing good overwritten, and owners told once before one ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.engine.actors import Actor, Row, Running, World

HOUR, DAY = 3600, 86_400


def tokens(world: World, account: str) -> Row:
    """An account's stored tokens."""
    return world.admin.run("select * from social_account_tokens where account_id = %s", account)[0]


def connected(
    world: World, *, access: float = 60 * DAY, refresh: float | None = 300 * DAY, user_id: str | None = None
) -> str:  # fmt: skip
    """An account whose tokens end in so many seconds; `refresh` None has no refresh token."""
    account = world.account(user_id)
    world.admin.run(
        "update social_account_tokens set refresh_token_sealed = %s, access_token_expires_at = now() + make_interval(secs => %s),"
        " refresh_token_expires_at = now() + make_interval(secs => %s) where account_id = %s",
        None if refresh is None else "old refresh", access, refresh, account,
    )  # fmt: skip
    world.admin.run(
        "update social_accounts set token_expires_at = now() + make_interval(secs => %s) where id = %s",
        access if refresh is None else refresh, account,
    )  # fmt: skip
    return account


def begin(actor: Actor, account: str, version: int = 1, lease: int = 60) -> Row:
    answer: Row = actor.call(
        "begin_token_refresh", account=account, read_version=version, lease_seconds=lease
    )
    return answer


def end(actor: Actor, account: str, version: int, token: Row | None) -> bool:
    # the argument is left untyped by the driver when it is null, so the type is named
    answer = actor.run(
        "select end_token_refresh(%s, %s, %s::jsonb) as stored",
        account, version, None if token is None else Jsonb(token),
    )  # fmt: skip
    return bool(answer[0]["stored"])


def fresh(**changed: Any) -> Row:
    """What a platform answers a refresh with, sealed."""
    ends = datetime.now(UTC) + timedelta(days=60)
    return {
        "access_token_sealed": "new access", "access_token_expires_at": ends.isoformat(),
        "refresh_token_sealed": "new refresh", "refresh_token_expires_at": (ends + timedelta(days=200)).isoformat(),
    } | changed  # fmt: skip


def asked(world: World, take: int = 1000) -> list[str]:
    """The accounts that a job would refresh, soonest first."""
    return [row["account_id"] for row in world.service.call("tokens_to_refresh", take=take)]


def told(world: World, account: str) -> list[Row]:
    """The warnings about an account."""
    return world.admin.run(
        "select * from notifications where kind = 'token_ends_soon' and payload ->> 'account_id' = %s",
        account,
    )


def account_row(world: World, account: str) -> Row:
    return world.admin.run("select * from social_accounts where id = %s", account)[0]


# -------------------------------------------------------------------- one refresh at a time


def test_of_two_workers_that_ask_at_once_one_refreshes_and_the_other_waits(world: World) -> None:
    account = connected(world)
    first, second = world.worker(), world.worker()
    first.begin()
    assert begin(first, account)["verdict"] == "refresh"
    running = Running(world.admin, second, lambda: begin(second, account))
    running.wait_until_blocked()
    first.commit()
    assert running.result()["verdict"] == "wait"


def test_who_asks_while_the_new_tokens_are_stored_gets_them(world: World) -> None:
    account = connected(world)
    first, second = world.worker(), world.worker()
    begin(first, account)
    first.begin()
    assert end(first, account, 1, fresh())
    running = Running(world.admin, second, lambda: begin(second, account))
    running.wait_until_blocked()
    first.commit()
    answer = running.result()
    assert (answer["verdict"], answer["token"]["version"]) == ("changed", 2)
    assert answer["token"]["access_token_sealed"] == "new access"


def test_a_worker_that_rolls_back_leaves_the_refresh_to_the_next(world: World) -> None:
    account = connected(world)
    first, second = world.worker(), world.worker()
    first.begin()
    begin(first, account)
    running = Running(world.admin, second, lambda: begin(second, account))
    running.wait_until_blocked()
    first.rollback()
    assert running.result()["verdict"] == "refresh"


def test_every_verdict_but_gone_brings_the_current_tokens(world: World) -> None:
    account = connected(world)
    current = {"access_token_sealed": "sealed", "refresh_token_sealed": "old refresh", "version": 1}
    for version, verdict in ((1, "refresh"), (1, "wait"), (7, "changed")):
        answer = begin(world.service, account, version)
        assert answer["verdict"] == verdict
        assert {name: answer["token"][name] for name in current} == current


def test_the_lease_of_a_worker_that_vanished_runs_out(world: World) -> None:
    account = connected(world)
    begin(world.service, account)
    assert begin(world.service, account)["verdict"] == "wait"
    world.admin.run(
        "update social_account_tokens set refresh_lease_until = clock_timestamp() - interval '1 ms' where account_id = %s",
        account,
    )
    assert begin(world.service, account)["verdict"] == "refresh"


def test_tokens_that_were_forgotten_are_gone(world: World) -> None:
    account = connected(world)
    world.service.call("disconnect_account", account=account, owner=world.owner(account))
    assert begin(world.service, account) == {"verdict": "gone"}
    assert end(world.service, account, 1, fresh()) is False


# -------------------------------------------------------------------- storing


def test_new_tokens_are_stored_under_a_new_version_and_end_the_lease(world: World) -> None:
    account = connected(world)
    begin(world.service, account)
    token = fresh()
    assert end(world.service, account, 1, token)
    row = tokens(world, account)
    assert {name: str(row[name]) for name in ("access_token_sealed", "refresh_token_sealed")} == {
        "access_token_sealed": "new access", "refresh_token_sealed": "new refresh",
    }  # fmt: skip
    assert row["access_token_expires_at"].isoformat() == token["access_token_expires_at"]
    assert (row["version"], row["refresh_lease_until"]) == (2, None)
    ends = account_row(world, account)["token_expires_at"]
    assert ends.isoformat() == token["refresh_token_expires_at"]


@pytest.mark.parametrize("left_out", ["absent", None])
def test_an_answer_without_a_refresh_token_keeps_the_old_one(
    world: World, left_out: str | None
) -> None:
    account = connected(world)
    before = tokens(world, account)
    token = fresh(refresh_token_sealed=None, refresh_token_expires_at=None)
    if left_out:
        token = {name: value for name, value in token.items() if not name.startswith("refresh")}
    assert end(world.service, account, 1, token)
    row = tokens(world, account)
    assert (row["access_token_sealed"], row["refresh_token_sealed"]) == (
        "new access",
        "old refresh",
    )
    assert row["refresh_token_expires_at"] == before["refresh_token_expires_at"]


def test_a_refresh_that_did_not_work_changes_nothing_and_lets_the_next_try(world: World) -> None:
    account = connected(world)
    before = tokens(world, account)
    begin(world.service, account)
    assert end(world.service, account, 1, None)
    after = tokens(world, account)
    for name in ("version", "access_token_sealed", "refresh_token_sealed", "access_token_expires_at", "refresh_token_expires_at"):  # fmt: skip
        assert after[name] == before[name]
    assert begin(world.service, account)["verdict"] == "refresh"


def test_tokens_of_an_older_version_do_not_overwrite_those_of_a_reconnect(world: World) -> None:
    account = connected(world)
    begin(world.service, account)
    world.reconnect(account)
    for token in (fresh(), None):
        assert end(world.service, account, 1, token) is False
    row = tokens(world, account)
    assert (row["access_token_sealed"], row["version"]) == ("sealed", 2)


def test_a_reconnected_account_need_not_wait_for_the_refresh_of_its_old_tokens(
    world: World,
) -> None:
    account = connected(world)
    begin(world.service, account)
    world.reconnect(account)
    assert begin(world.service, account, version=2)["verdict"] == "refresh"


def test_a_newer_key_waits_for_a_refresh_so_that_its_tokens_are_not_thrown_away(
    world: World,
) -> None:
    account = connected(world)
    newer = {"access_token_sealed": "again", "refresh_token_sealed": "again"}
    begin(world.service, account)
    assert not world.service.call("reseal_tokens", account=account, read_version=1, **newer)
    assert end(world.service, account, 1, fresh())
    assert tokens(world, account)["refresh_token_sealed"] == "new refresh"
    assert world.service.call("reseal_tokens", account=account, read_version=2, **newer)
    assert tokens(world, account)["refresh_token_sealed"] == "again"


# -------------------------------------------------------------------- what a job refreshes


def test_a_job_refreshes_what_ends_within_the_hour_and_can_be_refreshed(world: World) -> None:
    soon, sooner, over = (connected(world, access=s) for s in (0.9 * HOUR, 0.5 * HOUR, -60))
    later = connected(world, access=1.1 * HOUR)
    alone = connected(world, access=0.5 * HOUR, refresh=None)
    endless = connected(world)
    world.admin.run(
        "update social_account_tokens set access_token_expires_at = null where account_id = %s",
        endless,
    )
    lost, leased, was_leased = (connected(world, access=0.5 * HOUR) for _ in range(3))
    world.service.call("lose_account", account=lost, reason="refused")
    begin(world.service, leased)
    begin(world.service, was_leased, lease=-1)
    found = asked(world)
    assert [one for one in found if one in (soon, sooner, over)] == [over, sooner, soon]
    assert was_leased in found
    assert not {later, alone, endless, lost, leased} & set(found)


def test_a_job_takes_no_more_than_it_asks_for_and_gets_all_it_needs(world: World) -> None:
    for seconds in (-100, -50):
        connected(world, access=seconds)
    (row,) = world.service.call("tokens_to_refresh", take=1)
    assert set(row) == {"account_id", "platform", "granted_scopes", "token"}
    assert (row["platform"], row["granted_scopes"]) == ("linkedin", ["w_member_social"])
    assert row["token"]["refresh_token_sealed"] == "old refresh"
    assert row["token"]["version"] == 1


def test_accounts_whose_refresh_keeps_failing_let_the_others_have_their_turn(world: World) -> None:
    failing, waiting = (connected(world, access=-seconds) for seconds in (100, 50))
    long_ago = "update social_account_tokens set updated_at = now() - interval '1 day' where account_id = any (%s)"
    world.admin.run(long_ago, [failing, waiting])
    before = [one for one in asked(world) if one in (failing, waiting)]
    begin(world.service, failing)
    assert end(world.service, failing, 1, None)
    assert before == [failing, waiting]
    assert [one for one in asked(world) if one in (failing, waiting)] == [waiting, failing]


# -------------------------------------------------------------------- telling owners


@pytest.mark.parametrize(("age", "warned"), [(49.9, False), (50.1, True), (59.9, True)])
def test_an_owner_is_told_from_day_50_of_60(world: World, age: float, warned: bool) -> None:
    account = connected(world, access=(60 - age) * DAY, refresh=None)
    world.service.call("watch_permissions")
    assert bool(told(world, account)) is warned
    assert account_row(world, account)["status"] == "active"


def test_an_owner_is_told_once_and_again_only_of_another_end(world: World) -> None:
    account = connected(world, access=5 * DAY, refresh=None)
    for _ in range(3):
        world.service.call("watch_permissions")
    (warning,) = told(world, account)
    assert str(warning["user_id"]) == world.owner(account)
    assert warning["payload"]["account_name"] == "Ada"
    assert "Connect Ada again" in warning["payload"]["what_to_do"]
    world.reconnect(account)
    world.service.call("watch_permissions")
    assert len(told(world, account)) == 1
    world.admin.run(
        "update social_accounts set token_expires_at = now() + interval '3 days' where id = %s",
        account,
    )
    world.service.call("watch_permissions")
    assert len(told(world, account)) == 2


def test_a_permission_that_renews_itself_is_no_reason_to_tell(world: World) -> None:
    account = connected(world, access=60, refresh=300 * DAY)
    world.service.call("watch_permissions")
    assert told(world, account) == []
    assert account_row(world, account)["status"] == "active"


def test_an_ended_permission_parks_the_account_and_what_waits_for_it(world: World) -> None:
    account = connected(world, access=-1, refresh=None)
    post = world.scheduled(account, due=HOUR)
    assert world.service.call("watch_permissions") >= 1
    row = account_row(world, account)
    assert (row["status"], row["last_error"]) == (
        "needs_reconnect", "The permission to publish has expired.",
    )  # fmt: skip
    target = world.target(post.target)
    assert (target["state"], target["error"]) == ("needs_reconnect", row["last_error"])
    world.service.call("watch_permissions")
    assert [n["kind"] for n in world.notifications(post.target)] == ["target_needs_reconnect"]


def test_a_disconnected_account_is_left_alone(world: World) -> None:
    account = connected(world, access=5 * DAY, refresh=None)
    world.service.call("disconnect_account", account=account, owner=world.owner(account))
    world.service.call("watch_permissions")
    assert told(world, account) == []
    assert account_row(world, account)["status"] == "disconnected"


def test_a_lost_account_says_why_and_parks_its_posts_but_nobody_elses(world: World) -> None:
    user = world.user()
    lost, kept = (connected(world, user_id=user) for _ in range(2))
    parked, waiting = world.scheduled(lost, due=HOUR), world.scheduled(kept, due=HOUR)
    world.service.call("lose_account", account=lost, reason="r" * 900)
    row = account_row(world, lost)
    assert (row["status"], row["last_error"]) == ("needs_reconnect", "r" * 500)
    assert world.states([parked.target, waiting.target]) == ["needs_reconnect", "scheduled"]
    assert account_row(world, kept)["status"] == "active"


def test_a_lost_account_that_is_connected_again_sends_what_waited(world: World) -> None:
    account = connected(world)
    post = world.scheduled(account, due=HOUR)
    world.service.call("lose_account", account=account, reason="refused")
    world.reconnect(account)
    assert account_row(world, account)["status"] == "active"
    assert world.target(post.target)["state"] == "scheduled"


@pytest.mark.parametrize(
    "call",
    [
        "begin_token_refresh(gen_random_uuid(), 1, 60)",
        "end_token_refresh(gen_random_uuid(), 1, null)",
        "tokens_to_refresh(5)",
        "lose_account(gen_random_uuid(), 'x')",
        "watch_permissions()",
    ],
)
def test_a_user_may_call_none_of_it(world: World, call: str) -> None:
    person = world.person(world.user())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        person.run(f"select {call}")
