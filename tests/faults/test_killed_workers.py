"""A worker killed at the two moments that matter most; what its owner is asked, and what each answer leads to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from local.sandbox.driver import Sandbox
from local.stack import Stack
from tests.engine.actors import Post
from tests.faults.rig import UPLOAD, Rig


@dataclass(frozen=True)
class Killed:
    """Posts whose worker was killed between begin_send and settling, and one whose image was on its way."""

    rig: Rig
    live: Post
    absent: Post
    doubted: Post
    uploading: Post


@pytest.fixture(scope="module")
def killed(quiet_stack: Stack, platform: Sandbox) -> Iterator[Killed]:
    """SIGKILL while the platform holds every answer; then another worker."""
    rig = Rig(quiet_stack, platform)
    try:
        case = Killed(rig, rig.due(), rig.due(), rig.due(), rig.due(images=1))
        rig.order(case.live, {"hold": True})
        rig.order(case.absent, {"hold": True, "accept": False})
        rig.order(case.doubted, {"hold": True})
        rig.order(case.uploading, {"hold": True}, UPLOAD)
        worker = rig.worker_process()
        for post in (case.live, case.absent, case.doubted, case.uploading):
            rig.held(post)
        assert rig.states([case.live.target, case.absent.target, case.doubted.target, case.uploading.target]) == ["sending"] * 3 + ["preparing"]  # fmt: skip
        rig.kill(worker)
        rig.release(case.live, case.absent, case.doubted, case.uploading)
        rig.worker_process()
        rig.wait_for([case.live, case.absent, case.doubted], "unconfirmed")
        yield case
    finally:
        rig.close()


def test_a_worker_killed_between_begin_send_and_settling_leaves_one_post_and_an_unconfirmed_target(
    killed: Killed,
) -> None:
    rig, post = killed.rig, killed.live
    assert len(rig.received(post)) == 1
    row = rig.target(post.target)
    assert (row["state"], row["attempts"], row["error_class"]) == (
        "unconfirmed",
        1,
        "worker_vanished",
    )
    assert rig.post(post)["status"] == "needs_attention"
    (told,) = rig.notifications(post.target)
    assert told["kind"] == "target_unconfirmed"
    assert told["payload"]["function"] == "settle_target"
    assert "it_is_live, or send_again" in told["payload"]["what_to_do"]
    rig.assert_invariants(post)

    settled = rig.person(post.user_id).call(
        "settle_target", target=post.target, answer="it_is_live"
    )
    assert (settled["state"], settled["external_id"], settled["external_id_unknown"]) == (
        "published",
        None,
        True,
    )
    assert len(rig.creates(post)) == 1
    rig.assert_invariants(post)


def test_send_again_sends_once_more_by_a_persons_word(killed: Killed) -> None:
    rig, post = killed.rig, killed.absent
    assert rig.received(post) == []
    rig.person(post.user_id).call("settle_target", target=post.target, answer="send_again")
    rig.wait_for([post], "published")
    (received,) = rig.received(post)
    assert rig.target(post.target)["external_id"] == received["urn"]
    assert [a["outcome"] for a in rig.attempts(post.target)] == ["unconfirmed", "published"]
    rig.assert_invariants(post)


def test_send_again_for_what_is_live_finds_the_post_instead_of_failing(killed: Killed) -> None:
    rig, post = killed.rig, killed.doubted
    (received,) = rig.received(post)
    rig.person(post.user_id).call("settle_target", target=post.target, answer="send_again")
    rig.wait_for([post], "published")
    assert rig.target(post.target)["external_id"] == received["urn"]
    assert len(rig.received(post)) == 1
    rig.assert_invariants(post)


def test_a_worker_killed_before_the_mark_costs_its_lease_and_nothing_else(killed: Killed) -> None:
    rig, post = killed.rig, killed.uploading
    rig.wait_for([post], "published")
    assert len(rig.received(post)) == 1
    assert [(a["outcome"], a["phase"]) for a in rig.attempts(post.target)] == [
        ("not_sent", "preparing"),
        ("published", "sending"),
    ]
    assert [n["kind"] for n in rig.notifications(post.target)] == ["target_published"]
    rig.assert_invariants(post)
