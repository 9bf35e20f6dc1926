"""What is peculiar to Facebook pages: signing in, posts of every kind, statistics. Over HTTP, against the strict sandbox."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from backend.core.errors import Reconnect, Rejected, TryLater
from backend.core.platform_contract import Content, Granted, Metrics, Tokens, Versioned
from backend.outbound import PlatformHttp
from backend.platforms.facebook import Facebook, FacebookSettings
from local.sandbox.driver import Sandbox
from tests.contracts.conftest import NOW, Account, App, Kept, attachment, make_app, picture
from tests.contracts.facebook_files import film, upright

GRAPH = "graph.facebook.com"


@pytest.fixture
def facebook(sandbox: Sandbox) -> App:
    return make_app(sandbox, "facebook")


@pytest.fixture
def page(facebook: App) -> Account:
    return facebook.connect()


def changed(app: App, **fields: Any) -> Facebook:
    """The same client with other settings."""
    made = FacebookSettings(client_id=app.client_id, client_secret=app.client_secret, **fields)  # type: ignore[arg-type]
    return Facebook(PlatformHttp(app.sandbox.url), made, pause=lambda _: None)


def member_of(app: App, *pages: tuple[str, str]) -> tuple[str, list[str]]:
    """A member with a role on each of these pages (name, role), and the pages' ids."""
    ids = [str(10**14 + secrets.randbelow(10**14)) for _ in pages]
    entries = [
        {"id": page, "name": name, "role": role}
        for page, (name, role) in zip(ids, pages, strict=True)
    ]
    made = app.sandbox.tell("members", name="Ada Lovelace", organizations=entries)
    return str(made["member"]), ids


def code_from(app: App, member: str, **boxes: list[str]) -> str:
    """Walk the consent page with only these boxes (`scope`, `page`) left ticked."""
    url = app.platform.authorization_url(state="s", redirect_uri=app.redirect_uri, verifier="v")
    form = {"member": member, "decision": "allow", "boxes": list(boxes)} | boxes
    back = requests.post(url, form, timeout=10, allow_redirects=False)
    return back.headers["Location"].split("code=")[1].split("&")[0]


def granted(app: App, member: str, **boxes: list[str]) -> list[Granted]:
    return list(app.platform.accounts(app.exchange(code_from(app, member, **boxes))))


# ------------------------------------------------------------------------------------ signing in


def test_no_more_is_asked_for_than_publishing_and_reading_back_need(facebook: App) -> None:
    assert set(facebook.platform.scopes) == {
        "pages_show_list", "pages_read_engagement", "pages_manage_posts",
    }  # fmt: skip
    url = facebook.platform.authorization_url(state="s", redirect_uri="https://r", verifier="v")
    assert "read_insights" not in url


def test_insights_are_asked_for_where_the_app_has_them(facebook: App) -> None:
    able = changed(facebook, read_insights=True)
    url = able.authorization_url(state="s", redirect_uri="https://r", verifier="v")
    assert "read_insights" in url
    assert "read_insights" not in able.scopes, "publishing does not need it"


def test_each_page_is_an_account_with_a_token_of_its_own(facebook: App) -> None:
    member, ids = member_of(facebook, ("Bakery", "ADMINISTRATOR"), ("Café", "CONTENT_ADMIN"))
    found = granted(facebook, member)
    assert [(one.identity.external_id, one.identity.account_name) for one in found] == [
        (ids[0], "Bakery"), (ids[1], "Café"),
    ]  # fmt: skip
    assert {one.identity.kind for one in found} == {"page"}
    assert all(one.identity.username for one in found)
    assert len({one.tokens.access_token for one in found}) == 2
    # the user's token is kept beside it: only that one revokes
    assert len({one.tokens.refresh_token for one in found}) == 1
    assert all(one.tokens.expires_at is None for one in found)
    assert all(one.tokens.refresh_expires_at is None for one in found)


def test_a_page_that_was_unticked_is_no_account(facebook: App) -> None:
    member, ids = member_of(facebook, ("Bakery", "ADMINISTRATOR"), ("Café", "ADMINISTRATOR"))
    found = granted(facebook, member, page=[ids[1]])
    assert [one.identity.external_id for one in found] == [ids[1]]


def test_a_page_on_which_one_may_not_post_is_no_account(facebook: App) -> None:
    member, ids = member_of(facebook, ("Bakery", "ANALYST"), ("Café", "ADMINISTRATOR"))
    assert [one.identity.external_id for one in granted(facebook, member)] == [ids[1]]
    member, _ = member_of(facebook, ("Bakery", "ANALYST"))
    with pytest.raises(Rejected, match="does not allow publishing"):
        granted(facebook, member)


def test_without_any_page_it_is_said_what_to_do(facebook: App) -> None:
    member, _ = member_of(facebook, ("Bakery", "ADMINISTRATOR"))
    with pytest.raises(Rejected, match="tick the pages") as refused:
        granted(facebook, member, page=["0"])
    assert refused.value.error_class == "no_page"


def test_all_pages_are_found_however_many(facebook: App) -> None:
    member, ids = member_of(facebook, *[(f"Page {n}", "ADMINISTRATOR") for n in range(130)])
    assert [one.identity.external_id for one in granted(facebook, member)] == ids


def test_only_what_was_left_ticked_is_granted_and_asked_for_again(facebook: App) -> None:
    member = facebook.new_member()
    least = facebook.exchange(code_from(facebook, member, scope=["pages_show_list"]))
    assert "pages_show_list" in least.scopes
    assert "pages_manage_posts" not in least.scopes
    again = facebook.exchange(facebook.consent(member)["code"])
    assert set(facebook.platform.scopes) <= set(again.scopes)


def test_a_pages_token_outlives_the_users(facebook: App) -> None:
    page = facebook.connect()
    facebook.sandbox.tell("clock", advance_seconds=61 * 86_400, member=page.member)
    with pytest.raises(Reconnect):
        facebook.platform.accounts(Tokens(page.tokens.refresh_token or "", None))
    assert page.publish(Content("Still there")).external_id


def test_the_end_of_the_users_token_may_not_be_told(sandbox: Sandbox) -> None:
    app = make_app(sandbox, "facebook", answers_expires_in=False)
    tokens = app.exchange(app.consent(app.new_member())["code"])
    assert tokens.expires_at is None
    app = make_app(sandbox, "facebook")
    tokens = app.exchange(app.consent(app.new_member())["code"])
    assert tokens.expires_at is not None
    assert NOW + timedelta(days=59) < tokens.expires_at < NOW + timedelta(days=61)


def test_what_the_browser_adds_to_a_code_does_not_matter(facebook: App) -> None:
    code = facebook.consent(facebook.new_member())["code"]
    assert facebook.exchange(f"{code}#_=_").access_token


def test_nothing_renews_a_pages_permission_but_its_user(page: Account) -> None:
    with pytest.raises(Reconnect, match="connect the page again"):
        page.app.platform.refresh(page.tokens, now=NOW)


def test_revoking_one_page_ends_them_all(facebook: App) -> None:
    member, _ = member_of(facebook, ("Bakery", "ADMINISTRATOR"), ("Café", "ADMINISTRATOR"))
    first, second = granted(facebook, member)
    assert facebook.platform.one_consent
    facebook.platform.revoke(first.tokens)
    with pytest.raises(Reconnect):
        facebook.platform.profile(second.tokens, second.identity)


def test_an_app_may_demand_the_proof_of_its_secret(
    sandbox: Sandbox, mp4: Callable[[int], bytes]
) -> None:
    page = make_app(sandbox, "facebook", requires_proof=True).connect()
    page.publish(Content("Good morning"))
    page.publish(Content("A picture", (attachment("image", picture()),)))
    page.publish(Content("A film", (film(mp4(50_000)),)))
    page.publish(Content("A reel", (upright(mp4(50_000)),), {"reel": True}))
    assert len(page.posts) == 4
    page.app.platform.revoke(page.tokens)


# ------------------------------------------------------------------------------------ posts


def test_a_link_is_shown_below_the_text(page: Account) -> None:
    published = page.publish(Content("Read", options={"link": "https://example.org/a?b=c&d=ü"}))
    (post,) = page.posts
    assert post["content"]["link"] == "https://example.org/a?b=c&d=ü"
    assert post["visible_text"] == "Read"
    assert published.external_url == f"https://www.facebook.com/{post['urn']}"


PIECES = st.sampled_from(
    ["https://example.org/ü?a=b&c=%20#d", "#tag", "@[123]", "me@example.org", "&amp;", "%41", "+", "\\", '"', "{}", "<b>", "\n", "\n\n",
     " ", "a", "é", "e\u0301", "שלום", "مرحبا", "\u200f", "\u202e", "日本", "😀", "🏳️‍🌈", "👩‍👩‍👧", "1"]
)  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(
    pieces=st.lists(PIECES, min_size=1, max_size=12),
    kind=st.sampled_from(["text", "link", "picture", "film", "reel"]),
)
def test_what_arrives_is_what_the_preview_said_whatever_the_post(
    facebook: App, mp4: Callable[[int], bytes], pieces: list[str], kind: str
) -> None:
    files = {"picture": attachment("image", picture()), "film": film(mp4(2_000)), "reel": upright(mp4(2_000))}  # fmt: skip
    options = {"link": {"link": "https://example.org"}, "reel": {"reel": True}}
    attached = (files[kind],) if kind in files else ()
    content = Content("".join(pieces), attached, options.get(kind, {}))
    assume(content.text.strip())
    page = facebook.connect()
    page.publish(content)
    (post,) = page.posts
    (part,) = facebook.platform.render(content).parts
    assert post["commentary"] == part.text


def test_the_preview_knows_the_hashtags_that_readers_can_click(page: Account) -> None:
    content = Content("We are #hiring (really), #ünal in C# for #1: https://example.org/a#b")
    (part,) = page.app.platform.render(content).parts
    assert (part.hashtags, part.links) == (("#hiring", "#ünal"), ("https://example.org/a#b",))
    page.publish(content)
    (post,) = page.posts
    assert [text for kind, text in post["pieces"] if kind == "hashtag"] == list(part.hashtags)
    assert post["commentary"] == part.text


def test_one_picture_carries_its_alt_text(page: Account) -> None:
    published = page.publish(Content("one", (attachment("image", picture(), "A teal square 🟦"),)))
    (post,) = page.posts
    assert published.external_id == post["urn"]
    assert [one["alt_text"] for one in post["media"]] == ["A teal square 🟦"]


def test_ten_pictures_are_one_post_in_order_with_their_alt_texts(page: Account) -> None:
    images = tuple(attachment("image", picture(n * 12), f"number {n}") for n in range(10))
    page.publish(Content("ten", images))
    (post,) = page.posts
    assert [media["alt_text"] for media in post["media"]] == [f"number {n}" for n in range(10)]
    assert len({media["sha256"] for media in post["media"]}) == 10


def test_a_gif_goes_alone(page: Account) -> None:
    gif = attachment("gif", picture(kind="GIF"))
    page.publish(Content("moving", (gif,)))
    assert [one["sha256"][:8] for one in page.posts[0]["media"]] == [gif.media_id]


def test_a_picture_without_text_is_a_post(page: Account) -> None:
    page.publish(Content("", (attachment("image", picture()),)))
    assert page.posts[0]["visible_text"] == ""


def test_a_film_is_published_once_facebook_has_processed_it(
    page: Account, mp4: Callable[[int], bytes]
) -> None:
    page.app.sandbox.tell("settings", platform="facebook", member=page.member, processing_seconds=5)
    shot = film(mp4(300_000))
    published = page.publish(Content("Watch this: (a) #b @c", (shot,)))
    (post,) = page.posts
    assert post["kind"] == "video"
    assert post["visible_text"] == "Watch this: (a) #b @c"
    assert post["media"][0]["sha256"][:8] == shot.media_id
    assert published.external_id == post["content"]["post_id"]
    assert published.external_url == f"https://www.facebook.com/{published.external_id}"


def test_an_upright_film_is_a_reel_where_that_was_chosen(
    page: Account, mp4: Callable[[int], bytes]
) -> None:
    page.app.sandbox.tell("settings", platform="facebook", member=page.member, processing_seconds=5)
    shot = upright(mp4(300_000))
    published = page.publish(Content("Look", (shot,), {"reel": True}))
    (post,) = page.posts
    assert post["kind"] == "reel"
    assert post["visible_text"] == "Look"
    assert post["media"][0]["sha256"][:8] == shot.media_id
    assert published.external_id == post["content"]["post_id"]


def test_what_the_sandbox_counts_as_defects_never_happens(
    page: Account, mp4: Callable[[int], bytes]
) -> None:
    page.publish(Content("plain"))
    page.publish(Content("(a) [b] {c} <d> #e @f *g* _h_", options={"link": "http://example.org"}))
    page.publish(Content("p", (attachment("image", picture()), attachment("image", picture(9)))))
    page.publish(Content("v", (film(mp4(50_000)),)))
    page.publish(Content("r", (upright(mp4(50_000)),), {"reel": True}))
    assert [post["defects"] for post in page.posts] == [[]] * 5


# ------------------------------------------------------------------------------------ limits

REEL = {"reel": True}


def clip(**changed: Any) -> Any:
    facts = {"width": 1080, "height": 1920, "duration": 30.0} | changed
    return dataclasses.replace(attachment("video", b"x"), **facts)


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (Content("a", (clip(),), REEL), []),
        (Content("a", (clip(width=540, height=960),), REEL), []),
        (Content("a", (clip(duration=3.0),), REEL), []),
        (Content("a", (clip(duration=90.0),), REEL), []),
        (Content("a", (clip(frame_rate=23.976),), REEL), []),
        (Content("a", (clip(frame_rate=60.01),), REEL), []),
        (Content("a", (clip(frame_rate=23.0),), REEL), ["media"]),
        (Content("a", (clip(frame_rate=61.0),), REEL), ["media"]),
        (Content("a", (clip(frame_rate=61.0),)), []),
        (Content("a", (clip(duration=2.9),), REEL), ["media"]),
        (Content("a", (clip(duration=90.1),), REEL), ["media"]),
        (Content("a", (clip(width=1920, height=1080),), REEL), ["media"]),
        (Content("a", (clip(width=1080, height=1080),), REEL), ["media"]),
        (Content("a", (clip(width=539, height=958),), REEL), ["media"]),
        (Content("a", (clip(duration=1.0, width=10, height=10),), REEL), ["media", "media"]),
        (Content("a", (clip(width=1920, height=1080, duration=2400.0),)), []),
        (Content("a", (clip(duration=2400.1),)), ["media"]),
        (Content("a", (clip(bytes=2_000_000_001),)), ["media"]),
        (Content("a", (clip(mime="video/webm"),)), ["media"]),
        (Content("a", (clip(), clip())), ["media"]),
        (Content("a", (clip(), attachment("image", b"x"))), ["media"]),
        (Content("a", options=REEL), ["options.reel"]),
        (Content("a", (attachment("image", b"x"),), REEL), ["options.reel"]),
        (Content("a", options={"reel": "perhaps"}), ["options.reel"]),
        (Content("a", options={"link": "https://example.org/ä?b#c"}), []),
        (Content("a", options={"link": None}), []),
        (Content("a", (attachment("image", b"x"),), {"link": "https://example.org"}), ["options.link"]),
        *[
            (Content("a", options={"link": wrong}), ["options.link"])
            for wrong in ("", "example.org", "ftp://example.org", "javascript:alert(1)", "https://", "https://a b", "https://[a", "https://a\n", 7)
        ],
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_field(content: Content, fields: list[str]) -> None:
    platform = Facebook(PlatformHttp(None), FacebookSettings(client_id="i", client_secret="s"))
    assert [violation.field for violation in platform.violations(content)] == fields


# ------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize("status", [400, 500])
def test_the_same_text_twice_in_a_row_is_a_duplicate(page: Account, status: int) -> None:
    page.app.sandbox.tell("settings", platform="facebook", member=page.member, duplicate_status=status)  # fmt: skip
    page.publish(Content("Good morning"))
    with pytest.raises(Rejected, match="says the very same") as refused:
        page.publish(Content("Good morning"))
    assert refused.value.error_class == "duplicate"
    assert len(page.posts) == 1


def test_a_link_that_cannot_be_shown_is_refused(page: Account) -> None:
    page.app.sandbox.tell("settings", platform="facebook", member=page.member, link_preview_fails=True)  # fmt: skip
    with pytest.raises(Rejected, match="preview of the link"):
        page.publish(Content("Read", options={"link": "https://example.org"}))


@pytest.mark.parametrize(
    ("code", "status"), [(4, 400), (17, 403), (32, 429), (613, 400), (80001, 400), (80001, 429)]
)
def test_a_page_over_its_budget_waits_as_long_as_facebook_says(
    page: Account, code: int, status: int
) -> None:
    prepared, sandbox = page.prepare(Content("a")), page.app.sandbox
    sandbox.tell("settings", platform="facebook", member=page.member, limit_code=code, limit_status=status)  # fmt: skip
    sandbox.tell("quotas", platform="facebook", member=page.member, used=4800)
    with pytest.raises(TryLater) as raised:
        page.app.platform.publish(page.tokens, prepared, Kept())
    assert raised.value.whole_account
    assert raised.value.after is not None
    assert raised.value.after >= 60
    assert page.posts == []


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize(("subcode", "words"), [(460, "password"), (492, "no role"), (458, "removed")])  # fmt: skip
def test_a_dead_token_is_told_by_its_code_whatever_the_status(
    page: Account, status: int, subcode: int, words: str
) -> None:
    page.app.sandbox.tell(
        "settings", platform="facebook", member=page.member, token_subcode=subcode, invalid_token_status=status,
    )  # fmt: skip
    with pytest.raises(Reconnect, match=words) as raised:
        page.publish(Content("a"))
    assert raised.value.http_status == status


def test_posting_without_the_permission_asks_its_owner(facebook: App) -> None:
    made = facebook.sandbox.tell(
        "tokens", platform="facebook", client_id=facebook.client_id, scopes=["pages_show_list"]
    )["tokens"][0]
    page = Account(facebook, made["member"], Tokens(made["access_token"], None), facebook.connect().identity)  # fmt: skip
    page.identity = dataclasses.replace(page.identity, external_id=made["subject"])
    with pytest.raises(Reconnect, match="permission is missing"):
        page.publish(Content("a"))


# ------------------------------------------------------------------------------------ afterwards


def test_a_deleted_post_is_gone_and_deleting_it_again_is_no_error(page: Account) -> None:
    post = page.publish(Content("Good morning")).external_id or ""
    platform = page.app.platform
    assert isinstance(platform, Facebook)
    for _ in range(2):
        platform.delete(page.tokens, page.identity, post, Kept())
        assert page.posts[0]["deleted_at"]


@pytest.mark.parametrize("reel", [True, False])
def test_a_film_is_deleted_by_the_id_it_was_published_with(
    page: Account, mp4: Callable[[int], bytes], reel: bool
) -> None:
    post = page.publish(Content("a", (upright(mp4(50_000)),), {"reel": reel})).external_id or ""
    platform = page.app.platform
    assert isinstance(platform, Facebook)
    platform.delete(page.tokens, page.identity, post, Kept())
    assert page.posts[0]["deleted_at"]


def test_reactions_comments_and_shares_are_told(page: Account) -> None:
    quiet = page.publish(Content("One")).external_id or ""
    loud = page.publish(Content("Two")).external_id or ""
    page.app.sandbox.tell(
        "settings", platform="facebook", member=page.member,
        statistics_of={loud: {"reactions": 5, "comments": 2, "shares": 3, "views": 90}},
    )  # fmt: skip
    platform = page.app.platform
    assert isinstance(platform, Facebook)
    told = platform.metrics(page.tokens, page.identity, [quiet, loud, f"{loud}9"])
    assert told == {quiet: Metrics(None, 0, 0, 0), loud: Metrics(None, 5, 2, 3)}


@pytest.mark.parametrize(("version", "views"), [("v26.0", 90), ("v22.0", None)])
def test_views_are_told_where_the_app_may_read_them(
    sandbox: Sandbox, version: str, views: int | None
) -> None:
    app = make_app(sandbox, "facebook")
    app.platform = changed(app, read_insights=True, version=version)
    page = app.connect()
    post = page.publish(Content("One")).external_id or ""
    sandbox.tell("settings", platform="facebook", member=page.member, statistics={"views": 90})
    told = app.platform.metrics(page.tokens, page.identity, [post])  # type: ignore[attr-defined]
    assert told[post].impressions == views
    ungranted = dataclasses.replace(page.tokens, scopes=tuple(app.platform.scopes))
    told = app.platform.metrics(ungranted, page.identity, [post])  # type: ignore[attr-defined]
    assert told[post] == Metrics(None, 0, 0, 0)


@pytest.mark.parametrize(
    ("version", "ends"),
    [
        ("v21.0", date(2027, 1, 21)), ("v22.0", date(2027, 5, 20)), ("v23.0", date(2027, 10, 8)),
        ("v24.0", date(2028, 2, 18)), ("v25.0", date(2028, 7, 29)), ("v26.0", None), ("v99.0", None),
    ],
)  # fmt: skip
def test_the_end_of_each_version_is_known(facebook: App, version: str, ends: date | None) -> None:
    platform = changed(facebook, version=version)
    assert isinstance(platform, Versioned)
    assert (platform.version, platform.version_ends) == (version, ends)


def test_every_call_names_the_version(page: Account) -> None:
    page.publish(Content("a"))
    asked = page.app.sandbox.requests(page.member)
    assert {one["version"] for one in asked if one["host"] == GRAPH} == {"v26.0"}
