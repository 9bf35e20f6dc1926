"""Which moves a target may make, whoever asks: the table of the engine's contract, written down a second time."""

from __future__ import annotations

import psycopg
import pytest

from tests.engine.actors import Actor, World

# from: where to. Everything else is refused, for every role.
MOVES = {
    "draft": {"scheduled", "canceled"},
    "scheduled": {"draft", "preparing", "needs_reconnect", "missed", "failed", "canceled"},
    "preparing": {"scheduled", "sending", "needs_reconnect", "failed", "quarantined", "canceled"},
    "sending": {"published", "confirming", "unconfirmed", "failed", "needs_reconnect", "scheduled"},
    "confirming": {"published", "failed", "unconfirmed", "scheduled"},
    "unconfirmed": {"published", "failed", "scheduled"},
    "needs_reconnect": {"scheduled", "draft", "missed", "canceled"},
    "failed": {"scheduled"},
    "missed": {"scheduled"},
    "quarantined": {"scheduled", "canceled"},
    "canceled": {"scheduled"},
    "published": set(),
}
WAY = {
    "draft": [],
    "scheduled": ["scheduled"],
    "preparing": ["scheduled", "preparing"],
    "sending": ["scheduled", "preparing", "sending"],
    "confirming": ["scheduled", "preparing", "sending", "confirming"],
    "unconfirmed": ["scheduled", "preparing", "sending", "unconfirmed"],
    "needs_reconnect": ["scheduled", "needs_reconnect"],
    "failed": ["scheduled", "failed"],
    "missed": ["scheduled", "missed"],
    "quarantined": ["scheduled", "preparing", "quarantined"],
    "canceled": ["canceled"],
    "published": ["scheduled", "preparing", "sending", "published"],
}
# what the checks want to see in one state or another
COLUMNS = """due_at = now(), next_attempt_at = now(), deadline_at = now() + interval '6 hours', lease_token = 1,
    lease_until = now() + interval '1 minute', published_at = now(), external_id_unknown = true"""


def move(actor: Actor, target: str, state: str) -> None:
    actor.run(
        f"update public.post_targets set state = %s, {COLUMNS} where id = %s",  # noqa: S608 - a constant
        state,
        target,
    )


def test_the_table_names_every_state_and_the_way_to_it(world: World) -> None:
    states = {
        row["s"] for row in world.admin.run("select unnest(enum_range(null::target_state))::text s")
    }
    assert set(MOVES) == states == set(WAY)


@pytest.mark.parametrize("old", MOVES)
@pytest.mark.parametrize("role", ["service_role", "postgres"])
def test_a_direct_update_makes_exactly_the_moves_of_the_table(
    world: World, old: str, role: str
) -> None:
    actor = world.actor(role)
    target = world.draft(world.account()).target
    for state in WAY[old]:
        move(actor, target, state)
    possible, words = set(), set()
    for new in MOVES:
        actor.begin()
        try:
            move(actor, target, new)
            possible.add(new)
        except psycopg.errors.CheckViolation as error:
            words.add(error.diag.message_primary)
        finally:
            actor.rollback()
    assert possible - {old} == MOVES[old]
    refused = set(MOVES) - MOVES[old] - {old}
    assert words == {f"a target cannot go from {old} to {new}" for new in refused}


@pytest.mark.parametrize("state", sorted(set(MOVES) - {"draft"}))
def test_a_new_target_starts_as_a_draft(world: World, state: str) -> None:
    post, account = world.draft(world.account()), world.account()
    with pytest.raises(psycopg.errors.CheckViolation, match="starts as draft"):
        world.service.run(
            "insert into public.post_targets (user_id, post_id, account_id, state) values (%s, %s, %s, %s)",
            post.user_id, post.id, account, state,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "without", "constraint"),
    [
        ("published", "published_at = null", "published_names_its_id_or_says_it_is_unknown"),
        (
            "published",
            "external_id_unknown = false",
            "published_names_its_id_or_says_it_is_unknown",
        ),
        ("scheduled", "due_at = null", "a_target_that_waits_knows_its_time"),
        ("scheduled", "next_attempt_at = null", "a_target_that_waits_knows_its_time"),
        ("scheduled", "deadline_at = null", "a_target_that_waits_knows_its_time"),
        ("preparing", "lease_token = null", "a_target_at_work_is_leased"),
        ("preparing", "lease_until = null", "a_target_at_work_is_leased"),
        ("sending", "lease_until = null", "a_target_at_work_is_leased"),
        ("confirming", "lease_until = null", "a_target_at_work_is_leased"),
    ],
)
def test_a_state_carries_what_makes_it_true(
    world: World, state: str, without: str, constraint: str
) -> None:
    target = world.draft(world.account()).target
    for one in WAY[state]:
        move(world.service, target, one)
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        world.service.run(
            f"update public.post_targets set {without} where id = %s",  # noqa: S608 - from the table above
            target,
        )
    assert refused.value.diag.constraint_name == constraint


@pytest.mark.parametrize("old", ["sending", "confirming", "unconfirmed"])
def test_nothing_becomes_published_without_an_id_or_the_word_that_it_is_unknown(
    world: World, old: str
) -> None:
    target = world.draft(world.account()).target
    for state in WAY[old]:
        move(world.service, target, state)
    query = "update public.post_targets set state = 'published', published_at = now(), external_id = %s, external_id_unknown = %s where id = %s"
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        world.service.run(query, None, False, target)
    assert refused.value.diag.constraint_name == "published_names_its_id_or_says_it_is_unknown"
    world.service.run(query, "urn:1", False, target)
    assert world.target(target)["state"] == "published"


def test_published_with_an_id_needs_no_flag(world: World) -> None:
    target = world.draft(world.account()).target
    for one in WAY["published"]:
        move(world.service, target, one)
    world.service.run(
        "update public.post_targets set external_id = 'urn:1', external_id_unknown = false where id = %s",
        target,
    )
    assert world.target(target)["external_id"] == "urn:1"


def test_two_targets_of_one_account_are_never_at_work_together(world: World) -> None:
    account = world.account()
    first, second = world.draft(account), world.draft(account)
    for target in (first.target, second.target):
        move(world.service, target, "scheduled")
    move(world.service, first.target, "preparing")
    with pytest.raises(psycopg.errors.UniqueViolation):
        move(world.service, second.target, "preparing")


def test_one_platform_post_belongs_to_one_target_of_an_account(world: World) -> None:
    account = world.account()
    first, second = world.draft(account), world.draft(account)
    world.service.run(
        "update public.post_targets set external_id = 'urn:1' where id = %s", first.target
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        world.service.run(
            "update public.post_targets set external_id = 'urn:1' where id = %s", second.target
        )


def test_an_attempt_ends_with_an_outcome_and_only_one_is_open(world: World) -> None:
    post, claim = world.claimed()
    with pytest.raises(psycopg.errors.CheckViolation):
        world.service.run(
            "update public.publish_attempts set finished_at = now() where lease_token = %s",
            claim["lease_token"],
        )
    with pytest.raises(psycopg.errors.UniqueViolation):
        world.service.run(
            "insert into public.publish_attempts (user_id, target_id, number, lease_token, worker) values (%s, %s, 2, 0, 'w')",
            post.user_id, post.target,
        )  # fmt: skip
