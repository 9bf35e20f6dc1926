"""SIGKILL at every step of a thread on X and of a video for TikTok: each goes on where it stood, no part of it is made twice,
and where nobody can know its owner is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from local.sandbox.driver import Sandbox
from local.stack import Stack
from tests.engine.actors import Post
from tests.faults.crew import SETTLE, Crew
from tests.faults.rig import Rig
from tests.faults.test_reading_back import first_look_is_over, look_now
from tests.faults.test_threads import POSTS, assert_whole, received, thread
from tests.faults.watched_wire import Call, Reply, Stop
from tests.sandbox.tiktok_files import SIDES, video
from tests.waiting import until

CREATE = "/api.x.com/2/tweets"
KEEP = "/rest/v1/rpc/keep_notes"
TIKTOK = ("user.info.basic", "video.publish")
INIT = {"host": "open.tiktokapis.com", "path": "/v2/post/publish/video/init/"}
PUT = {"host": "open-upload.tiktokapis.com", "method": "PUT"}
UPLOAD = "/open-upload.tiktokapis.com/*"
# two parts for TikTok, of 6 MB each
BYTES = 12 * 1024 * 1024


class Nth(Stop):
    """Holds the nth such call, with its caller asleep."""

    def __init__(self, path: str, number: int, *, naming: str, answered: bool) -> None:
        super().__init__(path, naming=naming, answered=answered, asleep=True)
        self._times = self._number = number

    def takes(self, call: Call, reply: Reply | None) -> bool:
        return super().takes(call, reply) and self.met == self._number


@dataclass(frozen=True)
class Step:
    """Where the worker dies, as it makes this part of the thread (the first is 1), and how many posts are live by then.
    `found`: what is live tells how to go on; else the owner has to."""

    what: str
    part: int
    live: int
    found: bool = True


def steps_of(part: int) -> dict[str, Step]:
    """All steps of one part, in order. Whether the next part has left is known of none, so of the last that is noted only."""
    last = part == POSTS
    return {
        f"part {part} sent, not read by the platform": Step("create", part, part - 1, found=False),
        f"part {part} accepted, not answered": Step("create answered", part, part),
        f"part {part} answered, not noted": Step("note", part, part),
        f"part {part} noted, not answered": Step("note answered", part, part, found=last),
    }


ALL = {name: step for part in range(1, POSTS + 1) for name, step in steps_of(part).items()}
ALL["all noted, not settled"] = Step("settle", POSTS, POSTS)
# one part in the middle with each of its steps, and the two ends
FEW = steps_of(2) | {name: ALL[name] for name in list(ALL)[:1] + list(ALL)[-1:]}


def stop_for(rig: Rig, post: Post, step: Step) -> Nth:
    """Holds the worker at this step."""
    token = rig.members[str(rig.target(post.target)["account_id"])].token
    answered = step.what.endswith("answered")
    if step.what.startswith("create"):
        return Nth(CREATE, step.part, naming=token, answered=answered)
    if step.what == "settle":
        return Nth(SETTLE, 1, naming=post.target, answered=answered)
    # the cuts are noted before the first part
    return Nth(KEEP, step.part + 1, naming=post.target, answered=answered)


def kill_at(rig: Rig, crew: Crew, post: Post, stop: Nth) -> None:
    """Let the post be due, and kill the worker that has it where the stop holds it. Nothing else is at work then."""
    crew.rules.add(stop)
    assert rig.bring_forward(post)
    victim = crew.at(stop.reached(60))
    rig.kill(victim.process)
    stop.lose()


def look_once(rig: Rig, post: Post) -> None:
    look_now(rig, post)
    until(lambda: rig.target(post.target)["state"] != "unconfirmed" or first_look_is_over(rig, post), "a look", 120)  # fmt: skip


def ask_the_owner(rig: Rig, post: Post) -> None:
    """A quarter of an hour passes, and the owner is asked."""
    rig.admin.run(
        "update publish_attempts set sending_at = sending_at - interval '20 minutes' where target_id = %s",
        post.target,
    )
    look_now(rig, post)
    until(lambda: rig.target(post.target)["look_at"] is None, "the owner to be asked", 120)
    assert [told["kind"] for told in rig.notifications(post.target)] == ["target_unconfirmed"]


def kill_threads(rig: Rig, steps: dict[str, Step]) -> dict[str, tuple[Post, int]]:
    """A thread whose worker dies at each step, and how many posts were live then; all go on to their end."""
    posts: dict[str, tuple[Post, int]] = {}
    # a lease that outlives all this: nobody takes over before the last has died
    with Crew(rig, len(steps), PUBLISH_LEASE_SECONDS="600") as crew:
        for name, step in steps.items():
            post = thread(rig, due=600)
            kill_at(rig, crew, post, stop_for(rig, post, step))
            posts[name] = post, len(received(rig, post))
        _expire(rig, [post for post, _ in posts.values()])
        crew.add()
        _settle(rig, [(post, steps[name]) for name, (post, _) in posts.items()])
    return posts


def _expire(rig: Rig, posts: Sequence[Post]) -> None:
    rig.expire(*({"target_id": post.target} for post in posts))


def _settle(rig: Rig, posts: Sequence[tuple[Post, Step]]) -> None:
    rig.wait_for([post for post, _ in posts], "unconfirmed")
    for post, step in posts:
        if not step.found:
            look_once(rig, post)
            assert rig.target(post.target)["state"] == "unconfirmed", step
            ask_the_owner(rig, post)
            rig.person(post.user_id).call("settle_target", target=post.target, answer="send_again")
        else:
            look_now(rig, post)
    rig.wait_for([post for post, _ in posts], "published", seconds=60)


@pytest.fixture(scope="module")
def threads(quiet_stack: Stack, platform: Sandbox) -> Iterator[tuple[Rig, dict[str, Any]]]:
    """A thread for each of a few steps."""
    rig = Rig(quiet_stack, platform)
    try:
        yield rig, kill_threads(rig, FEW)
    finally:
        rig.close()


@pytest.mark.parametrize("name", FEW)
def test_a_thread_goes_on_from_any_step_and_repeats_nothing(
    threads: tuple[Rig, dict[str, Any]], name: str
) -> None:
    rig, posts = threads
    post, live = posts[name]
    assert live == FEW[name].live
    assert_whole(rig, post)


@pytest.mark.slow
def test_the_same_at_every_step_of_every_part(rig: Rig) -> None:
    steps = {name: step for name, step in ALL.items() if name not in FEW}
    for name, (post, live) in kill_threads(rig, steps).items():
        assert live == steps[name].live, name
        assert_whole(rig, post)


# ---------------------------------------------------------------- a video in parts


def video_post(rig: Rig) -> Post:
    """A video of two parts for a new account on TikTok, due in ten minutes."""
    post = rig.scheduled(rig.account_on("tiktok", *TIKTOK), due=600)
    rig.attach(
        post, video(BYTES), kind="video", mime="video/mp4", width=SIDES[0], height=SIDES[1], duration=5.0, frame_rate=30.0,
        codec="H.264",
    )  # fmt: skip
    return post


def published_once(rig: Rig, post: Post, *, puts: int) -> None:
    """It is on TikTok once, from one upload of so many requests."""
    member = rig.member_of(post)
    assert len(rig.sandbox.posts(member)) == 1
    assert len(rig.sandbox.requests(member, **INIT)) == 1
    assert len(rig.sandbox.requests(member, **PUT)) == puts
    assert rig.target(post.target)["external_id"]


def test_a_video_whose_worker_is_killed_between_two_parts_goes_on_with_the_next(rig: Rig) -> None:
    post = video_post(rig)
    with Crew(rig, 2, PLATFORM_TIMEOUT_SECONDS="10", PUBLISH_LEASE_SECONDS="20") as crew:
        kill_at(rig, crew, post, Nth(KEEP, 1, naming='"parts_sent":1', answered=True))
        assert rig.target(post.target)["state"] == "preparing"
        _expire(rig, [post])
        rig.wait_for([post], "published", seconds=60)
    published_once(rig, post, puts=2)
    assert [a["outcome"] for a in rig.attempts(post.target)] == ["not_sent", "published"]


@pytest.mark.parametrize(
    "where",
    [
        pytest.param("sent, not read", marks=pytest.mark.slow),
        "accepted, not answered",
        pytest.param("answered, not noted", marks=pytest.mark.slow),
        pytest.param("noted, not settled", marks=pytest.mark.slow),
    ],
)
def test_a_video_whose_worker_is_killed_with_the_last_part_is_found_by_its_publish_id(
    rig: Rig, where: str
) -> None:
    post = video_post(rig)
    stop = {
        "sent, not read": Nth(UPLOAD, 2, naming="", answered=False),
        "accepted, not answered": Nth(UPLOAD, 2, naming="", answered=True),
        "answered, not noted": Nth(KEEP, 1, naming='"complete":true', answered=False),
        "noted, not settled": Nth(SETTLE, 1, naming=post.target, answered=False),
    }[where]
    with Crew(rig, 2, PLATFORM_TIMEOUT_SECONDS="10", PUBLISH_LEASE_SECONDS="20") as crew:
        kill_at(rig, crew, post, stop)
        assert rig.target(post.target)["state"] == "sending"
        _expire(rig, [post])
        rig.wait_for([post], "unconfirmed")
        look_now(rig, post)
        if where == "sent, not read":  # TikTok waits for the last part, and so does its owner
            until(lambda: rig.target(post.target)["looks"] == 1, "a look", 120)
            ask_the_owner(rig, post)
            rig.person(post.user_id).call("settle_target", target=post.target, answer="send_again")
        rig.wait_for([post], "published", seconds=60)
    published_once(rig, post, puts=2)
