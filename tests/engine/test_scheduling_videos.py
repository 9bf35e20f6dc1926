"""What the database refuses of a video by what its pictures are, and that the platform's own check says the same."""

from __future__ import annotations

import io
from typing import Any

import pytest

from backend.core.platform_contract import Attachment, Content
from backend.platforms import PLATFORMS
from backend.platforms.limits import limit_violations
from tests.engine.actors import Post, Refused, World

VIDEO = {"kind": "video", "mime": "video/mp4", "bytes": 100_000, "duration": 10, "width": 640, "height": 480}  # fmt: skip


def draft(world: World, platform: str, facts: dict[str, Any]) -> Post:
    post = world.draft(world.account())
    world.admin.run("update social_accounts set platform_id = %s where user_id = %s", platform, post.user_id)  # fmt: skip
    world.media(post, VIDEO | facts)
    return post


def violations(platform: str, title: str, facts: dict[str, Any]) -> list[str]:
    row = VIDEO | facts
    video = Attachment(
        "m", "video", row["mime"], row["bytes"], None, "file", io.BytesIO, row["width"], row["height"], row["duration"],
        row.get("frame_rate"), row.get("codec"), row.get("index_first"),
    )  # fmt: skip
    found = limit_violations(title, PLATFORMS[platform].LIMITS, Content("a", (video,)), [])
    return [violation.message for violation in found]


@pytest.mark.parametrize(
    ("platform", "facts"),
    [
        ("x", {"frame_rate": 60, "codec": "H.264"}),
        ("x", {"frame_rate": 60.01}),  # a phone's 60
        ("x", {"frame_rate": 1}),
        ("x", {"frame_rate": None, "codec": None}),
        ("x", {"width": 576, "height": 1024}),  # upright
        ("tiktok", {"frame_rate": 23}),
        ("tiktok", {"frame_rate": 23.976, "codec": "H.265"}),
        ("tiktok", {"frame_rate": 59.94, "codec": "VP9", "mime": "video/webm"}),
        ("instagram", {"frame_rate": 23, "codec": "H.265", "index_first": True}),
        ("instagram", {"index_first": None}),
        ("tiktok", {"index_first": False}),
        ("linkedin", {"frame_rate": 240, "codec": "ProRes"}),
        ("facebook", {"frame_rate": 240, "codec": "ProRes"}),
    ],
)
def test_a_video_within_the_limits_and_one_that_does_not_tell_are_scheduled(
    world: World, platform: str, facts: dict[str, Any]
) -> None:
    post = draft(world, platform, facts)
    assert world.person(post.user_id).call("schedule_post", post=post.id)["status"] == "scheduled"
    assert violations(platform, platform, facts) == []


@pytest.mark.parametrize(
    ("platform", "facts", "sentence"),
    [
        ("x", {"frame_rate": 61}, "File 1 has 61.00 pictures a second; X (Ada) takes 0 to 60."),
        ("x", {"codec": "H.265"}, "File 1 is coded as H.265; X (Ada) takes H.264."),
        ("tiktok", {"frame_rate": 22}, "File 1 has 22.00 pictures a second; TikTok (Ada) takes 23 to 60."),
        ("tiktok", {"frame_rate": 119.88}, "File 1 has 119.88 pictures a second; TikTok (Ada) takes 23 to 60."),
        ("tiktok", {"codec": "AV1"}, "File 1 is coded as AV1; TikTok (Ada) takes H.264, H.265, VP8, VP9."),
        ("instagram", {"frame_rate": 22.4}, "File 1 has 22.40 pictures a second; Instagram (Ada) takes 23 to 60."),
        ("instagram", {"codec": "ProRes"}, "File 1 is coded as ProRes; Instagram (Ada) takes H.264, H.265."),
        ("instagram", {"index_first": False},
         'File 1 has its index behind its pictures; Instagram (Ada) takes it in front. Export it with "fast start" or "for the web".'),
        ("x", {"width": 720, "height": 1280}, "File 1 has 720 × 1280 pixels; X (Ada) takes a height of 32 to 1024."),
    ],
)  # fmt: skip
def test_a_video_beyond_a_limit_is_refused_by_both_in_the_same_words(
    world: World, platform: str, facts: dict[str, Any], sentence: str
) -> None:
    post = draft(world, platform, facts)
    with pytest.raises(Refused) as refused:
        world.person(post.user_id).call("schedule_post", post=post.id)
    assert [(p["field"], p["message"]) for p in refused.value.fields] == [("media", sentence)]
    title = {"x": "X", "tiktok": "TikTok", "instagram": "Instagram"}[platform]
    assert violations(platform, f"{title} (Ada)", facts) == [sentence]


def test_a_claim_tells_what_is_known_of_a_video(world: World) -> None:
    post = draft(world, "x", {"frame_rate": 29.97, "codec": "H.264", "index_first": False})
    world.person(post.user_id).call("schedule_post", post=post.id)
    (claim,) = world.service.claim()
    (media,) = claim["media"]
    known = {"frame_rate": 29.97, "codec": "H.264", "index_first": False}
    assert claim["videos"] == {media["media_id"]: known}
    assert not known.keys() & media.keys(), "workers of the release before know no such fields"
