"""Group commit: many threads, few calls, and to each its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from backend.core.errors import Conflict, Defect, Unavailable
from backend.core.grouping import Grouped
from tests.waiting import until

SECONDS = 10


class Far:
    """The far end of the calls: counts them, and can hold the first one until told."""

    def __init__(self, answer: Callable[[Sequence[int]], Mapping[int, str]]) -> None:
        self._answer = answer
        self.groups: list[list[int]] = []
        self.at_work = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, items: Sequence[int]) -> Mapping[int, str]:
        self.groups.append(list(items))
        if len(self.groups) == 1:
            self.at_work.set()
            assert self.go_on.wait(SECONDS)
        return self._answer(items)


def named(items: Sequence[int]) -> dict[int, str]:
    return {item: f"result {item}" for item in items}


def together(far: Far, items: Sequence[int], most: int = 200) -> dict[int, Future[str]]:
    """Calls of one thread each: item 0 goes first, and all others have come while its call is under way."""
    grouped: Grouped[int, int, str] = Grouped(far, key=lambda x: x, missing="none", most=most)
    pool = ThreadPoolExecutor(len(items) + 1)
    futures = {0: pool.submit(grouped, 0)}
    assert far.at_work.wait(SECONDS)
    for item in items:
        futures[item] = pool.submit(grouped, item)
    until(lambda: len(grouped._waiting) == len(items), "all threads to wait", SECONDS)
    far.go_on.set()
    pool.shutdown(wait=False)
    return futures


def test_a_single_caller_goes_at_once_and_alone() -> None:
    calls: list[list[int]] = []

    def call(items: Sequence[int]) -> dict[int, str]:
        calls.append(list(items))
        return named(items)

    grouped: Grouped[int, int, str] = Grouped(call, key=lambda item: item, missing="none")
    assert [grouped(1), grouped(2)] == ["result 1", "result 2"]
    assert calls == [[1], [2]]


def test_who_comes_while_a_call_is_under_way_rides_in_the_next_and_gets_its_own_result() -> None:
    far = Far(named)
    futures = together(far, range(1, 40))
    assert {item: future.result(SECONDS) for item, future in futures.items()} == named(range(40))
    assert far.groups[0] == [0]
    assert sorted(far.groups[1]) == list(range(1, 40))
    assert len(far.groups) == 2


def test_a_call_takes_no_more_than_it_may_and_the_rest_follows() -> None:
    far = Far(named)
    futures = together(far, range(1, 8), most=3)
    assert {item: future.result(SECONDS) for item, future in futures.items()} == named(range(8))
    assert [len(group) for group in far.groups] == [1, 3, 3, 1]


def test_a_crowd_that_comes_and_goes_is_served_to_the_last_by_one_call_at_a_time() -> None:
    calls: list[int] = []
    under_way = threading.Lock()
    start = threading.Barrier(16)

    def call(items: Sequence[int]) -> dict[int, str]:
        assert under_way.acquire(blocking=False), "two calls at once"
        calls.append(len(items))
        under_way.release()
        return named(items)

    grouped: Grouped[int, int, str] = Grouped(call, key=lambda item: item, missing="none")

    def work(thread: int) -> list[str]:
        start.wait(SECONDS)
        return [grouped(thread * 1000 + number) for number in range(50)]

    with ThreadPoolExecutor(16) as pool:
        futures = [pool.submit(work, thread) for thread in range(16)]
        for thread, future in enumerate(futures):
            expected = [f"result {thread * 1000 + number}" for number in range(50)]
            assert future.result(SECONDS) == expected
    assert sum(calls) == 16 * 50


def test_a_key_left_out_of_the_answer_gives_missing_to_its_caller_only() -> None:
    far = Far(lambda items: {item: "here" for item in items if item != 2})
    futures = together(far, [1, 2, 3])
    assert [futures[item].result(SECONDS) for item in (0, 1, 2, 3)] == [
        "here", "here", "none", "here",
    ]  # fmt: skip


@pytest.mark.parametrize("refusal", [Defect, Conflict])
def test_an_item_that_is_refused_does_not_take_the_others_with_it(
    refusal: type[Exception],
) -> None:
    def picky(items: Sequence[int]) -> dict[int, str]:
        if 2 in items:
            raise refusal("the second one is bad")
        return named(items)

    far = Far(picky)
    futures = together(far, [1, 2, 3])
    with pytest.raises(refusal, match="second one"):
        futures[2].result(SECONDS)
    assert [futures[item].result(SECONDS) for item in (0, 1, 3)] == [
        "result 0", "result 1", "result 3",
    ]  # fmt: skip


def test_any_other_error_reaches_everyone_of_its_call_and_nobody_of_the_next() -> None:
    error = RuntimeError("a mistake")

    def failing(items: Sequence[int]) -> dict[int, str]:
        if 1 in items:
            raise error
        return named(items)

    far = Far(failing)
    futures = together(far, [1, 2, 3, 4], most=2)
    raised = [futures[item].exception(SECONDS) for item in range(5)]
    hit = set(far.groups[1])
    assert len(hit) == 2
    assert raised == [error if item in hit else None for item in range(5)]


def test_a_database_that_is_away_is_asked_once_for_all_who_wait() -> None:
    def away(items: Sequence[int]) -> dict[int, str]:
        if 0 in items:
            return named(items)
        raise Unavailable("no database")

    far = Far(away)
    futures = together(far, [1, 2, 3, 4], most=2)
    assert futures[0].result(SECONDS) == "result 0"
    for item in (1, 2, 3, 4):
        assert isinstance(futures[item].exception(SECONDS), Unavailable)
    assert len(far.groups) == 2


def test_who_met_a_database_that_is_away_asks_again_together_and_less_and_less_often() -> None:
    moments, away = [], True

    def call(items: Sequence[int]) -> dict[int, str]:
        if away:
            raise Unavailable("no database")
        return named(items)

    grouped: Grouped[int, int, str] = Grouped(call, key=lambda item: item, missing="none")
    for _ in range(7):
        with pytest.raises(Unavailable):
            grouped(1)
        at = time.monotonic()
        moments.append([at + grouped.pause(), at])
    steps = (0.1, 0.2, 0.5, 1.0, 2.0, 2.0, 2.0)
    for step, (moment, asked) in zip(steps, moments, strict=True):
        assert 0 < moment - asked <= step + 0.05
        assert min(moment % step, step - moment % step) < 0.05
    away = False
    assert grouped(1) == "result 1"
    assert grouped.pause() <= 0.1


def test_an_answer_that_is_no_answer_leaves_nobody_waiting() -> None:
    far = Far(lambda _items: None)  # type: ignore[arg-type,return-value] # that is the point
    futures = together(far, [1, 2, 3])
    for future in futures.values():
        assert isinstance(future.exception(SECONDS), AttributeError)


def test_after_an_error_the_next_caller_goes_at_once() -> None:
    answers: Iterator[Unavailable | dict[int, str]] = iter([Unavailable("no database"), named([2])])

    def call(_items: Sequence[int]) -> Mapping[int, str]:
        answer = next(answers)
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    grouped: Grouped[int, int, str] = Grouped(call, key=lambda item: item, missing="none")
    with pytest.raises(Unavailable):
        grouped(1)
    assert grouped(2) == "result 2"


def test_calls_keep_their_distance_and_who_comes_meanwhile_rides_together() -> None:
    began: list[float] = []

    def call(items: Sequence[int]) -> dict[int, str]:
        began.append(time.monotonic())
        return named(items)

    grouped: Grouped[int, int, str] = Grouped(
        call, key=lambda item: item, missing="none", spacing=0.05
    )
    before = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        for number in range(5):
            assert list(pool.map(grouped, range(8))) == [f"result {item}" for item in range(8)]
            assert len(began) <= 8 * (number + 1)
    # a thread may be held up before it notes its time, so that two of these are closer than the calls' beginnings
    assert began[-1] - before >= 0.049 * (len(began) - 1)
