"""Every route by nobody, by somebody else, and by people who are nobody any more; the routes are those of the app."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from backend.api.access import access_of
from tests.access.conftest import Application, Cast, problem, told
from tests.access.routes import LIVE, OPEN, ROUTES, SIGNED_IN, Ask, asks, names
from tests.people import People, Person
from tests.rls.rows import Rows, make_rows

EVERY = pytest.mark.parametrize(("method", "rule", "ask"), asks(), ids=names())
OPEN_ONES = pytest.mark.parametrize(("method", "rule", "ask"), asks(OPEN), ids=names(OPEN))
CLOSED = pytest.mark.parametrize(
    ("method", "rule", "ask"), asks(SIGNED_IN, LIVE), ids=names(SIGNED_IN, LIVE)
)
ACTING = pytest.mark.parametrize(("method", "rule", "ask"), asks(LIVE), ids=names(LIVE))
READING = pytest.mark.parametrize(("method", "rule", "ask"), asks(SIGNED_IN), ids=names(SIGNED_IN))
_HIDDEN = [(method, rule, ask) for method, rule, ask in asks(SIGNED_IN, LIVE) if ask.stranger == 404]  # fmt: skip
HIDDEN = pytest.mark.parametrize(
    ("method", "rule", "ask"),
    _HIDDEN,
    ids=[name for name, (*_, ask) in zip(names(SIGNED_IN, LIVE), asks(SIGNED_IN, LIVE), strict=True) if ask.stranger == 404],
)  # fmt: skip
NOT_OF_THE_ROUTE = {"HEAD", "OPTIONS"}  # Flask adds them: one is GET, the other says what there is


def served(application: Application) -> dict[tuple[str, str], str]:
    """Who may call each route, as the app itself tells."""
    return {
        (method, rule.rule): access_of(application.app, rule.endpoint)
        for rule in application.app.url_map.iter_rules()
        for method in (rule.methods or set()) - NOT_OF_THE_ROUTE
    }


# ---------------------------------------------------------------------------------------- the table


def test_every_route_of_the_app_has_a_row_here_and_every_row_a_route(
    application: Application,
) -> None:
    found = set(served(application))
    assert found - set(ROUTES) == set(), "say in routes.py how this route is asked, and who may"
    assert set(ROUTES) - found == set(), "the app has no such route any more"


def test_the_app_lets_in_whom_the_table_says(application: Application) -> None:
    assert served(application) == {route: row.access for route, row in ROUTES.items()}


def test_no_route_answers_what_flask_answers_for_it(application: Application) -> None:
    # a view for OPTIONS would be asked before anybody looks at its caller
    for rule in application.app.url_map.iter_rules():
        assert vars(rule)["provide_automatic_options"], rule.rule


@CLOSED
def test_a_route_that_names_something_is_asked_for_what_is_anothers(
    cast: Cast, method: str, rule: str, ask: Ask
) -> None:
    said = str(cast.fill(ask))
    if "_id>" in rule:
        assert any(one in said for one in ids_of(cast.hers)), f"{method} {rule}"


# ---------------------------------------------------------------------------------------- nobody


@OPEN_ONES
def test_an_open_route_answers_anybody_alike(
    application: Application, cast: Cast, method: str, rule: str, ask: Ask
) -> None:
    arguments = cast.fill(ask)
    # whether posts go out is no matter of who asks, and a busy machine may say no
    expected = (ask.stranger, 503 if rule == "/health/ready" else ask.stranger)
    for token in (None, {"Authorization": "Bearer nonsense"}):
        answer = application.ask(method, rule, arguments, headers=token)
        assert answer.status_code in expected, answer.text
        assert_nothing_of(cast.hers, answer, arguments)


@CLOSED
def test_nobody_is_refused_on_every_other(
    application: Application, cast: Cast, method: str, rule: str, ask: Ask
) -> None:
    key = cast.alice.info["publishable_key"]
    arguments = cast.fill(ask)
    for said in (None, "Bearer nonsense", f"Bearer {key}", f"Bearer {cast.alice.token}x", f"Basic {cast.alice.token}"):  # fmt: skip
        token = {"Authorization": said} if said else {}
        answer = application.ask(method, rule, arguments, headers=token)
        problem(answer, 401)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    if method == "GET":
        assert application.ask("HEAD", rule, arguments).status_code == 401


# ---------------------------------------------------------------------------------------- somebody else


@CLOSED
def test_somebody_else_does_not_find_what_is_anothers_and_changes_nothing(
    application: Application, cast: Cast, stored: Callable[[Rows], Any], method: str, rule: str, ask: Ask
) -> None:  # fmt: skip
    before, arguments = stored(cast.hers), cast.fill(ask)
    answer = application.ask(method, rule, arguments, cast.bob)
    assert answer.status_code == ask.stranger, answer.text
    assert_nothing_of(cast.hers, answer, arguments)
    assert stored(cast.hers) == before


@HIDDEN
def test_what_is_anothers_and_what_is_nowhere_are_answered_alike(
    application: Application, cast: Cast, method: str, rule: str, ask: Ask
) -> None:
    theirs = problem(application.ask(method, rule, cast.fill(ask), cast.bob), 404)
    nowhere = problem(application.ask(method, rule, _nowhere(cast.fill(ask), cast), cast.bob), 404)
    assert theirs | {"request_id": ""} == nowhere | {"request_id": ""}


@pytest.fixture(scope="module")
def owner(people: People) -> Person:
    """Somebody whose things are really changed."""
    return people.make("owner")


@HIDDEN
def test_its_owner_does_find_it(
    application: Application,
    owner: Person,
    database: psycopg.Connection[Any],
    method: str,
    rule: str,
    ask: Ask,
) -> None:
    # without this, a 404 above might be about the request and not about whose it is
    rows = make_rows(database, owner)
    answer = application.ask(method, rule, ask.fill(rows, rows), owner)
    assert answer.status_code not in (401, 403, 404, 405, 500), answer.text


def test_what_was_answered_to_a_key_of_another_is_told_to_nobody_else(
    application: Application, cast: Cast
) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    opml = ROUTES["POST", "/api/sources/import"].asks[""].fill(cast.hers, cast.mine)
    answers = [
        application.ask("POST", "/api/sources/import", opml, person, key)
        for person in (cast.alice, cast.alice, cast.bob)
    ]
    replayed = [answer.headers.get("Idempotent-Replayed") for answer in answers]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert replayed == [None, "true", None]


# ---------------------------------------------------------------------------------------- people who may not any more


@ACTING
def test_whose_address_is_not_confirmed_does_not_act(
    application: Application, cast: Cast, unconfirmed: Person, method: str, rule: str, ask: Ask
) -> None:
    refused = problem(application.ask(method, rule, cast.fill(ask), unconfirmed), 403)
    assert "Confirm your e-mail address first" in refused["detail"]


@ACTING
def test_who_has_signed_out_does_not_act(
    application: Application, cast: Cast, signed_out: Person, method: str, rule: str, ask: Ask
) -> None:
    answer = application.ask(method, rule, cast.fill(ask), signed_out)
    assert "sign in again" in problem(answer, 401)["detail"]
    assert 'error_description="session ended"' in answer.headers["WWW-Authenticate"]


@READING
@pytest.mark.parametrize("name", ["unconfirmed", "signed_out"])
def test_what_their_tokens_still_read_until_they_end_is_their_own(
    application: Application,
    cast: Cast,
    request: pytest.FixtureRequest,
    method: str,
    rule: str,
    ask: Ask,
    name: str,
) -> None:
    # as with Supabase itself, which looks at a token's signature and end only
    arguments = cast.fill(ask)
    answer = application.ask(method, rule, arguments, request.getfixturevalue(name))
    assert answer.status_code == ask.stranger, answer.text
    assert_nothing_of(cast.hers, answer, arguments)


def ids_of(rows: Rows) -> set[str]:
    """Every id made for somebody, and their own."""
    made = {value for key in rows.keys.values() for value in key.values()}
    own = {value for value in made | {rows.other_post, rows.other_media} if len(value) > 30}
    assert len(own) > 20
    return own | {rows.owner.id, rows.owner.email}


def assert_nothing_of(rows: Rows, answer: Any, arguments: dict[str, Any]) -> None:
    """The answer says nothing of theirs that the request did not say."""
    said, asked = told(answer), str(arguments)
    assert [one for one in ids_of(rows) if one in said and one not in asked] == []


def _nowhere(arguments: Any, cast: Cast) -> Any:
    """The same request with ids that nothing has."""
    text = str(arguments)
    hers = ids_of(cast.hers) - {cast.hers.owner.email}
    if isinstance(arguments, dict):
        return {name: _nowhere(value, cast) for name, value in arguments.items()}
    if isinstance(arguments, str):
        return re.sub(
            r"[0-9a-f-]{36}", lambda one: str(uuid.uuid4()) if one[0] in hers else one[0], text
        )
    return arguments
