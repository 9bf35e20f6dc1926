"""The Dockerfile, read: what the image is built from, what stays in it, and who runs there."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.deploy.files import DEPLOY, ROOT, dockerfile

BUILDERS = re.compile(r"\b(apt|apt-get|apk|gcc|make|cargo|rustup|curl|wget|git|pip|npm)\b")


def last(instruction: str) -> list[str]:
    """The values of this instruction in the last stage."""
    return [value for name, value in dockerfile()[-1] if name == instruction]


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint
    done = subprocess.run(
        [hadolint, "--no-color", "--failure-threshold", "style", "Dockerfile"],
        cwd=DEPLOY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_wheels_are_built_in_a_stage_of_their_own() -> None:
    first, final = dockerfile()
    assert any("pip wheel" in value for name, value in first if name == "RUN")
    assert ("COPY", "--from=build /opt/lin /opt/lin") in final


def test_the_last_stage_installs_nothing_and_asks_nobody() -> None:
    assert [value for value in last("RUN") if BUILDERS.search(value)] == []
    assert last("ADD") == []


def test_both_stages_stand_on_one_base_with_a_version() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert set(bases) == {"${BASE}"}
    default = re.search(r"^ARG BASE=(\S+)$", text, re.MULTILINE)
    assert default
    assert re.fullmatch(r"python:3\.\d+(\.\d+)?-slim(-\w+)?", default[1])


def test_it_runs_as_nobody_in_particular() -> None:
    (user,) = last("USER")
    number, _, group = user.partition(":")
    assert int(number) >= 10000
    assert int(group) >= 10000
    steps = [name for name, _ in dockerfile()[-1]]
    # nothing that this user owns comes after, but for the volume
    assert steps.index("USER") > max(i for i, name in enumerate(steps) if name in ("COPY", "RUN"))


def test_the_outcomes_on_disk_are_a_volume_that_belongs_to_that_user() -> None:
    (volume,) = last("VOLUME")
    (user,) = last("USER")
    owner, _, group = user.partition(":")
    assert f"SPOOL_DIRECTORY={volume}" in last("ENV")[0].split()
    assert f"install -d -m 700 -o {owner} -g {group} {volume}" in last("RUN")


def test_commands_need_no_shell() -> None:
    (command,) = last("CMD")
    assert all(isinstance(part, str) for part in json.loads(command))
    (check,) = last("HEALTHCHECK")
    assert json.loads(check[check.index("CMD") + 3 :])[0] == "python"


def ignored(path: str) -> bool:
    """As Docker reads .dockerignore: the last line that matches the path, or a folder above it, decides."""
    parts = path.split("/")
    names = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    decided = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip().removeprefix("!")
        if not pattern or pattern.startswith("#"):
            continue
        if pattern.startswith("**/"):
            hit = any(fnmatch.fnmatchcase(part, pattern[3:]) for part in parts)
        else:
            hit = any(fnmatch.fnmatchcase(name, pattern) for name in names)
        if hit:
            decided = not line.startswith("!")
    return decided


def test_the_context_holds_what_is_copied_and_nothing_else() -> None:
    copied = [value.split()[0] for stage in dockerfile() for name, value in stage if name == "COPY"]
    from_here = [source for source in copied if not source.startswith("--from")]
    assert [source for source in from_here if ignored(source)] == []
    kept_away = (
        ".env", ".git", ".local", "tests", "supabase", "scripts/local", "scripts/deploy/compose.yaml", "README.md",
        "backend/core/__pycache__",
    )  # fmt: skip
    assert [path for path in kept_away if not ignored(path)] == []
