"""A platform that nobody named: dropped into the folders, it gets the contract tests, and they tell whether it is right.

`sixth/` holds one that does not exist, with what backend/platforms/ADDING.md asks for. It is put into a copy of the
project, because what lies in the folders of this one is really offered.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SIXTH = Path(__file__).parent / "sixth"
NEEDED = ("backend", "scripts/local", "tests/contracts", "tests/pytest.ini", "supabase/seed.sql")
CONTRACTS = ("test_every_platform.py", "test_every_capability.py", "test_every_content.py")


class Copy:
    """The project with one platform more."""

    def __init__(self, root: Path) -> None:
        self.root = root
        ignored = shutil.ignore_patterns("__pycache__", "node_modules", "test_sixth*")
        for name in NEEDED:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, root / name, ignore=ignored)
            else:
                shutil.copy(ROOT / name, root / name)
        shutil.copytree(SIXTH / "toot", root / "scripts/local/sandbox/toot")
        seed = root / "supabase/seed.sql"
        seed.write_text(seed.read_text() + (SIXTH / "seed.sql").read_text())
        self.mend()

    def mend(self) -> None:
        """The client as it should be."""
        for file in SIXTH.glob("toot*.py"):
            shutil.copy(file, self.root / "backend/platforms")

    def broken(self, right: str, wrong: str) -> None:
        """The client with a mistake."""
        self.mend()
        (file,) = (file for file in SIXTH.glob("toot*.py") if right in file.read_text())
        text = file.read_text()
        assert text.count(right) == 1
        (self.root / "backend/platforms" / file.name).write_text(text.replace(right, wrong))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A Python of its own in the copy."""
        dropped = ("PYTEST_", "COVERAGE_", "COV_")
        environ = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}  # fmt: skip
        environ["PYTHONPATH"] = f"{self.root}:{self.root}/scripts"
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def contracts(self, chosen: str, *files: str, verbose: str = "-rA") -> str:
        """What pytest says about the chosen contract tests."""
        paths = [f"tests/contracts/{file}" for file in files]
        ran = self.run(
            "-m", "pytest", "-c", "tests/pytest.ini", *paths, "-k", chosen, "-q", verbose, "--tb=no",
            "-p", "no:cacheprovider", "-p", "no:randomly",
        )  # fmt: skip
        assert ran.returncode in (0, 1), ran.stdout + ran.stderr
        return ran.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("copy"))


def reported(platform: str, told: str, outcome: str = "") -> set[str]:
    """The contract tests of a platform in pytest's report, without its name; with an outcome only those."""
    found = re.findall(
        rf"^{outcome}.*?\btest_every_(.*\[.*?\b{platform}\b.*\])", told, re.MULTILINE
    )
    return {re.sub(rf"\b{platform}\b", "…", name) for name in found}


@pytest.mark.slow  # the contracts once more; in the short run a mistake is noticed, and what passes is the others' runs
def test_a_platform_that_nobody_named_passes_every_contract_test(copy: Copy) -> None:
    copy.mend()
    told = copy.contracts("toot", *CONTRACTS)
    assert reported("toot", told, "FAILED") == set()
    assert reported("toot", told, "ERROR") == set()
    passed = reported("toot", told, "PASSED")
    listed = copy.contracts("linkedin", *CONTRACTS, verbose="--collect-only")
    linkedin = reported("linkedin", listed)
    assert len(linkedin) > 100
    # the same tests, but for kinds of files and names of options, of which each platform has its own
    own = ("each_limit_of_a_file", "option_of_the_wrong_kind", "a_choice")

    def shared(names: set[str]) -> set[str]:
        return {name for name in names if not any(part in name for part in own)}

    assert shared(passed) == shared(linkedin)
    for part in own:
        assert any(part in name for name in passed), part


def test_the_stack_makes_an_app_for_a_platform_that_nobody_named(copy: Copy) -> None:
    program = (
        "from local.sandbox.registry import build, register_apps; from local.stack.apps import VARIABLES, sandbox_apps;"
        "world, mounts = build(); register_apps(world, sandbox_apps({}, 'seed', 'http://127.0.0.1:1'));"
        "print(VARIABLES['toot'], 'api.toot.example' in mounts.hosts)"
    )
    told = copy.run("-c", program)
    assert told.stdout == "('TOOT_CLIENT_ID', 'TOOT_CLIENT_SECRET') True\n", told.stderr


# What is changed in the client, and the contract test that has to notice.
MISTAKES = {
    "a server error is taken for success": (
        "if 200 <= status < 300:", "if 200 <= status < 300 or status == 500:",
        "test_every_platform.py", "test_each_fault_of_the_creating_call",
    ),
    "its limits refuse nothing": (
        "*limit_violations(", "*(lambda *_: ())(",
        "test_every_platform.py", "test_it_refuses_what_its_limits_refuse",
    ),
    "it sends twice": (
        "        body = object_of(answer)\n        return Published(",
        '        body = object_of(self._call("POST", "/toots", tokens, json=prepared))\n        return Published(',
        "test_every_platform.py", "test_a_text_is_published_and_named",
    ),
    "it sends again what may be there": (
        "    if creating:\n        raise OutcomeUnknown(", "    if creating:\n        raise TryLater(",
        "test_every_platform.py", "test_each_fault_of_the_creating_call",
    ),
    "its preview is not what it sends": (
        '            "text": content.text,', '            "text": content.text + ".",',
        "test_every_platform.py", "test_any_text_reaches_its_readers",
    ),
    "alt texts are lost": (
        'file.alt_text or ""', '""',
        "test_every_platform.py", "test_images_arrive_with_their_alt_texts",
    ),
    "it does not say how long to wait": (
        '"Too many toots.", after=seconds_to_wait(answer)', '"Too many toots.", after=None',
        "test_every_platform.py", "test_each_fault_of_the_creating_call",
    ),
    "it connects for good when a platform fails": (
        "if answer.status >= 500 or answer.status == 429:", "if answer.status == 429:",
        "test_every_platform.py", "test_connecting_survives",
    ),
    "its limits refuse no file": (
        "*limit_violations(", "*(lambda *_: ())(",
        "test_every_content.py", "test_each_limit_of_a_file",
    ),
    "any option will do": (
        "*option_violations(TootOptions, content.options),", "",
        "test_every_content.py", "test_an_option_of_the_wrong_kind",
    ),
    "a token is kept": (
        "notes.keep(files=kept)", "notes.keep(files=kept, by=tokens.access_token)",
        "test_every_content.py", "test_no_token_is_ever_kept",
    ),
    "it uploads anew each time": (
        "if file.media_id not in kept or", "if file or",
        "test_every_content.py", "test_what_the_notes_hold",
    ),
    "a choice is not heard": (
        "read_options(TootOptions, content.options).audience", '"everyone"',
        "test_every_content.py", "test_each_value_of_a_choice_arrives",
    ),
    "its hashtags are not told": (
        "hashtags(text), links(text)", "(), links(text)",
        "test_every_content.py", "test_hashtags_and_links",
    ),
    "the verifier is sent along": (
        '            "state": state,\n', '            "state": state + verifier,\n',
        "test_every_content.py", "test_the_verifier_never_passes",
    ),
    "of a capability one member lacks": (
        "def absence_is_proof", "def absence_proves",
        "test_every_capability.py", "test_what_it_offers_it_offers_whole",
    ),
    "what is deleted cannot be deleted again": (
        ", gone=404)", ")",
        "test_every_capability.py", "test_a_post_is_deleted_once",
    ),
    "it deletes nothing": (
        '        self._call("DELETE",', '        self._call("GET",',
        "test_every_capability.py", "test_a_post_is_deleted_once",
    ),
    "it reads back other words": (
        'one["text"],', 'one["text"].lower(),',
        "test_every_capability.py", "test_what_was_published_is_found",
    ),
    "it tells no figures": (
        "for one, told in body.items()}", "for one, told in body.items() if not one}",
        "test_every_capability.py", "test_figures_are_told_by_id",
    ),
    "a question that fails leaves an outcome open": (
        "    if creating:\n        raise OutcomeUnknown(", "    if status:\n        raise OutcomeUnknown(",
        "test_every_capability.py", "test_each_fault_of_what_may_be_repeated",
    ),
    "a lost permission is taken for a refusal": (
        "        raise Reconnect(", "        raise Rejected(",
        "test_every_capability.py", "test_each_fault_of_what_may_be_repeated",
    ),
    "renewing breaks off the connection": (
        "if answer.status >= 500 or answer.status == 429:", "if answer.status >= 600:",
        "test_every_capability.py", "test_a_platform_that_fails_is_no_reason",
    ),
}  # fmt: skip
ALWAYS = ("a server error is taken for success",)


@pytest.mark.parametrize(
    "mistake", [pytest.param(one, marks=() if one in ALWAYS else pytest.mark.slow) for one in MISTAKES]
)  # fmt: skip
def test_a_mistake_of_its_client_is_noticed(copy: Copy, mistake: str) -> None:
    right, wrong, file, noticing = MISTAKES[mistake]
    copy.broken(right, wrong)
    told = copy.contracts(f"{noticing} and toot", file)
    assert any(noticing in name for name in reported("toot", told, "FAILED")), told
