"""What is known of a publication under way: who may add to it, how long it holds, and what it forbids."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.engine.actors import Post, Refused, Row, World
from tests.engine.test_finishing_later import confirming, note
from tests.engine.test_unconfirmed import look

EDITS = {
    "text": "update posts set text = 'Good evening' where id = %(post)s",
    "own text": "update post_targets set text_override = 'Good evening' where id = %(target)s",
    "options": """update post_targets set options = '{"visibility": "PUBLIC"}' where id = %(target)s""",
    "media": "delete from post_media where post_id = %(post)s",
}


def noted(world: World, post: Post) -> dict[str, Any] | None:
    """What is stored."""
    rows = world.admin.run("select notes from publication_notes where target_id = %s", post.target)
    return dict(rows[0]["notes"]) if rows else None


def live_in_part(world: World) -> Post:
    """A thread of which one post is live; the next was refused."""
    post = world.scheduled()
    world.media(post, {})
    _, claim = world.sending(post)
    assert note(world, claim, parts=["1"], live=True)
    world.service.settle(claim, "failed", error_class="refused", error="No more.")
    return post


def edit(world: World, post: Post, what: str) -> None:
    """Let the owner change something of it. Raises Refused."""
    query = EDITS[what].replace("%(post)s", "%s").replace("%(target)s", "%s")
    try:
        world.person(post.user_id).run(query, post.id if "%(post)s" in EDITS[what] else post.target)
    except psycopg.Error as error:
        raise Refused(error) from error


# ---------------------------------------------------------------- keeping


def test_notes_are_merged_and_null_removes_one(world: World) -> None:
    post, claim = world.claimed()
    assert claim["notes"] == {}
    assert note(world, claim, upload="u-1", parts=["1"])
    assert note(world, claim, parts=["1", "2"], live=True)
    assert noted(world, post) == {"upload": "u-1", "parts": ["1", "2"], "live": True}
    assert note(world, claim, upload=None, never=None)
    assert noted(world, post) == {"parts": ["1", "2"], "live": True}


def test_the_next_try_gets_them(world: World) -> None:
    post, claim = world.sending()
    assert note(world, claim, upload="u-1")
    world.service.settle(claim, "retry", after_seconds=0)
    (again,) = world.service.claim()
    assert again["notes"] == {"upload": "u-1"}
    assert note(world, again, reference="r-1")
    assert noted(world, post) == {"upload": "u-1", "reference": "r-1"}


def test_they_are_bounded(world: World) -> None:
    _, claim = world.claimed()
    with pytest.raises(psycopg.errors.CheckViolation):
        note(world, claim, upload=[str(number) for number in range(30_000)])


@pytest.mark.parametrize("how", ["canceled", "older", "settled", "recovered", "recovered sending", "confirming"])  # fmt: skip
def test_who_does_not_hold_the_target_any_more_notes_nothing(world: World, how: str) -> None:
    post, claim = world.sending() if "ing" in how else world.claimed()
    assert note(world, claim, upload="u-1")
    match how:
        case "canceled":
            world.person(post.user_id).call("cancel_target", target=post.target)
        case "older":
            world.service.settle(claim, "not_sent")
            world.claimed(post)
        case "settled":
            world.service.settle(claim, "failed", error="No.")
        case "confirming":
            world.service.settle(claim, "confirming", after_seconds=5)
        case _:
            world.expire(claim)
            world.service.call("recover_leases")
    assert not note(world, claim, upload="u-2")
    assert noted(world, post) == {"upload": "u-1"}


def test_who_looks_may_add_until_another_look_begins(world: World) -> None:
    post, claim = confirming(world)
    slow = look(world, post)
    assert note(world, slow, parts=["1"])
    quick = look(world, post, world.worker())
    assert quick["notes"]["parts"] == ["1"]
    assert not note(world, slow, parts=["9"])
    assert not note(world, claim, parts=["9"]), "who sent it has ended"
    assert note(world, quick, parts=["1", "2"])
    assert (noted(world, post) or {})["parts"] == ["1", "2"]


@pytest.mark.parametrize("what", ["text", "own text", "options", "media"])
def test_an_edited_post_begins_anew(world: World, what: str) -> None:
    post = world.scheduled()
    world.media(post, {})
    _, claim = world.claimed(post)
    assert note(world, claim, upload="u-1", reference="r-1")
    world.service.settle(claim, "not_sent")
    edit(world, post, what)
    (again,) = world.service.claim()
    assert again["notes"] == {}
    assert note(world, again, upload="u-2")
    assert noted(world, post) == {"upload": "u-2"}


def test_a_deleted_post_leaves_none(world: World) -> None:
    post, claim = world.claimed()
    note(world, claim, upload="u-1")
    world.service.settle(claim, "failed", error="No.")
    world.person(post.user_id).run("delete from posts where id = %s", post.id)
    assert noted(world, post) is None


def test_users_neither_see_nor_write_them(world: World) -> None:
    post, claim = world.claimed()
    note(world, claim, upload="u-1")
    owner = world.person(post.user_id)
    for query in (
        "select notes from publication_notes where target_id = %s",
        "insert into publication_notes (target_id, post_version, target_version) values (%s, 1, 1)",
        "update publication_notes set notes = '{}' where target_id = %s",
        "delete from publication_notes where target_id = %s",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.run(query, post.target)
    names: Row = {"target": post.target, "token": claim["lease_token"], "patch": {"live": True}}
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.call("keep_notes", **names)
    assert noted(world, post) == {"upload": "u-1"}


# ---------------------------------------------------------------- live in part


@pytest.mark.parametrize("what", EDITS)
def test_what_is_live_in_part_cannot_be_edited(world: World, what: str) -> None:
    post = live_in_part(world)
    with pytest.raises(Refused, match="live in part") as refused:
        edit(world, post, what)
    assert refused.value.status == 409
    if what in ("text", "media"):
        assert str(refused.value) == (
            "This post is live in part on Ada; let it go on with retry_target, or delete what is there."
        )
    row = world.post(post)
    assert (row["text"], row["version"]) == ("Good morning", 2), "its file made it the second"


def test_one_target_live_in_part_leaves_the_others_their_own_text(world: World) -> None:
    user = world.user()
    post = world.scheduled(world.account(user, "Ada"), due=-1)
    _, claim = world.sending(post)
    note(world, claim, live=True)
    world.service.settle(claim, "failed", error="No more.")
    other = world.person(user).run(
        "insert into post_targets (post_id, account_id) values (%s, %s) returning id",
        post.id, world.account(user, "Grace"),
    )[0]["id"]  # fmt: skip
    world.person(user).run("update post_targets set text_override = 'Mine' where id = %s", other)
    assert world.target(other)["text_override"] == "Mine"


def test_what_is_live_in_part_goes_on_when_its_owner_says_so(world: World) -> None:
    post = live_in_part(world)
    world.person(post.user_id).call("retry_target", target=post.target)
    with pytest.raises(Refused, match="live in part"):
        edit(world, post, "text")
    _, claim = world.sending(post)
    assert claim["notes"] == {"parts": ["1"], "live": True}
    assert note(world, claim, parts=["1", "2"])
    assert world.service.settle(claim, "published", external_id="1") == "settled"
    with pytest.raises(Refused, match="already published"):
        edit(world, post, "text")
