"""A text becomes a sound in its owner's media, once, and every end is on the account of what was spoken."""

from __future__ import annotations

import hashlib
import io
import wave
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from backend.core.errors import (
    BeingMade,
    InvalidInput,
    LinError,
    SpaceAnswerUnusable,
    SpaceFailed,
    SpaceTimedOut,
    SpaceUnavailable,
    TooMany,
    Unavailable,
)
from backend.core.speaking import LONGEST_TEXT, Speaker, Spoke
from tests.faults.watched_wire import Instead, Lose, Reply, Rules, Stop, WatchedWire
from tests.people import Person
from tests.voice.conftest import SECONDS, Voice, wav, words
from tests.waiting import until

Speak = Callable[..., Spoke]
Account = Callable[[], list[dict[str, Any]]]


def media(person: Person) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = person.rest("GET", "media?order=created_at").json()
    return found


def fetch(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=SECONDS)


# ------------------------------------------------------------------------------------ the sound


def test_a_sound_is_kept_in_the_owners_media_as_what_it_really_is(
    speak: Speak, voice: Voice, alice: Person, speeches: Account
) -> None:
    spoke = speak(text := words(), "amy")
    assert not spoke.cached
    (row,) = media(alice)
    assert (row["id"], row["status"], row["kind"], row["mime"]) == (
        spoke.sound.media_id, "ready", "audio", "audio/wav",
    )  # fmt: skip
    assert row["path"].startswith(f"{alice.id}/speech/")
    assert row["bytes"] == len(voice.sound)
    assert row["checksum"] == hashlib.sha256(voice.sound).hexdigest()
    assert row["duration"] == pytest.approx(0.5, abs=0.02)
    (speech,) = speeches()
    assert (speech["state"], speech["media_id"], speech["space"]) == (
        "ready",
        row["id"],
        voice.space,
    )
    assert (speech["voice"], speech["characters"]) == ("amy", len(text))
    assert speech["duration"] == row["duration"]
    assert speech["created_at"] <= speech["finished_at"]


def test_its_address_plays_without_a_token_for_an_hour_and_in_parts(
    speak: Speak, voice: Voice
) -> None:
    spoke = speak(words())
    left = spoke.expires_at - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    whole = fetch(spoke.url)
    assert (whole.status_code, whole.content) == (200, voice.sound)
    assert whole.headers["Content-Type"] == "audio/wav"
    with wave.open(io.BytesIO(whole.content)) as sound:
        assert sound.getnframes() == 4000
    part = fetch(spoke.url, Range="bytes=0-43")
    assert (part.status_code, part.content) == (206, voice.sound[:44])
    assert part.headers["Content-Range"] == f"bytes 0-43/{len(voice.sound)}"
    assert fetch(spoke.url, Range="bytes=-10").content == voice.sound[-10:]


def test_signs_are_not_read(speak: Speak, voice: Voice) -> None:
    speak(f"**{words()}** [1] See https://a.example/b #bridges")
    ((heard, _),) = voice.heard
    assert heard.endswith("See bridges")
    assert not set(heard) & set("*[#")


# ------------------------------------------------------------------------------------ once


def test_the_same_again_comes_from_the_cache(
    speak: Speak, voice: Voice, alice: Person, speeches: Account
) -> None:
    first = speak(text := words())
    again = speak(f"{text} [3]")  # what is read is the same
    assert again.cached
    assert again.sound == first.sound
    assert fetch(again.url).content == voice.sound
    assert len(voice.heard) == len(speeches()) == len(media(alice)) == 1


def test_another_voice_another_space_and_another_person_are_other_sounds(
    speak: Speak, voice: Voice, bob: Person
) -> None:
    text = words()
    sounds = {speak(text).sound.media_id, speak(text, "amy").sound.media_id}
    sounds.add(speak(text, person=bob).sound.media_id)
    voice.space = "tests/another"
    sounds.add(speak(text).sound.media_id)
    assert len(sounds) == len(voice.heard) == 4


def test_two_at_the_same_time_make_one_sound(
    speak: Speak, voice: Voice, wire: WatchedWire, alice: Person, at_once: Callable[..., Future[Spoke]],
    speeches: Account, files: Callable[[], list[str]],
) -> None:  # fmt: skip
    text = words()
    voice.goes_on.clear()
    one, other = at_once(speak, text), at_once(speak, text)
    until(lambda: [c for c in wire.calls if c.path.startswith("/rest/v1/speeches")], "one to wait")
    voice.goes_on.set()
    first, second = one.result(SECONDS), other.result(SECONDS)
    assert first.sound == second.sound
    assert {first.cached, second.cached} == {True, False}
    assert len(voice.heard) == len(speeches()) == len(media(alice)) == len(files()) == 1


def test_who_waits_is_told_why_the_other_failed_and_does_not_try_again(
    speak: Speak, voice: Voice, wire: WatchedWire, at_once: Callable[..., Future[Spoke]]
) -> None:
    text = words()
    voice.goes_on.clear()
    voice.error = SpaceFailed("The Space is out of credits.")
    both = [at_once(speak, text), at_once(speak, text)]
    until(lambda: [c for c in wire.calls if c.path.startswith("/rest/v1/speeches")], "one to wait")
    voice.goes_on.set()
    for one in both:
        with pytest.raises(SpaceFailed, match="out of credits"):
            one.result(SECONDS)
    assert len(voice.heard) == 1


def test_who_waits_too_long_may_ask_again(
    speaker: Callable[..., Speaker], speak: Speak, voice: Voice, alice: Person, at_once: Callable[..., Future[Spoke]]
) -> None:  # fmt: skip
    text = words()
    voice.goes_on.clear()
    first = at_once(speak, text)
    assert voice.is_speaking.wait(SECONDS)
    with pytest.raises(BeingMade, match="ask again"):
        speaker(patience_seconds=0.1).speak(alice.id, text, None, field="message_id")
    voice.goes_on.set()
    assert speak(text).sound == first.result(SECONDS).sound


def test_a_sound_whose_row_was_deleted_is_made_again(
    speak: Speak, voice: Voice, alice: Person, files: Callable[[], list[str]]
) -> None:
    first = speak(text := words())
    assert alice.rest("DELETE", f"media?id=eq.{first.sound.media_id}").is_success
    again = speak(text)
    assert not again.cached
    assert again.sound.media_id != first.sound.media_id
    assert fetch(again.url).content == voice.sound
    assert (len(voice.heard), len(files())) == (2, 1)


def test_a_sound_whose_file_was_removed_is_made_again_for_the_same_row(
    speak: Speak, voice: Voice, alice: Person
) -> None:
    first = speak(text := words())
    removed = alice.storage("DELETE", "object/media", json={"prefixes": [first.sound.path]})
    assert removed.is_success
    voice.sound = wav(1.0)
    again = speak(text)
    assert not again.cached
    assert again.sound.media_id == first.sound.media_id
    assert fetch(again.url).content == voice.sound
    (row,) = media(alice)
    assert (row["bytes"], row["duration"]) == (len(voice.sound), pytest.approx(1.0, abs=0.02))


def test_what_a_dead_process_began_is_taken_over_and_its_late_sound_changes_nothing(
    speak: Speak, voice: Voice, alice: Person, sql: Callable[..., list[Any]], at_once: Callable[..., Future[Spoke]],
    speeches: Account, rules: Rules,
) -> None:  # fmt: skip
    text = words()
    late = Stop("/rest/v1/rpc/finish_speech")
    rules.add(late)
    first = at_once(speak, text)
    late.reached()
    sql("update speeches set lease_until = now() - interval '1 s' where user_id = %s", alice.id)
    second = speak(text)
    late.go_on()
    with pytest.raises(BeingMade):
        first.result(SECONDS)
    assert [one["state"] for one in speeches()] == ["failed", "ready"]
    assert speeches()[0]["error_class"] == "interrupted"
    assert fetch(second.url).content == voice.sound
    assert [one["id"] for one in media(alice)] == [second.sound.media_id]


# ------------------------------------------------------------------------------------ limits


@pytest.mark.parametrize("text", ["", " \n ", "[1] https://a.example/ ###", "— … !"])
def test_a_text_without_words_is_refused(speak: Speak, voice: Voice, text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        speak(text)
    assert refused.value.problems[0].field == "message_id"
    assert voice.heard == []


def test_a_text_may_have_so_many_characters_and_no_more(speak: Speak, voice: Voice) -> None:
    text = words()
    longest = text + "a" * (LONGEST_TEXT - len(text))
    speak(f"{longest} https://a.example/not/counted")
    with pytest.raises(InvalidInput, match=rf"{LONGEST_TEXT + 1} characters .* {LONGEST_TEXT}"):
        speak(f"{longest}a")
    assert len(voice.heard) == 1


def test_the_database_holds_the_same_limit(service: Person, alice: Person) -> None:
    asked = {"speaker": alice.id, "text_digest": "a" * 64, "with_space": "s", "with_voice": None, "lease_seconds": 5}  # fmt: skip
    assert service.rpc("begin_speech", **asked, length=LONGEST_TEXT + 1).status_code == 422
    assert service.rpc("begin_speech", **asked, length=LONGEST_TEXT).json()["state"] == "booked"


def spoken_before(sql: Callable[..., list[Any]], person: Person, many: int, error: str | None = None) -> None:  # fmt: skip
    sql(
        """insert into speeches (user_id, digest, space, characters, state, error_class, lease_until, created_at)
           select %s, repeat('e', 64), 's', 9, 'failed', %s, now(), now() - interval '23 hours' from generate_series(1, %s)""",
        person.id, error, many,
    )  # fmt: skip


def test_a_day_has_so_many_spoken_texts_and_the_refusal_says_when_the_next_is_free(
    speak: Speak, voice: Voice, alice: Person, sql: Callable[..., list[Any]], at_once: Callable[..., Future[Spoke]]
) -> None:  # fmt: skip
    ((allowed,),) = sql("select per_day from quotas where kind = 'speech'")
    spoken_before(sql, alice, 200, "space_unavailable")  # cost nothing
    spoken_before(sql, alice, allowed - 1)
    both = [at_once(speak, words()), at_once(speak, words())]
    ended = [one.exception(SECONDS) for one in both]
    (refused,) = [error for error in ended if error]
    assert isinstance(refused, TooMany)
    free = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%d %H:")
    assert f"{allowed} of {allowed} spoken texts" in str(refused)
    assert free in str(refused)
    assert len(voice.heard) == 1
    assert speak(voice.heard[0][0]).cached  # what is there stays free


def test_three_at_once_are_enough(
    speak: Speak, voice: Voice, at_once: Callable[..., Future[Spoke]]
) -> None:
    voice.goes_on.clear()
    three = [at_once(speak, words()) for _ in range(3)]
    until(lambda: len(voice.heard) == 3, "three to be spoken")
    with pytest.raises(TooMany, match="wait for one"):
        speak(words())
    voice.goes_on.set()
    assert all(one.result(SECONDS) for one in three)


# ------------------------------------------------------------------------------------ faults

SPACE_FAULTS: dict[str, LinError] = {
    "space_unavailable": SpaceUnavailable("The Space did not wake up within 20 s."),
    "space_timed_out": SpaceTimedOut("The Space did not finish within 20 s."),
    "space_failed": SpaceFailed("Out of credits."),
    "space_answer_unusable": SpaceAnswerUnusable("The Space does not speak."),
}
NO_SOUNDS = {
    "a web page": (b"<!doctype html><html>hello</html>", "web page"),
    "nothing": (b"", "empty"),
    "half a sound": (wav()[:2000], "cut off"),
    "noise": (bytes(range(256)) * 40, "not a media file"),
    "a picture": (
        b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;",
        "no sound",
    ),
}  # fmt: skip


@pytest.mark.parametrize("word", SPACE_FAULTS)
def test_what_a_space_does_wrong_is_on_the_account_and_leaves_nothing(
    speak: Speak, voice: Voice, alice: Person, speeches: Account, files: Callable[[], list[str]], word: str
) -> None:  # fmt: skip
    voice.error = SPACE_FAULTS[word]
    with pytest.raises(type(voice.error), match=str(voice.error)):
        speak(text := words())
    (speech,) = speeches()
    assert (speech["state"], speech["error_class"], speech["error"]) == ("failed", word, str(voice.error))  # fmt: skip
    assert speech["finished_at"]
    assert (media(alice), files()) == ([], [])
    voice.error = None
    assert not speak(text).cached  # the next one works


@pytest.mark.parametrize(("sound", "why"), NO_SOUNDS.values(), ids=NO_SOUNDS.keys())
def test_what_is_no_sound_is_not_kept(
    speak: Speak, voice: Voice, alice: Person, speeches: Account, files: Callable[[], list[str]], sound: bytes, why: str
) -> None:  # fmt: skip
    voice.sound = sound
    with pytest.raises(SpaceAnswerUnusable, match=why):
        speak(words())
    assert [one["error_class"] for one in speeches()] == ["space_answer_unusable"]
    assert (media(alice), files()) == ([], [])


def test_a_mistake_of_ours_ends_the_booking_and_tells_nothing(
    speak: Speak, voice: Voice, speeches: Account
) -> None:
    voice.error = RuntimeError("the password is hunter2")
    with pytest.raises(RuntimeError):
        speak(words())
    (speech,) = speeches()
    assert (speech["state"], speech["error_class"]) == ("failed", "failed")
    assert "hunter2" not in speech["error"]


STORAGE_FAULTS = {
    "refuses": Instead("/storage/v1/object/media/*", Reply(500, b'{"message":"no","error":"e","statusCode":"500"}'), times=None),
    "is a gateway's page": Instead("/storage/v1/object/media/*", Reply(502, b"<html>Bad gateway</html>"), times=None),
    "is not there": Lose("/storage/v1/object/media/*", times=None),
}  # fmt: skip


@pytest.mark.parametrize("fault", STORAGE_FAULTS)
def test_a_storage_that_fails_leaves_no_row(
    speak: Speak, voice: Voice, alice: Person, speeches: Account, rules: Rules, fault: str
) -> None:
    rules.add(STORAGE_FAULTS[fault])
    with pytest.raises(Unavailable, match="storage"):
        speak(text := words())
    assert [(one["state"], one["error_class"]) for one in speeches()] == [("failed", "unavailable")]
    assert media(alice) == []
    rules.drop(STORAGE_FAULTS[fault])
    assert fetch(speak(text).url).content == voice.sound


def test_a_storage_that_cannot_sign_is_not_taken_for_one_without_the_file(
    speak: Speak, voice: Voice, rules: Rules
) -> None:
    speak(text := words())
    gone = Instead("/storage/v1/object/sign/*", Reply(503, b"<html>busy</html>"), times=None)
    rules.add(gone)
    with pytest.raises(Unavailable, match="storage"):
        speak(text)
    rules.drop(gone)
    assert speak(text).cached
    assert len(voice.heard) == 1


def test_an_answer_of_the_database_that_is_lost_costs_no_sound(
    speak: Speak, voice: Voice, rules: Rules, alice: Person
) -> None:
    lost = Lose("/rest/v1/rpc/finish_speech", answered=True, times=1)
    rules.add(lost)
    spoke = speak(words())
    assert lost.met == 1
    assert [one["id"] for one in media(alice)] == [spoke.sound.media_id]
    assert len(voice.heard) == 1


def test_a_database_that_is_away_when_the_sound_is_there_ends_in_words_and_later_heals(
    speak: Speak, voice: Voice, rules: Rules, alice: Person, sql: Callable[..., list[Any]]
) -> None:
    away = Lose("/rest/v1/rpc/finish_speech", times=None)
    rules.add(away)
    with pytest.raises(Unavailable, match="database"):
        speak(text := words())
    rules.drop(away)
    assert media(alice) == []
    sql("update speeches set lease_until = now() - interval '1 s' where user_id = %s", alice.id)
    assert not speak(text).cached
    assert len(media(alice)) == 1
