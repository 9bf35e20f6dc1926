"""Uploads to X, and rows 17 to 20 of what it must reject (platform facts 2.4, 2.9)."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest
import requests
from PIL import Image

from local.sandbox.driver import Sandbox
from local.sandbox.x.calling import XCaller

DAY = 86_400
MakeVideo = Callable[..., bytes]


def picture(kind: str, frames: int = 1, size: tuple[int, int] = (40, 30)) -> bytes:
    images = [Image.new("RGB", size, (n % 256, n // 256, 90)) for n in range(frames)]
    data = io.BytesIO()
    images[0].save(data, kind, save_all=frames > 1, append_images=images[1:])
    return data.getvalue()


def assert_invalid(answer: requests.Response, parameter: str | None = None) -> str:
    body = answer.json()
    assert (answer.status_code, body["status"]) == (400, 400), body
    assert body["type"].endswith("/invalid-request")
    if parameter is not None:
        assert parameter in body["errors"][0]["parameters"], body
    message: str = body["errors"][0]["message"]
    return message


def started(caller: XCaller, size: int, kind: str = "video/mp4", of: str = "tweet_video") -> str:
    answer = caller.initialize(size, kind, of)
    assert answer.status_code == 200, answer.text
    urn: str = answer.json()["data"]["id"]
    return urn


def test_a_picture_goes_up_in_segments_and_is_posted(sandbox: Sandbox, xan: XCaller) -> None:
    data = picture("PNG", size=(300, 200)) + bytes(1_500_000)
    answer = xan.initialize(len(data), "image/png", "tweet_image")
    body = answer.json()["data"]
    assert set(body) == {"id", "media_key", "expires_after_secs"}
    assert (body["id"].isdecimal(), body["expires_after_secs"]) == (True, DAY)
    assert answer.headers["x-rate-limit-limit"] == "1875"
    for index, first in enumerate((0, 1_000_000)):
        segment = data[first : first + 1_000_000]
        assert xan.append(body["id"], index, segment).status_code == 200
    finished = xan.finalize(body["id"]).json()["data"]
    assert finished["id"] == body["id"]
    assert "processing_info" not in finished
    xan.posted("Look", media={"media_ids": [body["id"]]})
    post = sandbox.posts(xan.member)[0]
    assert post["kind"] == "image"
    (media,) = post["media"]
    assert (media["width"], media["height"], media["mime"]) == (300, 200, "image/png")
    assert media["sha256"] == hashlib.sha256(data).hexdigest()
    stored = requests.get(f"{sandbox.url}/_control/media/{body['id']}", timeout=10)
    assert stored.content == data


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_small_picture_goes_up_in_one_call(sandbox: Sandbox, xan: XCaller, kind: str) -> None:
    data = picture(kind)
    answer = xan.one_shot(data)
    assert answer.status_code == 200
    assert answer.headers["x-rate-limit-limit"] == "500"
    xan.posted(None, media={"media_ids": [answer.json()["data"]["id"]]})
    (media,) = sandbox.posts(xan.member)[0]["media"]
    assert media["sha256"] == hashlib.sha256(data).hexdigest()
    assert media["mime"] == f"image/{kind.lower()}"


def test_a_segment_can_be_json(xan: XCaller, png: bytes) -> None:
    urn = started(xan, len(png), "image/png", "tweet_image")
    path = f"/2/media/upload/{urn}/append"
    for media in ("no base64!", 7):
        body = {"segment_index": 0, "media": media}
        assert_invalid(xan.call("POST", path, json=body), "media")
    body = {"segment_index": 0, "media": base64.b64encode(png).decode()}
    assert xan.call("POST", path, json=body).status_code == 200
    assert xan.finalize(urn).status_code == 200


def test_a_segment_can_be_sent_again_and_finalize_too(
    sandbox: Sandbox, xan: XCaller, png: bytes
) -> None:
    urn = started(xan, len(png), "image/png", "tweet_image")
    for _ in range(2):
        assert xan.append(urn, 0, png).status_code == 200
    answers = [xan.finalize(urn).json()["data"]["id"] for _ in range(2)]
    assert answers == [urn, urn]
    assert_invalid(xan.append(urn, 0, png), "id")


def test_a_video_is_processed_before_it_can_be_posted(
    sandbox: Sandbox, xan: XCaller, mp4: MakeVideo
) -> None:
    sandbox.tell("settings", platform="x", member=xan.member, processing_seconds=60)
    data = mp4(1_200_000, 5.0, codec=b"avc1")
    answer = xan.upload(data, "video/mp4", "tweet_video").json()["data"]
    urn = answer["id"]
    assert answer["processing_info"] == {"state": "pending", "check_after_secs": 5}
    media = {"media_ids": [urn]}
    assert_invalid(xan.create("Watch", media=media), "media.media_ids")
    sandbox.tell("clock", advance_seconds=40, member=xan.member)
    info = xan.status(urn).json()["data"]["processing_info"]
    assert (info["state"], info["check_after_secs"]) == ("in_progress", 5)
    assert 50 <= info["progress_percent"] < 100
    assert_invalid(xan.create("Watch", media=media), "media.media_ids")
    sandbox.tell("clock", advance_seconds=20, member=xan.member)
    info = xan.status(urn).json()["data"]["processing_info"]
    assert info == {"state": "succeeded", "progress_percent": 100}
    xan.posted("Watch", media=media)
    post = sandbox.posts(xan.member)[0]
    assert (post["kind"], post["media"][0]["seconds"]) == ("video", 5.0)


def test_processing_can_fail(sandbox: Sandbox, xan: XCaller, mp4: MakeVideo) -> None:
    sandbox.tell("settings", platform="x", member=xan.member, processing_fails=True)
    data = mp4(100_000, 5.0, codec=b"avc1")
    urn = xan.upload(data, "video/mp4", "tweet_video").json()["data"]["id"]
    info = xan.status(urn).json()["data"]["processing_info"]
    assert info["state"] == "failed"
    assert info["error"]["message"]
    assert_invalid(xan.create("Watch", media={"media_ids": [urn]}), "media.media_ids")


@pytest.mark.parametrize(
    ("seconds", "codec", "size"),
    [
        (0.4, b"avc1", (64, 48)),
        (141.0, b"avc1", (64, 48)),
        (5.0, b"mp4v", (64, 48)),
        (5.0, b"avc1", (30, 48)),
        (5.0, b"avc1", (1920, 1080)),
        (5.0, b"avc1", (720, 1280)),
        (5.0, b"avc1", (640, 200)),
    ],
    ids=["short", "long", "codec", "small", "large", "high", "ratio"],
)
def test_a_video_outside_its_limits_fails_in_processing(
    xan: XCaller, mp4: MakeVideo, seconds: float, codec: bytes, size: tuple[int, int]
) -> None:
    data = mp4(50_000, seconds, codec=codec, size_in_pixels=size)
    answer = xan.upload(data, "video/mp4", "tweet_video")
    assert answer.status_code == 200
    assert answer.json()["data"]["processing_info"]["state"] == "failed"


def test_a_gif_is_one_per_post(sandbox: Sandbox, xan: XCaller) -> None:
    data = picture("GIF", frames=3)
    first, second = (
        xan.upload(data, "image/gif", "tweet_gif").json()["data"]["id"] for _ in range(2)
    )
    assert_invalid(xan.create("Two", media={"media_ids": [first, second]}))
    xan.posted("One", media={"media_ids": [first]})
    post = sandbox.posts(xan.member)[0]
    assert (post["kind"], post["media"][0]["frames"]) == ("gif", 3)


@pytest.mark.parametrize(
    ("frames", "size"), [(351, (8, 8)), (2, (1281, 10)), (2, (10, 1081))], ids=str
)
def test_a_gif_outside_its_limits_fails(xan: XCaller, frames: int, size: tuple[int, int]) -> None:
    data = picture("GIF", frames, size)
    answer = xan.upload(data, "image/gif", "tweet_gif").json()["data"]
    assert answer["processing_info"]["state"] == "failed"


def test_a_moving_picture_is_no_image(xan: XCaller) -> None:
    assert "tweet_gif" in assert_invalid(xan.one_shot(picture("GIF", frames=2)))


@pytest.mark.parametrize(
    ("index", "why"),
    [("1000", "0 to 999"), ("-1", "whole"), ("x", "whole"), ("", "whole"), ("1", "next is 0")],
)
def test_row_17_a_segment_index_out_of_range_or_order_is_400(
    xan: XCaller, index: str, why: str
) -> None:
    urn = started(xan, 2_000_000)
    assert why in assert_invalid(xan.append(urn, index, b"data"), "segment_index")


def test_row_17_a_segment_too_large_is_an_empty_413(sandbox: Sandbox, xan: XCaller) -> None:
    urn = started(xan, 6_000_000)
    for size in (5_000_000, 1_048_577):
        answer = xan.append(urn, 0, bytes(size))
        assert (answer.status_code, answer.content) == (413, b"")
    assert xan.append(urn, 0, bytes(1_048_576)).status_code == 200
    sandbox.tell("settings", platform="x", member=xan.member, segment_bytes=4_000_000)
    assert xan.append(urn, 1, bytes(3_000_000)).status_code == 200


def test_row_17_a_segment_without_bytes_is_400(xan: XCaller) -> None:
    urn = started(xan, 100)
    path = f"/2/media/upload/{urn}/append"
    assert_invalid(xan.call("POST", path, data={"segment_index": "0"}), "media")
    assert_invalid(xan.append(urn, 0, b""), "media")


@pytest.mark.parametrize("off", [-1, 1])
def test_row_18_finalize_with_other_bytes_than_announced_is_400(
    xan: XCaller, png: bytes, off: int
) -> None:
    urn = started(xan, len(png) + off, "image/png", "tweet_image")
    assert xan.append(urn, 0, png).status_code == 200
    assert_invalid(xan.finalize(urn), "total_bytes")
    assert_invalid(xan.create("Look", media={"media_ids": [urn]}), "media.media_ids")


@pytest.mark.parametrize(
    ("size", "kind", "category", "named"),
    [
        (5_000_001, "image/jpeg", "tweet_image", "total_bytes"),
        (15_000_001, "image/gif", "tweet_gif", "total_bytes"),
        (512_000_001, "video/mp4", "tweet_video", "total_bytes"),
        (0, "image/png", "tweet_image", "total_bytes"),
        ("10", "image/png", "tweet_image", "total_bytes"),
        (10, "image/bmp", "tweet_image", "media_type"),
        (10, "video/mp4", "tweet_image", "media_type"),
        (10, "image/png", "tweet_video", "media_type"),
        (10, "image/png", "tweet_gif", "media_type"),
        (10, "video/webm", "tweet_video", "media_type"),
        (10, "image/png", "profile", "media_category"),
    ],
)
def test_row_19_media_that_x_does_not_take_is_refused_at_once(
    xan: XCaller, size: Any, kind: str, category: str, named: str
) -> None:
    assert_invalid(xan.initialize(size, kind, category), named)


def test_row_19_a_picture_above_5_mb_is_refused_in_one_call(xan: XCaller) -> None:
    assert_invalid(xan.one_shot(picture("PNG") + bytes(5_000_000)), "total_bytes")


def test_row_19_bytes_that_are_not_what_was_announced_are_refused(
    xan: XCaller, mp4: MakeVideo
) -> None:
    assert_invalid(xan.upload(picture("JPEG"), "image/png", "tweet_image"))
    assert_invalid(xan.upload(b"no picture", "image/png", "tweet_image"))
    assert_invalid(xan.one_shot(b"no picture"))
    assert_invalid(xan.one_shot(picture("PNG"), "tweet_video"), "media_category")
    video = xan.upload(picture("PNG"), "video/mp4", "tweet_video").json()["data"]
    assert video["processing_info"]["state"] == "failed"


def test_an_initialize_with_unknown_or_missing_fields_is_400(xan: XCaller) -> None:
    body = {"media_type": "image/png", "total_bytes": 9, "media_category": "tweet_image"}
    path = "/2/media/upload/initialize"
    assert_invalid(xan.call("POST", path, json=body | {"name": "x"}), "name")
    for field in body:
        less = {name: value for name, value in body.items() if name != field}
        assert_invalid(xan.call("POST", path, json=less), field)


def described(caller: XCaller, urn: str, text: Any) -> requests.Response:
    body = {"id": urn, "metadata": {"alt_text": {"text": text}}}
    return caller.call("POST", "/2/media/metadata", json=body)


def test_alt_text_goes_with_the_picture(sandbox: Sandbox, xan: XCaller, png: bytes) -> None:
    urn, plain = xan.picture(png), xan.picture(png)
    answer = described(xan, urn, "A teal field")
    assert answer.status_code == 200
    assert answer.json()["data"]["id"] == urn
    xan.posted("Look", media={"media_ids": [urn, plain]})
    post = sandbox.posts(xan.member)[0]
    assert post["kind"] == "multiImage"
    assert [media["alt_text"] for media in post["media"]] == ["A teal field", None]


def test_row_20_alt_text_ends_at_1000_characters(xan: XCaller, png: bytes) -> None:
    urn = xan.picture(png)
    assert described(xan, urn, "日" * 1000).status_code == 200
    assert_invalid(described(xan, urn, "a" * 1001), "metadata.alt_text.text")
    assert_invalid(described(xan, urn, 7), "metadata.alt_text.text")


def test_uploads_of_others_and_old_ones_are_not_found(
    sandbox: Sandbox, xan: XCaller, xia: XCaller, png: bytes
) -> None:
    urn = started(xan, len(png), "image/png", "tweet_image")
    assert_invalid(xan.status(urn), "media_id")
    for answer in (
        xia.append(urn, 0, png),
        xia.finalize(urn),
        xia.status(urn),
        described(xia, urn, "Mine"),
    ):
        assert answer.status_code == 404
    sandbox.tell("clock", advance_seconds=DAY + 1, member=xan.member)
    fresh = XCaller.new(sandbox, member=xan.member)
    assert fresh.append(urn, 0, png).status_code == 404


def test_only_status_is_a_command(xan: XCaller, png: bytes) -> None:
    urn = xan.picture(png)
    path = f"/2/media/upload?command=APPEND&media_id={urn}"
    assert_invalid(xan.call("GET", path), "command")
    assert_invalid(xan.call("POST", "/2/media/upload?command=INIT"), "command")
