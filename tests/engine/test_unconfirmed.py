"""Looking for what may be live: when, how often, and what each sight of the platform leads to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.actors import Actor, Post, Row, Running, World

READABLE = ["w_member_social", "r_member_social"]
MINE = {"external_id": "urn:li:share:1", "external_url": "https://www.linkedin.com/feed/update/urn:li:share:1/"}  # fmt: skip
OTHER = {"external_id": "urn:li:share:2", "external_url": None}


def readable(world: World, user_id: str | None = None) -> str:
    """An account whose own posts can be read."""
    account = world.account(user_id)
    world.admin.run(
        "update social_accounts set granted_scopes = %s where id = %s", READABLE, account
    )
    return account


def unconfirmed(world: World, account: str | None = None, *, ago: float = 0) -> Post:
    """A post whose create call left so many seconds ago and was never answered."""
    post, claim = world.sending(world.scheduled(account or readable(world)))
    world.service.settle(claim, "unconfirmed", error_class="outcome_unknown", error="No answer.")
    sent(world, post, ago)
    return post


def sent(world: World, post: Post, ago: float) -> None:
    """Let the create call have left so many seconds ago."""
    world.admin.run(
        "update publish_attempts set sending_at = clock_timestamp() - make_interval(secs => %s) where target_id = %s",
        ago, post.target,
    )  # fmt: skip


def look(world: World, post: Post, actor: Actor | None = None) -> Row:
    """Let the time of the next look come, and begin it."""
    world.admin.run(
        "update post_targets set look_at = clock_timestamp() where id = %s and look_at is not null", post.target
    )  # fmt: skip
    (claimed,) = (actor or world.service).call("claim_unconfirmed", take=10, lease_seconds=60)
    assert claimed["target_id"] == post.target
    return dict(claimed)


def tell(world: World, claimed: Row, *found: dict[str, Any], proof: bool = False) -> str:
    """Say what that look found."""
    return str(
        world.service.call(
            "settle_unconfirmed",
            target=claimed["target_id"], look=claimed["look"], seen=list(found), absence_is_proof=proof,
        )
    )  # fmt: skip


def seconds_to_look(world: World, post: Post) -> float:
    row = world.admin.run(
        "select extract(epoch from look_at - clock_timestamp())::float as s from post_targets where id = %s",
        post.target,
    )[0]
    return float(row["s"])


def kinds(world: World, post: Post) -> list[str]:
    return [told["kind"] for told in world.notifications(post.target)]


def test_where_posts_can_be_read_lin_looks_in_half_a_minute_and_asks_nobody_yet(
    world: World,
) -> None:
    post = unconfirmed(world)
    assert 25 < seconds_to_look(world, post) <= 30
    assert kinds(world, post) == []
    assert world.post(post)["status"] == "needs_attention"


def test_where_they_cannot_be_read_the_owner_is_asked_at_once(world: World) -> None:
    post, _ = world.unconfirmed()
    assert world.target(post.target)["look_at"] is None
    assert kinds(world, post) == ["target_unconfirmed"]
    assert world.service.call("claim_unconfirmed", take=10, lease_seconds=60) == []


def test_the_worker_is_told_when_the_next_look_is_due(world: World) -> None:
    assert world.service.call("next_work")["unconfirmed"] is None
    unconfirmed(world)
    assert 25 < world.service.call("next_work")["unconfirmed"] <= 30


@pytest.mark.parametrize(
    ("scopes", "is_looked_for"),
    [
        (["r_member_social"], True),
        (["w_organization_social", "r_organization_social"], True),
        (["w_organization_social", "r_organization_social_too"], False),
        ([], False),
    ],
)
def test_one_of_several_scopes_is_enough_to_be_looked_for(
    world: World, scopes: list[str], is_looked_for: bool
) -> None:
    account = world.account()
    world.admin.run("update social_accounts set granted_scopes = %s where id = %s", scopes, account)
    post = unconfirmed(world, account)
    assert (world.target(post.target)["look_at"] is not None) is is_looked_for


def test_a_look_brings_all_that_looking_needs(world: World) -> None:
    post = unconfirmed(world, ago=40)
    claimed = look(world, post)
    assert (claimed["look"], claimed["text"]) == (1, "Good morning")
    assert claimed["token"]["access_token_sealed"] == "sealed"
    assert claimed["account"]["granted_scopes"] == READABLE


def test_the_one_post_that_fits_is_this_one(world: World) -> None:
    post = unconfirmed(world, ago=40)
    assert tell(world, look(world, post), MINE) == "published"
    row = world.target(post.target)
    assert (row["state"], row["external_id"], row["external_url"]) == ("published", *MINE.values())
    assert (row["external_id_unknown"], row["error"], row["look_at"]) == (False, None, None)
    (attempt,) = world.attempts(post.target)
    assert attempt["outcome"] == "published"
    assert attempt["late_result"]["read_back"] == MINE
    assert row["published_at"] == attempt["sending_at"]
    assert kinds(world, post) == ["target_published"]


def test_a_post_of_another_target_is_not_taken_for_it(world: World) -> None:
    account = readable(world)
    _, claim = world.sending(world.scheduled(account))
    world.service.settle(claim, "published", external_id=MINE["external_id"])
    post = unconfirmed(world, account, ago=40)
    assert tell(world, look(world, post), MINE) == "looking"
    assert tell(world, look(world, post), MINE, OTHER) == "published"
    assert world.target(post.target)["external_id"] == OTHER["external_id"]


def test_two_that_fit_say_nothing(world: World) -> None:
    post = unconfirmed(world, ago=40)
    assert tell(world, look(world, post), MINE, OTHER) == "looking"
    assert world.target(post.target)["state"] == "unconfirmed"


def test_looks_grow_seldom(world: World) -> None:
    post = unconfirmed(world, ago=40)
    waits = []
    for _ in range(5):
        assert tell(world, look(world, post)) == "looking"
        waits.append(round(seconds_to_look(world, post) / 30))
    assert waits == [2, 4, 8, 10, 10]


def test_after_a_quarter_of_an_hour_the_owner_is_asked_once(world: World) -> None:
    post = unconfirmed(world, ago=901)
    assert tell(world, look(world, post)) == "asked"
    assert kinds(world, post) == ["target_unconfirmed"]
    assert world.service.call("next_work")["unconfirmed"] is None
    settled = world.person(post.user_id).call(
        "settle_target", target=post.target, answer="it_is_live"
    )
    assert settled["state"] == "published"


def test_what_is_not_seen_is_never_sent_again_without_proof(world: World) -> None:
    post = unconfirmed(world, ago=700)
    assert tell(world, look(world, post)) == "looking"
    sent(world, post, 5000)
    assert tell(world, look(world, post)) == "asked"
    assert world.target(post.target)["state"] == "unconfirmed"


def test_two_proofs_of_absence_five_minutes_apart_free_it(world: World) -> None:
    post = unconfirmed(world, ago=599)
    assert tell(world, look(world, post), proof=True) == "looking"
    assert world.target(post.target)["absent_since"] is None, "too early to prove anything"
    sent(world, post, 601)
    assert tell(world, look(world, post), proof=True) == "looking"
    assert 295 < seconds_to_look(world, post) <= 300
    sent(world, post, 1000)
    world.admin.run(
        "update post_targets set absent_since = absent_since - interval '5 minutes' where id = %s",
        post.target,
    )
    assert tell(world, look(world, post), proof=True) == "scheduled"
    assert kinds(world, post) == []
    (attempt,) = world.attempts(post.target)
    assert (attempt["outcome"], "absent_since" in attempt["late_result"]["read_back"]) == ("retry", True)  # fmt: skip
    (claim,) = world.service.claim()
    assert claim["target_id"] == post.target


def test_one_proof_is_not_enough(world: World) -> None:
    post = unconfirmed(world, ago=700)
    assert tell(world, look(world, post), proof=True) == "looking"
    assert tell(world, look(world, post), proof=True) == "looking"
    assert world.target(post.target)["state"] == "unconfirmed"


def test_proof_that_comes_after_the_deadline_sends_nothing(world: World) -> None:
    post = unconfirmed(world, ago=2000)
    assert tell(world, look(world, post), proof=True) == "looking"
    world.admin.run(
        "update post_targets set absent_since = absent_since - interval '5 minutes', deadline_at = clock_timestamp() where id = %s",
        post.target,
    )
    assert tell(world, look(world, post), proof=True) == "asked"


def test_a_look_is_one_workers_and_costs_its_lease_when_it_vanishes(world: World) -> None:
    post = unconfirmed(world, ago=40)
    slow = look(world, post)
    assert world.worker().call("claim_unconfirmed", take=10, lease_seconds=60) == []
    assert 55 < seconds_to_look(world, post) <= 60
    quick = look(world, post, world.worker())
    assert tell(world, slow, MINE) == "lost"
    assert tell(world, quick, MINE) == "published"


def test_two_workers_never_get_the_same_look(world: World) -> None:
    post = unconfirmed(world, ago=40)
    world.admin.run("update post_targets set look_at = now() where id = %s", post.target)
    first, second = world.worker(), world.worker()
    first.begin()
    assert len(first.call("claim_unconfirmed", take=10, lease_seconds=60)) == 1
    assert second.call("claim_unconfirmed", take=10, lease_seconds=60) == []
    first.commit()
    assert second.call("claim_unconfirmed", take=10, lease_seconds=60) == []


@pytest.mark.parametrize("answer", ["it_is_live", "send_again"])
def test_the_owners_word_goes_before_what_is_seen(world: World, answer: str) -> None:
    post = unconfirmed(world, ago=40)
    claimed = look(world, post)
    world.person(post.user_id).call("settle_target", target=post.target, answer=answer)
    before = world.target(post.target)
    assert tell(world, claimed, MINE) == "lost"
    assert world.target(post.target) == before


def test_a_late_answer_of_the_platform_goes_before_what_is_seen(world: World) -> None:
    post, claim = world.sending(world.scheduled(readable(world)))
    world.expire(claim)
    world.service.call("recover_leases")
    claimed = look(world, post)
    assert world.service.settle(claim, "published", external_id="urn:li:share:9") == "settled"
    assert tell(world, claimed, MINE) == "lost"
    assert world.target(post.target)["external_id"] == "urn:li:share:9"


def test_what_is_seen_and_the_owners_word_do_not_cross(world: World) -> None:
    post = unconfirmed(world, ago=40)
    claimed = look(world, post)
    owner, worker = world.person(post.user_id), world.worker()
    owner.begin()
    owner.call("settle_target", target=post.target, answer="send_again")
    found = {"target": post.target, "look": claimed["look"], "seen": [MINE], "absence_is_proof": False}  # fmt: skip
    waiting = Running(world.admin, worker, lambda: worker.call("settle_unconfirmed", **found))
    waiting.wait_until_blocked()
    owner.commit()
    assert waiting.result() == "lost"
    assert world.target(post.target)["state"] == "scheduled"


def test_a_second_time_unconfirmed_is_looked_for_anew(world: World) -> None:
    post = unconfirmed(world, ago=901)
    assert tell(world, look(world, post)) == "asked"
    world.person(post.user_id).call("settle_target", target=post.target, answer="send_again")
    _, claim = world.sending(post)
    world.service.settle(claim, "unconfirmed", error="No answer.")
    assert tell(world, look(world, post), OTHER) == "published"
    outcomes = [a["outcome"] for a in world.attempts(post.target)]
    assert outcomes == ["unconfirmed", "published"]
