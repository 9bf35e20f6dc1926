"""The claim reads the few rows that are due, however many wait behind them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.actors import World

WAITING = 10_000


@pytest.fixture(scope="module")
def backlog(database_url: str) -> Iterator[World]:
    """10,000 targets that wait, of 1,000 accounts, and 20 that are due, inserted last. All in statements of a session that has
    scheduled one target before: what it planned then must not compare every target with every other (20 s are its limit)."""
    world = World(database_url)
    try:
        _fill(world)
        yield world
    finally:
        world.close()


def _fill(world: World) -> None:
    warm = world.user()
    for _ in range(6):
        world.scheduled(world.account(warm), due=3600)
    world.admin.run("delete from auth.users where id = %s", warm)
    user = world.user()
    world.admin.run(
        "insert into social_accounts (user_id, platform_id, external_id, account_name)"
        " select %s, 'linkedin', 'member ' || i, 'Ada' from generate_series(1, 1000) i", user,
    )  # fmt: skip
    _load(world, user, "3600 + 60 * (row_number() over ())", WAITING // 1000)
    _load(world, user, "-60", 1)
    world.admin.run("analyze post_targets")
    world.admin.run("analyze posts")
    world.admin.run("analyze social_accounts")


def _load(world: World, user: str, seconds: str, each: int) -> None:
    accounts = [
        row["id"]
        for row in world.admin.run(
            "select id from social_accounts where user_id = %s order by id", user
        )
    ]
    if each == 1:
        accounts = accounts[:20]
    rows = world.admin.run(
        "insert into posts (user_id, text) select %s, 'x' from generate_series(1, %s) returning id",
        user,
        len(accounts) * each,
    )
    # The check of the foreign key keeps the plan it made while the table was small, a sequential scan, until it is analyzed.
    world.admin.run("analyze posts")
    world.admin.run(
        "insert into post_targets (user_id, post_id, account_id)"
        " select %s, p.id, (%s::uuid[])[1 + (p.place - 1) %% %s] from unnest(%s::uuid[]) with ordinality p (id, place)",
        user, accounts, len(accounts), [row["id"] for row in rows],
    )  # fmt: skip
    world.admin.run(
        "update post_targets t set state = 'scheduled', due_at = m.at, next_attempt_at = m.at, deadline_at = m.at + interval '6 hours'"  # noqa: S608 - a constant
        " from (select id, now() + make_interval(secs => " + seconds + ") as at"
        "   from post_targets where user_id = %s and state = 'draft') m where t.id = m.id",
        user,
    )


def _indexes(plan: dict[str, Any]) -> list[str]:
    own = [f"{plan['Node Type']} {plan.get('Index Name', plan.get('Relation Name', ''))}".strip()]
    return own + [name for part in plan.get("Plans", []) for name in _indexes(part)]


def _plan(world: World, query: str) -> list[str]:
    world.admin.begin()
    try:
        (row,) = world.admin.run(f"explain (format json) {query}")
    finally:
        world.admin.rollback()
    plan = row["QUERY PLAN"]
    return _indexes((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])


def _source(world: World, function: str) -> str:
    return str(
        world.admin.run("select prosrc from pg_proc where proname = %s", function)[0]["prosrc"]
    )


def test_the_claim_reads_the_partial_indexes_only(backlog: World) -> None:
    source = (
        _source(backlog, "due_heads").replace("depth", "100").replace("crowded", "array[]::text[]")
    )
    used = _plan(backlog, source.replace("horizon", "now() + interval '5 seconds'"))
    assert "Index Scan lines_next_at_idx" in used, used
    assert not [
        step
        for step in used
        if step.startswith(("Seq Scan", "Bitmap Heap Scan")) and "post_targets" in step
    ], used
    assert any("post_targets_account_due_idx" in step for step in used), used


def test_the_sweep_for_late_targets_reads_its_index(backlog: World) -> None:
    source = _source(backlog, "mark_missed")
    select = source.split("select array_agg(l.id) into late from (")[1].split(") l;")[0]
    assert "Index Scan post_targets_deadline_idx" in _plan(
        backlog, select.replace("limit take", "limit 100")
    )


def test_the_claim_takes_what_is_due_and_leaves_the_rest(backlog: World) -> None:
    claims = backlog.service.claim(50)
    assert len(claims) == 20
    left = backlog.admin.run("select count(*) as n from post_targets where state = 'scheduled'")[0][
        "n"
    ]
    assert left == WAITING
