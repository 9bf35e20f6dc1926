"""Two sessions at the same rows: whoever comes first decides, the other one sees it. Nothing here waits by the clock."""

from __future__ import annotations

import pytest

from tests.engine.actors import Refused, Running, World


def test_a_claim_never_waits_for_another(world: World) -> None:
    post = world.scheduled()
    first, second = world.worker(), world.worker()
    first.begin()
    assert [c["target_id"] for c in first.claim()] == [post.target]
    assert second.claim() == []
    first.rollback()
    assert [c["target_id"] for c in second.claim()] == [post.target]


def test_two_targets_of_an_account_are_not_claimed_by_two_sessions(world: World) -> None:
    account = world.account()
    posts = [world.scheduled(account, due=-due) for due in (2, 1)]
    first, second = world.worker(), world.worker()
    first.begin()
    assert [c["target_id"] for c in first.claim()] == [posts[0].target]
    assert second.claim() == []
    first.commit()
    assert second.claim() == []


def test_recovery_skips_what_is_being_settled(world: World) -> None:
    post, claim = world.sending()
    world.expire(claim)
    settler, recoverer = world.worker(), world.worker()
    settler.begin()
    assert settler.settle(claim, "published", external_id="urn:1") == "settled"
    assert recoverer.call("recover_leases")["unconfirmed"] == 0
    settler.commit()
    assert recoverer.call("recover_leases")["unconfirmed"] == 0
    assert world.target(post.target)["state"] == "published"


def test_an_answer_waits_for_recovery_and_is_still_taken(world: World) -> None:
    post, claim = world.sending()
    world.expire(claim)
    settler, recoverer = world.worker(), world.worker()
    recoverer.begin()
    assert recoverer.call("recover_leases")["unconfirmed"] == 1
    waiting = Running(
        world.admin, settler, lambda: settler.settle(claim, "published", external_id="urn:1")
    )
    waiting.wait_until_blocked()
    recoverer.commit()
    assert waiting.result() == "settled"
    assert world.target(post.target)["state"] == "published"


def test_two_recoveries_share_the_work(world: World) -> None:
    post, claim = world.claimed()
    world.expire(claim)
    first, second = world.worker(), world.worker()
    first.begin()
    assert first.call("recover_leases")["requeued"] == 1
    assert second.call("recover_leases")["requeued"] == 0
    first.commit()
    assert second.call("recover_leases")["requeued"] == 0
    assert world.target(post.target)["stalls"] == 1


def test_a_renewal_that_comes_after_recovery_has_begun_is_too_late(world: World) -> None:
    _, claim = world.claimed()
    world.expire(claim)
    keeper, recoverer = world.worker(), world.worker()
    recoverer.begin()
    recoverer.call("recover_leases")
    leases = [{"target_id": claim["target_id"], "lease_token": claim["lease_token"]}]
    waiting = Running(
        world.admin, keeper, lambda: keeper.rows("renew_lease", leases=leases, lease_seconds=60)
    )
    waiting.wait_until_blocked()
    recoverer.commit()
    assert waiting.result() == []


def test_a_cancel_that_comes_first_stops_the_mark(world: World) -> None:
    post, claim = world.claimed()
    owner, worker = world.person(post.user_id), world.worker()
    owner.begin()
    owner.call("cancel_target", target=post.target)
    waiting = Running(world.admin, worker, lambda: worker.mark(claim))
    waiting.wait_until_blocked()
    owner.commit()
    assert waiting.result() == ["lost"]
    assert world.target(post.target)["state"] == "canceled"


def test_a_mark_that_comes_first_makes_it_too_late_to_cancel(world: World) -> None:
    post, claim = world.claimed()
    owner, worker = world.person(post.user_id), world.worker()
    worker.begin()
    assert worker.mark(claim) == ["send"]
    waiting = Running(world.admin, owner, lambda: owner.call("cancel_target", target=post.target))
    waiting.wait_until_blocked()
    worker.commit()
    with pytest.raises(Refused, match="too late to cancel"):
        waiting.result()
    assert world.target(post.target)["state"] == "sending"


EDITS = {
    "text": "update public.posts set text = 'better' where id = %s",
    "override": "update public.post_targets set text_override = 'better' where post_id = %s",
    "media": "delete from public.post_media where post_id = %s",
}


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_that_comes_first_stops_the_mark(world: World, what: str) -> None:
    post = world.scheduled()
    world.media(post, {})
    _, claim = world.claimed(post)
    owner, worker = world.person(post.user_id), world.worker()
    owner.begin()
    assert owner.changed(EDITS[what], post.id) == 1
    waiting = Running(world.admin, worker, lambda: worker.mark(claim))
    waiting.wait_until_blocked()
    owner.commit()
    assert waiting.result() == ["changed"]
    assert world.target(post.target)["state"] == "scheduled"


@pytest.mark.parametrize("what", EDITS)
def test_a_mark_that_comes_first_makes_it_too_late_to_edit(world: World, what: str) -> None:
    post = world.scheduled()
    world.media(post, {})
    _, claim = world.claimed(post)
    owner, worker = world.person(post.user_id), world.worker()
    worker.begin()
    assert worker.mark(claim) == ["send"]
    waiting = Running(world.admin, owner, lambda: owner.changed(EDITS[what], post.id))
    waiting.wait_until_blocked()
    worker.commit()
    with pytest.raises(Exception, match=r"too late to change|can no longer be changed"):
        waiting.result()


@pytest.mark.parametrize("answer", ["it_is_live", "send_again"])
def test_an_owners_word_that_comes_first_decides_over_a_late_answer(
    world: World, answer: str
) -> None:
    post, claim = world.unconfirmed()
    owner, worker = world.person(post.user_id), world.worker()
    owner.begin()
    owner.call("settle_target", target=post.target, answer=answer)
    waiting = Running(
        world.admin, worker, lambda: worker.settle(claim, "published", external_id="urn:1")
    )
    waiting.wait_until_blocked()
    owner.commit()
    assert waiting.result() == "kept"


def test_a_late_answer_that_comes_first_leaves_nothing_to_settle(world: World) -> None:
    post, claim = world.unconfirmed()
    owner, worker = world.person(post.user_id), world.worker()
    worker.begin()
    assert worker.settle(claim, "published", external_id="urn:1") == "settled"
    waiting = Running(
        world.admin,
        owner,
        lambda: owner.call("settle_target", target=post.target, answer="send_again"),
    )
    waiting.wait_until_blocked()
    worker.commit()
    with pytest.raises(Refused, match="only an unconfirmed target"):
        waiting.result()


def test_a_target_is_not_deleted_from_under_a_claim(world: World) -> None:
    post = world.scheduled()
    owner, worker = world.person(post.user_id), world.worker()
    worker.begin()
    worker.claim()
    waiting = Running(
        world.admin,
        owner,
        lambda: owner.changed("delete from public.post_targets where id = %s", post.target),
    )
    waiting.wait_until_blocked()
    worker.commit()
    assert waiting.result() == 0


def test_a_target_whose_post_is_being_changed_is_not_deleted_and_nobody_waits_in_a_circle(
    world: World,
) -> None:
    post = world.draft(world.account())
    editor, remover = world.person(post.user_id), world.person(post.user_id)
    editor.begin()
    editor.run("update public.posts set text = 'better' where id = %s", post.id)
    with pytest.raises(Exception, match="being changed at this moment"):
        remover.changed("delete from public.post_targets where id = %s", post.target)
    editor.commit()
    assert remover.changed("delete from public.post_targets where id = %s", post.target) == 1


def test_reconnecting_and_a_refused_permission_do_not_wait_for_each_other(world: World) -> None:
    account = world.account()
    post, claim = world.sending(world.scheduled(account, due=-20))
    world.scheduled(account, due=3600)
    settler, connector = world.worker(), world.worker()
    settler.begin()
    settler.settle(claim, "needs_reconnect", error="Withdrawn.")
    # holds the post, the target and the account; the other one wants the account, then the posts
    waiting = Running(world.admin, connector, lambda: world.reconnect(account, connector))
    waiting.wait_until_blocked()
    settler.commit()
    waiting.result()
    world.service.call("recover_leases")
    assert world.target(post.target)["state"] == "scheduled"
