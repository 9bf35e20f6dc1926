"""The image without an engine: the Dockerfile's own commands, carried out below a directory that stands for /."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.deploy.files import ROOT, dockerfile

USER = re.compile(r"\b10001\b")
PLACES = re.compile(r"(?<![\w.])/(?=(?:app|build|opt|tmp|var)\b)")


class Image:
    """What the stages leave, below `directory`.

    With `wheels` every command runs, in a venv that is as bare as the base image. Without, the packages of this suite stand
    in for /opt/lin, and what concerns it is left out.
    """

    def __init__(self, directory: Path, *, wheels: bool) -> None:
        self.root = directory / "root"
        self.environment: dict[str, str] = {}
        self.command: list[str] = []
        self.check: list[str] = []
        self._directory = directory
        self._stages: list[Path] = []
        if wheels:
            bare = directory / "base"
            self._run([sys.executable, "-m", "venv", str(bare)], directory)
            self._base = bare / "bin"
        else:
            self._base = Path(sys.executable).parent
        stages = dockerfile() if wheels else dockerfile()[-1:]
        for stage in stages:
            self._build(stage, wheels=wheels)

    def run_environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """What a container's process sees: nothing of this machine but what is given."""
        return dict(given) | self.environment

    def at(self, port: int, command: list[str]) -> list[str]:
        """The command on another port, on loopback."""
        return [part.replace("0.0.0.0:8000", f"127.0.0.1:{port}").replace("8000", str(port)) for part in command]  # fmt: skip

    @property
    def workplace(self) -> Path:
        """Where commands run."""
        return self._place

    def files(self) -> set[str]:
        """Everything but the two places that may be written to."""
        found = (str(file.relative_to(self.root)) for file in self.root.rglob("*"))
        return {name for name in found if not name.startswith(("tmp", "var/lib/lin/spool"))}

    def _build(self, stage: list[tuple[str, str]], *, wheels: bool) -> None:
        if self._stages:
            self.root.rename(self._stages[-1])
        self._stages.append(self._directory / f"stage-{len(self._stages)}")
        (self.root / "tmp").mkdir(parents=True)
        self._place = self.root
        self.environment = {"PATH": f"{self._base}{os.pathsep}{os.environ['PATH']}"}
        for instruction, value in stage:
            match instruction:
                case "WORKDIR":
                    self._place = Path(self._here(value))
                    self._place.mkdir(parents=True, exist_ok=True)
                case "ENV":
                    for pair in shlex.split(value):
                        name, _, text = pair.partition("=")
                        path = self.environment["PATH"]
                        self.environment[name] = self._here(text).replace("$PATH", path)
                case "COPY":
                    self._copy(shlex.split(value), wheels=wheels)
                case "RUN":
                    # as whoever runs the tests, who cannot give files away
                    mine = USER.sub(str(os.getuid()), value.replace("-g 10001", f"-g {os.getgid()}"))  # fmt: skip
                    self._run(["/bin/sh", "-ec", self._here(mine)], self._place)
                case "HEALTHCHECK":
                    self.check = json.loads(value[value.index("CMD") + 3 :])
                case "CMD":
                    self.command = [self._here(part) for part in json.loads(value)]

    def _copy(self, words: list[str], *, wheels: bool) -> None:
        came_from = next((word for word in words if word.startswith("--from=")), None)
        *sources, target = [word for word in words if not word.startswith("--")]
        for source in sources:
            if came_from:
                if not wheels:
                    continue
                origin = self._stages[-2] / source.lstrip("/")
            else:
                origin = ROOT / source
            to = self._place / self._here(target)
            if origin.is_dir():
                skipped = shutil.ignore_patterns("__pycache__") if not came_from else None
                shutil.copytree(origin, to, symlinks=True, ignore=skipped)
            else:
                folder = to if target.endswith("/") else to.parent
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(origin, to)

    def _here(self, text: str) -> str:
        """The same with / below our root."""
        return PLACES.sub(f"{self.root}/", text)

    def _run(self, command: list[str], place: Path) -> None:
        done = subprocess.run(
            command,
            cwd=place,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
