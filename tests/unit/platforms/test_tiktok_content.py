"""What TikTok takes, and what is refused before anything is sent: limits, options, and what the server's app may not do yet."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.core.errors import Rejected
from backend.core.platform_contract import Attachment, Content
from backend.platforms.tiktok_content import TikTokOptions, rendering, violations
from backend.platforms.tiktok_login import TikTokSettings
from backend.platforms.tiktok_media import PART_BYTES, parts, photo_source
from backend.settings import SettingsError, read_settings

PUBLIC = {"privacy_level": "PUBLIC_TO_EVERYONE"}


def file(kind: Any = "video", mime: str = "video/mp4", size: int = 1000, **more: Any) -> Attachment:
    return Attachment("m", kind, mime, size, None, "file", lambda: io.BytesIO(b"x"), **more)


VIDEO, PHOTO = (file(),), (file("image", "image/png"),)


def fields(content: Content, *, audited: bool = True, drafts: bool = True, pulls: bool = True) -> list[str]:  # fmt: skip
    return [v.field for v in violations(content, audited=audited, drafts=drafts, pulls=pulls)]


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ({}, False),
        ({"mime": "video/quicktime"}, False),
        ({"mime": "video/webm"}, False),
        ({"mime": "video/x-msvideo"}, True),
        ({"size": 4_000_000_000}, False),
        ({"size": 4_000_000_001}, True),
        ({"duration": 600.0}, False),
        ({"duration": 600.5}, True),
        ({"width": 360, "height": 4096}, False),
        ({"width": 359, "height": 640}, True),
        ({"width": 360, "height": 4097}, True),
    ],
)
def test_a_video_is_within_tiktoks_limits(more: dict[str, Any], refused: bool) -> None:
    assert fields(Content("a", (file(**more),))) == (["media"] if refused else [])


@pytest.mark.parametrize("kind", ["gif", "audio", "document"])
def test_other_files_are_not_taken(kind: str) -> None:
    assert "media" in fields(Content("a", (file(kind),)))


def test_nothing_goes_without_a_file_and_nothing_mixed() -> None:
    assert fields(Content("a")) == ["media"]
    assert fields(Content("a", VIDEO * 2)) == ["media"]
    assert fields(Content("a", VIDEO + PHOTO)) == ["media"]


@pytest.mark.parametrize("level", ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR"])  # fmt: skip
@pytest.mark.parametrize("files", [VIDEO, PHOTO])
def test_an_app_that_is_not_audited_publishes_for_the_owner_only(
    level: str, files: tuple[Attachment, ...]
) -> None:
    content = Content("a", files, {"privacy_level": level})
    assert fields(content) == []
    (violation,) = violations(content, audited=False, drafts=True, pulls=True)
    assert violation.field == "options.privacy_level"
    assert "has not audited" in violation.message
    assert "SELF_ONLY" in violation.message
    assert "private" in violation.message
    assert fields(Content("a", files), audited=False) == []
    assert fields(Content("a", files, {"inbox": True}), audited=False) == []


def test_what_the_server_was_not_given_is_refused_by_name() -> None:
    (drafts,) = violations(Content("a", VIDEO, {"inbox": True}), audited=True, drafts=False, pulls=True)  # fmt: skip
    assert "TIKTOK_INBOX" in drafts.message
    (pulls,) = violations(Content("a", PHOTO), audited=True, drafts=True, pulls=False)
    assert "TIKTOK_PULL_PREFIX" in pulls.message
    assert fields(Content("a", VIDEO), drafts=False, pulls=False) == []


def test_a_paid_partnership_is_for_others_to_see() -> None:
    assert fields(Content("a", VIDEO, {"brand_content_toggle": True})) == [
        "options.brand_content_toggle"
    ]
    assert fields(Content("a", VIDEO, {"brand_content_toggle": True, **PUBLIC})) == []
    assert fields(Content("a", VIDEO, {"brand_organic_toggle": True})) == []


@pytest.mark.parametrize(
    "options",
    [
        {"privacy_level": "EVERYBODY"},
        {"privacy_level": None},
        {"disable_duet": "yes"},
        {"disable_duet": 1},
        {"cover_timestamp_ms": -1},
        {"cover_timestamp_ms": 1.5},
        {"title": 7},
        {"visibility": "PUBLIC"},
    ],
)
def test_an_option_that_cannot_be_is_refused_by_name(options: dict[str, Any]) -> None:
    (name,) = options
    content = Content("a", VIDEO, options)
    assert fields(content) == [f"options.{name}"]
    assert rendering(content).privacy == "SELF_ONLY"


@pytest.mark.parametrize(
    ("files", "inbox", "taken"),
    [
        (VIDEO, False, {"privacy_level", "disable_comment", "disable_duet", "disable_stitch", "brand_content_toggle", "brand_organic_toggle", "is_aigc", "cover_timestamp_ms"}),
        (PHOTO, False, {"privacy_level", "disable_comment", "brand_content_toggle", "brand_organic_toggle", "auto_add_music", "title"}),
        (PHOTO, True, {"privacy_level", "disable_comment", "brand_content_toggle", "brand_organic_toggle", "auto_add_music", "title"}),
        (VIDEO, True, set()),
    ],
    ids=["video", "photos", "draft photos", "draft video"],
)  # fmt: skip
def test_what_could_not_be_sent_along_is_refused_rather_than_left_out(
    files: tuple[Attachment, ...], inbox: bool, taken: set[str]
) -> None:
    wishes: dict[str, Any] = dict.fromkeys(TikTokOptions.model_fields, True)
    wishes |= {**PUBLIC, "cover_timestamp_ms": 5, "title": "t", "inbox": inbox}
    refused = fields(Content("a", files, wishes))
    assert set(refused) == {f"options.{name}" for name in set(wishes) - taken - {"inbox"}}
    # as a form sends them that fills in what nobody chose
    unchosen = TikTokOptions(inbox=inbox).model_dump()
    assert fields(Content("a", files, unchosen)) == []


def test_every_option_tells_what_it_does() -> None:
    schema = TikTokOptions.model_json_schema()
    assert all(len(one["description"]) > 10 for one in schema["properties"].values())
    assert schema["properties"]["privacy_level"]["default"] == "SELF_ONLY"


def test_the_preview_counts_as_tiktok_does() -> None:
    (part,) = rendering(Content("look 🌷 #sun https://a.example/b", VIDEO, PUBLIC)).parts
    assert (part.length, part.max_length) == (32, 2200)
    assert part.hashtags == ("#sun",)
    assert part.links == ("https://a.example/b",)
    assert rendering(Content("a", PHOTO)).parts[0].max_length == 4000
    assert rendering(Content("a", VIDEO, PUBLIC)).privacy == "PUBLIC_TO_EVERYONE"


MB = 1_000_000


@given(st.integers(1, 100_000_000) | st.integers(1, 4_000_000_000))
@example(5 * MB)
@example(5 * 1024 * 1024)
@example(PART_BYTES)
@example(PART_BYTES + 1)
@example(64 * MB)
@example(64 * 1024 * 1024 + 1)
@example(4_000_000_000)
def test_any_size_is_cut_as_tiktok_wants_it(total: int) -> None:
    """Media Transfer Guide: parts of 5 to 64 MB, as many as size ÷ part rounded down, the last at most 128 MB; below 5 MB
    whole, above 64 MB in parts, at most 1000. Whichever MB is meant."""
    size, count = parts(total)
    last = total - (count - 1) * size
    assert count == total // size
    assert 1 <= count <= 1000
    assert size <= last < PART_BYTES + 1000 < 64 * MB
    if total < 5 * MB:
        assert (size, count) == (total, 1)
    else:
        assert size >= min(total, 5 * 1024 * 1024)
    if total > 64 * MB:
        assert count > 1


@pytest.mark.parametrize(
    ("url", "prefix", "taken"),
    [
        ("https://m.example/a/1.jpg", "https://m.example/", True),
        ("https://m.example/a/1.jpg", "https://m.example/a/", True),
        ("https://m.example/b/1.jpg", "https://m.example/a/", False),
        ("https://m.example.evil/1.jpg", "https://m.example/", False),
        ("", "", False),
    ],
)
def test_photos_are_fetched_from_the_verified_address_only(
    url: str, prefix: str, taken: bool
) -> None:
    photo = file("image", "image/jpeg", url=lambda: url)
    if taken:
        assert photo_source((photo,), prefix)["photo_images"] == [url]
    else:
        with pytest.raises(Rejected):
            photo_source((photo,), prefix)


# ------------------------------------------------------------------------------------ settings


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for name in TikTokSettings.model_fields:
        monkeypatch.delenv(f"TIKTOK_{name.upper()}", raising=False)
    monkeypatch.delenv("TIKTOK_CLIENT_KEY", raising=False)


def test_the_settings_are_safe_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = read_settings(TikTokSettings)
    assert (told.audited, told.inbox, told.video_list, told.pull_prefix) == (False, False, False, None)  # fmt: skip
    monkeypatch.setenv("TIKTOK_CLIENT_KEY", "key")
    monkeypatch.setenv("TIKTOK_CLIENT_SECRET", "secret")
    monkeypatch.setenv("TIKTOK_PULL_PREFIX", "https://m.example/files")
    told = read_settings(TikTokSettings)
    assert (told.client_id, told.secret) == ("key", "secret")
    assert told.pull_prefix == "https://m.example/files/"


@pytest.mark.parametrize(
    "prefix", ["http://m.example/", "m.example", "https://", "https://m.example/?a=b", "ftp://m.example/"]
)  # fmt: skip
def test_an_address_that_tiktok_cannot_fetch_from_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    monkeypatch.setenv("TIKTOK_PULL_PREFIX", prefix)
    with pytest.raises(SettingsError, match="TIKTOK_PULL_PREFIX: must be an https URL"):
        read_settings(TikTokSettings)


def test_a_key_without_its_secret_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_CLIENT_KEY", "key")
    with pytest.raises(SettingsError, match="TIKTOK_CLIENT_KEY and TIKTOK_CLIENT_SECRET"):
        read_settings(TikTokSettings)
