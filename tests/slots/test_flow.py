"""The whole way on the running stack: the API, the worker, the Space, the platform. Only the clock is helped along."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
import requests
from psycopg.rows import dict_row

from local.demo.visitor import Visitor
from local.sandbox.driver import Sandbox
from local.stack import Stack
from tests.waiting import until

Row = dict[str, Any]


def rows_of(answer: Any) -> list[Row]:
    """The rows of an answer of the supabase client."""
    rows: list[Row] = answer.data
    return rows


@dataclass
class Ada:
    """Somebody who signed up and connected LinkedIn."""

    info: Row
    visitor: Visitor
    account: str
    database: psycopg.Connection[Row]

    def post(self, path: str, body: Row, method: str = "POST", **headers: str) -> requests.Response:
        """Call the API, whatever it answers."""
        return requests.request(
            method,
            f"{self.info['api_url']}{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.visitor.token}", **headers},
            timeout=30,
        )

    def slot(self, when: str, **wishes: Any) -> Row:
        """A slot through the API."""
        answer = self.post("/api/slots", {"account_id": self.account, "when": when, **wishes})
        assert answer.status_code == 201, answer.text
        made: Row = answer.json()
        return made

    def bring_near(self, slot: Row, seconds: float) -> str:
        """Let the slot's next occurrence be so many seconds from now; its id."""
        row = self.database.execute(
            """update public.slot_occurrences set occurs_at = now() + make_interval(secs => %s), fill_at = now()
               where id = (select id from public.slot_occurrences where slot_id = %s order by occurs_at limit 1) returning id""",
            [seconds, slot["id"]],
        ).fetchone()
        assert row is not None
        return str(row["id"])

    def occurrence(self, occurrence_id: str) -> Row:
        """It, as its owner sees it, with its post and the post's target."""
        query = self.visitor.supabase.table("slot_occurrences").select(
            "*,posts(*,post_targets(*),post_media(*))"
        )
        [found] = rows_of(query.eq("id", occurrence_id).execute())
        return found

    def reaches(self, occurrence_id: str, state: str, seconds: float = 30) -> Row:
        """The occurrence as soon as it is in this state."""

        def look() -> Row | None:
            found = self.occurrence(occurrence_id)
            return found if found["state"] == state else None

        return until(look, f"occurrence {state}", seconds)

    def published(self, post_id: str) -> Row:
        """The post's target as soon as it is out, as the platform has it."""

        def look() -> Row | None:
            query = self.visitor.supabase.table("post_targets").select("*").eq("post_id", post_id)
            target: Any = query.single().execute().data
            return target if target["state"] == "published" else None

        target = until(look, "the post to be published", 30)
        received = Sandbox(self.info["sandbox_url"]).ask("posts")["posts"]
        return target | {"received": next(p for p in received if p["urn"] == target["external_id"])}

    def told(self) -> list[str]:
        """The kinds of what she was told."""
        rows: Any = self.visitor.supabase.table("notifications").select("kind").execute().data
        return [row["kind"] for row in rows]


@pytest.fixture(scope="module")
def ada(stack: Stack) -> Iterator[Ada]:
    """Signed up, connected, reading a feed."""
    visitor = Visitor(stack.info)
    email = f"ada.{secrets.token_hex(4)}@lin.example.com"
    visitor.sign_up(email, secrets.token_urlsafe(12), "Ada")
    visitor.confirm(visitor.newest_mail(email))
    started = visitor.call(
        "POST",
        "/api/platforms/connect",
        {"platform": "linkedin", "redirect_to": f"{stack.info['frontend_url']}/connected"},
    ).json()
    ended = visitor.consent(
        started["authorization_url"], member="new", name="Ada Lovelace", decision="allow"
    )
    account = parse_qs(urlsplit(ended).query)["account"][0]
    visitor.supabase.table("sources").insert({"url": stack.info["feed_url"]}).execute()
    until(
        lambda: visitor.supabase.table("source_items").select("id").execute().data or None,
        "the feed to be read",
    )
    with psycopg.connect(
        stack.info["database_url"], autocommit=True, row_factory=dict_row
    ) as database:
        yield Ada(stack.info, visitor, account, database)
    visitor.browser.close()


def test_a_weekly_time_in_words_becomes_a_slot_and_the_answer_says_where_it_went(ada: Ada) -> None:
    first = ada.slot("Tuesday 18:00", timezone="Europe/Paris", lead_minutes=20)
    assert (first["weekday"], first["schedule_time"], first["takes_place"]) == (
        2,
        "18:00:00",
        "Tuesday 18:00",
    )
    assert (first["effective_timezone"], first["lead_time"]) == ("Europe/Paris", "00:20:00")
    moved = ada.slot("mardi 18h05", timezone="Europe/Paris", enabled=True)
    assert (moved["asked_for"], moved["takes_place"]) == ("Tuesday 18:05", "Tuesday 18:15")
    assert "Moved from Tuesday 18:05 to Tuesday 18:15" in moved["moved_reason"]

    edited = ada.post(f"/api/slots/{moved['id']}", {"when": "Tue 7 pm", "brief": "warm"}, "PATCH")
    assert edited.status_code == 200, edited.text
    assert edited.json()["takes_place"] == "Tuesday 19:00"
    assert edited.json()["moved_reason"] is None
    paused = ada.post(f"/api/slots/{moved['id']}", {"enabled": False, "timezone": None}, "PATCH")
    assert (paused.json()["enabled"], paused.json()["effective_timezone"]) == (False, "UTC")


def test_what_cannot_be_used_is_refused_naming_the_field(ada: Ada) -> None:
    body = {"account_id": ada.account, "when": "Monday 25:00"}
    answer = ada.post("/api/slots", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "when"
    answer = ada.post("/api/slots", body | {"when": "Monday 18:00", "timezone": "Mars/Olympus"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "timezone")
    answer = ada.post("/api/slots", body | {"when": "Monday 18:00", "gap_minutes": 0})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "gap_minutes")
    answer = ada.post("/api/slots", {"account_id": str(uuid.uuid4()), "when": "Monday 18:00"})
    assert answer.status_code == 404
    missing = f"/api/slots/{uuid.uuid4()}"
    assert ada.post(missing, {"enabled": False}, "PATCH").status_code == 404
    assert ada.post(missing, {}, "PATCH").status_code == 422


def test_one_key_makes_one_slot(ada: Ada) -> None:
    key = {"Idempotency-Key": secrets.token_hex(8)}
    body = {"account_id": ada.account, "when": "Sunday 03:33", "enabled": False}
    answers = [ada.post("/api/slots", body, **key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]


def test_a_queued_draft_is_published_at_its_slots_time(ada: Ada) -> None:
    slot = ada.slot("Wednesday 06:00")
    supabase = ada.visitor.supabase
    text = f"From the queue {secrets.token_hex(4)}"
    row = {"text": text, "queued_at": datetime.now().astimezone().isoformat()}
    [post] = rows_of(supabase.table("posts").insert(row).execute())
    supabase.table("post_targets").insert(
        {"post_id": post["id"], "account_id": ada.account}
    ).execute()
    occurrence = ada.bring_near(slot, 4)
    booked = ada.reaches(occurrence, "booked")
    assert booked["post_id"] == post["id"]
    target = ada.published(post["id"])
    assert target["received"]["visible_text"] == text
    published_at = datetime.fromisoformat(target["published_at"])
    assert published_at >= datetime.fromisoformat(booked["occurs_at"])


def test_a_draft_of_the_space_waits_for_approval_and_goes_out_when_it_comes(ada: Ada) -> None:
    slot = ada.slot("Thursday 06:00", mode="generate", brief="warm")
    occurrence = ada.bring_near(slot, 600)
    waiting = ada.reaches(occurrence, "review")
    post = waiting["posts"]
    assert post["status"] == "draft"
    assert post["text"]
    assert len(post["post_media"]) == 1
    assert "draft_awaits_review" in ada.told()
    approved = ada.visitor.supabase.rpc("approve_occurrence", {"occurrence": occurrence}).execute()
    row: Any = approved.data
    assert (row["state"], row["post_id"]) == ("booked", post["id"])
    again = ada.occurrence(occurrence)["posts"]
    assert (again["status"], again["scheduled_at"], again["approved_by"]) == (
        "scheduled",
        row["occurs_at"],
        "owner",
    )


def test_auto_publishes_a_draft_of_the_space_and_says_who_approved_it(ada: Ada) -> None:
    slot = ada.slot("Friday 06:00", mode="generate", approval="auto")
    occurrence = ada.bring_near(slot, 8)
    booked = ada.reaches(occurrence, "booked")
    assert booked["posts"]["approved_by"] == "slot"
    target = ada.published(booked["post_id"])
    assert target["received"]["defects"] == []
    assert len(target["received"]["media"]) == 1
    used = ada.visitor.supabase.table("source_items").select("id").not_.is_("used_at", "null")
    assert len(used.execute().data) >= 1


def test_a_space_that_fails_publishes_nothing_and_its_owner_is_told(ada: Ada) -> None:
    orders = f"{ada.info['space_url']}/_control/orders"
    requests.post(orders, json={"order": "fail", "message": "Out of order."}, timeout=10)
    slot = ada.slot("Saturday 06:00", mode="generate", approval="auto")
    occurrence = ada.bring_near(slot, 600)
    over = ada.reaches(occurrence, "failed")
    assert "Out of order." in over["error"]
    assert over["posts"] is None
    assert "slot_failed" in ada.told()
