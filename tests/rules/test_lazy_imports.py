"""What is heavy is loaded when it is needed, and once: every process would carry it otherwise."""

from __future__ import annotations

import os
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


@pytest.mark.parametrize("build", ["backend.worker_services.build_worker", "backend.services.build"])  # fmt: skip
def test_a_process_reads_the_certificates_once(build: str, tmp_path: Path) -> None:
    module, _, function = build.rpartition(".")
    code = (
        "import ssl; read = []; load = ssl.SSLContext.load_verify_locations\n"
        "ssl.SSLContext.load_verify_locations = lambda *a, **k: (read.append(a), load(*a, **k))\n"
        f"from backend.settings import load_settings; from {module} import {function} as build\n"
        "services = build(load_settings()); print(len(read))"
    )
    env = {
        "PATH": os.environ["PATH"], "APP_ENV": "development", "SUPABASE_URL": "https://project.example.org",
        "SUPABASE_KEY": "sb_publishable_x", "SUPABASE_SECRET_KEY": "sb_secret_x", "PUBLIC_URL": "https://api.example.org",
        "FRONTEND_ORIGINS": "https://app.example.org", "TOKEN_KEYS": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "SPOOL_DIRECTORY": str(tmp_path),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1"]
