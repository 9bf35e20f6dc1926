"""Who may import whom. The arrows point inwards: the core knows nobody, and three files build everything."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BACKEND = ROOT / "backend"
LOCAL = ROOT / "scripts" / "local"
LONGEST_MODULE = 300
# Longer on purpose, each with the reason why splitting it would make it harder to read.
LONGER = {
    "settings": 340,  # every variable with what is refused of it
    "core.platform_contract": 390,  # the contracts, which are read beside each other
}


def python_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*.py") if "node_modules" not in file.parts)


def name_of(file: Path) -> str:
    """The module's name as "core.errors", relative to backend."""
    parts = file.relative_to(BACKEND).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(file: Path, package: str, folder: Path) -> Iterator[str]:
    """Every module a file imports anywhere in it, by its full name; `from a import b` counts as a.b."""
    inside = file.relative_to(folder).parent.parts
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = (package, *inside)[: len(inside) + 2 - node.level]
                base = ".".join((*above, base)) if base else ".".join(above)
            yield from (f"{base}.{alias.name}" for alias in node.names)


@cache
def all_imports() -> dict[str, list[str]]:
    """By module of backend, what it imports."""
    return {name_of(file): sorted(set(imports(file, "backend", BACKEND))) for file in python_files(BACKEND)}  # fmt: skip


def inner(module: str) -> list[str]:
    """What a module of backend imports from backend, without the package's name."""
    found = [
        one.removeprefix("backend.")
        for one in all_imports()[module]
        if one.split(".")[0] == "backend"
    ]
    return ["" if one == "backend" else one for one in found]


def outer(module: str) -> set[str]:
    """The libraries a module imports, by their top name."""
    top = {one.split(".")[0] for one in all_imports()[module]}
    return top - set(sys.stdlib_module_names) - {"backend", "__future__"}


def modules_of(folder: str) -> list[str]:
    return [name for name in all_imports() if name == folder or name.startswith(f"{folder}.")]


def within(imported: str, *places: str) -> bool:
    return any(imported == place or imported.startswith(f"{place}.") for place in places)


def test_the_walk_sees_what_is_there() -> None:
    assert "core.errors" in modules_of("core")
    assert any(within(one, "core.errors") for one in inner("core.publishing"))
    assert "flask" in outer("app")
    assert outer("core.errors") == set()


def outside(folder: str, *allowed: str) -> dict[str, list[str]]:
    """What modules of this part import from backend although it is in none of the allowed places, by module."""
    found = {
        module: [one for one in inner(module) if not within(one, *allowed)]
        for module in modules_of(folder)
    }
    return {module: wrong for module, wrong in found.items() if wrong}


def libraries(folder: str, allowed: set[str]) -> dict[str, set[str]]:
    """The other libraries that modules of this part import, by module."""
    found = {module: outer(module) - allowed for module in modules_of(folder)}
    return {module: wrong for module, wrong in found.items() if wrong}


def test_the_core_imports_the_standard_library_and_itself() -> None:
    assert libraries("core", set()) == {}
    assert outside("core", "core") == {}


ADAPTERS = {
    "platforms": {
        "pydantic",
        "emoji",
        "regex",
        "tld",
    },  # models of settings and options; texts as platforms count them
    "spaces": {"gradio_client", "httpx", "httpx_sse", "httpcore", "PIL", "huggingface_hub"},
    "sources": {
        "feedparser",
        "dateparser",
        "trafilatura",
        "defusedxml",
        "lxml",
        "courlan",
        "charset_normalizer",
        "py3langid",
    },
    "media": {"PIL", "pymediainfo", "pypdf", "docx", "defusedxml"},
    "mail": {"jinja2"},
    "bulk": {"pandas", "dateparser", "charset_normalizer"},
    "store": {"supabase", "postgrest", "storage3", "supabase_auth", "httpx"},
    "outbound": {"requests", "urllib3", "requests_hardened", "certifi"},
}


@pytest.mark.parametrize("folder", ADAPTERS)
def test_an_adapter_knows_the_core_the_door_and_its_own_libraries(folder: str) -> None:
    assert libraries(folder, ADAPTERS[folder]) == {}
    # a platform's own settings are of the one kind that reads the environment
    allowed = ("core", "outbound", folder, *(("settings",) if folder == "platforms" else ()))
    assert outside(folder, *allowed) == {}


def test_a_view_is_handed_everything_but_the_core() -> None:
    assert outside("api", "core", "auth", "described", "problems", "logs", "api") == {}


def test_a_job_is_handed_everything_but_the_core() -> None:
    assert outside("jobs", "core", "jobs") == {}
    assert libraries("jobs", set()) == {}


def importers(*names: str) -> set[str]:
    """The modules that import a library (top name) or a module of backend."""
    return {
        module for module in all_imports()
        if outer(module) & set(names) or any(within(one, *names) for one in inner(module))
    }  # fmt: skip


# What builds real things.
ROOTS = {"services", "wiring", "worker_services"}


def places(modules: set[str]) -> set[str]:
    return {module.split(".")[0] for module in modules}


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        (("supabase", "postgrest", "storage3", "supabase_auth", "realtime"), {"store"}),
        (("gradio_client",), {"spaces"}),
        (("flask", "flask_openapi3", "flask_cors", "werkzeug"), {"api", "app", "auth", "problems", "wsgi"}),
        (("flask_limiter", "limits", "redis", "secure"), {"api"}),
        (("apscheduler",), {"worker"}),
        (("joserfc",), {"sealing"}),
        (("jwt",), {"auth"}),
        (("standardwebhooks",), {"signing"}),
        (("structlog",), {"logs"}),
        (("prometheus_client",), {"api"}),
        (("sentry_sdk",), {"error_reports"}),
        (("opentelemetry",), {"tracing"}),
        (("pydantic_settings",), {"settings"}),
        (("requests", "urllib3"), {"outbound"}),
        (("services",), {"wsgi", "app"}),
        (("worker_services",), {"worker"}),
        (("wiring",), {"services", "worker_services", "rotate_keys"}),
        (("jobs",), {"timetable", "jobs"}),
        (("api",), {"app", "api"}),
        (("store",), {*ROOTS, "store"}),
        (("platforms",), {*ROOTS, "platforms"}),
        (("spaces",), {*ROOTS, "spaces"}),
        (("sources",), {*ROOTS, "sources"}),
        (("media",), {*ROOTS, "media"}),
        (("bulk",), {*ROOTS, "bulk"}),
        (("mail",), {*ROOTS, "mail"}),
        (("jinja2",), {"mail"}),
        (("itsdangerous",), {"links"}),
        (("pandas",), {"bulk"}),
        (("outbound",), {*ROOTS, "outbound", "platforms", "spaces", "sources"}),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_each_library_and_each_part_has_its_one_place(
    library: tuple[str, ...], allowed: set[str]
) -> None:
    assert places(importers(*library)) <= allowed


def test_the_application_receives_its_services_and_builds_none() -> None:
    # app.py names the type of what it is handed, nothing else of services.py
    names = {one for module in ("app",) for one in inner(module) if within(one, "services")}
    assert names == {"services.Services"}


def reads_the_environment(file: Path) -> bool:
    for node in ast.walk(ast.parse(file.read_text())):
        of_a_request = (
            isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "request"
        )
        if isinstance(node, ast.Attribute) and not of_a_request and node.attr in {"environ", "environb", "getenv", "putenv"}:  # fmt: skip
            return True
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            names = {alias.name for alias in node.names}
            if names & {"environ", "environb", "getenv"}:
                return True
    return False


def test_only_the_settings_read_the_environment() -> None:
    readers = {name_of(file) for file in python_files(BACKEND) if reads_the_environment(file)}
    # gunicorn names a directory to the processes that it starts, and numpy is told to start no threads
    assert readers <= {"settings", "gunicorn.conf", "sources.language"}


def test_the_backend_never_imports_the_local_stack_or_the_tests() -> None:
    for module in all_imports():
        assert not outer(module) & {"local", "tests", "scripts", "gradio", "psycopg"}, module


def test_the_local_stack_never_imports_the_backend() -> None:
    found = [
        (str(file.relative_to(LOCAL)), one)
        for file in python_files(LOCAL)
        for one in imports(file, "local", LOCAL)
    ]
    assert [each for each in found if each[1].split(".")[0] in ("backend", "tests")] == []


# What several platforms use: rules without a platform's name, and the API that Facebook and Instagram share.
SHARED = {"platforms.counting", "platforms.limits", "platforms.options"}
FAMILIES = {
    "linkedin": ("linkedin", "little_text"),
    "facebook": ("facebook", "graph"),
    "instagram": ("instagram", "graph"),
    "graph": ("graph",),
}


def test_no_platform_imports_another() -> None:
    for module in modules_of("platforms"):
        if module == "platforms":
            continue
        # x.py may be split into x_errors.py and x_media.py
        first = module.split(".")[1].split("_")[0]
        own = FAMILIES.get(first, FAMILIES["linkedin"] if first == "little" else (first,))
        others = [one.split(".")[1] for one in inner(module) if within(one, "platforms") and not within(one, *SHARED)]  # fmt: skip
        assert [one for one in others if not one.startswith(own)] == [], module


def test_a_module_can_be_read_in_one_go() -> None:
    lines = {name_of(file): len(file.read_text().splitlines()) for file in python_files(BACKEND)}
    limits = {name: LONGER.get(name, LONGEST_MODULE) for name in lines}
    assert {name: many for name, many in lines.items() if many > limits[name]} == {}


def test_nothing_is_called_utils() -> None:
    vague = {"utils", "util", "helpers", "common", "misc"}
    found = [file for folder in (BACKEND, LOCAL, ROOT / "tests") for file in python_files(folder)]
    assert not [file for file in found if file.stem in vague]


def test_every_module_says_what_it_is_for() -> None:
    said = {name_of(file): ast.get_docstring(ast.parse(file.read_text())) for file in python_files(BACKEND)}  # fmt: skip
    assert [name for name, words in said.items() if not words] == []
