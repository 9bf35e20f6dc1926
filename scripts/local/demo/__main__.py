"""`./scripts/demo`: start everything on this machine, do the main job, show each step, keep running."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from functools import partial
from types import FrameType

import httpx
import requests
from postgrest import APIError
from supabase_auth.errors import AuthError

from local.paths import ROOT, STATE
from local.stack import Stack
from local.stack.__main__ import keep_running, show
from local.stack.errors import StackError

from . import job, platforms
from .visitor import DemoError

# What can be shown, with its number of steps.
JOBS = {
    "linkedin": (job.MainJob, job.STEPS),
    "all": (platforms.FivePlatforms, platforms.STEPS),
}


def say(number: int, title: str, evidence: list[str], *, steps: int) -> None:
    """Print one step."""
    print(f"\n{number:>2}/{steps}  {title}")
    for line in evidence:
        print(f"       {line}", flush=True)


def main() -> int:
    """0 when the job was done (or Ctrl-C afterwards), 1 when a step failed."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop after the job, with exit 0 or 1")
    parser.add_argument(
        "--platforms", choices=JOBS, default="linkedin", help="the main job on LinkedIn, or one post on all five"
    )  # fmt: skip
    options = parser.parse_args()
    shown, steps = JOBS[options.platforms]

    def interrupted(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupted)
    began = time.monotonic()
    status = 1
    stack = None
    try:
        stack = Stack(ROOT, STATE)
        stack.start()
        show(stack, time.monotonic() - began)
        shown(stack.info, partial(say, steps=steps)).run()
        status = 0
        print(
            f"\ndone: {steps} steps, {time.monotonic() - began:.1f} s with the start of the stack",
            flush=True,
        )
        if not options.once:
            print("everything keeps running; Ctrl-C stops it", flush=True)
            keep_running(stack, reload=False)
    except KeyboardInterrupt:
        print("\nstopped", flush=True)
    except StackError as error:
        status = 1
        print(f"\n{error}", file=sys.stderr)
    except (DemoError, APIError, AuthError, httpx.HTTPError, requests.RequestException) as error:
        status = 1
        print(f"\nthis step failed: {error}", file=sys.stderr)
        print(f"the logs are in {STATE / 'logs'}", file=sys.stderr)
    finally:
        if stack is not None:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            stack.stop()
    return status


if __name__ == "__main__":
    sys.exit(main())
