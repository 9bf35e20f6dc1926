"""Threads on X: in order, gone on with where they stopped, never repeated. Over HTTP, against the strict sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.core.errors import LeaseLost, NoAnswer, OutcomeUnknown, Reconnect, Rejected, TryLater
from backend.core.platform_contract import Absent, Content, Follows, Published, Tokens
from backend.platforms.x_threads import Prepared
from local.sandbox.driver import Sandbox
from tests.contracts.conftest import Account, App, Kept, attachment, make_app, picture

CREATE = {"host": "api.x.com", "method": "POST", "path": "/2/tweets"}
# four posts: no two sentences fit into one
SENTENCES = [
    f"Sentence {number} of a story that is told & not yet finished {'at some length ' * 10}see example.com/{number} <now>."
    for number in range(4)
]
LONG = Content(" ".join(SENTENCES), options={"thread": True})
LAST = len(SENTENCES) - 1


@pytest.fixture
def x(sandbox: Sandbox) -> App:
    return make_app(sandbox, "x")


@pytest.fixture
def ada(x: App) -> Account:
    return x.connect()


class Dying(Kept):
    """Notes whose worker dies as it wants to keep the nth part; the platform has it by then."""

    def __init__(self, part: int) -> None:
        super().__init__()
        self._part = part

    def keep(self, **values: Any) -> None:
        if len(values.get("parts", [])) == self._part + 1:
            raise LeaseLost("the worker died here")
        super().keep(**values)


def told(account: Account) -> list[str]:
    """What readers of the account see, oldest first."""
    return [post["visible_text"] for post in reversed(account.posts)]


def outcome(account: Account, notes: Kept, content: Content = LONG) -> Any:
    platform = account.app.platform
    assert isinstance(platform, Follows)
    since = datetime.now(UTC) - timedelta(minutes=1)
    return platform.outcome(account.tokens, account.identity, content, notes, since=since)


def assert_whole(account: Account, notes: Kept) -> None:
    """Each part is there once, in order, hung on the one before, and noted."""
    assert told(account) == [part.text for part in account.app.platform.render(LONG).parts]
    ids = [post["urn"] for post in reversed(account.posts)]
    assert [post["content"]["in_reply_to"] for post in reversed(account.posts)] == [None, *ids[:-1]]
    assert notes.values["parts"] == ids
    assert notes.values["live"] is True


def test_a_long_text_is_published_as_posts_that_hang_together(ada: Account) -> None:
    notes = Kept()
    published = ada.publish(LONG, notes)
    assert_whole(ada, notes)
    first = ada.posts[-1]["urn"]
    assert published.external_id == first
    assert published.external_url == f"https://x.com/i/status/{first}"
    assert notes.values["reference"]


def test_the_preview_of_a_thread_is_what_is_sent(ada: Account) -> None:
    parts = ada.app.platform.render(LONG).parts
    assert len(parts) == len(SENTENCES)
    assert all(0 < part.length <= part.max_length == 280 for part in parts)
    assert " ".join(part.text for part in parts).split() == LONG.text.split()
    ada.publish(LONG)
    assert told(ada) == [part.text for part in parts]


def test_a_text_that_fits_is_one_post_and_needs_no_notes(ada: Account) -> None:
    notes = Kept()
    ada.publish(Content("Good morning", options={"thread": True}), notes)
    assert told(ada) == ["Good morning"]
    assert notes.values == {}
    assert outcome(ada, notes) is None


def test_a_long_text_is_refused_unless_its_owner_asks_for_a_thread(x: App) -> None:
    assert [v.field for v in x.platform.violations(Content(LONG.text))] == ["text"]
    assert x.platform.violations(LONG) == []


def test_media_and_who_may_reply_are_the_first_posts_and_the_label_is_everyones(
    ada: Account,
) -> None:
    options = {"thread": True, "reply_settings": "following", "made_with_ai": True}
    files = (attachment("image", picture(1), "one"), attachment("image", picture(2), "two"))
    ada.publish(Content(LONG.text, files, options))
    first, *others = reversed(ada.posts)
    assert [media["alt_text"] for media in first["media"]] == ["one", "two"]
    assert first["content"]["reply_settings"] == "following"
    assert [post["media"] for post in others] == [[]] * LAST
    assert all("reply_settings" not in post["content"] for post in others)
    assert all(post["content"]["made_with_ai"] is True for post in ada.posts)


def test_a_thread_of_too_many_posts_is_a_violation(x: App) -> None:
    text = " ".join(f"{number} {'word ' * 50}." for number in range(40))
    (violation,) = x.platform.violations(Content(text, options={"thread": True}))
    assert "at most 25" in violation.message


def test_two_posts_of_the_same_text_are_a_violation(x: App) -> None:
    text = "\n\n".join((SENTENCES[0], SENTENCES[1], SENTENCES[0]))
    (violation,) = x.platform.violations(Content(text, options={"thread": True}))
    assert "duplicate" in violation.message


# ------------------------------------------------------------------------------------ stopped in the middle


@pytest.mark.parametrize("part", range(len(SENTENCES)))
def test_a_thread_goes_on_after_a_worker_died_and_repeats_nothing(ada: Account, part: int) -> None:
    notes = Dying(part)
    with pytest.raises(LeaseLost):
        ada.publish(LONG, notes)
    assert len(ada.posts) == part + 1
    next_one = Kept(**notes.values)
    answer = outcome(ada, next_one)
    assert isinstance(answer, Published if part == LAST else Absent)
    assert len(next_one.values["parts"]) == part + 1
    ada.publish(LONG, next_one)
    assert_whole(ada, next_one)


FAULTS = [{"drop": True}, {"reset": True}, {"status": 500}, {"status": 503, "retry_after": 5}, {"half_body": True}]  # fmt: skip


@pytest.mark.parametrize("order", FAULTS, ids=lambda order: str(next(iter(order.items()))))
@pytest.mark.parametrize("part", [0, 2, LAST])
def test_a_part_without_an_answer_is_found_and_the_others_follow(
    ada: Account, part: int, order: dict[str, Any]
) -> None:
    notes = at_part(ada, part)
    ada.order(order | {"accept": True}, **CREATE)
    with pytest.raises((NoAnswer, OutcomeUnknown)):
        ada.publish(LONG, notes)
    assert len(ada.posts) == part + 1
    answer = outcome(ada, notes)
    if part == LAST:
        assert isinstance(answer, Published)
        assert answer.external_id == ada.posts[-1]["urn"]
    else:
        assert isinstance(answer, Absent)
    ada.publish(LONG, notes)
    assert_whole(ada, notes)


def at_part(account: Account, part: int) -> Kept:
    """Notes of a thread of which so many posts are there: the limit came next."""
    notes = Kept()
    if part:
        account.app.sandbox.tell("quotas", platform="x", member=account.member, used=100 - part)
        with pytest.raises(TryLater):
            account.publish(LONG, notes)
        account.app.sandbox.tell("quotas", platform="x", member=account.member, used=0)
    assert len(account.posts) == part
    return notes


@pytest.mark.parametrize("part", [0, 2, LAST])
def test_a_part_that_is_not_found_leaves_it_open(ada: Account, part: int) -> None:
    notes = at_part(ada, part)
    ada.order({"drop": True, "accept": False}, **CREATE)
    with pytest.raises(NoAnswer):
        ada.publish(LONG, notes)
    before = dict(notes.values)
    assert outcome(ada, notes) is None
    assert notes.values == before
    # its owner says that it is not there
    ada.publish(LONG, notes)
    assert_whole(ada, notes)


@pytest.mark.parametrize("part", [1, LAST])
def test_a_part_that_its_owner_took_for_lost_is_not_made_twice(ada: Account, part: int) -> None:
    """The timeline did not show it, so its owner said to send it again; X refuses the duplicate, and by then shows the first."""
    notes = at_part(ada, part)
    ada.order({"drop": True, "accept": True}, **CREATE)
    with pytest.raises(NoAnswer):
        ada.publish(LONG, notes)
    ada.publish(LONG, notes)
    assert_whole(ada, notes)


def test_a_duplicate_of_a_post_elsewhere_stops_the_thread(ada: Account) -> None:
    notes, parts = at_part(ada, 2), ada.app.platform.render(LONG).parts
    ada.publish(Content(parts[2].text))
    with pytest.raises(Rejected, match="Of the 4 posts of this thread 2 are on X") as refused:
        ada.publish(LONG, notes)
    assert refused.value.error_class == "duplicate"
    assert refused.value.existing_id == notes.values["parts"][0]


def test_a_duplicate_that_cannot_be_looked_for_stops_the_thread(ada: Account) -> None:
    notes, parts = at_part(ada, 2), ada.app.platform.render(LONG).parts
    ada.publish(Content(parts[2].text))
    ada.order({"status": 500}, method="GET", path="/2/users/*")
    with pytest.raises(Rejected):
        ada.publish(LONG, notes)


def test_a_timeline_that_lags_is_looked_at_again(ada: Account) -> None:
    ada.app.sandbox.tell("settings", platform="x", member=ada.member, timeline_lag_seconds=20)
    notes = Kept()
    ada.order({"drop": True, "accept": True}, **CREATE)
    with pytest.raises(NoAnswer):
        ada.publish(LONG, notes)
    assert outcome(ada, notes) is None
    ada.app.sandbox.tell("clock", advance_seconds=21, member=ada.member)
    assert isinstance(outcome(ada, notes), Absent)


def test_two_posts_that_may_be_the_part_are_no_answer(ada: Account) -> None:
    ada.app.sandbox.tell("settings", platform="x", member=ada.member, duplicate_seconds=0)
    notes, first = Kept(), ada.app.platform.render(LONG).parts[0].text
    ada.publish(Content(first))
    ada.order({"drop": True, "accept": True}, **CREATE)
    with pytest.raises(NoAnswer):
        ada.publish(LONG, notes)
    assert len(ada.posts) == 2
    assert outcome(ada, notes) is None


def test_a_post_of_the_same_text_elsewhere_is_not_the_part(ada: Account) -> None:
    ada.app.sandbox.tell("settings", platform="x", member=ada.member, duplicate_seconds=0)
    notes, parts = at_part(ada, 2), ada.app.platform.render(LONG).parts
    ada.publish(Content("Another thread begins"))
    root = ada.posts[0]["urn"]
    elsewhere = {"text": parts[2].text, "reply": {"in_reply_to_tweet_id": root}}
    ada.app.platform.publish(ada.tokens, Prepared("1", [elsewhere]), Kept())
    assert outcome(ada, notes) is None


def test_an_old_post_of_the_same_text_is_not_the_part(ada: Account) -> None:
    notes = Kept()
    ada.order({"drop": True, "accept": True}, **CREATE)
    with pytest.raises(NoAnswer):
        ada.publish(LONG, notes)
    later = datetime.now(UTC) + timedelta(hours=1)
    platform: Any = ada.app.platform
    assert platform.outcome(ada.tokens, ada.identity, LONG, notes, since=later) is None


@pytest.mark.parametrize("part", [0, 2, LAST])
def test_a_part_created_without_an_id(ada: Account, part: int) -> None:
    notes = at_part(ada, part)
    ada.order({"no_id": True}, **CREATE)
    if part == LAST:
        published = ada.publish(LONG, notes)
        assert published.external_id == ada.posts[-1]["urn"]
        assert len(ada.posts) == len(SENTENCES)
        return
    with pytest.raises(OutcomeUnknown) as raised:
        ada.publish(LONG, notes)
    assert raised.value.error_class == "no_id"
    assert notes.values["live"] is True
    assert isinstance(outcome(ada, notes), Absent)
    ada.publish(LONG, notes)
    assert_whole(ada, notes)


def test_nothing_more_is_sent_when_the_thread_is_somebody_elses(ada: Account) -> None:
    notes = Kept()
    prepared = ada.prepare(LONG, notes)
    notes.stop_before = "parts"
    with pytest.raises(LeaseLost):
        ada.app.platform.publish(ada.tokens, prepared, notes)
    assert len(ada.posts) == 1


def test_a_revoked_permission_in_the_middle_can_be_renewed(ada: Account) -> None:
    notes = at_part(ada, 2)
    ada.app.sandbox.tell("tokens/expire", platform="x", member=ada.member)
    with pytest.raises(Reconnect) as raised:
        ada.publish(LONG, notes)
    assert raised.value.http_status == 401
    fresh = ada.app.platform.refresh(ada.tokens, now=datetime.now(UTC))
    Account(ada.app, ada.member, fresh, ada.identity).publish(LONG, notes)
    assert_whole(ada, notes)


def test_a_refusal_in_the_middle_says_what_is_live(ada: Account) -> None:
    ada.app.sandbox.tell("settings", platform="x", member=ada.member, own_replies_refused=True)
    with pytest.raises(Rejected, match="Of the 4 posts of this thread 1 are on X") as refused:
        ada.publish(LONG)
    assert refused.value.existing_id == ada.posts[0]["urn"]
    assert refused.value.existing_url == f"https://x.com/i/status/{ada.posts[0]['urn']}"
    assert len(ada.posts) == 1


def test_a_refusal_of_the_first_post_names_nothing(ada: Account) -> None:
    ada.order({"status": 403}, **CREATE)
    with pytest.raises(Rejected) as refused:
        ada.publish(LONG)
    assert refused.value.existing_id is None


def test_a_thread_goes_on_as_it_began_and_its_media_are_not_sent_again(ada: Account) -> None:
    """Whatever a later version of Lin would make of the text."""
    with_media = Content(LONG.text, (attachment("image", picture()),), LONG.options)
    cuts = [[0, 8], [9, 20], [20, 40]]
    notes = Kept(cuts=cuts, reference="thread")
    ada.app.sandbox.tell("quotas", platform="x", member=ada.member, used=98)
    with pytest.raises(TryLater):
        ada.publish(with_media, notes)
    ada.app.sandbox.tell("quotas", platform="x", member=ada.member, used=0)
    ada.publish(with_media, notes)
    assert told(ada) == [LONG.text[start:end] for start, end in cuts]
    uploads = ada.app.sandbox.requests(ada.member, method="POST", path="/2/media/upload")
    assert len(uploads) == 1


# ------------------------------------------------------------------------------------ delete


def test_a_thread_is_deleted_last_post_first(ada: Account) -> None:
    notes, platform = Kept(), ada.app.platform
    published = ada.publish(LONG, notes)
    deleter: Any = platform
    deleter.delete(ada.tokens, ada.identity, published.external_id, notes)
    assert all(post["deleted_at"] for post in ada.posts)
    paths = [one["path"] for one in ada.app.sandbox.requests(ada.member, method="DELETE")]
    assert paths == [f"/2/tweets/{post_id}" for post_id in notes.values["parts"]]


def test_a_thread_whose_deletion_stopped_is_deleted_to_the_end(ada: Account) -> None:
    notes = Kept()
    published = ada.publish(LONG, notes)
    deleter: Any = ada.app.platform
    ada.order({"status": 429}, method="DELETE", path=f"/2/tweets/{notes.values['parts'][1]}")
    with pytest.raises(TryLater):
        deleter.delete(ada.tokens, ada.identity, published.external_id, notes)
    deleter.delete(ada.tokens, ada.identity, published.external_id, notes)
    assert all(post["deleted_at"] for post in ada.posts)


# ------------------------------------------------------------------------------------ any text

WORD = st.sampled_from(
    ["word", "AT&T", "<tag>", "#hash", "@ada", "example.com/a_(b)", "https://example.org/?a=b&c=d", "日本語テキスト", "שלום", "عليكم", "👨‍👩‍👧", "🏳️‍🌈",
     "e\u0301tude", "end.", "What?", "\n", "\n\n", "\u200f", "longer" * 9]
)  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(words=st.lists(WORD, min_size=60, max_size=110))
def test_what_is_received_is_what_the_preview_said(x: App, words: list[str]) -> None:
    content = Content(" ".join(words), options={"thread": True})
    if x.platform.violations(content):
        return
    parts = x.platform.render(content).parts
    assert len(parts) > 1
    made = x.sandbox.tell("tokens", platform="x", client_id=x.client_id)["tokens"][0]
    tokens = Tokens(made["access_token"], None)
    identity = x.platform.accounts(tokens)[0].identity
    account = Account(x, made["member"], tokens, identity)
    account.publish(content)
    assert told(account) == [part.text for part in parts]
    for part, post in zip(parts, reversed(account.posts), strict=True):
        assert post["defects"] == []
        assert [text for kind, text in post["pieces"] if kind == "link"] == list(part.links)
        assert [text for kind, text in post["pieces"] if kind == "hashtag"] == list(part.hashtags)
