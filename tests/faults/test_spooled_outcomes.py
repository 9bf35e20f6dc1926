"""Answers of the platform that come while nothing can be stored, and workers that do not live to store them."""

from __future__ import annotations

from pathlib import Path

from tests.faults.rig import Rig
from tests.faults.wire import Wire
from tests.waiting import until

# long enough for a busy machine to release what the platform holds
PATIENT = {"PLATFORM_TIMEOUT_SECONDS": "20", "PUBLISH_LEASE_SECONDS": "40"}


def spooled(rig: Rig) -> list[Path]:
    """The outcomes that wait on the disk of this stack's workers."""
    return list((rig.stack.state / "spool").rglob("*.json"))


def test_an_answer_outlives_an_absent_database_and_the_worker_that_heard_it(rig: Rig) -> None:
    post = rig.due()
    rig.order(post, {"hold": True})
    with Wire(rig.stack.info["supabase_url"]) as wire:
        worker = rig.worker_process(SUPABASE_URL=wire.url, **PATIENT)
        rig.held(post)
        wire.cut()
        rig.release(post)
        until(lambda: spooled(rig), "the answer to be written to the disk", 120)
        rig.kill(worker)
        wire.mend()
        rig.worker_process(SUPABASE_URL=wire.url, **PATIENT)
        rig.wait_for([post], "published")
        until(lambda: not spooled(rig), "the file to be forgotten", 120)
    (received,) = rig.received(post)
    assert rig.target(post.target)["external_id"] == received["urn"]
    assert len(rig.creates(post)) == 1
    rig.assert_invariants(post)


def test_a_worker_that_lives_stores_its_answers_itself_and_leaves_nothing_on_the_disk(
    rig: Rig,
) -> None:
    post = rig.due()
    rig.order(post, {"hold": True})
    with Wire(rig.stack.info["supabase_url"]) as wire:
        worker = rig.worker_process(SUPABASE_URL=wire.url, **PATIENT)
        rig.held(post)
        wire.cut()
        rig.release(post)
        until(lambda: spooled(rig), "the answer to be written to the disk", 120)
        wire.mend()
        rig.wait_for([post], "published")
        until(lambda: not spooled(rig), "the file to be forgotten", 120)
        assert rig.end(worker) == 0
    assert len(rig.creates(post)) == 1
    rig.assert_invariants(post)
