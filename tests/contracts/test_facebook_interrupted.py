"""What broke off on its way to Facebook: uploads gone on with, and outcomes found out. Over HTTP, against the strict sandbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.core.errors import (
    LeaseLost,
    NoAnswer,
    NotSent,
    OutcomeUnknown,
    Reconnect,
    Rejected,
    TryLater,
)
from backend.core.platform_contract import (
    Absent,
    Accepted,
    Content,
    Pending,
    Published,
    Seen,
    Tokens,
)
from backend.core.reconciling import matching
from backend.outbound import PlatformHttp
from backend.platforms.facebook import Facebook
from backend.platforms.graph import Graph
from local.sandbox.driver import Sandbox
from tests.contracts.conftest import Account, Kept, attachment, make_app, picture
from tests.contracts.facebook_files import film, upright

GRAPH, VIDEO, RUPLOAD = "graph.facebook.com", "graph-video.facebook.com", "rupload.facebook.com"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def page(sandbox: Sandbox) -> Account:
    return make_app(sandbox, "facebook").connect()


@pytest.fixture
def platform(page: Account) -> Facebook:
    assert isinstance(page.app.platform, Facebook)
    return page.app.platform


def calls(page: Account, ending: str, **more: str) -> int:
    """How often an address that ends so was called."""
    asked = page.app.sandbox.requests(page.member, **more)
    return sum(one["path"].endswith(ending) for one in asked)


def set_up(page: Account, **settings: Any) -> None:
    page.app.sandbox.tell("settings", platform="facebook", member=page.member, **settings)


def outcome(page: Account, content: Content, notes: Kept, since: datetime | None = None) -> Any:
    platform = page.app.platform
    assert isinstance(platform, Facebook)
    asked = since or datetime.now(UTC)
    return platform.outcome(page.tokens, page.identity, content, notes, since=asked)


# ------------------------------------------------------------------------------------ photos


def test_photos_that_are_up_are_not_sent_again_after_a_crash(page: Account) -> None:
    images = tuple(attachment("image", picture(n * 40)) for n in range(3))
    notes = Kept()
    page.order({"status": 500}, path="*/photos", times=1)
    with pytest.raises(TryLater):
        page.prepare(Content("three", images), notes)
    page.prepare(Content("three", images[:2]), notes)
    assert calls(page, "/photos") == 3
    page.publish(Content("three", images), notes)
    assert calls(page, "/photos") == 4
    assert len(page.posts[0]["media"]) == 3
    assert len({media["sha256"] for media in page.posts[0]["media"]}) == 3


def test_a_photo_whose_id_was_not_kept_is_sent_again(page: Account) -> None:
    notes, content = Kept(), Content("one", (attachment("image", picture()),))
    notes.stop_before = "photos"
    with pytest.raises(LeaseLost):
        page.prepare(content, notes)
    notes.stop_before = None
    page.publish(content, notes)
    assert len(page.posts[0]["media"]) == 1


def test_photos_that_facebook_may_have_dropped_are_sent_again(page: Account) -> None:
    notes, content = Kept(), Content("one", (attachment("image", picture()),))
    page.prepare(content, notes)
    ((media_id, (photo, when, alt_text)),) = notes.values["photos"].items()
    notes.keep(photos={media_id: [photo, when - 13 * 3600, alt_text]})
    page.publish(content, notes)
    assert calls(page, "/photos") == 2


def test_a_photo_whose_alt_text_was_changed_is_sent_again(page: Account) -> None:
    notes = Kept()
    page.prepare(Content("one", (attachment("image", picture(), "old"),)), notes)
    page.publish(Content("one", (attachment("image", picture(), "new"),)), notes)
    assert [media["alt_text"] for media in page.posts[0]["media"]] == ["new"]


def test_after_a_refusal_the_next_try_uploads_anew(page: Account) -> None:
    notes, content = Kept(), Content("one", (attachment("image", picture()),))
    prepared = page.prepare(content, notes)
    prepared.fields["attached_media"][0]["media_fbid"] += "9"
    with pytest.raises(Rejected):
        page.app.platform.publish(page.tokens, prepared, notes)
    assert notes.values == {}
    page.publish(content, notes)
    assert len(page.posts) == 1


# ------------------------------------------------------------------------------------ video


@pytest.mark.parametrize("kept", [1, 100_000, 299_999])
def test_a_film_that_broke_off_is_gone_on_with_from_where_facebook_has_it(
    page: Account, mp4: Callable[[int], bytes], kept: int
) -> None:
    shot, notes = film(mp4(300_000)), Kept()
    set_up(page, upload_breaks_after=kept)
    with pytest.raises(TryLater):
        page.prepare(Content("watch", (shot,)), notes)
    session = notes.get("upload")
    page.publish(Content("watch", (shot,)), notes)
    assert page.posts[0]["media"][0]["sha256"][:8] == shot.media_id
    assert calls(page, "/uploads") == 1, "one session for both tries"
    assert calls(page, session) == 3, "sent, asked, sent"


def test_a_film_that_takes_longer_than_one_call_is_gone_on_with_in_the_same_try(
    page: Account, mp4: Callable[[int], bytes]
) -> None:
    shot, notes = film(mp4(300_000)), Kept()
    set_up(page, upload_breaks_after=120_000)
    page.order({"drop": True, "accept": True}, method="POST", path="*/upload:*")
    page.publish(Content("watch", (shot,)), notes)
    assert page.posts[0]["media"][0]["sha256"][:8] == shot.media_id
    assert calls(page, "/uploads") == 1


def test_a_film_of_which_nothing_arrived_is_sent_again_in_the_next_try(
    page: Account, mp4: Callable[[int], bytes]
) -> None:
    shot, notes = film(mp4(100_000)), Kept()
    page.order({"drop": True, "accept": False}, method="POST", path="*/upload:*")
    with pytest.raises(NoAnswer):
        page.prepare(Content("watch", (shot,)), notes)
    assert page.publish(Content("watch", (shot,)), notes).external_id
    assert page.posts[0]["media"][0]["sha256"][:8] == shot.media_id


def test_a_handle_that_got_lost_with_its_answer_costs_a_second_upload(
    page: Account, mp4: Callable[[int], bytes]
) -> None:
    shot, notes = film(mp4(100_000)), Kept()
    page.order({"drop": True, "accept": True}, method="POST", path="*/upload:*")
    with pytest.raises(NoAnswer):
        page.prepare(Content("watch", (shot,)), notes)
    page.publish(Content("watch", (shot,)), notes)
    assert calls(page, "/uploads") == 2
    assert [post["media"][0]["sha256"][:8] for post in page.posts] == [shot.media_id]


def test_a_session_that_has_ended_is_begun_anew(page: Account, mp4: Callable[[int], bytes]) -> None:
    notes = Kept(upload="upload:long-gone")
    page.publish(Content("watch", (film(mp4(100_000)),)), notes)
    assert len(page.posts) == 1


def test_a_film_that_is_up_is_not_sent_again(page: Account, mp4: Callable[[int], bytes]) -> None:
    notes, content = Kept(), Content("watch", (film(mp4(100_000)),))
    for _ in range(3):
        page.prepare(content, notes)
    assert calls(page, "/uploads") == 1
    assert "reference" in notes.values


def test_a_film_facebook_cannot_process_is_refused_and_uploaded_anew_next_time(
    page: Account, platform: Facebook, mp4: Callable[[int], bytes]
) -> None:
    notes, content = Kept(), Content("watch", (film(mp4(100_000)),))
    set_up(page, processing_fails="The codec is not supported.")
    with pytest.raises(Rejected, match="could not process the video") as refused:
        page.publish(content, notes)
    assert "codec is not supported" in str(refused.value)
    assert notes.values == {}
    set_up(page, processing_fails="")
    page.publish(content, notes)
    assert len(page.posts) == 1
    assert calls(page, "/uploads") == 2


def test_a_film_is_pending_until_it_is_out(
    page: Account, platform: Facebook, mp4: Callable[[int], bytes]
) -> None:
    set_up(page, processing_seconds=100)
    notes, content = Kept(), Content("watch", (film(mp4(100_000)),))
    answer = platform.publish(page.tokens, page.prepare(content, notes), notes)
    assert answer == Accepted(20.0, http_status=200)
    assert outcome(page, content, notes) == Pending(20.0)
    page.app.sandbox.tell("clock", advance_seconds=101, member=page.member)
    assert isinstance(outcome(page, content, notes), Published)


@pytest.mark.parametrize("status", [400, 404])
def test_that_a_film_may_not_be_asked_for_says_nothing(
    page: Account, mp4: Callable[[int], bytes], status: int
) -> None:
    notes, content = Kept(), Content("watch", (film(mp4(100_000)),))
    page.app.platform.publish(page.tokens, page.prepare(content, notes), notes)
    page.order({"status": status}, method="GET", path=f"*/{notes.get('video')}")
    assert outcome(page, content, notes, LONG_AGO) == Pending(20.0)


@pytest.mark.parametrize("accept", [True, False])
def test_a_film_whose_id_got_lost_is_looked_for_and_never_thought_absent(
    page: Account, platform: Facebook, mp4: Callable[[int], bytes], accept: bool
) -> None:
    set_up(page, processing_seconds=100)
    notes, content = Kept(), Content("watch", (film(mp4(100_000)),))
    prepared = page.prepare(content, notes)
    page.order({"drop": True, "accept": accept}, host=VIDEO)
    with pytest.raises(NoAnswer):
        platform.publish(page.tokens, prepared, notes)
    assert "reference" in notes.values
    assert outcome(page, content, notes) == Pending(20.0)
    page.app.sandbox.tell("clock", advance_seconds=101, member=page.member)
    # None: the listing has it, so that it is found by looking there
    assert outcome(page, content, notes) == (None if accept else Pending(20.0))
    assert len(found(page, content)) == accept


def test_a_film_sent_again_by_its_owner_is_followed_by_its_new_id(
    page: Account, platform: Facebook, mp4: Callable[[int], bytes]
) -> None:
    notes, content = Kept(), Content("watch", (film(mp4(100_000)),))
    page.publish(content, notes)
    first = notes.get("video")
    prepared = page.prepare(content, notes)
    assert notes.get("video") is None
    platform.publish(page.tokens, prepared, notes)
    assert notes.get("video") not in (None, first)


# ------------------------------------------------------------------------------------ reels


@pytest.mark.parametrize("kept", [1, 50_000])
def test_a_reel_that_broke_off_arrives_whole(
    page: Account, mp4: Callable[[int], bytes], kept: int
) -> None:
    shot, notes = upright(mp4(100_000)), Kept()
    set_up(page, upload_breaks_after=kept)
    with pytest.raises(TryLater):
        page.prepare(Content("look", (shot,), {"reel": True}), notes)
    page.publish(Content("look", (shot,), {"reel": True}), notes)
    assert [post["media"][0]["sha256"][:8] for post in page.posts] == [shot.media_id]


@pytest.mark.parametrize("name", ["reel", "reel_uploaded"])
def test_a_reel_survives_a_crash_between_its_steps(
    page: Account, mp4: Callable[[int], bytes], name: str
) -> None:
    notes, content = Kept(), Content("look", (upright(mp4(100_000)),), {"reel": True})
    notes.stop_before = name
    with pytest.raises(LeaseLost):
        page.prepare(content, notes)
    notes.stop_before = None
    page.publish(content, notes)
    assert len(page.posts) == 1


def test_a_reel_that_is_up_is_not_sent_again(page: Account, mp4: Callable[[int], bytes]) -> None:
    notes, content = Kept(), Content("look", (upright(mp4(100_000)),), {"reel": True})
    first = page.prepare(content, notes)
    assert page.prepare(content, notes) == first
    assert notes.get("reference")
    assert len(page.app.sandbox.requests(page.member, host=RUPLOAD)) == 1


def test_a_reel_that_was_finished_without_an_answer_is_found_by_its_id(
    page: Account, platform: Facebook, mp4: Callable[[int], bytes]
) -> None:
    notes, content = Kept(), Content("look", (upright(mp4(100_000)),), {"reel": True})
    prepared = page.prepare(content, notes)
    page.order({"drop": True, "accept": True}, path="*/video_reels")
    with pytest.raises(NoAnswer):
        platform.publish(page.tokens, prepared, notes)
    told = outcome(page, content, notes)
    assert isinstance(told, Published)
    assert told.external_id == page.posts[0]["content"]["post_id"]


def test_a_reel_whose_finish_never_arrived_is_finished_later_and_once(
    page: Account, platform: Facebook, mp4: Callable[[int], bytes]
) -> None:
    notes, content = Kept(), Content("look", (upright(mp4(100_000)),), {"reel": True})
    prepared = page.prepare(content, notes)
    page.order({"drop": True, "accept": False}, path="*/video_reels")
    with pytest.raises(NoAnswer):
        platform.publish(page.tokens, prepared, notes)
    assert outcome(page, content, notes) == Pending(20.0), "it may be late"
    told = outcome(page, content, notes, datetime.now(UTC) - timedelta(minutes=11))
    assert isinstance(told, Absent)
    page.publish(content, notes)
    assert len(page.posts) == 1
    assert len(page.app.sandbox.requests(page.member, host=RUPLOAD)) == 1


def test_a_reel_too_many_of_one_day_waits(
    page: Account, platform: Facebook, mp4: Callable[[int], bytes]
) -> None:
    set_up(page, reels_per_day=1)
    page.publish(Content("one", (upright(mp4(50_000)),), {"reel": True}))
    with pytest.raises((TryLater, Rejected)):
        page.publish(Content("two", (upright(mp4(50_001)),), {"reel": True}))
    assert len(page.posts) == 1


def test_no_byte_and_no_token_goes_to_an_upload_address_elsewhere(
    page: Account, mp4: Callable[[int], bytes]
) -> None:
    content = Content("look", (upright(mp4(50_000)),), {"reel": True})
    body = {"video_id": "1", "upload_url": "https://evil.example/upload"}
    page.order({"status": 200, "body": body}, path="*/video_reels")
    with pytest.raises(Rejected, match="outside Meta") as refused:
        page.prepare(content)
    assert refused.value.error_class == "unexpected_upload_url"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/upload", "http://rupload.facebook.com/upload", "https://facebook.com.evil.example/",
        "https://evilfacebook.com/", "https://rupload.facebook.com@evil.example/", "//evil.example/", "/upload",
        "https://[", "ftp://rupload.facebook.com/",
    ],
)  # fmt: skip
def test_an_upload_address_has_to_be_metas(url: str) -> None:
    nowhere = PlatformHttp("http://127.0.0.1:9")
    graph = Graph(nowhere, "v26.0", "s", title="Facebook")
    with pytest.raises(Rejected, match="outside Meta"):
        graph.upload("POST", url, "token")
    with pytest.raises(NotSent):
        graph.upload("POST", "https://rupload.facebook.com/video-upload/v26.0/1", "token")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("*/video_reels", {}), ("*/video_reels", {"video_id": "1"}), ("*/video_reels", []),
        ("/video-upload/*", {"success": False}), ("/video-upload/*", {}),
    ],
)  # fmt: skip
def test_an_answer_without_what_was_asked_for_is_no_answer(
    page: Account, mp4: Callable[[int], bytes], path: str, body: Any
) -> None:
    page.order({"status": 200, "body": body}, method="POST", path=path)
    with pytest.raises(NoAnswer):
        page.prepare(Content("look", (upright(mp4(50_000)),), {"reel": True}))


@pytest.mark.parametrize(
    ("path", "body"),
    [("*/uploads", {}), ("*/uploads", {"id": "elsewhere"}), ("*/photos", {}), ("*/photos", {"id": ""})],
)  # fmt: skip
def test_an_upload_without_a_name_is_no_answer(
    page: Account, mp4: Callable[[int], bytes], path: str, body: Any
) -> None:
    file = film(mp4(50_000)) if path == "*/uploads" else attachment("image", picture())
    page.order({"status": 200, "body": body}, method="POST", path=path)
    with pytest.raises(NoAnswer):
        page.prepare(Content("look", (file,)))


# ------------------------------------------------------------------------------------ reading back


def found(page: Account, content: Content, since: datetime = LONG_AGO) -> list[Seen]:
    """What reading back makes of it."""
    platform = page.app.platform
    assert isinstance(platform, Facebook)
    seen = platform.recent_posts(page.tokens, page.identity, since=since)
    text = platform.render(content).parts[0].text
    return matching(seen, text, len(content.attachments), since)


@pytest.mark.parametrize("files", [0, 1, 2])
@pytest.mark.parametrize("accept", [True, False])
@pytest.mark.parametrize("order", [{"drop": True}, {"status": 500}, {"status": 503, "retry_after": 5}])  # fmt: skip
def test_what_nobody_knows_of_is_found_by_reading_back(
    page: Account, platform: Facebook, order: dict[str, Any], accept: bool, files: int
) -> None:
    images = tuple(attachment("image", picture(n * 50)) for n in range(files))
    content = Content("Good (morning) #all\n\nשלום 🏳️‍🌈", images)
    notes = Kept()
    prepared = page.prepare(content, notes)
    page.order({**order, "accept": accept}, path="*/feed")
    with pytest.raises((NoAnswer, OutcomeUnknown)):
        platform.publish(page.tokens, prepared, notes)
    assert platform.absence_is_proof
    seen = found(page, content)
    assert [one.external_id for one in seen] == [post["urn"] for post in page.posts]
    assert len(seen) == accept


def test_all_posts_are_seen_however_many_and_with_their_addresses(
    page: Account, platform: Facebook
) -> None:
    made = [page.publish(Content(f"Number {n}")) for n in range(3)]
    page.app.sandbox.tell("clock", advance_seconds=60, member=page.member)
    made += [page.publish(Content(f"Number {n}")) for n in range(3, 104)]
    seen = platform.recent_posts(page.tokens, page.identity, since=LONG_AGO)
    assert [one.external_id for one in reversed(seen)] == [one.external_id for one in made]
    assert [one.external_url for one in reversed(seen)] == [one.external_url for one in made]
    newest = max(one.created_at for one in seen)
    assert len(platform.recent_posts(page.tokens, page.identity, since=newest)) <= 101


def test_a_post_that_shows_late_is_not_seen_at_first(page: Account) -> None:
    set_up(page, readback_seconds=60)
    page.publish(Content("Late"))
    assert found(page, Content("Late")) == []
    page.app.sandbox.tell("clock", advance_seconds=61, member=page.member)
    assert len(found(page, Content("Late"))) == 1


def test_others_posts_are_not_seen(page: Account) -> None:
    page.app.connect("Grace Hopper").publish(Content("Hers"))
    assert found(page, Content("Hers")) == []


@pytest.mark.parametrize(
    "body",
    [
        "<html>", {"data": "none"}, [], {"data": [1]}, {"data": [{"id": "1_2"}]}, {"data": [{"created_time": "2026-11-28T05:00:00+0000"}]},
        {"data": [{"id": "1_2", "created_time": "yesterday"}]},
    ],
)  # fmt: skip
def test_a_listing_that_cannot_be_read_proves_no_absence(page: Account, body: Any) -> None:
    page.order({"status": 200, "body": body}, method="GET", path="*/published_posts")
    with pytest.raises(NoAnswer):
        found(page, Content("a"))


def test_a_listing_without_end_proves_no_absence(page: Account) -> None:
    address = f"https://evil.example/v26.0/me?access_token={page.tokens.access_token}&after=x"
    body = {"data": [], "paging": {"next": address}}
    page.order({"status": 200, "body": body}, method="GET", path="*/published_posts", times=50)
    with pytest.raises(NoAnswer, match="no end"):
        found(page, Content("a"))


def test_reading_without_the_permission_asks_its_owner(page: Account, platform: Facebook) -> None:
    made = page.app.sandbox.tell(
        "tokens", platform="facebook", client_id=page.app.client_id, member=page.member, scopes=["pages_manage_posts"]
    )["tokens"][0]  # fmt: skip
    with pytest.raises(Reconnect, match="permission is missing"):
        platform.recent_posts(Tokens(made["access_token"], None), page.identity, since=LONG_AGO)
