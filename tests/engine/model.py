"""What must hold whatever happens in whatever order, and a pretend platform that is a list of create calls.

The rules of the contract in few words, written down a second time; see test_random_orders.py.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.engine.actors import Row
from tests.engine.test_post_status import expected

AT_WORK = ("preparing", "sending", "confirming")
MAY_BE_LIVE = ("published", "unconfirmed", "sending", "confirming")
# states that need their owner, or end without a post: each is told
TOLD = ("published", "unconfirmed", "needs_reconnect", "failed", "missed", "quarantined")


@dataclass
class Call:
    """A create call that reached the platform. `refused`: the platform said no, so that nothing can be live."""

    account: str
    text: str
    id: str
    accepted: bool
    refused: bool = False
    processing: bool = False


@dataclass
class Model:
    """The calls by target, and what people said about targets."""

    calls: dict[str, list[Call]] = field(default_factory=dict)
    again: Counter[str] = field(default_factory=Counter)
    said_live: set[str] = field(default_factory=set)

    def hears(self, target: str, answer: str) -> None:
        """A person settled it."""
        if answer == "send_again":
            self.again[target] += 1
        else:
            self.said_live.add(target)

    def create(self, claim: Row, fate: str, accepted: bool) -> Row:
        """A create call arrives; what its worker has to tell about it. `accepted` decides where the answer is lost."""
        target, text, here = claim["target_id"], claim["text"], claim["account_id"]
        if fate == "not_sent":  # it does not arrive
            return {"outcome": "retry", "after_seconds": 0, "error_class": "not_sent"}
        everything = [call for calls in self.calls.values() for call in calls if call.accepted]
        same = [call for call in everything if (call.account, call.text) == (here, text)]
        if fate == "duplicate" and not same:
            fate = "refused"
        yes = fate in ("published", "no_id", "processing") or (
            fate in ("lost", "dies") and accepted
        )
        no = fate in ("refused", "duplicate", "throttled", "revoked")
        call = Call(here, text, f"urn:{claim['lease_token']}", yes, no, fate == "processing")
        self.calls.setdefault(target, []).append(call)
        answers: dict[str, Row] = {
            "published": {"outcome": "published", "external_id": call.id, "http_status": 201},
            "no_id": {"outcome": "published", "http_status": 201},
            "processing": {"outcome": "confirming", "external_id": f"container {call.id}"},
            "refused": {"outcome": "failed", "error_class": "invalid"},
            "throttled": {"outcome": "retry", "after_seconds": 30, "whole_account": True, "error_class": "throttled"},
            "revoked": {"outcome": "needs_reconnect", "error_class": "token_refused"},
        }  # fmt: skip
        if fate == "duplicate":
            return {"outcome": "failed", "error_class": "duplicate", "external_id": same[0].id}
        return answers.get(fate, {"outcome": "unconfirmed", "error_class": "outcome_unknown"})

    def process(self, claim: Row, end: str) -> Row:
        """What was accepted for processing ends."""
        (call,) = (
            c for c in self.calls[claim["target_id"]] if c.id == f"urn:{claim['lease_token']}"
        )
        call.processing = end == "unconfirmed"
        if end == "failed":
            call.accepted, call.refused = False, True
        return {
            "outcome": end,
            "external_id": call.id if end == "published" else None,
            "error_class": end,
        }

    def outcome(self, claim: Row, end: str) -> Row | None:
        """What the platform tells of the last call for a target; what is being processed comes to this end first. None:
        it has none."""
        calls = self.calls.get(claim["target_id"], [])
        call = next((c for c in calls if c.id == f"urn:{claim['lease_token']}"), None)
        if call is None:
            return None
        if call.processing and end != "pending":
            call.processing, call.accepted = False, end == "published"
        if call.processing:
            return {"outcome": "pending", "after_seconds": 20}
        if call.accepted:
            return {"outcome": "published", "external_id": call.id}
        call.refused = True
        return {"outcome": "failed" if end == "failed" else "absent", "error_class": "not_created"}

    def seen(self, claim: Row) -> tuple[list[Row], bool]:
        """What the platform shows of this target, and whether seeing nothing can be proof."""
        same = [c for c in self.calls[claim["target_id"]] if c.text == claim["text"] and c.accepted]
        shown = [{"external_id": c.id, "external_url": None} for c in same if not c.processing]
        return shown, not any(c.processing for c in same)

    def proven_absent(self, claim: Row) -> None:
        """The machine says that it may be sent again."""
        for call in self.calls.get(claim["target_id"], []):
            if call.text == claim["text"]:
                assert not call.accepted, f"it is there: {call}"
                call.refused = True

    def accepted(self, target: str) -> list[Call]:
        return [call for call in self.calls.get(target, []) if call.accepted]

    def check(self, row: Row) -> None:
        """One target with its attempts and what its owner was told about it."""
        target, state, attempts = str(row["id"]), row["state"], row["attempt_rows"]
        story = {**row, "calls": self.calls.get(target), "again": self.again[target]}
        possible = [call for call in self.calls.get(target, []) if not call.refused]
        assert len(possible) <= 1 + self.again[target], f"sent twice by the machine: {story}"
        by_a_person = self.again[target] or target in self.said_live
        if state == "published":
            assert self.accepted(target) or target in self.said_live, f"not there: {story}"
        if self.accepted(target) and not by_a_person:
            assert state in MAY_BE_LIVE, f"it is live: {story}"

        assert [a["number"] for a in attempts] == list(range(1, row["attempts"] + 1)), story
        still_open = [a for a in attempts if a["finished_at"] is None]
        assert len(still_open) == (state in ("preparing", "sending")), story
        assert (row["lease_until"] is not None) == (state in AT_WORK), story
        for attempt in still_open:
            assert attempt["lease_token"] == row["lease_token"], story
            assert (attempt["phase"] == "preparing") == (state == "preparing"), story
        if state == "scheduled":
            assert row["next_attempt_at"] >= row["due_at"], story
            assert row["deadline_at"] == row["due_at"] + row["max_lateness"], story
        assert row["failures"] <= 6, f"tried too often: {story}"
        assert row["stalls"] <= 3, f"not put into quarantine: {story}"
        looking = row["look_at"] is not None
        assert not looking or state in ("unconfirmed", "confirming"), story
        assert looking or state != "confirming", f"nobody asks what became of it: {story}"
        assert state not in TOLD or looking or f"target_{state}" in row["told"], f"untold: {story}"

    def check_all(self, targets: list[Row], posts: list[Row]) -> None:
        """Everything of one person."""
        for row in targets:
            self.check(row)
        for post in posts:
            states = tuple(row["state"] for row in targets if row["post_id"] == post["id"])
            assert post["status"] == expected(states), (post, states)
        busy = Counter(row["account_id"] for row in targets if row["state"] in AT_WORK)
        assert all(number == 1 for number in busy.values()), f"two at once: {busy}"
        gone = set(self.calls) - {str(row["id"]) for row in targets}
        assert all(self.again[target] or not self.accepted(target) for target in gone), "lost"
