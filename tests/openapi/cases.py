"""Cases that schemathesis makes from /openapi.json, told about things that are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis import Case, CheckFunction
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

FILES = {
    "text/csv": b"text,scheduled_at\nTwelve bridges,\nThirteen bridges,2099-01-05 09:00\n",
    "text/x-opml": b'<opml version="2.0"><body><outline text="Bridges" xmlUrl="https://example.com/1.xml"/></body></opml>',
}
ACCEPTED = (None, "application/json", "text/event-stream", "text/markdown", "image/svg+xml")
RANGES = (None, "bytes=0-3", "bytes=5-", "bytes=90000-", "nonsense")


@dataclass(frozen=True)
class World:
    """What there is: ids by their field, other values that mean something, accounts that may go."""

    ids: Mapping[str, list[str]]
    words: Mapping[str, list[str]]
    disposable: list[str]

    def known(self, name: str) -> list[str]:
        """Values of a field that mean something here."""
        return [*self.ids.get(name, ()), *self.words.get(name, ())]


@dataclass
class Tally:
    """What became of the cases."""

    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)
    wrong: dict[tuple[str, str], str] = field(default_factory=dict)

    def statuses(self, operation: str) -> set[int]:
        """With which an operation has answered."""
        return {status for label, status in self.answered if label == operation}


def ask(
    operation: APIOperation[Any, Any], mode: GenerationMode, world: World, owner: dict[str, str], stranger: dict[str, str],
    cases: int, tally: Tally,
) -> None:  # fmt: skip
    """Ask so often, in every run the same, and check every answer against the document. Each case is asked as it was made
    and, where it has fields whose values can be known, with things that are there: by whose they are, and by a stranger."""

    @hypothesis.settings(
        max_examples=cases, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @hypothesis.given(
        case=operation.as_strategy(mode, feedback=NO_FEEDBACK, headers=owner), data=st.data()
    )
    def once(case: Case, data: st.DataObject) -> None:
        preferences = _preferences(case, data)
        # an address that was made up would be looked up
        if not (isinstance(case.body, dict) and isinstance(case.body.get("url"), str)):
            _ask_one(case, owner | preferences, tally, [positive_data_acceptance])
        if _name_what_is_there(case, data, world):
            for asking in (stranger, owner):
                # what was bad in it may be good now
                _ask_one(case, asking | preferences, tally, [positive_data_acceptance, negative_data_rejection])  # fmt: skip

    once()


def _ask_one(
    case: Case, headers: dict[str, str], tally: Tally, without: list[CheckFunction]
) -> None:
    """Ask and run all checks but some. Never that good data is accepted: what fits a schema may still be a past date."""
    label = case.operation.label
    response = case.call(headers=headers)
    tally.asked[label] += 1
    tally.answered[label, response.status_code] += 1
    try:
        case.validate_response(response, headers=headers, excluded_checks=without)
    except FailureGroup as group:
        for failure in group.exceptions:
            tally.wrong.setdefault((label, _kind(failure)), _told(case, failure))


def _name_what_is_there(case: Case, data: st.DataObject, world: World) -> bool:
    """Whether there was something to name."""
    named = False
    for part in (case.path_parameters, case.query, case.body):
        for name in part if isinstance(part, dict) else ():
            known = world.known(name)
            if known and isinstance(part[name], str):
                part[name], named = data.draw(st.sampled_from(known)), True
    if case.media_type in FILES:
        case.body, named = FILES[case.media_type], True
    return named


def _preferences(case: Case, data: st.DataObject) -> dict[str, str]:
    """Headers that choose the form of an answer. Nobody waits here."""
    chosen = {"Prefer": "wait=0", "Accept": data.draw(st.sampled_from(ACCEPTED))}
    if "token" in case.path_parameters:
        chosen["Range"] = data.draw(st.sampled_from(RANGES))
    return {name: value for name, value in chosen.items() if value is not None}


def _kind(failure: BaseException) -> str:
    return failure.title if isinstance(failure, Failure) else type(failure).__name__


def _told(case: Case, failure: BaseException) -> str:
    return f"{getattr(failure, 'message', failure)}\n  {case.as_curl_command()}"[:1500]
