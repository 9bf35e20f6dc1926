"""How a web process ends: everybody who connected gets an answer, everybody else is sent away at once."""

from __future__ import annotations

from gunicorn.workers.gthread import ThreadWorker


class WebWorker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """gunicorn's worker with threads, which leaves nobody in the queue of a socket that it does not read any more.

    When it is told to end, gunicorn's own accepts no more but keeps the socket open until its last request is answered. Who
    connects meanwhile waits for up to `graceful_timeout`, and is then cut off: a proxy must not repeat a POST that was sent, so a
    user sees an error. This one takes whoever waits already and closes the socket. A proxy that comes next is refused
    before it has sent anything, and goes to another process.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or end to accept; to end for good when the process is told to end."""
        super().set_accept_enabled(enabled)
        if self.alive:
            return
        for listener in self.sockets:
            waiting = True
            while waiting:
                known = self.nr_conns
                self.accept(listener)
                waiting = self.nr_conns > known
            listener.close()
