"""source_engagement: what came of the articles of each source."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.engine.actors import Row, World

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Author:
    """Somebody who posts what they read."""

    world: World
    account: str
    user: str

    def source(self, name: str) -> str:
        url = f"https://{name}.example/feed"
        return self._one(
            "insert into sources (user_id, url, title, category) values (%s, %s, %s, 'News') returning id",
            self.user, url, name,
        )  # fmt: skip

    def item(self, source: str, at: datetime = MARCH) -> str:
        return self._one(
            """insert into source_items (user_id, source_id, guid, title, text, fetched_at)
               values (%s, %s, gen_random_uuid()::text, 'An article', 'Text', %s) returning id""",
            self.user, source, at,
        )  # fmt: skip

    def generation(self, **about: str) -> str:
        return self._one(
            "insert into generations (user_id, input, status) values (%s, %s, 'complete') returning id",
            self.user, json.dumps(about),
        )  # fmt: skip

    def post(self, generation: str | None, at: datetime = MARCH) -> str:
        return self._one(
            "insert into posts (user_id, text, generation_id, created_at) values (%s, 'x', %s, %s) returning id",
            self.user, generation, at,
        )  # fmt: skip

    def target(self, post: str, at: datetime | None = MARCH) -> str:
        """A target of the post, published then; None: a draft."""
        target = self._one(
            "insert into post_targets (user_id, post_id, account_id) values (%s, %s, %s) returning id",
            self.user, post, self.account,
        )  # fmt: skip
        if at:
            for state in ("scheduled", "preparing", "sending", "published"):
                self.world.admin.run(
                    """update post_targets set state = %s::target_state, due_at = now(), next_attempt_at = now(),
                         deadline_at = now() + interval '1 hour', lease_token = nextval('private.target_lease'),
                         lease_until = now() + interval '1 hour', external_id_unknown = true, published_at = %s where id = %s""",
                    state, at, target,
                )  # fmt: skip
        return target

    def measured(self, target: str, at: datetime, **figures: int | None) -> None:
        self.world.admin.run(
            """insert into post_metrics (user_id, target_id, taken_at, impressions, likes, comments, shares)
               values (%s, %s, %s, %s, %s, %s, %s)""",
            self.user, target, at, *(figures.get(name) for name in ("impressions", "likes", "comments", "shares")),
        )  # fmt: skip

    def engagement(self, start: datetime | None = None, stop: datetime | None = None) -> list[Row]:
        """As this person asks for it."""
        return self.world.person(self.user).rows("source_engagement", since=start, until=stop)

    def _one(self, query: str, *values: Any) -> str:
        (row,) = self.world.admin.run(query, *values)
        return str(row["id"])


def author_of(world: World) -> Author:
    account = world.account()
    return Author(world, account, world.owner(account))


@pytest.fixture
def ada(world: World) -> Author:
    return author_of(world)


def figures(row: Row) -> tuple[Any, ...]:
    names = ("items", "posts", "published", "impressions", "likes", "comments", "shares")
    return tuple(row[name] for name in names)


def test_the_newest_figures_of_what_was_published_are_added_up(ada: Author) -> None:
    source = ada.source("news")
    for likes in (3, 4):
        target = ada.target(ada.post(ada.generation(source_item_id=ada.item(source))))
        ada.measured(target, MARCH, impressions=10, likes=1, comments=1, shares=0)
        ada.measured(target, MARCH + DAY, impressions=100, likes=likes, comments=2, shares=1)
    (row,) = ada.engagement()
    assert (str(row["source_id"]), row["title"], row["category"]) == (source, "news", "News")
    assert figures(row) == (2, 2, 2, 200, 7, 4, 2)


def test_the_source_that_earned_most_comes_first_and_the_silent_one_last(ada: Author) -> None:
    silent, small, big = ada.source("silent"), ada.source("small"), ada.source("big")
    for source, likes in ((small, 1), (big, 9)):
        target = ada.target(ada.post(ada.generation(source_item_id=ada.item(source))))
        ada.measured(target, MARCH, likes=likes)
    rows = ada.engagement()
    assert [str(row["source_id"]) for row in rows] == [big, small, silent]
    assert figures(rows[-1]) == (0, 0, 0, None, None, None, None)


def test_a_figure_that_no_platform_told_is_null_and_not_nought(ada: Author) -> None:
    target = ada.target(ada.post(ada.generation(source_item_id=ada.item(ada.source("news")))))
    ada.measured(target, MARCH, likes=0)
    (row,) = ada.engagement()
    assert figures(row) == (1, 1, 1, None, 0, None, None)


def test_a_post_to_two_accounts_is_one_post_published_twice(ada: Author) -> None:
    post = ada.post(ada.generation(source_item_id=ada.item(ada.source("news"))))
    ada.measured(ada.target(post), MARCH, likes=1)
    ada.account = ada.world.account(ada.user, "Page")
    ada.measured(ada.target(post), MARCH, likes=2)
    (row,) = ada.engagement()
    assert figures(row) == (1, 1, 2, None, 3, None, None)


def test_drafts_and_posts_without_a_source_earn_nothing(ada: Author) -> None:
    item = ada.item(ada.source("news"))
    ada.target(ada.post(ada.generation(source_item_id=item)), None)
    ada.measured(ada.target(ada.post(None)), MARCH, likes=5)
    ada.measured(ada.target(ada.post(ada.generation(topic="Bridges"))), MARCH, likes=5)
    ada.measured(ada.target(ada.post(ada.generation(source_item_id="junk"))), MARCH, likes=5)
    (row,) = ada.engagement()
    assert figures(row) == (1, 1, 0, None, None, None, None)


def test_a_reworked_draft_still_belongs_to_its_article(ada: Author) -> None:
    first = ada.generation(source_item_id=ada.item(ada.source("news")))
    shorter = ada.generation(generation_id=first, instruction="shorter")
    warmer = ada.generation(post_id=ada.post(shorter), instruction="warmer")
    ada.measured(ada.target(ada.post(warmer)), MARCH, likes=5)
    (row,) = ada.engagement()
    assert figures(row) == (1, 2, 1, None, 5, None, None)


def test_drafts_that_name_each_other_do_not_go_round_for_ever(ada: Author) -> None:
    one = ada.generation(topic="x")
    two = ada.generation(generation_id=one)
    ada.world.admin.run(
        "update generations set input = jsonb_build_object('generation_id', %s::text) where id = %s", two, one
    )  # fmt: skip
    ada.target(ada.post(one))
    ada.source("news")
    (row,) = ada.engagement()
    assert row["published"] == 0


def test_only_what_happened_between_the_two_moments_counts(ada: Author) -> None:
    source = ada.source("news")
    for day in range(4):
        at = MARCH + day * DAY
        target = ada.target(ada.post(ada.generation(source_item_id=ada.item(source, at)), at), at)
        ada.measured(target, at, likes=10**day)
    (row,) = ada.engagement(MARCH + DAY, MARCH + 3 * DAY)
    assert figures(row) == (2, 2, 2, None, 110, None, None)
    (row,) = ada.engagement(MARCH + 3 * DAY)
    assert figures(row) == (1, 1, 1, None, 1000, None, None)


def test_others_see_nothing_of_it(ada: Author, world: World) -> None:
    ben = author_of(world)
    hers = ada.source("news")
    target = ada.target(ada.post(ada.generation(source_item_id=ada.item(hers))))
    ada.measured(target, MARCH, likes=5)
    ben.source("news")
    (row,) = ben.engagement()
    assert str(row["source_id"]) != hers
    assert figures(row) == (0, 0, 0, None, None, None, None)
