"""Talking with the mentor over HTTP: streamed, in one piece, gone on with, stopped, kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from backend.api.long_answers import MOST_AT_ONCE
from tests.mentor.chatting import Chatter, Event, Stream
from tests.mentor.conftest import Reads, SpaceProcess, Web
from tests.people import Person
from tests.waiting import until

NOBODYS = "6f8f6f6e-0000-4000-8000-00000000000a"
BRIDGES = (
    "Twelve bridges",
    "The city of Lyon renovated twelve bridges in 2025. The Bonaparte bridge was the first of them.",
    "https://news.example/bridges",
)

Open = Callable[..., Chatter]


@pytest.fixture
def ada(chatter: Open, alice: Person) -> Chatter:
    return chatter(alice)


@pytest.fixture
def ben(chatter: Open, bob: Person) -> Chatter:
    return chatter(bob)


def test_an_answer_comes_in_pieces_and_cites_what_it_rests_on(ada: Chatter, reads: Reads) -> None:
    (item,) = reads(ada.person, BRIDGES)
    with ada.say("Which city renovated bridges?") as stream:
        assert stream.answer.headers["Content-Type"].startswith("text/event-stream")
        assert stream.answer.headers["Cache-Control"] == "no-store"
        assert stream.answer.headers["X-Accel-Buffering"] == "no"
        events = stream.rest()
    assert (events[0].name, events[-1].name) == ("started", "done")
    pieces = [event for event in events if event.name == "delta"]
    assert len(pieces) > 1
    assert "".join(event.data["text"] for event in pieces) == events[-1].data["text"]
    assert "Lyon" in stream.text
    (citation,) = events[-1].data["citations"]
    assert citation["id"] == item
    assert (citation["kind"], citation["title"], citation["url"]) == ("source_item", *BRIDGES[::2])
    assert f"[{citation['number']}]" in stream.text
    message = ada.message(events[0].data["message_id"])
    assert (message["state"], message["text"]) == ("complete", stream.text)
    assert message["citations"] == [citation]
    assert message["first_text_at"] < message["finished_at"]


def test_the_ids_of_events_count_the_characters_so_far(ada: Chatter) -> None:
    with ada.say("Ça va, 👋?") as stream:
        so_far, message = 0, ""
        for event in stream:
            if event.name == "delta":
                so_far += len(event.data["text"])
                assert event.id == f"{message}:{so_far}"
            if event.name == "started":
                message = event.data["message_id"]


def test_whoever_wants_json_gets_the_whole_turn(ada: Chatter) -> None:
    turn = ada.ask("What did I read?")
    asked, answered = ada.messages(turn["session_id"])
    assert (asked["id"], answered["id"]) == (turn["user_message_id"], turn["message_id"])
    assert (turn["state"], turn["text"]) == ("complete", answered["text"])
    assert turn["error"] is None


def test_the_first_words_are_the_title_and_may_be_changed(ada: Chatter) -> None:
    turn = ada.ask("How would one describe, in very few words, the twelve bridges of Lyon?")
    where = f"chat_sessions?id=eq.{turn['session_id']}"
    (session,) = ada.person.rest("GET", where).json()
    assert session["title"] == "How would one describe, in very few words, the twelve…"
    assert ada.person.rest("PATCH", where, {"title": "Bridges"}).status_code == 204
    assert ada.person.rest("PATCH", where, {"title": " "}).status_code == 400
    assert ada.person.rest("PATCH", where, {"user_id": NOBODYS}).status_code == 403
    ada.ask("And then?", turn["session_id"])
    (session,) = ada.person.rest("GET", where).json()
    assert session["title"] == "Bridges"


def test_a_session_goes_on_with_what_was_said_before(
    chatter: Open, alice: Person, web: Web, space: SpaceProcess
) -> None:
    ada = chatter(alice, web.url)
    first = ada.ask("Who painted the bridge?")
    second = ada.ask("And when?", first["session_id"])
    assert second["session_id"] == first["session_id"]
    assert [m["role"] for m in ada.messages(first["session_id"])] == ["user", "assistant"] * 2
    told = space.calls[-1]
    assert told["message"] == "And when?"
    assert [turn["role"] for turn in told["history"]] == ["user", "assistant"]
    assert told["history"][0]["content"] == "Who painted the bridge?"


def test_whoever_comes_back_gets_the_rest_and_nothing_twice(
    chatter: Open, alice: Person, web: Web, space: SpaceProcess
) -> None:
    ada = chatter(alice, web.url)
    space.order("slow", seconds=0.2)
    with ada.say("Tell me slowly.") as stream:
        before = stream.until_text()
    message = stream.last_id.partition(":")[0]
    assert ada.message(message)["state"] == "streaming"
    with ada.follow(message, stream.last_id) as rest:
        end = rest.end()
    assert end.name == "done"
    assert before + rest.text == end.data["text"] == ada.message(message)["text"]
    assert len(space.calls) == 1


def test_a_post_with_last_event_id_says_nothing_again(ada: Chatter) -> None:
    with ada.say("Tell me once.") as stream:
        stream.until_text()
        last = stream.last_id
    with ada.say("Tell me once.", Last_Event_ID=last) as again:
        end = again.end()
    assert end.data["text"].endswith(again.text)
    session = ada.message(last.partition(":")[0])["session_id"]
    assert len(ada.messages(session)) == 2


def test_a_repeated_key_answers_with_the_first_turn(ada: Chatter) -> None:
    first = ada.ask("Only once, please.", Idempotency_Key="k1")
    with ada.say("Only once, please.", Idempotency_Key="k1") as stream:
        assert stream.answer.headers["Idempotent-Replayed"] == "true"
        events = stream.rest()
    assert events[0].data["message_id"] == first["message_id"]
    assert events[-1].data["text"] == first["text"]
    assert len(ada.messages(first["session_id"])) == 2


def test_a_stopped_answer_keeps_what_had_come(
    chatter: Open, alice: Person, web: Web, space: SpaceProcess
) -> None:
    ada = chatter(alice, web.url)
    space.order("slow", seconds=3)
    with ada.say("Tell me for long.") as stream:
        before = stream.until_text()
        message = stream.last_id.partition(":")[0]
        path = f"/api/chat/messages/{message}/answer"
        assert ada.call("DELETE", path).status_code == 204
        end = stream.end()
    assert (end.name, end.data["state"], end.data["error_class"]) == (
        "done",
        "interrupted",
        "stopped",
    )
    assert end.data["text"] == before == ada.message(message)["text"]
    assert ada.call("DELETE", path).status_code == 204


def test_an_answer_is_stopped_from_another_process_too(
    chatter: Open, alice: Person, web: Web, space: SpaceProcess
) -> None:
    here, elsewhere = chatter(alice, web.url), chatter(alice)
    space.order("hang")
    with here.say("Will this end?") as stream:
        started = next(iter(stream))
        message = started.data["message_id"]
        until(lambda: space.calls, "the Space to be asked")
        assert elsewhere.call("DELETE", f"/api/chat/messages/{message}/answer").status_code == 204
        assert stream.end().data["error_class"] == "stopped"


def test_one_person_holds_so_many_threads_and_no_more(
    chatter: Open, alice: Person, bob: Person, web: Web, space: SpaceProcess
) -> None:
    ada, ben = chatter(alice, web.url), chatter(bob, web.url)
    space.order("hang")
    with ExitStack() as open_pages:
        message = next(iter(open_pages.enter_context(ada.say("Hello?")))).data["message_id"]
        pages = [open_pages.enter_context(ada.follow(message)) for _ in range(MOST_AT_ONCE - 1)]
        session = ada.message(message)["session_id"]
        for method, path in (("GET", f"/api/chat/messages/{message}/events"), ("POST", "/api/chat/send")):  # fmt: skip
            refused = ada.call(method, path, {"message": "One more."})
            assert (refused.status_code, refused.headers["Retry-After"]) == (429, "15")
        assert ben.ask("Is there room?")["state"] == "complete"
        assert ada.call("DELETE", f"/api/chat/messages/{message}/answer").status_code == 204
        assert {page.end().data["error_class"] for page in pages} == {"stopped"}
    assert until(lambda: _told(ada, message), "room again").name == "done"
    assert len(ada.messages(session)) == 2
    assert len(ada.person.rest("GET", "chat_sessions").json()) == 1, "what was refused was saved"


def _told(chatter: Chatter, message: str) -> Event | None:
    answer = chatter.call("GET", f"/api/chat/messages/{message}/events")
    return Stream(answer).end() if answer.status_code == 200 else None


def test_history_comes_in_pages_newest_first(ada: Chatter, ben: Chatter) -> None:
    session = ada.ask("One")["session_id"]
    for message in ("Two", "Three"):
        ada.ask(message, session)
    path = f"/api/chat/history?session_id={session}&limit=4"
    page = ada.call("GET", path).json()
    assert [m["position"] for m in page["messages"]] == [6, 5, 4, 3]
    last = ada.call("GET", f"{path}&before={page['next_before']}").json()
    assert [m["text"] for m in last["messages"]][1] == "One"
    assert last["next_before"] is None
    assert ben.call("GET", path).status_code == 404
    assert ada.call("GET", "/api/chat/history").status_code == 422


def test_a_session_is_exported_with_its_citations(ada: Chatter, ben: Chatter, reads: Reads) -> None:
    reads(ada.person, BRIDGES)
    turn = ada.ask("Which city renovated bridges?")
    path = f"/api/chat/sessions/{turn['session_id']}/export"
    markdown = ada.call("GET", path)
    assert markdown.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert "attachment" in markdown.headers["Content-Disposition"]
    assert markdown.text.startswith("# Which city renovated bridges?\n\n## You, ")
    assert r"- \[1\] Twelve bridges: <https://news.example/bridges>" in markdown.text
    whole = ada.call("GET", path, Accept="application/json").json()
    assert whole["session"]["id"] == turn["session_id"]
    assert [m["text"] for m in whole["messages"]] == ["Which city renovated bridges?", turn["text"]]
    assert whole["messages"][1]["citations"] == turn["citations"]
    assert ben.call("GET", path).status_code == 404


def test_an_answer_becomes_a_draft_without_its_citations(ada: Chatter, reads: Reads) -> None:
    reads(ada.person, BRIDGES)
    turn = ada.ask("Which city renovated bridges?")
    assert "[1]" in turn["text"]
    path = f"/api/chat/messages/{turn['message_id']}/post"
    made = ada.call("POST", path, Idempotency_Key="p1")
    assert made.status_code == 201
    again = ada.call("POST", path, Idempotency_Key="p1")
    assert again.json() == made.json()
    (post,) = ada.person.rest("GET", "posts").json()
    assert (post["id"], post["status"]) == (made.json()["post_id"], "draft")
    assert "Lyon" in post["text"]
    assert "[1]" not in post["text"]


def test_sessions_of_others_are_not_there(ada: Chatter, ben: Chatter) -> None:
    turn = ada.ask("Mine alone.")
    said = {"session_id": turn["session_id"], "message": "Let me in."}
    assert ben.call("POST", "/api/chat/send", said).status_code == 404
    message = f"/api/chat/messages/{turn['message_id']}"
    assert ben.call("GET", f"{message}/events").status_code == 404
    assert ben.call("GET", f"{message}/events", Last_Event_ID=f"{turn['message_id']}:0").status_code == 404  # fmt: skip
    assert ben.call("DELETE", f"{message}/answer").status_code == 404
    assert ben.call("POST", f"{message}/post").status_code == 404
    assert ben.person.rest("GET", f"chat_messages?id=eq.{turn['message_id']}").json() == []


def test_what_cannot_be_said_is_refused(ada: Chatter) -> None:
    for body in ({}, {"message": ""}, {"message": "x" * 8001}, {"message": "x", "role": "system"}):
        assert ada.call("POST", "/api/chat/send", body).status_code == 422, body
    assert ada.call("POST", "/api/chat/send", {"message": " \n "}).status_code == 422
    for odd in ("", "x", f"{NOBODYS}:x", f"{NOBODYS}:-1"):
        answer = ada.call("POST", "/api/chat/send", {"message": "x"}, Last_Event_ID=odd)
        assert answer.status_code == 422, odd
    other = ada.call("GET", f"/api/chat/messages/{NOBODYS}/events", Last_Event_ID=f"{NOBODYS[:-1]}b:0")  # fmt: skip
    assert other.status_code == 422


def test_a_message_goes_with_its_session(ada: Chatter) -> None:
    turn = ada.ask("Forget me.")
    gone = ada.person.rest("DELETE", f"chat_sessions?id=eq.{turn['session_id']}")
    assert gone.status_code == 204
    assert ada.messages(turn["session_id"]) == []


def test_two_sends_at_once_in_a_session_are_one_turn(
    chatter: Open, alice: Person, web: Web, space: SpaceProcess
) -> None:
    ada = chatter(alice, web.url)
    session = ada.ask("Hello.")["session_id"]
    space.order("slow", seconds=0.3)
    with ada.say("First.", session) as stream:
        refused = ada.call("POST", "/api/chat/send", {"session_id": session, "message": "Second."})
        assert refused.status_code == 409, refused.text
        assert stream.end().name == "done"
    texts = [message["text"] for message in ada.messages(session) if message["role"] == "user"]
    assert texts == ["Hello.", "First."]


def test_deleting_messages_wins_no_quota_back(ada: Chatter, sql: Callable[..., list[Any]]) -> None:
    turn = ada.ask("One.")
    ada.person.rest("DELETE", f"chat_sessions?id=eq.{turn['session_id']}")
    sql(
        "insert into private.chat_turns (user_id) select %s from generate_series(1, 199)",
        ada.person.id,
    )
    refused = ada.call("POST", "/api/chat/send", {"message": "One more."})
    assert refused.status_code == 429
    assert "200 of 200 mentor answers" in refused.json()["detail"]
    sql(
        "update private.chat_turns set asked_at = now() - interval '25 hours' where user_id = %s",
        ada.person.id,
    )
    assert ada.ask("Tomorrow.")["state"] == "complete"
