"""The demo's job is a test: from signing up to the published post, as a user would do it."""

from __future__ import annotations

from local.demo.job import MainJob
from local.stack import Stack


def test_the_main_job_comes_to_its_end(stack: Stack) -> None:
    told: list[tuple[int, str, list[str]]] = []
    job = MainJob(
        stack.info, lambda number, title, evidence: told.append((number, title, evidence))
    )
    target = job.run()
    assert [number for number, _, _ in told] == list(range(1, 11))
    assert all(title and evidence for _, title, evidence in told)
    assert target["state"] == "published"
    assert target["attempts"] == 1
    job.visitor.browser.close()
