"""A thread on X, and workers that are killed or stopped in the middle of it: it goes on where it stopped, and no post of it
is there twice."""

from __future__ import annotations

import secrets
import signal
from typing import Any

import pytest

from tests.engine.actors import Post
from tests.faults.rig import Rig
from tests.faults.test_reading_back import wait_until_found

CREATE = {"host": "api.x.com", "method": "POST", "path": "/2/tweets"}
SCOPES = ["tweet.read", "tweet.write", "users.read", "media.write", "offline.access"]
POSTS = 4


def thread(rig: Rig, due: float = -1) -> Post:
    """A post for a new account on X, too long for less than four posts, due in so many seconds."""
    account_id = rig.account_on("x", *SCOPES)
    sentences = (f"{secrets.token_hex(4)} {'is told at some length ' * 10}here." for _ in range(POSTS))  # fmt: skip
    post = rig.scheduled(account_id, due=due, text=" ".join(sentences))
    rig.admin.run("""update post_targets set options = '{"thread": true}' where id = %s""", post.target)  # fmt: skip
    return post


def hold_part(rig: Rig, post: Post, number: int) -> None:
    """Let the platform take this part of the thread, and hold its answer back."""
    for _ in range(number - 1):
        rig.order(post, {"slow": 0}, CREATE)
    rig.order(post, {"hold": True}, CREATE)


def received(rig: Rig, post: Post) -> list[dict[str, Any]]:
    """The account's posts on the platform, oldest first."""
    return rig.sandbox.posts(rig.member_of(post))[::-1]


def assert_whole(rig: Rig, post: Post) -> None:
    """Each part is there once, in order, hung on the one before; the first stands for all."""
    parts = received(rig, post)
    ids = [part["urn"] for part in parts]
    assert len(parts) == POSTS
    assert " ".join(part["visible_text"] for part in parts) == rig.post(post)["text"]
    assert [part["content"]["in_reply_to"] for part in parts] == [None, *ids[:-1]]
    assert len(rig.sandbox.requests(rig.member_of(post), **CREATE)) == POSTS
    assert rig.target(post.target)["external_id"] == ids[0]


@pytest.mark.slow  # test_threads_and_containers.py kills at each step
def test_a_thread_whose_worker_is_killed_goes_on_and_repeats_nothing(rig: Rig) -> None:
    post = thread(rig)
    hold_part(rig, post, 2)
    worker = rig.worker_process()
    rig.held(post)
    rig.kill(worker)
    rig.release(post)
    assert len(received(rig, post)) == 2
    rig.worker_process()
    rig.wait_for([post], "unconfirmed")
    wait_until_found(rig, post)
    assert_whole(rig, post)


def test_a_worker_that_stood_still_in_the_middle_sends_nothing_more(rig: Rig) -> None:
    post = thread(rig)
    hold_part(rig, post, 2)
    stopped = rig.worker_process()
    rig.held(post)
    stopped.send_signal(signal.SIGSTOP)
    rig.release(post)
    rig.worker_process()
    rig.wait_for([post], "unconfirmed")
    wait_until_found(rig, post)
    # it wakes up, finds what it was told meanwhile, and ends
    assert rig.end(stopped) == 0
    assert_whole(rig, post)
    assert rig.target(post.target)["state"] == "published"
