"""Workers that vanish, leases that are kept, accounts that come and go."""

from __future__ import annotations

import pytest

from tests.engine.actors import World

# ---------------------------------------------------------------- leases


def test_before_the_mark_a_vanished_worker_costs_nothing(world: World) -> None:
    post, claim = world.claimed()
    assert world.service.call("recover_leases") == {
        "requeued": 0,
        "quarantined": 0,
        "unconfirmed": 0,
    }
    world.expire(claim)
    assert world.service.call("recover_leases") == {
        "requeued": 1,
        "quarantined": 0,
        "unconfirmed": 0,
    }
    row = world.target(post.target)
    assert (row["state"], row["stalls"], row["failures"]) == ("scheduled", 1, 0)
    assert row["lease_token"] > claim["lease_token"]
    assert [(a["outcome"], a["error_class"]) for a in world.attempts(post.target)] == [
        ("not_sent", "worker_vanished")
    ]
    assert world.service.mark(claim) == ["lost"]


def test_the_third_worker_in_a_row_that_vanishes_puts_it_in_quarantine(world: World) -> None:
    post = world.scheduled()
    for _ in range(3):
        _, claim = world.claimed(post)
        world.expire(claim)
        world.service.call("recover_leases")
    assert world.target(post.target)["state"] == "quarantined"
    assert world.service.claim() == []
    (told,) = world.notifications(post.target)
    assert (told["kind"], told["payload"]["function"]) == ("target_quarantined", "retry_target")


def test_an_attempt_that_reaches_an_outcome_ends_the_row_of_stalls(world: World) -> None:
    post = world.scheduled()
    for _ in range(2):
        _, claim = world.claimed(post)
        world.expire(claim)
        world.service.call("recover_leases")
    _, claim = world.claimed(post)
    world.service.settle(claim, "retry", after_seconds=0)
    assert world.target(post.target)["stalls"] == 0


def test_after_the_mark_only_a_person_may_send_it_again(world: World) -> None:
    post, claim = world.unconfirmed()
    row = world.target(post.target)
    assert (row["error_class"], row["lease_token"]) == ("worker_vanished", claim["lease_token"])
    assert [a["outcome"] for a in world.attempts(post.target)] == ["unconfirmed"]
    (told,) = world.notifications(post.target)
    assert told["payload"]["function"] == "settle_target"
    assert "it_is_live" in told["payload"]["what_to_do"]
    assert world.post(post)["status"] == "needs_attention"
    assert world.service.call("recover_leases") == {
        "requeued": 0,
        "quarantined": 0,
        "unconfirmed": 0,
    }
    assert len(world.notifications(post.target)) == 1


def test_what_was_being_confirmed_becomes_unconfirmed(world: World) -> None:
    _, claim = world.sending()
    world.service.settle(claim, "confirming", external_id="container")
    world.expire(claim)
    assert world.service.call("recover_leases")["unconfirmed"] == 1


def test_a_kept_lease_is_not_recovered(world: World) -> None:
    _, claim = world.claimed(lease=1)
    leases = [{"target_id": claim["target_id"], "lease_token": claim["lease_token"]}]
    assert world.service.rows("renew_lease", leases=leases, lease_seconds=60) == [
        {"renew_lease": claim["lease_token"]}
    ]
    world.admin.run("select pg_sleep(1.1)")
    assert world.service.call("recover_leases")["requeued"] == 0
    assert world.service.mark(claim) == ["send"]


@pytest.mark.parametrize("how", ["over", "canceled", "settled", "older"])
def test_a_lost_lease_is_not_renewed(world: World, how: str) -> None:
    post, claim = world.claimed()
    if how == "over":
        world.expire(claim)
    elif how == "canceled":
        world.person(post.user_id).call("cancel_target", target=post.target)
    elif how == "settled":
        world.service.settle(claim, "not_sent")
    else:
        world.expire(claim)
        world.service.call("recover_leases")
        world.claimed(post)
    leases = [{"target_id": claim["target_id"], "lease_token": claim["lease_token"]}]
    assert world.service.rows("renew_lease", leases=leases, lease_seconds=60) == []


# ---------------------------------------------------------------- accounts


def test_a_lost_permission_parks_the_account_and_reconnecting_resumes_it(world: World) -> None:
    account = world.account()
    first, claim = world.sending(world.scheduled(account, due=-20))
    second, later = world.scheduled(account, due=-10), world.scheduled(account, due=3600)
    other = world.scheduled(due=3600)
    world.service.settle(claim, "needs_reconnect", error="Withdrawn.", error_class="revoked")
    assert world.states([p.target for p in (first, second, later, other)]) == [
        "needs_reconnect"
    ] * 3 + ["scheduled"]
    row = world.admin.run("select status, last_error from social_accounts where id = %s", account)[
        0
    ]
    assert row == {"status": "needs_reconnect", "last_error": "Withdrawn."}
    assert [len(world.notifications(p.target)) for p in (first, second, later, other)] == [
        1,
        1,
        1,
        0,
    ]
    assert world.service.claim(ahead=7200) != []  # the other account's
    due = world.target(later.target)["due_at"]
    world.reconnect(account)
    assert world.states([p.target for p in (first, second, later)]) == ["scheduled"] * 3
    assert world.target(later.target)["next_attempt_at"] == due
    assert world.target(second.target)["error"] is None


def test_a_permission_renewed_during_the_attempt_is_not_taken_away_again(world: World) -> None:
    account = world.account()
    post, claim = world.sending(world.scheduled(account))
    world.reconnect(account)
    assert world.service.settle(claim, "needs_reconnect", error="Withdrawn.") == "settled"
    assert world.service.settle(claim, "needs_reconnect", error="Withdrawn.") == "known"
    assert world.target(post.target)["state"] == "scheduled"
    assert (
        world.admin.run("select status from social_accounts where id = %s", account)[0]["status"]
        == "active"
    )


def test_disconnecting_parks_and_each_time_the_owner_is_told(world: World) -> None:
    account = world.account()
    post = world.scheduled(account, due=3600)
    for _ in range(2):
        assert world.service.call("disconnect_account", account=account, owner=post.user_id) is True
        assert world.target(post.target)["state"] == "needs_reconnect"
        world.reconnect(account)
        assert world.target(post.target)["state"] == "scheduled"
    assert [n["kind"] for n in world.notifications(post.target)] == ["target_needs_reconnect"] * 2


def test_disconnecting_is_the_owners_and_may_be_repeated(world: World) -> None:
    account = world.account()
    assert world.service.call("disconnect_account", account=account, owner=world.user()) is False
    owner = world.owner(account)
    for _ in range(2):
        assert world.service.call("disconnect_account", account=account, owner=owner) is True
    assert (
        world.admin.run("select * from social_account_tokens where account_id = %s", account) == []
    )


@pytest.mark.parametrize("outcome", ["retry", "not_sent"])
def test_what_comes_back_to_a_disconnected_account_is_parked_by_the_next_sweep(
    world: World, outcome: str
) -> None:
    account = world.account()
    post, claim = world.claimed(world.scheduled(account))
    world.service.call("disconnect_account", account=account, owner=post.user_id)
    world.service.settle(claim, outcome, after_seconds=0)
    world.service.call("recover_leases")
    assert world.target(post.target)["state"] == "needs_reconnect"
    assert len(world.notifications(post.target)) == 1


def test_what_comes_back_late_to_a_disconnected_account_is_parked_when_it_is_due(
    world: World,
) -> None:
    account = world.account()
    post, claim = world.claimed(world.scheduled(account))
    world.service.call("disconnect_account", account=account, owner=post.user_id)
    world.admin.run("delete from private.changed_accounts where account_id = %s", account)
    world.service.settle(claim, "retry", after_seconds=0)
    world.service.call("recover_leases")
    assert world.target(post.target)["state"] == "needs_reconnect"


def test_disconnecting_waits_for_nobody_who_records_that_a_target_needs_the_account(
    world: World,
) -> None:
    account = world.account()
    post = world.scheduled(account, due=3600)
    world.admin.begin()
    world.admin.run(
        "update post_targets set state = 'needs_reconnect', error_class = 'needs_reconnect', error = 'Why.' where id = %s",
        post.target,
    )
    world.service.run("set lock_timeout = '2s'")
    world.service.call("disconnect_account", account=account, owner=post.user_id)
    world.admin.commit()
    world.reconnect(account)
    assert world.target(post.target)["state"] == "scheduled"


def test_an_account_that_changed_is_forgotten_once_its_targets_have_followed(world: World) -> None:
    account = world.account()
    post = world.scheduled(account, due=3600)
    world.service.call("disconnect_account", account=account, owner=post.user_id)
    owner = world.person(post.user_id)
    owner.begin()
    owner.run("update public.posts set text = 'better' where id = %s", post.id)
    world.reconnect(account)
    assert sweep_after_hours(world, account) == 1, "its target is locked, and has to follow yet"
    owner.commit()
    assert sweep_after_hours(world, account) == 0
    assert world.target(post.target)["state"] == "scheduled"


def sweep_after_hours(world: World, account: str) -> int:
    """Recover leases as two hours later; how many changes of the account are remembered then."""
    world.admin.run(
        "update private.changed_accounts set changed_at = now() - interval '2 hours' where account_id = %s", account
    )  # fmt: skip
    world.service.call("recover_leases")
    return len(
        world.admin.run("select * from private.changed_accounts where account_id = %s", account)
    )


def test_a_target_that_was_locked_while_its_account_came_back_is_resumed_by_the_next_sweep(
    world: World,
) -> None:
    account = world.account()
    post = world.scheduled(account, due=3600)
    world.service.call("disconnect_account", account=account, owner=post.user_id)
    owner = world.person(post.user_id)
    owner.begin()
    owner.run("update public.posts set text = 'better' where id = %s", post.id)
    world.reconnect(account)
    owner.commit()
    assert world.target(post.target)["state"] == "needs_reconnect"
    world.service.call("recover_leases")
    assert world.target(post.target)["state"] == "scheduled"


def test_an_unscheduled_post_is_not_resumed(world: World) -> None:
    account = world.account()
    post = world.scheduled(account, due=3600)
    world.service.call("disconnect_account", account=account, owner=post.user_id)
    world.person(post.user_id).call("unschedule_post", post=post.id)
    world.reconnect(account)
    assert world.target(post.target)["state"] == "draft"


def test_what_is_overdue_when_the_account_comes_back_goes_out_in_the_order_it_was_due(
    world: World,
) -> None:
    account = world.account()
    posts = [world.scheduled(account, due=-due) for due in (2, 5, 1, 4, 3)]
    owner = world.owner(account)
    world.service.call("disconnect_account", account=account, owner=owner)
    world.reconnect(account)
    waiting = world.admin.run(
        "select id::text from post_targets where account_id = %s order by next_attempt_at, id",
        account,
    )
    assert [row["id"] for row in waiting] == [posts[i].target for i in (1, 3, 4, 0, 2)]
