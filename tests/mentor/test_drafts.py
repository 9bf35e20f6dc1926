"""An answer as a draft post, by the function that frontends call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backend.store import Supabase
from tests.people import Person

Answered = Callable[..., str]


@pytest.fixture
def answered(alice: Person, supabase: Supabase) -> Answered:
    """`answered(text)`: an answer of Alice's mentor; its id."""

    def make(text: str, state: str = "complete") -> str:
        assert alice.token
        turn = supabase.as_user(alice.token).chat.begin(None, "Write something.")
        if state != "streaming":
            result = {"state": state, "text": text}
            assert supabase.service.answers.finish_chat_answer(
                turn.message_id, turn.lease_token, result
            )
        return turn.message_id

    return make


def draft(person: Person, message: str) -> str:
    """The text of the draft made of it."""
    made = person.rpc("draft_from_message", message=message)
    assert made.status_code == 200, made.text
    (post,) = person.rest("GET", f"posts?id=eq.{made.json()}").json()
    assert post["status"] == "draft"
    text: str = post["text"]
    return text


@pytest.mark.parametrize(
    ("answer", "post"),
    [
        ("Twelve bridges [1]. More [2, 3] and [?].", "Twelve bridges. More and."),
        ("Twelve bridges.\n\nSources:\n- [1] News\n- https://news.example/1", "Twelve bridges."),
        ("Twelve bridges.\n\n**Sources:** [1] News, [2] Other\n", "Twelve bridges."),
        ("Twelve bridges.\n\n## References\n\n1. News\n2. Other", "Twelve bridges."),
        ("Zwölf Brücken.\nQuellen: [1]", "Zwölf Brücken."),
        ("Sources of joy are many.\n\nSource code is one.", "Sources of joy are many.\n\nSource code is one."),
        ("Sources:\n- one\n\nAnd the post itself.", "Sources:\n- one\n\nAnd the post itself."),
        ("[Lyon](https://lyon.example) has array[x].", "[Lyon](https://lyon.example) has array[x]."),
        ("x" * 70_000, "x" * 63_206),
    ],
    ids=range(9),
)  # fmt: skip
def test_it_is_the_answer_without_what_belongs_to_a_conversation(
    alice: Person, answered: Answered, answer: str, post: str
) -> None:
    assert draft(alice, answered(answer)) == post


def test_what_had_come_of_an_answer_may_be_used(alice: Person, answered: Answered) -> None:
    assert draft(alice, answered("Half a thought", "interrupted")) == "Half a thought"


def test_what_cannot_be_a_post_is_refused(
    alice: Person, bob: Person, answered: Answered, supabase: Supabase
) -> None:
    def refused(person: Person, message: str) -> int:
        return person.rpc("draft_from_message", message=message).status_code

    assert refused(alice, answered("", "streaming")) == 409
    assert refused(alice, answered("Sources: [1]")) == 422
    mine = answered("Mine.")
    assert refused(bob, mine) == 404
    (asked,) = alice.rest("GET", "chat_messages?role=eq.user&limit=1").json()
    assert refused(alice, asked["id"]) == 404
    rows: list[Any] = alice.rest("GET", "posts").json()
    assert rows == []
