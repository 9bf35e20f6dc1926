"""/openapi.json tells all that a stranger needs. What is missing is named with what to write where."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from backend.api.examples import NoExample, example_of
from backend.problems import refused
from tests.rules.conftest import Application

PROBLEM = "application/problem+json"
# asked by machines that know them, answered from nothing a user sent
_OF_THE_OPERATOR = ("/health", "/metrics")
# whatever these say, it is understood or counts as not said
_FREE_HEADERS = {"Prefer", "Range"}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def contents(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every body that goes in or comes out: where, of which media type, and how it is described."""
    for name, operation in operations(document):
        bodies = {"body": operation.get("requestBody", {}), **operation["responses"]}
        for place, body in bodies.items():
            for kind, content in body.get("content", {}).items():
                yield f"{name} {place}", kind, content


def examples(content: dict[str, Any]) -> list[Any]:
    """The examples of a body."""
    named = [one["value"] for one in content.get("examples", {}).values()]
    return named or [content["example"]]


def misfits(document: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    """What is wrong with a value."""
    whole = DRAFT202012.create_resource(document)
    pointed = json.loads(json.dumps(schema).replace('"#/components', '"urn:lin#/components'))
    registry: Registry[Any] = Registry().with_resource("urn:lin", whole)
    return [str(error.message) for error in OAS31Validator(pointed, registry=registry).iter_errors(value)]  # fmt: skip


def test_every_operation_says_who_may_call(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["security"] in ([{}], [{"supabase": []}]), name


def test_every_operation_lists_the_errors_that_can_occur(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        expected = set()
        if operation["security"] != [{}]:
            expected |= {"401", "403", "429", "503"}
        if "_id}" in name:
            expected |= {"404"}
        if "requestBody" in operation:
            expected |= {"413", "422"}
        if operation.get("parameters"):
            expected |= {"422"}
        missing = expected - set(operation["responses"])
        assert not missing, f"{name}: add **refused({', '.join(sorted(missing))}) to its responses"
        assert operation["security"] != [{}] or not {"401", "403"} & set(operation["responses"]), name  # fmt: skip
        assert expected & {"422"} or "422" not in operation["responses"], name


def test_every_error_is_a_problem_with_an_example_of_its_own_status(
    document: dict[str, Any],
) -> None:
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status[0] in "45" and not (name.split()[1].startswith(_OF_THE_OPERATOR)):
                assert list(answer["content"]) == [PROBLEM], f"{name} {status}: write **refused({status})"  # fmt: skip
                assert answer["content"][PROBLEM]["example"]["status"] == int(status), name


def test_every_json_body_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    schemas, seen = document["components"]["schemas"], 0
    for name, kind, content in contents(document):
        if "json" not in kind or kind == "application/jsonl":
            continue
        if not {"example", "examples"} & set(content):
            try:
                example_of(content["schema"], schemas, name)
            except NoExample as missing:
                pytest.fail(f"{name}: {missing}; derive from Model and write Field(examples=[…])")
        for example in examples(content):
            assert misfits(document, content["schema"], example) == [], name
        seen += 1
    assert seen > 100


def test_every_example_of_a_field_fits_the_field(document: dict[str, Any]) -> None:
    for model, schema in document["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            if "example" in described:
                assert misfits(document, described, described["example"]) == [], f"{model}.{field}"


def test_every_example_of_a_request_is_taken(
    application: Application, document: dict[str, Any]
) -> None:
    for name, operation in operations(document):
        method, path = name.split()
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        places = {one["name"]: one["example"] for one in operation.get("parameters", [])}
        filled = re.sub(r"\{(\w+)\}", lambda match: places[match[1]], path)  # noqa: B023 - called at once
        for example in examples(content):
            answer = application.client.open(filled, method=method, json=example, headers=application.bearer)  # fmt: skip
            # what is understood ends at a database that is not there, or at what this server has not set up
            assert answer.status_code in (422, 503), name
            assert "The request cannot be used" not in answer.text, f"{name}: {answer.text}"


def test_every_parameter_is_described_with_an_example_and_its_limits(
    document: dict[str, Any],
) -> None:
    seen = 0
    for name, operation in operations(document):
        for parameter in operation.get("parameters", []):
            told = f"{name} {parameter['name']}"
            assert len(parameter.get("description", "")) > 5, f"{told}: Field(description=…)"
            assert "example" in parameter, (
                f"{told}: derive from Model and write Field(examples=[…])"
            )
            schema = parameter["schema"]
            assert misfits(document, schema, parameter["example"]) == [], told
            if parameter["name"] not in _FREE_HEADERS:
                assert all(map(_is_limited, schema.get("anyOf", [schema]))), f"{told}: no limit"
            seen += 1
    assert seen > 30


def _is_limited(schema: dict[str, Any]) -> bool:
    match schema:
        case {"type": "boolean" | "null"} | {"enum": _} | {"const": _}:
            return True
        case {"type": "string"}:
            return bool({"maxLength", "pattern"} & set(schema))
        case _:
            return {"minimum", "maximum"} <= set(schema)


def test_what_may_be_made_once_only_takes_an_idempotency_key(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        if name.startswith("POST") and {"201", "202"} & set(operation["responses"]):
            taken = {parameter["name"] for parameter in operation["parameters"]}
            assert "Idempotency-Key" in taken, f"{name}: @idempotent"


def test_who_is_told_to_wait_is_told_how_long(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status in {"429", "503"} & set(operation["responses"]):
            answer = operation["responses"][status]
            assert PROBLEM not in answer["content"] or "Retry-After" in answer["headers"], name


def test_every_stream_describes_its_events_and_can_be_gone_on_with(
    document: dict[str, Any],
) -> None:
    streams = 0
    for name, operation in operations(document):
        answer = operation["responses"].get("200", {})
        content = answer.get("content", {}).get("text/event-stream")
        if content is None:
            continue
        streams += 1
        assert "`error`" in answer["description"], name
        assert re.search(r"^event: \w+\ndata: \{", content["example"], re.MULTILINE), name
        assert "Last-Event-ID" in {parameter["name"] for parameter in operation["parameters"]}
    assert streams >= 3


def test_every_answer_with_a_body_says_of_which_type(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            assert ("content" in answer) is (status not in ("204", "303")), f"{name} {status}"


def test_every_status_that_problems_have_is_documented_in_words() -> None:
    for status in (401, 403, 404, 409, 413, 422, 429, 502, 503, 504):
        (answer,) = refused(status).values()
        assert isinstance(answer, dict)
        assert len(answer["description"]) > 20
