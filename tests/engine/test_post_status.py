"""What a post is follows from what its targets are."""

from __future__ import annotations

import itertools

import pytest

from tests.engine.actors import Running, World
from tests.engine.test_state_machine import MOVES, WAY, move

ORDER = (  # the first group that has a state of the targets decides
    ("publishing", {"preparing", "sending", "confirming"}),
    ("needs_attention", {"unconfirmed", "needs_reconnect", "quarantined"}),
)
AFTER = ("scheduled", "failed", "missed", "draft")


def expected(states: tuple[str, ...]) -> str:
    """The rule, written down a second time."""
    live = [state for state in states if state != "canceled"]
    if not states:
        return "draft"
    if not live:
        return "canceled"
    for status, deciding in ORDER:
        if deciding & set(live):
            return status
    if "published" in live:
        return "published" if set(live) == {"published"} else "partly_published"
    return next(status for status in AFTER if status in live)


def test_the_rule_says_what_the_contract_says() -> None:
    assert expected(()) == "draft"
    assert expected(("published", "canceled")) == "published"
    assert expected(("published", "failed")) == "partly_published"
    assert expected(("published", "unconfirmed")) == "needs_attention"
    assert expected(("scheduled", "sending")) == "publishing"
    assert expected(("failed", "missed")) == "failed"
    assert expected(("canceled", "canceled")) == "canceled"


def test_a_post_without_targets_is_a_draft(world: World) -> None:
    user = world.user()
    row = world.admin.run("insert into posts (user_id) values (%s) returning status", user)[0]
    assert row["status"] == "draft"


def test_the_status_of_a_post_follows_every_pair_of_states(world: World) -> None:
    user = world.user()
    one, other = world.account(user), world.account(user)
    seen, wanted = {}, {}
    for pair in itertools.combinations_with_replacement(MOVES, 2):
        # a target at work keeps its account busy, so each pair gets its turn and is rolled back
        post = world.draft(one, other)
        world.service.begin()
        for target, state in zip(post.targets, pair, strict=True):
            for step in WAY[state]:
                move(world.service, target, step)
        seen[pair] = world.service.run("select status from public.posts where id = %s", post.id)[0][
            "status"
        ]
        wanted[pair] = expected(pair)
        world.service.rollback()
    assert seen == wanted


@pytest.mark.parametrize("states", [
    ("published", "published", "failed"), ("published", "scheduled", "missed"), ("draft", "draft", "scheduled"),
    ("canceled", "published", "draft"), ("missed", "canceled", "draft"), ("failed", "quarantined", "published"),
])  # fmt: skip
def test_the_status_of_a_post_follows_three_states(world: World, states: tuple[str, ...]) -> None:
    user = world.user()
    post = world.draft(*(world.account(user) for _ in states))
    for target, state in zip(post.targets, states, strict=True):
        for step in WAY[state]:
            move(world.service, target, step)
    assert world.post(post)["status"] == expected(states)


def test_removing_the_last_target_makes_a_post_a_draft_again(world: World) -> None:
    post = world.scheduled()
    assert world.post(post)["status"] == "scheduled"
    assert (
        world.person(post.user_id).changed(
            "delete from public.post_targets where id = %s", post.target
        )
        == 1
    )
    assert world.post(post)["status"] == "draft"


def test_two_targets_that_settle_at_once_are_both_seen(world: World) -> None:
    user = world.user()
    post = world.scheduled(world.account(user), world.account(user))
    first, second = world.service.claim()
    other = world.worker()
    assert world.service.mark(first, second) == ["send", "send"]
    other.begin()
    other.settle(first, "published", external_id="urn:1")
    waiting = Running(
        world.admin,
        world.service,
        lambda: world.service.settle(second, "published", external_id="urn:2"),
    )
    waiting.wait_until_blocked()
    other.commit()
    assert waiting.result() == "settled"
    assert world.post(post)["status"] == "published"
