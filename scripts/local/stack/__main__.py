"""`python -m local.stack`: start the local stack, print where everything is, run until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from dotenv import load_dotenv

from local.paths import ROOT, STATE
from local.people import PeopleError, make_people

from .errors import StackError
from .reloading import WorkerReloader
from .stack import Stack

SHOWN = {
    "api_url": "API",
    "supabase_url": "Supabase",
    "mailbox_url": "mailbox",
    "sandbox_url": "platforms",
    "space_url": "writer Space",
    "frontend_url": "frontend",
    "database_url": "database",
}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/dev", description="Start the local stack and keep it running."
    )
    parser.add_argument(
        "--stack",
        choices=("local", "supabase"),
        default="local",
        help="local: no Docker needed (the default); supabase: `supabase start`, the real services in Docker. "
        "SUPABASE_URL with its keys in the environment, or in .env, uses a hosted project instead",
    )
    parser.add_argument(
        "--state", type=Path, default=STATE, help="where data, logs and stack.json are kept"
    )
    parser.add_argument(
        "--no-reload", dest="reload", action="store_false", help="do not restart when code changes"
    )
    parser.add_argument(
        "--no-web", dest="web", action="store_false", help="do not start the web server"
    )
    parser.add_argument(
        "--no-worker", dest="worker", action="store_false", help="do not start the worker"
    )
    return parser.parse_args()


def interrupted(_signal: int, _frame: object) -> None:
    """SIGTERM and Ctrl-C end the program the same way."""
    raise KeyboardInterrupt


def show(stack: Stack, seconds: float) -> None:
    """Say where everything is."""
    print(f"\nthe stack is up after {seconds:.1f} s")
    for key, name in SHOWN.items():
        if stack.info[key]:
            print(f"  {name:<14} {stack.info[key]}")
    print(f"  {'logs':<14} {stack.state / 'logs'}")
    print(f"  {'for tools':<14} {stack.state / 'stack.json'}")


def show_people(stack: Stack) -> None:
    """Make alice, bob and carol and say where their passwords are. A hosted project gets nobody."""
    if stack.info["kind"] == "hosted":
        return
    cast = make_people(stack.info["supabase_url"], stack.info["secret_key"], stack.state)
    names = ", ".join(person.email for person in cast.values() if person.confirmed)
    print(f"  {'sign in as':<14} {names} (passwords in {stack.state / 'people.json'})", flush=True)


def keep_running(stack: Stack, reload: bool) -> None:
    """Until a part stops by itself (StackError) or a signal comes."""
    reloader = WorkerReloader(stack) if reload and stack.info["worker_pids"] else None
    told: set[int] = set()
    while True:
        time.sleep(0.5)
        if reloader:
            reloader.check()
        for child in stack.processes.children:
            if child.popen.poll() is None:
                continue
            if not (reloader and child.name.startswith("worker")):
                raise StackError(
                    f"{child.name} stopped by itself (exit {child.popen.returncode}).\n{child.log_end()}"
                )
            if child.popen.pid not in told:
                told.add(child.popen.pid)
                print(
                    f"the worker stopped; it starts again when the code changes.\n{child.log_end()}",
                    flush=True,
                )


def main() -> int:
    """Run; the exit status is 0 after a signal and 1 when something failed."""
    options = arguments()
    load_dotenv(ROOT / ".env")
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGINT, interrupted)
    began = time.monotonic()
    status = 0
    try:
        stack = Stack(
            ROOT,
            options.state,
            kind=options.stack,
            web=options.web,
            worker=options.worker,
            reload=options.reload,
        )
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        stack.start()
        show(stack, time.monotonic() - began)
        show_people(stack)
        print("Ctrl-C stops everything", flush=True)
        keep_running(stack, options.reload)
    except KeyboardInterrupt:
        pass
    except (StackError, PeopleError) as error:
        print(error, file=sys.stderr)
        status = 1
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        stack.stop()
    if not status:
        print("\nstopped", flush=True)
    return status


if __name__ == "__main__":
    # standard output may be a pipe that is gone already
    code = main()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)
