"""Workers that sleep for twice their lease at a step and wake up, and two that believe they hold the same one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.engine.actors import Post
from tests.faults.crew import CLAIM, CREATE, DOWNLOAD, MARK, RENEW, SETTLE, SIGN, UPLOAD, Crew
from tests.faults.rig import LEASE_SECONDS, Rig
from tests.faults.watched_wire import Lose, Stop


@dataclass(frozen=True)
class Step:
    """Where a worker falls asleep, and what must be true when it has woken up and had its say."""

    path: str
    answered: bool = False
    images: int = 0
    meanwhile: str = "published"
    states: tuple[str, ...] = ("published",)
    outcomes: tuple[str, ...] = ("not_sent", "published")


# Whether a worker that was woken up still reads the answer, or its time-out strikes first, is the kernel's choice.
EITHER = ("published", "unconfirmed")
# Calls for the mark ride together, and so do settlements: one of each can be held in one worker. It falls asleep in the
# instant of the last step.
FIRST = {
    "create accepted": Step(
        CREATE, answered=True, meanwhile="unconfirmed", states=EITHER, outcomes=()
    ),
    "settle asked": Step(SETTLE, meanwhile="unconfirmed", outcomes=("published",)),
    # proof that nothing has left: the time to send was over when it woke up, so it goes out after all
    "mark committed": Step(
        MARK, answered=True, meanwhile="unconfirmed", outcomes=("retry", "published")
    ),
    "media on its way": Step(DOWNLOAD, answered=True, images=1),
    "upload sent": Step(UPLOAD, images=1),
}
SECOND = {
    "create sent": Step(CREATE, meanwhile="unconfirmed", states=EITHER, outcomes=()),
    "settle committed": Step(SETTLE, answered=True, outcomes=("published",)),
    "mark asked": Step(MARK),
    "claim committed": Step(CLAIM, answered=True),
}  # fmt: skip


def _name(rig: Rig, step: Step, post: Post) -> str:
    """What a call at this step says of its post."""
    if step.path in (CREATE, UPLOAD):
        return rig.members[str(rig.target(post.target)["account_id"])].token
    if step.path == DOWNLOAD:
        return post.user_id
    return post.target


def _fall_asleep(rig: Rig, crew: Crew, steps: dict[str, Step]) -> tuple[dict[str, Post], list[Stop]]:  # fmt: skip
    """One worker that is at all these steps at once, each with its post, when it falls asleep."""
    crew.add().wait_until_started()
    posts, stops = {}, []
    for name, step in steps.items():
        posts[name] = rig.due(due=600, images=step.images)
        stops.append(
            crew.stop_at(
                step.path,
                naming=_name(rig, step, posts[name]),
                answered=step.answered,
                asleep=name == list(steps)[-1],
            )
        )
        rig.bring_forward(posts[name])
        stops[-1].reached()
    return posts, stops


@pytest.mark.parametrize("steps", [FIRST, pytest.param(SECOND, marks=pytest.mark.slow)])
def test_a_worker_that_wakes_up_after_twice_its_lease_changes_nothing_and_sends_nothing_again(
    rig: Rig, steps: dict[str, Step]
) -> None:
    with Crew(rig) as crew:
        posts, stops = _fall_asleep(rig, crew, steps)
        crew.add()
        for name, step in steps.items():
            rig.wait_for([posts[name]], step.meanwhile)
        rig.admin.run("select pg_sleep(%s)", LEASE_SECONDS)  # one is over; here ends the second
        crew.workers[0].wake()
        for stop in stops:
            stop.go_on()
        for name, step in steps.items():
            rig.wait_for([posts[name]], *step.states)
        assert [rig.end(worker.process) for worker in crew.workers] == [0, 0]
    for name, step in steps.items():
        (received,) = rig.received(posts[name])
        assert len(rig.creates(posts[name])) == 1, name
        row = rig.target(posts[name].target)
        assert row["state"] in step.states, name
        assert row["external_id"] == (received["urn"] if row["state"] == "published" else None), (
            name
        )
        if step.outcomes:
            assert [a["outcome"] for a in rig.attempts(posts[name].target)] == list(step.outcomes), name  # fmt: skip
    rig.assert_invariants(*posts.values())


def test_of_two_workers_that_believe_they_hold_one_lease_only_the_last_one_sends(rig: Rig) -> None:
    """The first cannot renew and does not know that it lost: with one post it comes to the mark while the second is about
    to, with the other when the second has sent it."""
    early, late = rig.due(due=600), rig.due(due=600, images=1)
    with Crew(rig) as losing, Crew(rig) as taking:
        loser = losing.add()
        losing.rules.add(Lose(RENEW, times=None))
        mark = losing.stop_at(MARK, naming=early.target)
        media = losing.stop_at(SIGN, naming=late.user_id)
        for post in (early, late):
            rig.bring_forward(post)
        mark.reached()
        media.reached()
        losing.rules.add(Lose(CLAIM, times=None))
        second_mark = taking.stop_at(MARK, naming=early.target)
        taking.add()
        second_mark.reached()
        mark.go_on()
        mark.over()
        assert rig.states([early.target]) == ["preparing"]
        assert rig.creates(early) == []
        second_mark.go_on()
        rig.wait_for([early, late], "published")
        media.go_on()
        assert rig.end(loser.process) == 0
    for post in (early, late):
        attempts = rig.attempts(post.target)
        assert [a["outcome"] for a in attempts] == ["not_sent", "published"]
        assert attempts[0]["worker"] != attempts[1]["worker"]
        assert len(rig.received(post)) == len(rig.creates(post)) == 1
    rig.assert_invariants(early, late)
