"""What users ask of the engine: schedule, unschedule, cancel, retry, settle, edit. Each yes and each no."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.engine.actors import Post, Refused, World
from tests.engine.test_state_machine import MOVES, WAY, move


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def refusal(call: Callable[[], Any]) -> Refused:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value


def bring(world: World, target: str, state: str) -> None:
    """Move a draft target to this state."""
    for step in WAY[state]:
        move(world.service, target, step)


# ---------------------------------------------------------------- schedule_post


def test_scheduling_puts_every_target_into_the_queue(world: World) -> None:
    user = world.user()
    post = world.draft(world.account(user), world.account(user))
    at = in_seconds(3600)
    row = world.person(user).call("schedule_post", post=post.id, at=at)
    assert (row["status"], row["scheduled_at"]) == ("scheduled", at)
    assert row["approved_at"] is not None
    for target in map(world.target, post.targets):
        assert (target["state"], target["due_at"], target["next_attempt_at"]) == (
            "scheduled",
            at,
            at,
        )
        assert target["deadline_at"] == at + timedelta(hours=6)


def test_without_a_time_a_post_is_due_now(world: World) -> None:
    post = world.draft(world.account())
    world.person(post.user_id).call("schedule_post", post=post.id)
    assert [claim["target_id"] for claim in world.service.claim()] == [post.target]


def test_scheduling_again_moves_the_time_and_keeps_canceled_targets_canceled(world: World) -> None:
    user = world.user()
    post = world.draft(world.account(user), world.account(user))
    owner = world.person(user)
    owner.call("cancel_target", target=post.targets[0])
    for seconds in (60, 120):
        at = in_seconds(seconds)
        owner.call("schedule_post", post=post.id, at=at)
    assert world.states(post.targets) == ["canceled", "scheduled"]
    assert world.target(post.targets[1])["due_at"] == at


def test_max_lateness_sets_the_deadline_also_afterwards(world: World) -> None:
    post = world.draft(world.account())
    owner = world.person(post.user_id)
    owner.run("update public.posts set max_lateness = '1 hour' where id = %s", post.id)
    at = in_seconds(60)
    owner.call("schedule_post", post=post.id, at=at)
    assert world.target(post.target)["deadline_at"] == at + timedelta(hours=1)
    owner.run("update public.posts set max_lateness = '2 hours' where id = %s", post.id)
    assert world.target(post.target)["deadline_at"] == at + timedelta(hours=2)


def test_somebody_elses_post_does_not_exist(world: World) -> None:
    post, stranger = world.scheduled(), world.person(world.user())
    calls = {
        "schedule_post": {"post": post.id}, "unschedule_post": {"post": post.id}, "cancel_target": {"target": post.target},
        "retry_target": {"target": post.target}, "settle_target": {"target": post.target, "answer": "it_is_live"},
    }  # fmt: skip
    for name, arguments in calls.items():
        assert refusal(lambda n=name, a=arguments: stranger.call(n, **a)).status == 404  # type: ignore[misc]  # bound defaults
    assert world.target(post.target)["state"] == "scheduled"


def test_a_time_in_the_past_is_refused(world: World) -> None:
    post = world.draft(world.account())
    refused = refusal(
        lambda: world.person(post.user_id).call("schedule_post", post=post.id, at=in_seconds(-60))
    )
    assert (refused.status, refused.fields[0]["field"]) == (422, "at")
    assert "in the past" in str(refused)
    assert world.target(post.target)["state"] == "draft"


def test_a_post_without_an_account_is_refused(world: World) -> None:
    user = world.user()
    post = world.admin.run("insert into posts (user_id, text) values (%s, 'x') returning id", user)[
        0
    ]["id"]
    refused = refusal(lambda: world.person(user).call("schedule_post", post=post))
    assert (refused.status, refused.fields) == (
        422,
        [{"field": "targets", "message": "no account chosen"}],
    )


def _text(text: str) -> Callable[[World, Post], object]:
    return lambda world, post: world.admin.run(
        "update posts set text = %s where id = %s", text, post.id
    )


def _override(text: str) -> Callable[[World, Post], object]:
    return lambda world, post: world.admin.run(
        "update post_targets set text_override = %s where post_id = %s", text, post.id
    )


def _account(change: str) -> Callable[[World, Post], object]:
    query = f"update social_accounts set {change} where user_id = %s"  # noqa: S608 - constants below
    return lambda world, post: world.admin.run(query, post.user_id)


def _media(*files: dict[str, Any]) -> Callable[[World, Post], object]:
    return lambda world, post: world.media(post, *files)


def _options(**options: Any) -> Callable[[World, Post], object]:
    return lambda world, post: world.admin.run(
        "update post_targets set options = %s where post_id = %s", Jsonb(options), post.id
    )


GIF = {"kind": "gif", "mime": "image/gif"}
VIDEO = {"kind": "video", "mime": "video/mp4", "bytes": 100_000, "duration": 10}
PDF = {"kind": "document", "mime": "application/pdf", "pages": 3}
VIOLATIONS: list[tuple[str, Callable[[World, Post], object], str, str]] = [
    ("a text of 3001 characters", _text("x" * 3001), "text", "3001 characters long; LinkedIn (Ada) takes at most 3000"),
    ("a text of 3001 emoji", _text("🌷" * 3001), "text", "3001 characters long"),
    ("an override that is too long", _override("x" * 3001), "text_override", "3001 characters long"),
    ("nothing at all", _text(" \n\t "), "text", "neither text nor media"),
    ("an account to reconnect", _account("status = 'needs_reconnect'"), "account_id", "account Ada needs to be connected again"),
    ("a disconnected account", _account("status = 'disconnected'"), "account_id", "account Ada needs to be connected again"),
    ("a token that ends before", _account("token_expires_at = now() + interval '30 minutes'"), "account_id", "before the scheduled time"),
    ("a file not yet checked", _media({"status": "uploaded"}), "media", "File 1 is still being checked"),
    ("a rejected file", _media({}, {"status": "rejected", "reason": "This is no image."}), "media", "File 2 cannot be used: This is no image."),
    ("21 images", _media(*[{}] * 21), "media", "at most 20 of kind image in one post; this post has 21"),
    ("two animations", _media(GIF, GIF), "media", "at most 1 of kind gif in one post; this post has 2"),
    ("two videos", _media(VIDEO, VIDEO), "media", "at most 1 of kind video"),
    ("two documents", _media(PDF, PDF), "media", "at most 1 of kind document"),
    ("mixed kinds", _media({}, VIDEO), "media", "does not take files of different kinds"),
    ("a sound", _media({"kind": "audio", "mime": "audio/mpeg"}), "media", "does not take a file of kind audio"),
    ("a WebM video", _media({**VIDEO, "mime": "video/webm"}), "media", "File 1 is video/webm; LinkedIn (Ada) takes video/mp4"),
    ("a GIF of too many bytes", _media({**GIF, "bytes": 10_000_001}), "media", "File 1 has 10000001 bytes; LinkedIn (Ada) takes 1 to 10000000"),
    ("a video of too few bytes", _media({**VIDEO, "bytes": 74_999}), "media", "74999 bytes; LinkedIn (Ada) takes 75000 to 500000000"),
    ("a video of too many bytes", _media({**VIDEO, "bytes": 500_000_001}), "media", "500000001 bytes"),
    ("a video that is too short", _media({**VIDEO, "duration": 2.9}), "media", "lasts 2.9 s; LinkedIn (Ada) takes 3 to 1800 s"),
    ("a video that is too long", _media({**VIDEO, "duration": 1801}), "media", "lasts 1801.0 s"),
    ("a GIF of too many pixels", _media({**GIF, "width": 36_152_320, "height": 1}), "media", "fewer than 36152320"),
    ("an unknown option", _options(colour=1), "options.colour", "LinkedIn knows no option colour"),
    ("a value that an option has not", _options(visibility="ME"), "options.visibility", "visibility must be one of PUBLIC, CONNECTIONS, LOGGED_IN"),
    ("a document of 301 pages", _media({**PDF, "pages": 301}), "media", "301 pages; LinkedIn (Ada) takes at most 300"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "field", "words"), [v[1:] for v in VIOLATIONS], ids=[v[0] for v in VIOLATIONS]
)
def test_what_an_account_cannot_take_is_refused_with_account_and_limit(
    world: World, spoil: Callable[[World, Post], object], field: str, words: str
) -> None:
    post = world.draft(world.account())
    spoil(world, post)
    owner = world.person(post.user_id)
    refused = refusal(lambda: owner.call("schedule_post", post=post.id, at=in_seconds(3600)))
    assert refused.status == 422
    assert words in str(refused)
    assert [(p["field"], p["target_id"]) for p in refused.fields] == [(field, post.target)]
    assert world.target(post.target)["state"] == "draft"


@pytest.mark.parametrize(
    "allowed",
    [_text("x" * 3000), _text("🌷" * 3000), _media(*[{}] * 20), _media(GIF), _media(VIDEO), _media({**PDF, "pages": 300}),
     _media({"mime": "image/webp", "bytes": 20_000_000, "width": 9000, "height": 9000}), _options(visibility="CONNECTIONS")],
    ids=["3000 characters", "3000 emoji", "20 images", "an animation", "a video", "300 pages", "a picture that is made to fit", "an option"],
)  # fmt: skip
def test_what_just_fits_is_scheduled(
    world: World, allowed: Callable[[World, Post], object]
) -> None:
    post = world.draft(world.account())
    allowed(world, post)
    assert world.person(post.user_id).call("schedule_post", post=post.id)["status"] == "scheduled"


def test_every_reason_of_every_account_is_told_at_once(world: World) -> None:
    user = world.user()
    post = world.draft(world.account(user, "Ada"), world.account(user, "Ada Inc."), text="x" * 3001)
    refused = refusal(lambda: world.person(user).call("schedule_post", post=post.id))
    assert {p["target_id"] for p in refused.fields} == set(post.targets)
    assert "for 2 reasons" in str(refused)


# ---------------------------------------------------------------- which state allows what


SCHEDULES = {"draft", "scheduled", "missed", "failed", "needs_reconnect"}
UNSCHEDULES = {"scheduled", "needs_reconnect"}
CANCELS = {"draft", "scheduled", "preparing", "needs_reconnect", "quarantined"}
RETRIES = {"failed", "missed", "quarantined", "canceled", "needs_reconnect"}


@pytest.mark.parametrize("state", MOVES)
def test_each_state_allows_what_it_should_and_refuses_the_rest(world: World, state: str) -> None:
    post = world.draft(world.account())
    bring(world, post.target, state)
    owner = world.person(post.user_id)
    cases: list[tuple[str, dict[str, Any], bool, str]] = [
        ("schedule_post", {"post": post.id}, state in SCHEDULES, "scheduled"),
        ("unschedule_post", {"post": post.id}, state in UNSCHEDULES, "draft"),
        ("cancel_target", {"target": post.target}, state in CANCELS, "canceled"),
        ("retry_target", {"target": post.target}, state in RETRIES, "scheduled"),
        ("settle_target", {"target": post.target, "answer": "it_is_live"}, state == "unconfirmed", "published"),
        ("settle_target", {"target": post.target, "answer": "send_again"}, state == "unconfirmed", "scheduled"),
    ]  # fmt: skip
    for name, arguments, allowed, becomes in cases:
        owner.begin()
        if allowed:
            owner.call(name, **arguments)
            seen = owner.run("select state from public.post_targets where id = %s", post.target)[0]
            assert seen["state"] == becomes, name
        else:
            refused = refusal(lambda n=name, a=arguments: owner.call(n, **a))  # type: ignore[misc]  # bound defaults
            assert refused.status == 409, name
            assert str(refused).endswith("."), name
        owner.rollback()


def test_a_retry_starts_anew_and_is_checked(world: World) -> None:
    post, claim = world.sending()
    world.service.settle(claim, "failed", error_class="invalid", error="no")
    owner = world.person(post.user_id)
    world.admin.run("update posts set text = %s where id = %s", "x" * 3001, post.id)
    assert refusal(lambda: owner.call("retry_target", target=post.target)).status == 422
    owner.run("update public.posts set text = 'short' where id = %s", post.id)
    row = owner.call("retry_target", target=post.target)
    assert (row["state"], row["failures"], row["error"]) == ("scheduled", 0, None)
    assert row["deadline_at"] - row["due_at"] == timedelta(hours=6)


def test_settling_as_live_publishes_with_an_unknown_id(world: World) -> None:
    post, _ = world.unconfirmed()
    row = world.person(post.user_id).call("settle_target", target=post.target, answer="it_is_live")
    assert (row["state"], row["external_id"], row["external_id_unknown"]) == (
        "published",
        None,
        True,
    )
    assert row["published_at"] is not None
    assert row["error"] is None


def test_send_again_is_a_new_attempt_by_a_persons_word(world: World) -> None:
    post, first = world.unconfirmed()
    assert world.service.claim() == []  # never by the machine
    world.person(post.user_id).call("settle_target", target=post.target, answer="send_again")
    _, second = world.sending(post)
    assert second["lease_token"] > first["lease_token"]
    assert [a["number"] for a in world.attempts(post.target)] == [1, 2]


# ---------------------------------------------------------------- edits


def test_an_edit_raises_the_version_once_per_change(world: World) -> None:
    post = world.scheduled()
    owner = world.person(post.user_id)
    before = world.post(post)["version"]
    owner.run("update public.posts set text = 'other' where id = %s", post.id)
    assert world.post(post)["version"] == before + 1
    owner.run("update public.posts set text = 'other' where id = %s", post.id)
    assert world.post(post)["version"] == before + 1
    owner.run("update public.post_targets set text_override = 'own' where id = %s", post.target)
    owner.run(
        'update public.post_targets set options = \'{"visibility": "CONNECTIONS"}\' where id = %s',
        post.target,
    )
    assert world.target(post.target)["version"] == 3


def test_each_change_of_media_raises_the_version(world: World) -> None:
    post = world.draft(world.account())
    versions = [world.post(post)["version"]]
    one, _ = world.media(post, {}, {})
    versions.append(world.post(post)["version"])
    owner = world.person(post.user_id)
    owner.run("update public.post_media set position = 9 where media_id = %s", one)
    versions.append(world.post(post)["version"])
    owner.run("delete from public.post_media where media_id = %s", one)
    versions.append(world.post(post)["version"])
    assert versions == [1, 3, 4, 5]


@pytest.mark.parametrize("state", ["sending", "confirming", "unconfirmed", "published"])
def test_what_may_be_out_cannot_be_changed(world: World, state: str) -> None:
    post = world.draft(world.account())
    (media,) = world.media(post, {})
    bring(world, post.target, state)
    owner = world.person(post.user_id)
    for query, key in [
        ("update public.posts set text = 'other' where id = %s", post.id),
        ("update public.post_targets set text_override = 'other' where id = %s", post.target),
        ("update public.post_targets set options = '{\"a\": 1}' where id = %s", post.target),
        ("update public.post_media set position = 3 where media_id = %s", media),
        ("delete from public.post_media where media_id = %s", media),
    ]:
        with pytest.raises(psycopg.Error) as refused:
            owner.run(query, key)
        assert refused.value.sqlstate == "PT409", query
    assert owner.changed("delete from public.posts where id = %s", post.id) == 0
    assert owner.changed("delete from public.post_targets where id = %s", post.target) == 0


def test_an_edit_while_preparing_wins_and_the_target_goes_back_into_the_queue(world: World) -> None:
    post, claim = world.claimed()
    world.person(post.user_id).run("update public.posts set text = 'better' where id = %s", post.id)
    assert world.service.mark(claim) == ["changed"]
    assert world.target(post.target)["state"] == "scheduled"
    assert world.attempts(post.target)[0]["outcome"] == "changed"
    _, again = world.sending(post)
    assert again["text"] == "better"


@pytest.mark.parametrize("change", [
    "update public.post_targets set text_override = 'own' where post_id = %s",
    "update public.post_targets set options = '{\"visibility\": \"CONNECTIONS\"}' where post_id = %s",
    "delete from public.post_media where post_id = %s",
])  # fmt: skip
def test_any_change_of_what_would_be_sent_counts_as_an_edit(world: World, change: str) -> None:
    post = world.scheduled()
    world.media(post, {})
    _, claim = world.claimed(post)
    assert world.person(post.user_id).changed(change, post.id) == 1
    assert world.service.mark(claim) == ["changed"]


def test_canceling_while_preparing_takes_the_lease_away(world: World) -> None:
    post, claim = world.claimed()
    world.person(post.user_id).call("cancel_target", target=post.target)
    assert world.service.mark(claim) == ["lost"]
    assert world.service.settle(claim, "retry", after_seconds=0) == "kept"
    assert world.target(post.target)["state"] == "canceled"
    assert world.attempts(post.target)[0]["outcome"] == "changed"


def test_no_account_is_added_to_a_post_that_is_going_out(world: World) -> None:
    post, _ = world.claimed()
    other = world.account(post.user_id)
    with pytest.raises(psycopg.Error) as refused:
        world.person(post.user_id).run(
            "insert into public.post_targets (post_id, account_id) values (%s, %s)", post.id, other
        )
    assert refused.value.sqlstate == "PT409"
