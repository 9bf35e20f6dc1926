"""Addresses that people give us are judged in one place each: what is fetched by the public door, where browsers are sent by the
connector, who may call from a page by the settings."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.rules.test_imports import BACKEND, all_imports, name_of, python_files

# What opens connections by itself, and the parts that may, each to an address of our own settings or behind the door.
OPENERS = {
    "requests": {"outbound"},
    "urllib3": {"outbound"},
    "urllib.request": set(),
    "http.client": {"outbound"},
    "ftplib": set(),
    "telnetlib": set(),
    "aiohttp": set(),
    "websockets": set(),
    "httpx": {"store", "spaces"},  # Supabase, and the models of the settings
    "gradio_client": {"spaces"},
    "supabase": {"store"},
    "redis": {"api.limits"},  # RATE_LIMIT_STORAGE_URL
}


def calls(name: str) -> set[str]:
    """The modules that call something of this name."""
    found = set()
    for file in python_files(BACKEND):
        for node in ast.walk(ast.parse(file.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            if name in (getattr(called, "id", None), getattr(called, "attr", None)):
                found.add(name_of(file))
    return found


def reads(attribute: str) -> set[str]:
    """The modules that read an attribute of this name."""
    return {
        name_of(file)
        for file in python_files(BACKEND)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == attribute
    }


@pytest.mark.parametrize("library", OPENERS)
def test_connections_are_opened_where_addresses_are_judged(library: str) -> None:
    users = {
        module for module, imported in all_imports().items()
        if any(one == library or one.startswith(f"{library}.") for one in imported)
    }  # fmt: skip
    allowed = OPENERS[library]
    assert {one for one in users if not {one, one.split(".")[0]} & allowed} == set()


def test_the_door_for_peoples_addresses_is_built_once() -> None:
    assert calls("PublicHttp") == {"wiring"}
    assert (BACKEND / "wiring.py").read_text().count("PublicHttp(") == 1


def test_the_door_follows_redirects_itself_so_that_each_is_judged() -> None:
    # requests would follow them past the checks
    for file in python_files(BACKEND / "outbound"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "allow_redirects":
                assert isinstance(node.value, ast.Constant), name_of(file)
                assert node.value.value is False, name_of(file)


def test_browsers_are_sent_on_only_where_the_connector_said() -> None:
    # the other one leads home to the documentation
    assert calls("redirect") == {"app", "api.platforms"}
    assert calls("_is_allowed") == {"core.connecting"}


def test_the_frontends_are_those_of_the_settings() -> None:
    assert reads("frontend_origins") <= {"app", "settings", "wiring", "worker_services"}
    written = [name_of(file) for file in python_files(BACKEND) if "Access-Control-" in file.read_text()]  # fmt: skip
    assert written == []


def test_the_walk_sees_what_is_there() -> None:
    assert Path(BACKEND / "outbound" / "public.py").is_file()
    assert calls("urljoin") >= {"outbound.public"}
    assert "app" in reads("frontend_origins")
