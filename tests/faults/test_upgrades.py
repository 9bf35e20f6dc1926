"""While an installation is upgraded, workers of the release before run on the new schema, alone and beside new ones."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from local.paths import ROOT
from tests.faults.rig import UPLOAD, Rig
from tests.waiting import until

# The first migration that the release before did not know. A release moves this on.
FIRST_UNKNOWN = "20261128110000_count_as_platforms_do.sql"

StartOld = Callable[[], subprocess.Popen[bytes]]


def _git(*words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else b""


@pytest.fixture(scope="module")
def release_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code as it was before that migration came, from the history."""
    added = _git(
        "log", "--diff-filter=A", "--format=%H", "--", f"supabase/migrations/{FIRST_UNKNOWN}"
    )
    code = _git("archive", "--format=zip", f"{added.decode().strip()}^", "backend")
    if not code:
        pytest.skip("this copy has no history that reaches back to the release before")
    directory = tmp_path_factory.mktemp("before")
    with zipfile.ZipFile(io.BytesIO(code)) as files:
        files.extractall(directory)
    return directory


@pytest.fixture
def start_old(rig: Rig, release_before: Path) -> StartOld:
    """Starts a worker of the release before."""
    logs = rig.stack.processes.logs

    def start() -> subprocess.Popen[bytes]:
        environment = rig.stack.backend_env()
        environment["PYTHONPATH"] = str(release_before)
        # what it runs is no part of the coverage
        env = {
            name: value for name, value in environment.items() if not name.startswith("COVERAGE_")
        }
        with (logs / f"worker-before-{len(rig.workers)}.log").open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "backend.worker"], cwd=release_before, env=env, stdout=log, stderr=log
            )  # fmt: skip
        rig.workers.append(worker)
        return worker

    return start


def test_a_worker_of_the_release_before_publishes_on_the_new_schema(
    rig: Rig, start_old: StartOld
) -> None:
    posts = [rig.due(due=-1, images=n % 2) for n in range(6)]
    old = start_old()
    rig.wait_for(posts, "published")
    missed = rig.due(due=-7 * 3600)
    rig.wait_for([missed], "missed")
    assert rig.end(old) == 0
    rig.assert_invariants(*posts, missed)
    assert not [line for line in rig.logged("Traceback") if "before" in line]


@pytest.mark.slow  # in the short run an old worker publishes alone, and a new one ends what it held
def test_old_and_new_workers_share_the_work_and_send_each_post_once(
    rig: Rig, start_old: StartOld
) -> None:
    started = [start_old(), rig.worker_process()]
    names = {f"{socket.gethostname()}:{worker.pid}" for worker in started}
    until(lambda: names <= _alive(rig), "both to start", 120)
    posts = [rig.due(due=1) for _ in range(40)]
    rig.wait_for(posts, "published")
    assert {rig.attempts(post.target)[0]["worker"] for post in posts} <= _alive(rig)
    assert [rig.end(worker) for worker in started] == [0, 0]
    rig.assert_invariants(*posts)


def test_what_an_old_worker_held_when_it_was_killed_a_new_one_ends(
    rig: Rig, start_old: StartOld
) -> None:
    live, unread = rig.due(due=3600, images=1), rig.due(due=3600, images=1)
    rig.order(live, {"hold": True})
    rig.order(unread, {"hold": True}, UPLOAD)
    old = start_old()
    for post in (live, unread):
        rig.bring_forward(post)
        rig.held(post)
    rig.kill(old)
    rig.release(live, unread)
    new = rig.worker_process()
    rig.wait_for([live], "unconfirmed", "published")
    rig.wait_for([unread], "published")
    assert rig.end(new) == 0
    rig.assert_invariants(live, unread)


def _alive(rig: Rig) -> set[str]:
    rows = rig.admin.run(
        "select worker from worker_heartbeats where seen_at > now() - interval '1 minute'"
    )
    return {str(row["worker"]) for row in rows}
