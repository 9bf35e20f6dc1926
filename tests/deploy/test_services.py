"""compose.yaml and the systemd units: how processes are held, and that they get what the settings know."""

from __future__ import annotations

import configparser
import re
from typing import Any

import pytest

from tests.deploy.files import DEPLOY, LAST_BREATH, ROOT, compose
from tests.rules.test_repository import documented, variables

OURS = ("web", "web-2", "worker")
# variables of the tools that the processes run in, not of ours
OF_THE_TOOLS = {"TMPDIR", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "WEB_CONCURRENCY"}
SECRET = re.compile(r"SECRET|KEY|TOKEN|PASSWORD|DSN")
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def known() -> set[str]:
    """Every variable that the settings take."""
    return {name for names in variables().values() for name in names}


def seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+)s", text)
    assert match, text
    return float(match[1])


@pytest.mark.parametrize("name", [*OURS, "redis"])
def test_every_container_is_held_tight(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert not service.get("privileged")


@pytest.mark.parametrize("name", OURS)
def test_ours_get_their_settings_from_the_file_alone(name: str) -> None:
    service = compose()["services"][name]
    assert service["env_file"] == "../../.env"
    given = set(service.get("environment", {}))
    assert given <= known() | OF_THE_TOOLS
    assert [variable for variable in given if SECRET.search(variable)] == []


@pytest.mark.parametrize("name", OURS)
def test_ours_may_finish_what_they_do(name: str) -> None:
    assert seconds(compose()["services"][name]["stop_grace_period"]) > LAST_BREATH


@pytest.mark.parametrize("name", OURS)
def test_temporary_files_have_a_place(name: str) -> None:
    service = compose()["services"][name]
    assert service["tmpfs"].startswith("/tmp:")  # noqa: S108 - a place in the container
    volumes = dict(volume.split(":", 1) for volume in service["volumes"])
    assert service["environment"]["TMPDIR"] == volumes["scratch"]


def test_outcomes_outlive_the_worker() -> None:
    worker = compose()["services"]["worker"]
    assert "spool:/var/lib/lin/spool" in worker["volumes"]
    assert "spool" in compose()["volumes"]
    assert "SPOOL_DIRECTORY=/var/lib/lin/spool" in (DEPLOY / "Dockerfile").read_text()


def test_nothing_but_nginx_on_the_same_machine_reaches_them() -> None:
    ports = [
        port for service in compose()["services"].values() for port in service.get("ports", [])
    ]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_nginx_is_the_one_proxy_whose_word_on_addresses_counts() -> None:
    services = compose()["services"]
    assert [services[name]["environment"]["TRUSTED_PROXIES"] for name in ("web", "web-2")] == ["1", "1"]  # fmt: skip
    assert "TRUSTED_PROXIES=1" in unit(UNITS[0])["Environment"].split()
    # the file of settings comes after a unit's own word
    assert "TRUSTED_PROXIES" not in re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)  # fmt: skip


def test_redis_comes_only_when_it_is_asked_for() -> None:
    services = compose()["services"]
    assert [name for name, service in services.items() if service.get("profiles")] == ["redis"]
    assert not any("depends_on" in service for service in services.values())


def test_paths_of_the_build_are_there() -> None:
    build = compose()["services"]["web"]["build"]
    context = (DEPLOY / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).is_file()


def unit(path: Any) -> configparser.SectionProxy:
    """The section Service of a unit; a key that comes twice counts once."""
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read(path)
    assert set(read.sections()) == {"Unit", "Service", "Install"}
    return read["Service"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_wait_for_what_is_under_way(path: Any) -> None:
    assert float(unit(path)["TimeoutStopSec"]) > LAST_BREATH
    # gunicorn's own workers are gunicorn's to stop
    assert unit(path)["KillMode"] == "mixed"


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_run_as_somebody_who_may_little(path: Any) -> None:
    service = unit(path)
    assert service["User"] == "lin"
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "yes"
    assert service["CapabilityBoundingSet"] == ""


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_hold_no_secret_and_no_unknown_variable(path: Any) -> None:
    names = set(re.findall(r"\b([A-Z][A-Z0-9_]+)=", unit(path)["Environment"]))
    assert names <= known() | OF_THE_TOOLS
    assert [name for name in names if SECRET.search(name)] == []


def test_there_is_a_unit_for_each_process() -> None:
    assert [path.name for path in UNITS] == ["lin-web@.service", "lin-worker@.service"]
    assert "backend.wsgi:create()" in unit(UNITS[0])["ExecStart"]
    assert unit(UNITS[1])["ExecStart"].endswith("python -m backend.worker")


def test_the_unit_of_the_worker_keeps_its_outcomes() -> None:
    service = unit(UNITS[1])
    assert f"SPOOL_DIRECTORY=/var/lib/{service['StateDirectory']}" in service["Environment"]
    assert service["StateDirectoryMode"] == "0700"


def test_the_manual_can_be_the_file_of_a_unit() -> None:
    # systemd reads NAME=value and comments at the start of a line, nothing else
    text = (ROOT / ".env.example").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert {line.partition("=")[0] for line in lines} <= set(documented())
    assert [line for line in lines if re.search(r"\s#|[\"'$\\]", line)] == []
