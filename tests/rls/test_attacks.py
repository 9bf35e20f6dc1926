"""Somebody with a valid token of their own and all that the REST API can do."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from tests.people import People, Person

from .conftest import World
from .rows import Rows

RowsOf = Callable[[Person], Rows]

MERGE = "resolution=merge-duplicates,return=representation"
IGNORE = "resolution=ignore-duplicates,return=representation"


def said(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error."""
    return answer.status_code, answer.json()["code"]


# ---------------------------------------------------------------------------------------- references


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("post_targets", lambda mine, hers: {"post_id": mine.other_post, "account_id": hers.account}),
        ("post_targets", lambda mine, hers: {"post_id": hers.other_post, "account_id": mine.account}),
        ("post_media", lambda mine, hers: {"post_id": mine.other_post, "media_id": hers.media}),
        ("post_media", lambda mine, hers: {"post_id": hers.other_post, "media_id": mine.media}),
        ("posts", lambda _mine, hers: {"text": "x", "generation_id": hers.generation}),
    ],
    ids=["her account", "her post", "her media", "media into her post", "her generation"],
)  # fmt: skip
def test_a_row_of_bob_refers_to_nothing_of_alice(
    world: World, table: str, row: Callable[[Rows, Rows], dict[str, Any]]
) -> None:
    wanted = row(world.bobs_rows, world.rows)
    assert said(world.bob.rest("POST", table, wanted)) == (409, "23503")
    assert said(world.bob.rest("POST", table, wanted | {"user_id": world.alice.id})) == (
        403,
        "42501",
    )


@pytest.mark.parametrize("state", ["preparing", "sending"])
@pytest.mark.parametrize("table", ["post_media", "post_targets"])
def test_a_refusal_tells_nothing_about_a_post_of_another(
    world: World, author: Person, rows_of: RowsOf, table: str, state: str
) -> None:
    bob, hers, his = world.bob, rows_of(author), world.bobs_rows
    hers.move_target(*["scheduled", "preparing", "sending"][: 2 if state == "preparing" else 3])
    row = his.new_row(table)
    answers = [
        bob.rest("POST", table, row | {"post_id": post})
        for post in (hers.post, hers.other_post, str(uuid.uuid4()))
    ]
    assert len({answer.text for answer in answers}) == 1
    assert said(answers[0]) == (409, "23503")
    forged = bob.rest("POST", table, row | {"post_id": hers.post, "user_id": author.id})
    assert said(forged) == (403, "42501")
    assert author.email not in answers[0].text + forged.text


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("posts", "id"), ("posts", "user_id"), ("posts", "generation_id"), ("post_targets", "id"),
        ("post_targets", "post_id"), ("post_targets", "account_id"), ("post_targets", "user_id"),
        ("post_media", "post_id"), ("post_media", "media_id"), ("media", "path"), ("media", "user_id"),
        ("sources", "url"), ("sources", "next_fetch_at"), ("profiles", "id"), ("notifications", "user_id"),
    ],
)  # fmt: skip
def test_keys_and_owners_never_change(world: World, table: str, column: str) -> None:
    answer = world.bob.rest("PATCH", f"{table}?{world.bobs_rows.filter(table)}", {column: None})
    assert said(answer) == (403, "42501")


# ---------------------------------------------------------------------------------------- upserts and bulk


@pytest.mark.parametrize("prefer", [MERGE, IGNORE])
@pytest.mark.parametrize("conflict", ["?on_conflict=id", ""])
def test_an_upsert_takes_over_no_row_of_another(world: World, conflict: str, prefer: str) -> None:
    before = world.rows.stored("posts")
    row = {"id": world.rows.post, "text": "taken over"}
    answer = world.bob.rest("POST", f"posts{conflict}", row, Prefer=prefer)
    assert answer.status_code >= 400 or answer.json() == []
    assert world.rows.stored("posts") == before


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("posts", {"status": "published"}),
        ("posts", {"scheduled_at": "2027-01-01T00:00:00Z"}),
        ("posts", {"version": 1}),
        ("post_targets", {"state": "scheduled"}),
        ("post_targets", {"lease_token": 1}),
        ("media", {"status": "ready"}),
        ("social_accounts", {"status": "active"}),
        ("profiles", {"created_at": "2020-01-01T00:00:00Z"}),
    ],
)
def test_an_upsert_of_ones_own_row_writes_no_column_of_the_service(
    world: World, table: str, columns: dict[str, Any]
) -> None:
    before = world.bobs_rows.stored(table)
    assert before
    key = {"id": before["id"]}
    for method, path in (("POST", f"{table}?on_conflict=id"), ("PATCH", f"{table}?id=eq.{key['id']}"), ("PUT", f"{table}?id=eq.{key['id']}")):  # fmt: skip
        answer = world.bob.rest(method, path, key | columns, Prefer=MERGE)
        assert said(answer) == (403, "42501"), method
    assert world.bobs_rows.stored(table) == before


def test_one_forged_row_refuses_the_whole_lot(alice: Person, bob: Person) -> None:
    lot = [{"text": "mine", "user_id": bob.id}, {"text": "hers", "user_id": alice.id}]
    assert said(bob.rest("POST", "posts", lot)) == (403, "42501")
    assert bob.rest("GET", "posts").json() == []


def test_a_hidden_column_cannot_slip_in_beside_a_list_of_columns(bob: Person) -> None:
    row = {"text": "mine", "status": "published"}
    made = bob.rest("POST", "posts?columns=text", [row], Prefer="return=representation").json()
    assert [post["status"] for post in made] == ["draft"]


def test_an_update_without_a_filter_reaches_ones_own_rows_only(
    alice: Person, bob: Person, rows_of: RowsOf
) -> None:
    hers, his = rows_of(alice), rows_of(bob)
    bob.rest("PATCH", "posts?id=not.is.null", {"text": "everybody's"})
    bob.rest("DELETE", "sources?id=not.is.null")
    changed, kept = his.stored("posts"), hers.stored("posts")
    assert changed
    assert kept
    assert (changed["text"], kept["text"]) == ("everybody's", "Only mine")
    assert (his.stored("sources"), bool(hers.stored("sources"))) == (None, True)


# ---------------------------------------------------------------------------------------- tokens and schemas


@pytest.mark.parametrize(
    "path",
    [
        "social_accounts?select=id,social_account_tokens(*)",
        "social_accounts?select=id,social_account_tokens(access_token_sealed)",
        "social_accounts?select=id,social_account_tokens!inner()",
        "social_accounts?select=id,social_account_tokens(version)&social_account_tokens.access_token_sealed=like.e*",
        "social_accounts?select=id,...social_account_tokens(version)",
        "post_targets?select=id,social_accounts(id,social_account_tokens(*))",
        "platforms?select=id,oauth_states(*)",
        "social_account_tokens?select=account_id&access_token_sealed=like.s*",
        "social_account_tokens?select=count",
        "oauth_states?select=user_id&order=verifier_sealed",
    ],
)
def test_tokens_are_read_by_no_way_round(world: World, path: str) -> None:
    answer = world.alice.rest("GET", path)
    assert answer.status_code in (400, 403)
    assert "sealed-access" not in answer.text
    assert "sealed-verifier" not in answer.text


@pytest.mark.parametrize("schema", ["private", "auth", "storage", "extensions", "pg_catalog"])
def test_no_other_schema_is_exposed(world: World, schema: str) -> None:
    assert said(world.alice.rest("GET", "users", Accept_Profile=schema)) == (406, "PGRST106")
    call = world.alice.rest("POST", "rpc/refuse", {"status": 400, "message": "x"}, Content_Profile=schema)  # fmt: skip
    assert said(call) == (406, "PGRST106")


def test_trigger_functions_and_helpers_cannot_be_called(
    world: World, database: psycopg.Connection[Any]
) -> None:
    helpers = database.execute(
        "select distinct proname from pg_proc where pronamespace = 'private'::regnamespace"
    ).fetchall()
    assert helpers
    for (name,) in helpers:
        assert said(world.alice.rpc(name)) == (404, "PGRST202"), name


def test_users_of_auth_are_embedded_nowhere(world: World) -> None:
    answer = world.alice.rest("GET", "profiles?select=id,users(email,encrypted_password)")
    assert answer.status_code in (400, 404)  # no such relationship
    assert world.alice.email not in answer.text


# ---------------------------------------------------------------------------------------- states

PATHS = {
    "draft": [],
    "scheduled": ["scheduled"],
    "preparing": ["scheduled", "preparing"],
    "sending": ["scheduled", "preparing", "sending"],
    "confirming": ["scheduled", "preparing", "sending", "confirming"],
    "published": ["scheduled", "preparing", "sending", "published"],
    "unconfirmed": ["scheduled", "preparing", "sending", "unconfirmed"],
    "needs_reconnect": ["scheduled", "needs_reconnect"],
    "failed": ["scheduled", "failed"],
    "missed": ["scheduled", "missed"],
    "quarantined": ["scheduled", "preparing", "quarantined"],
    "canceled": ["canceled"],
}
OUT_OR_ON_THE_WAY = ["preparing", "sending", "confirming", "published", "unconfirmed"]
SENT = ["sending", "confirming", "published", "unconfirmed"]


@pytest.mark.parametrize("state", PATHS)
def test_what_is_out_or_on_its_way_is_not_deleted(
    author: Person, rows_of: RowsOf, state: str
) -> None:
    rows = rows_of(author)
    rows.move_target(*PATHS[state])
    author.rest("DELETE", f"post_targets?{rows.filter('post_targets')}")
    target_kept = rows.stored("post_targets") is not None
    assert target_kept == (state in OUT_OR_ON_THE_WAY)
    author.rest("DELETE", f"posts?{rows.filter('posts')}")
    assert (rows.stored("posts") is not None) == target_kept


@pytest.mark.parametrize("state", ["needs_reconnect", "quarantined", *OUT_OR_ON_THE_WAY])
def test_a_post_that_needs_its_owner_is_not_deleted_with_its_history(
    author: Person, rows_of: RowsOf, state: str
) -> None:
    rows = rows_of(author)
    rows.move_target(*PATHS[state])
    author.rest("DELETE", f"posts?{rows.filter('posts')}")
    assert rows.stored("posts")
    assert rows.stored("publish_attempts")


@pytest.mark.parametrize("state", PATHS)
def test_what_was_sent_is_not_edited(author: Person, rows_of: RowsOf, state: str) -> None:
    rows = rows_of(author)
    rows.move_target(*PATHS[state])
    answers = [
        author.rest("PATCH", f"posts?{rows.filter('posts')}", {"text": "something else"}),
        author.rest("POST", "post_media", {"post_id": rows.post, "media_id": rows.other_media, "position": 1}),
        author.rest("PATCH", f"post_media?{rows.filter('post_media')}", {"position": 7}),
        author.rest("DELETE", f"post_media?{rows.filter('post_media')}"),
        author.rest("PATCH", f"post_targets?{rows.filter('post_targets')}", {"text_override": "else"}),
        author.rest("PATCH", f"post_targets?{rows.filter('post_targets')}", {"options": {"visibility": "CONNECTIONS"}}),
    ]  # fmt: skip
    assert {answer.is_success for answer in answers} == {state not in SENT}
    if state in SENT:
        assert [said(answer) for answer in answers] == [(409, "PT409")] * len(answers)
        assert f"Account of {author.email}" in answers[0].json()["message"]


def test_an_edit_before_sending_makes_a_new_version(author: Person, rows_of: RowsOf) -> None:
    rows = rows_of(author)
    rows.move_target(*PATHS["preparing"])
    before = rows.stored("posts"), rows.stored("post_targets")
    author.rest("PATCH", f"posts?{rows.filter('posts')}", {"text": "something else"})
    author.rest("DELETE", f"post_media?{rows.filter('post_media')}")
    author.rest("PATCH", f"post_targets?{rows.filter('post_targets')}", {"text_override": "else"})
    after = rows.stored("posts"), rows.stored("post_targets")
    assert before[0]
    assert before[1]
    assert after[0]
    assert after[1]
    assert after[0]["version"] == before[0]["version"] + 2
    assert after[1]["version"] == before[1]["version"] + 1


def test_no_account_joins_a_post_that_is_going_out(
    author: Person, rows_of: RowsOf, database: psycopg.Connection[Any]
) -> None:
    rows = rows_of(author)
    found = database.execute(
        """insert into public.social_accounts (user_id, platform_id, external_id, account_name)
           values (%s, 'linkedin', 'second', 'Second') returning id""",
        (author.id,),
    ).fetchone()
    assert found
    rows.move_target("scheduled", "preparing")
    answer = author.rest(
        "POST", "post_targets", {"post_id": rows.post, "account_id": str(found[0])}
    )
    assert said(answer) == (409, "PT409")


def test_a_second_target_on_the_same_account_is_refused(author: Person, rows_of: RowsOf) -> None:
    rows = rows_of(author)
    again = author.rest("POST", "post_targets", {"post_id": rows.post, "account_id": rows.account})
    assert said(again) == (409, "23505")


def test_media_in_use_stay_and_the_answer_says_why(author: Person, rows_of: RowsOf) -> None:
    rows = rows_of(author)
    answer = author.rest("DELETE", f"media?id=eq.{rows.media}")
    assert said(answer) == (409, "PT409")
    assert answer.json()["message"] == "A post uses this file; take it out of the post first."
    author.rest("DELETE", f"post_media?{rows.filter('post_media')}")
    assert author.rest("DELETE", f"media?id=eq.{rows.media}").status_code in (200, 204)


@pytest.mark.parametrize("state", PATHS)
def test_with_its_owner_everything_goes(
    alice: Person, service: Person, rows_of: RowsOf, state: str
) -> None:
    rows = rows_of(alice)
    rows.move_target(*PATHS[state])
    url = f"{service.info['supabase_url']}/auth/v1/admin/users/{alice.id}"
    assert service.http.delete(url, headers=service.headers).status_code == 200
    of_others = {"platforms", "quotas", "worker_heartbeats", "account_deletions"}
    left = [table for table in rows.keys.keys() - of_others if rows.stored(table)]
    assert left == []


# ---------------------------------------------------------------------------------------- sessions


@pytest.mark.parametrize(
    ("function", "state", "arguments"),
    [
        ("schedule_post", None, lambda rows: {"post": rows.post}),
        ("retry_target", "failed", lambda rows: {"target": rows.target}),
        ("settle_target", "unconfirmed", lambda rows: {"target": rows.target, "answer": "send_again"}),
        ("request_generation", None, lambda _: {"input": {"topic": "x", "platform": "linkedin"}}),
        ("import_posts", None, lambda rows: {"entries": [{
            "row": 2, "digest": str(uuid.uuid4()), "text": "One", "accounts": [rows.account], "at": str(datetime.now(UTC) + timedelta(days=7)),
        }]}),
    ],
)  # fmt: skip
def test_who_has_signed_out_sets_nothing_going_with_the_token_of_then(
    people: People, rows_of: RowsOf, function: str, state: str | None, arguments: Callable[[Rows], dict[str, Any]]
) -> None:  # fmt: skip
    here = people.make("eve")
    elsewhere = people.signed_in_again(here)
    rows = rows_of(here)
    if state:
        rows.move_target(*PATHS[state])
    url = f"{here.info['supabase_url']}/auth/v1/logout?scope=local"
    assert here.http.post(url, headers=here.headers).status_code == 204
    before = rows.stored("post_targets"), len(elsewhere.rest("GET", "generations").json())
    answer = here.rpc(function, **arguments(rows))
    assert said(answer) == (401, "PT401"), answer.text
    assert answer.json()["message"] == "This session has ended; sign in again."
    assert (rows.stored("post_targets"), len(elsewhere.rest("GET", "generations").json())) == before
    assert elsewhere.rpc(function, **arguments(rows)).is_success


# ---------------------------------------------------------------------------------------- functions


def test_silence_never_sends_an_unconfirmed_post_again(author: Person, rows_of: RowsOf) -> None:
    rows = rows_of(author)
    rows.move_target(*PATHS["unconfirmed"])
    assert said(author.rpc("settle_target", target=rows.target, answer=None)) == (422, "PT422")
    assert author.rpc("settle_target", target=rows.target, answer="maybe").status_code == 400
    stored = rows.stored("post_targets")
    assert stored
    assert stored["state"] == "unconfirmed"
    settled = author.rpc("settle_target", target=rows.target, answer="it_is_live").json()
    assert (settled["state"], settled["external_id_unknown"]) == ("published", True)


@pytest.mark.parametrize("at", ["infinity", "-infinity", "2000-01-01T00:00:00Z", "9999-01-01T00:00:00Z"])  # fmt: skip
def test_a_post_is_scheduled_within_the_next_year(world: World, at: str) -> None:
    answer = world.alice.rpc("schedule_post", post=world.rows.post, at=at)
    assert said(answer) == (422, "PT422")
    assert json.loads(answer.json()["details"])[0]["field"] == "at"


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (None, None), ([], None), ("linkedin", None), ({}, None),
        ({"topic": "x"}, "platform"),
        ({"topic": "x", "platform": "myspace"}, "platform"),
        ({"topic": "", "platform": "linkedin"}, "topic"),
        ({"topic": {"a": 1}, "platform": "linkedin"}, "topic"),
        ({"topic": "x" * 2001, "platform": "linkedin"}, "topic"),
        ({"topic": "x", "platform": "linkedin", "image": "yes"}, "image"),
        ({"topic": "x", "platform": "linkedin", "article": {"title": "t", "text": "t"}}, "article"),
        ({"topic": "x", "platform": "linkedin", "max_length": 10**6}, "max_length"),
        ({"topic": "x", "url": "http://x.example", "platform": "linkedin"}, None),
    ],
)  # fmt: skip
def test_a_draft_is_asked_for_with_the_known_fields_only(
    alice: Person, wanted: Any, field: str | None
) -> None:
    answer = alice.rpc("request_generation", input=wanted)
    assert said(answer) == (422, "PT422")
    assert [problem["field"] for problem in json.loads(answer.json()["details"])] == (
        [field] if field else []
    )
    assert alice.rest("GET", "generations").json() == []


def test_an_article_that_is_none_is_not_found(alice: Person) -> None:
    wanted = {"source_item_id": "not-a-uuid", "platform": "linkedin"}
    assert said(alice.rpc("request_generation", input=wanted)) == (404, "PT404")


def test_a_sixth_unfinished_draft_is_refused(
    alice: Person, database: psycopg.Connection[Any]
) -> None:
    # leased to nobody for a day, so that no worker of the stack finishes them meanwhile
    database.execute(
        """insert into public.generations (user_id, input, status, lease_token, lease_until)
           select %s, '{"topic": "x"}', 'running', 1, now() + interval '1 day' from generate_series(1, 5)""",
        (alice.id,),
    )
    wanted = {"topic": "x", "platform": "linkedin"}
    assert said(alice.rpc("request_generation", input=wanted)) == (429, "PT429")
