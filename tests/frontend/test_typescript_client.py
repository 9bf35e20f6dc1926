"""A frontend's types: those generated from /openapi.json compile, together with Supabase's, in a client that uses both."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.paths import NODE_PACKAGES, ROOT, node_directory
from tests.rules.conftest import document, private_key  # noqa: F401 - fixtures

CLIENT = Path(__file__).with_name("client.ts")
TABLES = ROOT / "supabase" / "types" / "database.ts"
# what has a default need not be sent
GENERATING = ("--default-non-nullable", "false")
SECONDS = 240


def node(program: str, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of the Node packages."""
    script = NODE_PACKAGES / "node_modules" / program
    command = [node_directory() / "node", script, *arguments]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, timeout=SECONDS
    )


@pytest.fixture
def project(document: dict[str, Any], tmp_path: Path) -> Path:  # noqa: F811
    """A frontend's folder with the client and both files of types."""
    (tmp_path / "node_modules").symlink_to(NODE_PACKAGES / "node_modules")
    (tmp_path / "client.ts").write_text(CLIENT.read_text())
    (tmp_path / "database.ts").write_text(TABLES.read_text())
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    done = node("openapi-typescript/bin/cli.js", "openapi.json", *GENERATING, "-o", "api.ts", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return tmp_path


def test_a_client_of_generated_types_compiles(project: Path) -> None:
    options = {
        "noEmit": True, "strict": True, "noUncheckedIndexedAccess": True, "skipLibCheck": True, "types": [],
        "target": "es2022", "module": "esnext", "moduleResolution": "bundler",
    }  # fmt: skip
    config = {"compilerOptions": options, "files": ["client.ts"]}
    (project / "tsconfig.json").write_text(json.dumps(config))
    done = node("typescript/bin/tsc", "--project", ".", cwd=project)
    assert done.returncode == 0, done.stdout
