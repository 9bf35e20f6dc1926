"""The repository as a newcomer finds it: its top level, its licence, and a settings manual that is complete."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic.fields import FieldInfo

from backend.platforms import PLATFORMS
from backend.settings import Settings, variable_of

ROOT = Path(__file__).resolve().parents[2]
TOP_LEVEL = {
    "backend", "supabase", "scripts", "tests",
    "requirements.txt", "requirements-dev.txt", "README.md", "LICENSE",
}  # fmt: skip
DOT_FILES = {".env.example", ".gitignore", ".dockerignore", ".ci", ".github"}

# Documented beside the settings, and read by the local stack instead of the backend.
LOCAL_STACK = {
    "DATABASE_URL": "the database of a hosted project, for migrations",
}


def documented() -> list[str]:
    """The variables of .env.example, in order; commented-out ones count."""
    text = (ROOT / ".env.example").read_text()
    return re.findall(r"^(?:# )?([A-Z][A-Z0-9_]*)=", text, re.MULTILINE)


def variables() -> dict[str, tuple[str, ...]]:
    """By its first name: every name under which the settings accept a variable."""
    return {names[0]: names for names, _ in fields()}


def fields() -> list[tuple[tuple[str, ...], FieldInfo]]:
    """Every name of each variable, with its field: the server's, then each platform's."""
    found = []
    for settings in (Settings, *(platform.Settings for platform in PLATFORMS.values())):
        for name, field in settings.model_fields.items():
            choices = tuple(str(one) for one in getattr(field.validation_alias, "choices", ()))
            found.append((choices or (variable_of(settings, name),), field))
    return found


def test_every_setting_is_in_the_manual_and_nothing_else_is() -> None:
    assert set(documented()) - set(LOCAL_STACK) == set(variables())
    assert set(LOCAL_STACK) <= set(documented())


def test_no_variable_is_documented_twice() -> None:
    assert len(documented()) == len(set(documented()))


def test_other_accepted_names_are_mentioned_in_the_manual() -> None:
    text = (ROOT / ".env.example").read_text()
    others = [name for names in variables().values() for name in names[1:]]
    assert [name for name in others if not re.search(rf"\b{name}\b", text)] == []


def test_every_variable_of_the_manual_has_a_comment_above_it() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for number, line in enumerate(lines):
        match = re.match(r"(?:# )?([A-Z][A-Z0-9_]*)=", line)
        if match is None:
            continue
        above = number - 1
        while re.match(r"(?:# )?[A-Z][A-Z0-9_]*=", lines[above]):
            above -= 1  # variables that share a comment
        assert lines[above].startswith("# "), f"{match[1]} has no comment"


def test_the_manual_holds_the_defaults_and_no_secret() -> None:
    text = (ROOT / ".env.example").read_text()
    set_there = dict(re.findall(r"^([A-Z][A-Z0-9_]*)=(.+)$", text, re.MULTILINE))
    defaults = {names[0]: field.default for names, field in fields()}
    for name, value in set_there.items():
        default = defaults[name]
        if isinstance(default, str | int | float):
            shown = f"{default:g}" if isinstance(default, float) else str(default)
            assert value == (shown.lower() if isinstance(default, bool) else shown), name
    assert not re.search(r"sb_secret_\w|eyJ[\w-]{10}|hf_\w{10}", text)


def test_the_top_level_is_as_the_design_lists_it() -> None:
    visible = {entry.name for entry in ROOT.iterdir() if not entry.name.startswith(".")}
    # made by tools and ignored by git
    assert visible - {"htmlcov", "node_modules", "__pycache__"} == TOP_LEVEL
    assert {name for name in DOT_FILES if not (ROOT / name).exists()} == set()


def test_the_licence_is_mit() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith("MIT License")
    assert "WITHOUT WARRANTY OF ANY KIND" in text


def test_every_script_of_the_design_is_there_and_can_be_run() -> None:
    for name in ("demo", "dev", "test", "check", "db"):
        script = ROOT / "scripts" / name
        assert script.stat().st_mode & 0o111, f"scripts/{name} is not executable"
        assert script.read_text().startswith("#!")
