"""How many of a worker's places one platform can have."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.engine.actors import World

PLACES = 8


def account(world: World, platform: str) -> str:
    """Somebody new with an account there."""
    row = {
        "id": str(uuid.uuid4()), "user_id": world.user(), "platform": platform, "kind": "person", "external_id": uuid.uuid4().hex,
        "account_name": "Ada", "granted_scopes": [],
    }  # fmt: skip
    return str(
        world.service.call("store_account", account=row, token={"access_token_sealed": "sealed"})
    )


def claim(world: World, take: int, **held: int) -> Counter[str]:
    """How many targets of each platform a worker gets that holds so many of them."""
    answer = world.service.call(
        "claim_due_targets", worker_name="w", take=take, lease_seconds=60, places=PLACES, held=held
    )
    return Counter(target["platform"] for target in answer["targets"])


@pytest.fixture(autouse=True)
def others_are_off(world: World) -> Iterator[None]:
    """LinkedIn alone, whatever else this server knows."""
    others = [
        row["id"] for row in world.admin.run("select id from platforms where id <> 'linkedin'")
    ]
    world.admin.run("update platforms set enabled = false where id = any (%s)", others)
    yield
    world.admin.run("update platforms set enabled = true where id = any (%s)", others)


@pytest.fixture
def birch(world: World) -> Iterator[str]:
    """A second platform."""
    world.admin.run(
        "insert into platforms (id, name, limits, enabled) values ('birch', 'Birch', '{}', true)"
    )
    yield "birch"
    world.admin.run("delete from social_accounts where platform_id = 'birch'")
    world.admin.run("delete from platforms where id = 'birch'")


def test_one_platform_alone_has_all_places(world: World) -> None:
    for _ in range(12):
        world.scheduled(world.account(), due=-60)
    assert claim(world, 12) == {"linkedin": 12}


def test_of_several_one_has_half_while_others_wait(world: World, birch: str) -> None:
    for _ in range(12):
        world.scheduled(account(world, birch), due=-60)
    for _ in range(12):
        world.scheduled(world.account(), due=-1)
    assert claim(world, PLACES) == {birch: PLACES / 2, "linkedin": PLACES / 2}


def test_a_platform_that_nobody_uses_takes_no_places(world: World, birch: str) -> None:
    for _ in range(12):
        world.scheduled(world.account(), due=-60)
    assert claim(world, 12) == {"linkedin": 12}


def test_of_several_one_has_three_quarters_if_nobody_else_waits(world: World, birch: str) -> None:
    world.account()
    for _ in range(12):
        world.scheduled(account(world, birch), due=-60)
    assert claim(world, 12) == {birch: PLACES * 0.75}
    assert claim(world, 12, birch=PLACES * 3 // 4) == {}


def test_who_waits_behind_a_long_line_of_a_full_platform_is_found(world: World, birch: str) -> None:
    for _ in range(30):
        world.scheduled(account(world, birch), due=-60)
    for _ in range(3):
        world.scheduled(world.account(), due=-1)
    assert claim(world, 3, birch=PLACES * 3 // 4) == {"linkedin": 3}


def test_a_platform_that_is_switched_off_takes_no_share(world: World, birch: str) -> None:
    world.admin.run("update platforms set enabled = false where id = %s", birch)
    for _ in range(12):
        world.scheduled(world.account(), due=-60)
    assert claim(world, 12) == {"linkedin": 12}
