"""Progress, cancelling and the deadline, against real queues and real hangs."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from backend.core.errors import (
    GenerationCanceled,
    SpaceAnswerUnusable,
    SpaceTimedOut,
    SpaceUnavailable,
)
from backend.core.models import Progress
from backend.spaces.writer import WriterSpace
from tests.waiting import until

POST = "The city renovated twelve bridges."


def in_thread(run):
    """Start `run` in a thread; what it returns or raises ends up in the list."""
    outcome = []

    def collect():
        try:
            outcome.append(run())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    return thread, outcome


def reached(ran, wanted):
    """An event that is set once `ran` reports a progress for which `wanted` holds."""
    event = threading.Event()
    ran.on_progress = lambda progress: event.set() if wanted(progress) else None
    return event


def test_partial_text_is_reported_as_it_grows(writer, ran):
    written = ran.write(writer("acting"), title="stream")
    texts = [p.text for p in ran.progress if p.text]
    assert written.text == POST
    assert len(texts) >= 2
    assert texts[0] != POST
    assert all(POST.startswith(text) for text in texts)
    assert all(len(a) < len(b) for a, b in itertools.pairwise(texts))


def test_nothing_is_reported_twice(apps, writer, ran, title):
    title = f"half {title}"
    seen = reached(ran, lambda progress: progress.text == POST[:8])
    thread, outcome = in_thread(lambda: ran.write(writer("acting"), title=title))
    assert seen.wait(10)
    assert not threading.Event().wait(0.3), "the Space idles while Lin keeps asking"
    apps.open_gate(title)
    thread.join(10)
    assert outcome[0].text == POST
    assert all(a != b for a, b in itertools.pairwise(ran.progress))


def test_the_position_in_the_queue_is_reported_until_it_is_our_turn(apps, writer, ran, title):
    first, second = type(ran)(), type(ran)()
    space = writer("one")
    running = reached(first, lambda p: p.state == "running")
    next_in_line = reached(second, lambda p: p.queue_position == 0)
    last_in_line = reached(ran, lambda p: p.queue_position == 1)
    threads = [in_thread(lambda: first.write(space, title=f"wait {title} 1"))]
    assert running.wait(10)
    threads.append(in_thread(lambda: second.write(space, title=f"wait {title} 2")))
    assert next_in_line.wait(10)
    threads.append(in_thread(lambda: ran.write(space, title=f"wait {title} 3")))
    assert last_in_line.wait(10)
    our_turn = reached(ran, lambda p: p.state == "running")
    for number in (1, 2):
        apps.open_gate(f"wait {title} {number}")
    assert our_turn.wait(10)
    apps.open_gate(f"wait {title} 3")
    for thread, outcome in threads:
        thread.join(10)
        assert outcome[0].text == POST
    assert ran.states[-2:] == ["queued", "running"]


def test_a_canceled_call_ends_soon_and_stops_the_space(apps, writer, ran, title):
    title = f"half {title}"
    ran.on_progress = lambda progress: ran.cancel.set() if progress.text else None
    with pytest.raises(GenerationCanceled):
        ran.write(writer("acting"), title=title)
    assert apps.wait_stopped(title, 10)


def test_a_call_canceled_in_the_queue_never_runs(apps, writer, ran, title):
    first = type(ran)()
    space = writer("one")
    running = reached(first, lambda p: p.state == "running")
    thread, outcome = in_thread(lambda: first.write(space, title=f"wait {title} 1"))
    assert running.wait(10)
    ran.on_progress = lambda p: ran.cancel.set() if p.state == "queued" else None
    apps.forget_headers()
    with pytest.raises(GenerationCanceled):
        ran.write(space, title=f"wait {title} 2")
    # the Space is told behind the caller's back, and tells nobody else: who asks before that is never told of the place
    until(lambda: any(s["path"].endswith("/cancel") for s in apps.headers()), "the cancel to come")
    third = type(ran)()
    moved_up = reached(third, lambda p: p.queue_position == 0)
    following, end = in_thread(lambda: third.write(space, title="stream"))
    assert moved_up.wait(10), "the canceled call has left the queue"
    apps.open_gate(f"wait {title} 1")
    thread.join(10)
    following.join(10)
    assert (outcome[0].text, end[0].text) == (POST, POST)
    assert not apps.wait_stopped(f"wait {title} 2", 0)


def test_canceling_one_call_leaves_the_others_of_the_same_space_alone(apps, writer, ran, title):
    other, space = type(ran)(), writer("acting")
    under_way = reached(other, lambda p: p.text)
    thread, outcome = in_thread(lambda: other.write(space, title=f"half {title} other"))
    assert under_way.wait(10)
    ran.on_progress = lambda p: ran.cancel.set() if p.text else None
    with pytest.raises(GenerationCanceled):
        ran.write(space, title=f"half {title} mine")
    assert apps.wait_stopped(f"half {title} mine", 10)
    apps.open_gate(f"half {title} other")
    thread.join(10)
    assert outcome[0].text == POST


def test_a_hanging_space_is_left_at_the_deadline_and_told_to_stop(apps, writer, ran, title):
    title, space = f"wait {title}", writer("acting")
    ran.write(space, title="stream")  # connected: the deadline goes to the job alone
    before = time.monotonic()
    with pytest.raises(SpaceTimedOut, match=r"did not finish within 2 s"):
        ran.write(space, deadline_seconds=2, title=title)
    assert time.monotonic() - before < 10, "left at its deadline, not at the end of a silence"
    assert apps.wait_stopped(title, 10)


def test_a_server_that_never_speaks_is_left_at_the_deadline(silent_url, ran):
    before = time.monotonic()
    with pytest.raises(SpaceTimedOut, match=r"did not answer within 0\.5 s"):
        ran.write(WriterSpace(silent_url), deadline_seconds=0.5)
    assert time.monotonic() - before < 10


def test_a_server_that_never_speaks_can_be_canceled(silent_url, ran):
    timer = threading.Timer(0.1, ran.cancel.set)
    timer.start()
    before = time.monotonic()
    with pytest.raises(GenerationCanceled):
        ran.write(WriterSpace(silent_url), deadline_seconds=60)
    assert time.monotonic() - before < 10


def test_a_call_that_is_over_leaves_no_threads(apps, writer, ran, title):
    space = writer("acting")
    with pytest.raises(SpaceTimedOut):
        ran.write(space, deadline_seconds=0.5, title=f"wait {title}")
    ran.write(space, title="stream")
    left = [t for t in threading.enumerate() if t.name in ("space-call", "space-job")]
    for thread in left:
        thread.join(10)
    assert not [thread.name for thread in left if thread.is_alive()]


def _unmeasured() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}


def test_a_process_can_end_although_a_space_ignores_everything(apps, title):
    apps.set_deaf(True)
    script = f"""
from backend.core.errors import SpaceTimedOut
from backend.core.models import WriteRequest
from backend.spaces.writer import WriterSpace
request = WriteRequest("wait {title}", "text", None, "linkedin", None, None, 3000, False)
try:
    WriterSpace("{apps.url()}/acting").write(
        request, on_progress=print, canceled=lambda: False, deadline_seconds=1
    )
except SpaceTimedOut:
    print("timed out")
"""
    try:
        ended = subprocess.run(
            [sys.executable, "-c", script],
            cwd=Path(__file__).parents[3],
            # measuring does not survive a process that ends beside a thread still at work
            env={**_unmeasured(), "PYTHONPATH": str(Path(__file__).parents[3])},
            capture_output=True,
            text=True,
            timeout=15,
            check=False,
        )
    finally:
        apps.set_deaf(False)
        apps.open_gate(f"wait {title}")
    assert ended.stdout.splitlines()[-1] == "timed out"
    assert ended.returncode == 0


def test_an_error_in_the_progress_callback_stops_the_space(apps, writer, ran, title):
    def fail(progress: Progress) -> None:
        if progress.state == "running":
            raise LookupError("the row is gone")

    title = f"wait {title}"
    ran.on_progress = fail
    with pytest.raises(LookupError):
        ran.write(writer("acting"), title=title)
    assert apps.wait_stopped(title, 10)


def test_a_space_that_comes_up_late_is_waited_for(apps, ran, free_port):
    ran.on_progress = lambda p: doors.append(apps.door(free_port)) if p.state == "waking" else None
    doors: list = []
    try:
        written = ran.write(WriterSpace(f"http://127.0.0.1:{free_port}/acting"), title="stream")
    finally:
        for door in doors:
            apps.slam(door)
    assert written.text == POST
    assert len(doors) == 1
    assert ran.states[0] == "waking"
    assert ran.states[-1] == "running"


def test_a_space_that_is_down_is_waited_for_until_the_deadline(ran, free_port):
    before = time.monotonic()
    with pytest.raises(SpaceUnavailable, match=r"did not wake up within 0\.6 s.*cannot be reached"):
        ran.write(WriterSpace(f"http://127.0.0.1:{free_port}"), deadline_seconds=0.6)
    assert 0.6 <= time.monotonic() - before < 10
    assert ran.progress == [Progress("waking")]


def test_a_proxy_without_its_space_means_waking(plain_server, ran):
    proxy = plain_server(lambda _: (503, b"Service Unavailable"))
    with pytest.raises(SpaceUnavailable, match=r"did not wake up within .*HTTP 503"):
        ran.write(WriterSpace(proxy.url), deadline_seconds=3)
    assert ran.progress == [Progress("waking")]


@pytest.mark.parametrize(
    ("status", "body", "complaint"),
    [
        (404, b"Not Found", "not a Gradio app"),
        (200, b"<html>a blog</html>", "not a Gradio app"),
        (200, b'{"some": "json"}', "not a Gradio app of version 4 or later"),
    ],
)
def test_a_server_that_is_no_space_is_refused_at_once(plain_server, ran, status, body, complaint):
    blog = plain_server(lambda _: (status, body))
    before = time.monotonic()
    with pytest.raises(SpaceAnswerUnusable, match=complaint):
        ran.write(WriterSpace(blog.url), deadline_seconds=60)
    assert time.monotonic() - before < 10


def test_a_space_that_dies_in_mid_stream_is_unavailable_and_works_again_later(apps, ran, title):
    url = apps.door()
    space = WriterSpace(f"{url}/acting")
    ran.on_progress = lambda p: apps.slam(url) if p.text else None
    with pytest.raises(SpaceUnavailable, match="went away while it was working"):
        ran.write(space, title=f"half {title}")
    apps.open_gate(f"half {title}")
    door = apps.door(int(url.rpartition(":")[2]))
    try:
        assert type(ran)().write(space, title="stream").text == POST
    finally:
        apps.slam(door)


def test_a_known_space_that_restarted_is_found_again_within_one_call(apps, ran):
    url = apps.door()
    space = WriterSpace(f"{url}/acting")
    ran.write(space, title="stream")
    apps.slam(url)

    again = type(ran)()
    doors: list = []
    port = int(url.rpartition(":")[2])
    again.on_progress = lambda p: doors.append(apps.door(port)) if p.state == "waking" else None
    try:
        assert again.write(space, title="stream").text == POST
    finally:
        for door in doors:
            apps.slam(door)
    assert (again.states[0], again.states[-1]) == ("waking", "running")


def test_a_space_is_asked_for_its_signature_once(apps, writer, ran):
    space = writer("text")
    ran.write(space)
    apps.forget_headers()
    ran.write(space)
    assert not [s for s in apps.headers() if s["path"].endswith(("/config", "/info"))]
