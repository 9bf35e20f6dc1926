"""What is peculiar to Instagram: its two logins, posts of every kind, what is told of them. Over HTTP, against the strict
sandbox."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from backend.core.errors import NoAnswer, NotSent, Reconnect, Rejected, TryLater
from backend.core.platform_contract import Content, Metrics, Tokens, Versioned
from backend.platforms.instagram import Instagram
from local.sandbox.driver import Sandbox
from tests.contracts.conftest import NOW, Account, App, Kept, attachment, fitted
from tests.contracts.instagram_apps import asked, client_of, film, instagram_app, photo, set_up

OWN, FACEBOOKS = "graph.instagram.com", "graph.facebook.com"
LONG_AGO = NOW - timedelta(days=9000)
DAY = 86_400


@pytest.fixture
def own(sandbox: Sandbox) -> App:
    return instagram_app(sandbox)


@pytest.fixture
def through_facebook(sandbox: Sandbox) -> App:
    return instagram_app(sandbox, "facebook")


@pytest.fixture(params=["instagram", "facebook"])
def ann(request: pytest.FixtureRequest, sandbox: Sandbox) -> Account:
    """An account connected through either login."""
    return instagram_app(sandbox, request.param).connect()


@pytest.fixture
def ivy(own: App) -> Account:
    return own.connect()


def of(account: Account) -> Instagram:
    assert isinstance(account.app.platform, Instagram)
    return account.app.platform


def code_from(app: App, member: str, **boxes: list[str]) -> str:
    """Walk the consent page with only these boxes left ticked."""
    url = app.platform.authorization_url(state="s", redirect_uri=app.redirect_uri, verifier="v")
    form = {"member": member, "decision": "allow", "boxes": list(boxes)} | boxes
    back = requests.post(url, form, timeout=10, allow_redirects=False)
    return back.headers["Location"].split("code=")[1].split("&")[0]


def scopes_asked(platform: Instagram) -> list[str]:
    url = platform.authorization_url(state="s", redirect_uri="https://r", verifier="v")
    return unquote(url.split("scope=")[1].split("&")[0]).split(",")


# ------------------------------------------------------------------------------------ two logins


LEAST = {
    "instagram": ["instagram_business_basic", "instagram_business_content_publish"],
    "facebook": ["instagram_basic", "instagram_content_publish", "pages_show_list", "pages_read_engagement"],
}  # fmt: skip


@pytest.mark.parametrize("login", LEAST)
def test_no_more_is_asked_for_than_publishing_and_reading_back_need(login: str) -> None:
    least = client_of("http://127.0.0.1:9", "a", "b", login=login)
    assert scopes_asked(least) == list(least.scopes) == LEAST[login]
    assert least.read_back_scope.split().count(least.scopes[0]) == 1
    assert least.metrics_scope == least.read_back_scope


@pytest.mark.parametrize(
    ("login", "more"),
    [
        ("instagram", ["instagram_business_manage_insights"]),
        ("facebook", ["instagram_manage_insights", "instagram_manage_contents"]),
    ],
)
def test_more_is_asked_for_where_the_app_has_it(login: str, more: list[str]) -> None:
    able = client_of("http://127.0.0.1:9", "a", "b", login=login, read_insights=True, delete_posts=True)  # fmt: skip
    assert scopes_asked(able) == LEAST[login] + more
    assert list(able.scopes) == LEAST[login], "publishing does not need it"


def test_each_login_has_its_own_page(sandbox: Sandbox) -> None:
    for login, start in (("instagram", "www.instagram.com/oauth/authorize?"), ("facebook", "www.facebook.com/v26.0/dialog/oauth?")):  # fmt: skip
        made = client_of(sandbox.url, "a", "b", login=login)
        url = made.authorization_url(state="s", redirect_uri="https://r", verifier="v")
        assert url.startswith(f"{sandbox.url}/{start}")
        assert "code_challenge" not in url, "neither has PKCE"


def test_an_account_is_professional_and_has_a_name_and_a_picture(ann: Account) -> None:
    identity = ann.identity
    assert identity.kind == "professional"
    assert re.fullmatch(r"17841\d+", identity.external_id)
    assert identity.account_name == "Ada Lovelace"
    assert (identity.username or "").startswith("ada_lovelace")
    assert (identity.picture_url or "").startswith("https://")


def test_both_logins_know_an_account_by_the_same_id(own: App, through_facebook: App) -> None:
    member = own.new_member()
    ids = {
        app.platform.accounts(app.exchange(app.consent(member)["code"]))[0].identity.external_id
        for app in (own, through_facebook)
    }
    assert len(ids) == 1


CALLS: dict[str, Callable[[Instagram, Account], Any]] = {
    "refresh": lambda p, a: p.refresh(a.tokens, now=NOW + timedelta(days=40)),
    "accounts": lambda p, a: p.accounts(a.tokens),
    "profile": lambda p, a: p.profile(a.tokens, a.identity),
    "revoke": lambda p, a: p.revoke(Tokens(a.tokens.access_token, None, a.tokens.refresh_token)),
    "prepare": lambda p, a: p.prepare(a.tokens, a.identity, Content("a", (photo(),)), Kept()),
    "publish": lambda p, a: p.publish(a.tokens, None, Kept()),
    "outcome": lambda p, a: p.outcome(
        a.tokens, a.identity, Content("a"), Kept(reference="1"), since=NOW
    ),
    "recent_posts": lambda p, a: p.recent_posts(a.tokens, a.identity, since=NOW),
    "delete": lambda p, a: p.delete(a.tokens, a.identity, "1", Kept()),
    "metrics": lambda p, a: p.metrics(a.tokens, a.identity, ["1"]),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_token_of_one_login_is_never_sent_to_the_host_of_the_other(
    ann: Account, call: str
) -> None:
    used = "facebook" if "instagram_business_basic" in ann.tokens.scopes else "instagram"
    # whatever it sends raises NotSent
    other = client_of("http://127.0.0.1:9", "a", "b", login=used)
    with pytest.raises((Reconnect, Rejected)) as refused:
        CALLS[call](other, ann)
    assert refused.value.error_class in ("other_login", "no_revoke", "no_delete")
    assert refused.value.http_status is None
    # so that the worker asks for a new connection before it does anything
    assert set(other.scopes) - set(ann.tokens.scopes)


# ------------------------------------------------------------------------------------ Instagram Login


@pytest.mark.parametrize("wraps", [True, False])
@pytest.mark.parametrize("as_list", [True, False])
def test_both_shapes_of_an_answer_are_read(sandbox: Sandbox, wraps: bool, as_list: bool) -> None:
    shape = {"wraps_data": wraps, "permissions_as_list": as_list}
    account = instagram_app(sandbox, app=shape).connect()
    assert list(account.tokens.scopes) == LEAST["instagram"]
    assert account.identity.account_name == "Ada Lovelace"


def test_a_token_is_its_own_refresh_token_for_sixty_days(ivy: Account) -> None:
    tokens = ivy.tokens
    assert tokens.refresh_token == tokens.access_token
    assert tokens.expires_at == tokens.refresh_expires_at
    assert timedelta(days=59.9) < (tokens.expires_at or NOW) - NOW < timedelta(days=60)


def test_what_the_browser_adds_to_a_code_does_not_matter(own: App) -> None:
    code = own.consent(own.new_member())["code"]
    assert own.exchange(f"{code}#_").access_token


def test_only_what_was_left_ticked_is_granted(own: App) -> None:
    member = own.new_member()
    least = own.exchange(code_from(own, member, scope=["instagram_business_basic"]))
    assert least.scopes == ("instagram_business_basic",)


def test_a_permission_to_read_that_was_unticked_is_asked_for_again(own: App) -> None:
    member = own.new_member()
    blind = own.exchange(code_from(own, member, scope=["instagram_business_content_publish"]))
    with pytest.raises(Reconnect):
        own.platform.accounts(blind)


def test_a_personal_account_is_told_what_to_become(own: App) -> None:
    member = own.new_member()
    tokens = own.exchange(own.consent(member)["code"])
    me = {"user_id": "17841", "username": "ada", "account_type": "PERSONAL"}
    own.sandbox.order({"status": 200, "body": me}, member=member, path="*/me")
    with pytest.raises(Rejected, match="business or creator") as refused:
        own.platform.accounts(tokens)
    assert refused.value.error_class == "no_professional_account"


@pytest.mark.parametrize("anew", [True, False], ids=["another string", "the same string"])
def test_a_token_refreshes_itself_from_its_second_day_on(ivy: Account, anew: bool) -> None:
    set_up(ivy, refresh_gives_new_token=anew)
    ivy.app.sandbox.tell("clock", advance_seconds=40 * DAY, member=ivy.member)
    later = NOW + timedelta(days=40)
    fresh = of(ivy).refresh(ivy.tokens, now=later)
    assert (fresh.access_token != ivy.tokens.access_token) is anew
    assert fresh.refresh_token == fresh.access_token
    assert fresh.expires_at == fresh.refresh_expires_at
    assert (fresh.expires_at or NOW) > later + timedelta(days=59)
    assert of(ivy).profile(dataclasses.replace(fresh, scopes=ivy.tokens.scopes), ivy.identity)


def test_a_token_of_today_is_not_even_asked_for(ivy: Account) -> None:
    with pytest.raises(TryLater) as later:
        of(ivy).refresh(ivy.tokens, now=NOW + timedelta(hours=23))
    assert later.value.error_class == "token_too_young"
    assert asked(ivy, "/refresh_access_token", "GET") == 0
    ivy.app.sandbox.tell("clock", advance_seconds=DAY + 60, member=ivy.member)
    assert of(ivy).refresh(ivy.tokens, now=NOW + timedelta(hours=24, minutes=1)).access_token


def test_a_refusal_that_may_mean_too_young_loses_nothing(ivy: Account) -> None:
    """The same answer means both; a token that is lost ends by itself."""
    error = {"message": "too young", "type": "OAuthException", "code": 100}
    ivy.order({"status": 400, "body": {"error": error}}, path="*/refresh_access_token")
    with pytest.raises(TryLater) as later:
        of(ivy).refresh(ivy.tokens, now=NOW + timedelta(days=40))
    assert later.value.http_status == 400


@pytest.mark.parametrize("how", ["revoke", "expire"])
def test_a_dead_token_is_not_refreshed(ivy: Account, how: str) -> None:
    ivy.app.sandbox.tell(f"tokens/{how}", platform="instagram", member=ivy.member)
    with pytest.raises(Reconnect):
        of(ivy).refresh(ivy.tokens, now=NOW + timedelta(days=40))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hiccup_while_refreshing_is_tried_again(ivy: Account, status: int) -> None:
    ivy.order({"status": status}, path="*/refresh_access_token")
    with pytest.raises(TryLater):
        of(ivy).refresh(ivy.tokens, now=NOW + timedelta(days=40))


@pytest.mark.parametrize("status", [400, 401])
def test_a_dead_token_asks_for_its_owner_whatever_the_status(ann: Account, status: int) -> None:
    set_up(ann, invalid_token_status=status)
    ann.app.sandbox.tell("tokens/revoke", platform="instagram", member=ann.member)
    with pytest.raises(Reconnect):
        ann.publish(Content("a", (photo(),)))


def test_its_owner_is_told_that_only_they_can_take_a_permission_back(ivy: Account) -> None:
    with pytest.raises(Rejected, match="in its settings"):
        of(ivy).revoke(ivy.tokens)


# ------------------------------------------------------------------------------------ Facebook Login


def test_an_account_of_facebook_login_has_its_pages_token(through_facebook: App) -> None:
    finn = through_facebook.connect()
    assert finn.tokens.refresh_token not in (None, finn.tokens.access_token)
    assert (finn.tokens.expires_at, finn.tokens.refresh_expires_at) == (None, None)
    with pytest.raises(Reconnect):
        through_facebook.platform.refresh(finn.tokens, now=NOW)
    finn.app.sandbox.tell("clock", advance_seconds=61 * DAY, member=finn.member)
    assert finn.publish(Content("Still there", (photo(),))).external_id


def pages(app: App, *roles: str) -> str:
    """A member with a role on each of these pages; an account is linked to the first."""
    entries = [
        {"id": hashlib.sha256(f"{app.client_id}{n}".encode()).hexdigest()[:8], "name": f"Page {n}", "role": role}
        for n, role in enumerate(roles)
    ]  # fmt: skip
    made = app.sandbox.tell("members", name="Ada Lovelace", organizations=entries)
    return str(made["member"])


def test_only_accounts_linked_to_a_page_that_one_may_publish_to_are_opened(
    through_facebook: App,
) -> None:
    app = through_facebook
    member = pages(app, "ADMINISTRATOR", "ADMINISTRATOR")
    assert len(app.platform.accounts(app.exchange(app.consent(member)["code"]))) == 1
    analyst = pages(app, "ANALYST", "ADMINISTRATOR")
    with pytest.raises(Rejected, match="linked to a professional") as refused:
        app.platform.accounts(app.exchange(app.consent(analyst)["code"]))
    assert refused.value.error_class == "no_professional_account"


def test_revoking_leaves_the_pages_themselves_alone(through_facebook: App) -> None:
    """The same app may publish to them."""
    finn = through_facebook.connect()
    through_facebook.platform.revoke(finn.tokens)
    with pytest.raises(Reconnect):
        finn.publish(Content("a", (photo(),)))
    headers = {"Authorization": f"Bearer {finn.tokens.refresh_token}"}
    address = finn.app.sandbox.at(f"https://{FACEBOOKS}/v26.0/me/permissions")
    left = requests.get(address, headers=headers, timeout=10).json()["data"]
    still = {one["permission"] for one in left if one["status"] == "granted"}
    assert {"pages_show_list", "pages_read_engagement"} <= still
    assert not still & set(LEAST["facebook"][:2])


def test_an_app_may_demand_the_proof_of_its_secret(sandbox: Sandbox) -> None:
    finn = instagram_app(sandbox, "facebook", app={"requires_proof": True}).connect()
    finn.publish(Content("two", (photo(), film()), {"crop": True}))
    assert len(finn.posts) == 1


# ------------------------------------------------------------------------------------ posts


def test_a_picture_carries_its_caption_and_its_alt_text(ann: Account) -> None:
    published = ann.publish(Content("Sea #waves", (photo(0, "A teal wall 🟦"),)))
    (post,) = ann.posts
    assert published.external_id == post["urn"]
    assert re.fullmatch(r"https://www\.instagram\.com/p/[\w-]+/", published.external_url or "")
    assert (post["kind"], post["commentary"]) == ("image", "Sea #waves")
    assert [one["alt_text"] for one in post["media"]] == ["A teal wall 🟦"]
    assert post["defects"] == []


def test_a_picture_without_words_has_no_caption(ann: Account) -> None:
    ann.publish(Content(" \n", (photo(),)))
    assert ann.posts[0]["commentary"] == ""


def test_a_carousel_mixes_pictures_and_videos_in_their_order(ann: Account) -> None:
    shapes = {"size": (720, 900)}
    files = (photo(1, "first", **shapes), film(), photo(2, "third", **shapes))
    ann.publish(Content("Three", files, {"crop": True, "is_ai_generated": True}))
    (post,) = ann.posts
    assert (post["kind"], post["commentary"], post["defects"]) == ("carousel", "Three", [])
    assert [one["kind"] for one in post["media"]] == ["image", "video", "image"]
    assert [one["alt_text"] for one in post["media"]] == ["first", None, "third"]
    sent = fitted(Content("", files), ann.app.platform.pictures).attachments
    digests = [hashlib.sha256(one.open().read()).hexdigest() for one in sent]
    assert [one["sha256"] for one in post["media"]] == digests


def test_a_video_by_itself_is_a_reel_with_what_its_owner_chose(ann: Account) -> None:
    options = {"share_to_feed": False, "thumb_offset": 1500, "is_ai_generated": True}
    reel = film()
    published = ann.publish(Content("Sea", (reel,), options))
    (post,) = ann.posts
    assert (post["kind"], post["defects"]) == ("reel", [])
    assert post["media"][0]["sha256"][:8] == reel.media_id
    told = {name: str(post["content"][name]).lower() for name in options}
    assert told == {"share_to_feed": "false", "thumb_offset": "1500", "is_ai_generated": "true"}
    assert "/reel/" in (published.external_url or "")


def test_what_was_not_chosen_is_left_to_instagram(ann: Account) -> None:
    ann.publish(Content("Sea", (film(),)))
    content = ann.posts[0]["content"]
    assert {"share_to_feed", "thumb_offset", "is_ai_generated"}.isdisjoint(content)


@pytest.mark.parametrize(
    "size", [(300, 1200), (2600, 800), (200, 200), (4000, 3000), (1440, 1800), (1910, 1000)]
)
def test_a_picture_of_any_shape_and_size_is_padded_and_taken(
    ivy: Account, size: tuple[int, int]
) -> None:
    content = Content("any", (photo(size=size),))
    ivy.publish(content)
    (sent,) = fitted(content, ivy.app.platform.pictures).attachments
    (media,) = ivy.posts[0]["media"]
    assert (media["width"], media["height"]) == (sent.width, sent.height)
    assert sent.mime == "image/jpeg"
    assert 320 <= (sent.width or 0) <= 1440
    assert 0.8 <= (sent.width or 0) / (sent.height or 1) <= 1.91
    assert media["shown_width"] == media["width"], "Instagram scales nothing"


PIECES = st.sampled_from(
    ["https://example.org/ü?a=b&c=%20#d", "#tag", "@ann.b", "me@example.org", "&amp;", "%41", "+", "\\", '"', "{}", "<b>", "\n", "\n\n",
     " ", "a", "é", "e\u0301", "שלום", "مرحبا", "\u200f", "\u202e", "日本", "😀", "🏳️‍🌈", "👩‍👩‍👧", "1"]
)  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(
    pieces=st.lists(PIECES, min_size=1, max_size=12),
    kind=st.sampled_from(["picture", "carousel", "reel"]),
)
def test_what_arrives_is_what_the_preview_said_whatever_the_post(
    own: App, pieces: list[str], kind: str
) -> None:
    files = {"picture": (photo(),), "carousel": (photo(1), photo(2)), "reel": (film(),)}
    content = Content("".join(pieces), files[kind])
    assume(content.text.strip())
    account = own.connect()
    account.publish(content)
    (post,) = account.posts
    (part,) = own.platform.render(content).parts
    assert post["commentary"] == part.text


def test_the_preview_knows_the_hashtags_that_readers_can_click(ivy: Account) -> None:
    content = Content("We are #hiring (really), #ünal in C# for #1 @ann.b", (photo(),))
    (part,) = ivy.app.platform.render(content).parts
    assert part.hashtags == ("#hiring", "#ünal")
    ivy.publish(content)
    pieces = ivy.posts[0]["pieces"]
    assert [text for what, text in pieces if what == "hashtag"] == list(part.hashtags)


# ------------------------------------------------------------------------------------ limits


def complaints(content: Content) -> list[str]:
    platform = client_of("http://127.0.0.1:9", "a", "b")
    return [violation.field for violation in platform.violations(content)]


def test_thirty_hashtags_and_twenty_mentions_are_taken_and_no_more(ivy: Account) -> None:
    most = " ".join([*(f"#t{n}" for n in range(30)), *(f"@m{n}" for n in range(20))])
    ivy.publish(Content(most, (photo(),)))
    assert ivy.posts[0]["commentary"] == most
    for more in (" #one", " @one"):
        assert complaints(Content(most + more, (photo(),))) == ["text"]


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (Content("no file"), ["media"]),
        (Content("a", (attachment("gif", b"x"),)), ["media"]),
        (Content("a", tuple(photo(n) for n in range(11))), ["media"]),
        (Content("a", (*(photo(n) for n in range(10)), film())), ["media", "media"]),
        (Content("a", (photo(0, "x" * 1001),)), ["media.alt_text"]),
        (Content("a", (dataclasses.replace(film(), duration=2.9),)), ["media"]),
        (Content("a", (dataclasses.replace(film(), duration=901.0),)), ["media"]),
        (Content("a", (dataclasses.replace(film(), width=1921, height=1080),)), ["media"]),
        (Content("a", (dataclasses.replace(film(), width=100, height=10_001),)), ["media"]),
        (Content("a", (dataclasses.replace(film(), bytes=300_000_001),)), ["media"]),
        (Content("a", (dataclasses.replace(film(), mime="video/webm"),)), ["media"]),
        (Content("a", (dataclasses.replace(film(), codec="VP9"),)), ["media"]),
        (Content("a", (dataclasses.replace(film(), frame_rate=15.0),)), ["media"]),
        (Content("a", (photo(),), {"share_to_feed": True}), ["options.share_to_feed"]),
        (Content("a", (photo(1), photo(2)), {"thumb_offset": 1}), ["options.thumb_offset"]),
        (Content("a", (film(),), {"thumb_offset": 5001}), ["options.thumb_offset"]),
        (Content("a", (film(),), {"thumb_offset": -1}), ["options.thumb_offset"]),
        (Content("a", (film(),), {"thumb_offset": 5000, "share_to_feed": True}), []),
    ],
)  # fmt: skip
def test_what_instagram_would_refuse_is_said_before(content: Content, fields: list[str]) -> None:
    assert complaints(content) == fields


def test_files_of_other_shapes_are_not_cropped_without_being_asked() -> None:
    wide, square, nearly = photo(size=(600, 400)), photo(size=(400, 400)), photo(size=(606, 400))
    assert complaints(Content("a", (wide, nearly))) == []
    assert complaints(Content("a", (wide, nearly, square))) == ["media"]
    assert complaints(Content("a", (wide, square, film()))) == ["media", "media"]
    assert complaints(Content("a", (wide, square, film()), {"crop": True})) == []
    (told,) = client_of("http://127.0.0.1:9", "a", "b").violations(Content("a", (wide, square)))
    assert "File 2 is 1.00 times as wide as high, the first one 1.50" in told.message


def test_nothing_without_a_file_is_prepared(ivy: Account) -> None:
    with pytest.raises(Rejected, match="without a file"):
        of(ivy).prepare(ivy.tokens, ivy.identity, Content("a"), Kept())


def test_without_an_address_nothing_can_be_fetched(ivy: Account) -> None:
    hidden = dataclasses.replace(photo(), url=None)
    with pytest.raises(Rejected) as refused:
        of(ivy).prepare(ivy.tokens, ivy.identity, Content("a", (hidden,)), Kept())
    assert refused.value.error_class == "no_address"


# ------------------------------------------------------------------------------------ afterwards


def test_an_account_sees_its_own_posts(ann: Account) -> None:
    ann.publish(Content("One", (photo(),)))
    last = ann.publish(Content("", (photo(1), photo(2))))
    newest, oldest = of(ann).recent_posts(ann.tokens, ann.identity, since=LONG_AGO)
    assert (oldest.text, newest.text) == ("One", "")
    assert (newest.external_id, newest.external_url) == (last.external_id, last.external_url)
    later = newest.created_at + timedelta(seconds=1)
    assert list(of(ann).recent_posts(ann.tokens, ann.identity, since=later)) == []


def entry(n: int, ago: timedelta) -> dict[str, str]:
    stamp = (NOW - ago).strftime("%Y-%m-%dT%H:%M:%S+0000")
    return {"id": str(n), "timestamp": stamp, "caption": f"No. {n}", "permalink": "https://p/"}


def test_the_listing_is_read_until_it_is_older_than_what_is_looked_for(ivy: Account) -> None:
    def page(*entries: dict[str, str]) -> dict[str, Any]:
        return {"data": list(entries), "paging": {"next": "https://x/?after=Z&access_token=no"}}

    first = page(entry(1, timedelta(0)), entry(2, timedelta(days=2)))
    second = page(entry(3, timedelta(days=3)), entry(4, timedelta(days=4)))
    for body in (first, second):
        ivy.order({"status": 200, "body": body}, path="*/media")
    seen = of(ivy).recent_posts(ivy.tokens, ivy.identity, since=NOW - timedelta(days=1))
    assert [one.external_id for one in seen] == ["1"]
    assert asked(ivy, "/media", "GET") == 2


@pytest.mark.parametrize(
    "body",
    [
        {}, {"data": 7}, {"data": [{"id": "1"}]}, {"data": [{"id": "1", "timestamp": "soon"}]},
        {"data": [{"timestamp": "2026-11-21T12:00:00+0000"}]},
    ],
)  # fmt: skip
def test_a_listing_that_cannot_be_read_is_no_proof(ivy: Account, body: Any) -> None:
    ivy.order({"status": 200, "body": body}, path="*/media")
    with pytest.raises(NoAnswer):
        of(ivy).recent_posts(ivy.tokens, ivy.identity, since=LONG_AGO)


def test_likes_and_comments_are_told_to_everybody(ann: Account) -> None:
    set_up(ann, statistics={"likes": 3, "comments": 2, "views": 40, "shares": 1})
    post = ann.publish(Content("a", (photo(),))).external_id or ""
    told = of(ann).metrics(ann.tokens, ann.identity, [post, "17900"])
    assert told == {post: Metrics(likes=3, comments=2)}
    assert asked(ann, "/insights", "GET") == 0


@pytest.mark.parametrize("login", LEAST)
def test_views_and_shares_are_told_where_the_app_may_read_insights(
    sandbox: Sandbox, login: str
) -> None:
    account = instagram_app(sandbox, login, read_insights=True).connect()
    set_up(account, statistics={"likes": 3, "comments": 2, "views": 40, "shares": 1})
    post = account.publish(Content("a", (photo(),))).external_id or ""
    told = of(account).metrics(account.tokens, account.identity, [post])
    assert told == {post: Metrics(impressions=40, likes=3, comments=2, shares=1)}
    account.order({"status": 400}, path="*/insights")
    told = of(account).metrics(account.tokens, account.identity, [post])
    assert told == {post: Metrics(likes=3, comments=2)}


def test_a_post_is_deleted_once_where_the_app_may(sandbox: Sandbox) -> None:
    finn = instagram_app(sandbox, "facebook", delete_posts=True).connect()
    post = finn.publish(Content("a", (photo(),))).external_id or ""
    for _ in range(2):
        of(finn).delete(finn.tokens, finn.identity, post, Kept())
    assert finn.posts[0]["deleted_at"]


def test_where_posts_cannot_be_deleted_it_is_said_and_nothing_sent(ann: Account) -> None:
    post = ann.publish(Content("a", (photo(),))).external_id or ""
    with pytest.raises(Rejected, match="Instagram's own app") as refused:
        of(ann).delete(ann.tokens, ann.identity, post, Kept())
    assert refused.value.error_class == "no_delete"
    assert asked(ann, post, "DELETE") == 0


def test_the_version_and_its_end_are_known(ivy: Account) -> None:
    platform = client_of("http://127.0.0.1:9", "a", "b", version="v25.0")
    assert isinstance(platform, Versioned)
    assert (platform.version, platform.version_ends) == ("v25.0", date(2028, 7, 29))
    assert of(ivy).version_ends is None
    ivy.publish(Content("a", (photo(),)))
    seen = ivy.app.sandbox.requests(ivy.member, host=OWN)
    unversioned = ("/access_token",)
    assert all(one["path"].startswith("/v26.0/") for one in seen if one["path"] not in unversioned)


def test_a_server_that_is_not_reached_sends_nothing(ivy: Account) -> None:
    away = client_of("http://127.0.0.1:9", "a", "b")
    for call in ("profile", "prepare", "recent_posts", "outcome", "metrics", "refresh"):
        with pytest.raises(NotSent):
            CALLS[call](away, ivy)
