"""The reference: a process that holds create calls and does nothing but send them, with plain `requests`.

`python -m tests.bench.firing` reads {url, threads, at, requests: [{headers, json}]} from its standard input and sends
them when the wall clock says `at` (seconds since the epoch; 0: at once). Each thread keeps its connection.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import Any

import requests

from local.paths import ROOT, SCRIPTS

SECONDS = 60


def fire(url: str, calls: list[dict[str, Any]], threads: int, *, at: float = 0) -> None:  # fmt: skip
    """Send all in a process of its own; returns when the last answer is there. Raises RuntimeError unless all are 201."""
    order = {"url": url, "threads": threads, "at": at, "requests": calls}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.firing"],
        input=json.dumps(order), capture_output=True, text=True, timeout=300, check=False,
        cwd=ROOT, env={"PYTHONPATH": f"{SCRIPTS}:{ROOT}"},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)


def main() -> int:
    """0 when every call was answered 201."""
    order = json.load(sys.stdin)
    waiting = iter(order["requests"])
    lock = threading.Lock()
    refused: list[int] = []

    def work() -> None:
        session = requests.Session()
        session.trust_env = False
        time.sleep(max(0.0, order["at"] - time.time()))
        while True:
            with lock:
                call = next(waiting, None)
            if call is None:
                return
            answer = session.post(
                order["url"], headers=call["headers"], json=call["json"], timeout=SECONDS
            )
            if answer.status_code != 201:
                refused.append(answer.status_code)

    workers = [threading.Thread(target=work) for _ in range(order["threads"])]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if refused:
        print(f"refused: {refused[:10]}", file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
