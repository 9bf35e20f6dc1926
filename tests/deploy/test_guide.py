"""The guide: its commands, files, variables, addresses and scopes are real."""

from __future__ import annotations

import os
import re
import shlex
from functools import cache
from typing import Any

import pytest
import yaml

from backend.platforms.facebook import Facebook
from backend.platforms.instagram_login import InstagramLogin
from backend.platforms.instagram_pages import LoginThroughFacebook
from backend.platforms.linkedin import LinkedIn
from backend.platforms.tiktok_login import TikTokLogin
from backend.platforms.x import X
from local.database import COMMANDS
from local.stack.migrations import run_cli
from tests.deploy.files import DEPLOY, ROOT, compose
from tests.rules.test_repository import LOCAL_STACK, variables

GUIDE = (DEPLOY / "README.md").read_text()
README = (ROOT / "README.md").read_text()
# variables that the guide sets for tools which are not ours
OF_THE_TOOLS = {"PATH", "SMTP_PASSWORD", "LIN_VERSION"}
SCOPES = {
    "LinkedIn": LinkedIn.SCOPES, "X": X.SCOPES, "Facebook pages": Facebook.SCOPES, "TikTok": TikTokLogin.SCOPES,
    "Instagram": (*InstagramLogin.SCOPES, *LoginThroughFacebook.SCOPES),
}  # fmt: skip


def commands() -> list[list[str]]:
    """The words of each command in the guide's shell blocks, and of commands in its sentences that can be typed."""
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    lines += re.findall(r"`((?:\./scripts/|docker compose |supabase )[^`]+)`", GUIDE)
    parts = [part for line in lines for part in line.split(" && ")]
    return [shlex.split(part) for part in parts]


def starting(*words: str) -> list[list[str]]:
    """What follows these words in each command that starts so."""
    found = [command[len(words) :] for command in commands() if command[: len(words)] == [*words]]
    assert found, words
    return found


@cache
def cli_help(*subcommand: str) -> str:
    """What the real CLI says of one of its commands."""
    return run_cli(ROOT, [*subcommand, "--help"]).stdout


def test_scripts_are_there_and_know_what_they_are_told() -> None:
    scripts = {command[0] for command in commands() if command[0].startswith("./")}
    assert "./scripts/db" in scripts
    assert [script for script in scripts if not os.access(ROOT / script, os.X_OK)] == []
    for options in starting("./scripts/db"):
        assert set(options) <= {*COMMANDS, "--remote", "--help"}, options


@pytest.mark.slow
def test_the_cli_knows_its_commands_and_their_options() -> None:
    for words in starting("supabase"):
        options = [word for word in words if word.startswith("-")]
        names = [word for word in words if re.fullmatch(r"[a-z-]+", word) and word not in options]
        # the words before the first option or argument name the command
        said = cli_help(*names[:2])
        if "USAGE\n  supabase " + " ".join(names[:2]) not in said:
            names = names[:1]
            said = cli_help(*names)
        assert f"USAGE\n  supabase {' '.join(names[:2])}" in said, words
        for option in options:
            assert re.search(rf"(^|\s|,){option}\b", said, re.MULTILINE), (words, option)


def test_compose_is_told_of_its_own_file_and_services() -> None:
    services = set(compose()["services"])
    for words in starting("docker", "compose"):
        assert words[0] == "-f"
        assert ROOT / words[1] == DEPLOY / "compose.yaml"
        named = {word for word in words[3:] if not word.startswith("-") and "=" not in word}
        assert named <= services, words
        scaled = {word.partition("=")[0] for word in words if "=" in word}
        assert scaled <= services, words


def test_files_that_it_names_are_there() -> None:
    words = {word for command in commands() for word in command}
    paths = {word for word in words if word.startswith(("scripts/", "supabase/"))}
    assert paths
    assert [path for path in paths if not list(ROOT.glob(path))] == []
    links = re.findall(r"\]\(([^)#:]+)\)", GUIDE)
    assert [link for link in links if not (DEPLOY / link).exists()] == []
    for file in DEPLOY.iterdir():
        if file.name not in ("README.md", "__pycache__"):
            assert f"`{file.name}" in GUIDE, file.name


def test_variables_that_it_names_are_in_the_manual() -> None:
    known = {name for names in variables().values() for name in names}
    named = set(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=[^`]*)?`", GUIDE))
    named |= set(re.findall(r"^export ([A-Z_]+)=", GUIDE, re.MULTILINE))
    assert len(named) > 25
    assert named - known - OF_THE_TOOLS - set(LOCAL_STACK) - {"PUBLIC_URL"} == set()


@pytest.mark.parametrize("name", SCOPES)
def test_each_platform_has_its_address_and_its_scopes(name: str) -> None:
    (part,) = [part for part in GUIDE.split("\n\n") if part.startswith(f"**{name}**")]
    platform = name.split()[0].lower()
    assert f"/api/platforms/{platform}/callback`" in part
    assert [scope for scope in SCOPES[name] if f"`{scope}`" not in part] == []


def settings_of_supabase() -> list[str]:
    return re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)


def test_what_it_sets_in_the_configuration_is_there_to_be_set() -> None:
    tomllib = pytest.importorskip("tomllib")
    real = tomllib.loads((ROOT / "supabase" / "config.toml").read_text())
    addresses, mail = (tomllib.loads(block) for block in settings_of_supabase())
    assert set(addresses) <= set(real["auth"])
    assert "max_frequency" in real["auth"]["email"]
    assert set(mail["auth"]["email"]["smtp"]) == {"enabled", "host", "port", "user", "pass", "admin_email", "sender_name"}  # fmt: skip


def test_mails_lead_to_the_page_that_it_names() -> None:
    for template in (ROOT / "supabase" / "templates").iterdir():
        text = template.read_text()
        assert "{{ .SiteURL }}/confirm?token_hash=" in text, template.name
        assert "type=" in text
        assert "redirect_to=" in text


def test_figures_that_it_explains_have_a_name_in_the_rules() -> None:
    rules: dict[str, Any] = yaml.safe_load((DEPLOY / "alerts.yml").read_text())
    asked = " ".join(rule["expr"] for group in rules["groups"] for rule in group["rules"])
    # the figures to watch; the list of all of them comes after
    named = re.findall(
        r"^\| `(lin_\w+)`", GUIDE.partition("### What /metrics tells")[0], re.MULTILINE
    )
    assert named
    assert [name for name in named if name not in asked] == []


def test_the_readme_leads_here() -> None:
    assert "(scripts/deploy/README.md)" in README
