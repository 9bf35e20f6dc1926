"""Thousands of requests made from /openapi.json, good and bad: no answer is a 500, each is as the document says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import hypothesis.core
import pytest
import schemathesis
from flask_openapi3 import OpenAPI
from hypothesis.internal.conjecture import engine, providers
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation

from tests.people import Person

from .cases import Tally, World, ask
from .conftest import Ada

CASES = 14
# of each mode: what costs more than others, or is counted (quotas)
FEWER = {
    "GET /api/account/export": 6,
    "POST /api/chat/speak": 16,
}
# these take away what others need
LAST = ("DELETE /api/platforms/accounts/{account_id}", "DELETE /api/account")


@pytest.fixture(scope="module")
def tally(
    app: OpenAPI, ada: Ada, make_person: Callable[..., Person], world: World
) -> Iterator[Tally]:
    """All cases, asked once."""
    with pytest.MonkeyPatch.context() as kept:
        # schemathesis silences Hypothesis' printer for the whole process
        kept.setattr(hypothesis.core, "RepresentationPrinter", hypothesis.core.RepresentationPrinter)  # fmt: skip
        kept.setattr(engine, "BUFFER_SIZE", engine.BUFFER_SIZE)
        # values found in whatever modules are imported: they would differ from run to run, and cost more than all requests
        kept.setattr(providers, "_get_local_constants", providers.Constants)
        yield _all_asked(app, ada.person, make_person("bob"), world)


def _all_asked(app: OpenAPI, ada: Person, bob: Person, world: World) -> Tally:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app, config=SchemathesisConfig(seed=1))
    operations = [found.ok() for found in schema.get_all_operations()]
    tally = Tally()
    owner, stranger = ({"Authorization": f"Bearer {person.token}"} for person in (ada, bob))
    for operation in sorted(operations, key=lambda one: one.label in LAST):
        if operation.label in LAST:
            world.ids["account_id"][:] = world.disposable
        for mode in _modes(operation):
            ask(operation, mode, world, owner, stranger, FEWER.get(operation.label, CASES), tally)
    return tally


def _modes(operation: APIOperation[Any, Any]) -> list[GenerationMode]:
    """What nothing can be sent to has no bad data."""
    sent = [one for one in operation.iter_parameters() if one.name != "Authorization"]
    takes = [*sent, *operation.body]
    return [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if takes else [])]


def test_every_answer_is_as_the_document_says(tally: Tally) -> None:
    assert not tally.wrong, "\n\n".join(f"{label}: {kind}\n  {told}" for (label, kind), told in tally.wrong.items())  # fmt: skip


def test_no_answer_is_an_error_of_lins_own(tally: Tally) -> None:
    assert {status for _, status in tally.answered if status >= 500} <= {502, 503}


def test_they_are_at_least_two_thousand(tally: Tally) -> None:
    assert tally.asked.total() >= 2000
