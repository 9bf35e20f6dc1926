"""Looking for what may be live: a platform that can be asked for one publication, one that lists posts, and what each says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.core.errors import (
    LeaseLost,
    LinError,
    NoAnswer,
    NotSent,
    OutcomeUnknown,
    Reconnect,
    Rejected,
    TryLater,
    Unavailable,
)
from backend.core.platform_contract import (
    Absent,
    Content,
    Identity,
    Notes,
    Part,
    Pending,
    Published,
    Rendering,
    Seen,
    Tokens,
)
from backend.core.reconciling import LEASE_SECONDS, Reconciler
from backend.core.records import ClaimedMedia, ClaimedTarget, UnconfirmedTarget
from backend.core.refreshing import TokenKeeper
from backend.core.tokens import seal_tokens
from backend.sealing import Sealer

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SENT = NOW - timedelta(minutes=1)
SEALER = Sealer([b"k" * 32])
SEALED = seal_tokens(SEALER, "a", Tokens("AT", None))
REFERENCE = {"reference": "r-1"}
MINE = Seen("p-1", "https://example.org/p-1", "Good morning", None, SENT)


def unconfirmed(name: str = "t", **changed: Any) -> UnconfirmedTarget:
    """A target to look for."""
    told: dict[str, Any] = {
        "target_id": name, "post_id": "p", "user_id": "u", "account_id": "a", "platform": "toy", "lease_token": 7, "attempt": 1,
        "failures": 0, "due_at": NOW, "deadline_at": NOW, "post_version": 1, "target_version": 1, "text": "Good morning",
        "options": {"loud": True}, "identity": Identity("x", "Ada", kind="page"), "granted_scopes": ("read",), "tokens": SEALED,
        "media": (), "notes": REFERENCE, **changed,
    }  # fmt: skip
    return UnconfirmedTarget(ClaimedTarget(**told), look=3, sending_at=SENT)


@dataclass
class Store:
    """The database: what it hands out, and what it was told. A lost lease refuses notes."""

    due: list[UnconfirmedTarget]
    told: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    seen: list[tuple[str, list[str], bool]] = field(default_factory=list)
    noted: list[tuple[Any, ...]] = field(default_factory=list)
    lost: bool = False
    error: LinError | None = None

    def claim_unconfirmed(self, take: int, lease_seconds: int) -> Sequence[UnconfirmedTarget]:
        assert lease_seconds == LEASE_SECONDS
        return self.due[:take]

    def settle_unconfirmed(
        self, unconfirmed: UnconfirmedTarget, seen: Sequence[Seen], *, absence_is_proof: bool
    ) -> str:
        ids = [one.external_id for one in seen]
        self.seen.append((unconfirmed.target.target_id, ids, absence_is_proof))
        return "published" if len(ids) == 1 else "looking"

    def settle_outcome(self, unconfirmed: UnconfirmedTarget, told: Mapping[str, Any]) -> str:
        if self.error:
            raise self.error
        self.told.append((unconfirmed.target.target_id, told))
        ends = {"absent": "scheduled", "pending": "looking"}
        return str(ends.get(told["outcome"], told["outcome"]))

    def keep_notes(
        self, target_id: str, lease_token: int, values: Mapping[str, Any], look: int | None
    ) -> bool:
        self.noted.append((target_id, lease_token, values, look))
        return not self.lost


@dataclass
class Listing:
    """A platform that lists an account's posts."""

    posts: list[Seen] = field(default_factory=list)
    absence_is_proof: bool = True
    read_back_scope: str = "read"
    parts: int = 1
    error: Exception | None = None
    listed: list[datetime] = field(default_factory=list)

    def render(self, content: Content) -> Rendering:
        part = Part(content.text, len(content.text), 100)
        return Rendering((part,) * self.parts)

    def recent_posts(
        self, tokens: Tokens, identity: Identity, *, since: datetime
    ) -> Sequence[Seen]:
        self.listed.append(since)
        if self.error:
            raise self.error
        return self.posts


Answer = Published | Pending | Absent | None | Exception


class Telling:
    """A platform that tells what became of one publication, and nothing else."""

    def __init__(self, answer: Answer | Callable[[Content, Notes], Answer]) -> None:
        self._answer = answer
        self.asked: list[tuple[Any, ...]] = []

    def outcome(
        self, tokens: Tokens, identity: Identity, content: Content, notes: Notes, *, since: datetime
    ) -> Published | Pending | Absent | None:
        self.asked.append((tokens.access_token, identity.external_id, notes.get("reference"), since))  # fmt: skip
        answer = self._answer(content, notes) if callable(self._answer) else self._answer
        if isinstance(answer, Exception):
            raise answer
        return answer


class Both(Telling, Listing):
    """A platform that does both."""

    def __init__(self, answer: Answer, **more: Any) -> None:
        Listing.__init__(self, **more)
        Telling.__init__(self, answer)


def run(platform: Any, store: Store) -> int:
    """One look at all that is due."""
    platforms = {"toy": platform} if platform else {}
    keeper = TokenKeeper(None, platforms, SEALER)  # type: ignore[arg-type] # these tokens have no end
    return Reconciler(store, store, platforms, keeper, lambda: NOW).run()


# ---------------------------------------------------------------- asked for this one


@pytest.mark.parametrize(
    ("answer", "told", "settled"),
    [
        (
            Published("p-1", "https://example.org/p-1"),
            {"outcome": "published", "external_id": "p-1", "external_url": "https://example.org/p-1"},
            1,
        ),
        (Published(None, None), {"outcome": "published", "external_id": None, "external_url": None}, 1),
        (Pending(45), {"outcome": "pending", "after_seconds": 45}, 0),
        (Absent("It is not there."), {"outcome": "absent", "error_class": "not_created", "error": "It is not there."}, 1),
        (
            Rejected("Too long.", error_class="invalid", http_status=422),
            {"outcome": "failed", "error_class": "invalid", "error": "Too long.", "http_status": 422},
            1,
        ),
    ],
    ids=["published", "published without an id", "pending", "absent", "refused after all"],
)  # fmt: skip
@pytest.mark.parametrize("lists", [False, True])
def test_what_the_platform_tells_is_settled_and_nothing_is_listed(
    answer: Answer, told: dict[str, Any], settled: int, lists: bool
) -> None:
    platform, store = Both(answer) if lists else Telling(answer), Store([unconfirmed()])
    assert run(platform, store) == settled
    assert store.told == [("t", told)]
    assert store.seen == []
    assert platform.asked == [("AT", "x", "r-1", SENT)]
    assert getattr(platform, "listed", []) == []


def test_the_platform_gets_the_content_as_it_was_sent_without_its_bytes() -> None:
    media = ClaimedMedia("m", "u/m.png", "image", "image/png", 9, "0" * 64, "A bridge", 8, 6)
    seen: list[Content] = []

    def answer(content: Content, _notes: Notes) -> Answer:
        seen.append(content)
        return Pending(5)

    run(Telling(answer), Store([unconfirmed(media=(media,))]))
    (content,) = seen
    assert (content.text, content.options, content.account_kind) == ("Good morning", {"loud": True}, "page")  # fmt: skip
    (file,) = content.attachments
    assert (file.mime, file.alt_text, file.width, file.height) == ("image/png", "A bridge", 8, 6)
    assert file.open().read() == b""


def test_what_is_found_on_the_way_is_noted_under_this_look() -> None:
    def answer(_content: Content, notes: Notes) -> Answer:
        notes.keep(parts=["1"])
        assert notes.get("parts") == ["1"]
        return Absent("Others follow.")

    store = Store([unconfirmed()])
    assert run(Telling(answer), store) == 1
    assert store.noted == [("t", 7, {"parts": ["1"]}, 3)]


def test_a_look_that_was_lost_settles_nothing() -> None:
    def answer(_content: Content, notes: Notes) -> Answer:
        notes.keep(parts=["1"])
        return Published("1", None)

    store = Store([unconfirmed()], lost=True)
    assert run(Telling(answer), store) == 0
    assert store.told == []
    assert store.seen == [("t", [], False)], "the database knows that it is lost"


# ---------------------------------------------------------------- listed


def test_what_cannot_be_told_is_looked_for_among_the_accounts_posts() -> None:
    platform, store = Both(None, posts=[MINE]), Store([unconfirmed()])
    assert run(platform, store) == 1
    assert (store.told, store.seen) == ([], [("t", ["p-1"], True)])
    assert platform.listed == [SENT - timedelta(minutes=2)]


def test_without_a_reference_nothing_is_asked() -> None:
    platform, store = Both(Published("other", None), posts=[MINE]), Store([unconfirmed(notes={})])
    assert run(platform, store) == 1
    assert platform.asked == []
    assert store.seen == [("t", ["p-1"], True)]


def test_a_platform_that_only_lists_is_only_listed() -> None:
    store = Store([unconfirmed()])
    assert run(Listing(posts=[MINE], absence_is_proof=False), store) == 1
    assert store.seen == [("t", ["p-1"], False)]


def test_of_a_thread_nothing_is_listed_so_nothing_is_proven() -> None:
    """One post of it says nothing about the others; and a listing that was not read must not pass for one without it, or
    the thread would be sent again."""
    platform, store = Both(None, posts=[MINE], parts=2), Store([unconfirmed()])
    assert run(platform, store) == 0
    assert platform.listed == []
    assert store.seen == [("t", [], False)]


# ---------------------------------------------------------------- errors


ERRORS = [
    TryLater("Later.", error_class="busy", http_status=503),
    Reconnect("Gone.", error_class="revoked", http_status=401),
    OutcomeUnknown("Hm.", error_class="http_500", http_status=500),
    NoAnswer("Cut off."),
    NotSent("Refused."),
    LeaseLost("Another's."),
    KeyError("a mistake of ours"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("asks", [True, False])
def test_an_error_leaves_it_for_the_next_look_and_the_others_for_this_one(
    error: Exception, asks: bool
) -> None:
    """Not seen is not absent: nothing is proven by a listing that was not read."""

    class Broken(Both):
        def outcome(self, *told: Any, since: datetime) -> Published | Pending | Absent | None:
            return super().outcome(*told, since=since) if told[3].get("reference") == "bad" else Pending(5)  # fmt: skip

    bad: dict[str, str] = {"reference": "bad"} if asks else {}
    platform = Broken(error if asks else None, error=error)
    store = Store([unconfirmed("bad", notes=bad), unconfirmed("good")])
    run(platform, store)
    assert store.seen == [("bad", [], False)]
    assert [name for name, _ in store.told] == ["good"]


def test_an_outcome_that_the_database_refuses_is_looked_for_again() -> None:
    store = Store([unconfirmed()], error=LinError("That id is another post's."))
    assert run(Telling(Published("p-1", None)), store) == 0
    assert store.seen == [("t", [], False)]


def test_a_database_that_does_not_answer_ends_the_batch() -> None:
    store = Store([unconfirmed(), unconfirmed("other")], error=Unavailable("Down."))
    with pytest.raises(Unavailable):
        run(Telling(Published("p-1", None)), store)
    assert store.seen == []


@pytest.mark.parametrize("why", ["no tokens", "no such platform", "neither", "sealed elsewhere"])
def test_where_nobody_can_be_asked_the_database_decides(why: str) -> None:
    tokens = {"no tokens": None, "sealed elsewhere": seal_tokens(SEALER, "b", Tokens("AT", None))}
    store = Store([unconfirmed(tokens=tokens.get(why, SEALED))])
    platform = {"no such platform": None, "neither": object()}.get(why, Both(Pending(5)))
    assert run(platform, store) == 0
    assert (store.told, store.seen) == ([], [("t", [], False)])
