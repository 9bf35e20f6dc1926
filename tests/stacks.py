"""Stacks of tests. The first of a run is made by the launcher, with all migrations by the Supabase CLI, and kept as a model:
the others begin with a copy of its database, which costs a tenth of that."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.paths import ROOT
from local.stack import Stack
from local.stack.forking import load_too

# in the environment, where the processes of a run find it
_MODEL = "LIN_TEST_MODEL"
# how far above the usual ports: below 32768, where outgoing connections take theirs from
PORT_OFFSETS = range(200, 16_000)
# nothing of the product, and nothing that the machine's environment names
BARE = {"PLATFORM_SANDBOX_URL": "", "WRITER_SPACE": "", "SUPABASE_URL": ""}

load_too("tests.warmed")


def open_model() -> None:
    """Begin a run: its processes share one model."""
    # a short path: some parts put sockets below it, whose names are limited to about 100 bytes
    os.environ[_MODEL] = tempfile.mkdtemp(prefix="lin-")


def close_model() -> None:
    """End the run: the model goes."""
    model = Path(os.environ.pop(_MODEL))
    Stack(ROOT, model).remove_data()
    shutil.rmtree(model, ignore_errors=True)


def new_stack(**options: Any) -> Stack:
    """A stack in a directory of its own and somewhere among the ports, so that copies of the suite run side by side; the options
    are Stack's."""
    state, offset = Path(tempfile.mkdtemp(prefix="lin-")), secrets.choice(PORT_OFFSETS)
    return Stack(ROOT, state, forks=True, copy_of=_model(), port_offset=offset, **options)


@contextmanager
def quiet_stack(**env: str) -> Iterator[Stack]:
    """Database and gateway with the product's tables and nobody at work, as long as the block runs. `env` is for what
    the test starts there."""
    stack = new_stack(services=False, extra_env=BARE | env)
    try:
        stack.start()
        yield stack
    finally:
        stack.discard()


def _model() -> Path:
    """The state directory of a stopped stack, made by whichever process of the run needs it first."""
    model = Path(os.environ[_MODEL])
    complete = model / "complete"
    with (model / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            with Stack(ROOT, model, services=False, extra_env=BARE):
                pass
            complete.touch()
    return model
