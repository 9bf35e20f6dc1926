"""Serves `gradio_apps` in a process of its own; a module that the new process can import by name, without pytest."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from multiprocessing.managers import BaseManager
from typing import Any

APPS_METHODS = (
    "url", "open_gate", "wait_stopped", "received", "headers", "forget_headers", "set_deaf", "door", "slam", "serve",
)  # fmt: skip


def end_with_the_tests() -> None:
    """The process of the apps ends when that of the tests is killed: else it would look for calls for ever."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent:
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def make_apps(folder: str) -> Any:
    """The apps, in the process that serves them: importing gradio takes seconds."""
    from tests.unit.spaces.gradio_apps import Apps

    return Apps(folder)


class AppsManager(BaseManager):
    """Starts a process for the apps and hands out a proxy of them."""

    Apps: Callable[[str], Any]


AppsManager.register("Apps", make_apps, exposed=APPS_METHODS)
