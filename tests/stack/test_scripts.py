"""The scripts people and continuous integration type."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local import advisors, checking, setup
from local.stack.docker import from_status
from local.stack.secrets import Secrets
from local.stack.settings import backend_environment, hosted_project
from local.testing import is_complete, pytest_arguments

from .conftest import ROOT


def test_every_script_is_executable_and_says_what_it_does() -> None:
    scripts = [file for file in (ROOT / "scripts").iterdir() if file.is_file() and not file.suffix]
    assert {"dev", "demo", "test", "check", "db", "bench"} <= {file.name for file in scripts}
    for file in scripts:
        assert os.access(file, os.X_OK), file
        shebang, comment, *_ = file.read_text().splitlines()
        assert shebang == "#!/bin/sh"
        assert comment.startswith("# ")


def test_the_readme_names_every_script_and_folder() -> None:
    readme = (ROOT / "scripts" / "README.md").read_text()
    names = [file.name for file in (ROOT / "scripts").iterdir()]
    names += [file.name for file in (ROOT / "scripts" / "local").iterdir()]
    ignored = {"README.md", "__init__.py", "__pycache__", "local"}
    assert [name for name in names if name not in ignored and f"`{name}" not in readme] == []


def test_without_a_python_the_scripts_say_what_to_install(tmp_path: Path) -> None:
    for tool in ("sh", "dirname"):
        tmp_path.joinpath(tool).symlink_to(shutil.which(tool) or tool)
    done = subprocess.run(
        [str(ROOT / "scripts" / "dev")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Lin needs Python 3.11 or newer" in done.stderr


def test_an_older_python_is_passed_over(tmp_path: Path) -> None:
    for tool in ("sh", "dirname"):
        tmp_path.joinpath(tool).symlink_to(shutil.which(tool) or tool)
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    new = tmp_path / "python3.12"
    new.write_text('#!/bin/sh\n[ "$1" = -c ] && exit 0\necho "chosen: $2"\nexit 0\n')
    new.chmod(0o755)
    done = subprocess.run(
        [str(ROOT / "scripts" / "dev")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "chosen: local.stack"


def test_a_failing_installation_shows_its_last_lines(capsys: pytest.CaptureFixture[str]) -> None:
    program = "import sys\nfor i in range(30): print('line', i)\nsys.exit(3)"
    with pytest.raises(
        setup.SetupError, match=r"(?s)failed \(exit 3\).*line 29.*Check the network"
    ):
        setup.run_showing("Installing", [sys.executable, "-c", program], setup.pip_progress)
    assert "Installing ..." in capsys.readouterr().out


def test_pips_output_is_condensed() -> None:
    assert setup.pip_progress("Collecting flask==3.1.3") == "collecting flask==3.1.3"
    assert setup.pip_progress("Requirement already satisfied: flask") is None


@pytest.mark.parametrize(
    ("typed", "runs"),
    [
        ([], ["-c", "tests/pytest.ini", "-m", "not slow", "tests"]),
        (["--all"], ["-c", "tests/pytest.ini", "tests"]),
        (["--all", "--coverage"], ["-c", "tests/pytest.ini", "tests"]),
        (["tests/unit", "-x"], ["-c", "tests/pytest.ini", "-m", "not slow", "tests/unit", "-x"]),
        (["-m", "slow"], ["-c", "tests/pytest.ini", "-m", "slow", "tests"]),
        (["-k", "feed"], ["-c", "tests/pytest.ini", "-m", "not slow", "-k", "feed", "tests"]),
    ],
)
def test_arguments_go_to_pytest(typed: list[str], runs: list[str]) -> None:
    assert pytest_arguments(typed) == runs


def test_the_slowest_tests_are_listed_on_demand() -> None:
    assert pytest_arguments([], slowest=15) == [
        "-c", "tests/pytest.ini", "-m", "not slow", "--durations=15", "tests",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "typed",
    [[], ["--all"], ["--coverage"], ["-q"], ["-n0"], ["-vv", "--durations=5", "--tb=short"]],
)
def test_a_run_of_the_whole_suite_is_complete(typed: list[str]) -> None:
    assert is_complete(typed)


@pytest.mark.parametrize(
    "typed",
    [
        ["tests/unit"], ["-q", "tests/rls/test_rows.py::test_x"], ["-k", "feed"], ["-m", "slow"], ["-x"],
        ["--lf"], ["--co"], ["--deselect=tests/unit"], ["--ignore=tests/unit"], ["--help"],
    ],
)  # fmt: skip
def test_a_run_that_may_leave_tests_out_is_not_complete(typed: list[str]) -> None:
    assert not is_complete(typed)


def test_every_pin_holds() -> None:
    checking.check_pins()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("-----BEGIN EC PRIVATE KEY-----\n" + "A" * 30, "a private key"),
        ("key = sb_secret_" + "a" * 24, "a Supabase secret key"),
        ("eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "b" * 43, "a signed token"),
        ("see /ro" + "ot/.cache", "a path of one machine"),
    ],
)
def test_what_must_not_be_committed_is_recognised(text: str, what: str) -> None:
    assert checking.FORBIDDEN[what].search(text)


def test_an_accepted_finding_needs_its_name_and_place() -> None:
    unused = {"name": "unused_index", "metadata": {"schema": "public", "name": "posts"}}
    missing = {"name": "rls_disabled_in_public", "metadata": {"schema": "public", "name": "posts"}}
    keyless = {"name": "no_primary_key", "metadata": {"schema": "private", "name": "counts_added"}}
    assert advisors.split([unused, missing, keyless]) == ([missing], [])
    assert advisors.split([unused]) == ([], ["no_primary_key on private.counts_added"])


def test_the_secrets_of_a_directory_are_made_once_and_are_private(tmp_path: Path) -> None:
    first = Secrets.of(tmp_path)
    assert Secrets.of(tmp_path) == first
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0
    assert first.secret_key not in repr(first)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", first.token_keys)


def test_what_the_environment_names_reaches_the_backend(tmp_path: Path) -> None:
    named = {
        "SUPABASE_URL": "https://x.supabase.co/",
        "SUPABASE_KEY": "sb_publishable_x",
        "SUPABASE_SECRET_KEY": "secret",
        "FRONTEND_ORIGINS": "https://lin.example, http://127.0.0.1:1",
        "LOG_LEVEL": "DEBUG",
        "LINKEDIN_CLIENT_ID": "mine",
        "HUGGING_KEY": "kept",
    }
    project = hosted_project(named)
    assert project
    env = backend_environment(
        named,
        supabase=project,
        secrets=Secrets.of(tmp_path),
        api_url="http://127.0.0.1:2",
        frontend_url="http://127.0.0.1:1",
        sandbox_url="http://127.0.0.1:3",
        space_url="owner/space",
        smtp_url="smtp://127.0.0.1:4",
        spool_directory="/spool",
    )
    assert env["SPOOL_DIRECTORY"] == "/spool"
    assert env["SUPABASE_URL"] == "https://x.supabase.co"
    assert env["FRONTEND_ORIGINS"] == "http://127.0.0.1:1,https://lin.example"
    assert env["PUBLIC_URL"] == "http://127.0.0.1:2"
    assert env["LINKEDIN_CLIENT_ID"] == "mine"
    assert env["LINKEDIN_CLIENT_SECRET"]
    assert (env["LOG_LEVEL"], env["HUGGING_KEY"]) == ("DEBUG", "kept")


def test_the_status_of_supabase_start_is_understood() -> None:
    project = from_status(
        {
            "API_URL": "http://127.0.0.1:54321",
            "DB_URL": "postgresql://postgres:postgres@127.0.0.1:54322/postgres",
            "PUBLISHABLE_KEY": "sb_publishable_x",
            "SECRET_KEY": "y",
            "JWT_SECRET": "z",
            "ANON_KEY": "a",
            "SERVICE_ROLE_KEY": "s",
            "MAILPIT_URL": "http://127.0.0.1:54324",
        }
    )
    assert (project.url, project.mailbox_url) == (
        "http://127.0.0.1:54321",
        "http://127.0.0.1:54324",
    )
    assert "y" not in repr(project).split("Supabase")[-1]
