"""How posts do, deleting one, and what accounts are called: what is asked of a platform, and what its errors mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from backend.core.errors import (
    Conflict,
    LinError,
    NoAnswer,
    NotSent,
    Reconnect,
    Rejected,
    TryLater,
    Unavailable,
)
from backend.core.follow_ups import FollowUps
from backend.core.platform_contract import Identity, Metrics, Notes, Tokens
from backend.core.records import AskedAccount, ClaimedTarget, PublishedTarget
from backend.core.refreshing import TokenKeeper
from backend.core.tokens import seal_tokens
from backend.sealing import Sealer

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SEALER = Sealer([b"k" * 32])
ADA = Identity("x", "Ada")


def sealed(account: str) -> Any:
    return seal_tokens(SEALER, account, Tokens("AT", None))


def published(name: str, account: str = "a", **changed: Any) -> PublishedTarget:
    """A post that is out; its id on the platform is `name`'s."""
    external_id = changed.pop("external_id", f"id-{name}")
    told: dict[str, Any] = {
        "target_id": name, "post_id": "p", "user_id": "u", "account_id": account, "platform": "toy", "lease_token": 7, "attempt": 1,
        "failures": 0, "due_at": NOW, "deadline_at": NOW, "post_version": 1, "target_version": 1, "text": "Good morning",
        "options": {}, "identity": ADA, "granted_scopes": ("read",), "tokens": sealed(account), "media": (), **changed,
    }  # fmt: skip
    return PublishedTarget(ClaimedTarget(**told), external_id)


def asked(account: str = "a", **changed: Any) -> AskedAccount:
    told: dict[str, Any] = {
        "account_id": account, "platform": "toy", "identity": ADA, "granted_scopes": ("read",), "tokens": sealed(account), **changed,
    }  # fmt: skip
    return AskedAccount(**told)


@dataclass
class Store:
    """The database: what it hands out, each thing once and so many at a time, and what it was told."""

    due: list[PublishedTarget] = field(default_factory=list)
    accounts: list[AskedAccount] = field(default_factory=list)
    figures: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    errors: list[LinError] = field(default_factory=list)

    def claim_measurements(self, take: int) -> Sequence[PublishedTarget]:
        claimed, self.due = self.due[:take], self.due[take:]
        return claimed

    def store_metrics(self, found: Mapping[str, tuple[str, Metrics]]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.figures.append(dict(found))

    def target_to_delete(self, target_id: str, user_id: str) -> PublishedTarget:
        return self.due[0]

    def note_deleted(self, target_id: str) -> None:
        self.deleted.append(target_id)

    def claim_profiles(self, take: int) -> Sequence[AskedAccount]:
        claimed, self.accounts = self.accounts[:take], self.accounts[take:]
        return claimed

    def store_profile(self, account_id: str, identity: Identity) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.names[account_id] = identity.account_name

    def account_to_ask(self, account_id: str, user_id: str) -> AskedAccount:
        return self.accounts[0]

    def keep_notes(self, *_: Any) -> bool:
        return False


class Toy:
    """A platform that can do all of it; for one account (by its token's owner) it raises."""

    metrics_scope = "read"

    def __init__(self, error: Exception | None = None) -> None:
        self._errors = [error] if error else []
        self.asked: list[Any] = []

    def _ask(self, what: Any) -> None:
        self.asked.append(what)
        if self._errors:
            raise self._errors.pop()

    def metrics(
        self, tokens: Tokens, identity: Identity, external_ids: Sequence[str]
    ) -> Mapping[str, Metrics]:
        self._ask(tuple(external_ids))
        told = {one: Metrics(likes=len(one)) for one in external_ids if one != "id-quiet"}
        return told | {"somebody else's": Metrics(likes=1)}

    def profile(self, tokens: Tokens, identity: Identity) -> Identity:
        self._ask(identity)
        return Identity(identity.external_id, "Ada Lovelace")

    def delete(self, tokens: Tokens, identity: Identity, external_id: str, notes: Notes) -> None:
        self._ask((tokens.access_token, external_id, notes.get("parts")))

    def choices(self, tokens: Tokens, identity: Identity) -> Mapping[str, Any]:
        self._ask(identity)
        return {"privacy_level": ["SELF_ONLY"]}


def follow_ups(store: Store, platform: Any) -> FollowUps:
    platforms = {"toy": platform}
    keeper = TokenKeeper(None, platforms, SEALER)  # type: ignore[arg-type] # these tokens have no end
    return FollowUps(store, store, platforms, keeper, lambda: NOW)


TROUBLES = [
    TryLater("Later.", error_class="busy", http_status=503),
    Reconnect("Gone.", error_class="revoked", http_status=401),
    Rejected("No.", error_class="forbidden", http_status=403),
    NoAnswer("Cut off."),
    NotSent("Refused."),
    KeyError("a mistake of ours"),
]


# ---------------------------------------------------------------- figures


def test_the_figures_of_an_account_are_asked_for_twenty_at_a_time() -> None:
    store, toy = Store([published(str(n)) for n in range(45)] + [published("b", "b")]), Toy()
    assert follow_ups(store, toy).measure() == 46
    assert [len(ids) for ids in toy.asked] == [20, 20, 5, 1]
    stored = {target for found in store.figures for target in found}
    assert stored == {*(str(n) for n in range(45)), "b"}


def test_all_that_is_due_is_asked_for_however_much_it_is() -> None:
    posts = [published(str(n), str(n)) for n in range(250)]
    store = Store(posts, [asked(str(n)) for n in range(250)])
    due = follow_ups(store, Toy())
    assert (due.measure(), due.refresh_profiles()) == (250, 250)


def test_a_worker_that_stops_begins_no_more() -> None:
    store = Store([published("one")], [asked("one")])
    due = follow_ups(store, Toy())
    due.stopping.set()
    assert (due.measure(), due.refresh_profiles()) == (0, 0)
    assert (len(store.due), len(store.accounts)) == (1, 1)


def test_only_what_is_told_of_ones_own_is_stored() -> None:
    store, toy = Store([published("loud"), published("quiet"), published("none", external_id=None)]), Toy()  # fmt: skip
    assert follow_ups(store, toy).measure() == 1
    assert toy.asked == [("id-loud", "id-quiet")]
    assert store.figures == [{"loud": ("u", Metrics(likes=7))}]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda error: type(error).__name__)
def test_one_account_in_trouble_costs_no_other_its_figures(trouble: Exception) -> None:
    store = Store([published("one", "a"), published("two", "b")])
    assert follow_ups(store, Toy(trouble)).measure() == 1
    assert [list(found) for found in store.figures] == [["two"]]


def test_nor_does_a_post_that_was_deleted_meanwhile() -> None:
    store = Store([published("one", "a"), published("two", "b")], errors=[Conflict("It is gone.")])
    assert follow_ups(store, Toy()).measure() == 1
    assert [list(found) for found in store.figures] == [["two"]]


def test_a_database_that_does_not_answer_ends_it() -> None:
    store = Store([published("one", "a"), published("two", "b")], errors=[Unavailable("Down.")])
    toy = Toy()
    with pytest.raises(Unavailable):
        follow_ups(store, toy).measure()
    assert len(toy.asked) == 1


@pytest.mark.parametrize("platform", [None, object()])
def test_where_no_figures_are_told_nothing_is_stored(platform: Any) -> None:
    store = Store([published("one")])
    assert follow_ups(store, platform).measure() == 0
    assert store.figures == []


# ---------------------------------------------------------------- deleting


def test_a_post_is_deleted_by_its_id_with_its_notes_at_hand() -> None:
    store, toy = Store([published("one", notes={"parts": ["1", "2"], "live": True})]), Toy()
    follow_ups(store, toy).delete("one", "u")
    assert toy.asked == [("AT", "id-one", ["1", "2"])]
    assert store.deleted == ["one"]


def test_what_is_live_in_part_is_deleted_without_an_id() -> None:
    store, toy = Store([published("one", external_id=None, notes={"parts": ["1"], "live": True})]), Toy()  # fmt: skip
    follow_ups(store, toy).delete("one", "u")
    assert toy.asked == [("AT", "", ["1"])]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda error: type(error).__name__)
def test_what_the_platform_did_not_delete_is_not_noted_as_deleted(trouble: Exception) -> None:
    store = Store([published("one")])
    with pytest.raises(type(trouble)):
        follow_ups(store, Toy(trouble)).delete("one", "u")
    assert store.deleted == []


@pytest.mark.parametrize(
    ("platform", "changed", "words"),
    [
        (object(), {}, "does not let apps delete posts; delete it there"),
        (None, {}, "does not let apps delete posts; delete it there"),
        (Toy(), {"external_id": None}, "does not know the id"),
        (Toy(), {"tokens": None}, "connected again first"),
    ],
    ids=["cannot", "no such platform", "no id", "not connected"],
)
def test_what_cannot_be_deleted_says_what_to_do(
    platform: Any, changed: dict[str, Any], words: str
) -> None:
    store = Store([published("one", **changed)])
    with pytest.raises(Conflict, match=words):
        follow_ups(store, platform).delete("one", "u")
    assert store.deleted == []


# ---------------------------------------------------------------- accounts


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda error: type(error).__name__)
def test_one_profile_that_cannot_be_read_keeps_no_other_from_it(trouble: Exception) -> None:
    store = Store(accounts=[asked("a"), asked("none", tokens=None), asked("b")])
    assert follow_ups(store, Toy(trouble)).refresh_profiles() == 1
    assert store.names == {"b": "Ada Lovelace"}


def test_nor_one_that_cannot_be_stored() -> None:
    store = Store(accounts=[asked("a"), asked("b")], errors=[Conflict("No.")])
    assert follow_ups(store, Toy()).refresh_profiles() == 1
    assert store.names == {"b": "Ada Lovelace"}


def test_choices_are_the_platforms_and_empty_where_it_is_not_asked() -> None:
    store = Store(accounts=[asked()])
    assert follow_ups(store, Toy()).choices("a", "u") == {"privacy_level": ["SELF_ONLY"]}
    assert follow_ups(store, object()).choices("a", "u") == {}
    with pytest.raises(Conflict, match="connected again first"):
        follow_ups(Store(accounts=[asked(tokens=None)]), Toy()).choices("a", "u")
