"""After publishing: when it is asked how a post does, what may be deleted from a platform, whose profile is read again."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.engine.actors import Post, Refused, Row, Running, World
from tests.engine.test_finishing_later import note

HOUR, DAY = 3600, 86_400


def account(world: World, platform: str = "x", user_id: str | None = None, **changed: Any) -> str:
    """An account whose permission shows how its posts do."""
    row = {
        "id": str(uuid.uuid4()), "user_id": user_id or world.user(), "platform": platform, "kind": "person", "account_name": "Ada",
        "external_id": secrets.token_hex(6), "username": "ada", "granted_scopes": ["tweet.read"], **changed,
    }  # fmt: skip
    token = {"access_token_sealed": "sealed", "refresh_token_sealed": "refresh"}
    return str(world.service.call("store_account", account=row, token=token))


def published(world: World, account_id: str | None = None, *, external_id: str | None = "71") -> Post:  # fmt: skip
    """A post that is out."""
    post, claim = world.sending(world.scheduled(account_id or account(world)))
    world.service.settle(claim, "published", external_id=external_id)
    return post


def ago(world: World, post: Post, seconds: float) -> None:
    """Let it have been published so long ago, and let it be time to ask."""
    world.admin.run(
        "update post_targets set published_at = now() - make_interval(secs => %s), measure_at = now() where id = %s",
        seconds, post.target,
    )  # fmt: skip


def measured(world: World) -> list[Row]:
    """What is handed out to be asked about."""
    rows: list[Row] = world.service.call("claim_measurements", take=10)
    return rows


def seconds_to_measure(world: World, post: Post) -> float | None:
    row = world.admin.run(
        "select extract(epoch from measure_at - clock_timestamp())::float as s from post_targets where id = %s",
        post.target,
    )[0]
    return None if row["s"] is None else float(row["s"])


def live_in_part(world: World, state: str) -> Post:
    """A thread of which one post is live."""
    post, claim = world.sending(world.scheduled(account(world)))
    note(world, claim, parts=["71"], live=True)
    outcome = {"failed": "failed", "scheduled": "retry", "needs_reconnect": "needs_reconnect", "unconfirmed": "unconfirmed"}  # fmt: skip
    if state != "sending":
        world.service.settle(claim, outcome[state], error="No.", after_seconds=60)
    assert world.target(post.target)["state"] == state
    return post


def to_delete(world: World, post: Post, owner: str | None = None) -> Row:
    row: Row = world.service.call(
        "target_to_delete", target=post.target, owner=owner or post.user_id
    )
    return row


# ---------------------------------------------------------------- how it does


def test_an_hour_after_publishing_it_is_asked_how_it_does(world: World) -> None:
    post = published(world)
    wait = seconds_to_measure(world, post)
    assert HOUR - 5 < (wait or 0) <= HOUR
    assert measured(world) == []


@pytest.mark.parametrize("why", ["no scope", "no id", "not told by the platform"])
def test_where_nothing_is_told_nothing_is_asked(world: World, why: str) -> None:
    match why:
        case "no scope":
            post = published(world, account(world, granted_scopes=["tweet.write"]))
        case "no id":
            post = published(world, external_id=None)
        case _:
            post = published(world, world.account())
    assert seconds_to_measure(world, post) is None


@pytest.mark.parametrize(
    ("age", "again"), [(HOUR, HOUR), (DAY + 60, DAY), (29 * DAY, DAY), (30 * DAY + 60, None)]
)
def test_it_is_asked_hourly_then_daily_then_no_more(world: World, age: int, again: int | None) -> None:  # fmt: skip
    post = published(world)
    ago(world, post, age)
    (row,) = measured(world)
    assert (row["target_id"], row["external_id"]) == (post.target, "71")
    assert row["token"]["access_token_sealed"] == "sealed"
    wait = seconds_to_measure(world, post)
    assert wait is None if again is None else again - 5 < (wait or 0) <= again
    assert measured(world) == [], "once only"


def test_two_workers_are_not_given_the_same(world: World) -> None:
    post = published(world)
    ago(world, post, HOUR)
    first, second = world.worker(), world.worker()
    first.begin()
    assert len(first.call("claim_measurements", take=10)) == 1
    assert second.call("claim_measurements", take=10) == []
    first.commit()


def test_an_account_that_is_not_connected_is_not_asked(world: World) -> None:
    post = published(world)
    ago(world, post, HOUR)
    world.admin.run("update social_accounts set status = 'needs_reconnect' where user_id = %s", post.user_id)  # fmt: skip
    assert measured(world) == []


def test_people_read_how_their_own_posts_do_and_write_nothing(world: World) -> None:
    post = published(world)
    world.service.run(
        "insert into post_metrics (target_id, user_id, likes) values (%s, %s, 7)", post.target, post.user_id
    )  # fmt: skip
    rows = world.person(post.user_id).run("select likes, shares from post_metrics")
    assert rows == [{"likes": 7, "shares": None}]
    assert world.person(world.user()).run("select * from post_metrics") == []


# ---------------------------------------------------------------- deleting


def test_a_published_target_is_shown_with_all_that_deleting_needs(world: World) -> None:
    post = published(world)
    row = to_delete(world, post)
    assert (row["external_id"], row["platform"], row["account"]["username"]) == ("71", "x", "ada")
    assert row["token"]["access_token_sealed"] == "sealed"


def test_nobody_elses_post_is_shown(world: World) -> None:
    post = published(world)
    with pytest.raises(Refused) as refused:
        to_delete(world, post, owner=world.user())
    assert refused.value.status == 404


def test_what_was_deleted_stays_published_and_is_not_deleted_again(world: World) -> None:
    post = published(world)
    world.service.call("note_deleted", target=post.target)
    row = world.target(post.target)
    assert (row["state"], row["external_id"], row["measure_at"]) == ("published", "71", None)
    assert row["deleted_at"] is not None
    with pytest.raises(Refused, match="deleted already") as refused:
        to_delete(world, post)
    assert refused.value.status == 409


def test_a_measurement_under_way_of_what_is_deleted_is_the_last(world: World) -> None:
    post = published(world)
    world.service.call("note_deleted", target=post.target)
    ago(world, post, HOUR)
    assert measured(world) == []
    assert seconds_to_measure(world, post) is None


@pytest.mark.parametrize("state", ["draft", "scheduled", "sending", "unconfirmed", "failed"])
def test_what_is_not_out_cannot_be_deleted(world: World, state: str) -> None:
    match state:
        case "draft":
            post = world.draft(account(world))
        case "scheduled":
            post = world.scheduled(account(world))
        case _:
            post, claim = world.sending(world.scheduled(account(world)))
            if state != "sending":
                world.service.settle(claim, state, error="No.")
    with pytest.raises(Refused, match=f"is {state}; there is nothing to delete") as refused:
        to_delete(world, post)
    assert refused.value.status == 409


@pytest.mark.parametrize(
    ("state", "after"),
    [("failed", "failed"), ("scheduled", "canceled"), ("needs_reconnect", "canceled")],
)
def test_what_is_live_in_part_is_deleted_and_goes_no_further(
    world: World, state: str, after: str
) -> None:
    post = live_in_part(world, state)
    assert to_delete(world, post)["notes"]["parts"] == ["71"]
    # before anything is deleted: no worker may add to it meanwhile
    assert world.target(post.target)["state"] == after
    assert to_delete(world, post)["notes"]["parts"] == ["71"], (
        "once more, if the platform did not do it"
    )
    world.service.call("note_deleted", target=post.target)
    row = world.target(post.target)
    assert (row["state"], row["deleted_at"]) == (after, None)
    assert world.service.claim() == []
    # now it is a post like any other
    owner = world.person(post.user_id)
    owner.run("update posts set text = 'Anew' where id = %s", post.id)
    if state == "needs_reconnect":
        world.admin.run("update social_accounts set status = 'active' where user_id = %s", post.user_id)  # fmt: skip
    owner.call("retry_target", target=post.target)
    (row,) = world.admin.run("select next_attempt_at <= clock_timestamp() as due from post_targets where id = %s", post.target)  # fmt: skip
    assert row["due"]


@pytest.mark.parametrize("state", ["sending", "unconfirmed"])
def test_what_may_still_grow_is_not_deleted(world: World, state: str) -> None:
    post = live_in_part(world, state)
    with pytest.raises(Refused, match="there is nothing to delete") as refused:
        to_delete(world, post)
    assert refused.value.status == 409


def test_a_worker_that_claims_it_at_that_moment_goes_before(world: World) -> None:
    post = live_in_part(world, "scheduled")
    world.admin.run("update post_targets set next_attempt_at = now() where id = %s", post.target)
    worker, web = world.worker(), world.worker()
    worker.begin()
    assert len(worker.claim()) == 1
    asked = {"target": post.target, "owner": post.user_id}
    waiting = Running(world.admin, web, lambda: web.call("target_to_delete", **asked))
    waiting.wait_until_blocked()
    worker.commit()
    with pytest.raises(Refused, match="is preparing"):
        waiting.result()


# ---------------------------------------------------------------- accounts


def test_a_profile_is_read_again_after_a_day_by_one_worker(world: World) -> None:
    one = account(world)
    assert world.service.call("claim_profiles", take=10) == []
    world.admin.run("update social_accounts set profile_at = now() - interval '25 hours' where id = %s", one)  # fmt: skip
    (row,) = world.service.call("claim_profiles", take=10)
    assert (row["account_id"], row["account"]["username"]) == (one, "ada")
    assert world.worker().call("claim_profiles", take=10) == []


def test_an_account_that_is_not_connected_is_not_read(world: World) -> None:
    one = account(world)
    world.admin.run(
        "update social_accounts set profile_at = now() - interval '25 hours', status = 'needs_reconnect' where id = %s", one
    )  # fmt: skip
    assert world.service.call("claim_profiles", take=10) == []


def test_the_name_in_an_address_is_kept_and_follows_a_reconnection(world: World) -> None:
    def stored() -> Any:
        return world.admin.run("select username from social_accounts where id = %s", one)[0]["username"]  # fmt: skip

    one = account(world, external_id="9", username="ada")
    user = world.owner(one)
    assert stored() == "ada"
    assert account(world, user_id=user, external_id="9", username="lovelace") == one
    assert stored() == "lovelace"
    account(world, user_id=user, external_id="9", username="")
    assert stored() is None
    _, claim = world.claimed(world.scheduled(one))
    assert claim["account"]["username"] is None


def test_an_account_is_shown_to_its_owner_only_while_it_is_connected(world: World) -> None:
    one = account(world)
    user = world.owner(one)
    row = world.service.call("account_to_ask", account=one, owner=user)
    assert (row["account_id"], row["platform"]) == (one, "x")
    with pytest.raises(Refused) as refused:
        world.service.call("account_to_ask", account=one, owner=world.user())
    assert refused.value.status == 404
    world.admin.run("update social_accounts set status = 'needs_reconnect' where id = %s", one)
    with pytest.raises(Refused, match="Ada has to be connected again first") as refused:
        world.service.call("account_to_ask", account=one, owner=user)
    assert refused.value.status == 409


@pytest.mark.parametrize("platform", ["x", "linkedin"])
def test_tokens_are_refreshed_so_long_before_their_end_as_their_platform_wants(
    world: World, platform: str
) -> None:
    one = account(world, platform)
    (row,) = world.admin.run("select extract(epoch from refresh_before)::int as s from platforms where id = %s", platform)  # fmt: skip

    def waiting(seconds: float) -> list[str]:
        ends = datetime.now(UTC) + timedelta(seconds=seconds)
        world.admin.run("update social_account_tokens set access_token_expires_at = %s where account_id = %s", ends, one)  # fmt: skip
        return [due["account_id"] for due in world.service.call("tokens_to_refresh", take=10)]

    assert waiting(row["s"] + 60) == []
    assert waiting(row["s"] - 60) == [one]
    assert row["s"] == {"x": 600, "linkedin": HOUR}[platform]
