"""The way to the platform is broken before anything can be sent: tried again, visibly, and nothing is in doubt."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
import trustme

from tests.engine.actors import Post
from tests.faults.crew import CREATE, UPLOAD, Crew
from tests.faults.rig import Rig
from tests.faults.watched_wire import Instead, Lose, Reply
from tests.waiting import until


@pytest.fixture
def closed_port() -> Iterator[str]:
    """An address that refuses every connection, and that nobody else can take meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def untrusted() -> Iterator[str]:
    """A TLS server whose certificate was signed by nobody whom this machine knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                near = listening.accept()[0]
                with suppress(OSError), context.wrap_socket(near, server_side=True) as secured:
                    secured.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"https://127.0.0.1:{listening.getsockname()[1]}"
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


def _fails(rig: Rig, url: str) -> Post:
    """A post whose first tries go to this address."""
    post = rig.due(due=-1)
    worker = rig.worker_process(PLATFORM_SANDBOX_URL=url)
    # and so far that no other worker of these tests takes it
    until(
        lambda: rig.target(post.target)["failures"] >= 1 and rig.bring_forward(post, 600),
        "the post to be put off",
    )
    rig.kill(worker)
    attempt = rig.attempts(post.target)[0]
    assert (attempt["outcome"], attempt["error_class"], attempt["http_status"]) == ("retry", "not_sent", None)  # fmt: skip
    return post


def test_a_platform_that_cannot_be_reached_is_tried_again_and_nothing_is_in_doubt(
    rig: Rig, closed_port: str, untrusted: str
) -> None:
    reasons = {
        "http://nothing.invalid": "its name could not be looked up",
        closed_port: "it refused the connection",
        untrusted: "its certificate is not valid",
    }
    posts = {url: _fails(rig, url) for url in reasons}
    for url, reason in reasons.items():
        assert reason in rig.attempts(posts[url].target)[0]["error"]
        assert rig.creates(posts[url]) == []
        assert rig.notifications(posts[url].target) == []
        rig.bring_forward(posts[url])
    rig.worker_process()
    rig.wait_for(posts.values(), "published")
    for post in posts.values():
        *failed, last = [a["outcome"] for a in rig.attempts(post.target)]
        assert (set(failed), last) == ({"retry"}, "published")
        assert len(rig.creates(post)) == len(rig.received(post)) == 1
    rig.assert_invariants(*posts.values())


def test_an_upload_that_breaks_off_is_repeated_and_a_create_call_is_not(rig: Rig) -> None:
    """Before the mark everything may be done again; after it nothing that may have worked."""
    accounts = [rig.account() for _ in range(4)]
    posts = [
        rig.due(account, due=600, images=number < 2) for number, account in enumerate(accounts)
    ]
    tokens = [rig.members[account].token for account in accounts]
    half = Reply(201, b'{"value"', promised=100)
    with Crew(rig) as crew:
        crew.rules.add(
            Lose(UPLOAD, naming=tokens[0]),
            Instead(UPLOAD, half, naming=tokens[1], answered=True),
            Lose(CREATE, naming=tokens[2], answered=True),
            Instead(CREATE, half, naming=tokens[3], answered=True),
        )
        crew.add()
        for post in posts:
            rig.bring_forward(post)
        until(lambda: all(rig.target(p.target)["failures"] == 1 for p in posts[:2]), "retries", 120)
        for post in posts[:2]:
            rig.bring_forward(post)
        rig.wait_for(posts[:2], "published")
        rig.wait_for(posts[2:], "unconfirmed")
    for post in posts[:2]:
        assert [a["outcome"] for a in rig.attempts(post.target)] == ["retry", "published"]
    for post in posts:
        assert len(rig.creates(post)) == len(rig.received(post)) == 1
    rig.assert_invariants(*posts)
