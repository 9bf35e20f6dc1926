"""What the database refuses to schedule to X: a text that is too long by X's own count, unless it goes out as a thread."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.engine.actors import Post, Refused, World


def draft(world: World, text: str, **options: Any) -> Post:
    post = world.draft(world.account(), text=text)
    world.admin.run("update social_accounts set platform_id = 'x' where user_id = %s", post.user_id)
    world.admin.run(
        "update post_targets set options = %s where post_id = %s", Jsonb(options), post.id
    )
    return post


def schedule(world: World, post: Post) -> Any:
    return world.person(post.user_id).call("schedule_post", post=post.id)["status"]


@pytest.mark.parametrize("options", [{}, {"thread": False}, {"made_with_ai": True}])
@pytest.mark.parametrize("text", ["a" * 281, "🌷" * 141, "字" * 141])
def test_a_text_that_is_too_long_is_refused(
    world: World, text: str, options: dict[str, Any]
) -> None:
    assert schedule(world, draft(world, text[:-1], **options)) == "scheduled"
    with pytest.raises(Refused, match=r"characters long; X .* takes at most 280") as refused:
        schedule(world, draft(world, text, **options))
    assert [problem["field"] for problem in refused.value.fields] == ["text"]


def test_its_owner_may_let_it_go_out_as_a_thread(world: World) -> None:
    assert schedule(world, draft(world, "a word " * 100, thread=True)) == "scheduled"
