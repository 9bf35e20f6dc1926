"""The send mark and what is recorded after it: each is safe to repeat, and no known answer is thrown away."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.engine.actors import World

ID = "urn:li:share:1"


# ---------------------------------------------------------------- begin_send


def test_the_mark_is_written_before_anything_leaves(world: World) -> None:
    post, claim = world.claimed()
    assert world.service.mark(claim) == ["send"]
    assert world.target(post.target)["state"] == "sending"
    (attempt,) = world.attempts(post.target)
    assert attempt["phase"] == "sending"
    assert attempt["sending_at"] is not None
    assert world.post(post)["status"] == "publishing"


def test_a_lost_reply_may_be_asked_for_again(world: World) -> None:
    post, claim = world.sending()
    sent_at = world.attempts(post.target)[0]["sending_at"]
    assert world.service.mark(claim) == ["send"]
    assert world.attempts(post.target)[0]["sending_at"] == sent_at


def test_nothing_is_marked_before_its_time(world: World) -> None:
    world.scheduled(due=2)
    (claim,) = world.service.claim(ahead=5)
    assert world.service.mark(claim) == ["early"]
    assert world.target(claim["target_id"])["state"] == "preparing"


def test_the_mark_gives_a_full_lease_so_that_no_answer_outlives_it(world: World) -> None:
    post, claim = world.claimed(lease=2)
    assert world.service.mark(claim, seconds=60) == ["send"]
    row = world.admin.run(
        "select lease_until - clock_timestamp() as left from post_targets where id = %s",
        post.target,
    )[0]
    assert row["left"] > timedelta(seconds=55)


@pytest.mark.parametrize("after_the_mark", [False, True])
def test_a_lease_that_is_over_marks_nothing(world: World, after_the_mark: bool) -> None:
    post, claim = world.sending() if after_the_mark else world.claimed()
    world.expire(claim)
    assert world.service.mark(claim) == ["lost"]
    assert world.target(post.target)["state"] == ("sending" if after_the_mark else "preparing")


def test_an_older_token_marks_nothing(world: World) -> None:
    post, old = world.claimed()
    world.expire(old)
    world.service.call("recover_leases")
    _, new = world.claimed(post)
    assert world.service.mark(old) == ["lost"]
    assert world.service.mark(old, new) == ["lost", "send"]


def test_a_disconnected_account_sends_nothing_more(world: World) -> None:
    account = world.account()
    post, claim = world.claimed(world.scheduled(account))
    assert world.service.call("disconnect_account", account=account, owner=post.user_id) is True
    assert world.service.mark(claim) == ["parked"]
    assert world.target(post.target)["state"] == "needs_reconnect"
    assert world.attempts(post.target)[0]["outcome"] == "needs_reconnect"
    assert [n["kind"] for n in world.notifications(post.target)] == ["target_needs_reconnect"]


def test_many_are_marked_in_one_call(world: World) -> None:
    posts = [world.scheduled(due=-9 + i) for i in range(4)]
    claims = world.service.claim()
    world.person(posts[1].user_id).run(
        "update public.posts set text = 'new' where id = %s", posts[1].id
    )
    world.person(posts[2].user_id).call("cancel_target", target=posts[2].target)
    assert world.service.mark(*claims) == ["send", "changed", "lost", "send"]


def test_a_target_that_never_was_is_lost(world: World) -> None:
    _, claim = world.claimed()
    stranger = {**claim, "target_id": "00000000-0000-0000-0000-000000000000", "lease_token": 1}
    assert world.service.mark(stranger) == ["lost"]
    assert world.service.settle(stranger, "published", external_id=ID) == "kept"


# ---------------------------------------------------------------- settle_attempt


def test_published_stores_id_and_address_and_tells_the_owner(world: World) -> None:
    post, claim = world.sending()
    verdict = world.service.settle(
        claim,
        "published",
        external_id=ID,
        external_url="https://x/1",
        http_status=201,
        request_id="r",
    )
    assert verdict == "settled"
    row = world.target(post.target)
    assert (row["state"], row["external_id"], row["external_url"], row["external_id_unknown"]) == (
        "published",
        ID,
        "https://x/1",
        False,
    )
    assert row["lease_until"] is None
    (attempt,) = world.attempts(post.target)
    assert (attempt["outcome"], attempt["http_status"], attempt["platform_request_id"]) == (
        "published",
        201,
        "r",
    )
    assert [n["kind"] for n in world.notifications(post.target)] == ["target_published"]
    assert world.post(post)["status"] == "published"


def test_published_without_an_id_says_so(world: World) -> None:
    post, claim = world.sending()
    world.service.settle(claim, "published", http_status=201)
    assert world.target(post.target)["external_id_unknown"] is True


@pytest.mark.parametrize(("outcome", "state", "told", "tries"), [
    ("published", "published", ["target_published"], 0),
    ("confirming", "confirming", [], 0),
    ("unconfirmed", "unconfirmed", ["target_unconfirmed"], 0),
    ("failed", "failed", ["target_failed"], 1),
    ("needs_reconnect", "needs_reconnect", ["target_needs_reconnect"], 0),
    ("retry", "scheduled", [], 1),
])  # fmt: skip
def test_each_outcome_of_sending_leads_to_its_state_and_repeating_it_changes_nothing(
    world: World, outcome: str, state: str, told: list[str], tries: int
) -> None:
    post, claim = world.sending()
    assert world.service.settle(claim, outcome, error_class="x", error="Why.") == "settled"
    after = world.target(post.target)
    assert (after["state"], after["failures"]) == (state, tries)
    attempts = world.attempts(post.target)
    assert (attempts[0]["outcome"], attempts[0]["finished_at"] is not None) == (outcome, True)
    assert world.service.settle(claim, outcome, error_class="x", error="Why.") == "known"
    assert world.target(post.target) == after
    assert world.attempts(post.target) == attempts
    assert [n["kind"] for n in world.notifications(post.target)] == told


@pytest.mark.parametrize(("outcome", "state", "tries"), [
    ("retry", "scheduled", 1), ("not_sent", "scheduled", 0), ("failed", "failed", 1), ("needs_reconnect", "needs_reconnect", 0),
])  # fmt: skip
def test_each_outcome_of_preparing_leads_to_its_state(
    world: World, outcome: str, state: str, tries: int
) -> None:
    post, claim = world.claimed()
    assert world.service.settle(claim, outcome, error="Why.") == "settled"
    row = world.target(post.target)
    assert (row["state"], row["failures"], row["attempts"]) == (state, tries, 1)


@pytest.mark.parametrize("outcome", ["published", "confirming", "unconfirmed"])
def test_without_the_mark_nothing_can_have_been_sent(world: World, outcome: str) -> None:
    post, claim = world.claimed()
    assert world.service.settle(claim, outcome, external_id=ID) == "kept"
    assert world.target(post.target)["state"] == "preparing"


@pytest.mark.parametrize("state", ["published", "failed", "unconfirmed"])
def test_what_is_being_confirmed_ends(world: World, state: str) -> None:
    post, claim = world.sending()
    world.service.settle(claim, "confirming", external_id="container")
    assert world.target(post.target)["lease_until"] is not None
    assert world.service.settle(claim, state, external_id=ID) == "settled"
    assert world.target(post.target)["state"] == state
    assert world.attempts(post.target)[0]["outcome"] == state


def test_a_retry_waits_as_long_as_it_was_told_and_never_less_than_before(world: World) -> None:
    post, claim = world.sending()
    world.service.settle(claim, "retry", after_seconds=120)
    row = world.admin.run(
        "select next_attempt_at - now() as wait from post_targets where id = %s", post.target
    )[0]
    assert timedelta(seconds=115) < row["wait"] <= timedelta(seconds=120)
    assert world.service.claim() == []


def test_the_sixth_failure_is_the_last(world: World) -> None:
    post = world.scheduled()
    for number in range(1, 7):
        _, claim = world.sending(post)
        assert claim["attempt"] == number
        world.service.settle(
            claim, "retry", after_seconds=0, error_class="throttled", error="Wait."
        )
    row = world.target(post.target)
    assert (row["state"], row["failures"], row["error"]) == ("failed", 6, "Wait.")
    assert [a["number"] for a in world.attempts(post.target)] == [1, 2, 3, 4, 5, 6]


def test_a_retry_after_the_deadline_is_not_waited_for(world: World) -> None:
    post, claim = world.sending()
    world.service.settle(claim, "retry", after_seconds=7 * 3600, error="Wait.")
    assert world.target(post.target)["state"] == "failed"


def test_waiting_for_the_operator_uses_up_no_try(world: World) -> None:
    post = world.scheduled()
    for number in range(1, 9):
        _, claim = world.sending(post)
        assert (claim["attempt"], claim["failures"]) == (number, 0)
        world.service.settle(claim, "retry", after_seconds=0, error_class="operator", error="Old.")
    row = world.target(post.target)
    assert (row["state"], row["failures"], row["error"]) == ("scheduled", 0, "Old.")


@pytest.mark.parametrize("before_the_mark", [True, False])
def test_what_waits_for_the_operator_is_tried_a_last_time_just_before_it_is_too_late(
    world: World, before_the_mark: bool
) -> None:
    post = world.scheduled(due=-5.5 * 3600)
    _, claim = world.claimed(post) if before_the_mark else world.sending(post)
    world.service.settle(claim, "retry", after_seconds=3600, error_class="operator", error="Old.")
    row = world.target(post.target)
    assert row["state"] == "scheduled"
    assert row["deadline_at"] - row["next_attempt_at"] == timedelta(minutes=1)


def test_what_waited_for_the_operator_in_vain_fails_with_the_reason(world: World) -> None:
    post, claim = world.sending(world.scheduled(due=-6 * 3600 + 60))
    world.service.settle(claim, "retry", after_seconds=3600, error_class="operator", error="Old.")
    row = world.target(post.target)
    assert (row["state"], row["failures"], row["error"]) == ("failed", 0, "Old.")


def test_a_throttled_account_waits_with_all_its_posts_in_their_order(world: World) -> None:
    account = world.account()
    first, third, second = (world.scheduled(account, due=due) for due in (-30, -10, -20))
    later = world.scheduled(account, due=3600)
    other = world.scheduled(due=-5)
    claims = {c["target_id"]: c for c in world.service.claim()}
    world.service.mark(claims[first.target])
    world.service.settle(claims[first.target], "retry", after_seconds=600, whole_account=True)
    world.service.settle(claims[other.target], "not_sent")
    assert [c["target_id"] for c in world.service.claim()] == [other.target]
    waiting = world.admin.run(
        "select id::text from post_targets where account_id = %s order by next_attempt_at", account
    )
    assert [row["id"] for row in waiting] == [p.target for p in (first, second, third, later)]
    soonest = world.admin.run(
        "select min(next_attempt_at) - now() as wait from post_targets where account_id = %s",
        account,
    )[0]
    assert soonest["wait"] > timedelta(seconds=590)


def test_giving_back_for_a_pause_makes_the_whole_account_wait_without_using_up_a_try(
    world: World,
) -> None:
    account = world.account()
    first, second = world.scheduled(account, due=-2), world.scheduled(account, due=-1)
    _, claim = world.claimed(first)
    world.service.settle(claim, "not_sent", after_seconds=30, whole_account=True)
    assert world.service.claim(ahead=20) == []
    assert [c["target_id"] for c in world.service.claim(ahead=40)] == [first.target]
    assert world.target(first.target)["failures"] == 0
    assert world.target(second.target)["next_attempt_at"] > world.target(first.target)["next_attempt_at"]  # fmt: skip


def test_giving_back_keeps_the_time_and_the_tries(world: World) -> None:
    world.scheduled(due=2)
    (claim,) = world.service.claim(ahead=5)
    due = world.target(claim["target_id"])["next_attempt_at"]
    world.service.settle(claim, "not_sent", error_class="stopping")
    row = world.target(claim["target_id"])
    assert (row["next_attempt_at"], row["failures"], row["stalls"], row["error"]) == (
        due,
        0,
        0,
        None,
    )


def test_many_results_are_settled_in_one_call(world: World) -> None:
    posts = [world.scheduled(due=-9 + i) for i in range(3)]
    claims = world.service.claim()
    world.service.mark(*claims)
    results = [
        {
            "target_id": c["target_id"],
            "lease_token": c["lease_token"],
            "outcome": o,
            "external_id": None,
        }
        for c, o in zip(claims, ("published", "unconfirmed", "failed"), strict=True)
    ]
    rows = world.service.rows("settle_attempt", results=results)
    assert {row["verdict"] for row in rows} == {"settled"}
    assert world.states([p.target for p in posts]) == ["published", "unconfirmed", "failed"]


def test_the_result_of_a_deleted_user_is_no_error(world: World) -> None:
    post, claim = world.sending()
    world.admin.run("delete from auth.users where id = %s", post.user_id)
    assert world.service.settle(claim, "published", external_id=ID) == "kept"


# ---------------------------------------------------------------- results that come late


def test_a_success_after_recovery_is_still_a_success(world: World) -> None:
    post, claim = world.unconfirmed()
    assert world.service.settle(claim, "published", external_id=ID) == "settled"
    row = world.target(post.target)
    assert (row["state"], row["external_id"], row["error"]) == ("published", ID, None)
    assert world.attempts(post.target)[0]["outcome"] == "published"
    assert [n["kind"] for n in world.notifications(post.target)] == [
        "target_unconfirmed",
        "target_published",
    ]


@pytest.mark.parametrize(
    ("answer", "state"), [("it_is_live", "published"), ("send_again", "scheduled")]
)
def test_a_success_after_the_owner_has_decided_is_kept_with_the_attempt(
    world: World, answer: str, state: str
) -> None:
    post, claim = world.unconfirmed()
    world.person(post.user_id).call("settle_target", target=post.target, answer=answer)
    assert world.service.settle(claim, "published", external_id=ID) == "kept"
    row = world.target(post.target)
    assert (row["state"], row["external_id"]) == (state, None)
    assert world.attempts(post.target)[0]["late_result"]["external_id"] == ID


def test_proof_that_nothing_was_sent_frees_an_unconfirmed_target(world: World) -> None:
    post, claim = world.unconfirmed()
    assert (
        world.service.settle(claim, "retry", after_seconds=0, error_class="not_sent") == "settled"
    )
    assert world.target(post.target)["state"] == "scheduled"


def test_proof_that_comes_after_the_deadline_leaves_it_to_the_owner(world: World) -> None:
    post, claim = world.unconfirmed()
    world.admin.run(
        "update post_targets set deadline_at = now() - interval '1 second' where id = %s",
        post.target,
    )
    assert world.service.settle(claim, "retry", after_seconds=0) == "kept"
    assert world.target(post.target)["state"] == "unconfirmed"


def test_a_refusal_after_recovery_is_kept_and_leaves_it_to_the_owner(world: World) -> None:
    post, claim = world.unconfirmed()
    assert world.service.settle(claim, "failed", error_class="invalid", http_status=400) == "kept"
    assert world.target(post.target)["state"] == "unconfirmed"
    assert world.attempts(post.target)[0]["late_result"]["http_status"] == 400


def test_an_answer_under_an_older_token_changes_nothing_of_the_newer_attempt(world: World) -> None:
    post, old = world.claimed()
    world.expire(old)
    world.service.call("recover_leases")
    _, new = world.sending(post)
    before = world.target(post.target)
    assert world.service.settle(old, "retry", after_seconds=0) == "kept"
    assert world.service.settle(old, "published", external_id="urn:other") == "kept"
    assert world.target(post.target) == before
    assert world.service.settle(new, "published", external_id=ID) == "settled"


def test_a_duplicate_refused_after_an_unconfirmed_attempt_means_the_first_one_worked(
    world: World,
) -> None:
    post, _ = world.unconfirmed()
    world.person(post.user_id).call("settle_target", target=post.target, answer="send_again")
    _, again = world.sending(post)
    verdict = world.service.settle(
        again,
        "failed",
        error_class="duplicate",
        external_id=ID,
        external_url="https://x/1",
        http_status=422,
    )
    assert verdict == "settled"
    row = world.target(post.target)
    assert (row["state"], row["external_id"], row["external_url"]) == (
        "published",
        ID,
        "https://x/1",
    )
    assert world.service.settle(again, "failed", error_class="duplicate", external_id=ID) == "known"


def test_a_duplicate_of_another_post_is_a_refusal(world: World) -> None:
    account = world.account()
    first, claim = world.sending(world.scheduled(account))
    world.service.settle(claim, "published", external_id=ID)
    post, _ = world.unconfirmed(world.scheduled(account))
    world.person(post.user_id).call("settle_target", target=post.target, answer="send_again")
    _, again = world.sending(post)
    world.service.settle(again, "failed", error_class="duplicate", external_id=ID)
    assert world.states([first.target, post.target]) == ["published", "failed"]
    assert world.target(post.target)["external_id"] is None


def test_a_duplicate_without_an_earlier_attempt_is_a_refusal(world: World) -> None:
    post, claim = world.sending()
    world.service.settle(claim, "failed", error_class="duplicate", external_id=ID)
    assert world.target(post.target)["state"] == "failed"


def test_a_mark_may_come_a_moment_before_the_time_and_says_how_long_it_is_until_then(
    world: World,
) -> None:
    post = world.scheduled(due=30)
    (claim,) = world.service.claim(ahead=60)
    names = ("target_id", "lease_token", "post_version", "target_version")
    sends = [{name: claim[name] for name in names}]
    for ahead, verdict in ((0, "early"), (5, "early"), (60, "send"), (0, "send")):
        (row,) = world.service.rows(
            "begin_send", sends=sends, seconds_left=30, ahead_seconds=float(ahead)
        )
        assert row["verdict"] == verdict
        assert 0 < row["early_by"] <= 30
    (attempt,) = world.attempts(post.target)
    assert attempt["sending_at"] == world.target(post.target)["due_at"], "nothing leaves before"
