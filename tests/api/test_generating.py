"""Drafts over HTTP: queued, followed, canceled, and every way in which a Space can fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
import requests

from local.stack import Stack
from local.stack.forking import Forked
from tests.api.conftest import Browser, HastyServer, Space, problem
from tests.people import Person
from tests.programs import fork_space
from tests.waiting import until

NOBODYS = "6f8f6f6e-0000-4000-8000-00000000000a"


def end(browser: Browser, generation_id: str) -> tuple[str, dict[str, Any]]:
    """The last event of a generation."""
    return browser.events(generation_id)[-1]


def test_a_topic_becomes_a_draft_followed_to_its_end(ada: Browser, space: Space) -> None:
    generation = ada.generate(topic="Bridges of Lyon", tone="warm", language="fr")
    events = ada.events(generation)
    assert [name for name, _ in events[:-1]] == ["progress"] * (len(events) - 1)
    name, data = events[-1]
    assert name == "result"
    output = data["output"]
    assert "Bridges of Lyon" in output["text"]
    assert output["length"] == len(output["text"]) <= output["max_length"] == 3000
    assert (space.calls[-1]["tone"], space.calls[-1]["language"]) == ("warm", "French")
    row = ada.row("generations", generation)
    assert (row["status"], row["output"]) == ("complete", output)
    assert row["space"] == space.url


def test_text_comes_while_it_is_being_written(ada: Browser, space: Space) -> None:
    space.order("slow", seconds=0.1)
    texts = [
        data["text"]
        for name, data in ada.events(ada.generate())
        if name == "progress" and "text" in data
    ]
    assert len(texts) >= 2
    assert all(later.startswith(earlier[:20]) for earlier, later in pairwise(texts))


def test_an_image_is_copied_into_the_persons_media(ada: Browser, space: Space) -> None:
    assert ada.person
    _, data = end(ada, ada.generate(topic="Bridges", image=True))
    media = ada.row("media", data["output"]["media_id"])
    assert (media["status"], media["kind"], media["mime"]) == ("ready", "image", "image/png")
    assert media["path"].startswith(f"{ada.person.id}/generated/")
    kept = ada.person.storage("GET", f"object/media/{media['path']}")
    assert len(kept.content) == media["bytes"]
    assert space.calls[-1]["with_image"] is True


def test_an_article_of_ones_own_sources_is_drafted_from(
    ada: Browser, ben: Browser, space: Space, sql: Callable[..., list[Any]]
) -> None:
    assert ada.person
    source = ada.insert("sources", {"url": f"{ada.frontend_url}/none.xml"})["id"]
    ((item,),) = sql(
        "insert into source_items (user_id, source_id, guid, url, title, text) values (%s, %s, 'g', 'https://news.example/1', 'Twelve bridges', 'The city renovated twelve bridges.') returning id",
        ada.person.id, source,
    )  # fmt: skip
    problem(
        ben.call("POST", "/api/generate", {"source_item_id": str(item), "platform": "linkedin"}),
        404,
    )
    name, _ = end(ada, ada.generate(source_item_id=str(item)))
    assert name == "result"
    assert (space.calls[-1]["title"], space.calls[-1]["url"]) == (
        "Twelve bridges",
        "https://news.example/1",
    )


def test_a_page_is_read_and_drafted_from(ada: Browser, space: Space, stack: Stack) -> None:
    feed = requests.get(stack.info["feed_url"], timeout=10).text
    address = next(
        part.partition("<")[0]
        for part in feed.split("<link>")[1:]
        if "/articles/" in part or part.count("/") > 3
    )
    name, data = end(ada, ada.generate(url=address))
    assert name == "result", data
    assert space.calls[-1]["text"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/",
        "http://localhost/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "https://user:pw@example.org/",
    ],
)
def test_a_private_address_is_not_read(ada: Browser, space: Space, url: str) -> None:
    name, data = end(ada, ada.generate(url=url))
    assert (name, data["status"], data["error_class"]) == ("error", "failed", "source_unreachable")
    assert data["error"]
    assert space.calls == []


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "an error of its own": ({"order": "fail", "message": "Out of credits."}, "space_failed"),
    "a crash": ({"order": "crash"}, "space_failed"),
    "an empty text": ({"order": "empty"}, "space_answer_unusable"),
    "no text and no image": ({"order": "garbage"}, "space_answer_unusable"),
}


@pytest.mark.parametrize(("order", "word"), FAULTS.values(), ids=FAULTS.keys())
def test_a_space_that_fails_is_said_on_the_row(
    ada: Browser, space: Space, order: dict[str, Any], word: str
) -> None:
    space.order(**order)
    generation = ada.generate(topic="Bridges", image=True)
    name, data = end(ada, generation)
    assert (name, data["status"], data["error_class"]) == ("error", "failed", word)
    assert order.get("message", "") in data["error"]
    row = ada.row("generations", generation)
    assert (row["status"], row["error_class"], row["error"]) == ("failed", word, data["error"])
    assert row["finished_at"]
    assert end(ada, ada.generate())[0] == "result"  # the next one works


def test_a_space_that_takes_its_time_is_waited_for(ada: Browser, space: Space) -> None:
    space.order("sleep", seconds=1)
    assert end(ada, ada.generate())[0] == "result"


def test_a_running_draft_can_be_stopped(ada: Browser, space: Space) -> None:
    space.order("hang")
    generation = ada.generate()
    assert until(lambda: space.calls or None, "the Space to be called")
    answer = ada.call("DELETE", f"/api/generations/{generation}")
    assert (answer.status_code, answer.content) == (204, b"")
    name, data = end(ada, generation)
    assert (name, data["status"]) == ("error", "canceled")
    assert ada.call("DELETE", f"/api/generations/{generation}").status_code == 204
    assert end(ada, ada.generate())[0] == "result"  # the Space was let go


def test_a_draft_of_somebody_else_is_none(ada: Browser, ben: Browser, space: Space) -> None:
    generation = ada.generate()
    for one in (generation, NOBODYS):
        problem(ben.call("GET", f"/api/generations/{one}/events"), 404)
        problem(ben.call("DELETE", f"/api/generations/{one}"), 404)
    assert end(ada, generation)[0] == "result"
    assert space.calls


def test_the_end_can_be_read_as_often_as_wanted(ada: Browser, space: Space) -> None:
    generation = ada.generate()
    first = end(ada, generation)
    assert ada.events(generation) == [first]
    assert len(space.calls) == 1


def test_five_drafts_at_once_are_enough(ada: Browser, space: Space) -> None:
    space.order("hang", times=5)
    started = [ada.generate(topic=f"Bridge {n}") for n in range(5)]
    refused = problem(
        ada.call("POST", "/api/generate", {"topic": "One more", "platform": "linkedin"}), 429
    )
    assert "wait for one to finish or cancel it" in refused["detail"]
    for generation in started:
        assert ada.call("DELETE", f"/api/generations/{generation}").status_code == 204
    for generation in started:
        assert end(ada, generation)[1]["status"] == "canceled"


WRONG = {
    "nothing to write about": ({"platform": "linkedin"}, "body"),
    "two things": ({"platform": "linkedin", "topic": "a", "url": "https://a.example/"}, "body"),
    "no platform": ({"topic": "a"}, "platform"),
    "another platform": ({"topic": "a", "platform": "myspace"}, "platform"),
    "empty topic": ({"topic": "", "platform": "linkedin"}, "topic"),
    "long topic": ({"topic": "a" * 2001, "platform": "linkedin"}, "topic"),
    "no web address": ({"url": "file:///etc/passwd", "platform": "linkedin"}, "url"),
    "no id": ({"source_item_id": "1", "platform": "linkedin"}, "source_item_id"),
    "long tone": ({"topic": "a", "platform": "linkedin", "tone": "t" * 101}, "tone"),
    "image in words": ({"topic": "a", "platform": "linkedin", "image": "please"}, "image"),
    "an unknown field": ({"topic": "a", "platform": "linkedin", "model": "gpt"}, "model"),
}


@pytest.mark.parametrize(("body", "wrong"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_request_names_the_field(reader: Browser, body: dict[str, Any], wrong: str) -> None:
    refused = problem(reader.call("POST", "/api/generate", body), 422)
    assert refused["errors"][0]["field"] == wrong


def test_the_same_key_drafts_once(ada: Browser, space: Space) -> None:
    body, key = {"topic": "Bridges", "platform": "linkedin"}, {"Idempotency-Key": "one"}
    first, again = (ada.call("POST", "/api/generate", body, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    other = ada.call(
        "POST", "/api/generate", {"topic": "Towers", "platform": "linkedin"}, headers=key
    )
    assert "another request" in problem(other, 409)["detail"]
    assert end(ada, first.json()["generation_id"])[0] == "result"
    assert len(space.calls) == 1


# ------------------------------------------------------------------------------------ a Space that is not there


@pytest.fixture
def hurried(open_browser: Callable[..., Browser], alice: Person, hasty: HastyServer) -> Browser:
    """Alice at the server whose Space is away."""
    return open_browser(alice, hasty.api_url)


@dataclass(frozen=True)
class OwnSpace(Space):
    """A Space whose process a test may end."""

    process: Forked


@pytest.fixture
def own_space(hasty: HastyServer) -> Iterator[OwnSpace]:
    """The Space of that server, while it is there."""
    process, url = fork_space(port=hasty.space_port)
    assert process.stdout
    with process.stdout:
        yield OwnSpace(url, process)
    process.terminate()
    process.wait(10)


def drafted_there(
    browser: Browser,
    hasty: HastyServer,
    before: Callable[[], None] = lambda: None,
    during: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """The row of a draft that the server itself ran: a worker with another Space may be quicker, then once more."""
    for _ in range(5):
        before()
        generation = browser.generate()
        during(generation)
        browser.events(generation)
        row = browser.row("generations", generation)
        if row["space"] == f"http://127.0.0.1:{hasty.space_port}":
            return row
    raise AssertionError("a worker took every draft")


def test_a_space_that_is_down_ends_the_draft_with_the_reason(
    hurried: Browser, hasty: HastyServer
) -> None:
    row = drafted_there(hurried, hasty)
    assert (row["status"], row["error_class"]) == ("failed", "space_unavailable")
    assert row["error"]
    assert row["output"] is None


def test_a_space_that_hangs_ends_at_the_deadline_and_one_that_dies_is_noticed(
    hurried: Browser, hasty: HastyServer, own_space: OwnSpace
) -> None:
    hung = drafted_there(hurried, hasty, lambda: own_space.order("hang"))
    assert (hung["status"], hung["error_class"]) == ("failed", "space_timed_out")
    own_space.forget()
    assert drafted_there(hurried, hasty)["status"] == "complete"

    def die_in_the_middle(generation: str) -> None:
        until(
            lambda: "text" in hurried.row("generations", generation)["progress"], "the first words"
        )
        own_space.process.kill()

    died = drafted_there(
        hurried, hasty, lambda: own_space.order("slow", seconds=0.5), die_in_the_middle
    )
    assert died["status"] == "failed"
    assert died["error_class"] in ("space_unavailable", "space_failed")
    assert died["output"] is None
