"""What embedding Spaces are sent and what they return: each shape from a real Gradio app."""

from __future__ import annotations

import math

import pytest

from backend.core.errors import SpaceAnswerUnusable, SpaceTimedOut, SpaceUnavailable
from backend.spaces import connect
from backend.spaces._vectors import read_vectors
from backend.spaces.embedding import arguments, find_endpoint

TEXTS = ["three bridges", "one", "een"]
VECTORS = [[13.0, 3.0, 0.5], [3.0, 1.0, 0.5], [3.0, 2.0, 0.5]]


def embed(model, texts=TEXTS, deadline_seconds=30):
    return model.embed(texts, deadline_seconds=deadline_seconds)


@pytest.mark.parametrize(
    "path", ["lists", "lists_in_dict", "lists_with_index", "lists_in_table", "table"]
)
def test_a_space_that_takes_a_list_gets_all_texts_at_once(apps, model, path):
    before = len(apps.received())
    assert embed(model(path)) == VECTORS
    sent = apps.received()[before:]
    assert len(sent) == 1
    assert sent[0]["texts"] == ([[text] for text in TEXTS] if path == "table" else TEXTS)


@pytest.mark.parametrize("path", ["one_text", "one_text_nested", "one_text_as_text"])
def test_a_space_that_takes_a_text_is_called_once_per_text(apps, model, path):
    before = len(apps.received())
    assert embed(model(path)) == VECTORS
    assert [sent["texts"] for sent in apps.received()[before:]] == TEXTS


def test_many_texts_go_in_batches_and_come_back_in_order(apps, model):
    texts = ["e" * number for number in range(1, 101)]
    before = len(apps.received())
    vectors = embed(model("lists"), texts)
    assert [vector[0] for vector in vectors] == list(range(1, 101))
    assert [len(sent["texts"]) for sent in apps.received()[before:]] == [64, 36]


def test_no_texts_need_no_space(free_port):
    assert embed(connect(f"http://127.0.0.1:{free_port}"), []) == []


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("too_few", "2 vectors for 3 texts"),
        ("ragged", "not of one length"),
        ("changing", "not of one length"),
        ("too_long", "4,097 dimensions; at most 4,096"),
        ("no_vectors", "without any vectors"),
        ("words_for_numbers", "without any vectors"),
        ("number_only", "no named endpoint that makes vectors of texts"),
    ],
)
def test_an_answer_that_holds_no_vectors_says_why(model, path, complaint):
    texts = ["three", "it"] if path == "changing" else TEXTS
    with pytest.raises(SpaceAnswerUnusable) as refused:
        embed(model(path), texts)
    assert complaint in str(refused.value)


def test_a_space_that_hangs_is_left_at_the_deadline(silent_url):
    with pytest.raises(SpaceTimedOut, match="did not answer within"):
        embed(connect(silent_url), deadline_seconds=0.5)


def test_a_space_that_is_down_is_waited_for_until_the_deadline(free_port):
    with pytest.raises(SpaceUnavailable, match="did not wake up within"):
        embed(connect(f"http://127.0.0.1:{free_port}"), deadline_seconds=0.6)


def test_a_deadline_that_passed_between_batches_is_a_time_out(model):
    with pytest.raises(SpaceTimedOut):
        embed(model("lists"), deadline_seconds=0)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ([[1.0, math.nan]], "not finite"),
        ([[1.0, math.inf]], "not finite"),
        ([[1.0, True]], "without any vectors"),
        ([[]], "without any vectors"),
        ("[1, 2", "without any vectors"),
        ([[[1.0]]], "without any vectors"),
        (None, "without any vectors"),
        ([{"embedding": [1.0]}, {"text": "x"}], "without any vectors"),
    ],
)
def test_what_is_no_vector_is_refused(value, complaint):
    with pytest.raises(SpaceAnswerUnusable, match=complaint):
        read_vectors(value, 1)


def test_numbers_of_any_kind_become_floats():
    vectors = read_vectors([[1, 2.5]], 1)
    assert vectors == [[1.0, 2.5]]
    assert all(type(number) is float for number in vectors[0])


def test_the_input_called_texts_is_taken_wherever_it_stands():
    told = {
        "/embed": {
            "parameters": [
                {"parameter_name": "options", "type": {}, "component": "Json", "parameter_has_default": True},
                {"parameter_name": "texts", "type": {}, "component": "Json"},
            ],
            "returns": [{"label": "out", "component": "Json"}],
        }
    }  # fmt: skip
    endpoint = find_endpoint({"named_endpoints": told}, (), lambda _: True)
    assert arguments(endpoint, TEXTS) == {"texts": TEXTS}
