"""What a platform offers beside publishing, for every platform of the registry that offers it."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from backend.core.errors import NoAnswer, NotSent, OutcomeUnknown, Reconnect, Rejected, TryLater
from backend.core.platform_contract import (
    Absent,
    Accepted,
    Content,
    Deletes,
    Follows,
    Measures,
    Metrics,
    OffersChoices,
    Pending,
    Published,
    ReadsBack,
    Tokens,
    Versioned,
)
from backend.core.reconciling import CLOCKS_DIFFER, matching
from backend.platforms import PLATFORMS
from tests.contracts.conftest import NOW, Account, App, Kept, make_app, members_of, offering, sample

CAPABILITIES = (ReadsBack, Follows, Deletes, Measures, OffersChoices, Versioned)
UNKNOWN = [{"drop": True}, {"reset": True}, {"status": 502}]


def for_all_that(capability: type[Any]) -> pytest.MarkDecorator:
    """An app of each platform that has it."""
    return pytest.mark.parametrize("app", offering(capability), indirect=True)


def connected(app: App, scopes: str) -> Account:
    """An account with one of these scopes, whether the app asks its members for it or not."""
    account = app.connect()
    if not scopes or set(scopes.split()) & set(account.tokens.scopes):
        return account
    wanted = [*account.tokens.scopes, scopes.split()[0]]
    app = make_app(app.sandbox, app.name, scopes=wanted)
    made = app.sandbox.tell(
        "tokens", platform=app.name, client_id=app.client_id, member=account.member, scopes=wanted
    )
    tokens = Tokens(made["tokens"][0]["access_token"], None, scopes=tuple(wanted))
    granted = app.platform.accounts(tokens)[0]
    return Account(app, account.member, tokens, granted.identity)


@pytest.mark.parametrize("name", sorted(PLATFORMS))
def test_what_it_offers_it_offers_whole(name: str) -> None:
    # of what lacks one member the core sees nothing, without a word
    for capability in CAPABILITIES:
        wanted = members_of(capability)
        has = [each for each in wanted if hasattr(PLATFORMS[name], each)]
        assert has in ([], wanted), capability.__name__
        for each in has:
            told, asked = getattr(PLATFORMS[name], each), getattr(capability, each)
            assert callable(told) == callable(asked), each
            if callable(asked):
                assert inspect.signature(told).parameters.keys() == inspect.signature(asked).parameters.keys()  # fmt: skip


# ------------------------------------------------------------------------------------ reading back


def found(account: Account, content: Content, since: datetime) -> list[str]:
    """The account's own posts that reading back takes for this one."""
    platform = account.app.platform
    assert isinstance(platform, ReadsBack)
    posts = platform.recent_posts(account.tokens, account.identity, since=since)
    text = platform.render(content).parts[0].text
    return [post.external_id for post in matching(posts, text, len(content.attachments), since)]


def now() -> datetime:
    return datetime.now(UTC)


@for_all_that(ReadsBack)
def test_what_was_published_is_found_by_reading_back(app: App) -> None:
    account = connected(app, app.platform.read_back_scope)  # type: ignore[attr-defined]
    since = now() - CLOCKS_DIFFER
    content = sample(app.platform, "Look (here): #lin & <more> https://example.com/a_b?c=1 é 🌻")
    published = account.publish(content)
    account.publish(sample(app.platform, "Something else", shade=9))
    assert found(account, content, since) == [published.external_id]
    assert found(account, content, now() + timedelta(minutes=5)) == []


@for_all_that(ReadsBack)
@pytest.mark.parametrize("accept", [True, False])
@pytest.mark.parametrize("fault", UNKNOWN, ids=str)
def test_reading_back_tells_what_an_unknown_outcome_was(
    app: App, fault: dict[str, Any], accept: bool
) -> None:
    account = connected(app, app.platform.read_back_scope)  # type: ignore[attr-defined]
    content, since = sample(app.platform, "Is it there?"), now() - CLOCKS_DIFFER
    lose_the_answer(account, content, Kept(), fault, accept=accept)
    there = [post["urn"] for post in account.posts]
    assert len(there) == accept
    assert found(account, content, since) == there


@for_all_that(ReadsBack)
def test_whether_absence_is_proof_is_said(app: App) -> None:
    platform = app.platform
    assert isinstance(platform, ReadsBack)
    assert isinstance(platform.absence_is_proof, bool)
    assert platform.read_back_scope


# ------------------------------------------------------------------------------------ following


def lose_the_answer(
    account: Account, content: Content, notes: Kept, fault: Mapping[str, Any], *, accept: bool
) -> None:
    """Send the post so that nobody knows what became of it."""
    prepared = account.prepare(content, notes)
    account.order({**fault, "accept": accept})
    with pytest.raises((NoAnswer, OutcomeUnknown)):
        account.app.platform.publish(account.tokens, prepared, notes)


def followed(account: Account, content: Content, notes: Kept) -> Published | Absent | None:
    """What the platform tells in the end. None: nothing, or nothing yet after some hours."""
    platform = account.app.platform
    assert isinstance(platform, Follows)
    since = now() - timedelta(seconds=5)
    for _ in range(20):
        told = platform.outcome(account.tokens, account.identity, content, notes, since=since)
        if not isinstance(told, Pending):
            return told
        assert told.check_after_seconds > 0
        account.app.sandbox.tell("clock", advance_seconds=600, member=account.member)
    return None


@for_all_that(Follows)
def test_what_is_only_accepted_can_be_asked_for(app: App) -> None:
    account, notes = app.connect(), Kept()
    content = sample(app.platform)
    answer = app.platform.publish(account.tokens, account.prepare(content, notes), notes)
    if isinstance(answer, Accepted):
        assert answer.check_after_seconds > 0
        assert notes.get("reference")
        told = followed(account, content, notes)
        assert isinstance(told, Published)
        assert told.external_id in (None, account.posts[0]["urn"])
    assert len(account.posts) == 1


@for_all_that(Follows)
@pytest.mark.parametrize("accept", [True, False])
@pytest.mark.parametrize("fault", UNKNOWN, ids=str)
def test_following_after_an_unknown_outcome_never_doubles(
    app: App, fault: dict[str, Any], accept: bool
) -> None:
    account, notes = app.connect(), Kept()
    content = sample(app.platform)
    lose_the_answer(account, content, notes, fault, accept=accept)
    told: Any = followed(account, content, notes) if notes.get("reference") else None
    if isinstance(told, Published):
        assert accept
        assert told.external_id in (None, account.posts[0]["urn"])
    elif isinstance(told, Absent):
        assert account.posts == []
        account.publish(content, notes)
    assert len(account.posts) == (accept or isinstance(told, Absent))


@for_all_that(Follows)
def test_nothing_is_told_of_what_was_never_sent(app: App) -> None:
    account = app.connect()
    told = followed(account, sample(app.platform), Kept())
    assert not isinstance(told, Published)


# ------------------------------------------------------------------------------------ deleting


def delete(account: Account, external_id: str) -> bool:
    """False when the platform says that it does not let apps do so for this account."""
    platform = account.app.platform
    assert isinstance(platform, Deletes)
    try:
        platform.delete(account.tokens, account.identity, external_id, Kept())
    except Rejected as refused:
        if refused.error_class != "no_delete":
            raise
        return False
    return True


@for_all_that(Deletes)
def test_a_post_is_deleted_once_and_again_without_an_error(app: App) -> None:
    account = app.connect()
    gone = account.publish(sample(app.platform, "Away with it")).external_id or ""
    stays = account.publish(sample(app.platform, "Stays", shade=9)).external_id
    deleted = delete(account, gone)
    assert delete(account, gone) == deleted
    left = [post["urn"] for post in account.posts if not post["deleted_at"]]
    assert left == ([stays] if deleted else [stays, gone])


@for_all_that(Deletes)
def test_nobody_deletes_what_is_somebody_elses(app: App) -> None:
    ada, grace = app.connect(), app.connect("Grace Hopper")
    hers = grace.publish(sample(app.platform)).external_id or ""
    with contextlib.suppress(Rejected, Reconnect):  # or it does not know any such post
        delete(ada, hers)
    assert [post["deleted_at"] for post in grace.posts] == [None]


# ------------------------------------------------------------------------------------ figures


@for_all_that(Measures)
def test_figures_are_told_by_id_and_of_strangers_nothing(app: App) -> None:
    platform = app.platform
    assert isinstance(platform, Measures)
    account = connected(app, platform.metrics_scope)
    published = account.publish(sample(platform))
    known, unknown = published.external_id or "", f"{published.external_id}9"
    figures = platform.metrics(account.tokens, account.identity, [known, unknown])
    # what has no address is not public, and TikTok counts only what is
    assert set(figures) == ({known} if published.external_url else set())
    for told in figures.values():
        assert isinstance(told, Metrics)
        numbers = dataclasses.astuple(told)
        assert all(number is None or (type(number) is int and number >= 0) for number in numbers)
        assert any(number is not None for number in numbers)


@for_all_that(Measures)
def test_as_many_are_measured_at_once_as_the_core_asks_for(app: App) -> None:
    platform = app.platform
    assert isinstance(platform, Measures)
    account = connected(app, platform.metrics_scope)
    first = account.publish(sample(platform))
    known = first.external_id or ""
    many = [known, *(f"{known}{number}" for number in range(19))]
    told = platform.metrics(account.tokens, account.identity, many)
    assert set(told) <= set(many)
    assert (known in told) == bool(first.external_url)


# ------------------------------------------------------------------------------------ choices and versions


@for_all_that(OffersChoices)
def test_choices_are_of_options_that_it_has(app: App) -> None:
    account, platform = app.connect(), app.platform
    assert isinstance(platform, OffersChoices)
    choices = json.loads(json.dumps(platform.choices(account.tokens, account.identity)))
    notes = choices.pop("notes")
    assert all(isinstance(note, str) and note.endswith(".") for note in notes)
    schema = PLATFORMS[app.name].LIMITS["options"]
    assert set(choices) & set(schema), "beside facts there is something to choose"
    for name, offered in choices.items():
        if isinstance(schema.get(name), list):
            assert set(offered) <= set(schema[name]), name


@for_all_that(Versioned)
def test_its_version_and_when_it_ends_are_known(app: App) -> None:
    platform = app.platform
    assert isinstance(platform, Versioned)
    assert platform.version
    assert platform.version_ends is None or type(platform.version_ends) is date


# ------------------------------------------------------------------------------------ renewing

LATER = timedelta(days=2)  # Instagram renews nothing on the first day; others have to by then
RENEWING = {
    "throttled": ({"status": 429, "retry_after": 7}, TryLater),
    "broken": ({"status": 500}, TryLater),
    "away": ({"status": 503}, TryLater),
    "dropped": ({"drop": True}, NoAnswer),
    "half an answer": ({"half_body": True}, NoAnswer),
}  # fmt: skip


@pytest.fixture
def aged(account: Account) -> Account:
    """An account that was connected two days ago."""
    account.app.sandbox.tell("clock", advance_seconds=LATER.total_seconds(), member=account.member)
    return account


def renew(account: Account) -> Tokens:
    return account.app.platform.refresh(account.tokens, now=NOW + LATER)


def renews(account: Account) -> bool:
    """Whether this account's permission can be renewed; where not, the platform says so and there is nothing to test."""
    if account.tokens.refresh_token is None:
        with pytest.raises((Reconnect, Rejected)):
            renew(account)
        return False
    # Facebook keeps the user's token there, and knows by itself that it renews none
    offline = account.app.with_door("http://127.0.0.1:9")
    with pytest.raises((NotSent, Reconnect)) as raised:
        offline.refresh(account.tokens, now=NOW + LATER)
    return not isinstance(raised.value, Reconnect)


def test_a_renewed_permission_publishes_and_belongs_to_the_same_account(aged: Account) -> None:
    if not renews(aged):
        return
    platform = aged.app.platform
    renewed = renew(aged)
    assert renewed.access_token != aged.tokens.access_token
    assert renewed.expires_at is not None
    assert renewed.expires_at > NOW + LATER
    assert set(platform.scopes) <= set(renewed.scopes)
    assert renewed.access_token not in repr(renewed)
    assert (renewed.refresh_token or "none") not in repr(renewed)
    assert platform.profile(renewed, aged.identity) == aged.identity
    again = dataclasses.replace(aged, tokens=renewed)
    assert again.publish(sample(platform)).external_id == aged.posts[0]["urn"]


def test_a_revoked_permission_is_not_renewed(aged: Account) -> None:
    aged.app.sandbox.tell("tokens/revoke", platform=aged.app.name, member=aged.member)
    with pytest.raises((Reconnect, Rejected)) as refused:
        renew(aged)
    assert (aged.tokens.refresh_token or aged.tokens.access_token) not in str(refused.value)


@pytest.mark.parametrize(("order", "kind"), RENEWING.values(), ids=RENEWING)
def test_a_platform_that_fails_is_no_reason_to_connect_again(
    aged: Account, order: dict[str, Any], kind: type[Exception]
) -> None:
    if not renews(aged):
        return
    aged.order(order)
    with pytest.raises(kind):
        renew(aged)


# ------------------------------------------------------------------------------------ faults of what only reads

FAULTS = {
    "throttled": ({"status": 429, "retry_after": 7}, TryLater),
    "broken": ({"status": 500}, TryLater),
    "away": ({"status": 503}, TryLater),
    "unauthorized": ({"status": 401}, Reconnect),
    "dropped": ({"drop": True}, NoAnswer),
    "reset": ({"reset": True}, NoAnswer),
    "revoked": ({"revoke": True}, Reconnect),
}  # fmt: skip


def new_post(account: Account) -> str:
    """The id of one more post, unlike any other."""
    shade = secrets.randbelow(256)
    return account.publish(sample(account.app.platform, secrets.token_hex(8), shade=shade)).external_id or ""  # fmt: skip


def is_asked(account: Account, call: str) -> bool:
    """Whether the platform is asked at all: not where it deletes no posts of this account, nor of what it created at once."""
    if call == "delete":
        return delete(account, new_post(account))
    if call == "outcome":
        content, notes = sample(account.app.platform, secrets.token_hex(8)), Kept()
        account.app.platform.publish(account.tokens, account.prepare(content, notes), notes)
        return bool(notes.get("reference"))
    return True


def call_of(account: Account, name: str, platform: Any) -> Callable[[], Any]:
    """One call that may be repeated at any time; what it needs is there already."""
    tokens, identity = account.tokens, account.identity
    if name in ("delete", "metrics"):
        published = new_post(account)
    # TikTok asks nothing about posts whose id is none of a public one
    ids = ["7000000000000000001"] if name == "metrics" and not published.isdecimal() else []
    content, notes = sample(account.app.platform, secrets.token_hex(8)), Kept()
    if name == "outcome":
        account.app.platform.publish(tokens, account.prepare(content, notes), notes)
    # it takes what the consent gave, which may be another token than the account's
    if name == "accounts":
        consented = account.app.exchange(account.app.consent(account.member)["code"])
    calls: dict[str, Callable[[], Any]] = {
        "accounts": lambda: platform.accounts(consented),
        "profile": lambda: platform.profile(tokens, identity),
        "recent_posts": lambda: platform.recent_posts(tokens, identity, since=now()),
        "delete": lambda: platform.delete(tokens, identity, published, Kept()),
        "metrics": lambda: platform.metrics(tokens, identity, [published, *ids]),
        "choices": lambda: platform.choices(tokens, identity),
        "outcome": lambda: platform.outcome(tokens, identity, content, notes, since=now()),
    }
    return calls[name]


READS = [
    *((name, call) for name in PLATFORMS for call in ("accounts", "profile")),
    *((name, "recent_posts") for name in offering(ReadsBack)),
    *((name, "delete") for name in offering(Deletes)),
    *((name, "metrics") for name in offering(Measures)),
    *((name, "choices") for name in offering(OffersChoices)),
    *((name, "outcome") for name in offering(Follows)),
]


def account_for(app: App, call: str) -> Account:
    scopes = {"recent_posts": "read_back_scope", "metrics": "metrics_scope"}.get(call, "")
    return connected(app, getattr(app.platform, scopes, ""))


@pytest.mark.parametrize(("app", "call"), READS, indirect=["app"])
def test_each_fault_of_what_may_be_repeated_has_one_meaning(app: App, call: str) -> None:
    account = account_for(app, call)
    if not is_asked(account, call):
        return
    asked = call_of(account, call, app.platform)
    for name, (order, kind) in FAULTS.items():  # the token ends with the last
        account.order(order)
        with pytest.raises(kind) as raised:  # type: ignore[call-overload]
            asked()
        assert account.tokens.access_token not in str(raised.value), name
        if name == "throttled":
            assert (raised.value.after or 0) >= 7


@pytest.mark.parametrize(("app", "call"), READS, indirect=["app"])
def test_what_may_be_repeated_and_cannot_be_reached_was_not_sent(app: App, call: str) -> None:
    account = account_for(app, call)
    if not is_asked(account, call):
        return
    with pytest.raises(NotSent):
        call_of(account, call, app.with_door("http://127.0.0.1:9"))()
