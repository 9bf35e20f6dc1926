"""Exporting posts: what a spreadsheet may open without harm, and what an import reads back without making anything twice."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator

from hypothesis import given
from hypothesis import strategies as st

from backend.bulk import write_posts
from backend.bulk.cells import guarded, unguarded
from tests.api.conftest import Browser
from tests.bulk.conftest import Desk
from tests.bulk.test_importing import HEAD, fates, later

STARTS = "=+-@\t\r\n＝＋－＠"


@given(st.text(alphabet=st.sampled_from("'a=+-@\t\r\n＝ "), max_size=6))
def test_no_cell_begins_like_a_formula_and_every_one_comes_back(cell: str) -> None:
    written = guarded(cell)
    assert written == "" or written[0] not in STARTS
    assert unguarded(written) == cell


def test_a_post_without_accounts_has_a_line_and_one_with_two_has_two() -> None:
    target = {"platform": "x", "account_name": "=cmd()", "text_override": "-other", "options": {}}
    post = {"id": "1", "text": "=1+1", "scheduled_at": None, "media": [], "status": "draft", "created_at": "2026"}  # fmt: skip
    written = "".join(write_posts([post | {"targets": []}, post | {"targets": [target, target]}]))
    assert written.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(written.removeprefix("\ufeff"))))
    assert [(row["text"], row["account"]) for row in rows] == [
        ("'=1+1", ""), ("'-other", "x: =cmd()"), ("'-other", "x: =cmd()")
    ]  # fmt: skip


def test_an_export_is_written_post_by_post() -> None:
    asked: list[int] = []

    def posts() -> Iterator[dict[str, object]]:
        for number in range(3):
            asked.append(number)
            yield {"id": str(number), "text": "", "scheduled_at": None, "media": [], "status": "draft",
                   "created_at": "2026", "targets": []}  # fmt: skip

    lines = write_posts(posts())
    next(lines)
    assert asked == [0]


def export(desk: Desk) -> bytes:
    answer = desk.browser.call("GET", "/api/posts/export")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return answer.content


def rows(desk: Desk) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(export(desk).decode("utf-8-sig"), newline="")))


def test_posts_go_out_with_what_became_of_them_and_come_back_as_nothing_new(desk: Desk) -> None:
    desk.bring(HEAD + f'"=1+1\n""Déjà""",linkedin,{later(desk)}\nA draft,,\n')
    desk.run(
        """insert into public.post_metrics (user_id, target_id, taken_at, likes, shares)
           select user_id, id, now() - make_interval(hours => ago), 9 - ago, null
           from public.post_targets, generate_series(1, 2) ago where account_id = %s""",
        desk.account,
    )
    sent = export(desk)
    draft, timed = sorted(rows(desk), key=lambda row: row["status"])
    assert (draft["text"], draft["account"], draft["state"]) == ("A draft", "", "")
    assert (timed["text"], timed["account"]) == ('\'=1+1\n"Déjà"', "linkedin: Ada Lovelace")
    assert (timed["status"], timed["state"], timed["likes"], timed["shares"]) == ("scheduled", "scheduled", "8", "")  # fmt: skip
    before = desk.posts()
    report = desk.bring(sent)
    assert (report["imported"], fates(report)) == (True, ["exists", "exists"])
    assert desk.posts() == before
    assert set(report["read_as"]["ignored_columns"]) >= {"status", "state", "likes"}
    # what was edited in the file is not taken over
    assert fates(desk.bring(sent.replace(b"A draft", b"Another"))) == ["exists", "exists"]
    assert desk.posts() == before


def test_an_export_of_somebody_else_makes_posts_of_ones_own(
    desk: Desk, sit_down: Callable[[Browser], Desk], ben: Browser
) -> None:
    desk.bring(HEAD + f"'=Formula,linkedin,{later(desk)}\n")
    other = sit_down(ben)
    assert fates(other.bring(export(desk))) == ["scheduled"]
    assert fates(other.bring(export(desk))) == ["exists"]
    assert [one["text"] for one in other.posts()] == ["=Formula"]
    assert len(rows(other)) == 1


def test_more_posts_than_a_page_go_out_once_each(desk: Desk) -> None:
    assert desk.browser.person
    # of one moment, so that only the ids tell them apart at the edge of a page
    desk.run(
        "insert into public.posts (user_id, text) select %s, 'Post ' || n from generate_series(1, 450) n",
        desk.browser.person.id,
    )
    assert sorted(row["text"] for row in rows(desk)) == sorted(f"Post {n}" for n in range(1, 451))
