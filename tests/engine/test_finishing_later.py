"""What a platform took and finishes later: when it is asked for, how often, and what each answer leads to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.actors import Actor, Post, Row, Running, World
from tests.engine.test_unconfirmed import kinds, look, readable, seconds_to_look, sent

REFERENCE = {"reference": "publication 1"}
MINE: Row = {"external_id": "7301", "external_url": "https://www.tiktok.com/@ada/video/7301"}


def note(world: World, claim: Row, **patch: Any) -> bool:
    """Add to what is known of the target of a claim, or of a look."""
    names = {"target": claim["target_id"], "token": claim["lease_token"], "look": claim.get("look")}
    return bool(world.service.call("keep_notes", **names, patch=patch))


def confirming(world: World, post: Post | None = None, *, after: float = 5) -> tuple[Post, Row]:
    """A post that the platform took, to be asked for in so many seconds; and the claim."""
    post, claim = world.sending(post)
    assert note(world, claim, **REFERENCE)
    assert world.service.settle(claim, "confirming", after_seconds=after) == "settled"
    return post, claim


def tell(world: World, claimed: Row, outcome: str, actor: Actor | None = None, **more: Any) -> str:
    """Say what the platform told at that look."""
    return str(
        (actor or world.service).call(
            "settle_outcome", target=claimed["target_id"], look=claimed["look"], told={"outcome": outcome, **more}
        )
    )  # fmt: skip


def an_hour_passes(world: World, claim: Row) -> None:
    world.expire(claim)
    assert world.service.call("recover_leases")["unconfirmed"] == 1


# ---------------------------------------------------------------- taken


def test_what_the_platform_finishes_later_is_asked_for_when_it_said(world: World) -> None:
    post, _ = confirming(world, after=20)
    row = world.target(post.target)
    assert (row["state"], row["error"], row["external_id_unknown"]) == ("confirming", None, False)
    assert 15 < seconds_to_look(world, post) <= 20
    (left,) = world.admin.run(
        "select extract(epoch from lease_until - clock_timestamp()) as s from post_targets where id = %s",
        post.target,
    )
    assert 3590 < left["s"] <= 3600
    (attempt,) = world.attempts(post.target)
    assert (attempt["outcome"], attempt["finished_at"] is None) == ("confirming", False)
    assert world.post(post)["status"] == "publishing"
    assert kinds(world, post) == []


def test_the_accounts_next_post_waits_until_it_has_ended(world: World) -> None:
    account = world.account()
    post, _ = confirming(world, world.scheduled(account, due=-5))
    following = world.scheduled(account, due=-1)
    assert world.service.claim() == []
    assert tell(world, look(world, post), "published", **MINE) == "published"
    (claim,) = world.service.claim()
    assert claim["target_id"] == following.target


def test_the_worker_is_told_when_to_ask_and_when_the_hour_is_over(world: World) -> None:
    assert world.service.call("next_work")["unconfirmed"] is None
    confirming(world, after=20)
    work = world.service.call("next_work")
    assert 15 < work["unconfirmed"] <= 20
    assert 3590 < work["leases"] <= 3600


def test_it_is_handed_out_when_due_and_once_only(world: World) -> None:
    post, claim = confirming(world, after=20)
    assert world.service.call("claim_unconfirmed", take=10, lease_seconds=60) == []
    claimed = look(world, post)
    assert (claimed["look"], claimed["notes"]) == (1, REFERENCE)
    assert claimed["lease_token"] == claim["lease_token"], "so that it can note more"
    assert world.worker().call("claim_unconfirmed", take=10, lease_seconds=60) == []
    assert 55 < seconds_to_look(world, post) <= 60


# ---------------------------------------------------------------- answers


def test_published_it_has_its_id_and_its_owner_is_told(world: World) -> None:
    post, _ = confirming(world)
    assert tell(world, look(world, post), "published", **MINE) == "published"
    row = world.target(post.target)
    assert (row["state"], row["external_id"], row["external_url"]) == ("published", *MINE.values())
    assert (row["look_at"], row["lease_until"], row["failures"]) == (None, None, 0)
    (attempt,) = world.attempts(post.target)
    assert attempt["outcome"] == "published"
    assert attempt["late_result"]["read_back"]["external_id"] == MINE["external_id"]
    assert kinds(world, post) == ["target_published"]
    assert world.post(post)["status"] == "published"


def test_published_without_an_id_says_so(world: World) -> None:
    post, _ = confirming(world)
    assert tell(world, look(world, post), "published") == "published"
    assert world.target(post.target)["external_id_unknown"]


def test_failed_it_names_the_platforms_reason(world: World) -> None:
    post, _ = confirming(world)
    told: Row = {"error_class": "invalid", "error": "The video is too long.", "http_status": 200}
    assert tell(world, look(world, post), "failed", **told) == "failed"
    row = world.target(post.target)
    assert (row["state"], row["error_class"], row["error"]) == ("failed", *list(told.values())[:2])
    assert (row["look_at"], row["lease_until"], row["failures"]) == (None, None, 1)
    (attempt,) = world.attempts(post.target)
    assert (attempt["outcome"], attempt["late_result"]["read_back"]["http_status"]) == ("failed", 200)  # fmt: skip
    (notice,) = world.notifications(post.target)
    assert notice["payload"]["reason"] == told["error"]


def test_absent_it_goes_back_into_the_queue_and_goes_on_from_its_notes(world: World) -> None:
    post, _ = confirming(world)
    assert tell(world, look(world, post), "absent", error_class="not_created", error="No.") == "scheduled"  # fmt: skip
    assert kinds(world, post) == []
    (claim,) = world.service.claim()
    assert (claim["target_id"], claim["failures"], claim["notes"]) == (post.target, 1, REFERENCE)
    assert [a["outcome"] for a in world.attempts(post.target)] == ["retry", None]


def test_absent_time_and_again_it_has_failed(world: World) -> None:
    post, _ = confirming(world)
    verdicts = []
    for _ in range(6):
        verdicts.append(tell(world, look(world, post), "absent", error="It is not there."))
        if verdicts[-1] == "scheduled":
            confirming(world, post)
    assert verdicts == ["scheduled"] * 5 + ["failed"]
    row = world.target(post.target)
    assert (row["failures"], row["error"]) == (6, "It is not there.")
    assert kinds(world, post) == ["target_failed"]


def test_absent_when_it_is_too_late_it_has_failed(world: World) -> None:
    post, _ = confirming(world)
    world.admin.run("update post_targets set deadline_at = now() where id = %s", post.target)
    assert tell(world, look(world, post), "absent") == "failed"
    assert world.service.claim() == []


@pytest.mark.parametrize(("told", "waits"), [(90, 90), (0, 1), (-5, 1), (None, 30)])
def test_pending_it_is_asked_again_when_the_platform_says(
    world: World, told: float | None, waits: float
) -> None:
    post, _ = confirming(world)
    assert tell(world, look(world, post), "pending", after_seconds=told) == "looking"
    assert waits - 5 < seconds_to_look(world, post) <= waits
    assert world.target(post.target)["state"] == "confirming"


def test_what_is_confirming_is_asked_for_longer_than_a_quarter_of_an_hour(world: World) -> None:
    post, _ = confirming(world)
    sent(world, post, 1800)
    assert tell(world, look(world, post), "pending", after_seconds=30) == "looking"
    assert kinds(world, post) == []


@pytest.mark.parametrize("outcome", ["published", "failed", "absent", "pending"])
def test_the_answer_of_a_look_that_was_lost_changes_nothing(world: World, outcome: str) -> None:
    post, _ = confirming(world)
    slow = look(world, post)
    quick = look(world, post, world.worker())
    before = world.target(post.target)
    assert tell(world, slow, outcome) == "lost"
    assert world.target(post.target) == before
    assert tell(world, quick, "published", **MINE) == "published"
    assert tell(world, quick, outcome) == "lost"
    assert world.target(post.target)["state"] == "published"


def test_two_answers_at_once_do_not_cross(world: World) -> None:
    post, _ = confirming(world)
    claimed = look(world, post)
    first, second = world.worker(), world.worker()
    first.begin()
    assert tell(world, claimed, "failed", first) == "failed"
    waiting = Running(world.admin, second, lambda: tell(world, claimed, "published", second))
    waiting.wait_until_blocked()
    first.commit()
    assert waiting.result() == "lost"
    assert kinds(world, post) == ["target_failed"]


# ---------------------------------------------------------------- nobody knows


def test_an_hour_without_an_end_is_unconfirmed_and_goes_on_being_asked_for(world: World) -> None:
    post, claim = confirming(world)
    an_hour_passes(world, claim)
    row = world.target(post.target)
    assert (row["state"], row["error_class"]) == ("unconfirmed", "not_finished")
    assert row["error"] == "The platform took it and has not said within an hour what became of it. The post may be live."  # fmt: skip
    assert 25 < seconds_to_look(world, post) <= 30
    assert kinds(world, post) == []
    assert [a["outcome"] for a in world.attempts(post.target)] == ["confirming"]
    assert tell(world, look(world, post), "published", **MINE) == "published"


def test_an_hour_without_an_end_asks_the_owner_where_nobody_else_can_be_asked(world: World) -> None:
    post, claim = world.sending()
    world.service.settle(claim, "confirming", after_seconds=5)
    an_hour_passes(world, claim)
    assert world.target(post.target)["look_at"] is None
    assert kinds(world, post) == ["target_unconfirmed"]


def test_what_is_unconfirmed_and_pending_is_the_owners_after_a_quarter_of_an_hour(world: World) -> None:  # fmt: skip
    post, claim = confirming(world)
    an_hour_passes(world, claim)
    sent(world, post, 800)
    assert tell(world, look(world, post), "pending", after_seconds=30) == "looking"
    sent(world, post, 901)
    assert tell(world, look(world, post), "pending", after_seconds=30) == "asked"
    assert kinds(world, post) == ["target_unconfirmed"]
    assert world.service.call("next_work")["unconfirmed"] is None
    settled = world.person(post.user_id).call("settle_target", target=post.target, answer="it_is_live")  # fmt: skip
    assert settled["state"] == "published"


@pytest.mark.parametrize("outcome", ["published", "failed", "absent"])
def test_what_is_unconfirmed_ends_as_the_platform_says(world: World, outcome: str) -> None:
    post, claim = world.sending()
    assert note(world, claim, **REFERENCE)
    world.service.settle(claim, "unconfirmed", error="No answer.")
    assert 25 < seconds_to_look(world, post) <= 30, (
        "it can be asked for, though nothing can be read"
    )
    state = "scheduled" if outcome == "absent" else outcome
    assert tell(world, look(world, post), outcome, error="No.") == state
    assert world.target(post.target)["state"] == state
    assert world.target(post.target)["error"] == (None if outcome == "published" else "No.")


def test_a_worker_that_vanished_leaves_what_can_be_asked_for(world: World) -> None:
    post, claim = world.sending()
    assert note(world, claim, **REFERENCE)
    world.expire(claim)
    world.service.call("recover_leases")
    claimed = look(world, post)
    assert claimed["notes"] == REFERENCE
    assert tell(world, claimed, "published", **MINE) == "published"


def test_a_late_answer_of_the_platform_and_the_owners_word_go_before(world: World) -> None:
    post, claim = confirming(world, world.scheduled(readable(world)))
    an_hour_passes(world, claim)
    claimed = look(world, post)
    world.person(post.user_id).call("settle_target", target=post.target, answer="send_again")
    assert tell(world, claimed, "published", **MINE) == "lost"
    assert world.target(post.target)["state"] == "scheduled"
