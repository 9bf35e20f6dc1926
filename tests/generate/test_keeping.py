"""What is kept of a draft: its owner takes it home or deletes it, and no secret is ever in it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.generate.conftest import HUGGING_KEY, MODEL_KEY
from tests.generate.offices import Caller, OwnSpace, Web
from tests.waiting import until


def kept(sql: Callable[..., list[Any]], caller: Caller, status: str, count: int = 1) -> list[str]:
    """Drafts of the caller's, leased to nobody for a day. Their times come in pairs: order needs more than the time."""
    rows = sql(
        """insert into public.generations (user_id, input, status, created_at, lease_token, lease_until)
           select %s, jsonb_build_object('topic', 'Topic ' || n), %s::public.generation_status,
             now() - make_interval(mins => n / 2), 1, now() + interval '1 day' from generate_series(1, %s) n returning id""",
        caller.person.id, status, count,
    )  # fmt: skip
    return [str(row[0]) for row in rows]


def test_times_say_how_a_draft_went(ada: Caller, space: OwnSpace) -> None:
    space.order("slow", seconds=0.1)
    generation = ada.ask(topic="Bridges")
    event = ada.end(generation)
    row = ada.row(generation)
    names = ("created_at", "started_at", "first_text_at", "finished_at")
    times = [datetime.fromisoformat(row[name]) for name in names]
    assert times == sorted(times)
    assert len(set(times)) == 4
    assert [event.data[name] for name in names] == [row[name] for name in names]
    assert row["space"] == space.url


@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_all_drafts_are_taken_home(
    ada: Caller, ben: Caller, sql: Callable[..., list[Any]], form: str
) -> None:
    mine = kept(sql, ada, "complete", 45)
    kept(sql, ben, "complete", 3)
    answer = ada.call("GET", f"/api/generations/export?format={form}")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f'attachment; filename="generations.{form}"'
    rows = answer.json() if form == "json" else [json.loads(x) for x in answer.text.splitlines()]
    assert sorted(row["id"] for row in rows) == sorted(mine)
    assert [(row["created_at"], row["id"]) for row in rows] == sorted(
        (row["created_at"], row["id"]) for row in rows
    )
    assert {"input", "output", "space", "status", "error", "finished_at"} <= set(rows[0])
    assert not any("lease" in name for name in rows[0])


def test_who_has_none_takes_none_home(ada: Caller) -> None:
    assert ada.call("GET", "/api/generations/export?format=json").json() == []
    assert ada.call("GET", "/api/generations/export").text == ""
    assert ada.call("GET", "/api/generations/export?format=xml").status_code == 422


@pytest.mark.parametrize("status", ["complete", "failed", "canceled"])
def test_what_has_ended_is_deleted_by_its_owner_only(
    ada: Caller, ben: Caller, sql: Callable[..., list[Any]], status: str
) -> None:
    (generation,) = kept(sql, ada, status)
    ben.person.rest("DELETE", f"generations?id=eq.{generation}")
    assert ada.row(generation)
    ada.person.rest("DELETE", f"generations?id=eq.{generation}")
    assert ada.person.rest("GET", "generations").json() == []
    assert ada.call("GET", f"/api/generations/{generation}/events").status_code == 404


@pytest.mark.parametrize("status", ["waking", "running"])
def test_what_goes_on_is_canceled_first(
    ada: Caller, sql: Callable[..., list[Any]], status: str
) -> None:
    (generation,) = kept(sql, ada, status)
    ada.person.rest("DELETE", f"generations?id=eq.{generation}")
    assert ada.row(generation)["status"] == status


def test_what_was_canceled_is_canceled_however_often_its_process_died(
    ada: Caller, sql: Callable[..., list[Any]]
) -> None:
    (generation,) = kept(sql, ada, "running")
    sql(
        """update public.generations set tries = 2, cancel_requested_at = now(), lease_until = now() - interval '1 second'
           where id = %s returning id""",
        generation,
    )
    sql("select count(*) from public.claim_generation(%s, 30)", generation)
    row = ada.row(generation)
    assert (row["status"], row["error"]) == ("canceled", "This draft was canceled.")


def test_a_post_outlives_the_draft_it_came_from(ada: Caller, sql: Callable[..., list[Any]]) -> None:
    (generation,) = kept(sql, ada, "complete")
    row = {"text": "Hello", "generation_id": generation}
    made = ada.person.rest("POST", "posts", row, Prefer="return=representation").json()[0]
    assert ada.person.rest("DELETE", f"generations?id=eq.{generation}").status_code == 204
    (post,) = ada.person.rest("GET", f"posts?id=eq.{made['id']}").json()
    assert (post["text"], post["generation_id"]) == ("Hello", None)
    assert post["version"] == made["version"], "what would be sent is the same"


def test_a_draft_that_a_slot_is_about_to_use_is_the_slots(
    ada: Caller, sql: Callable[..., list[Any]]
) -> None:
    (generation,) = kept(sql, ada, "complete")
    account = str(uuid.uuid4())
    sql(
        """insert into public.social_accounts (id, user_id, platform_id, external_id, account_name, token_expires_at)
           values (%s, %s, 'linkedin', %s, 'Ada', now() + interval '60 days')""",
        account, ada.person.id, account,
    )  # fmt: skip
    slot = {"account_id": account, "weekday": 2, "schedule_time": "18:00", "mode": "generate"}
    assert ada.person.rest("POST", "slots", slot).status_code == 201
    taken = sql(
        """update public.slot_occurrences set state = 'filling', generation_id = %s
           where id = (select id from public.slot_occurrences where user_id = %s limit 1) returning id""",
        generation, ada.person.id,
    )  # fmt: skip
    assert taken
    ada.person.rest("DELETE", f"generations?id=eq.{generation}")
    assert ada.row(generation)
    sql("update public.slot_occurrences set state = 'skipped' where id = %s", taken[0][0])
    ada.person.rest("DELETE", f"generations?id=eq.{generation}")
    assert ada.person.rest("GET", "generations").json() == []


def test_a_person_who_leaves_takes_running_drafts_along(
    ada: Caller, sql: Callable[..., list[Any]]
) -> None:
    kept(sql, ada, "running")
    sql("delete from auth.users where id = %s", ada.person.id)
    assert sql("select 1 from public.generations where user_id = %s", ada.person.id) == []


def test_no_secret_is_in_row_stream_or_log(ada: Caller, space: OwnSpace, web: Web) -> None:
    space.order("fail", message=f"Bad token {HUGGING_KEY}, bad key {MODEL_KEY}.")
    failing = ada.ask(topic="Bridges")
    events = list(ada.follow(failing))
    assert events[-1].data["error_class"] == "space_failed"
    told = [str(event) for event in events] + [json.dumps(ada.row(failing))]
    good = ada.ask(topic="Bridges", image=True)
    told += [str(event) for event in ada.follow(good)] + [json.dumps(ada.row(good))]
    told.append(ada.call("GET", "/api/generations/export").text)
    until(lambda: "generation ended" in web.log.read_text() or None, "the end in the log")
    told += [log.read_text(errors="replace") for log in web.log.parent.glob("*.log")]
    for secret in (HUGGING_KEY, MODEL_KEY):
        assert not any(secret in text for text in told)
