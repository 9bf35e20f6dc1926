"""What is heavy and rarely needed is loaded when it is needed: every process would carry it otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# a Space's client and what it brings along; tables are for bulk work; error reports and spans are for who asks for them;
# documents and the names of all emoji
HEAVY = ("gradio_client", "huggingface_hub", "pandas", "numpy", "sentry_sdk", "opentelemetry", "pypdf", "docx", "emoji")  # fmt: skip


@pytest.mark.parametrize("module", ["backend.worker", "backend.wsgi"])
def test_a_process_starts_without_what_it_may_never_need(module: str) -> None:
    code = f"import sys, {module}; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
