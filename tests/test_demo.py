"""The demo's job is a test: from signing up to the published posts, as a user would do it."""

from __future__ import annotations

import pytest

from local.demo.job import STEPS, MainJob
from local.demo.platforms import FivePlatforms
from local.stack import Stack


def test_the_main_job_comes_to_its_end(stack: Stack) -> None:
    told: list[tuple[int, str, list[str]]] = []
    job = MainJob(
        stack.info, lambda number, title, evidence: told.append((number, title, evidence))
    )
    target = job.run()
    assert [number for number, _, _ in told] == list(range(1, STEPS + 1))
    assert all(title and evidence for _, title, evidence in told)
    assert target["state"] == "published"
    assert target["attempts"] == 1
    job.visitor.browser.close()


@pytest.mark.slow  # each step of it has tests of its own
def test_one_post_goes_to_five_platforms_and_a_refusal_holds_nobody_back(stack: Stack) -> None:
    told: list[tuple[int, str, list[str]]] = []
    job = FivePlatforms(
        stack.info, lambda number, title, evidence: told.append((number, title, evidence))
    )
    assert job.run()["status"] == "published"
    assert [number for number, _, _ in told] == list(range(1, 10))
    assert all(title and evidence for _, title, evidence in told)
    job.visitor.browser.close()
