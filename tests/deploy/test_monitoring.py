"""Dashboard and alert rules: they ask only for what /metrics really tells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from backend.core.versions import WARN_DAYS
from local.stack import Stack
from tests.deploy.files import DEPLOY, compose
from tests.tls import TLS

# what Prometheus says itself of each process that it asks
OF_PROMETHEUS = {"up"}


@pytest.fixture(scope="module")
def exposed(stack: Stack) -> set[str]:
    """Every name that a query may use, from a web process."""
    answer = httpx.get(f"{stack.info['api_url']}/metrics", trust_env=False, timeout=30, verify=TLS)
    names: set[str] = set()
    for family in text_string_to_metric_families(answer.text):
        names |= {sample.name for sample in family.samples}
        match family.type:
            case "counter":
                names.add(f"{family.name}_total")
            case "histogram":
                names |= {f"{family.name}_{end}" for end in ("bucket", "sum", "count")}
            case _:
                names.add(family.name)
    assert "lin_supabase_up" in names
    return names


def rules() -> list[dict[str, Any]]:
    """Every alert."""
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((DEPLOY / "grafana.json").read_text())
    return read


def queries() -> Iterator[tuple[str, str]]:
    """Each query with the name of what asks it."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def names_in(query: str) -> set[str]:
    """The metrics that a query asks for. Raises ValueError when it is no PromQL."""
    found: set[str] = set()

    def look(part: Any) -> None:
        if isinstance(part, promql_parser.VectorSelector):
            found.add(str(part.name))

    promql_parser.walk(promql_parser.parse(query), look)
    return found


@pytest.mark.parametrize(("title", "query"), list(queries()))
def test_queries_ask_only_for_what_is_told(title: str, query: str, exposed: set[str]) -> None:
    asked = names_in(query)
    assert asked, title
    assert asked <= exposed | OF_PROMETHEUS


@pytest.mark.parametrize(("title", "query"), list(queries()))
def test_figures_of_the_database_are_never_added_up(title: str, query: str) -> None:
    # every web process tells them all, the sum would count them once for each; requests are each server's own
    for inner in re.findall(r"\bsum\s*(?:by\s*\([^)]*\))?\s*\((\w+)", query):
        of_requests = all(name.startswith("lin_http_") for name in names_in(query))
        assert inner == ("rate" if of_requests else "max") or names_in(query) <= OF_PROMETHEUS, title  # fmt: skip


def test_each_metric_is_explained_with_its_labels_and_every_one_explained_is_there(
    exposed: set[str],
) -> None:
    # the table of the guide: | `name{label, label}` | type | unit | meaning | origin |
    guide = (DEPLOY / "README.md").read_text()
    explained = set(re.findall(r"^\| `(lin_\w+)", guide, re.MULTILINE))
    ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exposed if name.startswith("lin_")}  # fmt: skip
    assert explained == ours


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_alerts_say_how_bad_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["for"]
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"].endswith(".")


def test_alerts_have_names_of_their_own() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    assert all(name.startswith("Lin") for name in names)


def test_a_version_that_ends_is_told_when_readiness_tells_it() -> None:
    (rule,) = [rule for rule in rules() if rule["alert"] == "LinPlatformVersionEnds"]
    assert rule["expr"].endswith(f"< {WARN_DAYS}")


def test_panels_lie_side_by_side() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_each_web_process_is_asked_under_the_name_of_the_rules() -> None:
    read = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    (job,) = read["scrape_configs"]
    assert job["job_name"] == "lin"
    assert all((DEPLOY / file).is_file() for file in read["rule_files"])
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]  # fmt: skip
    asked = [target for group in job["static_configs"] for target in group["targets"]]
    assert asked == [port.removesuffix(":8000") for port in ports]
