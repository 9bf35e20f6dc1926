"""How many drafts one person may ask for in a day, whoever asks the database and however many at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.generate.offices import Caller, OwnSpace

ALLOWED = 100


@pytest.fixture
def use_up(sql: Callable[..., list[Any]]) -> Callable[..., None]:
    """`use_up(caller, 99, hours=1)`: that many were asked for so long ago."""

    def use(caller: Caller, count: int, hours: float = 1) -> None:
        sql(
            """insert into private.drafts_asked (generation_id, user_id, asked_at)
               select gen_random_uuid(), %s, now() - make_interval(secs => %s) from generate_series(1, %s)""",
            caller.person.id, hours * 3600, count,
        )  # fmt: skip

    return use


def test_two_at_once_are_not_both_the_last(
    ada: Caller, space: OwnSpace, use_up: Callable[..., None]
) -> None:
    use_up(ada, ALLOWED - 1)
    wish = {"topic": "Bridges", "platform": "linkedin"}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ada.call("POST", "/api/generate", wish), range(4)))
    assert sorted(answer.status_code for answer in answers) == [202, 429, 429, 429]


def test_a_quota_that_is_used_up_says_when_it_is_free_again(
    ada: Caller, use_up: Callable[..., None]
) -> None:
    use_up(ada, ALLOWED, hours=23)
    wish = {"topic": "Bridges", "platform": "linkedin"}
    answer = ada.call("POST", "/api/generate", wish)
    assert answer.status_code == 429
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "You have used 100 of 100 drafts of the last 24 hours" in answer.json()["detail"]
    assert 3000 < int(answer.headers["Retry-After"]) <= 3600
    assert ada.person.rpc("request_generation", input=wish).status_code == 429


def test_a_quota_is_free_again_after_a_day(
    ada: Caller, space: OwnSpace, use_up: Callable[..., None], sql: Callable[..., list[Any]]
) -> None:
    use_up(ada, ALLOWED, hours=24)
    assert ada.end(ada.ask(topic="Bridges")).name == "result"
    kept = sql("select 1 from private.drafts_asked where user_id = %s", ada.person.id)
    assert len(kept) == 1, "what is older than a day is forgotten"


def test_a_quota_is_each_persons_own(
    ada: Caller, ben: Caller, space: OwnSpace, use_up: Callable[..., None]
) -> None:
    use_up(ada, ALLOWED)
    assert ben.end(ben.ask(topic="Bridges")).name == "result"


def test_deleting_a_draft_gives_nothing_back(
    ada: Caller, space: OwnSpace, use_up: Callable[..., None]
) -> None:
    use_up(ada, ALLOWED - 1)
    generation = ada.ask(topic="Bridges")
    assert ada.end(generation).name == "result"
    assert ada.person.rest("DELETE", f"generations?id=eq.{generation}").status_code == 204
    assert ada.person.rest("GET", "generations").json() == []
    answer = ada.call("POST", "/api/generate", {"topic": "Bridges", "platform": "linkedin"})
    assert answer.status_code == 429


def test_nobody_writes_what_was_asked(ada: Caller) -> None:
    """The schema is not one that the REST API serves; what is public names nothing of it."""
    assert ada.person.rest("GET", "drafts_asked").status_code == 404


def test_what_is_refused_uses_up_nothing(
    ada: Caller, space: OwnSpace, use_up: Callable[..., None]
) -> None:
    use_up(ada, ALLOWED - 1)
    wrong = {"topic": "Bridges", "platform": "myspace"}
    assert ada.call("POST", "/api/generate", wrong).status_code == 422
    assert ada.end(ada.ask(topic="Bridges")).name == "result"
