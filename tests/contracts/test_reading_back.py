"""Finding one's own post on LinkedIn, over HTTP, against the strict sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backend.core.errors import NoAnswer, Reconnect
from backend.core.platform_contract import Content, ReadsBack, Seen, Tokens
from backend.core.reconciling import matching
from backend.outbound import PlatformHttp
from backend.platforms.linkedin import LinkedIn
from local.sandbox.driver import Sandbox
from tests.contracts.conftest import Account, attachment, make_app, picture

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
READ = {"host": "api.linkedin.com", "method": "GET", "path": "/rest/posts"}


@pytest.fixture
def ada(sandbox: Sandbox) -> Account:
    """A member of an app that LinkedIn gave the closed permission; this one was connected without it."""
    return make_app(sandbox, "linkedin", scopes=[*LinkedIn.SCOPES, "r_member_social"]).connect()


def reader(ada: Account, *scopes: str) -> Account:
    """The same member with a token that has these scopes beside the usual ones."""
    made = ada.app.sandbox.tell(
        "tokens", member=ada.member, client_id=ada.app.client_id,
        scopes=["openid", "profile", "w_member_social", *scopes],
    )  # fmt: skip
    return Account(
        ada.app, ada.member, Tokens(made["tokens"][0]["access_token"], None), ada.identity
    )


def seen(account: Account, since: datetime = LONG_AGO) -> list[Seen]:
    platform = account.app.platform
    assert isinstance(platform, ReadsBack)
    return list(platform.recent_posts(account.tokens, account.identity, since=since))


def test_a_member_with_the_permission_sees_own_posts(ada: Account) -> None:
    me = reader(ada, "r_member_social")
    published = me.publish(
        Content("Two (2) #pictures", tuple(attachment("image", picture(n)) for n in (1, 2)))
    )
    me.publish(Content("None"))
    me.publish(Content("One", (attachment("image", picture()),)))
    newest, middle, oldest = seen(me)
    assert [post.media for post in (oldest, middle, newest)] == [2, 0, 1]
    assert (oldest.external_id, oldest.external_url) == (published.external_id, published.external_url)  # fmt: skip
    assert oldest.text == me.app.platform.render(Content("Two (2) #pictures")).parts[0].text
    age = abs(datetime.now(UTC) - oldest.created_at)
    assert age < timedelta(minutes=5)


def test_what_was_created_earlier_is_left_out(ada: Account) -> None:
    me = reader(ada, "r_member_social")
    me.publish(Content("Early"))
    (early,) = seen(me)
    assert seen(me, early.created_at + timedelta(milliseconds=1)) == []


def test_others_are_not_seen(ada: Account) -> None:
    somebody = reader(ada.app.connect("Grace"), "r_member_social")
    somebody.publish(Content("Hers"))
    assert seen(reader(ada, "r_member_social")) == []


def test_without_the_permission_the_refusal_says_so(ada: Account) -> None:
    with pytest.raises(Reconnect, match="denied"):
        seen(ada)


@pytest.mark.parametrize("body", ["<html>", {"elements": "none"}, []])
def test_an_answer_that_lists_nothing_is_no_answer(ada: Account, body: object) -> None:
    me = reader(ada, "r_member_social")
    me.order({"status": 200, "body": body}, **READ)
    with pytest.raises(NoAnswer):
        seen(me)


def test_elements_that_cannot_be_read_are_passed_over(ada: Account) -> None:
    me = reader(ada, "r_member_social")
    elements = [
        1, {}, {"id": "urn:li:share:1"}, {"id": 5, "createdAt": 5},
        {"id": "urn:li:share:2", "createdAt": 1_700_000_000_000, "content": 7},
    ]  # fmt: skip
    me.order({"status": 200, "body": {"elements": elements}}, **READ)
    assert [(post.external_id, post.text, post.media) for post in seen(me)] == [
        ("urn:li:share:2", "", 0)
    ]


@pytest.mark.parametrize(("read_back", "asked"), [(True, True), (False, False)])
def test_the_permission_is_asked_for_where_the_app_has_it(
    sandbox: Sandbox, read_back: bool, asked: bool
) -> None:
    settings = LinkedIn.Settings(client_id="a", client_secret="b", read_back=read_back)
    linkedin = LinkedIn(PlatformHttp(sandbox.url), settings)
    url = linkedin.authorization_url(
        state="s", redirect_uri="https://api.example.org/c", verifier="v"
    )
    assert ("r_member_social" in url) is asked
    assert "r_member_social" not in linkedin.scopes, "publishing does not need it"


NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def post(text: str = "Good morning", media: int = 0, at: datetime = NOW) -> Seen:
    return Seen("urn:li:share:1", None, text, media, at)


@pytest.mark.parametrize(
    ("one", "fits"),
    [
        (post(), True),
        (post("Good  morning\r\n"), True),
        (post("Good morning!"), False),
        (post("good morning"), False),
        (post(media=1), False),
        (post(at=NOW - timedelta(seconds=1)), False),
    ],
)
def test_what_fits_has_the_text_the_files_and_the_time(one: Seen, fits: bool) -> None:
    assert matching([one], "Good morning", 0, NOW) == ([one] if fits else [])


def test_accents_may_be_stored_in_another_form() -> None:
    assert matching([post("Cafe\u0301")], "Caf\u00e9", 0, NOW)
