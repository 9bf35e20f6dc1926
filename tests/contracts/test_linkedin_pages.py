"""LinkedIn pages: who may post for them, and under whose name. Over HTTP, against the strict sandbox."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from backend.core.errors import NoAnswer, Reconnect, Rejected
from backend.core.platform_contract import Content, Identity, Tokens
from backend.outbound import PlatformHttp
from backend.platforms.linkedin import LinkedIn
from local.sandbox.driver import Sandbox
from tests.contracts.conftest import Account, App, Kept, attachment, make_app, picture

PAGES = ["w_organization_social", "r_organization_social", "r_organization_admin"]
VETTED = [*LinkedIn.SCOPES, *PAGES, "rw_organization_admin", "r_member_social", "r_member_postAnalytics"]  # fmt: skip
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
ROLES = {"host": "api.linkedin.com", "method": "GET", "path": "/rest/organizationAcls"}


def vetted(sandbox: Sandbox, **switches: bool) -> App:
    """An app that LinkedIn gave everything, and our client with these switches."""
    app = make_app(sandbox, "linkedin", scopes=VETTED)
    own = LinkedIn.Settings(
        client_id=app.client_id, client_secret=app.client_secret, media_grace_seconds=0, **switches
    )
    app.platform = LinkedIn(PlatformHttp(sandbox.url), own, pause=lambda _: None)
    return app


def page(role: str = "ADMINISTRATOR", **more: str) -> dict[str, str]:
    """A page that nobody else has."""
    number = str(secrets.randbelow(10**12))
    return {"id": number, "name": f"Bakery {number}", "role": role} | more


def connected(app: App, *pages: dict[str, str]) -> list[Account]:
    """The accounts of a new member with these pages: the member's own first."""
    member = app.sandbox.tell("members", name="Ada Lovelace", organizations=list(pages))["member"]
    granted = app.platform.accounts(app.exchange(app.consent(member)["code"]))
    return [Account(app, member, one.tokens, one.identity) for one in granted]


@pytest.fixture
def app(sandbox: Sandbox) -> App:
    return vetted(sandbox, organizations=True)


@pytest.fixture
def bakery(app: App) -> Account:
    """A connected page."""
    _, found = connected(app, page())
    return found


def by_page(text: str, *files: Any, **options: Any) -> Content:
    return Content(text, files, options, "organization")


def asked(sandbox: Sandbox, **switches: bool) -> set[str]:
    url = vetted(sandbox, **switches).platform.authorization_url(
        state="s", redirect_uri="https://api.example.org/c", verifier="v"
    )
    return set(parse_qs(urlsplit(url).query)["scope"][0].split()) - set(LinkedIn.SCOPES)


# ------------------------------------------------------------------------------------ connecting


@pytest.mark.parametrize(
    ("switches", "more"),
    [
        ({}, set()),
        ({"read_back": True}, {"r_member_social"}),
        ({"analytics": True}, {"r_member_postAnalytics"}),
        ({"organizations": True}, set(PAGES)),
        # listing pages and reading their figures: one scope does both
        (
            {"organizations": True, "analytics": True},
            {*PAGES[:2], "rw_organization_admin", "r_member_postAnalytics"},
        ),
    ],
)
def test_each_product_is_asked_for_by_its_own_switch(
    sandbox: Sandbox, switches: dict[str, bool], more: set[str]
) -> None:
    assert asked(sandbox, **switches) == more


def test_the_member_comes_first_and_then_each_page_with_a_role_that_posts(app: App) -> None:
    mine = page("ADMINISTRATOR"), page("CONTENT_ADMIN")
    others = page("ANALYST"), page("DIRECT_SPONSORED_CONTENT_POSTER"), page(state="REQUESTED")
    ada, *pages = (account.identity for account in connected(app, *others, *mine))
    assert (ada.account_name, ada.kind) == ("Ada Lovelace", "person")
    assert pages == [
        Identity(one["id"], f"LinkedIn page {one['id']}", "organization") for one in mine
    ]


def test_each_account_has_the_one_token_and_its_own_scopes(sandbox: Sandbox) -> None:
    app = vetted(sandbox, organizations=True, read_back=True, analytics=True)
    ada, bakery = connected(app, page())
    assert ada.tokens.access_token == bakery.tokens.access_token
    assert set(ada.tokens.scopes) == {*LinkedIn.SCOPES, "r_member_social", "r_member_postAnalytics"}
    assert set(bakery.tokens.scopes) == {*LinkedIn.SCOPES, *PAGES[:2], "rw_organization_admin"}


def test_a_member_with_more_pages_than_one_answer_holds_gets_all(app: App) -> None:
    many = [page() for _ in range(230)]
    accounts = connected(app, *many)
    assert [a.identity.external_id for a in accounts[1:]] == [one["id"] for one in many]


def test_a_listing_that_knows_no_beginning_ends_all_the_same(app: App) -> None:
    entries = [{"organization": f"urn:li:organization:{number}"} for number in range(100)]
    member = app.new_member()
    app.sandbox.order(
        {"status": 200, "body": {"elements": entries}}, member=member, times=9, **ROLES
    )
    found = app.platform.accounts(app.exchange(app.consent(member)["code"]))
    assert len(found) == 101


@pytest.mark.parametrize("body", ["<html>", [], {"elements": {}}, {}])
def test_an_answer_that_lists_no_pages_is_no_answer(app: App, body: object) -> None:
    member = app.new_member()
    tokens = app.exchange(app.consent(member)["code"])
    app.sandbox.order({"status": 200, "body": body}, member=member, **ROLES)
    with pytest.raises(NoAnswer):
        app.platform.accounts(tokens)


def test_entries_that_name_no_page_are_passed_over(app: App) -> None:
    member = app.new_member()
    tokens = app.exchange(app.consent(member)["code"])
    entries = [7, {}, {"organization": "urn:li:organizationBrand:5"}, {"organization": "urn:li:organization:../x"}]  # fmt: skip
    app.sandbox.order(
        {"status": 200, "body": {"elements": entries}}, member=member, times=2, **ROLES
    )
    assert len(app.platform.accounts(tokens)) == 1


def test_without_the_switch_pages_are_not_even_looked_for(sandbox: Sandbox) -> None:
    app = vetted(sandbox)
    member = sandbox.tell("members", organizations=[page()])["member"]
    made = sandbox.tell("tokens", member=member, client_id=app.client_id, scopes=VETTED)["tokens"]
    tokens = Tokens(made[0]["access_token"], None, scopes=tuple(VETTED))
    assert len(app.platform.accounts(tokens)) == 1
    assert sandbox.requests(member, path="/rest/organizationAcls") == []


def test_a_page_stays_as_it_is_while_its_member_may_post_for_it(bakery: Account) -> None:
    platform = bakery.app.platform
    assert platform.profile(bakery.tokens, bakery.identity) == bakery.identity
    with pytest.raises(Reconnect, match="does not allow posting any more"):
        platform.profile(bakery.tokens, Identity("1", "Somebody's", "organization"))


# ------------------------------------------------------------------------------------ posting


def test_a_page_posts_under_its_own_name(bakery: Account) -> None:
    published = bakery.publish(by_page("Fresh #bread (today)"))
    (post,) = bakery.posts
    assert post["author"] == f"urn:li:organization:{bakery.identity.external_id}"
    assert post["author_name"].startswith("Bakery ")
    assert (post["urn"], post["visible_text"]) == (published.external_id, "Fresh #bread (today)")
    assert (post["visibility"], post["defects"]) == ("PUBLIC", [])


@pytest.mark.parametrize("count", [1, 2])
def test_the_pictures_of_a_page_belong_to_the_page(bakery: Account, count: int) -> None:
    files = [attachment("image", picture(n), f"loaf {n}") for n in range(count)]
    bakery.publish(by_page("Bread", *files))
    assert [media["alt_text"] for media in bakery.posts[0]["media"]] == [
        f"loaf {n}" for n in range(count)
    ]


def test_member_and_page_say_the_same_without_being_each_others_duplicate(app: App) -> None:
    ada, bakery = connected(app, page())
    ada.publish(Content("Good morning"))
    bakery.publish(by_page("Good morning"))
    assert len(ada.posts) == 2


@pytest.mark.parametrize("visibility", ["CONNECTIONS", "LOGGED_IN"])
def test_a_page_is_public_or_the_preview_says_why_not(bakery: Account, visibility: str) -> None:
    platform = bakery.app.platform
    (violation,) = platform.violations(by_page("Bread", visibility=visibility))
    assert violation.field == "options.visibility"
    assert "PUBLIC" in violation.message
    assert platform.violations(by_page("Bread", visibility="PUBLIC")) == []
    assert platform.violations(Content("Bread", options={"visibility": visibility})) == []


def test_a_page_without_its_permission_asks_its_owner_before_anything_is_sent(
    bakery: Account,
) -> None:
    known = len(bakery.app.sandbox.requests(bakery.member))
    tokens = Tokens(bakery.tokens.access_token, None, scopes=LinkedIn.SCOPES)
    files = by_page("Bread", attachment("image", picture()))
    with pytest.raises(Reconnect, match="w_organization_social") as refused:
        bakery.app.platform.prepare(tokens, bakery.identity, files, Kept())
    assert refused.value.error_class == "missing_scope"
    assert len(bakery.app.sandbox.requests(bakery.member)) == known


def test_a_role_that_was_taken_away_asks_the_owner(bakery: Account) -> None:
    lost = Identity("1", "Somebody's page", "organization")
    prepared = bakery.app.platform.prepare(bakery.tokens, lost, by_page("Bread"), Kept())
    with pytest.raises(Reconnect, match="Connect the account again"):
        bakery.app.platform.publish(bakery.tokens, prepared, Kept())
    assert bakery.posts == []


def test_a_page_sees_its_own_posts_and_not_the_members(app: App) -> None:
    ada, bakery = connected(app, page())
    ada.publish(Content("Mine"))
    published = bakery.publish(by_page("The bakery's"))
    (seen,) = app.platform.recent_posts(bakery.tokens, bakery.identity, since=LONG_AGO)  # type: ignore[attr-defined]
    assert (seen.external_id, seen.text) == (published.external_id, "The bakery's")


def test_a_page_deletes_its_own_post(bakery: Account) -> None:
    published = bakery.publish(by_page("Bread"))
    bakery.app.platform.delete(bakery.tokens, bakery.identity, published.external_id, Kept())  # type: ignore[attr-defined]
    assert bakery.posts[0]["deleted_at"]


# ------------------------------------------------------------------------------------ figures

NUMBERS = {"IMPRESSION": 200, "REACTION": 6, "COMMENT": 3, "RESHARE": 1}


@pytest.fixture
def counted(sandbox: Sandbox) -> list[Account]:
    """A member and a page of an app that may read figures."""
    accounts = connected(vetted(sandbox, organizations=True, analytics=True), page())
    sandbox.tell("settings", platform="linkedin", member=accounts[0].member, statistics=NUMBERS)
    return accounts


def figures(account: Account, *posts: str) -> dict[str, Any]:
    found = account.app.platform.metrics(account.tokens, account.identity, posts)  # type: ignore[attr-defined]
    return {post: (m.impressions, m.likes, m.comments, m.shares) for post, m in found.items()}


def test_posts_of_both_types_are_counted_for_member_and_page(
    counted: list[Account], mp4: Any
) -> None:
    film = attachment("video", mp4(100_000))
    for account in counted:
        kind = account.identity.kind
        ids = [
            str(account.publish(Content(f"{n}", files, {}, kind)).external_id)
            for n, files in enumerate([(), (film,)])
        ]
        assert [urn.split(":")[2] for urn in ids] == ["share", "ugcPost"]
        assert figures(account, *ids) == dict.fromkeys(ids, (200, 6, 3, 1))


def test_posts_that_linkedin_does_not_know_are_left_out(counted: list[Account]) -> None:
    for account in counted:
        urn = str(account.publish(Content("a", (), {}, account.identity.kind)).external_id)
        found = figures(account, "urn:li:activity:1", "urn:li:share:1", urn, "nonsense")
        assert found == {urn: (200, 6, 3, 1)}


def test_an_account_that_is_not_told_is_not_asked_about(sandbox: Sandbox) -> None:
    for account in connected(vetted(sandbox, organizations=True), page()):
        known = len(sandbox.requests(account.member))
        assert figures(account, "urn:li:share:1") == {}
        assert len(sandbox.requests(account.member)) == known


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"elements": []}, [None] * 4),
        ({"elements": [{"count": 5}]}, [5] * 4),
        ({"elements": [{"count": "5"}]}, [None] * 4),
        ({"elements": [{"count": -1}]}, [None] * 4),
        ({"elements": [7]}, [None] * 4),
    ],
)
def test_figures_that_cannot_be_read_are_not_told(
    counted: list[Account], body: object, told: list[int | None]
) -> None:
    ada = counted[0]
    ada.order({"status": 200, "body": body}, path="/rest/memberCreatorPostAnalytics", times=4)
    assert figures(ada, "urn:li:share:1") == {"urn:li:share:1": tuple(told)}


def test_an_answer_without_figures_is_no_answer(counted: list[Account]) -> None:
    for account in counted:
        account.order({"status": 200, "body": {}}, path="/rest/*tatistics" if account.identity.kind == "organization" else "/rest/*nalytics")  # fmt: skip
        with pytest.raises(NoAnswer):
            figures(account, "urn:li:share:1")


def test_posts_of_somebody_else_cannot_be_deleted(app: App) -> None:
    (ada,), (grace, bakery) = connected(app), connected(app, page())
    for owner, text in ((grace, Content("Hers")), (bakery, by_page("The bakery's"))):
        published = owner.publish(text)
        with pytest.raises((Reconnect, Rejected)):
            app.platform.delete(ada.tokens, ada.identity, published.external_id, Kept())  # type: ignore[attr-defined]
    assert [post["deleted_at"] for post in grace.posts] == [None, None]
