"""Every function: who may execute it, what it answers about rows of others, how it is written."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import World
from .expected import FUNCTIONS, PRIVATE_FUNCTIONS, SERVICE, USERS

Catalogue = Callable[..., list[tuple[Any, ...]]]

MIGRATIONS = Path(__file__).resolve().parents[2] / "supabase" / "migrations"
EXECUTABLE_BY = """
    select p.proname, coalesce(array_agg(case g.grantee when 0 then 'public' else g.grantee::regrole::text end)
      filter (where g.grantee <> p.proowner), '{}')
    from pg_proc p left join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g on true
    where p.pronamespace = %s::regnamespace group by p.oid, p.proname"""
# A value for each type an argument may have, so that a call gets past the choice of the function.
SAMPLES = {
    "bigint": 1,
    "double precision": 1,
    "boolean": True,
    "integer": 1,
    "jsonb": {},
    "text": "x",
    "text[]": [],
    "timestamp with time zone": "2026-12-01T00:00:00Z",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "generation_status": "running",
    "settlement": "it_is_live",
}


def test_every_function_is_executable_by_exactly_the_expected_role(catalogue: Catalogue) -> None:
    found = catalogue(EXECUTABLE_BY, "public")
    assert {name: set(roles) for name, roles in found} == {
        name: {role} for name, role in FUNCTIONS.items()
    }, "write the function down in expected.py"
    assert len(found) == len(FUNCTIONS)  # no second function under a known name


def test_helpers_are_executable_by_exactly_the_expected_roles(catalogue: Catalogue) -> None:
    found = {name: set(roles) for name, roles in catalogue(EXECUTABLE_BY, "private")}
    assert {name: roles for name, roles in found.items() if roles} == PRIVATE_FUNCTIONS


@pytest.mark.parametrize("name", ["alice", "carol", "dora", "nobody"])
@pytest.mark.parametrize("function", [name for name, role in FUNCTIONS.items() if role == SERVICE])
def test_functions_of_the_service_are_closed_to_people(
    world: World, catalogue: Catalogue, function: str, name: str
) -> None:
    answer = world.person(name).rpc(function, **_samples(catalogue, function))
    assert answer.status_code == (401 if name == "nobody" else 403), answer.text
    assert answer.json()["code"] == "42501"


@pytest.mark.parametrize("function", [name for name, role in FUNCTIONS.items() if role == USERS])
def test_functions_of_users_are_closed_to_nobody(
    world: World, catalogue: Catalogue, function: str
) -> None:
    answer = world.nobody.rpc(function, **_samples(catalogue, function))
    assert (answer.status_code, answer.json()["code"]) == (401, "42501")


CALLS_ABOUT_ALICE: dict[str, Callable[[World], dict[str, Any]]] = {
    "schedule_post": lambda world: {"post": world.rows.post},
    "unschedule_post": lambda world: {"post": world.rows.post},
    "cancel_target": lambda world: {"target": world.rows.target},
    "retry_target": lambda world: {"target": world.rows.target},
    "settle_target": lambda world: {"target": world.rows.target, "answer": "it_is_live"},
    "approve_occurrence": lambda world: {"occurrence": world.rows.occurrence},
    "next_free_slot": lambda world: {"account": world.rows.account},
    "cancel_generation": lambda world: {"generation": world.rows.generation},
    "begin_chat_turn": lambda world: {
        "session": world.rows.keys["chat_sessions"]["id"],
        "message": "Let me in.",
    },
    "stop_chat_answer": lambda world: {"message": world.rows.keys["chat_messages"]["id"]},
    "draft_from_message": lambda world: {"message": world.rows.keys["chat_messages"]["id"]},
    "redeliver_webhook": lambda world: {"delivery": world.rows.keys["webhook_deliveries"]["id"]},
    "test_webhook": lambda world: {"hook": world.rows.keys["webhooks"]["id"]},
    "refresh_source": lambda world: {"source": world.rows.source},
    "request_generation": lambda world: {
        "input": {"source_item_id": world.rows.item, "platform": "linkedin"}
    },
}


# Those that name no row of anybody's; what they answer is looked through instead.
CALLS_ABOUT_ONESELF: dict[str, dict[str, Any]] = {
    "export_posts": {"take": 100},
    "import_sources": {"entries": []},
    "post_insights": {"since": "2000-01-01T00:00Z", "until": "2100-01-01T00:00Z", "zone": "UTC"},
    "search_passages": {"query": "marmots whistle"},
    "search_sources": {"query": "marmots whistle"},
    "source_engagement": {},
}


def test_every_function_of_users_is_tried_with_what_is_of_another(catalogue: Catalogue) -> None:
    users = {name for name, role in FUNCTIONS.items() if role == USERS}
    # answers with a report; tests/bulk/test_importing.py tries it with what is another's
    assert users - {"import_posts"} == CALLS_ABOUT_ALICE.keys() | CALLS_ABOUT_ONESELF.keys()
    for function in CALLS_ABOUT_ONESELF:
        ids = {
            name
            for name, value in _samples(catalogue, function).items()
            if value == SAMPLES["uuid"]
        }
        # a place in ones own posts, not a post
        assert ids <= {"after_id"}, f"{function} takes {ids}"


@pytest.mark.parametrize("name", ["bob", "carol", "dora"])
@pytest.mark.parametrize("function", CALLS_ABOUT_ONESELF)
def test_a_function_that_takes_no_id_tells_nothing_of_alice(
    world: World, function: str, name: str
) -> None:
    answer = world.person(name).rpc(function, **CALLS_ABOUT_ONESELF[function])
    assert answer.status_code == 200, answer.text
    hers = {value for key in world.rows.keys.values() for value in key.values() if len(value) == 36}
    assert len(hers) >= 20
    assert [one for one in hers | {world.alice.id} if one in answer.text] == []


@pytest.mark.parametrize("name", ["bob", "carol", "dora"])
@pytest.mark.parametrize("function", CALLS_ABOUT_ALICE)
def test_a_function_knows_nothing_of_the_rows_of_another(
    world: World, function: str, name: str
) -> None:
    tables = ("posts", "post_targets", "generations", "source_items", "slot_occurrences", "chat_sessions", "chat_messages")  # fmt: skip
    before = [world.rows.stored(table) for table in tables]
    answer = world.person(name).rpc(function, **CALLS_ABOUT_ALICE[function](world))
    assert answer.status_code == 404
    assert answer.json()["code"] == "PT404"
    assert answer.json()["message"].startswith("There is no such ")
    assert [world.rows.stored(table) for table in tables] == before


@pytest.mark.parametrize("function", CALLS_ABOUT_ALICE)
def test_the_answer_about_anothers_row_is_the_one_about_no_row(world: World, function: str) -> None:
    arguments = CALLS_ABOUT_ALICE[function](world)
    nowhere = {
        name: {**value, "source_item_id": str(uuid.uuid4())}
        if isinstance(value, dict)
        else (value if name == "answer" else str(uuid.uuid4()))
        for name, value in arguments.items()
    }
    assert world.bob.rpc(function, **nowhere).text == world.bob.rpc(function, **arguments).text


def test_a_search_finds_ones_own_articles_only(world: World) -> None:
    for person, rows in ((world.alice, world.rows), (world.bob, world.bobs_rows)):
        found = person.rpc("search_sources", query="marmots whistle").json()
        assert [row["id"] for row in found] == [rows.item]
        assert "«whistle»" in found[0]["snippet"]
    assert world.carol.rpc("search_sources", query="marmots").json() == []


@pytest.mark.parametrize("query", ["", "   ", "'", '"', "!!!", "& | !", "a" * 10_000, None])
def test_a_search_takes_whatever_people_type(world: World, query: str | None) -> None:
    answer = world.alice.rpc("search_sources", query=query)
    assert (answer.status_code, answer.json()) == (200, [])


def test_every_function_names_its_schemas(catalogue: Catalogue) -> None:
    loose = catalogue("""
        select p.oid::regprocedure::text from pg_proc p
        where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
          and not coalesce('search_path=""' = any (p.proconfig), false)""")
    assert loose == []


def test_no_function_of_users_reads_or_returns_tokens(catalogue: Catalogue) -> None:
    sources = catalogue(
        "select proname, prosrc, pg_get_function_result(oid) from pg_proc where proname = any (%s) and pronamespace = 'public'::regnamespace",
        [name for name, role in FUNCTIONS.items() if role == USERS],
    )
    assert sources
    for name, source, result in sources:
        assert not re.search(r"sealed|tokens|oauth|verifier|claimed_target", source + result), name


def test_what_is_called_from_outside_or_runs_as_owner_stands_below_its_contract(
    catalogue: Catalogue,
) -> None:
    text = "\n".join(file.read_text() for file in sorted(MIGRATIONS.glob("*.sql")))
    contracts = {
        (schema, name): comment
        for comment, schema, name in re.findall(
            r"((?:^--.*\n)*)^create (?:or replace )?function (public|private)\.(\w+)",
            text,
            re.MULTILINE,
        )
    }
    wanted = catalogue("""
        select pronamespace::regnamespace::text, proname from pg_proc
        where pronamespace = 'public'::regnamespace
          or (pronamespace = 'private'::regnamespace and prosecdef)""")
    assert wanted
    for function in wanted:
        assert contracts[function].startswith("-- Does:"), f"{function} has no contract above it"


@pytest.mark.parametrize("function", [name for name, role in FUNCTIONS.items() if role == USERS])
def test_the_contract_of_a_users_function_says_who_may_call_it(function: str) -> None:
    text = "\n".join(file.read_text() for file in sorted(MIGRATIONS.glob("*.sql")))
    contracts = re.findall(
        rf"((?:^--.*\n)+)^create (?:or replace )?function public\.{function}\b", text, re.MULTILINE
    )
    assert contracts
    assert "May call: signed-in users" in contracts[-1]
    assert "Returns:" in contracts[-1]


def _samples(catalogue: Catalogue, function: str) -> dict[str, Any]:
    """An argument of the right type under every name the function takes."""
    arguments = catalogue(
        """select a.name, format_type(t.type, null) from pg_proc p,
             unnest(p.proargnames[1:p.pronargs], p.proargtypes::oid[]) as a (name, type_) ,
             lateral (select a.type_ as type) t
           where p.proname = %s and p.pronamespace = 'public'::regnamespace""",
        function,
    )
    return {name: SAMPLES[type_.removeprefix("public.")] for name, type_ in arguments}
