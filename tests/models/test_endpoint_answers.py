"""What endpoints answer in their different ways, and what of it is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from backend.core.errors import SpaceAnswerUnusable, SpaceFailed
from backend.spaces.openai_answers import without_thoughts
from backend.spaces.openai_model import OpenAiModel
from tests.models.conftest import PATIENCE_SECONDS, Ran
from tests.models.endpoint import ANSWER, Endpoint, Handler, sound
from tests.waiting import until


def streamed(*pieces: object, reason: str = "stop") -> Callable[[Handler], None]:
    """An answer in these pieces: texts, or whole choices."""

    def act(handler: Handler) -> None:
        handler.begin()
        for piece in pieces:
            if isinstance(piece, dict):
                handler.piece(**piece)
            else:
                handler.piece(piece)
        handler.piece(finish_reason=reason)
        handler.raw(b"data: [DONE]\n\n")
        handler.raw(b"")

    return act


# ---- shapes


def test_pieces_are_told_one_by_one_as_they_come(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    told: list[str] = []

    def one_at_a_time(handler: Handler) -> None:
        handler.begin()
        for number, piece in enumerate(("One.", " Two.", " Three."), start=1):
            handler.piece(piece)
            ran_so_far(ran, number)
        handler.end()

    ran.on_progress = lambda progress: told.append(progress.text) if progress.text else None
    endpoint.acts.append(one_at_a_time)
    assert ran.chat(model) == "One. Two. Three."
    assert told == ["One.", "One. Two.", "One. Two. Three."]


def ran_so_far(ran: Ran, pieces: int) -> None:
    """Wait until so many pieces were told: the next one is sent only then."""
    until(lambda: len(ran.texts) >= pieces, f"piece {pieces} to be told")


def test_a_server_that_does_not_stream_is_read_whole(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    whole = {"choices": [{"message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}]}  # fmt: skip
    endpoint.acts.append(lambda handler: handler.reply(200, whole))
    assert ran.chat(model) == ANSWER


def test_a_stream_may_end_without_done_or_without_a_reason(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    def without_done(handler: Handler) -> None:
        handler.begin()
        handler.piece("Lyon.", finish_reason="stop")
        handler.raw(b"")

    def without_a_reason(handler: Handler) -> None:
        handler.begin()
        handler.piece("Lyon.")
        handler.raw(b"data: [DONE]\n\n")
        handler.raw(b"")

    endpoint.acts += [without_done, without_a_reason]
    assert ran.chat(model) == "Lyon."
    assert ran.chat(model) == "Lyon."


def test_comments_usage_and_odd_line_ends_are_passed_over(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    def act(handler: Handler) -> None:
        handler.begin()
        handler.raw(b": OPENROUTER PROCESSING\n\n")
        handler.raw(b'data: {"choices": [{"delta": {"content": "Ly')
        handler.raw('on\u2028é"}}]}\r\n\r\n'.encode())
        handler.event({"choices": [], "usage": {"total_tokens": 3}})
        handler.piece(None, delta={"content": None})
        handler.end()

    endpoint.acts.append(act)
    assert ran.chat(model) == "Lyon\u2028é"


def test_a_letter_that_is_cut_between_two_packets_stays_whole(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    def act(handler: Handler) -> None:
        handler.begin()
        for byte in 'data: {"choices": [{"delta": {"content": "Saône 🌉"}}]}\n\n'.encode():
            handler.raw(bytes([byte]))
        handler.end()

    endpoint.acts.append(act)
    assert ran.chat(model) == "Saône 🌉"


def test_content_in_parts_is_joined_without_the_thoughts(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Lyon"}]  # fmt: skip
    endpoint.acts.append(streamed(parts, "."))
    assert ran.chat(model) == "Lyon."


# ---- reasoning


@pytest.mark.parametrize(
    "pieces",
    [
        ("<think>", "Twelve? ", "Yes.", "</think>", "\n\nTwelve."),
        ("<th", "ink>\nHm.\n</th", "ink>Twelve."),
        ("\n<thinking>Hm.</thinking>\n", "Twelve."),
        ("<think>\n\n</think>\n\n", "Twelve."),
    ],
)
def test_thoughts_are_left_out_while_they_stream(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran, pieces: Sequence[str]
) -> None:
    endpoint.acts.append(streamed(*pieces))
    assert ran.chat(model) == "Twelve."
    assert set(ran.texts) == {"Twelve."}


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thoughts_in_a_field_of_their_own_are_left_out(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran, field: str
) -> None:
    endpoint.acts.append(streamed({"delta": {field: "Hm."}}, {"delta": {field: "Yes.", "content": None}}, "Twelve."))  # fmt: skip
    assert ran.chat(model) == "Twelve."
    assert set(ran.texts) == {"Twelve."}


def test_thoughts_whose_beginning_is_not_sent_end_at_their_closing_tag() -> None:
    assert without_thoughts("Hm. Twelve?\n</think>\n\nTwelve.") == "\nTwelve."


@pytest.mark.parametrize(
    "text", ["The tag <think> is odd.", "```\n</think>\n```\nis how it ends.", "Is 3 < 4?", "<b>"]
)
def test_an_answer_about_tags_is_left_alone(text: str) -> None:
    assert without_thoughts(text) == text


def test_thoughts_without_an_answer_are_no_answer(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    endpoint.acts.append(streamed("<think>Hm.", reason="length"))
    with pytest.raises(SpaceAnswerUnusable, match="reached its limit of tokens"):
        ran.chat(model)


# ---- ends


def test_a_draft_that_stopped_at_the_limit_of_tokens_is_no_draft(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    endpoint.acts += [streamed("Lyon reno", reason="length")] * 2
    with pytest.raises(SpaceAnswerUnusable, match="reached its limit of tokens"):
        ran.write(model)
    assert ran.chat(model) == "Lyon reno"


@pytest.mark.parametrize(
    "act",
    [streamed("I", reason="content_filter"), streamed({"delta": {"refusal": "I cannot help."}})],
    ids=["filter", "refusal"],
)
def test_a_model_that_declines_is_said_to(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran, act: Callable[[Handler], None]
) -> None:
    endpoint.acts.append(act)
    with pytest.raises(SpaceFailed, match="declined to answer"):
        ran.chat(model)


# ---- vectors


def vectors(*listed: Any) -> Callable[[Handler], None]:
    return lambda handler: handler.reply(200, {"data": list(listed)})


def one(index: int, *numbers: object) -> dict[str, object]:
    return {"index": index, "embedding": list(numbers)}


def test_vectors_are_ordered_by_their_index(endpoint: Endpoint, model: OpenAiModel) -> None:
    endpoint.acts.append(vectors(one(1, 0.5, 1), one(0, 2, 0.25)))
    assert model.embed(["a", "b"], deadline_seconds=PATIENCE_SECONDS) == [[2.0, 0.25], [0.5, 1.0]]


UNUSABLE = {
    "too few": vectors(one(0, 1.0)),
    "too many": vectors(one(0, 1.0), one(1, 1.0), one(2, 1.0)),
    "one twice": vectors(one(0, 1.0), one(0, 1.0)),
    "not a number": vectors(one(0, 1.0), one(1, float("nan"))),
    "endless": vectors(one(0, 1.0), one(1, float("inf"))),
    "a number too large for any": vectors(one(0, 1.0), one(1, 10**400)),
    "true": vectors(one(0, 1.0), one(1, True)),
    "text": vectors(one(0, 1.0), one(1, "1.0")),
    "empty": vectors(one(0, 1.0), one(1)),
    "base64": vectors({"index": 0, "embedding": "AACAPw=="}, {"index": 1, "embedding": "AACAPw=="}),
    "no vectors": vectors("a", "b"),
    "different lengths": vectors(one(0, 1.0), one(1, 1.0, 2.0)),
    "no list": lambda handler: handler.reply(200, {"data": None}),
    "no object": lambda handler: handler.reply(200, [[1.0], [1.0]]),
}


@pytest.mark.parametrize("act", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_vectors_that_nobody_can_compare_are_refused(
    endpoint: Endpoint, model: OpenAiModel, act: Callable[[Handler], None]
) -> None:
    endpoint.acts.append(act)
    with pytest.raises(SpaceAnswerUnusable):
        model.embed(["a", "b"], deadline_seconds=PATIENCE_SECONDS)


def test_lengths_are_compared_over_all_batches(endpoint: Endpoint, model: OpenAiModel) -> None:
    endpoint.acts += [vectors(*(one(at, 1.0) for at in range(32))), vectors(one(0, 1.0, 2.0))]
    with pytest.raises(SpaceAnswerUnusable, match="different lengths"):
        model.embed(["a"] * 33, deadline_seconds=PATIENCE_SECONDS)


def test_a_model_that_does_not_embed_says_so(endpoint: Endpoint, model: OpenAiModel) -> None:
    endpoint.acts.append(lambda handler: handler.reply(404, {"detail": "Not Found"}))
    with pytest.raises(SpaceAnswerUnusable, match="it has no /embeddings"):
        model.embed(["a"], deadline_seconds=PATIENCE_SECONDS)


# ---- speech


def speak(model: OpenAiModel, voice: str | None = None) -> tuple[int, str]:
    spoken = model.speak("Hello.", voice=voice, canceled=lambda: False, deadline_seconds=PATIENCE_SECONDS)  # fmt: skip
    return len(spoken.audio), spoken.mime


@pytest.mark.parametrize(
    ("content", "mime"),
    [
        (sound(0.1), "audio/wav"),
        (b"ID3\x04" + bytes(64), "audio/mpeg"),
        (b"\xff\xfb\x90\x00" + bytes(64), "audio/mpeg"),
        (b"OggS" + bytes(64), "audio/ogg"),
    ],
)
def test_the_type_of_speech_is_that_of_its_first_bytes(
    endpoint: Endpoint, model: OpenAiModel, content: bytes, mime: str
) -> None:
    endpoint.acts.append(lambda handler: handler.reply(200, content, "application/octet-stream"))
    assert speak(model) == (len(content), mime)


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"error": "no"}', bytes(64)])
def test_what_is_no_sound_is_refused(
    endpoint: Endpoint, model: OpenAiModel, content: bytes
) -> None:
    endpoint.acts.append(lambda handler: handler.reply(200, content, "audio/mpeg"))
    with pytest.raises(SpaceAnswerUnusable):
        speak(model)


def test_speech_of_more_than_20_mb_is_refused(endpoint: Endpoint, model: OpenAiModel) -> None:
    endpoint.acts.append(lambda handler: handler.reply(200, b"ID3" + bytes(20 * 1024 * 1024)))
    with pytest.raises(SpaceAnswerUnusable, match="larger than 20 MB"):
        speak(model)


def test_the_asked_voice_is_passed_on_and_some_voice_always(
    endpoint: Endpoint, model: OpenAiModel
) -> None:
    speak(model, "nova")
    speak(model)
    assert [one.body["voice"] for one in endpoint.requests] == ["nova", "alloy"]


def test_a_voice_that_is_not_there_is_said_in_the_words_of_the_endpoint(
    endpoint: Endpoint, model: OpenAiModel
) -> None:
    endpoint.acts.append(lambda handler: handler.refuse(400, "There is no voice x. Voices: alloy."))
    with pytest.raises(SpaceFailed, match="reported: There is no voice x"):
        speak(model, "x")
