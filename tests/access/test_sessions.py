"""A session that has ended acts outside for less than a minute more, on every route that does; and when Auth is silent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.access.conftest import (
    Application,
    Cast,
    delete,
    problem,
    sign_out,
    unconfirm,
)
from tests.access.routes import LIVE, ROUTES, asks
from tests.faults.watched_wire import Instead, Lose, Reply, Rule, Rules, WatchedWire
from tests.people import People, Person

MINUTE = 60.0
USER = "/auth/v1/user"
End = Callable[[Person], None]


def act(application: Application, cast: Cast, person: Person) -> int:
    """The status of an acting request that changes nothing, as nothing is found: 404 when its caller may act."""
    route = "PATCH", "/api/slots/<slot_id>"
    (ask,) = ROUTES[route].asks.values()
    return application.ask(*route, cast.fill(ask), person).status_code


def act_everywhere(application: Application, cast: Cast, person: Person, status: int) -> None:
    """Every acting route refuses with this status."""
    tried = asks(LIVE)
    assert len(tried) > 20
    for method, rule, ask in tried:
        answer = application.ask(method, rule, cast.fill(ask), person)
        assert answer.status_code == status, f"{method} {rule}: {answer.text}"
        problem(answer, status)


@pytest.fixture
def fay(application: Application, cast: Cast, people: People) -> Person:
    """Somebody who has just acted, so that the app remembers that the session lives."""
    one = people.make("fay")
    assert act(application, cast, one) == 404
    return one


@pytest.fixture
def on_the_wire(auth_rules: Rules) -> Callable[..., Any]:
    """`with on_the_wire(rule):` while the app asks Auth."""

    @contextmanager
    def ruled(rule: Rule) -> Iterator[Rule]:
        auth_rules.add(rule)
        try:
            yield rule
        finally:
            auth_rules.drop(rule)

    return ruled


# ---------------------------------------------------------------------------------------- ends


@pytest.fixture
def ends(
    people: People, service: Person, database: psycopg.Connection[Any], auth_rules: Rules
) -> Iterator[dict[str, End]]:
    """How a session may end without the app being told."""
    rules: list[Rule] = []

    def elsewhere(person: Person) -> None:
        sign_out(people.signed_in_again(person))

    def ban(person: Person) -> None:
        # as releases of Auth answer that leave it to whoever reads
        url = f"{person.info['supabase_url']}{USER}"
        known = person.http.get(url, headers=person.headers).json()
        banned = json.dumps(known | {"banned_until": "2100-01-01T00:00:00.123456Z"})
        rules.append(Instead(USER, Reply(200, banned.encode()), times=None, naming=person.token or ""))  # fmt: skip
        auth_rules.add(*rules)

    yield {
        "signed out": sign_out,
        "signed out elsewhere": elsewhere,
        "deleted": lambda person: delete(service, person),
        "banned": ban,
        "not confirmed any more": lambda person: unconfirm(database, person),
    }
    auth_rules.drop(*rules)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("signed out", 401), ("signed out elsewhere", 401), ("deleted", 401), ("banned", 401),
        ("not confirmed any more", 403),
    ],
)  # fmt: skip
def test_a_minute_after_its_end_a_session_acts_nowhere(
    application: Application, cast: Cast, fay: Person, ends: dict[str, End], end: str, status: int
) -> None:
    ends[end](fay)
    application.clock.now += MINUTE - 1
    assert act(application, cast, fay) == 404, "Auth is asked once a minute"
    application.clock.now += 1
    act_everywhere(application, cast, fay, status)


def test_a_ban_that_is_over_is_none(
    application: Application, cast: Cast, people: People, on_the_wire: Callable[..., Any]
) -> None:
    person = people.make("gil")
    url = f"{person.info['supabase_url']}{USER}"
    known = person.http.get(url, headers=person.headers).json()
    for moment in ("2020-01-01T00:00:00Z", "0001-01-01T00:00:00Z"):
        over = Reply(200, json.dumps(known | {"banned_until": moment}).encode())
        with on_the_wire(Instead(USER, over)) as rule:
            assert act(application, cast, person) == 404
            assert rule.met == 1
        application.clock.now += MINUTE


def test_who_confirms_the_address_acts_at_once(
    application: Application, cast: Cast, people: People, database: psycopg.Connection[Any]
) -> None:
    person = people.make("hal")
    unconfirm(database, person)
    assert act(application, cast, person) == 403
    database.execute("update auth.users set email_confirmed_at = now() where id = %s", [person.id])
    assert act(application, cast, person) == 404


def test_who_is_deleted_gets_a_refusal_even_while_the_app_remembers_them(
    application: Application, cast: Cast, fay: Person, service: Person
) -> None:
    delete(service, fay)
    for method, rule, ask in asks(LIVE):
        answer = application.ask(method, rule, cast.fill(ask), fay)
        # a file of posts is answered with a report that refuses each
        assert answer.status_code < 500, f"{method} {rule}: {answer.text}"


# ---------------------------------------------------------------------------------------- what it costs


def test_auth_is_asked_once_a_minute_whatever_a_session_does(
    application: Application, cast: Cast, people: People, auth_wire: WatchedWire
) -> None:
    person = people.make("ida")
    before = len(auth_wire.calls)
    for _ in range(2):
        for _ in range(5):
            assert act(application, cast, person) == 404
        application.clock.now += MINUTE
    assert [call.path for call in auth_wire.calls[before:]] == [USER, USER]


# ---------------------------------------------------------------------------------------- a silent Auth

PAGE = Reply(200, b"<html>Back soon</html>", [("content-type", "text/html")])
SILENCES: dict[str, Callable[[], Rule]] = {
    "the connection ends": lambda: Lose(USER, times=None),
    "an error": lambda: Instead(USER, Reply(500, b'{"code": 500, "msg": "x"}'), times=None),
    "a gateway's error": lambda: Instead(USER, Reply(502, b"<html>"), times=None),
    "too many questions": lambda: Instead(USER, Reply(429, b'{"code": 429, "error_code": "over_request_rate_limit", "msg": "x"}'), times=None),
    "a page": lambda: Instead(USER, PAGE, times=None),
    "nothing": lambda: Instead(USER, Reply(200, b""), times=None),
    "null": lambda: Instead(USER, Reply(200, b"null"), times=None),
    "another's object": lambda: Instead(USER, Reply(200, b'{"id": 1}'), times=None),
}  # fmt: skip


@pytest.mark.parametrize("silence", SILENCES)
def test_while_auth_is_silent_nobody_acts_whom_it_was_not_asked_about_within_a_minute(
    application: Application, cast: Cast, fay: Person, on_the_wire: Callable[..., Any], silence: str
) -> None:
    with on_the_wire(SILENCES[silence]()) as rule:
        application.clock.now += MINUTE - 1
        assert act(application, cast, fay) == 404
        assert rule.met == 0
        application.clock.now += 1
        assert act(application, cast, fay) == 503
        assert act(application, cast, fay) == 503
        assert rule.met == 2
    assert act(application, cast, fay) == 404, "it is told of nobody that their session has ended"


def test_a_silent_auth_is_told_with_when_to_try_again_on_every_acting_route(
    application: Application, cast: Cast, fay: Person, on_the_wire: Callable[..., Any]
) -> None:
    application.clock.now += MINUTE
    with on_the_wire(Lose(USER, times=None)):
        act_everywhere(application, cast, fay, 503)
        refused = application.ask("DELETE", "/api/account", {"json": {"confirm": fay.email}}, fay)
    assert refused.headers["Retry-After"]
    assert "try again" in problem(refused, 503)["detail"]
    assert act(application, cast, fay) == 404
