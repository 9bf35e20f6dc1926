"""Files of one post that a platform would crop to one shape are refused when they are scheduled, unless that is wanted."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.engine.actors import Post, Refused, World


def draft(world: World, platform: str, *sizes: tuple[int, int], **options: Any) -> Post:
    post = world.draft(world.account())
    world.admin.run("update social_accounts set platform_id = %s where user_id = %s", platform, post.user_id)  # fmt: skip
    world.admin.run("update post_targets set options = %s where post_id = %s", Jsonb(options), post.id)  # fmt: skip
    world.media(post, *({"width": width, "height": height} for width, height in sizes))
    return post


def schedule(world: World, post: Post) -> Any:
    return world.person(post.user_id).call("schedule_post", post=post.id)


@pytest.mark.parametrize(
    ("platform", "sizes", "options"),
    [
        ("instagram", [(1000, 1000)], {}),
        ("instagram", [(1000, 1000), (2000, 2010)], {}),
        ("instagram", [(1000, 3000), (1000, 1250)], {}),  # the first is padded to 4:5
        ("instagram", [(1000, 1000), (1600, 900)], {"crop": True}),
        ("x", [(1000, 1000), (1600, 900)], {}),
    ],
)
def test_files_of_one_shape_are_scheduled_and_others_where_cropping_is_wanted(
    world: World, platform: str, sizes: list[tuple[int, int]], options: dict[str, Any]
) -> None:
    assert schedule(world, draft(world, platform, *sizes, **options))["status"] == "scheduled"


def test_files_of_two_shapes_are_refused_with_what_to_do(world: World) -> None:
    with pytest.raises(Refused) as refused:
        schedule(world, draft(world, "instagram", (1000, 1000), (1600, 900), (900, 900)))
    assert [(p["field"], p["message"]) for p in refused.value.fields] == [
        (
            "media",
            "File 2 has another shape than the first; Instagram (Ada) would crop it. Give all files one shape, or choose the option crop.",
        )
    ]
