"""Logs: one JSON object a line, and no credential in it, wherever the line came from."""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.stdlib import ProcessorFormatter

from backend import logs
from backend.sealing import Sealer

SECONDS = 10


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    """Leave the process's logging as it was."""
    root = logging.getLogger()
    level = root.level
    yield
    # pytest adds and removes handlers of its own meanwhile
    root.handlers[:] = [
        one for one in root.handlers if not isinstance(one.formatter, ProcessorFormatter)
    ]
    root.setLevel(level)
    logs.clear()


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """Everything written since logging was configured, line by line."""
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def planted() -> dict[str, tuple[str, str]]:
    """By name: a text with a credential in it, and the part that must not be readable."""
    token = jwt.encode({"sub": "alice"}, "k" * 32, algorithm="HS256")
    sealed = Sealer([secrets.token_bytes(32)]).seal("secret", bound_to="x")
    opaque = "AQX" + secrets.token_urlsafe(30)
    hexadecimal = secrets.token_hex(16)
    return {
        "a JWT alone": (f"got {token}", token.rpartition(".")[2]),
        "a JWT in a URL": (f"GET /callback?jwt={token}&a=b", token.split(".")[1]),
        "an unsigned JWT": ("x eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9. y", "eyJzdWIiOiJhbGljZSJ9"),
        "a JWE": (f"row holds {sealed}", sealed.rsplit(".", 2)[1]),
        "a secret key": (f"apikey is sb_secret_{hexadecimal}", hexadecimal),
        "a publishable key": (f"sb_publishable_{hexadecimal}", hexadecimal),
        "a Hugging Face token": (f"hf_{hexadecimal} was refused", hexadecimal),
        "a secret of a webhook": (f"whsec_{hexadecimal}= signs", hexadecimal),
        "bearer": (f"Authorization: Bearer {opaque}", opaque),
        "bearer in small letters": (f"authorization: bearer {opaque}", opaque),
        "basic": ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
        "a form": (f"grant_type=authorization_code&code={opaque}&x=1", opaque),
        "a form's secret": (f"client_secret=WPL_AP1.{hexadecimal}&x=1", hexadecimal),
        "a query with a state": (f"/callback?code=abcdef{hexadecimal}&state={opaque}", opaque),
        "JSON": (json.dumps({"access_token": opaque, "expires_in": 1}), opaque),
        "JSON in JSON": (json.dumps(json.dumps({"refresh_token": opaque})), opaque),
        "a dict": (repr({"password": opaque}), opaque),
        "a header": (f"apikey: {opaque}", opaque),
        "a verifier": (f"code_verifier={opaque}", opaque),
        "a token_hash in a link": (f"https://a.example/confirm?token_hash={hexadecimal}&type=signup", hexadecimal),
        "a password in a URL": (f"redis://lin:{hexadecimal}@127.0.0.1:6379/0", hexadecimal),
        "a password in a URL without a user": (f"redis://:{hexadecimal}@127.0.0.1/0", hexadecimal),
    }  # fmt: skip


PLANTED = planted()


@pytest.mark.parametrize(("text", "secret"), PLANTED.values(), ids=PLANTED.keys())
def test_nothing_readable_remains_wherever_a_credential_was_logged(
    written: Callable[[], list[dict[str, Any]]], text: str, secret: str
) -> None:
    assert secret in text
    logs.configure("INFO")
    log = logging.getLogger("lin.test")
    log.info("message %s", text)
    log.info("extra", extra={"detail": text})
    log.info("nested", extra={"detail": {"a": [text, (text,)], text: 1}, "bytes": text.encode()})
    log.info("object", extra={"detail": ValueError(text)})
    try:
        try:
            int(f"{text} is no number")
        except ValueError as error:
            raise RuntimeError("wrapped") from error
    except RuntimeError:
        log.exception("failed")
    logs.bind(bound=text)
    log.warning("bound")
    lines = written()
    assert [line["event"].partition(" ")[0] for line in lines] == ["message", "extra", "nested", "object", "failed", "bound"]  # fmt: skip
    shown = json.dumps(lines, ensure_ascii=False)
    assert secret not in shown
    assert "[removed]" in lines[0]["event"]
    assert "wrapped" in lines[4]["exception"]


@pytest.mark.parametrize(
    "text",
    [
        "the target ended as published",
        "3 targets claimed; lease 17",
        "LinkedIn refused this: FIELD_LENGTH_TOO_LONG",
        "GET https://api.example.org/health/ready?verbose=1 answered 200",
        "mail to ada@example.org at 10:30",
    ],
)
def test_ordinary_lines_stay_as_they_are(text: str) -> None:
    assert logs.scrub(text) == text


def test_a_line_names_its_logger_level_time_and_request(
    written: Callable[[], list[dict[str, Any]]],
) -> None:
    logs.configure("INFO")
    logs.bind(request_id="abc", user_id="u")
    logging.getLogger("lin.test").warning("hello", extra={"count": 3, "none": None})
    logs.clear()
    logging.getLogger("lin.test").warning("bye")
    first, second = written()
    assert first["timestamp"].endswith("Z")
    assert first | {"timestamp": ""} == {
        "event": "hello", "request_id": "abc", "user_id": "u", "level": "warning", "logger": "lin.test",
        "timestamp": "", "count": 3, "none": None,
    }  # fmt: skip
    assert "request_id" not in second


def test_libraries_that_log_every_request_are_quiet(
    written: Callable[[], list[dict[str, Any]]],
) -> None:
    logs.configure("DEBUG")
    for name in ("httpx", "urllib3.connectionpool", "apscheduler.scheduler"):
        logging.getLogger(name).info("GET https://a.example/?code=abcdefgh")
    assert written() == []


def test_a_pipe_that_nobody_empties_costs_lines_and_no_time_and_says_so_afterwards() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "w") as stream:
        handler = logs.UnhurriedHandler(stream)
        for number in range(3000):  # far more than a pipe holds; whoever waits here waits for ever
            handler.emit(_record("x" * 100 + str(number)))
        held = reader.read(1 << 20)
        handler.emit(_record("the last one"))
        _, lost, last, end = reader.read(1 << 20).split(b"\n")
    taken = held.count(b"\n")
    assert 0 < taken < 3000
    assert (lost, last, end) == (b"log lines were lost", b"the last one", b"")


def test_a_line_longer_than_a_pipe_is_torn_and_the_next_one_is_not() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "w") as stream:
        handler = logs.UnhurriedHandler(stream)
        handler.emit(_record("y" * (1 << 20)))
        assert set(reader.read(1 << 20)) == {ord("y")}
        handler.emit(_record("whole"))
        assert reader.read(1 << 20) == b"\nlog lines were lost\nwhole\n"


def test_lines_of_many_threads_are_all_there_and_whole() -> None:
    reading, writing = os.pipe()
    wanted = {f"{thread} {number} {'z' * 200}" for thread in range(16) for number in range(50)}
    with os.fdopen(reading, "r") as reader, ThreadPoolExecutor(17) as pool:
        with os.fdopen(writing, "w") as stream:
            handler = logs.UnhurriedHandler(stream)
            handler.GRACE_SECONDS = SECONDS
            found = pool.submit(lambda: list(reader))
            done = [
                pool.submit(lambda lines: [handler.handle(_record(one)) for one in lines], lines)
                for lines in _dealt_out(sorted(wanted), 16)
            ]
            assert all(all(one.result(SECONDS)) for one in done)
            handler.flush()
        read = [line.rstrip("\n") for line in found.result(SECONDS)]
    assert len(read) == len(wanted)
    assert set(read) == wanted


def test_no_thread_waits_for_another_that_is_writing() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "w") as stream, ThreadPoolExecutor(1) as pool:  # fmt: skip
        handler = logs.UnhurriedHandler(stream)
        handler.GRACE_SECONDS = SECONDS
        slow = pool.submit(handler.emit, _record("y" * (1 << 20)))
        assert (
            reader.read(1) == b"y"
        )  # it is at it, and the pipe takes no more until somebody reads
        handler.emit(_record("the other's"))
        assert not slow.done()
        read = b"y"
        while not read.endswith(b"the other's\n"):
            read += reader.read(1 << 20)
        slow.result(SECONDS)
    assert read == b"y" * (1 << 20) + b"\nthe other's\n"


def test_what_still_waits_to_be_written_is_written_at_the_end() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "w") as stream:
        handler = logs.UnhurriedHandler(stream)
        held, let_go = threading.Event(), threading.Event()

        def hold() -> None:
            handler.acquire()
            held.set()
            let_go.wait(SECONDS)
            handler.release()

        holder = threading.Thread(target=hold)
        holder.start()
        assert held.wait(SECONDS)
        handler.emit(_record("the last words"))
        let_go.set()
        handler.flush()
        assert reader.read(1 << 20) == b"the last words\n"
        holder.join(SECONDS)


@given(
    st.text(
        st.one_of(
            st.sampled_from("BbEeaARrTtOoKkNn_=:\"' /@.\u017f\u212a\u0130\u0131"), st.characters()
        ),
        max_size=60,
    )
    | st.lists(
        st.sampled_from(
            [
                "Bearer ",
                "eyJ",
                "sb_secret_",
                "hf_",
                "whsec_",
                "://u:",
                "@h",
                "\u017ftate",
                "to\u212aen",
                "=",
                ": ",
                "abcdefghijklmno",
            ]
        )
    ).map("".join)
)
def test_a_text_that_is_taken_for_harmless_has_nothing_to_remove(text: str) -> None:
    assert not (logs._is_harmless(text) and logs._SECRETS.search(text))


def _dealt_out(lines: list[str], hands: int) -> list[list[str]]:
    return [lines[hand::hands] for hand in range(hands)]


def test_a_worker_without_an_output_logs_nothing() -> None:
    logs.UnhurriedHandler(None).emit(_record("nobody hears this"))


def _record(text: str) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": text})
