"""Importing posts over HTTP: each row's fate, all or nothing, nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.bulk import CsvSheets
from backend.core.importing import Importer
from backend.media.inspecting import Inspector
from backend.outbound import PublicHttp
from backend.store import Supabase
from local.stack import Stack
from tests.api.conftest import Browser, problem
from tests.bulk.conftest import Desk

HEAD = "text,account,scheduled_at\n"
SOON = "2026-01-01"  # in the past


def later(desk: Desk, days: int = 30) -> str:
    """A time that is still to come by the clock of the database, at 09:30 UTC."""
    ((day,),) = desk.run("select to_char(now() + make_interval(days => %s), 'YYYY-MM-DD')", days)
    return f"{day} 09:30"


def fates(report: dict[str, object]) -> list[str]:
    rows = report["rows"]
    assert isinstance(rows, list)
    return [row["outcome"] for row in rows]


def test_rows_become_drafts_and_scheduled_posts(desk: Desk) -> None:
    at = later(desk)
    report = desk.bring(
        HEAD + f"A draft,,\nFor an account,LinkedIn,\nAt a time,ada lovelace,{at}\n"
    )
    assert report["imported"] is True
    assert report["counts"] == {"draft": 2, "scheduled": 1, "exists": 0, "refused": 0}
    assert fates(report) == ["draft", "draft", "scheduled"]
    draft, timed, chosen = desk.posts()
    assert (draft["status"], draft["post_targets"]) == ("draft", [])
    assert [one["state"] for one in chosen["post_targets"]] == ["draft"]
    (target,) = timed["post_targets"]
    assert (timed["status"], target["state"], target["account_id"]) == ("scheduled", "scheduled", desk.account)  # fmt: skip
    assert target["due_at"] == timed["scheduled_at"] == at.replace(" ", "T") + ":00+00:00"
    assert [row["post_id"] for row in report["rows"]] == [one["id"] for one in (draft, chosen, timed)]  # fmt: skip


def test_a_dry_run_tells_the_same_and_changes_nothing(desk: Desk) -> None:
    file = HEAD + f"A draft,,\nTimed,linkedin,{later(desk)}\nLate,linkedin,{SOON} 09:00\n"
    dry = desk.bring(file, "?dry_run=true")
    assert (dry["imported"], fates(dry)) == (False, ["draft", "scheduled", "refused"])
    assert [row["post_id"] for row in dry["rows"]] == [None] * 3
    assert desk.posts() == []
    assert desk.run("select 1 from public.imported_rows where user_id = %s", desk.browser.person.id) == []  # type: ignore[union-attr] # fmt: skip


def test_one_refused_row_keeps_the_others_out_unless_a_part_is_enough(desk: Desk) -> None:
    file = HEAD + f"Good,linkedin,{later(desk)}\nLate,linkedin,{SOON} 09:00\nWho,Nobody,\n"
    report = desk.bring(file)
    assert (report["imported"], fates(report)) == (False, ["scheduled", "refused", "refused"])
    assert report["rows"][1]["problems"] == [
        {"field": "at", "message": "The time 2026-01-01 09:00:00 UTC is in the past."}
    ]
    assert 'No account of yours is "Nobody". You have linkedin: Ada Lovelace.' in report["rows"][2]["problems"][0]["message"]  # fmt: skip
    assert desk.posts() == []
    part = desk.bring(file, "?partial=true")
    assert (part["imported"], fates(part)) == (True, ["scheduled", "refused", "refused"])
    assert [one["text"] for one in desk.posts()] == ["Good"]


def test_a_row_is_refused_for_what_scheduling_it_would_be_refused_for(desk: Desk) -> None:
    text, at = "long " * 1000, later(desk)
    report = desk.bring(HEAD + f"{text},linkedin,{at}\n", "?dry_run=true")
    post = desk.browser.write(text.strip(), desk.account)
    assert desk.browser.person
    answer = desk.browser.person.rpc("schedule_post", post=post, at=f"{at}Z")
    said = [one["message"] for one in json.loads(answer.json()["details"])]
    assert [one["message"] for one in report["rows"][0]["problems"]] == said
    assert "takes at most 3000" in said[0]


def test_the_same_file_twice_makes_nothing_twice(desk: Desk) -> None:
    at = later(desk)
    file = HEAD + f"One,linkedin,{at}\nTwo,,\n"
    first = desk.bring(file)
    again = desk.bring(file)
    assert (again["imported"], fates(again)) == (True, ["exists", "exists"])
    assert [row["post_id"] for row in again["rows"]] == [row["post_id"] for row in first["rows"]]
    # the same said in another way, and one row more
    other = f"message;scheduled_at;compte\nOne;{at}:00Z;Ada Lovelace\nThree;;\n".encode("cp1252")
    assert fates(desk.bring(other)) == ["exists", "draft"]
    assert [one["text"] for one in desk.posts()] == ["One", "Three", "Two"]


def test_a_row_that_stands_twice_in_a_file_is_one_post(desk: Desk) -> None:
    report = desk.bring(HEAD + "One,,\nOne,,\n")
    assert fates(report) == ["draft", "exists"]
    assert report["rows"][1]["notes"] == ["The same as row 2."]
    assert len(desk.posts()) == 1


def test_the_same_file_at_the_same_time_makes_nothing_twice(desk: Desk) -> None:
    file = HEAD + "One,,\nTwo,,\n"
    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(lambda _: desk.bring(file), range(3)))
    assert sorted(fates(report) for report in reports) == [["draft"] * 2, ["exists"] * 2, ["exists"] * 2]  # fmt: skip
    assert len(desk.posts()) == 2


def test_what_was_imported_and_deleted_may_be_imported_again(desk: Desk) -> None:
    (row,) = desk.bring(HEAD + "One,,\n")["rows"]
    assert desk.browser.person
    assert desk.browser.person.rest("DELETE", f"posts?id=eq.{row['post_id']}").status_code == 204
    assert fates(desk.bring(HEAD + "One,,\n")) == ["draft"]


def test_one_row_goes_to_several_accounts_and_an_unclear_one_is_asked_about(desk: Desk) -> None:
    second = desk.add_account("Acme, Inc.")
    x = desk.add_account("ada", "x")
    file = HEAD + '"Both","Acme, Inc.; x: ada",\nComma,"Acme, Inc.",\nUnclear,linkedin,\n'
    report = desk.bring(file, "?partial=true")
    assert fates(report) == ["draft", "draft", "refused"]
    assert "linkedin: Acme, Inc.; linkedin: Ada Lovelace" in report["rows"][2]["problems"][0]["message"]  # fmt: skip
    both, comma = desk.posts()
    assert {one["account_id"] for one in both["post_targets"]} == {second, x}
    assert [one["account_id"] for one in comma["post_targets"]] == [second]


def test_times_without_a_zone_are_in_the_profiles(desk: Desk) -> None:
    assert desk.browser.person
    zone = {"timezone": "Asia/Kolkata"}
    desk.browser.person.rest("PATCH", f"profiles?id=eq.{desk.browser.person.id}", zone)
    day = later(desk).split()[0]
    (row,) = desk.bring(HEAD + f"One,linkedin,{day} 09:30\n")["rows"]
    assert row["scheduled_at"] == f"{day}T04:00:00+00:00"


def test_accounts_and_files_of_others_are_nobodys(
    desk: Desk, sit_down: Callable[[Browser], Desk], ben: Browser
) -> None:
    others = sit_down(ben)
    media = "00000000-0000-4000-8000-000000000000"
    report = desk.bring(f"text,account,media\nOne,{others.account},\nTwo,,{media}\n")
    assert fates(report) == ["refused", "refused"]
    assert report["rows"][1]["problems"][0]["message"] == "There is no such file."
    # past Flask too
    entry = {"row": 2, "digest": media, "text": "One", "accounts": [others.account]}
    assert desk.browser.person
    answer = desk.browser.person.rpc("import_posts", entries=[entry])
    assert answer.json()["rows"][0]["problems"][0]["message"] == "There is no such account."
    theirs = others.browser.write("Not yours", others.account)
    answer = desk.browser.person.rpc("import_posts", entries=[entry | {"post_id": theirs, "accounts": []}])  # fmt: skip
    (made,) = answer.json()["rows"]
    assert (made["outcome"], made["post_id"] == theirs) == ("draft", False)
    assert [one["text"] for one in others.posts()] == ["Not yours"]


def test_what_cannot_be_a_file_of_posts_is_refused(desk: Desk) -> None:
    assert problem(desk.send(b""), 422)["errors"][0]["field"] == "file"
    assert problem(desk.send("text\nx\n", Content_Type="application/json"), 422)["errors"]
    assert "at most 5,000,000" in problem(desk.send(b"a" * 5_100_000), 422)["detail"]
    assert problem(desk.send(HEAD, "?dates=backwards"), 422)["errors"]


def test_a_form_holds_the_file_as_well(desk: Desk) -> None:
    file = {"file": ("posts.csv", HEAD + "One,,\n", "text/csv")}
    answer = desk.browser.call("POST", "/api/posts/import", files=file)
    assert fates(answer.json()) == ["draft"]


def test_the_database_takes_no_more_rows_than_a_file_may_have(desk: Desk) -> None:
    assert desk.browser.person
    entry = {"row": 1, "digest": "00000000-0000-4000-8000-000000000000", "text": "x"}
    assert desk.browser.person.rpc("import_posts", entries=[entry] * 1_001).status_code == 422
    assert desk.browser.person.rpc("import_posts", entries=[entry] * 2).status_code == 422
    assert desk.browser.person.rpc("import_posts", entries={}).status_code == 422


def test_more_rows_than_a_call_takes_are_all_checked_before_the_first_is_made(desk: Desk) -> None:
    many = HEAD + "".join(f"Draft {n},,\n" for n in range(1_100))
    report = desk.bring(many + "Who,Nobody,\n")
    assert (report["imported"], report["counts"]["draft"], report["counts"]["refused"]) == (False, 1_100, 1)  # fmt: skip
    assert desk.run("select 1 from public.posts where user_id = %s", desk.browser.person.id) == []  # type: ignore[union-attr]
    assert desk.bring(many)["counts"]["draft"] == 1_100
    assert desk.bring(many)["counts"]["exists"] == 1_100


@pytest.mark.slow
def test_ten_thousand_rows_are_scheduled_and_known_again(desk: Desk) -> None:
    at = later(desk)
    file = HEAD + "".join(f"Post number {n} with some words,linkedin,{at}\n" for n in range(10_000))
    assert desk.bring(file, "?partial=true")["counts"]["scheduled"] == 10_000
    assert desk.bring(file)["counts"]["exists"] == 10_000


# ------------------------------------------------------------------------------------ files by address


@pytest.fixture
def importer(stack: Stack, pictures: str) -> Iterator[tuple[Importer, Supabase]]:
    """The importer of the web process, but one that may read from the server of pictures."""
    info = stack.info
    supabase = Supabase(info["supabase_url"], info["publishable_key"], info["secret_key"])
    door = PublicHttp([pictures])
    yield Importer(CsvSheets(), door, Inspector(), supabase.service.media), supabase
    supabase.close()


def test_files_by_address_are_fetched_with_their_alt_texts_and_kept_only_if_a_post_takes_them(
    desk: Desk, importer: tuple[Importer, Supabase], pictures: str
) -> None:
    person = desk.browser.person
    assert person
    assert person.token
    own = importer[1].as_user(person.token).bulk
    file = f"text,account,scheduled_at,media,alt\nOne,linkedin,{later(desk)},{pictures}/1.png,A bridge\nTwo,,,{pictures}/none,\n"

    def bring(**how: bool) -> dict[str, object]:
        asked = {"dry_run": False, "partly": False} | how
        return importer[0].run(own, person.id, file.encode(), **asked)

    def files() -> list[dict[str, object]]:
        found: list[dict[str, object]] = person.rest("GET", "media?select=alt_text,status,kind,path").json()  # fmt: skip
        return found

    assert fates(bring(dry_run=True)) == ["scheduled", "refused"]
    assert fates(bring()) == ["scheduled", "refused"]
    assert (files(), desk.posts()) == ([], [])
    report = bring(partly=True)
    assert "There is nothing at this address" in report["rows"][1]["problems"][0]["message"]  # type: ignore[index]
    (media,) = files()
    assert (media["alt_text"], media["status"], media["kind"]) == ("A bridge", "ready", "image")
    assert person.storage("GET", f"object/media/{media['path']}").status_code == 200
    (post,) = desk.posts()
    assert len(post["post_media"]) == 1
    assert fates(bring(partly=True))[0] == "exists"
    assert len(files()) == 1


def test_an_address_that_is_private_is_refused_by_the_web_process(
    desk: Desk, pictures: str
) -> None:
    report = desk.bring(f"text,media\nOne,{pictures}/1.png\nTwo,file:///etc/passwd\n")
    said = [row["problems"][0]["message"] for row in report["rows"]]
    assert "private network" in said[0]
    assert "must start with http" in said[1]
