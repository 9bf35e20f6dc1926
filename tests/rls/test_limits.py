"""What the database itself refuses to store, whoever asks; and the profile that sign-up makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.people import People, Person

from .conftest import World
from .rows import Rows

TOO_LONG = "23514"


@pytest.mark.parametrize(
    ("table", "column", "longest"),
    [
        ("posts", "text", 63206),
        ("post_targets", "text_override", 63206),
        ("media", "alt_text", 4086),
        ("sources", "title", 300),
        ("sources", "category", 100),
        ("profiles", "display_name", 100),
        ("profiles", "avatar_path", 500),
    ],
)
def test_a_text_may_be_as_long_as_its_limit_and_no_longer(
    author: Person, rows_of: Callable[[Person], Rows], table: str, column: str, longest: int
) -> None:
    path = f"{table}?{rows_of(author).filter(table)}"
    # an emoji is one character, as the platforms count
    assert author.rest("PATCH", path, {column: "🎈" * longest}).status_code in (200, 204)
    refused = author.rest("PATCH", path, {column: "a" * (longest + 1)})
    assert (refused.status_code, refused.json()["code"]) == (400, TOO_LONG)


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("sources", {"url": "ftp://example.com/feed"}),
        ("sources", {"url": "javascript:alert(1)"}),
        ("sources", {"url": "https://example.com/a b"}),
        ("sources", {"url": "https://example.com/" + "a" * 1981}),
        ("posts", {"max_lateness": "30 seconds"}),
        ("posts", {"max_lateness": "8 days"}),
        ("posts", {"max_lateness": "-1 hour"}),
        ("media", {"path": "00000000-0000-4000-8000-000000000000/x.png"}),
        ("media", {"path": "{folder}"}),
        ("media", {"path": "{folder}/"}),
        ("media", {"path": "{folder}/../{other}/x.png"}),
        ("media", {"path": "{folder}/%2e%2e/{other}/x.png"}),
        ("media", {"path": "{folder}/..%2f{other}/x.png"}),
        ("media", {"path": "{folder}/a/./x.png"}),
        ("media", {"path": "{folder}//x.png"}),
        ("media", {"path": "/{folder}/x.png"}),
        ("media", {"path": "{folder}/.hidden"}),
        ("media", {"path": "{folder}/x.png?download=y"}),
        ("media", {"path": "{folder}/x\\y.png"}),
        ("media", {"path": "{folder}/x\n"}),
        ("media", {"path": "{folder}/" + "x" * 464}),
        ("post_media", {"post_id": "{post}", "media_id": "{media}", "position": 35}),
        ("post_media", {"post_id": "{post}", "media_id": "{media}", "position": -1}),
        ("post_targets", {"post_id": "{post}", "account_id": "{account}", "options": []}),
        ("post_targets", {"post_id": "{post}", "account_id": "{account}", "options": "x"}),
        ("post_targets", {"post_id": "{post}", "account_id": "{account}", "options": {"a": "b" * 9000}}),
    ],
)  # fmt: skip
def test_a_row_that_breaks_a_rule_is_refused(world: World, table: str, row: dict[str, Any]) -> None:
    words = {
        "{folder}": world.alice.id,
        "{other}": world.bob.id,
        "{post}": world.rows.other_post,
        "{media}": world.rows.other_media,
        "{account}": world.rows.account,
    }
    filled = {name: _filled(value, words) for name, value in row.items()}
    answer = world.alice.rest("POST", table, filled)
    assert (answer.status_code, answer.json()["code"]) == (400, "23514"), answer.text


@pytest.mark.parametrize(
    "path", ["x.png", "2026/11/My picture (1).png", "A_b-c.d.jpeg", "generated/1.png"]
)
def test_ordinary_names_of_files_are_taken(world: World, path: str) -> None:
    row = {"path": f"{world.carol.id}/{path}"}
    assert world.carol.rest("POST", "media", row).status_code == 201


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("posts", "text"), ("posts", "max_lateness"), ("post_targets", "options"), ("post_media", "position"),
        ("profiles", "timezone"), ("profiles", "locale"), ("profiles", "notification_settings"),
    ],
)  # fmt: skip
def test_null_is_no_way_round_a_rule(world: World, table: str, column: str) -> None:
    answer = world.alice.rest("PATCH", f"{table}?{world.rows.filter(table)}", {column: None})
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("23502", "23514", "PT422")


# ---------------------------------------------------------------------------------------- profiles


def test_sign_up_makes_a_profile(alice: Person) -> None:
    (profile,) = alice.rest("GET", "profiles").json()
    assert (profile["id"], profile["display_name"]) == (alice.id, "Alice")
    assert (profile["timezone"], profile["locale"]) == ("UTC", "en")


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ({}, None),
        ({"display_name": None}, None),
        ({"display_name": "   "}, None),
        ({"display_name": "  Zoë 🎈 "}, "Zoë 🎈"),
        ({"display_name": "x" * 500}, "x" * 100),
        ({"display_name": {"a": 1}}, '{"a": 1}'),
        ({"display_name": ["x"], "role": "service_role", "id": "x"}, '["x"]'),
    ],
)
def test_no_metadata_can_break_sign_up(
    service: Person, metadata: dict[str, Any], name: str | None
) -> None:
    address = f"odd-{abs(hash(str(metadata)))}-{id(metadata)}@example.com"
    made = service.http.post(
        f"{service.info['supabase_url']}/auth/v1/admin/users",
        json={"email": address, "password": "long enough", "user_metadata": metadata},
        headers=service.headers,
    )
    assert made.status_code == 200, made.text
    (profile,) = service.rest("GET", f"profiles?id=eq.{made.json()['id']}").json()
    assert profile["display_name"] == name


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/Argentina/Buenos_Aires", "UTC"])
def test_a_known_time_zone_is_taken(author: Person, zone: str) -> None:
    path = f"profiles?id=eq.{author.id}"
    assert author.rest("PATCH", path, {"timezone": zone}).status_code in (200, 204)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "+02:00", "europe/paris", "UTC'; select 1"])
def test_an_unknown_time_zone_is_refused_by_name(author: Person, zone: str) -> None:
    answer = author.rest("PATCH", f"profiles?id=eq.{author.id}", {"timezone": zone})
    assert (answer.status_code, answer.json()["code"]) == (422, "PT422")
    assert f'"{zone}" is not a time zone' in answer.json()["message"]
    assert '"field": "timezone"' in answer.json()["details"]


@pytest.mark.parametrize("locale", ["en", "pt-BR"])
def test_a_locale_is_a_language_and_maybe_a_country(author: Person, locale: str) -> None:
    path = f"profiles?id=eq.{author.id}"
    assert author.rest("PATCH", path, {"locale": locale}).status_code in (200, 204)
    assert author.rest("PATCH", path, {"locale": locale + "!"}).json()["code"] == "23514"


def test_notification_settings_are_a_small_object(author: Person) -> None:
    path = f"profiles?id=eq.{author.id}"
    odd: list[Any] = [[], "x", 1, {"a": "b" * 9000}]
    for settings in odd:
        answer = author.rest("PATCH", path, {"notification_settings": settings})
        assert answer.json()["code"] == "23514", settings
    taken = author.rest("PATCH", path, {"notification_settings": {"published": False}})
    assert taken.status_code in (200, 204)


def test_the_profile_of_somebody_unconfirmed_exists_and_is_theirs(
    people: People, carol: Person, service: Person
) -> None:
    (profile,) = service.rest("GET", f"profiles?id=eq.{carol.id}").json()
    assert profile["display_name"] == "Carol"
    assert carol.token is None


def _filled(value: Any, words: dict[str, str]) -> Any:
    if isinstance(value, str):
        for word, meant in words.items():
            value = value.replace(word, meant)
    return value
