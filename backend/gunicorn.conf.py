"""How gunicorn runs the web process. The bind address comes from the command line, the number of processes from
gunicorn's own WEB_CONCURRENCY (1 by default)."""

import os
import shutil
import tempfile
from typing import Any

# Threads: most requests wait for Supabase or a platform, and each followed answer or generation holds one. The mentor answers 64
# at a time; the others are for everything else. They are made when they are needed: fifty answers at once, each with the threads
# that ask the Space, make a process 11 MB larger (tests/bench/bench_first_token.py).
worker_class = "backend.web_worker.WebWorker"
threads = 96
# A request may wait 60 s (`Prefer: wait`), a stream much longer; this is about a worker that hangs altogether.
timeout = 120
# On SIGTERM, let running requests end; a publish that waits is answered within this.
graceful_timeout = 35
keepalive = 20
accesslog = None  # the application logs requests itself, with their ids
# gunicorn's control socket has one path per user: two servers on one machine would share it
control_socket_disable = True
# Whom to believe about addresses is TRUSTED_PROXIES' to say, in one place: gunicorn believes nobody.
forwarded_allow_ips = ""
# What a request may have before its body: a token is at most 8,000 characters, an address as much as Nginx's own buffers take.
limit_request_line = 8190
limit_request_field_size = 8190
limit_request_fields = 100


_counted: list[str] = []


def on_starting(server: Any) -> None:
    """Several processes count their requests in files that they share, so that /metrics of any one tells of all."""
    if server.cfg.workers > 1:
        _counted.append(tempfile.mkdtemp(prefix="lin-metrics-"))
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = _counted[0]


def on_exit(_server: Any) -> None:
    """The files go with the server."""
    for directory in _counted:
        shutil.rmtree(directory, ignore_errors=True)
