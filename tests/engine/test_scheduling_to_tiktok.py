"""What the database refuses to schedule to TikTok: a file is needed, and how long a text may be depends on it."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.engine.actors import Post, Refused, World

PHOTO: dict[str, Any] = {}
VIDEO = {"kind": "video", "mime": "video/mp4", "bytes": 100_000, "duration": 10, "width": 720, "height": 1280}  # fmt: skip


def draft(world: World, text: str, *files: dict[str, Any], **options: Any) -> Post:
    post = world.draft(world.account(), text=text)
    world.admin.run("update social_accounts set platform_id = 'tiktok' where user_id = %s", post.user_id)  # fmt: skip
    world.admin.run(
        "update post_targets set options = %s where post_id = %s", Jsonb(options), post.id
    )
    if files:
        world.media(post, *files)
    return post


@pytest.mark.parametrize(
    ("file", "text"),
    [(VIDEO, "x" * 2200), (VIDEO, "🌷" * 1100), (PHOTO, "x" * 4000), (PHOTO, "🌷" * 2000)],
    ids=["a caption", "a caption of emoji", "a description", "a description of emoji"],
)
def test_the_longest_text_depends_on_the_file(world: World, file: dict[str, Any], text: str) -> None:  # fmt: skip
    post = draft(world, text, file)
    assert world.person(post.user_id).call("schedule_post", post=post.id)["status"] == "scheduled"
    longer = draft(world, text + "x", file)
    with pytest.raises(Refused, match="characters long; TikTok") as refused:
        world.person(longer.user_id).call("schedule_post", post=longer.id)
    assert [problem["field"] for problem in refused.value.fields] == ["text"]


@pytest.mark.parametrize(
    ("files", "options", "field", "words"),
    [
        ((), {}, "media", "takes no post without a picture or a video"),
        ((VIDEO, VIDEO), {}, "media", "at most 1 of kind video"),
        ((PHOTO, VIDEO), {}, "media", "does not take files of different kinds"),
        (({**VIDEO, "duration": 601},), {}, "media", "lasts 601.0 s"),
        (({**VIDEO, "width": 320},), {}, "media", "a width of 360 to 4096"),
        ((VIDEO,), {"privacy_level": "EVERYBODY"}, "options.privacy_level", "must be one of"),
        ((VIDEO,), {"cover_timestamp_ms": "first"}, "options.cover_timestamp_ms", "a number"),
        ((VIDEO,), {"visibility": "PUBLIC"}, "options.visibility", "knows no option"),
    ],
)
def test_what_tiktok_does_not_take_is_refused_with_the_limit(
    world: World, files: tuple[dict[str, Any], ...], options: dict[str, Any], field: str, words: str
) -> None:
    post = draft(world, "a", *files, **options)
    with pytest.raises(Refused, match=words) as refused:
        world.person(post.user_id).call("schedule_post", post=post.id)
    assert [problem["field"] for problem in refused.value.fields] == [field]
