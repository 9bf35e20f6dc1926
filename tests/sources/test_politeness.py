"""One request at a time to a server and a pause after it, whatever the number of workers, and nobody waits for the dead."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from itertools import pairwise

import pytest

from tests.engine.actors import Row
from tests.sources.conftest import Desk
from tests.unit.outbound.conftest import Site
from tests.waiting import until

Feed = Callable[..., bytes]
DONE = {"status": "ok", "error": None, "next_fetch_seconds": 1800, "items": []}


def claim(desk: Desk, take: int = 50) -> list[Row]:
    return desk.world.worker().rows("claim_due_sources", take=take, retry_after_seconds=60)


def record(desk: Desk, row: Row, **more: object) -> None:
    desk.world.service.call("record_source_fetch", source=row["id"], result=DONE | more)


# ------------------------------------------------------------------------------------ the claim


def test_of_one_server_one_source_is_claimed_and_the_others_are_spread(desk: Desk) -> None:
    sources = [desk.add(f"https://one.example/{n}") for n in range(4)]
    other = desk.add("https://two.example/")
    claimed = claim(desk)
    assert len(claimed) == 2
    assert str(other) in {str(row["id"]) for row in claimed}
    taken = {str(row["id"]) for row in claimed}
    waiting = sorted(desk.source(one)["next_fetch_at"] for one in sources if one not in taken)
    assert [(later - earlier).total_seconds() for earlier, later in pairwise(waiting)] == [2, 2]
    assert claim(desk) == []


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("https://a.example/1", "http://A.example/2", True),
        ("https://a.example/1", "https://a.example?x", True),
        ("https://me@a.example/1", "https://a.example/2", True),
        ("https://a.example/1", "https://b.a.example/1", False),
        ("https://a.example/1", "https://a.example:8443/1", False),
    ],
)
def test_which_addresses_are_one_server(desk: Desk, one: str, two: str, same: bool) -> None:
    desk.add(one)
    desk.add(two)
    assert len(claim(desk)) == (1 if same else 2)


def test_a_server_is_free_again_two_seconds_after_its_answer(desk: Desk) -> None:
    for n in range(2):
        desk.add(f"https://one.example/{n}")
    (first,) = claim(desk)
    desk.let_pass(10)
    assert claim(desk) == []  # the request is still on its way
    record(desk, first)
    desk.world.admin.run("update sources set next_fetch_at = now() where id <> %s", first["id"])
    assert claim(desk) == []  # the pause
    desk.let_pass(2.1)
    (second,) = claim(desk)
    assert second["id"] != first["id"]


def test_a_server_whose_reader_died_comes_up_again_after_the_lease(desk: Desk) -> None:
    desk.add("https://one.example/")
    assert len(claim(desk)) == 1
    desk.let_pass(59)
    assert claim(desk) == []
    desk.let_pass(2)
    assert len(claim(desk)) == 1


def test_a_thousand_sources_of_one_server_do_not_hide_the_next_server(desk: Desk) -> None:
    desk.world.admin.run(
        """insert into auth.users (id, email) select gen_random_uuid(), n || '@many.example' from generate_series(1, 2) n"""
    )
    desk.world.admin.run(
        """insert into sources (user_id, url, next_fetch_at)
           select u.id, 'https://many.example/' || n, now() - interval '1 hour'
           from auth.users u, generate_series(1, 450) n where u.email like '%%@many.example'"""
    )
    late = desk.add("https://late.example/")
    try:
        claimed = {str(row["id"]) for row in claim(desk)}
        assert late in claimed
        assert len(claimed) == 2
    finally:
        desk.world.admin.run("delete from auth.users where email like '%%@many.example'")


def test_claims_at_the_same_moment_never_give_one_server_twice(desk: Desk) -> None:
    users = [desk.user, desk.world.user()]
    for user in users:
        for host in range(10):
            for n in range(3):
                desk.add(f"https://h{host}.example/{n}", user=user)
    workers = [desk.world.worker() for _ in range(6)]
    start = threading.Barrier(len(workers))

    def work(number: int) -> list[Row]:
        start.wait(10)
        return workers[number].rows("claim_due_sources", take=4, retry_after_seconds=60)

    with ThreadPoolExecutor(len(workers)) as pool:
        rows = [row for found in pool.map(work, range(len(workers))) for row in found]
    hosts = [row["url"].split("/")[2] for row in rows]
    assert len(hosts) == len(set(hosts)) == 10


# ------------------------------------------------------------------------------------ over the wire


def test_several_workers_ask_a_server_one_at_a_time_with_a_pause(
    desk: Desk, site: Site, feed: Feed
) -> None:
    at_work, most = 0, 0
    lock = threading.Lock()
    times: list[tuple[float, float]] = []
    body = feed(("1", "One"))

    def page(handler: BaseHTTPRequestHandler) -> None:
        nonlocal at_work, most
        begun = time.monotonic()
        with lock:
            at_work += 1
            most = max(most, at_work)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        with lock:
            at_work -= 1
            times.append((begun, time.monotonic()))
        handler.wfile.write(body)

    sources = []
    for n in range(3):
        site.pages[f"/{n}"] = page
        sources.append(desk.add(f"{site.url}/{n}"))
    fetchers = [desk.fetcher() for _ in range(3)]

    def all_read() -> bool:
        with ThreadPoolExecutor(3) as pool:
            for done in [pool.submit(fetcher.run) for fetcher in fetchers]:
                done.result()
        return all(desk.source(one)["status"] == "ok" for one in sources)

    until(all_read, "all three to be read", 60)
    assert most == 1
    assert len(times) == 3
    times.sort()
    for (_, ended), (begun, _) in pairwise(times):
        assert begun - ended > 1.9


def test_a_server_that_does_not_answer_holds_up_nobody_else(
    desk: Desk, site: Site, feed: Feed
) -> None:
    answer = threading.Event()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        answer.wait(60)
        handler.send_response(500)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    site.pages["/"] = hang
    lively = desk.site()
    lively.answer("/", 200, feed(("1", "One")))
    dead = desk.add(f"{site.url}/")
    runner = threading.Thread(target=desk.fetcher().run)
    runner.start()
    try:
        until(lambda: bool(site.requests), "the dead server to be asked", 30)
        # added afterwards, while the only run is at work
        source = desk.add(f"{lively.url}/")
        until(lambda: desk.source(source)["last_fetched_at"], "the other one to be read", 15)
        assert desk.source(dead)["last_fetched_at"] is None
    finally:
        answer.set()
        runner.join(60)
    assert not runner.is_alive()


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("written", ["seconds", "date"])
def test_retry_after_holds_for_the_whole_server_and_for_no_other(
    desk: Desk, site: Site, feed: Feed, status: int, written: str
) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    wait = "7200" if written == "seconds" else later
    asked, sibling = desk.add(f"{site.url}/a"), desk.add(f"{site.url}/b")
    other_site = desk.site()
    other = desk.add(f"{other_site.url}/")
    site.answer("/a", status, Retry_After=wait)
    site.answer("/b", status, Retry_After=wait)
    other_site.answer("/", 200, feed(("1", "One")))
    desk.fetcher().run()
    assert len(site.requests) == 1
    assert desk.source(other)["status"] == "ok"
    desk.let_pass(7000)
    desk.fetcher().run()
    assert len(site.requests) == 1
    assert {desk.source(one)["status"] for one in (asked, sibling)} == {"failing", "waiting"}
    desk.let_pass(500)
    desk.fetcher().run()
    assert len(site.requests) == 2


@pytest.mark.parametrize(
    ("wait", "least", "most"),
    [("99999999", 86_000, 86_500), ("", 290, 310), ("soon", 290, 310), ("-5", 0, 5)],
)
def test_what_a_server_asks_for_is_bounded(
    desk: Desk, site: Site, wait: str, least: int, most: int
) -> None:
    source = desk.add(f"{site.url}/feed")
    site.answer("/feed", 429, Retry_After=wait)
    desk.fetcher().run()
    (host,) = desk.world.admin.run(
        "select extract(epoch from next_at - now())::float as wait from private.source_hosts"
    )
    assert least < host["wait"] < most
    assert "wants to be asked less often" in desk.source(source)["error"]


def test_being_asked_to_wait_for_months_is_not_being_gone(desk: Desk, site: Site) -> None:
    source = desk.add(f"{site.url}/feed")
    site.answer("/feed", 429)
    for _ in range(14):
        desk.read()
    assert desk.source(source)["status"] == "failing"


def test_sources_added_at_once_are_not_read_at_once_for_ever(desk: Desk, feed: Feed) -> None:
    sources = []
    for n in range(6):
        one = desk.site()
        one.answer("/", 200, feed(("1", str(n))))
        sources.append(desk.add(f"{one.url}/"))
    desk.read()
    assert len({round(desk.source(one)["wait"]) for one in sources}) > 1


def test_a_worker_that_stops_begins_no_more(desk: Desk, site: Site) -> None:
    desk.add(f"{site.url}/feed")
    stopping = threading.Event()
    stopping.set()
    assert desk.fetcher(stopping).run() == 0
    assert site.requests == []
