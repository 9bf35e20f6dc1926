"""Workers each of whose calls passes a wire of its own, so that one can be stopped, killed or put to sleep at any step."""

from __future__ import annotations

import signal
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType

from tests.engine.actors import Post
from tests.faults.rig import AT_WORK, Rig
from tests.faults.watched_wire import Rules, Stop, WatchedWire
from tests.waiting import until

# The calls of a publication, in the order in which they come.
CLAIM, RENEW, MARK, SETTLE, BEGIN_REFRESH, END_REFRESH = (
    f"/rest/v1/rpc/{name}"
    for name in (
        "claim_due_targets", "renew_lease", "begin_send", "settle_attempt", "begin_token_refresh", "end_token_refresh"
    )
)  # fmt: skip
SIGN, DOWNLOAD = "/storage/v1/object/sign/media/*", "/storage/v1/object/sign/media/*[?]token=*"
REFRESH = "/www.linkedin.com/oauth/v2/accessToken"
UPLOAD = "/www.linkedin.com/dms-uploads/*"
CREATE = "/api.linkedin.com/rest/posts"


@dataclass
class Watched:
    """A worker with its wires."""

    process: subprocess.Popen[bytes]
    supabase: WatchedWire
    platform: WatchedWire

    def sleep(self) -> None:
        """SIGSTOP, as a machine that is frozen or swaps."""
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    @property
    def under_way(self) -> int:
        """How many of its calls have not been answered."""
        return self.supabase.under_way + self.platform.under_way

    def wait_until_started(self) -> None:
        """Wait until it has looked once for permissions to refresh: next time is in five minutes."""
        until(lambda: self._has_looked() or None, "a worker to have started", 120)

    def _has_looked(self) -> bool:
        assert self.lives, f"a worker ended with {self.process.returncode}"
        return any(call.path.endswith("tokens_to_refresh") for call in self.supabase.answered)


class Crew:
    """Workers that share their rules."""

    def __init__(self, rig: Rig, size: int = 0, **env: str) -> None:
        self.rig = rig
        self.rules = Rules()
        self.workers: list[Watched] = []
        self._env = env
        self._wires = ExitStack()
        for _ in range(size):
            self.add()

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:  # fmt: skip
        for worker in self.workers:
            if _type is not None and worker.process.poll() is None:
                self.rig.kill(
                    worker.process
                )  # what it still held must not hide why the test failed
            self.rig.end(worker.process)
        self._wires.close()

    def add(self, **env: str) -> Watched:
        """One more worker."""
        supabase, platform = (
            self._wires.enter_context(WatchedWire(url, self.rules))
            for url in (str(self.rig.stack.info["supabase_url"]), self.rig.sandbox.url)
        )
        process = self.rig.worker_process(
            SUPABASE_URL=supabase.url, PLATFORM_SANDBOX_URL=platform.url, **{**self._env, **env}
        )
        worker = Watched(process, supabase, platform)
        supabase.put_caller_to_sleep = platform.put_caller_to_sleep = worker.sleep
        self.workers.append(worker)
        return worker

    def stop_at(
        self, path: str, *, naming: str = "", answered: bool = False, asleep: bool = False
    ) -> Stop:
        """Hold the first such call of any worker; `asleep` stops that worker's process in the same instant."""
        stop = Stop(path, naming=naming, answered=answered, asleep=asleep)
        self.rules.add(stop)
        return stop

    def at(self, wire: WatchedWire) -> Watched:
        """Whose wire this is."""
        return next(w for w in self.workers if wire in (w.supabase, w.platform))

    def who_has(self, post: Post) -> Watched:
        """Who claimed the only target of this post last."""
        pid = int(self.rig.target(post.target)["worker"].rpartition(":")[2])
        return next(w for w in self.workers if w.process.pid == pid)

    def is_alone_with(self, worker: Watched, post: Post, *, held: int = 1) -> bool:
        """Whether a sleeping worker has no other target at work, and none on its way to it."""
        until(lambda: worker.under_way <= held, "what was under way to end", 120)
        return not self.rig.admin.run(
            "select 1 from post_targets where split_part(worker, ':', 2) = %s and state = any (%s::target_state[]) and id <> %s",
            str(worker.process.pid), list(AT_WORK), post.target,
        )  # fmt: skip
