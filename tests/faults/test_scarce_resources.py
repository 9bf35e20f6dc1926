"""A machine that runs out of disk, of open files or of memory while posts are due: nothing is lost, nothing is stuck,
and what waited goes out when there is room again.

The limits are the kernel's own (setrlimit), set from outside on a worker that runs.
"""

from __future__ import annotations

import hashlib
import io
import random
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from PIL import Image

from tests.engine.actors import Post
from tests.faults.rig import LEASE_SECONDS, Rig
from tests.tls import TLS
from tests.waiting import until

PAGE = resource.getpagesize()


@contextmanager
def _limited(worker: subprocess.Popen[bytes], what: int, limit: int) -> Iterator[None]:
    """A worker that may use no more than this, for a while."""
    usual = resource.prlimit(worker.pid, what)
    resource.prlimit(worker.pid, what, (limit, usual[1]))
    try:
        yield
    finally:
        resource.prlimit(worker.pid, what, usual)


def _started(rig: Rig, **env: str) -> subprocess.Popen[bytes]:
    """A worker that has published something."""
    worker = rig.worker_process(**env)
    rig.wait_for([rig.due(due=-1, images=1), rig.due(due=-1)], "published")
    return worker


def _with_large_image(rig: Rig) -> Post:
    """A post, not due yet, with an image of some 400 KB, which nothing can make smaller."""
    data = io.BytesIO()
    Image.frombytes("RGB", (400, 333), random.Random(1).randbytes(400 * 333 * 3)).save(data, "PNG")
    png = data.getvalue()
    post = rig.due(due=3600)
    (media,) = rig.media(
        post, {"mime": "image/png", "bytes": len(png), "checksum": hashlib.sha256(png).hexdigest()}
    )
    path = rig.admin.run("select path from media where id = %s", media)[0]["path"]
    stored = httpx.post(
        f"{rig.stack.info['supabase_url']}/storage/v1/object/media/{path}", content=png,
        headers={"apikey": rig.stack.info["secret_key"], "Content-Type": "image/png"}, verify=TLS,
    )  # fmt: skip
    assert stored.is_success, stored.text
    return post


def _now(rig: Rig, *posts: Post) -> None:
    """Let them be due now, or be tried again now."""
    rows = rig.admin.run(
        "update post_targets t set due_at = m, next_attempt_at = m from (select now() as m) at"
        " where t.id = any (%s) and state = 'scheduled' returning id, due_at",
        [post.target for post in posts],
    )
    for row in rows:
        rig.first_due[str(row["id"])] = row["due_at"]


def _no_longer_held(rig: Rig, worker: subprocess.Popen[bytes]) -> Callable[[], bool]:
    """Whether no temporary file is open any more in this process."""
    descriptors = Path(f"/proc/{worker.pid}/fd")
    return lambda: not any("lin-media-" in str(one.readlink()) or "(deleted)" in str(one.readlink()) for one in descriptors.iterdir() if one.is_symlink())  # fmt: skip


def _fail_and_recover(
    rig: Rig, worker: subprocess.Popen[bytes], what: int, limit: int, tmp_path: Path
) -> None:
    media, neighbours = _with_large_image(rig), [rig.due(due=3600) for _ in range(4)]
    with _limited(worker, what, limit):
        _now(rig, media, *neighbours)
        rig.wait_for(neighbours, "published")
        until(lambda: rig.target(media.target)["failures"], "the download to fail")
        # put off, or by now at it again, and failing again
        row = rig.target(media.target)
        assert row["state"] in ("scheduled", "preparing"), row["error"]
        assert row["error_class"] == "prepare_failed", row["error"]
        assert rig.creates(media) == []
    rig.wait_for([media], "published", hurry=True)  # it may have been at it, and fail once more
    until(_no_longer_held(rig, worker), "the file to be closed")
    assert list(tmp_path.iterdir()) == []
    assert rig.end(worker) == 0
    rig.assert_invariants(media, *neighbours)


def test_a_full_disk_puts_off_posts_with_media_and_no_others(rig: Rig, tmp_path: Path) -> None:
    worker = _started(rig, TMPDIR=str(tmp_path))
    _fail_and_recover(rig, worker, resource.RLIMIT_FSIZE, 100_000, tmp_path)


def test_too_many_open_files_put_posts_off_and_lose_nothing(rig: Rig) -> None:
    worker = _started(rig)
    posts = [rig.due(due=3600, images=n % 2) for n in range(12)]
    with _limited(worker, resource.RLIMIT_NOFILE, 3):  # what is open stays so, nothing new is
        _now(rig, *posts)
        rig.admin.run("select pg_sleep(%s)", LEASE_SECONDS)
        assert worker.poll() is None
        # a connection that is open already may still carry a text; a file cannot even be fetched
        assert sum(len(rig.received(post)) for post in posts[1::2]) == 0
    rig.wait_for(posts, "published", hurry=True)
    assert rig.end(worker) == 0
    rig.assert_invariants(*posts)


def test_too_little_memory_puts_posts_off_and_loses_nothing(rig: Rig) -> None:
    worker = _started(rig)
    posts = [_with_large_image(rig) for _ in range(2)] + [rig.due(due=3600) for _ in range(12)]
    used = int(Path(f"/proc/{worker.pid}/statm").read_text().split()[0]) * PAGE
    with _limited(worker, resource.RLIMIT_AS, used):  # no new thread, no large piece
        _now(rig, *posts)
        rig.admin.run("select pg_sleep(%s)", LEASE_SECONDS)
    # memory may end in the middle of a call, whose outcome is unknown then
    rig.wait_for(posts, "published", "unconfirmed", hurry=True)
    assert rig.end(worker) == 0
    rig.assert_invariants(*posts)
