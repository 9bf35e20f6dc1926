"""/openapi.json: valid, complete, and true about who may call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.rules.conftest import Application
from tests.rules.test_error_shape import methods

UNDOCUMENTED = ("/docs", "/openapi.json", "/static")


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_it_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_is_in_it(application: Application, document: dict[str, Any]) -> None:
    documented = {(path, method.upper()) for path, method, _ in operations(document)}
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in application.app.url_map.iter_rules()
        for method in methods(rule)
        if rule.rule != "/" and not rule.rule.startswith(UNDOCUMENTED)
    }
    assert documented == served


def test_every_operation_says_what_it_does_and_how_it_ends(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        name = f"{method} {path}"
        assert len(operation["summary"]) > 5, name
        assert operation["tags"], name
        ends = set(operation["responses"])
        assert any(status[0] in "23" for status in ends), name
        assert all(answer["description"] for answer in operation["responses"].values()), name


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))


def test_it_says_truthfully_who_may_call(
    application: Application, document: dict[str, Any]
) -> None:
    for path, method, operation in operations(document):
        filled = re.sub(r"\{[^}]+\}", "6f8f6f6e-0000-4000-8000-00000000000a", path)
        asks = application.client.open(filled, method=method.upper()).status_code == 401
        security = operation.get("security", [{}])
        assert ({} not in security) is asks, f"{method} {path}"
        if asks:
            assert {"401", "403", "429", "503"} <= set(operation["responses"])


def test_refusals_are_described_as_problems(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status, answer in operation["responses"].items():
            if path.startswith(("/health", "/metrics")) or status[0] not in "45":
                continue
            schema = answer["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ProblemBody"}, f"{method} {path} {status}"  # fmt: skip


def test_every_field_that_is_sent_or_answered_has_a_type(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            assert {"type", "$ref", "anyOf", "allOf"} & set(described), f"{name}.{field}"


def test_the_pages_that_show_it_need_nothing_from_the_internet(application: Application) -> None:
    home = application.client.get("/")
    assert home.status_code == 302
    page = application.client.get(home.headers["Location"])
    assert page.status_code == 200
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page.text)
    used = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page.text)
    assert used
    for one in used:
        if not one.startswith("data:"):
            with application.client.get(f"/docs/{one}") as answer:
                assert answer.status_code == 200, one
