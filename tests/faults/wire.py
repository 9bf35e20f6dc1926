"""A stretch of wire between a worker and Supabase that can be cut, or lose answers after the request was carried out."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from urllib.parse import urlsplit


class Wire:
    """Forwards TCP to `target` (a URL). `cut` refuses everything."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 80)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._is_cut = False
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
            for source, sink in ((near, far), (far, near)):
                pumps.append(threading.Thread(target=self._pump, args=(source, sink)))
                pumps[-1].start()
        for pump in pumps:
            pump.join()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with self._lock:
            self._open -= {source, sink}
        _close(source)
        _close(sink)


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
