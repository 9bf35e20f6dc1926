"""A user changes their mind at every step of a publication: it takes effect and nothing goes out as it was, or they are told
that it is too late. Never maybe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import psycopg
import pytest

from local.sandbox.driver import Sandbox
from local.stack import Stack
from tests.engine.actors import Actor, Post, Refused
from tests.faults.crew import CLAIM, CREATE, DOWNLOAD, MARK, SETTLE, SIGN, UPLOAD, Crew
from tests.faults.rig import Rig
from tests.faults.watched_wire import Meanwhile

# Where it happens: before the call is carried out, or (True) after that and before the worker knows.
BEFORE_THE_MARK = {
    "claim committed": (CLAIM, True),
    "media asked for": (SIGN, False),
    "media on its way": (DOWNLOAD, True),
    "upload sent": (UPLOAD, False),
    "upload accepted": (UPLOAD, True),
    "mark asked": (MARK, False),
}
AFTER_THE_MARK = {
    "mark committed": (MARK, True),
    "create sent": (CREATE, False),
    "create accepted": (CREATE, True),
    "settle asked": (SETTLE, False),
    "settle committed": (SETTLE, True),
}
STEPS = BEFORE_THE_MARK | AFTER_THE_MARK
NEW = "Something else"


@dataclass
class Case:
    """A post, who owns it, and what they were told: "done", or why not."""

    post: Post
    account: str
    text: str
    told: list[str] = field(default_factory=list)


# What a user, or the service in their name, does in a session of their own.
Action = Callable[[Actor, Case], object]


def _run(statement: str, *, by: str = "post") -> Action:
    """A statement as the client library sends it; a row that policies hide is told by its absence."""

    def action(owner: Actor, case: Case) -> object:
        one = case.post.id if by == "post" else case.post.target
        return owner.changed(statement, *([NEW] if "set" in statement else []), one)

    return action


def _call(function: str) -> Action:
    def action(owner: Actor, case: Case) -> object:
        named = (
            {"post": case.post.id} if function.endswith("_post") else {"target": case.post.target}
        )
        return owner.call(function, **named)

    return action


def _disconnect(service: Actor, case: Case) -> object:
    return service.call("disconnect_account", account=case.account, owner=case.post.user_id)


ACTIONS: dict[str, Action] = {
    "cancel": _call("cancel_target"),
    "unschedule": _call("unschedule_post"),
    "schedule anew": _call("schedule_post"),
    "edit": _run("update public.posts set text = %s where id = %s"),
    "adapt": _run("update public.post_targets set text_override = %s where id = %s", by="target"),
    "delete the post": _run("delete from public.posts where id = %s"),
    "delete the target": _run("delete from public.post_targets where id = %s", by="target"),
    "disconnect": _disconnect,
}  # fmt: skip
# What is done although the worker is at it; the others are refused from the claim on.
TAKES_EFFECT = ("cancel", "edit", "adapt", "disconnect")


def _act(rig: Rig, case: Case, action: Action) -> None:
    actor = rig.worker() if action is _disconnect else rig.person(case.post.user_id)
    try:
        case.told.append("done" if action(actor, case) else "there is no such thing to change")
    except (Refused, psycopg.Error) as error:
        case.told.append(str(error))
    finally:
        actor.close()


def _name(rig: Rig, path: str, case: Case) -> str:
    """What a call at this step says of its post."""
    if path in (UPLOAD, CREATE):
        return rig.members[case.account].token
    return case.post.user_id if path in (SIGN, DOWNLOAD) else case.post.target


@pytest.fixture(scope="module")
def changed(quiet_stack: Stack, platform: Sandbox) -> Iterator[tuple[Rig, dict[str, Case]]]:
    """Every change at every step, all in one worker."""
    rig = Rig(quiet_stack, platform)
    try:
        cases = {}
        with Crew(rig) as crew:
            for step, (path, answered) in STEPS.items():
                for name, action in ACTIONS.items():
                    account = rig.account()
                    post = rig.due(
                        account, due=600, images=1 if path in (SIGN, DOWNLOAD, UPLOAD) else 0
                    )
                    case = Case(post, account, str(rig.post(post)["text"]))
                    cases[f"{name}, {step}"] = case
                    deed = partial(_act, rig, case, action)
                    crew.rules.add(
                        Meanwhile(path, deed, naming=_name(rig, path, case), answered=answered)
                    )
            worker = crew.add(WORKER_THREADS="32")
            for case in cases.values():
                rig.bring_forward(case.post)
            rig.wait_for(
                [case.post for case in cases.values()], "published", "canceled", "needs_reconnect"
            )
            assert rig.end(worker.process) == 0
        yield rig, cases
    finally:
        rig.close()


def _sent(rig: Rig, case: Case) -> list[str]:
    posts = rig.sandbox.posts(rig.members[case.account].member)
    return [post["commentary"] for post in posts]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("action", ACTIONS)
def test_a_change_of_mind_takes_effect_or_is_told_to_be_too_late(
    changed: tuple[Rig, dict[str, Case]], action: str, step: str
) -> None:
    rig, cases = changed
    case = cases[f"{action}, {step}"]
    state = rig.target(case.post.target)["state"]
    (told,) = case.told
    if step in BEFORE_THE_MARK and action in TAKES_EFFECT:
        assert told == "done"
        expected = {"cancel": ("canceled", []), "disconnect": ("needs_reconnect", [])}
        assert (state, _sent(rig, case)) == expected.get(action, ("published", [NEW]))
    elif action == "disconnect":
        # What was marked goes out, unless the mark came back too late on a busy machine: then it waits for a try that an
        # account without a token never gets.
        assert told == "done"
        assert (state, _sent(rig, case)) in [("published", [case.text]), ("needs_reconnect", [])]
    else:
        assert told != "done"
        assert (state, _sent(rig, case)) == ("published", [case.text])
    if action == "disconnect":
        account = rig.admin.run("select status from social_accounts where id = %s", case.account)
        assert account[0]["status"] == "disconnected"
    assert len(rig.creates(case.post)) == len(_sent(rig, case))


def test_who_comes_too_late_is_told_so(changed: tuple[Rig, dict[str, Case]]) -> None:
    _, cases = changed
    said = {name: case.told[0] for name, case in cases.items()}
    assert (
        said["cancel, mark committed"] == "It is being sent right now; it is too late to cancel it."
    )
    assert "too late to change it" in said["edit, create sent"]
    assert "is sending" in said["adapt, create sent"]
    assert "too late to unschedule it" in said["unschedule, claim committed"]
    assert "is being published right now" in said["schedule anew, create accepted"]
    assert "is published" in said["cancel, settle committed"]
