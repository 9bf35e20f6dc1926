"""One client's connection, with the rough things a network does to it."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from collections.abc import Callable


class Wire:
    """A connected socket that can be answered, watched, closed and reset."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, data: bytes) -> None:
        """Send everything at once."""
        self._connection.sendall(data)

    def drip(self, data: bytes, seconds: float) -> None:
        """Send byte after byte with a pause before each, until the client leaves."""
        for index in range(len(data)):
            if self.wait_for_client_to_leave(seconds):
                return
            self._connection.sendall(data[index : index + 1])

    def close(self) -> None:
        """Close the ordinary way: the client reads an end of file (TCP FIN)."""
        # The request was read whole before, otherwise the kernel would send RST instead.
        self._connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Close with TCP RST: the client's read fails with "connection reset by peer"."""
        # Lingering for zero seconds makes close() send RST. The descriptor is detached because the
        # server's file objects keep the socket object itself open.
        linger = struct.pack("ii", 1, 0)
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        os.close(self._connection.detach())

    def wait_for_client_to_leave(
        self, seconds: float | None, wake_up: Callable[[Callable[[], None]], None] | None = None
    ) -> bool:
        """Wait for the client to close, at most ``seconds`` (None: for ever).

        ``wake_up`` is given a function that ends the wait from another thread.
        Returns whether the client left.
        """
        ours, theirs = socket.socketpair()
        deadline = None if seconds is None else time.monotonic() + seconds
        with ours, theirs:
            if wake_up is not None:

                def wake() -> None:
                    # Released just as the client left: then there is nobody to wake.
                    with contextlib.suppress(OSError):
                        theirs.send(b"!")

                wake_up(wake)
            poll = select.poll()
            poll.register(self._connection, select.POLLIN)
            poll.register(ours, select.POLLIN)
            while True:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                ready = dict(poll.poll(None if left is None else left * 1000))
                # First, for who is woken just after the client left has nobody to answer either.
                if self._connection.fileno() in ready and self._client_is_gone():
                    return True
                if not ready or ours.fileno() in ready:
                    return False
                # It sent its next request early; that is read later, so stop looking at it.
                poll.unregister(self._connection)

    def _client_is_gone(self) -> bool:
        try:
            return self._connection.recv(1, socket.MSG_PEEK) == b""
        except ConnectionError:
            return True
