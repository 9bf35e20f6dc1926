"""Drafts from drafts, for several platforms, and what of a long text is kept: over HTTP and with the function itself."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from backend.platforms.x_text import weighted_length
from tests.generate.offices import Caller, OwnSpace

LONG = "The city renovated twelve bridges this year. " * 8
NOBODYS = "6f8f6f6e-0000-4000-8000-00000000000a"


def account(sql: Callable[..., list[Any]], caller: Caller, platform: str) -> str:
    """An account of the caller's."""
    account_id = str(uuid.uuid4())
    sql(
        """insert into public.social_accounts (id, user_id, platform_id, external_id, account_name, token_expires_at)
           values (%s, %s, %s, %s, 'Ada', now() + interval '60 days')""",
        account_id, caller.person.id, platform, account_id,
    )  # fmt: skip
    return account_id


def post(caller: Caller, text: str, *accounts: str) -> str:
    """A draft post of the caller's."""
    rest = caller.person.rest
    made = rest("POST", "posts", {"text": text}, Prefer="return=representation").json()[0]["id"]
    for one in accounts:
        assert rest("POST", "post_targets", {"post_id": made, "account_id": one}).status_code == 201
    return str(made)


def test_a_result_is_made_shorter(ada: Caller, space: OwnSpace) -> None:
    first = ada.ask(topic=LONG, variants=2)
    texts = [one["text"] for one in ada.end(first).data["output"]["variants"]]
    asked = {"generation_id": first, "variant": 2, "instruction": "shorter", "platform": "linkedin"}
    event = ada.end(ada.ask(**asked))
    assert event.name == "result", event
    call = space.calls[-1]
    assert (call["task"], call["instruction"], call["text"]) == ("rework", "shorter", texts[1])
    assert len(event.data["output"]["text"]) < len(texts[1])


def test_a_result_keeps_its_platforms(ada: Caller, space: OwnSpace) -> None:
    first = ada.ask(topic="Bridges", platform="x")
    assert ada.end(first).name == "result"
    answer = ada.call("POST", "/api/generate", {"generation_id": first, "instruction": "warmer"})
    event = ada.end(answer.json()["generation_id"])
    assert event.data["output"]["max_length"] == 280
    assert (space.calls[-1]["platform"], space.calls[-1]["max_length"]) == ("x", 280)


def test_a_post_is_changed_for_the_platforms_of_its_accounts(
    ada: Caller, space: OwnSpace, sql: Callable[..., list[Any]]
) -> None:
    draft = post(ada, LONG, account(sql, ada, "linkedin"), account(sql, ada, "x"))
    answer = ada.call("POST", "/api/generate", {"post_id": draft, "instruction": "shorter"})
    assert answer.status_code == 202, answer.text
    generation = answer.json()["generation_id"]
    assert ada.end(generation).name == "result"
    assert ada.row(generation)["input"]["platforms"] == ["linkedin", "x"]
    assert (space.calls[-1]["text"], space.calls[-1]["max_length"]) == (LONG.strip(), 280)
    (kept,) = ada.person.rest("GET", f"posts?id=eq.{draft}").json()
    assert kept["text"] == LONG, "the post itself is its owner's to change"


def test_a_text_is_changed(ada: Caller, space: OwnSpace) -> None:
    event = ada.end(ada.ask(draft="Bridges are fine.", instruction="in French"))
    assert event.name == "result"
    assert space.calls[-1]["instruction"] == "in French"


def test_of_several_platforms_the_smallest_limit_counts(ada: Caller, space: OwnSpace) -> None:
    body = {"topic": LONG, "platforms": ["linkedin", "x", "instagram"]}
    generation = ada.call("POST", "/api/generate", body).json()["generation_id"]
    output = ada.end(generation).data["output"]
    assert output["max_length"] == space.calls[-1]["max_length"] == 280
    assert output["length"] == weighted_length(output["text"]) <= 280
    limits = ada.row(generation)["input"]["limits"]
    assert {name: limit["max"] for name, limit in limits.items()} == {
        "linkedin": 3000, "x": 280, "instagram": 2200,
    }  # fmt: skip


def test_what_x_counts_double_is_repaired_once_then_trimmed_and_said(
    ada: Caller, space: OwnSpace
) -> None:
    # 250 letters, as the local Space counts them; X counts 500
    topic = "里昂今年修复了十二座桥梁并且向公众重新开放" * 12
    event = ada.end(ada.ask(topic=topic, platform="x"))
    assert event.name == "result", event
    (only,) = event.data["output"]["variants"]
    assert only["trimmed"] is True
    assert weighted_length(only["text"]) == only["length"] <= 280
    assert "X takes at most 280" in only["note"]
    assert [call["task"] for call in space.calls] == ["write", "rework"]
    assert "at most 280 characters" in space.calls[-1]["instruction"]


def test_a_space_that_cannot_repair_costs_no_draft(ada: Caller, space: OwnSpace) -> None:
    space.order("slow", seconds=0)
    space.order("fail", message="No.")
    topic = "里昂今年修复了十二座桥梁并且向公众重新开放" * 12
    (only,) = ada.end(ada.ask(topic=topic, platform="x")).data["output"]["variants"]
    assert (only["repaired"], only["trimmed"]) == (False, True)


WRONG: dict[str, tuple[dict[str, Any], str | None]] = {
    "a draft without an instruction": ({"draft": "a"}, "instruction"),
    "an instruction without a draft": ({"topic": "a", "instruction": "shorter"}, "instruction"),
    "an empty instruction": ({"draft": "a", "instruction": ""}, "instruction"),
    "a long instruction": ({"draft": "a", "instruction": "i" * 501}, "instruction"),
    "two drafts": ({"draft": "a", "generation_id": NOBODYS, "instruction": "shorter"}, None),
    "a draft and a topic": ({"draft": "a", "topic": "b", "instruction": "shorter"}, None),
    "a long draft": ({"draft": "a" * 63207, "instruction": "shorter"}, "draft"),
    "no variants": ({"topic": "a", "variants": 0}, "variants"),
    "six variants": ({"topic": "a", "variants": 6}, "variants"),
    "half a variant": ({"topic": "a", "variants": 1.5}, "variants"),
    "a variant of nothing": ({"topic": "a", "variant": 1}, "variant"),
    "platform and platforms": ({"topic": "a", "platforms": ["x"]}, "platforms"),
    "no platforms": ({"topic": "a", "platforms": [], "platform": None}, "platforms"),
    "a platform twice": ({"topic": "a", "platforms": ["x", "x"], "platform": None}, "platforms"),
    "a platform that is none": ({"topic": "a", "platforms": ["x", "mine"], "platform": None}, "platform"),
    "a platform that is a number": ({"topic": "a", "platforms": [1], "platform": None}, "platforms"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "field"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_wish_is_refused_by_the_server_and_by_the_database(
    ada: Caller, body: dict[str, Any], field: str | None
) -> None:
    asked = {"platform": "x"} | body
    assert ada.call("POST", "/api/generate", asked).status_code == 422
    direct = ada.person.rpc("request_generation", input=asked)
    assert (direct.status_code, direct.json()["code"]) == (422, "PT422"), direct.text
    named = [one["field"] for one in json.loads(direct.json()["details"])]
    assert named == ([field] if field else [])
    assert ada.person.rest("GET", "generations").json() == []


def test_a_post_without_accounts_needs_a_platform(ada: Caller) -> None:
    wish = {"post_id": post(ada, "Hello"), "instruction": "shorter"}
    answer = ada.call("POST", "/api/generate", wish)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "platform"


def test_a_post_without_text_is_no_draft(ada: Caller) -> None:
    wish = {"post_id": post(ada, " \n"), "instruction": "shorter", "platform": "x"}
    answer = ada.call("POST", "/api/generate", wish)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "post_id")


@pytest.mark.parametrize("status", ["scheduled", "published"])
def test_only_a_draft_is_changed(ada: Caller, sql: Callable[..., list[Any]], status: str) -> None:
    made = post(ada, "Hello")
    sql("update public.posts set status = %s::public.post_status where id = %s", status, made)
    wish = {"post_id": made, "instruction": "shorter", "platform": "x"}
    assert ada.call("POST", "/api/generate", wish).status_code == 409


def test_nobody_changes_what_is_another_persons(ada: Caller, ben: Caller, space: OwnSpace) -> None:
    generation, made = ada.ask(topic="Bridges"), post(ada, "Hello")
    assert ada.end(generation).name == "result"
    for about in ({"generation_id": generation}, {"post_id": made}, {"post_id": NOBODYS}):
        wish = about | {"instruction": "shorter", "platform": "x"}
        assert ben.call("POST", "/api/generate", wish).status_code == 404
        assert ben.person.rpc("request_generation", input=wish).status_code == 404


def test_a_result_that_is_not_there_cannot_be_changed(
    ada: Caller, space: OwnSpace, sql: Callable[..., list[Any]]
) -> None:
    generation = ada.ask(topic="Bridges")
    assert ada.end(generation).name == "result"
    wish = {"generation_id": generation, "instruction": "shorter", "platform": "x"}
    assert ada.call("POST", "/api/generate", wish | {"variant": 2}).status_code == 404
    sql("update public.generations set status = 'failed' where id = %s", generation)
    assert ada.call("POST", "/api/generate", wish).status_code == 409


def test_a_result_from_before_there_were_variants_is_changed(
    ada: Caller, space: OwnSpace, sql: Callable[..., list[Any]]
) -> None:
    ((old,),) = sql(
        """insert into public.generations (user_id, input, output, status)
           values (%s, '{"topic": "a", "platform": "x", "max_length": 280}', '{"text": "An old text."}', 'complete') returning id""",
        ada.person.id,
    )  # fmt: skip
    wish = {"generation_id": str(old), "variant": 1, "instruction": "shorter"}
    generation = ada.call("POST", "/api/generate", wish).json()["generation_id"]
    assert ada.end(generation).name == "result"
    assert space.calls[-1]["text"] == "An old text."
