"""What the image runs, from a clean directory with nothing but what the Dockerfile copies: web, worker, health checks."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from local.serving import bind_first_free
from local.stack import Stack
from tests.deploy.files import LAST_BREATH, compose
from tests.deploy.image import Image
from tests.people import Person
from tests.tls import TLS
from tests.waiting import until

# a busy machine imports slowly
START_SECONDS = 120.0


@pytest.fixture(
    scope="module",
    params=[False, pytest.param(True, marks=pytest.mark.slow)],
    ids=["packages-of-the-suite", "its-own-wheels"],
)
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Built once for the tests of this file; slowly also with every command of the Dockerfile."""
    return Image(tmp_path_factory.mktemp("image"), wheels=request.param)


@pytest.fixture
def settings(stack: Stack, image: Image) -> dict[str, str]:
    """The container's environment: the stack's project, and what the image says itself."""
    given = stack.backend_env()
    # a copy of the code is no part of the coverage
    dropped = ("SPOOL_DIRECTORY", "PYTHONPATH", "VIRTUAL_ENV", "COVERAGE_")
    return image.run_environment(
        {name: value for name, value in given.items() if not name.startswith(dropped)}
    )


@contextmanager
def running(
    image: Image, command: list[str], settings: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the image, ended when it was not ended."""
    with log.open("wb") as lines:
        process = subprocess.Popen(
            command, cwd=image.workplace, env=settings, stdout=lines, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def checked(
    image: Image, command: list[str], settings: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=image.workplace, env=settings, capture_output=True, text=True, check=False
    )


def stopped(process: subprocess.Popen[bytes]) -> int:
    """The exit status after SIGTERM, within what both promise."""
    process.send_signal(signal.SIGTERM)
    return process.wait(LAST_BREATH + START_SECONDS)


def answers(port: int) -> bool:
    try:
        return (
            httpx.get(
                f"http://127.0.0.1:{port}/health/live", trust_env=False, verify=TLS
            ).status_code
            == 200
        )
    except httpx.HTTPError:
        return False


def test_the_web_command_answers_is_healthy_and_writes_nowhere_else(
    image: Image, settings: dict[str, str], tmp_path: Path
) -> None:
    before = image.files()
    with bind_first_free("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
    log = tmp_path / "log"
    check = image.at(port, image.check)
    assert checked(image, check, settings).returncode == 1
    with running(image, image.at(port, image.command), settings, log) as web:
        until(
            lambda: answers(port) or web.poll() is not None,
            "the web process",
            seconds=START_SECONDS,
        )
        assert web.poll() is None, log.read_text()
        done = checked(image, check, settings)
        assert (done.returncode, done.stderr) == (0, "")
        assert stopped(web) == 0
    assert image.files() == before


def test_the_worker_command_says_that_it_lives_and_ends_orderly(
    image: Image, settings: dict[str, str], service: Person, tmp_path: Path
) -> None:
    before = image.files()
    worker_command = compose()["services"]["worker"]["command"]
    log = tmp_path / "log"
    with running(image, worker_command, settings, log) as worker:
        name = f"{socket.gethostname()}:{worker.pid}"
        row = f"worker_heartbeats?worker=eq.{name}"
        until(
            lambda: service.rest("GET", row).json() or worker.poll() is not None,
            "the worker's sign of life",
            seconds=START_SECONDS,
        )
        assert worker.poll() is None, log.read_text()
        test = compose()["services"]["worker"]["healthcheck"]["test"]
        done = checked(image, test[1:], settings)
        assert (done.returncode, done.stderr) == (0, "")
        assert stopped(worker) == 0
    service.rest("DELETE", row)
    assert image.files() == before
    spool = Path(settings["SPOOL_DIRECTORY"])
    assert spool.stat().st_mode & 0o777 == 0o700
    assert [folder.is_dir() for folder in spool.iterdir()] == [True]


def test_a_key_that_supabase_refuses_is_told_by_the_worker_check(
    image: Image, settings: dict[str, str]
) -> None:
    test = compose()["services"]["worker"]["healthcheck"]["test"]
    done = checked(image, test[1:], settings | {"SUPABASE_SECRET_KEY": "sb_secret_wrong"})
    assert done.returncode == 1
    assert "Supabase refuses the question" in done.stderr


@pytest.mark.parametrize("image", [pytest.param(True, marks=pytest.mark.slow)], indirect=True)
def test_the_image_carries_no_tools(image: Image) -> None:
    tools = {file.name for file in (image.root / "opt" / "lin" / "bin").iterdir()}
    assert "gunicorn" in tools
    assert not [name for name in tools if name.startswith(("pip", "pytest", "ruff"))]
    assert not (image.root / "build").exists()
