"""Every order at every endpoint, with Gradio's own client; and what a Space does that sleeps or loses its connections."""

from __future__ import annotations

import contextlib
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import CancelledError

import pytest

CALLS = {
    "write": {"title": "Lyon renews its bridges", "text": "The bridges are open.", "with_image": False},
    "chat": {"message": "What about the bridges?"},
    "speak": {"text": "Hello"},
    "embed": {"texts": ["Hello", "Bye"]},
}  # fmt: skip
ENDPOINTS = list(CALLS)
# Orders are carried out in one place for all endpoints: one shows it quickly, `--all` shows each.
EACH = ["chat", *(pytest.param(one, marks=pytest.mark.slow) for one in CALLS if one != "chat")]


def call(client, endpoint: str):
    """One call, as a job under way."""
    return client.submit(**CALLS[endpoint], api_name=f"/{endpoint}")


def behaves(client, endpoint: str) -> bool:
    return bool(call(client, endpoint).result(60))


@pytest.mark.parametrize("endpoint", EACH)
def test_an_order_is_for_the_endpoint_that_it_names_and_for_no_other(client, space, endpoint):
    space.order("fail", endpoint=endpoint, message="Not today", times=2)
    for other in ENDPOINTS:
        if other != endpoint:
            assert behaves(client, other)
    for _ in range(2):
        with pytest.raises(Exception, match="Not today"):
            call(client, endpoint).result(60)
    assert behaves(client, endpoint)
    _, calls = space.control("calls")
    failed = [one["endpoint"] for one in calls if one["order"] == "fail"]
    assert failed == [endpoint] * 2


def test_an_order_without_an_endpoint_is_for_the_writer(client, space):
    space.order("fail")
    assert behaves(client, "chat")
    with pytest.raises(Exception, match="out of order"):
        call(client, "write").result(60)


@pytest.mark.parametrize("endpoint", EACH)
@pytest.mark.parametrize("order", ["sleep", "slow"])
def test_sleep_and_slow_delay_an_answer(client, space, endpoint, order):
    space.order(order, endpoint=endpoint, seconds=0.3)
    before = time.monotonic()
    assert behaves(client, endpoint)
    assert time.monotonic() - before >= 0.3


@pytest.mark.parametrize("endpoint", EACH)
def test_a_hanging_call_answers_nothing_until_it_is_cancelled(client, space, endpoint):
    space.order("hang", endpoint=endpoint)
    job = call(client, endpoint)
    while not space.control("calls")[1]:  # the call is there
        time.sleep(0.02)
    with pytest.raises(TimeoutError):
        job.result(0.5)
    job.cancel()
    assert behaves(client, endpoint)


@pytest.mark.parametrize(
    ("endpoint", "order", "answer"),
    [
        ("write", "empty", ("", None)),
        ("chat", "empty", ""),
        ("chat", "garbage", "\x00" * 40),
        ("speak", "empty", None),
        ("embed", "empty", []),
        ("embed", "garbage", [[0.1, 0.2], [0.3]]),
    ],
)
def test_empty_and_garbage_are_answers_of_which_nothing_can_be_made(
    client, space, endpoint, order, answer
):
    space.order(order, endpoint=endpoint)
    assert call(client, endpoint).result(60) == answer


@pytest.mark.parametrize("endpoint", ["write", "speak"])
def test_garbage_files_are_pages(client, space, endpoint):
    space.order("garbage", endpoint=endpoint)
    answer = call(client, endpoint).result(60)
    file = answer[1] if endpoint == "write" else answer
    with urllib.request.urlopen(file["url"], timeout=60) as sent:  # noqa: S310  loopback
        assert sent.read().startswith(b"<html>not a")


@pytest.mark.parametrize("endpoint", EACH)
def test_a_crash_is_an_error_and_the_next_call_is_answered(client, space, endpoint):
    space.order("crash", endpoint=endpoint)
    with pytest.raises(Exception, match="ordered to crash"):
        call(client, endpoint).result(60)
    assert behaves(client, endpoint)


@pytest.mark.parametrize("endpoint", ["write", "chat"])
def test_a_stream_breaks_off_in_the_middle(client, space, endpoint):
    space.order("crash", endpoint=endpoint)
    job = call(client, endpoint)
    with pytest.raises(Exception, match="ordered to crash"):
        job.result(60)
    assert job.outputs()


@pytest.mark.parametrize("endpoint", EACH)
def test_a_dropped_connection_loses_the_answer_and_the_space_goes_on(
    client, start_client, space, endpoint
):
    space.order("drop", endpoint=endpoint)
    with pytest.raises(CancelledError):  # how gradio_client says that the stream ended
        call(start_client(space.url), endpoint).result(60)
    assert behaves(client, endpoint)


@pytest.mark.slow  # each costs the start of a Space
@pytest.mark.parametrize("endpoint", ["chat", "speak"])
def test_the_space_dies_in_the_middle_of_a_call(start_space, start_client, endpoint):
    mortal = start_space(key="for /v1")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{mortal.url}/v1/models", timeout=60)  # noqa: S310  loopback
    mortal.order("die", endpoint=endpoint)
    job = call(start_client(mortal.url), endpoint)
    with contextlib.suppress(BaseException):
        job.result(60)
    assert mortal.process.wait(60) == 0
    assert job.exception(60) is not None


def test_a_sleeping_space_answers_503_until_it_has_been_woken(space):
    def status() -> int:
        try:
            with urllib.request.urlopen(f"{space.url}/config", timeout=60) as answer:  # noqa: S310  loopback
                return answer.status
        except urllib.error.HTTPError as refused:
            return refused.code

    space.order("asleep", seconds=0.5)
    assert space.control("orders") == (200, []), "the control path does not sleep"
    time_asleep = time.monotonic()
    assert status() == 503
    woken = threading.Event()
    while not woken.wait(0.05):
        if status() == 200:
            woken.set()
    assert time.monotonic() - time_asleep >= 0.5
    assert status() == 200


def test_a_space_that_nobody_wakes_sleeps_on(space):
    space.order("asleep", seconds=0)
    assert space.control("orders")[0] == 200
    space.order("asleep", seconds=3600)
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(space.url, timeout=60)  # noqa: S310  loopback
    space.control("orders", "DELETE")
    with urllib.request.urlopen(space.url, timeout=60) as page:  # noqa: S310  loopback
        assert page.status == 200
