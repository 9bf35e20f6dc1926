"""Workers that are told to stop, or take longer than a lease to prepare."""

from __future__ import annotations

import signal

from tests.faults.rig import UPLOAD, Rig


def test_sigterm_finishes_what_is_being_sent_gives_back_the_rest_and_takes_nothing_new(
    rig: Rig,
) -> None:
    sending, held, uploading = rig.due(), rig.due(due=600), rig.due(images=1)
    rig.order(sending, {"hold": True})
    rig.order(uploading, {"hold": True}, UPLOAD)
    worker = rig.worker_process()
    rig.held(sending)
    rig.bring_forward(held, 4.5)
    rig.held(uploading)
    rig.wait_for([held], "preparing")
    worker.send_signal(signal.SIGTERM)
    rig.wait_for([held], "scheduled")  # given back at once, long before its time
    new = rig.due()
    rig.release(sending, uploading)
    assert worker.wait(10) == 0
    assert rig.states([p.target for p in (sending, held, uploading, new)]) == [
        "published",
        "scheduled",
        "scheduled",
        "scheduled",
    ]
    assert [(a["outcome"], a["error_class"]) for a in rig.attempts(held.target)] == [
        ("not_sent", "stopping")
    ]
    assert rig.target(held.target)["failures"] == 0
    assert rig.creates(held) == rig.creates(uploading) == rig.creates(new) == []
    rig.assert_invariants(sending, held, uploading, new)


def test_a_lease_is_kept_while_an_upload_takes_longer_than_it(rig: Rig) -> None:
    """Six seconds of preparing under a lease of four."""
    post = rig.due(images=4)
    for _ in range(4):
        rig.order(post, {"slow": 1.6}, UPLOAD)
    rig.worker_process()
    rig.wait_for([post], "published")
    assert rig.target(post.target)["attempts"] == 1
    assert len(rig.received(post)) == 1
    rig.assert_invariants(post)
