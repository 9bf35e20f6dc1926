"""500 sources for one person, and import_sources for people who call it themselves."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.engine.actors import Actor, Refused, World


def entries(count: int, prefix: str = "a") -> list[dict[str, str | None]]:
    return [
        {"url": f"https://{prefix}.example/{n}", "title": None, "category": None, "kind": "feed"}
        for n in range(count)
    ]


def count(world: World, user: str) -> int:
    return int(world.admin.run("select count(*) as n from sources where user_id = %s", user)[0]["n"])  # fmt: skip


@pytest.fixture
def reader(world: World) -> tuple[str, Actor]:
    user = world.user()
    return user, world.person(user)


def test_the_five_hundred_and_first_source_is_refused(
    world: World, reader: tuple[str, Actor]
) -> None:
    user, person = reader
    assert person.call("import_sources", entries=entries(500))["added"] == 500
    with pytest.raises(psycopg.Error, match="at most 500 sources") as caught:
        person.run("insert into sources (url) values ('https://more.example/')")
    assert caught.value.sqlstate == "PT409"
    assert count(world, user) == 500
    other = world.person(world.user())
    assert other.changed("insert into sources (url) values ('https://more.example/')") == 1


def test_an_import_takes_what_there_is_room_for_and_names_the_rest(
    world: World, reader: tuple[str, Actor]
) -> None:
    user, person = reader
    person.call("import_sources", entries=entries(497))
    answer = person.call("import_sources", entries=entries(2) + entries(5, "b") + entries(1, "b"))
    assert answer == {"added": 3, "skipped": 3, "refused": [5, 6]}
    assert count(world, user) == 500


def test_the_same_import_twice_adds_nothing(world: World, reader: tuple[str, Actor]) -> None:
    user, person = reader
    person.call("import_sources", entries=entries(20))
    answer = person.call("import_sources", entries=entries(20))
    assert answer == {"added": 0, "skipped": 20, "refused": []}
    assert count(world, user) == 20


def test_imports_at_the_same_moment_stay_within_the_limit(
    world: World, reader: tuple[str, Actor]
) -> None:
    user, _ = reader
    people = [world.person(user) for _ in range(4)]
    start = threading.Barrier(4)

    def work(number: int) -> int:
        start.wait(10)
        answer = people[number].call("import_sources", entries=entries(200, f"p{number}"))
        return int(answer["added"])

    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(work, range(4)))
    assert sorted(added) == [0, 100, 200, 200]
    assert count(world, user) == 500


@pytest.mark.parametrize("sent", [{}, {"url": "x"}, [{}] * 5001])
def test_what_is_no_list_of_sources_is_refused(reader: tuple[str, Actor], sent: object) -> None:
    with pytest.raises(Refused, match="a list of at most 5000") as caught:
        reader[1].call("import_sources", entries=sent)
    assert caught.value.status == 422


def test_what_the_table_refuses_an_import_does_not_add(
    world: World, reader: tuple[str, Actor]
) -> None:
    user, person = reader
    with pytest.raises(psycopg.errors.CheckViolation):
        person.call("import_sources", entries=[{"url": "javascript:alert(1)"}])
    with pytest.raises(psycopg.errors.NotNullViolation):
        person.call("import_sources", entries=[{"title": "no address"}])
    assert count(world, user) == 0


def test_nobody_imports_for_somebody_else(world: World, reader: tuple[str, Actor]) -> None:
    user, person = reader
    other = world.user()
    person.call("import_sources", entries=[{"url": "https://a.example/", "user_id": other}])
    assert (count(world, user), count(world, other)) == (1, 0)
