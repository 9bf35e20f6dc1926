"""What TikTok takes: videos, photos and drafts, from the init call to what readers see."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import pytest
import requests

from local.sandbox.driver import Sandbox
from local.sandbox.tiktok.driver import TikToker
from tests.sandbox.tiktok_files import FileServer, photo, video

BIG = 2**53


def state_of(caller: TikToker, publish_id: str) -> dict[str, Any]:
    body = caller.status(publish_id).json()
    assert body["error"]["code"] == "ok", body
    data: dict[str, Any] = body["data"]
    return data


def code_of(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_creator_info_tells_what_the_account_may_do(tia: TikToker) -> None:
    assert tia.creator_info().json()["data"]["privacy_level_options"] == [
        "PUBLIC_TO_EVERYONE",
        "MUTUAL_FOLLOW_FRIENDS",
        "SELF_ONLY",
    ]
    tia.set(private=True, duet_disabled=True, max_video_post_duration_sec=60)
    body = tia.creator_info().json()
    assert body["error"]["code"] == "ok"
    assert body["data"].pop("creator_avatar_url").startswith("https://")
    assert body["data"] == {
        "creator_username": tia.member.replace("-", "_"),
        "creator_nickname": "Tia Example",
        "privacy_level_options": ["FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"],
        "comment_disabled": False,
        "duet_disabled": True,
        "stitch_disabled": False,
        "max_video_post_duration_sec": 60,
    }


def test_a_video_goes_up_in_chunks_and_is_kept_with_all_a_reader_sees(
    sandbox: Sandbox, tia: TikToker
) -> None:
    size, chunk = 16_000_000, 5_500_000
    data = video(size)
    tia.creator_info().raise_for_status()
    source = tia.file(size, chunk_size=chunk, total_chunk_count=2)
    title = "Guten #Morgen_2 @nia.ü 😀"
    answer = tia.init_video(source, title=title, disable_duet=True, is_aigc=True)
    assert code_of(answer) == (200, "ok")
    begun = answer.json()["data"]
    assert begun["publish_id"].startswith("v_pub_file~")
    assert begun["upload_url"].startswith("https://open-upload.tiktokapis.com/")
    assert state_of(tia, begun["publish_id"]) == {"status": "PROCESSING_UPLOAD"}
    assert tia.put(begun["upload_url"], data[:chunk], 0, size).status_code == 206
    assert sandbox.posts(tia.member) == []
    assert tia.put(begun["upload_url"], data[chunk:], chunk, size).status_code == 201
    (post,) = sandbox.posts(tia.open_id)
    assert (post["urn"], post["author"]) == (begun["publish_id"], tia.open_id)
    assert (post["kind"], post["visibility"]) == ("video", "PUBLIC_TO_EVERYONE")
    assert (post["commentary"], post["visible_text"]) == (title, title)
    assert post["pieces"] == [
        ["text", "Guten "],
        ["hashtag", "#Morgen_2"],
        ["text", " "],
        ["mention", "@nia.ü"],
        ["text", " 😀"],
    ]
    assert post["content"]["post_info"]["disable_duet"] is True
    assert post["content"]["inbox"] is False
    assert post["defects"] == []
    (media,) = post["media"]
    assert media["sha256"] == hashlib.sha256(data).hexdigest()
    assert (media["width"], media["height"], media["seconds"]) == (720, 1280, 5.0)
    public_id = state_of(tia, begun["publish_id"])["publicaly_available_post_id"][0]
    assert public_id > BIG
    assert post["content"]["post_id"] == str(public_id)
    served = requests.get(f"{sandbox.url}/_control/media/{media['urn']}", timeout=10)
    assert (served.content, served.headers["Content-Type"]) == (data, "video/mp4")
    address = f"https://www.tiktok.com/@{post['content']['username']}/video/{public_id}"
    page = requests.get(sandbox.at(address), timeout=10)
    assert "#Morgen_2" in page.text


def test_a_photo_post_has_title_and_description(
    sandbox: Sandbox, tia: TikToker, serving: FileServer
) -> None:
    files = [photo(), photo("WEBP", (1080, 1920)), photo(shade=200)]
    urls = [serving.put(f"/media/{n}.jpg", data) for n, data in enumerate(files)]
    tia.creator_info()
    info = tia.info(title="Three", description="of a #kind", privacy_level="SELF_ONLY")
    answer = tia.init_photos(*urls, info=info)
    assert code_of(answer) == (200, "ok")
    assert set(answer.json()["data"]) == {"publish_id"}
    (post,) = sandbox.posts(tia.member)
    assert post["urn"] == answer.json()["data"]["publish_id"]
    assert (post["kind"], post["visibility"]) == ("multiImage", "SELF_ONLY")
    assert post["visible_text"] == "Three\nof a #kind"
    digests = [hashlib.sha256(data).hexdigest() for data in files]
    assert [media["sha256"] for media in post["media"]] == digests
    assert [media["mime"] for media in post["media"]] == ["image/jpeg", "image/webp", "image/jpeg"]
    assert state_of(tia, post["urn"]) == {"status": "PUBLISH_COMPLETE"}
    page = requests.get(f"{sandbox.url}/post/{post['urn']}", timeout=10)
    assert page.text.count("<figure>") == 3


def test_a_video_is_pulled_from_a_verified_prefix(
    sandbox: Sandbox, tia: TikToker, serving: FileServer
) -> None:
    data = video()
    url = serving.put("/media/clip.mp4?signed=1", data)
    tia.creator_info()
    publish_id = tia.init_video({"source": "PULL_FROM_URL", "video_url": url}).json()["data"]
    assert set(publish_id) == {"publish_id"}
    (post,) = sandbox.posts(tia.member)
    assert post["media"][0]["sha256"] == hashlib.sha256(data).hexdigest()
    assert serving.asked == ["/media/clip.mp4?signed=1"]


def test_a_pull_that_takes_long_is_answered_before_it_ends(
    sandbox: Sandbox, tia: TikToker, serving: FileServer
) -> None:
    url = serving.put("/media/clip.mp4", video())
    serving.open.clear()
    answer = tia.init_video({"source": "PULL_FROM_URL", "video_url": url})
    publish_id = answer.json()["data"]["publish_id"]
    assert state_of(tia, publish_id) == {"status": "PROCESSING_DOWNLOAD"}
    serving.open.set()
    assert sandbox.wait(posts=1, member=tia.member)
    assert state_of(tia, publish_id)["status"] == "PUBLISH_COMPLETE"


def test_a_pull_does_not_follow_redirects(
    sandbox: Sandbox, tia: TikToker, serving: FileServer
) -> None:
    serving.moved["/media/a.mp4"] = serving.put("/media/b.mp4", video())
    url = f"{serving.url}/media/a.mp4"
    answer = tia.init_video({"source": "PULL_FROM_URL", "video_url": url})
    failed = {"status": "FAILED", "fail_reason": "video_pull_failed"}
    assert state_of(tia, answer.json()["data"]["publish_id"]) == failed
    assert serving.asked == ["/media/a.mp4"]
    answer = tia.init_photos(url, f"{serving.url}/media/none.jpg")
    failed["fail_reason"] = "photo_pull_failed"
    assert state_of(tia, answer.json()["data"]["publish_id"]) == failed
    assert sandbox.posts(tia.member) == []


@pytest.mark.parametrize("source", ["file", "pull", "photos"])
def test_a_draft_goes_to_the_inbox(
    sandbox: Sandbox, tia: TikToker, serving: FileServer, source: str
) -> None:
    data = video()
    if source == "file":
        publish_id = tia.finish(tia.init_draft(tia.file(len(data))), data)
    elif source == "pull":
        url = serving.put("/media/1", data)
        answer = tia.init_draft({"source": "PULL_FROM_URL", "video_url": url})
        publish_id = answer.json()["data"]["publish_id"]
    else:
        url = serving.put("/media/1", photo())
        answer = tia.init_photos(url, post_mode="MEDIA_UPLOAD", info={"title": "Draft"})
        publish_id = answer.json()["data"]["publish_id"]
    assert "_inbox_" in publish_id
    assert state_of(tia, publish_id) == {"status": "SEND_TO_USER_INBOX"}
    (post,) = sandbox.posts(tia.member)
    assert (post["urn"], post["visibility"]) == (publish_id, "INBOX")
    assert (post["content"]["inbox"], post["content"]["post_id"]) == (True, None)


def test_a_video_draft_has_only_its_source(tia: TikToker) -> None:
    body = {"source_info": tia.file(1000), "post_info": tia.info()}
    answer = tia.call("POST", "post/publish/inbox/video/init/", json=body)
    assert code_of(answer) == (400, "invalid_params")


def test_processing_takes_its_time(sandbox: Sandbox, tia: TikToker) -> None:
    tia.set(processing_seconds=600, moderation_seconds=60)
    publish_id = tia.publish(video())
    assert state_of(tia, publish_id) == {"status": "PROCESSING_UPLOAD"}
    assert sandbox.posts(tia.member) == []
    tia.pass_time(601)
    assert len(sandbox.posts(tia.member)) == 1
    assert state_of(tia, publish_id) == {"status": "PUBLISH_COMPLETE"}
    tia.pass_time(61)
    assert len(state_of(tia, publish_id)["publicaly_available_post_id"]) == 1


def test_a_post_appears_without_anybody_asking(sandbox: Sandbox, tia: TikToker) -> None:
    tia.set(processing_seconds=0.1)
    tia.publish(video())
    assert sandbox.wait(posts=1, member=tia.member)


@pytest.mark.parametrize("level", ["MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"])
def test_only_a_public_post_gets_a_public_id(tia: TikToker, level: str) -> None:
    publish_id = tia.publish(video(), privacy_level=level)
    assert state_of(tia, publish_id) == {"status": "PUBLISH_COMPLETE"}


@pytest.mark.parametrize("reason", ["internal", "spam_risk", "picture_size_check_failed"])
def test_processing_can_be_told_to_fail(sandbox: Sandbox, tia: TikToker, reason: str) -> None:
    tia.set(fail_reason=reason)
    publish_id = tia.publish(video())
    assert state_of(tia, publish_id) == {"status": "FAILED", "fail_reason": reason}
    assert sandbox.posts(tia.member) == []
    tia.set(fail_reason=None)
    tia.publish(video())
    assert len(sandbox.posts(tia.member)) == 1


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({"codec": b"mp4v"}, "file_format_check_failed"),
        ({"seconds": 601.0}, "duration_check_failed"),
        ({"fps": 20.0}, "frame_rate_check_failed"),
        ({"fps": 100.0}, "frame_rate_check_failed"),
        ({"sides": (358, 640)}, "picture_size_check_failed"),
        ({"sides": (360, 4098)}, "picture_size_check_failed"),
    ],
)
def test_a_video_outside_the_limits_fails(tia: TikToker, made: dict[str, Any], reason: str) -> None:
    publish_id = tia.publish(video(30_000, **made))
    assert state_of(tia, publish_id) == {"status": "FAILED", "fail_reason": reason}


def test_what_is_no_video_fails(tia: TikToker) -> None:
    failed = {"status": "FAILED", "fail_reason": "file_format_check_failed"}
    for data in (b"no video" * 1000, photo(), video()[:200]):
        assert state_of(tia, tia.publish(data)) == failed


def test_a_video_longer_than_the_creator_may_post_fails(tia: TikToker) -> None:
    tia.set(max_video_post_duration_sec=4)
    failed = {"status": "FAILED", "fail_reason": "duration_check_failed"}
    assert state_of(tia, tia.publish(video(seconds=5.0))) == failed


def _element(number: bytes, data: bytes) -> bytes:
    return number + struct.pack(">Q", len(data) | 1 << 56) + data


def webm() -> bytes:
    """Matroska's beginning (RFC 9559): one VP9 track of 720 by 1280, five seconds."""
    kind = (
        _element(b"\x42\x82", b"webm") + _element(b"\x42\x87", b"\2") + _element(b"\x42\x85", b"\2")
    )
    scale = _element(b"\x2a\xd7\xb1", (1_000_000).to_bytes(4, "big"))
    info = _element(b"\x15\x49\xa9\x66", scale + _element(b"\x44\x89", struct.pack(">d", 5000.0)))
    sides = _element(b"\xb0", (720).to_bytes(2, "big")) + _element(
        b"\xba", (1280).to_bytes(2, "big")
    )
    track = _element(b"\xd7", b"\1") + _element(b"\x73\xc5", b"\1") + _element(b"\x83", b"\1")
    track += _element(b"\x86", b"V_VP9") + _element(b"\xe0", sides)
    tracks = _element(b"\x16\x54\xae\x6b", _element(b"\xae", track))
    return _element(b"\x1a\x45\xdf\xa3", kind) + _element(b"\x18\x53\x80\x67", info + tracks)


def test_mov_and_webm_are_taken_too(sandbox: Sandbox, tia: TikToker) -> None:
    tia.publish(video(brand=b"qt  "))
    tia.publish(webm())
    mimes = [post["media"][0]["mime"] for post in sandbox.posts(tia.member)]
    assert mimes == ["video/webm", "video/quicktime"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (photo("PNG"), "file_format_check_failed"),
        (photo()[:100], "file_format_check_failed"),
        (photo(size=(1081, 1081)), "picture_size_check_failed"),
        (photo(size=(100, 1921)), "picture_size_check_failed"),
        (b"x" * 20_000_001, "file_format_check_failed"),
    ],
)
def test_a_photo_outside_the_limits_fails(
    tia: TikToker, serving: FileServer, data: bytes, reason: str
) -> None:
    answer = tia.init_photos(serving.put("/media/1", photo()), serving.put("/media/2", data))
    failed = {"status": "FAILED", "fail_reason": reason}
    assert state_of(tia, answer.json()["data"]["publish_id"]) == failed


def test_cancel_works_while_it_is_processed(sandbox: Sandbox, tia: TikToker) -> None:
    tia.set(processing_seconds=600)
    publish_id = tia.publish(video())
    assert code_of(tia.cancel(publish_id)) == (200, "ok")
    failed = {"status": "FAILED", "fail_reason": "publish_cancelled"}
    assert state_of(tia, publish_id) == failed
    tia.pass_time(601)
    assert sandbox.posts(tia.member) == []
    assert code_of(tia.cancel(publish_id)) == (400, "publish_not_cancellable")
    tia.set(processing_seconds=0)
    assert code_of(tia.cancel(tia.publish(video()))) == (400, "publish_not_cancellable")


def test_removing_the_app_stops_what_is_processed(
    sandbox: Sandbox, tiktok: dict[str, str], tia: TikToker
) -> None:
    tia.set(processing_seconds=600)
    publish_id = tia.publish(video())
    sandbox.tell("tokens/revoke", platform="tiktok", member=tia.member)
    tia.pass_time(601)
    again = TikToker.new(sandbox, client_id=tiktok["client_id"], member=tia.member)
    failed = {"status": "FAILED", "fail_reason": "auth_removed"}
    assert state_of(again, publish_id) == failed


def test_creator_info_has_to_be_asked_before_each_direct_post(
    sandbox: Sandbox, tia: TikToker
) -> None:
    data = video()
    tia.publish(data)
    tia.finish(tia.init_video(tia.file(len(data))), data)
    second, first = sandbox.posts(tia.member)
    assert first["defects"] == []
    assert second["defects"] == ["creator_info was not asked before this post"]


def test_branded_content_cannot_be_for_oneself_only(tia: TikToker) -> None:
    info = {"privacy_level": "SELF_ONLY", "brand_content_toggle": True}
    assert code_of(tia.init_video(tia.file(1000), **info)) == (400, "invalid_params")
    info["privacy_level"] = "PUBLIC_TO_EVERYONE"
    assert tia.init_video(tia.file(1000), **info).ok


@pytest.mark.parametrize(
    "changed",
    [{"titel": "x"}, {"disable_duet": "yes"}, {"title": 5}, {"video_cover_timestamp_ms": -1}],
)
def test_a_field_that_is_not_documented_so_is_refused(
    tia: TikToker, changed: dict[str, Any]
) -> None:
    assert code_of(tia.init_video(tia.file(1000), **changed)) == (400, "invalid_params")


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "application/json; charset=latin-1", "text/plain"]
)
def test_a_body_that_is_not_json_in_utf8_is_refused(tia: TikToker, kind: str) -> None:
    answer = tia.call(
        "POST", "post/publish/video/init/", data=b"{}", headers={"Content-Type": kind}
    )
    assert code_of(answer) == (400, "invalid_params")


@pytest.mark.parametrize("data", [b"{", b"[]", b""])
def test_json_that_cannot_be_read_is_refused(tia: TikToker, data: bytes) -> None:
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    answer = tia.call("POST", "post/publish/video/init/", data=data, headers=headers)
    assert code_of(answer) == (400, "invalid_params")
