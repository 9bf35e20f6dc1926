"""The counters behind /metrics: each event once, by the transaction that makes it true, and never fewer than before."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.actors import World

Key = tuple[str, ...]
Added = Callable[[], dict[Key, tuple[int, float]]]


def counted(world: World) -> dict[Key, tuple[int, float]]:
    """Times and seconds by name, labels and bucket."""
    told: dict[str, Any] = world.service.call("counters")
    found: dict[Key, tuple[int, float]] = {}
    for one in told["counts"]:
        labels = (str(value) for _, value in sorted(one["labels"].items()))
        key = (one["name"], *labels, str(one["up_to"]))
        times, seconds = found.get(key, (0, 0.0))
        found[key] = (times + one["times"], seconds + one["seconds"])
    return found


@pytest.fixture
def added(world: World) -> Added:
    """What was counted since the test began, and since then only."""
    before = counted(world)

    def difference() -> dict[Key, tuple[int, float]]:
        found = {}
        for key, (times, seconds) in counted(world).items():
            earlier, so_far = before.get(key, (0, 0.0))
            if times != earlier:
                found[key] = (times - earlier, seconds - so_far)
        return found

    return difference


def test_a_post_that_is_out_is_counted_with_how_late_it_is(world: World, added: Added) -> None:
    post, claim = world.sending(world.scheduled(due=-20))
    world.service.settle(claim, "published", external_id="urn:1")
    late = world.admin.run(
        "select extract(epoch from published_at - due_at)::float8 as late from post_targets where id = %s",
        post.target,
    )[0]["late"]
    found = added()
    assert set(found) == {("attempts", "", "published", "linkedin", "30")}
    times, seconds = found["attempts", "", "published", "linkedin", "30"]
    assert times == 1
    assert seconds == pytest.approx(late, abs=0.001)


def test_a_retry_is_counted_with_its_class_and_one_that_is_no_word_as_other(
    world: World, added: Added
) -> None:
    _, first = world.sending()
    _, second = world.sending()
    world.service.settle(first, "retry", error_class="http_429", error="Slow down.", after_seconds=60)  # fmt: skip
    world.service.settle(second, "failed", error_class="<b> 7 of 9 </b>", error="No.")
    assert {key: times for key, (times, _) in added().items()} == {
        ("attempts", "http_429", "retry", "linkedin", "None"): 1,
        ("attempts", "other", "failed", "linkedin", "None"): 1,
    }


def test_what_is_told_twice_is_counted_once(world: World, added: Added) -> None:
    _, claim = world.sending()
    told = [world.service.settle(claim, "published", external_id="urn:2") for _ in range(2)]
    assert told == ["settled", "known"]
    assert sum(times for times, _ in added().values()) == 1


def test_what_turns_out_later_is_counted_as_well(world: World, added: Added) -> None:
    _, claim = world.unconfirmed()
    world.service.settle(claim, "published", external_id="urn:3")
    assert {key[:4]: times for key, (times, _) in added().items()} == {
        ("attempts", "worker_vanished", "unconfirmed", "linkedin"): 1,
        ("attempts", "", "published", "linkedin"): 1,
    }


def test_targets_that_end_unsent_are_counted_as_given_up(world: World, added: Added) -> None:
    late = world.scheduled(due=-60)
    world.admin.run("update post_targets set deadline_at = now() - interval '1 second' where id = %s", late.target)  # fmt: skip
    world.service.call("mark_missed")
    poison = world.scheduled()
    for _ in range(3):
        _, claim = world.claimed(poison)
        world.expire(claim)
        world.service.call("recover_leases")
    assert {key: times for key, (times, _) in added().items()} == {
        ("given_up", "linkedin", "missed", "None"): 1,
        ("given_up", "linkedin", "quarantined", "None"): 1,
        ("attempts", "worker_vanished", "not_sent", "linkedin", "None"): 3,
    }


def test_what_is_rolled_back_never_happened(world: World, added: Added) -> None:
    _, claim = world.sending()
    world.service.begin()
    world.service.settle(claim, "published", external_id="urn:4")
    world.service.rollback()
    assert added() == {}


def test_a_refresh_is_counted_by_whether_it_gave_new_tokens(world: World, added: Added) -> None:
    account = world.account()
    version = world.admin.run("select version from social_account_tokens where account_id = %s", account)[0]["version"]  # fmt: skip
    for token in (None, {"access_token_sealed": "new", "access_token_expires_at": "2030-01-01"}):
        world.service.call("begin_token_refresh", account=account, read_version=version, lease_seconds=60)  # fmt: skip
        # psycopg's null has no type of its own
        world.service.run("select end_token_refresh(%s, %s, %s::jsonb)", account, version, token and '{"access_token_sealed": "new"}')  # fmt: skip
    world.reconnect(account)
    assert {key: times for key, (times, _) in added().items()} == {
        ("refreshes", "failed", "linkedin", "None"): 1,
        ("refreshes", "renewed", "linkedin", "None"): 1,
    }


def test_runs_of_each_space_are_counted_with_how_long_they_took(world: World, added: Added) -> None:
    user = world.user()
    run = world.admin.run
    draft, session, answer, speech = (str(uuid.uuid4()) for _ in range(4))
    run("insert into generations (id, user_id, input, started_at) values (%s, %s, '{}', now() - interval '7 seconds')", draft, user)  # fmt: skip
    run("update generations set status = 'complete', finished_at = now() where id = %s", draft)
    run("update generations set finished_at = now() + interval '1 hour' where id = %s", draft)
    run("insert into chat_sessions (id, user_id, title) values (%s, %s, 'Bridges')", session, user)
    run(
        "insert into chat_messages (id, session_id, user_id, position, role, state, lease_token, lease_until, created_at)"
        " values (%s, %s, %s, 1, 'assistant', 'streaming', 1, now(), now() - interval '3 seconds')",
        answer, session, user,
    )  # fmt: skip
    run("update chat_messages set state = 'interrupted', finished_at = now() where id = %s", answer)
    run(
        "insert into speeches (id, user_id, digest, space, characters, lease_until, created_at)"
        " values (%s, %s, repeat('a', 64), 'o/v', 9, now(), now() - interval '2000 seconds')",
        speech, user,
    )  # fmt: skip
    run("update speeches set state = 'failed', finished_at = now() where id = %s", speech)
    assert {key: times for key, (times, _) in added().items()} == {
        ("spaces", "complete", "writer", "10"): 1,
        ("spaces", "interrupted", "mentor", "5"): 1,
        ("spaces", "failed", "voice", "None"): 1,
    }


def test_adding_up_changes_no_figure_and_nothing_that_is_deleted_does(
    world: World, added: Added
) -> None:
    post, claim = world.sending()
    world.service.settle(claim, "published", external_id="urn:5")
    before = added()
    assert world.service.call("add_up_counts") >= 1
    assert added() == before
    assert world.service.call("add_up_counts") == 0
    world.admin.run("delete from auth.users where id = %s", post.user_id)
    assert added() == before


def test_while_one_adds_up_others_count_read_and_do_not_wait(world: World, added: Added) -> None:
    _, first = world.sending()
    _, second = world.sending()
    world.service.settle(first, "published", external_id="urn:6")
    adding = world.worker()
    adding.begin()
    assert adding.call("add_up_counts") >= 1
    world.service.settle(second, "published", external_id="urn:7")
    assert world.service.call("add_up_counts") == 0
    assert sum(times for times, _ in added().values()) == 2
    adding.commit()
    assert sum(times for times, _ in added().values()) == 2


def test_nobody_else_counts_or_reads_counters(world: World) -> None:
    person = world.person(world.user())
    for statement in (
        "insert into private.counts_added (name, labels) values ('attempts', '{}')",
        "update private.counts set times = 0",
        "select public.counters()",
        "select public.add_up_counts()",
    ):
        with pytest.raises(Exception, match="permission denied"):
            person.run(statement)
