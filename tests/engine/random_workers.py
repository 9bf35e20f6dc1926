"""Workers for test_random_orders.py: each does what core/publishing.py does, one step at a time.

Between two steps of one anything else may happen. A claim that is never taken up again is that of a worker that vanished;
one that is taken up late finds its lease gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from tests.engine.actors import Actor, Row, World
from tests.engine.model import Model

LEASE, REQUEST = 60, 30
# what becomes of a create call; "dies": its worker does
FATES = st.sampled_from(
    ["published", "published", "no_id", "lost", "lost", "processing", "refused", "duplicate", "throttled", "not_sent", "revoked", "dies"]
)  # fmt: skip
# and what the same draw means for a claim that ends before its mark
UNSENT = {
    "refused": "failed",
    "throttled": "retry",
    "not_sent": "retry",
    "revoked": "needs_reconnect",
}
PROCESSED = ("published", "failed", "unconfirmed")
OUTCOMES = ("published", "failed", "absent", "pending", None)
FRESH = ("claimed", "marked", "called")
Step = tuple[int, str, int]
STEPS = st.lists(st.tuples(st.integers(0, 99), FATES, st.integers(0, 19)), min_size=2, max_size=8)


@dataclass
class Claim:
    """What a worker knows of a target it claimed: until when its lease lasts, how far it got, what came of the call."""

    row: Row
    actor: Actor
    lease_ends: float
    stage: str = "claimed"  # then marked, called, told; or over
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> str:
        return str(self.row["target_id"])


class Workers:
    """The sessions of three workers, and all that they ever claimed. `clock` is theirs, in seconds."""

    def __init__(self, world: World, sessions: Sequence[Actor], model: Model) -> None:
        self.world, self.sessions, self.model = world, sessions, model
        self.claims: list[Claim] = []
        self.clock = 0.0

    def in_hand(self) -> list[str]:
        """Targets whose claim is not at its end, the newest first."""
        return [c.target for c in reversed(self.claims) if c.stage in FRESH]

    def holds(self, account: str) -> bool:
        """Whether a claim of this account is not at its end."""
        return any(c.row["account_id"] == account and c.stage in FRESH for c in self.claims)

    def step(self, pick: int, fate: str, draw: int) -> bool:
        """Somebody claims, renews, looks, tells an old result again, or goes on with a claim that is not at its end.
        False: there was nothing to claim."""
        fresh = [claim for claim in self.claims if claim.stage in FRESH]
        told = [claim for claim in self.claims if claim.stage == "told"]
        actor = self.sessions[pick % 3]
        if draw == 19 and told:
            self.settle(told[pick % len(told)], whole_worker=False)
        elif draw == 18:
            self.renew(actor)
        elif draw == 17:
            self.look(may_prove=pick % 2 == 0, end=OUTCOMES[pick % len(OUTCOMES)])
        elif draw >= 15 or not fresh:
            return self.claim(actor, take=1 + pick % 2, ahead=pick % 5, lost=pick % 8 == 7)
        else:
            self.go_on(fresh[-1 - pick % len(fresh)], fate, draw)
        return True

    def go_on(self, claim: Claim, fate: str, draw: int) -> None:
        match claim.stage:
            case "claimed" if draw == 14:
                self.end_before_the_mark(claim, fate)
            case "claimed":
                self.mark(claim, whole_worker=draw < 5, twice=draw % 2 == 0)
            case "marked":
                self.send(claim, fate, accepted=draw % 2 == 0)
            case "called":
                self.settle(claim, whole_worker=draw < 5)
                if claim.result["outcome"] == "confirming" and draw % 3:
                    claim.result, claim.stage = (
                        self.model.process(claim.row, PROCESSED[draw % 3]),
                        "called",
                    )

    def claim(self, actor: Actor, *, take: int, ahead: int, lost: bool) -> bool:
        """`lost`: the answer does not arrive."""
        rows = actor.claim(take, lease=LEASE, ahead=ahead, name=str(actor.pid))
        waiting = "select next_attempt_at, id::text from post_targets where account_id = %s and state = 'scheduled'"
        for row in rows:
            turn = (datetime.fromisoformat(row["due_at"]), row["target_id"])
            others = [
                tuple(one.values()) for one in self.world.admin.run(waiting, row["account_id"])
            ]
            assert all(other > turn for other in others), f"out of turn: {row}, {others}"
        if not lost:
            self.claims += [Claim(row, actor, self.clock + LEASE) for row in rows]
        return bool(rows)

    def together(self, claim: Claim) -> list[Claim]:
        """What this claim's worker has in the same stage."""
        return [c for c in self.claims if (c.actor, c.stage) == (claim.actor, claim.stage)]

    def mark(self, claim: Claim, *, whole_worker: bool, twice: bool) -> None:
        """`twice`: the first answer was lost."""
        group = self.together(claim) if whole_worker else [claim]
        rows = [one.row for one in group]
        verdicts = claim.actor.mark(*rows, seconds=LEASE)
        if twice:
            first, verdicts = verdicts, claim.actor.mark(*rows, seconds=LEASE)
            kept = [(a, b) for a, b in zip(first, verdicts, strict=True) if a != b]
            assert set(kept) <= {("changed", "lost"), ("parked", "lost"), ("early", "send")}, kept
        for one, verdict in zip(group, verdicts, strict=True):
            one.stage = {"send": "marked", "early": "claimed"}.get(verdict, "over")
            if verdict == "early":  # others first
                self.claims.remove(one)
                self.claims.insert(0, one)
            elif verdict == "send":
                assert self.clock < one.lease_ends, f"its lease is over: {one}"
                one.lease_ends = self.clock + LEASE
                self.may_be_sent(one)

    def may_be_sent(self, claim: Claim) -> None:
        """What the mark promises at this moment: due, neither canceled nor parked, and as its owner last wrote it."""
        query = """select t.state, t.lease_token, t.due_at <= clock_timestamp(), a.status, coalesce(t.text_override, p.text)
          from post_targets t join posts p on p.id = t.post_id join social_accounts a on a.id = t.account_id where t.id = %s"""
        wanted = ["sending", claim.row["lease_token"], True, "active", claim.row["text"]]
        assert list(self.world.admin.run(query, claim.target)[0].values()) == wanted, claim

    def send(self, claim: Claim, fate: str, *, accepted: bool) -> None:
        """One whose lease nears its end by its own clock does not send any more."""
        claim.stage = "over" if fate == "dies" else "called"
        if self.clock > claim.lease_ends - REQUEST:
            claim.result = {
                "outcome": "retry",
                "error_class": "marked_too_late",
                "after_seconds": 0,
            }
        else:
            now = self.world.admin.run(
                "select t.state, coalesce(t.text_override, p.text) as text from post_targets t"
                " join posts p on p.id = t.post_id where t.id = %s", claim.target,
            )  # fmt: skip
            assert now == [{"state": "sending", "text": claim.row["text"]}], f"changed: {claim}"
            if accepted:  # a platform that can be asked for this one
                token = claim.row["lease_token"]
                patch = {"reference": f"urn:{token}"}
                assert claim.actor.call("keep_notes", target=claim.target, token=token, patch=patch)
            claim.result = self.model.create(claim.row, fate, accepted)

    def end_before_the_mark(self, claim: Claim, fate: str) -> None:
        claim.stage = "called"
        outcome = UNSENT.get(fate, "not_sent")
        claim.result = {
            "outcome": outcome, "error_class": outcome, "after_seconds": 2, "whole_account": fate == "throttled",
        }  # fmt: skip

    def settle(self, claim: Claim, *, whole_worker: bool) -> None:
        """Results stay where they are, so that each may be told again, at any time."""
        group = self.together(claim) if whole_worker else [claim]
        results = [
            {"target_id": one.target, "lease_token": one.row["lease_token"], **one.result}
            for one in group
        ]
        rows = claim.actor.rows("settle_attempt", results=results)
        assert {row["verdict"] for row in rows} <= {"settled", "known", "kept"}
        assert len(rows) == len(group)
        for one in group:
            one.stage = "told"

    def renew(self, actor: Actor) -> None:
        """All that this worker believes to hold."""
        held = {
            c.row["lease_token"]: c for c in self.claims if c.actor is actor and c.stage != "over"
        }
        leases = [{"target_id": c.target, "lease_token": token} for token, c in held.items()]
        for row in actor.rows("renew_lease", leases=leases, lease_seconds=LEASE):
            held[row["renew_lease"]].lease_ends = self.clock + LEASE

    def look(self, *, may_prove: bool, end: str | None) -> int:
        """Look on the platform for what may be live; where it can be asked for this one, that comes first. `end` is what
        becomes of what is processed, None: it tells nothing. Returns how many were looked for."""
        actor = self.sessions[0]
        due = actor.call("claim_unconfirmed", take=10, lease_seconds=LEASE)
        for one in due:
            asked = {"target": one["target_id"], "look": one["look"]}
            told = self.model.outcome(one, end) if end and "reference" in one["notes"] else None
            if told is not None:
                verdict = actor.call("settle_outcome", **asked, told=told)
                assert verdict in ("published", "failed", "scheduled", "looking", "asked"), verdict
                continue
            shown, complete = (
                self.model.seen(one) if one["target_id"] in self.model.calls else ([], True)
            )
            verdict = actor.call(
                "settle_unconfirmed", **asked, seen=shown, absence_is_proof=complete and may_prove
            )
            if verdict == "scheduled":
                self.model.proven_absent(one)
        return len(due)
