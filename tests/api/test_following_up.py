"""How posts do and what accounts are called, read again by a worker's jobs from the platforms' own answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from backend.jobs import measure_posts, refresh_profiles
from backend.settings import Settings, load_settings
from backend.worker_services import WorkerServices, build_worker
from local.stack import Stack
from tests.api.conftest import Browser
from tests.api.test_deleting import delete, published
from tests.waiting import until


@pytest.fixture(scope="module")
def worker(stack: Stack) -> Iterator[WorkerServices]:
    """A worker's parts, of which only these jobs run."""
    env = {name.lower(): value for name, value in stack.backend_env().items()}
    ours = {name: value for name, value in env.items() if value and name in Settings.model_fields}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.backend_env().items():
            patch.setenv(name, value)  # platforms read their own settings
        services = build_worker(load_settings(**ours))
    services.clock.tell(datetime.now(UTC), time.monotonic())  # as its first claim would
    yield services
    services.stopping.set()
    assert services.dispatcher.stop(20)
    services.supabase.close()


def figures(browser: Browser, target: dict[str, Any]) -> list[dict[str, Any]]:
    """What its owner sees of how it does."""
    assert browser.person
    found: list[dict[str, Any]] = browser.person.rest("GET", f"post_metrics?target_id=eq.{target['id']}").json()  # fmt: skip
    return found


@pytest.mark.parametrize("platform", ["x", "facebook"])
def test_the_owner_sees_how_a_post_does_and_nobody_else(
    ada: Browser, ben: Browser, worker: WorkerServices, sql: Callable[..., list[Any]], platform: str
) -> None:
    target = published(ada, platform, ada.new_member())
    assert target["measure_at"] is not None
    sql("update post_targets set measure_at = now() where id = %s", target["id"])
    measure_posts.run(worker)
    # the stack's own worker may have come first
    (row,) = until(lambda: figures(ada, target), "the figures")
    assert row["user_id"] == ada.person.id  # type: ignore[union-attr]
    assert any(isinstance(row[name], int) for name in ("impressions", "likes", "comments", "shares"))  # fmt: skip
    assert figures(ben, target) == []
    measure_posts.run(worker)
    assert len(figures(ada, target)) == 1, "not before the next hour"


def test_what_was_deleted_is_not_asked_for_any_more(
    ada: Browser, worker: WorkerServices, sql: Callable[..., list[Any]]
) -> None:
    member = ada.new_member()
    target = published(ada, "x", member)
    assert delete(ada, target).status_code == 204
    sql("update post_targets set measure_at = now() where id = %s", target["id"])
    measure_posts.run(worker)
    assert figures(ada, target) == []
    assert ada.sandbox.requests(member, host="api.x.com", path="/2/tweets", method="GET") == []


@pytest.mark.parametrize("platform", ["facebook", "linkedin", "tiktok", "x"])
def test_a_name_is_read_again_after_a_day(
    ada: Browser, worker: WorkerServices, sql: Callable[..., list[Any]], platform: str
) -> None:
    account = ada.connect(ada.new_member("Grace Hopper"), platform)
    before = ada.row("social_accounts", account)
    assert "Grace Hopper" in before["account_name"]
    sql("update social_accounts set account_name = 'Old', username = null, profile_at = now() - interval '25 hours' where id = %s", account)  # fmt: skip
    refresh_profiles.run(worker)
    until(lambda: ada.row("social_accounts", account)["account_name"] != "Old", "the name")
    after = ada.row("social_accounts", account)
    assert (after["account_name"], after["username"]) == (before["account_name"], before["username"])  # fmt: skip
    sql("update social_accounts set account_name = 'Old' where id = %s", account)
    refresh_profiles.run(worker)
    assert ada.row("social_accounts", account)["account_name"] == "Old", "once a day is enough"
