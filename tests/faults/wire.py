"""A stretch of wire between a worker and Supabase that can be cut, or lose answers after the request was carried out."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from urllib.parse import urlsplit


class Wire:
    """Forwards TCP to `target` (a URL). `cut` refuses everything; `lose_every` drops each n-th answer and its connection."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 80)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._is_cut = False
        self._answers = 0
        self.lose_every = 0
        self.lost = 0
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept)

    def __enter__(self) -> Wire:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:  # fmt: skip
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()
        self._thread.join()

    def cut(self) -> None:
        """Break every connection, and each new one at once."""
        with self._lock:
            self._is_cut = True
            broken = list(self._open)
        for one in broken:
            _close(one)

    def mend(self) -> None:
        """Forward again."""
        self._is_cut = False

    def _accept(self) -> None:
        pumps: list[threading.Thread] = []
        while True:
            try:
                near = self._listening.accept()[0]
            except OSError:
                break
            if self._is_cut:
                near.close()
                continue
            try:
                far = socket.create_connection(self._target, timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self._lock:
                self._open |= {near, far}
            for source, sink, answers in ((near, far, False), (far, near, True)):
                pumps.append(threading.Thread(target=self._pump, args=(source, sink, answers)))
                pumps[-1].start()
        for pump in pumps:
            pump.join()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if answers and self._loses():
                    break
                sink.sendall(data)
        with self._lock:
            self._open -= {source, sink}
        _close(source)
        _close(sink)

    def _loses(self) -> bool:
        with self._lock:
            self._answers += 1
            lost = self.lose_every > 0 and self._answers % self.lose_every == 0
            self.lost += lost
            return lost


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
