"""What is peculiar to X: PKCE, rotating tokens, media in segments, limits, delete, counts. Over HTTP, against the strict
sandbox. Threads are in test_x_threads.py."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from backend.core.errors import (
    LeaseLost,
    NoAnswer,
    OutcomeUnknown,
    Reconnect,
    Rejected,
    TryLater,
)
from backend.core.platform_contract import Attachment, Content, Metrics, Published, Tokens
from backend.core.reconciling import matching
from backend.platforms.x_threads import Prepared
from local.sandbox.driver import Sandbox
from tests.contracts.conftest import NOW, Account, App, Kept, attachment, make_app, picture

CREATE = {"host": "api.x.com", "method": "POST", "path": "/2/tweets"}
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def x(sandbox: Sandbox) -> App:
    return make_app(sandbox, "x")


@pytest.fixture
def ada(x: App) -> Account:
    return x.connect()


def switch(account: Account, **settings: Any) -> None:
    account.app.sandbox.tell("settings", platform="x", member=account.member, **settings)


def calls(account: Account, path: str, method: str = "POST") -> list[dict[str, Any]]:
    seen = account.app.sandbox.requests(account.member, method=method)
    return [one for one in seen if one["path"].endswith(path)]


def gif(frames: int = 3) -> bytes:
    data, images = (
        io.BytesIO(),
        [Image.new("P", (40, 30), n) for n in range(frames)],
    )
    for number, image in enumerate(images):
        image.putpalette([number * 60, 120, 120] * 256)
    images[0].save(data, "GIF", save_all=True, append_images=images[1:])
    return data.getvalue()


def noise() -> bytes:
    """A PNG of more than one segment."""
    data = io.BytesIO()
    points = random.Random(1).randbytes(1000 * 1200)
    Image.frombytes("L", (1000, 1200), points).save(data, "PNG", compress_level=1)
    assert 1_000_000 < data.tell() < 5_000_000
    return data.getvalue()


def film(mp4: Callable[[int], bytes], size: int) -> Attachment:
    """The same as H.264, which X wants; the bytes of the frames are nobody's business."""
    data = mp4(size).replace(b"mp4v", b"avc1")
    return replace(attachment("video", data), width=64, height=48, duration=5.0)


def create(account: Account, content: Content) -> Published:
    """Publish without asking first whether X would take it."""
    platform, notes = account.app.platform, Kept()
    prepared = platform.prepare(account.tokens, account.identity, content, notes)
    published = platform.publish(account.tokens, prepared, notes)
    assert isinstance(published, Published)
    return published


# ------------------------------------------------------------------------------------ OAuth


def test_consent_carries_the_challenge_and_never_the_verifier(x: App) -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636, appendix B
    url = x.platform.authorization_url(state="s", redirect_uri=x.redirect_uri, verifier=verifier)
    query = parse_qs(urlsplit(url).query)
    assert query["code_challenge"] == ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"]
    assert query["code_challenge_method"] == ["S256"]
    assert verifier not in url
    assert query["scope"] == ["tweet.read tweet.write users.read media.write offline.access"]


def test_a_code_serves_only_with_its_own_verifier(x: App) -> None:
    code = x.consent(x.new_member(), verifier="w" * 64)["code"]
    with pytest.raises(Rejected) as refused:
        x.exchange(code)
    assert refused.value.error_class == "invalid_request"


def test_a_code_is_dead_after_half_a_minute(x: App) -> None:
    member = x.new_member()
    code = x.consent(member)["code"]
    x.sandbox.tell("clock", advance_seconds=31, member=member)
    with pytest.raises(Rejected):
        x.exchange(code)


def test_tokens_live_two_hours_and_rotate(ada: Account) -> None:
    platform, first = ada.app.platform, ada.tokens
    assert first.expires_at == NOW + timedelta(hours=2)
    assert first.refresh_token
    assert first.refresh_expires_at == NOW + timedelta(days=180)
    second = platform.refresh(first, now=NOW + timedelta(hours=2))
    assert second.expires_at == NOW + timedelta(hours=4)
    assert second.refresh_expires_at == NOW + timedelta(days=180, hours=2)
    assert second.access_token != first.access_token
    assert second.refresh_token not in (None, first.refresh_token)
    assert set(second.scopes) == set(first.scopes)
    with pytest.raises(Rejected) as refused:
        platform.refresh(first, now=NOW)
    assert refused.value.http_status == 400
    third = platform.refresh(second, now=NOW)
    assert platform.profile(third, ada.identity) == ada.identity


def test_a_permission_that_cannot_be_renewed_ends_after_two_hours(x: App) -> None:
    """A member who was not asked for `offline.access`."""
    scopes = " ".join(one for one in x.platform.scopes if one != "offline.access")
    url = x.platform.authorization_url(state="s", redirect_uri=x.redirect_uri, verifier="v" * 64)
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    back = requests.post(
        x.sandbox.at("https://x.com/i/oauth2/authorize"), params=query | {"scope": scopes}, timeout=10, allow_redirects=False,
        data={"member": x.new_member(), "decision": "allow"},
    )  # fmt: skip
    tokens = x.exchange(parse_qs(urlsplit(back.headers["Location"]).query)["code"][0])
    assert (tokens.refresh_token, tokens.refresh_expires_at) == (None, None)
    assert tokens.expires_at == NOW + timedelta(hours=2)
    with pytest.raises(Rejected):
        x.platform.refresh(tokens, now=NOW)


def test_a_refresh_with_the_servers_wrong_secret_waits_for_the_operator(ada: Account) -> None:
    stranger = make_app(ada.app.sandbox, "x").platform
    wrong = type(stranger)(
        stranger._door,  # type: ignore[attr-defined]
        stranger.Settings(client_id=ada.app.client_id, client_secret="wrong"),
    )
    with pytest.raises(TryLater) as raised:
        wrong.refresh(ada.tokens, now=NOW)
    assert raised.value.after == 3600
    assert ada.app.platform.refresh(ada.tokens, now=NOW).access_token


def test_revoking_ends_both_tokens(ada: Account) -> None:
    ada.app.platform.revoke(ada.tokens)
    with pytest.raises(Reconnect):
        ada.app.platform.profile(ada.tokens, ada.identity)
    with pytest.raises(Rejected):
        ada.app.platform.refresh(ada.tokens, now=NOW)


def test_the_user_is_known_by_a_number_that_stays_and_a_name_that_may_change(ada: Account) -> None:
    assert ada.identity.external_id.isdecimal()
    assert ada.identity.username
    assert ada.identity.picture_url


# ------------------------------------------------------------------------------------ content


@pytest.mark.parametrize("who", ["following", "mentionedUsers", "subscribers", "verified"])
def test_who_may_reply_is_the_chosen_one(ada: Account, who: str) -> None:
    ada.publish(Content("hello", options={"reply_settings": who}))
    assert ada.posts[0]["content"]["reply_settings"] == who


def test_everyone_may_reply_unless_said_otherwise_and_the_label_is_left_out(ada: Account) -> None:
    ada.publish(Content("hello"))
    ada.publish(Content("hello again", options={"reply_settings": "everyone", "made_with_ai": False}))  # fmt: skip
    for post in ada.posts:
        assert "made_with_ai" not in post["content"]
        assert post["content"].get("reply_settings") in (None, "everyone")


def test_what_a_machine_made_is_labelled(ada: Account) -> None:
    ada.publish(Content("hello", options={"made_with_ai": True}))
    assert ada.posts[0]["content"]["made_with_ai"] is True


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"thread": "yes"}, "options.thread"),
        ({"thread": 1}, "options.thread"),
        ({"reply_settings": "nobody"}, "options.reply_settings"),
        ({"made_with_ai": "true"}, "options.made_with_ai"),
        ({"visibility": "PUBLIC"}, "options.visibility"),
    ],
)
def test_an_option_with_a_value_it_cannot_have_is_a_violation(
    x: App, options: dict[str, Any], field: str
) -> None:
    assert [v.field for v in x.platform.violations(Content("a", options=options))] == [field]


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("a" * 280, 280),
        ("日" * 140, 280),
        ("👨‍👩‍👧‍👦" * 140, 280),
        ("https://example.org/" + "a" * 400, 23),
        ("example.com " + "a" * 256, 280),
        ("e\u0301" * 280, 280),
    ],
    ids=["latin", "han", "families", "long link", "bare domain", "combining"],
)
def test_the_length_is_counted_as_x_counts(ada: Account, text: str, length: int) -> None:
    (part,) = ada.app.platform.render(Content(text)).parts
    assert (part.length, part.max_length) == (length, 280)
    assert ada.app.platform.violations(Content(text)) == []
    ada.publish(Content(text))
    longer = f"{text} {'b' * (280 - length)}"
    assert [v.field for v in ada.app.platform.violations(Content(longer))] == ["text"]
    with pytest.raises(Rejected):
        create(ada, Content(longer))


def test_one_cashtag_is_taken_and_two_are_not(x: App) -> None:
    assert x.platform.violations(Content("I hold $TWTR, for $5")) == []
    (violation,) = x.platform.violations(Content("I hold $TWTR and $ABC"))
    assert violation.field == "text"
    assert "$TWTR, $ABC" in violation.message


def test_a_rendering_names_hashtags_and_links(x: App) -> None:
    (part,) = x.platform.render(Content("We are #hiring: example.com/jobs")).parts
    assert (part.hashtags, part.links) == (("#hiring",), ("example.com/jobs",))


def test_a_post_has_an_address_that_outlives_the_name(ada: Account) -> None:
    published = ada.publish(Content("hello"))
    assert published.external_url == f"https://x.com/i/status/{published.external_id}"


# ------------------------------------------------------------------------------------ media


def test_a_small_picture_goes_in_one_call(ada: Account) -> None:
    ada.publish(Content("one", (attachment("image", picture(), "A teal square 🟦"),)))
    (post,) = ada.posts
    assert post["media"][0]["alt_text"] == "A teal square 🟦"
    assert len(calls(ada, "/2/media/upload")) == 1
    assert calls(ada, "/initialize") == []


def test_without_an_alt_text_nothing_is_described(ada: Account) -> None:
    ada.publish(Content("one", (attachment("image", picture()),)))
    assert calls(ada, "/2/media/metadata") == []


def test_a_large_picture_goes_in_segments(ada: Account) -> None:
    data = noise()
    ada.publish(Content("large", (attachment("image", data, "noise"),)))
    (post,) = ada.posts
    assert post["media"][0]["sha256"][:8] == attachment("image", data).media_id
    assert len(calls(ada, "/append")) == -(-len(data) // 1_000_000)


def test_a_picture_without_text_is_a_post(ada: Account) -> None:
    ada.publish(Content("", (attachment("image", picture()),)))
    assert ada.posts[0]["visible_text"] == ""


def test_an_animated_picture_is_one(ada: Account) -> None:
    ada.publish(Content("moving", (attachment("gif", gif(), "it moves"),)))
    (post,) = ada.posts
    assert post["media"][0]["frames"] == 3
    assert post["media"][0]["alt_text"] == "it moves"


@pytest.mark.parametrize(
    "size", [100_000, 1_000_000, 3_000_017], ids=["one", "exactly one", "four"]
)
def test_a_video_goes_up_in_segments_and_arrives_whole(
    ada: Account, mp4: Callable[[int], bytes], size: int
) -> None:
    video = film(mp4, size)
    ada.publish(Content("watch", (video,)))
    (post,) = ada.posts
    assert post["media"][0]["bytes"] == size
    assert post["media"][0]["sha256"][:8] == video.media_id
    assert len(calls(ada, "/append")) == -(-size // 1_000_000)


def test_segments_that_x_finds_too_large_become_smaller(
    ada: Account, mp4: Callable[[int], bytes]
) -> None:
    switch(ada, segment_bytes=300_000)
    video = film(mp4, 1_200_000)
    ada.publish(Content("watch", (video,)))
    assert ada.posts[0]["media"][0]["sha256"][:8] == video.media_id


def test_a_video_is_waited_for_and_then_published(
    ada: Account, mp4: Callable[[int], bytes]
) -> None:
    switch(ada, processing_seconds=3)
    asked: list[float] = []

    def pause(seconds: float) -> None:
        asked.append(seconds)
        ada.app.sandbox.tell("clock", advance_seconds=seconds, member=ada.member)

    patient = pausing(ada, pause)
    assert patient.publish(Content("watch", (film(mp4, 100_000),))).external_id
    assert asked


def test_a_video_that_takes_long_is_put_off_and_not_uploaded_again(
    ada: Account, mp4: Callable[[int], bytes]
) -> None:
    switch(ada, processing_seconds=600)
    notes, content = Kept(), Content("watch", (film(mp4, 100_000),))
    with pytest.raises(TryLater) as raised:
        ada.prepare(content, notes)
    assert raised.value.error_class == "media_processing"
    ada.app.sandbox.tell("clock", advance_seconds=601, member=ada.member)
    ada.publish(content, notes)
    assert len(calls(ada, "/initialize")) == 1
    assert len(ada.posts) == 1


def test_a_file_x_cannot_process_is_refused(ada: Account, mp4: Callable[[int], bytes]) -> None:
    switch(ada, processing_fails=True)
    with pytest.raises(Rejected, match="could not process a file of this post") as refused:
        ada.prepare(Content("watch", (film(mp4, 100_000),)))
    assert refused.value.error_class == "media_processing_failed"


def pausing(account: Account, pause: Callable[[float], None]) -> Account:
    """The same account through a client that waits like this."""
    platform: Any = account.app.platform
    own = platform.Settings(client_id=account.app.client_id, client_secret=account.app.client_secret)  # fmt: skip
    made = type(platform)(platform._door, own, pause=pause)
    return replace(account, app=replace(account.app, platform=made))


@pytest.mark.parametrize("stop_at", range(1, 8))
def test_an_upload_goes_on_where_the_worker_died(
    ada: Account, mp4: Callable[[int], bytes], stop_at: int
) -> None:
    """Each step is noted; whichever note the worker dies at, the video arrives whole and nothing is sent twice but the step
    that was not noted."""
    video = replace(film(mp4, 3_000_017), alt_text="A film")
    content, notes = Content("watch", (video,)), Dying(stop_at)
    with pytest.raises(LeaseLost):
        ada.prepare(content, notes)
    segments = notes.values.get("media", {}).get(video.media_id, {}).get("segments", 0)
    before = len(calls(ada, "/append"))
    ada.publish(content, notes.again())
    (post,) = ada.posts
    assert post["media"][0]["sha256"][:8] == video.media_id
    assert post["media"][0]["alt_text"] == "A film"
    assert before - segments <= 1


class Dying(Kept):
    """Notes whose worker dies as it wants to keep something for the nth time; what it did before is kept."""

    def __init__(self, stop_at: int, **values: Any) -> None:
        super().__init__(**values)
        self._left = stop_at

    def keep(self, **values: Any) -> None:
        self._left -= 1
        if self._left == 0:
            raise LeaseLost("the worker died here")
        super().keep(**values)

    def again(self) -> Kept:
        """What the next worker finds."""
        return Kept(**self.values)


def test_an_upload_that_x_forgot_is_made_anew(ada: Account) -> None:
    content, notes = Content("one", (attachment("image", picture()),)), Kept()
    ada.prepare(content, notes)
    (kept,) = notes.values["media"].values()
    notes.keep(media={media_id: one | {"ends": 0} for media_id, one in notes.values["media"].items()})  # fmt: skip
    prepared = ada.prepare(content, notes)
    assert prepared.bodies[0]["media"]["media_ids"] != [kept["id"]]


def test_notes_hold_no_token(ada: Account, mp4: Callable[[int], bytes]) -> None:
    notes = Kept()
    ada.publish(Content("watch", (film(mp4, 100_000),)), notes)
    assert ada.tokens.access_token not in repr(notes.values)


@pytest.mark.parametrize(
    ("kind", "more", "fits"),
    [
        ("video", {"width": 1280, "height": 1024, "duration": 140.0}, True),
        ("video", {"width": 1281, "height": 1024, "duration": 1.0}, False),
        ("video", {"width": 1280, "height": 1025, "duration": 1.0}, False),
        ("video", {"width": 31, "height": 32, "duration": 1.0}, False),
        ("video", {"width": 300, "height": 100, "duration": 1.0}, True),
        ("video", {"width": 301, "height": 100, "duration": 1.0}, False),
        ("video", {"width": 100, "height": 300, "duration": 1.0}, True),
        ("video", {"width": 100, "height": 301, "duration": 1.0}, False),
        ("video", {"width": 640, "height": 480, "duration": 0.4}, False),
        ("video", {"width": 640, "height": 480, "duration": 140.1}, False),
        ("video", {"bytes": 512_000_001}, False),
        ("video", {"mime": "video/quicktime"}, True),
        ("video", {"mime": "video/webm"}, False),
        ("gif", {"width": 1280, "height": 1080}, True),
        ("gif", {"width": 1281, "height": 1080}, False),
        ("gif", {"bytes": 15_000_001}, False),
        ("image", {"width": 20_000, "height": 20_000, "bytes": 90_000_000}, True),
        ("image", {"alt_text": "a" * 1000}, True),
        ("image", {"alt_text": "a" * 1001}, False),
    ],
)
def test_a_file_beyond_a_limit_is_a_violation(
    x: App, kind: Any, more: dict[str, Any], fits: bool
) -> None:
    file = replace(attachment(kind, b"x"), **more)
    assert (x.platform.violations(Content("a", (file,))) == []) is fits


@pytest.mark.parametrize(
    "kinds", [("image",) * 5, ("gif", "gif"), ("video", "video"), ("image", "video"), ("image", "gif"), ("document",), ("audio",)],
)  # fmt: skip
def test_files_that_x_does_not_take_together_are_a_violation(x: App, kinds: Any) -> None:
    files = tuple(attachment(kind, b"x") for kind in kinds)
    assert x.platform.violations(Content("a", files))


# ------------------------------------------------------------------------------------ limits and refusals


def test_the_101st_post_of_a_quarter_hour_waits_until_the_limit_is_lifted(ada: Account) -> None:
    prepared = ada.prepare(Content("a"))
    ada.app.sandbox.tell("quotas", platform="x", member=ada.member, used=100)
    with pytest.raises(TryLater) as raised:
        ada.app.platform.publish(ada.tokens, prepared, Kept())
    assert raised.value.whole_account
    assert raised.value.after is not None
    assert 0 < raised.value.after <= 902  # both clocks tell whole seconds
    ada.app.sandbox.tell("clock", advance_seconds=raised.value.after + 1, member=ada.member)
    assert ada.app.platform.publish(ada.tokens, prepared, Kept())


@pytest.mark.parametrize("setting", ["credits_depleted", "usage_capped"])
def test_an_app_without_credits_waits_for_its_operator(
    ada: Account, setting: str, caplog: pytest.LogCaptureFixture
) -> None:
    prepared = ada.prepare(Content("a"))
    switch(ada, **{setting: True})
    with pytest.raises(TryLater) as raised:
        ada.app.platform.publish(ada.tokens, prepared, Kept())
    assert raised.value.after == 3600
    assert "X refuses this app" in caplog.text
    assert ada.posts == []


def test_a_suspended_account_is_told_what_to_do(ada: Account) -> None:
    switch(ada, suspended=True)
    with pytest.raises(Rejected, match=r"look at x\.com") as refused:
        ada.publish(Content("a"))
    assert refused.value.http_status == 403


def test_a_token_of_the_app_alone_is_a_matter_of_its_set_up(x: App) -> None:
    made = x.sandbox.tell("tokens", platform="x", client_id=x.client_id, app_only=True)
    tokens = Tokens(made["tokens"][0]["access_token"], None)
    with pytest.raises(TryLater) as raised:
        x.platform.publish(tokens, Prepared("1", [{"text": "a"}]), Kept())
    assert raised.value.error_class == "unsupported-authentication"


@pytest.mark.parametrize("scope", ["tweet.write", "media.write"])
def test_posting_without_a_permission_is_refused(x: App, scope: str) -> None:
    scopes = [one for one in x.platform.scopes if one != scope]
    made = x.sandbox.tell("tokens", platform="x", client_id=x.client_id, scopes=scopes)["tokens"][0]
    tokens = Tokens(made["access_token"], None)
    identity = x.platform.accounts(tokens)[0].identity
    content = Content("a", (attachment("image", picture()),))
    with pytest.raises(Rejected, match="connect the account again"):
        x.platform.publish(tokens, x.platform.prepare(tokens, identity, content, Kept()), Kept())


@pytest.mark.parametrize("status", [400, 403])
def test_a_text_that_is_too_long_is_refused_whichever_way_x_says_so(
    ada: Account, status: int
) -> None:
    switch(ada, too_long_status=status)
    with pytest.raises(Rejected):
        create(ada, Content("a" * 281))


def test_the_same_text_again_is_a_duplicate_that_names_no_post(ada: Account) -> None:
    ada.publish(Content("Good morning"))
    with pytest.raises(Rejected, match="this very text") as refused:
        ada.publish(Content("Good morning"))
    assert refused.value.error_class == "duplicate"
    assert refused.value.existing_id is None
    assert len(ada.posts) == 1


def test_unavailable_with_a_time_to_come_back_proves_nothing(ada: Account) -> None:
    ada.order({"status": 503, "retry_after": 7, "accept": True}, **CREATE)
    with pytest.raises(OutcomeUnknown):
        ada.publish(Content("Good morning"))
    assert len(ada.posts) == 1


# ------------------------------------------------------------------------------------ reading back

WORDS = [
    "https://example.org/a?b=c&d=e#f", "example.com", "http://münchen.de/straße", "https://example.org", "https://t.co/abcdefghij",
    "AT&T", "<b>", "&amp;", "&lt;3", "a&b", "5>3", "#tag", "@ada", "e\u0301", "é", "👨‍👩‍👧", "日本語", "שלום", "\n", "  ", "(example.com)", "end.",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(text=TEXTS, other=TEXTS)
def test_what_was_sent_is_found_and_nothing_else(x: App, text: str, other: str) -> None:
    assume(text.strip() and not x.platform.violations(Content(text)))
    made = x.sandbox.tell("tokens", platform="x", client_id=x.client_id)["tokens"][0]
    tokens = Tokens(made["access_token"], None)
    identity = x.platform.accounts(tokens)[0].identity
    rendered = x.platform.render(Content(text)).parts[0].text
    published = x.platform.publish(tokens, Prepared("1", [{"text": rendered}]), Kept())
    seen = x.platform.recent_posts(tokens, identity, since=LONG_AGO)  # type: ignore[attr-defined]
    (found,) = matching(seen, rendered, 0, LONG_AGO)
    assert found.external_id == published.external_id
    same = [" ".join(one.replace("e\u0301", "é").split()) for one in (text, other)]
    assert bool(matching(seen, other, 0, LONG_AGO)) is (same[0] == same[1])


@pytest.mark.parametrize("media_link", [True, False])
def test_a_post_with_media_is_found(ada: Account, media_link: bool) -> None:
    switch(ada, media_link_in_text=media_link)
    texts = ["see example.com", "no link", ""]
    for number, text in enumerate(texts):
        ada.publish(Content(text, (attachment("image", picture(number)),)))
    seen = ada.app.platform.recent_posts(ada.tokens, ada.identity, since=LONG_AGO)  # type: ignore[attr-defined]
    assert [post.external_id for post in seen] == [post["urn"] for post in ada.posts]
    for text, post in zip(reversed(texts), seen, strict=True):
        assert matching(seen, text, 1, LONG_AGO) == [post]
    assert matching(seen, "see example.org", 1, LONG_AGO) == []


@pytest.mark.parametrize("order", [{"drop": True}, {"status": 500}, {"status": 504}])
@pytest.mark.parametrize("accept", [True, False])
def test_an_unknown_outcome_is_settled_by_reading(
    ada: Account, order: dict[str, Any], accept: bool
) -> None:
    ada.order(order | {"accept": accept}, **CREATE)
    with pytest.raises((NoAnswer, OutcomeUnknown)):
        ada.publish(Content("Good morning: example.com & more"))
    seen = ada.app.platform.recent_posts(ada.tokens, ada.identity, since=LONG_AGO)  # type: ignore[attr-defined]
    found = matching(seen, "Good morning: example.com & more", 0, LONG_AGO)
    assert [post.external_id for post in found] == [post["urn"] for post in ada.posts]
    assert len(found) == accept


def test_only_what_was_created_since_then_is_seen(ada: Account) -> None:
    ada.publish(Content("Good morning"))
    later = datetime.now(UTC) + timedelta(hours=1)
    assert ada.app.platform.recent_posts(ada.tokens, ada.identity, since=later) == []  # type: ignore[attr-defined]


def test_an_empty_timeline_shows_nothing_and_proves_nothing(ada: Account) -> None:
    platform: Any = ada.app.platform
    assert platform.recent_posts(ada.tokens, ada.identity, since=LONG_AGO) == []
    assert platform.absence_is_proof is False


# ------------------------------------------------------------------------------------ delete and counts


def test_a_post_is_deleted_and_twice_is_no_error(ada: Account) -> None:
    published = ada.publish(Content("Good morning"))
    platform: Any = ada.app.platform
    for _ in range(2):
        platform.delete(ada.tokens, ada.identity, published.external_id, Kept())
    assert ada.posts[0]["deleted_at"]


def test_another_users_post_is_not_deleted(x: App, ada: Account) -> None:
    other = x.connect("Grace Hopper")
    published = other.publish(Content("Mine"))
    platform: Any = x.platform
    with pytest.raises(Rejected):
        platform.delete(ada.tokens, ada.identity, published.external_id, Kept())
    assert other.posts[0]["deleted_at"] is None


@pytest.mark.parametrize("post_names", [True, False], ids=["new names", "old names"])
def test_a_post_is_measured(ada: Account, post_names: bool) -> None:
    published = ada.publish(Content("Good morning"))
    numbers = {"impression_count": 900, "like_count": 30, "reply_count": 4, "retweet_count": 5, "quote_count": 2}  # fmt: skip
    switch(ada, post_names=post_names)
    ada.app.sandbox.tell("settings", platform="x", metrics={published.external_id: numbers})
    platform: Any = ada.app.platform
    measured = platform.metrics(ada.tokens, ada.identity, [published.external_id, "1"])
    assert measured == {published.external_id: Metrics(impressions=900, likes=30, comments=4, shares=7)}  # fmt: skip
    assert platform.metrics_scope in ada.tokens.scopes
