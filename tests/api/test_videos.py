"""A video with the place where it was filmed, from the upload to the platform."""

from __future__ import annotations

import hashlib
import io
import struct
from base64 import urlsafe_b64decode
from typing import Any

import requests

from backend.links import MediaLinks
from backend.media import erase_place
from backend.sealing import Sealer
from local.stack import Stack
from tests.api.conftest import Browser
from tests.unit.media.conftest import _mp4 as mp4
from tests.waiting import until

HERE = b"+48.8584+002.2945/"


def filmed() -> tuple[bytes, bytes]:
    """An MP4 that says where it was filmed, and the same when it does not any more."""
    place = struct.pack(">HH", len(HERE), 0x15C7) + HERE
    box = struct.pack(">I4s", 8 + len(place), b"\xa9xyz") + place
    padding = struct.pack(">I4s", 80_008, b"free") + b"\x55" * 80_000
    data = mp4(seconds=4) + padding + struct.pack(">I4s", 8 + len(box), b"udta") + box
    return data, data[: -len(box)] + box[:4] + b"free" + bytes(len(place))


def upload(ada: Browser, data: bytes) -> tuple[str, str]:
    """The id of a video that was looked at, and its path."""
    assert ada.person
    path = f"{ada.person.id}/film.mp4"
    answer = ada.person.storage("POST", f"object/media/{path}", data, Content_Type="video/mp4")
    assert answer.status_code == 200, answer.text
    media: str = ada.insert("media", {"path": path})["id"]
    until(lambda: ada.row("media", media)["status"] == "ready", "the video to be looked at")
    return media, path


def test_what_is_published_does_not_say_where_it_was_filmed(ada: Browser) -> None:
    data, without = filmed()
    media, path = upload(ada, data)
    row: dict[str, Any] = ada.row("media", media)
    assert (row["kind"], row["codec"], row["frame_rate"]) == ("video", "H.264", 5.0)
    member = ada.new_member()
    post = ada.write("look", ada.connect(member))
    ada.insert("post_media", {"post_id": post, "media_id": media})
    (shown,) = ada.call("GET", f"/api/posts/{post}/preview").json()["targets"]
    assert [(file["codec"], file["frame_rate"]) for file in shown["media"]] == [("H.264", 5.0)]
    answer = ada.call("POST", f"/api/posts/{post}/publish", headers={"Prefer": "wait=30"})
    assert answer.json()["status"] == "published", answer.text
    (received,) = ada.sandbox.posts(member)
    (video,) = received["media"]
    assert video["sha256"] == hashlib.sha256(without).hexdigest()
    assert ada.person
    original = ada.person.storage("GET", f"object/media/{path}")
    assert (original.status_code, original.content) == (200, data)


def test_nor_does_what_a_platform_fetches(ada: Browser, stack: Stack) -> None:
    data, without = filmed()
    _, path = upload(ada, data)
    keys = stack.backend_env()["TOKEN_KEYS"].split(",")
    sealer = Sealer([urlsafe_b64decode(f"{key}{'=' * (-len(key) % 4)}") for key in keys])
    address = MediaLinks(sealer, ada.api_url).address(path, "video/mp4")
    whole = requests.get(address, timeout=30)
    assert (whole.content, whole.headers["Content-Length"]) == (without, str(len(without)))
    part = requests.get(address, headers={"Range": f"bytes={len(data) - 30}-"}, timeout=30)
    assert (part.status_code, part.content) == (206, without[-30:])


def test_the_two_files_are_what_they_say() -> None:
    data, without = filmed()
    file = io.BytesIO(data)
    assert erase_place(file, "video/mp4") == ("location removed",)
    assert file.getvalue() == without
    assert HERE in data
    assert HERE not in without
