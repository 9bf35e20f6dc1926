"""`python -m local.space --host 127.0.0.1 --port 15440`: serves the local Space until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import tempfile

from local.serving import announce, bind_first_free, exit_on_signals, url_of


def main() -> None:
    """Bind, say where, serve, and leave with 0 on SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="local.space", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=15440, help="the first port tried; 0 takes any")
    parser.add_argument(
        "--key", help="what callers of /v1 must bring; without it they need nothing"
    )
    options = parser.parse_args()

    exit_on_signals()  # until the server listens to them itself
    bound = bind_first_free(options.host, options.port)
    with tempfile.TemporaryDirectory(prefix="lin-space-") as folder:
        # Gradio reads these when it is imported, which is why that happens further down.
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        os.environ["HF_HUB_OFFLINE"] = "1"
        os.environ["GRADIO_TEMP_DIR"] = folder
        # And numpy's algebra this: its threads spin on every core, for products of a few hundred numbers.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        tempfile.tempdir = folder
        # Not asyncio.run: it would wait for calls that hang, and there is nothing left to save.
        asyncio.new_event_loop().run_until_complete(_serve(bound, options.key))
    os._exit(0)


async def _serve(bound: socket.socket, key: str | None) -> None:
    import uvicorn

    from .app import build_app

    class Server(uvicorn.Server):
        """Says when it serves; stops at once, without waiting for streams that are still open."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, self.stop)
            announce(url_of(bound))

        def stop(self) -> None:
            self.should_exit = self.force_exit = True

    config = uvicorn.Config(build_app(key), log_level="warning", access_log=False, ws="none")
    await Server(config).serve(sockets=[bound])


if __name__ == "__main__":
    main()
