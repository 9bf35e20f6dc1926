"""What is peculiar to TikTok: its permissions, choices, uploads in parts, and what becomes of a post. Over HTTP, against the
strict sandbox."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import cache, partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.core.errors import (
    LeaseLost,
    NoAnswer,
    OutcomeUnknown,
    Reconnect,
    Rejected,
    TryLater,
)
from backend.core.platform_contract import (
    Absent,
    Accepted,
    Attachment,
    Content,
    Identity,
    Metrics,
    Pending,
    Published,
    Tokens,
)
from backend.outbound import PlatformHttp
from backend.platforms.tiktok import TikTok
from backend.platforms.tiktok_login import TikTokSettings
from backend.platforms.tiktok_media import PART_BYTES
from local.sandbox.driver import Sandbox
from tests.contracts.conftest import (
    NOW,
    Account,
    App,
    Kept,
    attachment,
    fitted,
    make_app,
    picture,
    shelf,
)
from tests.sandbox.tiktok_files import video

PUBLIC = {"privacy_level": "PUBLIC_TO_EVERYONE"}
DAY = 24 * 3600
TWO_PARTS, THREE_PARTS = PART_BYTES + 17, 2 * PART_BYTES + 7
film = cache(video)


def way_to(app: App, *, total_timeout: float = 10.0, **own: Any) -> TikTok:
    """Our client for this app, its server set as told."""
    told: dict[str, Any] = {"audited": True, "inbox": True, "video_list": True, "pull_prefix": shelf().origin}  # fmt: skip
    made = TikTokSettings(
        client_id=app.client_id, client_secret=app.client_secret, **{**told, **own}
    )
    door = PlatformHttp(app.sandbox.url, total_timeout=total_timeout)
    return TikTok(door, made, pause=lambda _: None)


@pytest.fixture
def tiktok(sandbox: Sandbox) -> App:
    """An audited app that has every permission."""
    app = make_app(sandbox, "tiktok")
    return dataclasses.replace(app, platform=way_to(app))


@pytest.fixture
def ada(tiktok: App) -> Account:
    return member_of(tiktok)


def member_of(app: App, name: str = "Ada Lovelace") -> Account:
    """A connected account, without the walk through the consent page."""
    (made,) = app.sandbox.tell("tokens", platform="tiktok", client_id=app.client_id, name=name)["tokens"]  # fmt: skip
    tokens = Tokens(
        made["access_token"], NOW + timedelta(days=1), made["refresh_token"], None, tuple(made["scopes"])
    )  # fmt: skip
    identity = Identity(made["subject"], name, username=made["username"])
    return Account(app, made["member"], tokens, identity)


def clip(size: int = 20_000, **more: Any) -> Attachment:
    made = attachment("video", film(size))
    return dataclasses.replace(made, **more)


def watch(size: int = 20_000, text: str = "watch", **options: Any) -> Content:
    return Content(text, (clip(size),), options)


def account_is(account: Account, **fields: Any) -> None:
    """Change how TikTok treats this account."""
    account.app.sandbox.tell("settings", platform="tiktok", member=account.member, **fields)


@pytest.fixture
def everywhere(sandbox: Sandbox) -> Iterator[Callable[..., Any]]:
    """Change how TikTok treats everybody, for this test."""
    usual = {"refresh_rotates": True, "oauth_error_status": 400, "disabled_interactions": "refuse"}
    yield partial(sandbox.tell, "settings", platform="tiktok")
    sandbox.tell("settings", platform="tiktok", **usual)


def pass_time(account: Account, seconds: float) -> None:
    account.app.sandbox.tell("clock", advance_seconds=seconds, member=account.member)


def asked(account: Account, path: str = "*", *, method: str = "*") -> int:
    """How many requests of this account the platform saw."""
    seen = account.app.sandbox.requests(account.member, limit=500)
    return sum(fnmatchcase(one["path"], path) and fnmatchcase(one["method"], method) for one in seen)  # fmt: skip


def outcome(account: Account, notes: Kept, *, since: datetime | None = None) -> Any:
    platform: Any = account.app.platform
    content = Content("watch")
    return platform.outcome(account.tokens, account.identity, content, notes, since=since or datetime.now(UTC))  # fmt: skip


def send(account: Account, prepared: Any, notes: Kept) -> Any:
    return account.app.platform.publish(account.tokens, prepared, notes)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# ------------------------------------------------------------------------------------ permissions


def consent_query(platform: Any) -> dict[str, list[str]]:
    url = platform.authorization_url(state="s", redirect_uri="https://a.example/b", verifier="v")
    return parse_qs(urlsplit(url).query)


def test_the_consent_page_is_asked_in_tiktoks_own_words(tiktok: App) -> None:
    assert consent_query(tiktok.platform) == {
        "client_key": [tiktok.client_id],
        "response_type": ["code"],
        "scope": ["user.info.basic,video.publish,video.upload,video.list"],
        "redirect_uri": ["https://a.example/b"],
        "state": ["s"],
    }


def test_no_more_is_asked_for_than_the_app_has(tiktok: App) -> None:
    plain = way_to(tiktok, inbox=False, video_list=False)
    assert consent_query(plain)["scope"] == ["user.info.basic,video.publish"]
    assert set(plain.scopes) == {"user.info.basic", "video.publish"}


def test_what_was_unticked_is_missing_from_the_scopes(tiktok: App) -> None:
    url = tiktok.platform.authorization_url(
        state="s", redirect_uri=tiktok.redirect_uri, verifier="v" * 64
    )
    ticked = {"member": tiktok.new_member(), "decision": "allow", "scope": ["user.info.basic"]}
    back = requests.post(url, ticked, timeout=10, allow_redirects=False)
    (code,) = parse_qs(urlsplit(back.headers["Location"]).query)["code"]
    assert tiktok.exchange(code).scopes == ("user.info.basic",)


def test_the_tokens_have_both_their_ends(tiktok: App) -> None:
    tokens = tiktok.connect().tokens
    assert tokens.expires_at == NOW + timedelta(hours=24)
    assert tokens.refresh_expires_at == NOW + timedelta(days=365)
    assert tokens.refresh_token


@pytest.mark.parametrize("rotates", [True, False])
def test_a_refresh_keeps_whichever_refresh_token_serves_next(
    ada: Account, everywhere: Callable[..., Any], rotates: bool
) -> None:
    everywhere(refresh_rotates=rotates)
    later = NOW + timedelta(days=3)
    fresh = ada.app.platform.refresh(ada.tokens, now=later)
    assert fresh.access_token != ada.tokens.access_token
    assert fresh.expires_at == later + timedelta(hours=24)
    assert set(fresh.scopes) == set(ada.tokens.scopes)
    assert (fresh.refresh_token != ada.tokens.refresh_token) is rotates
    assert ada.app.platform.refresh(fresh, now=later).access_token


@pytest.mark.parametrize(("status", "told"), [(400, 400), (200, None)])
def test_a_refresh_that_is_refused_is_refused_whatever_the_status(
    ada: Account, everywhere: Callable[..., Any], status: int, told: int | None
) -> None:
    ada.app.sandbox.tell("tokens/revoke", platform="tiktok", member=ada.member)
    everywhere(oauth_error_status=status)
    with pytest.raises(Rejected) as refused:
        ada.app.platform.refresh(ada.tokens, now=NOW)
    assert refused.value.error_class == "invalid_grant"
    assert refused.value.http_status == told


def test_the_name_in_the_address_is_known_without_another_permission(tiktok: App) -> None:
    ada = tiktok.connect()
    assert ada.identity.username
    assert ada.identity.picture_url
    account_is(ada, banned=True)  # then it is not told, and what was known is kept
    assert ada.app.platform.profile(ada.tokens, ada.identity) == ada.identity


def without(account: Account, *scopes: str) -> Tokens:
    """Tokens of the same member that lack these scopes."""
    left = [scope for scope in account.tokens.scopes if scope not in scopes]
    made = account.app.sandbox.tell("tokens", platform="tiktok", member=account.member, client_id=account.app.client_id, scopes=left)  # fmt: skip
    return Tokens(made["tokens"][0]["access_token"], None, scopes=tuple(left))


def test_a_permission_that_was_not_granted_asks_for_its_owner(ada: Account) -> None:
    tokens = without(ada, "video.publish")
    # known to us, or to TikTok only
    for one in (tokens, dataclasses.replace(tokens, scopes=())):
        with pytest.raises(Reconnect, match="connect it again and leave"):
            ada.app.platform.prepare(one, ada.identity, watch(), Kept())
    assert ada.posts == []


def test_without_the_permission_for_drafts_an_account_still_publishes(ada: Account) -> None:
    tokens = without(ada, "video.upload")
    with pytest.raises(Rejected, match=r"video\.upload; connect it again and leave it ticked"):
        ada.app.platform.prepare(tokens, ada.identity, watch(inbox=True), Kept())
    notes = Kept()
    prepared = ada.app.platform.prepare(tokens, ada.identity, watch(), notes)
    assert isinstance(ada.app.platform.publish(tokens, prepared, notes), Accepted)


# ------------------------------------------------------------------------------------ what an account may


def test_the_account_says_what_may_be_chosen(ada: Account) -> None:
    account_is(ada, comment_disabled=True, max_video_post_duration_sec=120)
    offered = ada.app.platform.choices(ada.tokens, ada.identity)  # type: ignore[attr-defined]
    assert offered["privacy_level"] == ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"]
    assert offered["disable_comment"] == [True]
    assert offered["disable_duet"] == [False, True]
    assert offered["max_video_seconds"] == 120
    assert offered["creator"]["username"] == ada.identity.username
    notes = " ".join(offered["notes"])
    assert "comments" in notes
    assert "120 seconds" in notes
    assert "audited" not in notes
    json.dumps(offered)


def test_an_app_that_is_not_audited_offers_only_what_it_may(ada: Account) -> None:
    ours = way_to(ada.app, audited=False, inbox=False)
    offered = ours.choices(ada.tokens, ada.identity)
    assert offered["privacy_level"] == ["SELF_ONLY"]
    assert offered["brand_content_toggle"] == [False]
    assert offered["inbox"] == [False]
    notes = " ".join(offered["notes"])
    for words in ("has not audited", "SELF_ONLY", "has to be private", "five accounts"):
        assert words in notes


def test_a_privacy_level_that_the_account_lacks_is_refused_before_anything_is_uploaded(
    ada: Account,
) -> None:
    account_is(ada, privacy_level_options=["SELF_ONLY"])
    with pytest.raises(Rejected, match="choose one of: SELF_ONLY") as refused:
        ada.prepare(watch(**PUBLIC))
    assert refused.value.error_class == "privacy_level_option_mismatch"
    assert asked(ada, "*/init/") == 0


def test_a_video_longer_than_the_account_may_is_refused_before_anything_is_uploaded(
    ada: Account,
) -> None:
    account_is(ada, max_video_post_duration_sec=3)
    with pytest.raises(Rejected, match="at most 3 s"):
        ada.prepare(Content("watch", (clip(duration=5.0),)))
    assert asked(ada, "*/init/") == 0


@pytest.mark.parametrize("makes", ["refuse", "override"])
def test_what_the_account_has_switched_off_stays_off(
    ada: Account, everywhere: Callable[..., Any], makes: str
) -> None:
    everywhere(disabled_interactions=makes)
    account_is(ada, comment_disabled=True, duet_disabled=True)
    ada.publish(watch())
    info = ada.posts[0]["content"]["post_info"]
    assert (info["disable_comment"], info["disable_duet"], info["disable_stitch"]) == (True, True, False)  # fmt: skip


def test_the_account_is_asked_before_each_post(ada: Account) -> None:
    before = asked(ada, "*creator_info*")
    for _ in range(2):
        ada.publish(watch())
    assert asked(ada, "*creator_info*") == before + 2


@pytest.mark.parametrize("private", [True, False])
def test_an_app_that_is_not_audited_publishes_to_private_accounts_only(
    sandbox: Sandbox, private: bool
) -> None:
    app = make_app(sandbox, "tiktok", audited=False)
    bob = member_of(dataclasses.replace(app, platform=way_to(app, audited=False)))
    account_is(bob, private=private)
    if private:
        assert bob.publish(watch()).external_id
    else:
        with pytest.raises(Rejected, match="Set the account to private"):
            bob.prepare(watch())
    assert len(bob.posts) == private


# ------------------------------------------------------------------------------------ videos


@pytest.mark.parametrize(
    ("size", "parts"),
    [(20_000, 1), (4_999_999, 1), (5_000_000, 1), (PART_BYTES, 1), (TWO_PARTS, 2), (THREE_PARTS, 3)],
)  # fmt: skip
def test_a_video_goes_up_in_parts_and_arrives_whole(ada: Account, size: int, parts: int) -> None:
    ada.publish(watch(size))
    (post,) = ada.posts
    assert post["kind"] == "video"
    assert post["media"][0]["sha256"] == sha(film(size))
    assert asked(ada, method="PUT") == parts


def test_preparing_a_video_sends_all_but_its_last_part_and_shows_nothing(ada: Account) -> None:
    prepared = ada.prepare(watch(TWO_PARTS))
    assert asked(ada, method="PUT") == 1
    assert ada.posts == []
    assert prepared.start + len(prepared.data) == TWO_PARTS


def test_the_options_arrive(ada: Account) -> None:
    options = {
        **PUBLIC, "disable_comment": True, "disable_stitch": True, "brand_content_toggle": True, "brand_organic_toggle": True,
        "is_aigc": True, "cover_timestamp_ms": 1500,
    }  # fmt: skip
    ada.publish(watch(text="look #sun", **options))
    (post,) = ada.posts
    assert post["content"]["post_info"] == {
        "title": "look #sun", "privacy_level": "PUBLIC_TO_EVERYONE", "disable_comment": True, "disable_duet": False,
        "disable_stitch": True, "brand_content_toggle": True, "brand_organic_toggle": True, "is_aigc": True,
        "video_cover_timestamp_ms": 1500,
    }  # fmt: skip
    assert ["hashtag", "#sun"] in post["pieces"]


def test_only_its_owner_sees_a_post_unless_told_otherwise(ada: Account) -> None:
    published = ada.publish(watch())
    assert ada.posts[0]["visibility"] == "SELF_ONLY"
    assert published.external_id == ada.posts[0]["urn"]
    assert published.external_url is None


def test_a_public_post_has_its_public_id_and_address(ada: Account) -> None:
    published = ada.publish(watch(**PUBLIC))
    post_id = ada.posts[0]["content"]["post_id"]
    assert int(post_id) > 2**53  # more than a float can hold
    assert published.external_id == post_id
    assert (
        published.external_url == f"https://www.tiktok.com/@{ada.identity.username}/video/{post_id}"
    )


def test_a_public_post_still_in_moderation_is_published_without_an_address(ada: Account) -> None:
    account_is(ada, moderation_seconds=600)
    published = ada.publish(watch(**PUBLIC))
    assert (published.external_id, published.external_url) == (ada.posts[0]["urn"], None)


def test_the_longest_caption_counts_in_utf16(ada: Account) -> None:
    longest = "🌷" * 1100
    ada.publish(watch(text=longest))
    assert ada.posts[0]["commentary"] == longest
    (violation,) = ada.app.platform.violations(watch(text=longest + "a"))
    assert violation.field == "text"
    assert "2201" in violation.message


ANY_TEXT = st.text(
    alphabet=st.sampled_from(list("|{}@[]()<>#\\*_~ab Z9\n\té…😀🏳️‍🌈שלוםعليكم日本\u200f#&%\"'")),
    max_size=120,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(text=ANY_TEXT)
def test_any_caption_arrives_as_it_was_shown_before(tiktok: App, text: str) -> None:
    account = member_of(tiktok)
    content = watch(text=f"{text} https://a.example/?b=c&d=%20")
    account.publish(content)
    (part,) = tiktok.platform.render(content).parts
    assert account.posts[0]["commentary"] == part.text == content.text


# ------------------------------------------------------------------------------------ photos


def photos(count: int = 1, text: str = "look", **options: Any) -> Content:
    made = tuple(attachment("image", picture(n * 7)) for n in range(count))
    return Content(text, made, options)


def test_photos_have_a_title_and_a_longer_text(ada: Account) -> None:
    text, title = "🌷" * 2000, "🌷" * 45
    ada.publish(photos(text=text, title=title, auto_add_music=True, **PUBLIC))
    info = ada.posts[0]["content"]["post_info"]
    assert (info["title"], info["description"], info["auto_add_music"]) == (title, text, True)
    assert [v.field for v in ada.app.platform.violations(photos(text=text + "a"))] == ["text"]
    refused = ada.app.platform.violations(photos(title=title + "a"))
    assert [v.field for v in refused] == ["options.title"]
    assert "91" in refused[0].message


def test_thirty_five_photos_are_one_post_in_order(ada: Account) -> None:
    content = photos(35)
    ada.publish(content)
    sent = [sha(one.open().read()) for one in fitted(content, TikTok.pictures).attachments]
    assert [media["sha256"] for media in ada.posts[0]["media"]] == sent


@pytest.mark.parametrize("prefix", ["https://elsewhere.example/", "http://127.0.0.1:9"])
def test_photos_kept_elsewhere_than_verified_are_refused_before_anything_is_sent(
    ada: Account, prefix: str
) -> None:
    ours = way_to(ada.app, pull_prefix=prefix)
    with pytest.raises(Rejected, match="TIKTOK_PULL_PREFIX"):
        ours.prepare(ada.tokens, ada.identity, fitted(photos(), ours.pictures), Kept())
    assert asked(ada, "*/init/") == 0


def test_an_address_that_tiktok_has_not_verified_is_for_the_operator_to_mend(
    sandbox: Sandbox,
) -> None:
    app = make_app(sandbox, "tiktok", verified_prefixes=["https://other.example/"])
    bob = member_of(dataclasses.replace(app, platform=way_to(app)))
    with pytest.raises(Rejected, match="operator") as refused:
        send(bob, bob.prepare(photos()), Kept())
    assert refused.value.error_class == "url_ownership_unverified"


def test_photos_whose_answer_was_lost_leave_nothing_to_ask_by(ada: Account) -> None:
    notes = Kept(reference="v_pub_of_an_earlier_try", over=True)
    prepared = ada.prepare(photos(), notes)
    ada.order({"drop": True, "accept": True})
    with pytest.raises(NoAnswer):
        send(ada, prepared, notes)
    assert len(ada.posts) == 1
    assert notes.get("reference") is None
    assert outcome(ada, notes) is None


def test_photos_that_could_not_be_fetched_may_be_tried_again(ada: Account) -> None:
    notes = Kept()
    account_is(ada, fail_reason="photo_pull_failed")
    assert isinstance(send(ada, ada.prepare(photos(), notes), notes), Accepted)
    assert isinstance(outcome(ada, notes), Absent)
    account_is(ada, fail_reason=None)
    assert ada.publish(photos(), notes).external_id
    assert len(ada.posts) == 1


# ------------------------------------------------------------------------------------ drafts


def test_a_draft_video_is_delivered_without_its_words(ada: Account) -> None:
    content = watch(text="to be written in the app", inbox=True)
    rendered = ada.app.platform.render(content)
    assert [part.text for part in rendered.parts] == [""]
    assert rendered.privacy is None
    before = asked(ada, "*creator_info*")
    published = ada.publish(content)
    (draft,) = ada.posts
    assert (draft["visibility"], draft["commentary"]) == ("INBOX", "")
    assert (published.external_id, published.external_url) == (draft["urn"], None)
    assert asked(ada, "*creator_info*") == before


def test_draft_photos_are_delivered_with_their_words(ada: Account) -> None:
    published = ada.publish(photos(2, inbox=True, title="Two"))
    (draft,) = ada.posts
    assert draft["visibility"] == "INBOX"
    assert draft["content"]["post_info"]["title"] == "Two"
    assert published.external_url is None


def test_too_many_drafts_wait_a_day(ada: Account) -> None:
    account_is(ada, pending_shares=0)
    with pytest.raises(TryLater, match="inbox in TikTok's app") as waits:
        ada.prepare(watch(inbox=True))
    assert (waits.value.after, waits.value.whole_account) == (DAY, True)


# ------------------------------------------------------------------------------------ limits


def test_the_seventh_upload_in_a_minute_waits_a_minute(ada: Account) -> None:
    for _ in range(6):
        ada.prepare(watch())
    with pytest.raises(TryLater) as waits:
        ada.prepare(watch())
    assert (waits.value.http_status, waits.value.after, waits.value.whole_account) == (429, 60, True)  # fmt: skip
    pass_time(ada, 61)
    assert ada.publish(watch()).external_id


def test_a_used_up_day_waits_for_the_next_and_says_so_before_anything_is_uploaded(
    ada: Account,
) -> None:
    ada.app.sandbox.tell("quotas", platform="tiktok", member=ada.member, used=15)
    with pytest.raises(TryLater, match="in a day") as waits:
        ada.prepare(watch())
    assert (waits.value.after, waits.value.whole_account) == (DAY, True)
    assert asked(ada, "*/init/") == 0


def test_an_account_that_may_not_post_is_told_where_to_look(ada: Account) -> None:
    account_is(ada, banned=True)
    with pytest.raises(Rejected, match="see in TikTok's app why"):
        ada.prepare(watch())


# ------------------------------------------------------------------------------------ what becomes of it


def test_what_tiktok_works_on_is_asked_for_ever_more_seldom(ada: Account) -> None:
    account_is(ada, processing_seconds=9999)
    notes = Kept()
    accepted = send(ada, ada.prepare(watch(), notes), notes)
    assert accepted.check_after_seconds == 5
    waits = []
    for minutes in (0, 5, 300):
        pending = outcome(ada, notes, since=datetime.now(UTC) - timedelta(minutes=minutes))
        assert isinstance(pending, Pending)
        waits.append(round(pending.check_after_seconds))
    assert waits == [5, 30, 300]
    assert outcome(ada, notes, since=datetime.now(UTC) - timedelta(hours=25)) is None
    pass_time(ada, 10_000)
    assert isinstance(outcome(ada, notes), Published)


@pytest.mark.parametrize(
    "reason",
    ["file_format_check_failed", "duration_check_failed", "frame_rate_check_failed", "picture_size_check_failed",
     "publish_cancelled", "auth_removed", "spam_risk_text"],
)  # fmt: skip
def test_what_tiktok_refuses_afterwards_is_refused(ada: Account, reason: str) -> None:
    account_is(ada, fail_reason=reason)
    notes = Kept()
    send(ada, ada.prepare(watch(), notes), notes)
    for _ in range(2):  # the answer may get lost on our side
        with pytest.raises(Rejected) as refused:
            outcome(ada, notes)
        assert refused.value.error_class == reason


@pytest.mark.parametrize("reason", ["internal", "video_pull_failed"])
def test_a_fault_of_tiktoks_own_is_proof_that_another_try_cannot_double(
    ada: Account, reason: str
) -> None:
    account_is(ada, fail_reason=reason)
    notes = Kept()
    send(ada, ada.prepare(watch(), notes), notes)
    assert isinstance(outcome(ada, notes), Absent)
    account_is(ada, fail_reason=None)
    assert ada.publish(watch(), notes).external_id
    assert len(ada.posts) == 1
    assert asked(ada, "*/video/init/") == 2


def test_a_file_that_tiktok_cannot_use_is_refused_with_its_reason(ada: Account) -> None:
    with pytest.raises(Rejected, match="23 to 60 pictures a second"):
        ada.publish(Content("slow", (attachment("video", video(20_000, fps=10.0)),)))


def test_the_state_of_somebody_elses_post_tells_nothing(ada: Account) -> None:
    notes = Kept()
    send(ada, ada.prepare(watch(), notes), notes)
    eve = member_of(ada.app, "Eve")
    assert outcome(eve, notes) is None
    assert outcome(eve, Kept(reference="v_pub_never_was")) is None
    assert outcome(eve, Kept()) is None


# ------------------------------------------------------------------------------------ trouble with the last part


TROUBLE: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"drop": True}, NoAnswer),
    ({"reset": True}, NoAnswer),
    ({"status": 500}, OutcomeUnknown),
    ({"status": 503, "retry_after": 7}, OutcomeUnknown),
]


@pytest.mark.parametrize(("order", "kind"), TROUBLE)
def test_a_last_part_that_arrived_in_silence_is_found_by_asking(
    ada: Account, order: dict[str, Any], kind: type[Exception]
) -> None:
    notes = Kept()
    prepared = ada.prepare(watch(TWO_PARTS), notes)
    ada.order({**order, "accept": True}, method="PUT")
    with pytest.raises(kind):
        send(ada, prepared, notes)
    published = outcome(ada, notes)
    assert isinstance(published, Published)
    assert published.external_id == ada.posts[0]["urn"]
    assert len(ada.posts) == 1


@pytest.mark.parametrize(("order", "kind"), TROUBLE)
def test_a_last_part_that_never_arrived_is_proven_so_once_its_address_has_ended(
    ada: Account, order: dict[str, Any], kind: type[Exception]
) -> None:
    notes = Kept()
    prepared = ada.prepare(watch(), notes)
    ada.order({**order, "accept": False}, method="PUT")
    with pytest.raises(kind):
        send(ada, prepared, notes)
    assert isinstance(outcome(ada, notes), Pending)
    assert asked(ada, "*/cancel/") == 0  # it might still arrive
    its_address_ends(ada, notes)
    assert isinstance(outcome(ada, notes), Pending)
    assert isinstance(outcome(ada, notes), Absent)
    assert ada.publish(watch(), notes).external_id
    assert len(ada.posts) == 1


def its_address_ends(account: Account, notes: Kept) -> None:
    """An hour passes, for TikTok and for us."""
    pass_time(account, 3700)
    gone = datetime.now(UTC) - timedelta(minutes=6)
    notes.values["upload"] |= {"until": gone.isoformat()}


def test_what_tiktok_took_is_never_canceled_however_long_it_works(ada: Account) -> None:
    account_is(ada, processing_seconds=99_999)
    notes = Kept()
    send(ada, ada.prepare(watch(), notes), notes)
    its_address_ends(ada, notes)
    assert isinstance(outcome(ada, notes), Pending)
    assert asked(ada, "*/cancel/") == 0


def test_what_cannot_be_canceled_any_more_is_waited_for(ada: Account) -> None:
    account_is(ada, processing_seconds=9_999)
    notes = Kept()
    send(ada, ada.prepare(watch(), notes), notes)
    notes.keep(complete=None)  # as if the answer had been lost
    its_address_ends(ada, notes)
    said = {"error": {"code": "publish_not_cancellable", "message": "", "log_id": "x"}}
    ada.order({"status": 400, "body": said}, path="*/cancel/")
    for _ in range(2):
        assert isinstance(outcome(ada, notes), Pending)
    assert asked(ada, "*/cancel/") == 1
    pass_time(ada, 10_000)
    assert isinstance(outcome(ada, notes), Published)


def test_an_address_that_ended_before_the_last_part_costs_only_another_upload(ada: Account) -> None:
    notes = Kept()
    prepared = ada.prepare(watch(), notes)
    pass_time(ada, 3700)
    with pytest.raises(TryLater, match="begin again"):
        send(ada, prepared, notes)
    assert ada.publish(watch(), notes).external_id
    assert len(ada.posts) == 1


def test_a_last_part_that_is_refused_is_uploaded_anew_when_its_owner_tries_again(
    ada: Account,
) -> None:
    notes = Kept()
    prepared = ada.prepare(watch(), notes)
    ada.order({"status": 400}, method="PUT")
    with pytest.raises(Rejected):
        send(ada, prepared, notes)
    assert ada.publish(watch(), notes).external_id
    assert len(ada.posts) == 1


def test_a_last_part_that_may_have_left_before_is_not_taken_for_lost(ada: Account) -> None:
    notes = Kept()
    send(ada, ada.prepare(watch(), notes), notes)
    again = ada.prepare(watch(), notes)  # by a worker that does not know of the first
    with pytest.raises(OutcomeUnknown):
        send(ada, again, notes)
    assert isinstance(outcome(ada, notes), Published)
    assert len(ada.posts) == 1


def test_a_worker_that_loses_its_target_as_tiktok_answers_still_knows_the_answer(
    ada: Account,
) -> None:
    notes = Kept()
    prepared = ada.prepare(watch(), notes)
    notes.stop_before = "complete"
    assert isinstance(send(ada, prepared, notes), Accepted)
    assert notes.get("complete") is None
    assert isinstance(outcome(ada, notes), Published)


def test_an_id_to_ask_by_that_cannot_be_kept_is_in_the_log(
    ada: Account, caplog: pytest.LogCaptureFixture
) -> None:
    notes = Kept()
    prepared = ada.prepare(photos(), notes)
    notes.stop_before = "reference"
    with pytest.raises(LeaseLost):
        send(ada, prepared, notes)
    (record,) = [one for one in caplog.records if "publish_id" in one.getMessage()]
    assert record.publish_id == ada.posts[0]["urn"]  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------ a crash in mid-upload


class Dying(Kept):
    """Notes of a worker that dies as it wants to note so many parts."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at: int | None = at

    def keep(self, **values: Any) -> None:
        if self.at is not None and values.get("parts_sent") == self.at:
            raise LeaseLost("the worker died here")
        super().keep(**values)


def test_an_upload_goes_on_where_it_stood(ada: Account) -> None:
    content, notes = watch(THREE_PARTS), Kept()
    ada.order({"drop": True}, method="PUT")
    with pytest.raises(NoAnswer):
        ada.prepare(content, notes)  # the first part is lost
    ada.publish(content, notes)
    (post,) = ada.posts
    assert post["media"][0]["sha256"] == sha(film(THREE_PARTS))
    assert asked(ada, "*/video/init/") == 1
    assert asked(ada, method="PUT") == 4


def test_a_part_that_was_sent_but_not_noted_does_not_spoil_the_video(ada: Account) -> None:
    content, notes = watch(TWO_PARTS), Dying(at=1)
    with pytest.raises(LeaseLost):
        ada.prepare(content, notes)
    notes.at = None
    ada.publish(content, notes)
    (post,) = ada.posts
    assert post["media"][0]["sha256"] == sha(film(TWO_PARTS))


@pytest.mark.parametrize("status", [403, 404, 416])
def test_an_upload_that_cannot_go_on_begins_anew(ada: Account, status: int) -> None:
    content, notes = watch(TWO_PARTS), Dying(at=1)
    with pytest.raises(LeaseLost):
        ada.prepare(content, notes)
    notes.at = None
    ada.order({"status": status}, method="PUT")
    ada.publish(content, notes)
    (post,) = ada.posts
    assert post["media"][0]["sha256"] == sha(film(TWO_PARTS))
    assert asked(ada, "*/video/init/") == 2


def test_an_upload_whose_address_has_ended_begins_anew(ada: Account) -> None:
    content, notes = watch(TWO_PARTS), Kept()
    ada.prepare(content, notes)
    its_address_ends(ada, notes)
    ada.publish(content, notes)
    assert len(ada.posts) == 1
    assert asked(ada, "*/video/init/") == 2


def test_a_lost_answer_to_the_beginning_of_an_upload_is_harmless(ada: Account) -> None:
    notes = Kept()
    ada.order({"drop": True, "accept": True}, path="*/video/init/")
    with pytest.raises(NoAnswer):
        ada.prepare(watch(), notes)
    assert ada.publish(watch(), notes).external_id
    assert len(ada.posts) == 1


def test_the_notes_can_be_asked_by_before_a_byte_is_sent_and_hold_no_token(ada: Account) -> None:
    notes = Kept()
    ada.order({"drop": True}, method="PUT")
    with pytest.raises(NoAnswer):
        ada.prepare(watch(TWO_PARTS), notes)
    assert notes.get("reference")
    kept = json.dumps(notes.values)
    assert ada.tokens.access_token not in kept
    assert str(ada.tokens.refresh_token) not in kept


# ------------------------------------------------------------------------------------ statistics


def metrics(account: Account, *ids: str, tokens: Tokens | None = None) -> Any:
    platform: Any = account.app.platform
    return platform.metrics(tokens or account.tokens, account.identity, ids)


def test_a_public_post_has_statistics_and_others_have_none(ada: Account) -> None:
    account_is(ada, statistics={"view_count": 9, "like_count": 5, "comment_count": 3, "share_count": 1})  # fmt: skip
    public = str(ada.publish(watch(**PUBLIC)).external_id)
    hidden = str(ada.publish(watch()).external_id)
    assert metrics(ada, public, hidden, "1") == {public: Metrics(9, 5, 3, 1)}
    before = asked(ada, "*/video/query/")
    assert metrics(ada, hidden) == {}
    assert asked(ada, "*/video/query/") == before


def test_statistics_without_the_permission_ask_for_its_owner(ada: Account) -> None:
    with pytest.raises(Reconnect):
        metrics(ada, "1", tokens=without(ada, ada.app.platform.metrics_scope))  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------ an upload address that is not one


@pytest.mark.parametrize("url", ["http://open-upload.tiktokapis.com/x", "ftp://a.example/", "/upload", "https:///x", "file:///etc/passwd"])  # fmt: skip
def test_no_byte_goes_to_an_upload_address_that_is_not_https(ada: Account, url: str) -> None:
    said = {"data": {"publish_id": "p", "upload_url": url}, "error": {"code": "ok"}}
    ada.order({"status": 200, "body": said}, path="*/video/init/")
    with pytest.raises(Rejected, match="not https"):
        ada.prepare(watch())
    assert asked(ada, method="PUT") == 0


@pytest.mark.parametrize("data", [{}, {"publish_id": "p"}, {"upload_url": "https://a.example/"}])
def test_an_answer_without_a_place_to_upload_to_is_no_answer(
    ada: Account, data: dict[str, str]
) -> None:
    ada.order({"status": 200, "body": {"data": data, "error": {"code": "ok"}}}, path="*/video/init/")  # fmt: skip
    with pytest.raises(NoAnswer):
        ada.prepare(watch())
