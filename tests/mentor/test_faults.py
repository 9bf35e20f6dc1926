"""A Space, a browser, a web process or the database fails while an answer comes: the turn is kept, and the row says what happened."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backend.core.answer_saving import SAVE_EVERY_SECONDS
from backend.core.errors import Conflict, TooMany
from backend.core.streams import Delta, Ending, Standing
from backend.store import Supabase
from local.stack import Stack
from tests.faults.wire import Wire
from tests.mentor.chatting import Chatter
from tests.mentor.conftest import Said, SpaceProcess, Talk, Web, failed
from tests.people import Person
from tests.waiting import until

Open = Callable[..., Chatter]
With = Callable[..., Talk]


def row(person: Person, said: Said) -> dict[str, Any]:
    """The answer as it is stored."""
    (found,) = person.rest("GET", f"chat_messages?id=eq.{said.turn.message_id}").json()
    kept: dict[str, Any] = found
    return kept


def kept(person: Person, said: Said, error_class: str) -> Ending:
    """The end of an answer that went wrong in this way, which the row tells alike; the message is there, and the next turn works."""
    ending = said.ending()
    stored = row(person, said)
    assert (ending.state, ending.error_class) == ("interrupted", error_class), ending
    assert (stored["state"], stored["error_class"]) == ("interrupted", error_class)
    assert (stored["text"], stored["error"]) == (ending.text, ending.error)
    assert ending.error
    assert stored["finished_at"]
    asked = person.rest("GET", f"chat_messages?id=eq.{said.turn.user_message_id}").json()
    assert asked[0]["state"] == "complete"
    return ending


# ---------------------------------------------------------------------------------------- the Space


def test_a_space_that_sleeps_a_while_is_waited_for(
    alice: Person, space: SpaceProcess, talk_with: With
) -> None:
    space.order("sleep", seconds=0.5)
    said = talk_with(space.url).say(alice, "Are you there?")
    assert said.ending().state == "complete"


def test_a_space_that_still_has_to_start_is_woken_and_told_of(
    alice: Person, space: SpaceProcess, talk_with: With
) -> None:
    space.order("asleep", seconds=1.5)
    said = talk_with(space.url).say(alice, "Are you there?")
    events = list(said.events())
    assert Standing("waking") in events
    assert isinstance(events[-1], Ending)
    assert events[-1].state == "complete"


def test_a_space_that_hangs_is_left_at_the_deadline(
    alice: Person, space: SpaceProcess, talk_with: With
) -> None:
    space.order("hang")
    said = talk_with(space.url, deadline_seconds=4).say(alice, "Are you there?")
    ending = kept(alice, said, "space_timed_out")
    assert ending.text == ""


def test_a_space_whose_connection_drops_leaves_what_had_come(
    alice: Person, space: SpaceProcess, talk_with: With
) -> None:
    space.order("drop")
    ending = kept(alice, talk_with(space.url).say(alice, "Tell me."), "space_unavailable")
    assert ending.text


def test_a_space_that_answers_garbage_is_said_to(
    alice: Person, space: SpaceProcess, talk_with: With
) -> None:
    space.order("garbage")
    ending = kept(alice, talk_with(space.url).say(alice, "Tell me."), "space_answer_unusable")
    assert ending.text == ""


def test_a_space_that_answers_nothing_is_said_to(
    alice: Person, space: SpaceProcess, talk_with: With
) -> None:
    space.order("empty")
    kept(alice, talk_with(space.url).say(alice, "Tell me."), "space_answer_unusable")


def test_a_space_that_reports_an_error_is_quoted(
    alice: Person, space: SpaceProcess, talk_with: With
) -> None:
    space.order("fail", message="Out of credits.")
    ending = kept(alice, talk_with(space.url).say(alice, "Tell me."), "space_failed")
    assert "Out of credits." in str(ending.error)


def test_a_space_that_crashes_leaves_what_had_come(
    alice: Person, space: SpaceProcess, talk_with: With
) -> None:
    space.order("crash")
    ending = kept(alice, talk_with(space.url).say(alice, "Tell me."), "space_failed")
    assert ending.text


def test_a_slow_space_is_saved_while_it_speaks(
    alice: Person, space: SpaceProcess, talk_with: With
) -> None:
    space.order("slow", seconds=2 * SAVE_EVERY_SECONDS)
    said = talk_with(space.url).say(alice, "Tell me slowly.")
    texts: list[str] = []
    for event in said.events():
        if isinstance(event, Delta):
            so_far = said.answer.text
            saved = until(lambda: row(alice, said)["text"], "the text to be saved")
            assert so_far.startswith(saved) or saved.startswith(so_far)
            texts.append(saved)
    assert len(set(texts)) > 1, "all was saved at once"
    assert row(alice, said)["state"] == "complete"


def test_a_space_that_restarts_in_mid_stream_leaves_what_had_come(
    alice: Person, space: SpaceProcess, talk_with: With
) -> None:
    talk = talk_with(space.url)
    space.order("die")
    said = talk.say(alice, "Tell me.")
    ending = kept(alice, said, "space_unavailable")
    assert ending.text
    assert space.child
    space.child.popen.wait(30)
    space.start()
    again = talk.say(alice, "Once more?", said.turn.session_id)
    assert again.ending().state == "complete"
    assert space.calls[-1]["history"][-1]["content"] == ending.text


def test_no_space_at_all_is_said_to(alice: Person, talk_with: With) -> None:
    talk = talk_with("http://127.0.0.1:9", deadline_seconds=2)
    kept(alice, talk.say(alice, "Anybody?"), "space_unavailable")


# ---------------------------------------------------------------------------------------- the browser and the web process


def test_a_browser_that_leaves_stops_nothing(
    chatter: Open, alice: Person, web: Web, space: SpaceProcess
) -> None:
    ada = chatter(alice, web.url)
    space.order("slow", seconds=0.2)
    with ada.say("Tell me slowly.") as stream:
        before = stream.until_text()
    message = stream.last_id.partition(":")[0]
    done = until(lambda: (m := ada.message(message))["state"] == "complete" and m, "the answer")
    assert done["text"].startswith(before)
    assert len(done["text"]) > len(before)


def test_another_process_goes_on_with_the_answer(
    chatter: Open, alice: Person, web: Web, space: SpaceProcess
) -> None:
    here, elsewhere = chatter(alice, web.url), chatter(alice)
    space.order("slow", seconds=0.3)
    with here.say("Tell me slowly.") as stream:
        before = stream.until_text()
    message = stream.last_id.partition(":")[0]
    with elsewhere.follow(message, stream.last_id) as rest:
        events = rest.rest()
    assert [event.name for event in events].count("delta") > 1, "it came in one piece at the end"
    assert before + rest.text == events[-1].data["text"]
    with elsewhere.follow(message) as whole:
        assert whole.end().data["text"] == whole.text == before + rest.text


def test_a_killed_process_leaves_an_interrupted_answer(
    chatter: Open, alice: Person, web: Web, space: SpaceProcess, sql: Callable[..., list[Any]]
) -> None:
    here, elsewhere = chatter(alice, web.url), chatter(alice)
    space.order("slow", seconds=5)
    with here.say("Tell me slowly.") as stream:
        stream.until_text()
        message = stream.last_id.partition(":")[0]
        saved = until(lambda: here.message(message)["text"], "the text to be saved")
        web.kill()
    assert here.message(message)["state"] == "streaming"
    session = here.message(message)["session_id"]
    refused = elsewhere.call("POST", "/api/chat/send", {"session_id": session, "message": "Well?"})
    assert refused.status_code == 409, "its lease still holds"
    # as if its 20 seconds were over
    sql("update chat_messages set lease_until = now() where id = %s", message)
    with elsewhere.follow(message) as stream:
        end = stream.end()
    assert (end.name, end.data["state"], end.data["error_class"]) == ("error", "interrupted", "interrupted")  # fmt: skip
    assert end.data["text"] == saved
    assert elsewhere.ask("And now?", session)["state"] == "complete"


def test_the_next_turn_ends_a_lost_answer_without_a_worker(
    alice: Person, sql: Callable[..., list[Any]], supabase: Supabase
) -> None:
    assert alice.token
    chat = supabase.as_user(alice.token).chat
    lost = chat.begin(None, "Hello?")
    assert "still coming" in failed(lambda: chat.begin(lost.session_id, "Hello?"), Conflict)
    sql("update chat_messages set lease_until = now() where id = %s", lost.message_id)
    chat.begin(lost.session_id, "Hello??")
    assert chat.message(lost.message_id)["error_class"] == "interrupted"


# ---------------------------------------------------------------------------------------- many at once


def test_of_parallel_sends_in_a_session_one_is_answered(
    alice: Person, space: SpaceProcess, talk_with: With
) -> None:
    talk = talk_with(space.url)
    first = talk.say(alice, "Hello.")
    first.ending()
    space.order("hang")
    together = threading.Barrier(6)

    def send(number: int) -> Said | None:
        together.wait(30)
        try:
            return talk.say(alice, f"Number {number}", first.turn.session_id)
        except Conflict:
            return None

    with ThreadPoolExecutor(6) as pool:
        said = [one for one in pool.map(send, range(6)) if one]
    assert len(said) == 1
    said[0].answer.stop("stop")
    assert said[0].ending().error_class == "stopped"
    where = f"chat_messages?session_id=eq.{first.turn.session_id}&select=position&order=position"
    assert [m["position"] for m in alice.rest("GET", where).json()] == [1, 2, 3, 4]


def test_five_answers_at_a_time_are_enough(alice: Person, supabase: Supabase) -> None:
    assert alice.token
    chat = supabase.as_user(alice.token).chat
    for number in range(5):
        chat.begin(None, f"Number {number}")
    assert "Five answers" in failed(lambda: chat.begin(None, "Number six"), TooMany)


# ---------------------------------------------------------------------------------------- the database


@pytest.fixture
def wire(stack: Stack) -> Iterator[Wire]:
    with Wire(stack.info["supabase_url"]) as one:
        yield one


@pytest.fixture
def over_wire(stack: Stack, wire: Wire) -> Iterator[Supabase]:
    """A connection that can be cut."""
    one = Supabase(wire.url, stack.info["publishable_key"], stack.info["secret_key"])
    yield one
    one.close()


def test_a_database_that_is_away_for_a_moment_costs_nothing(
    alice: Person, space: SpaceProcess, talk_with: With, wire: Wire, over_wire: Supabase
) -> None:
    space.order("slow", seconds=0.2)
    said = talk_with(space.url, over=over_wire).say(alice, "Tell me slowly.")
    said.until_text()
    wire.cut()
    before = said.answer.text
    until(lambda: len(said.answer.text) > len(before), "text to come while the database is away")
    wire.mend()
    ending = said.ending()
    assert ending.state == "complete"
    assert row(alice, said)["text"] == ending.text


def test_a_database_that_is_away_at_the_end_gets_the_end_later(
    alice: Person,
    space: SpaceProcess,
    talk_with: With,
    wire: Wire,
    over_wire: Supabase,
    caplog: pytest.LogCaptureFixture,
) -> None:
    space.order("slow", seconds=0.1)
    said = talk_with(space.url, over=over_wire).say(alice, "Tell me slowly.")
    said.until_text()
    wire.cut()
    until(lambda: "stand-in" in said.answer.text, "the last piece")
    until(lambda: "the end of an answer is not saved yet" in caplog.text, "it to be told in vain")
    wire.mend()
    assert said.ending().state == "complete"
    assert row(alice, said)["state"] == "complete"


def test_an_end_may_be_told_twice_and_no_other_after_it(alice: Person, supabase: Supabase) -> None:
    assert alice.token
    turn = supabase.as_user(alice.token).chat.begin(None, "Tell me.")
    finish = supabase.service.answers.finish_chat_answer
    end = {"state": "complete", "text": "Twelve bridges."}
    assert finish(turn.message_id, turn.lease_token, end)
    assert finish(turn.message_id, turn.lease_token, end), "its first answer may have been lost"
    assert not finish(turn.message_id, turn.lease_token, end | {"text": "Thirteen."})
    assert not finish(turn.message_id, turn.lease_token + 1, end)


def test_a_deleted_session_stops_its_answer(
    alice: Person, space: SpaceProcess, talk_with: With
) -> None:
    space.order("hang")
    said = talk_with(space.url).say(alice, "Tell me.")
    until(lambda: space.calls, "the Space to be asked")
    gone = alice.rest("DELETE", f"chat_sessions?id=eq.{said.turn.session_id}")
    assert gone.status_code == 204
    assert said.ending().error_class == "lost"
