"""Sources in bulk over HTTP: a file of another reader in, the same file out."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.api.conftest import Browser, problem
from tests.people import Person

OPML = {"Content-Type": "text/x-opml"}
PATH = "/api/sources/import"


def opml(*outlines: str) -> bytes:
    inner = "\n".join(outlines)
    return f'<?xml version="1.0"?>\n<opml version="2.0"><head/><body>\n{inner}\n</body></opml>'.encode()


def outline(url: str, text: str = "A feed") -> str:
    return f'<outline type="rss" text="{text}" xmlUrl="{url}"/>'


def send(browser: Browser, body: bytes, **headers: str) -> requests.Response:
    sent = OPML | {name.replace("_", "-"): value for name, value in headers.items()}
    return browser.call("POST", PATH, data=body, headers=sent)


def rows(browser: Browser) -> list[dict[str, Any]]:
    assert browser.person
    found: list[dict[str, Any]] = browser.person.rest("GET", "sources?order=url").json()
    return found


@pytest.fixture
def host() -> str:
    """A server that does not exist: the worker of this stack may look for it in vain."""
    return f"{secrets.token_hex(6)}.invalid"


def test_a_file_is_imported_with_its_categories_and_what_is_wrong_is_told_by_line(
    ada: Browser, host: str
) -> None:
    file = opml(
        outline(f"https://{host}/1", "One"),
        '<outline text="Tech"><outline text="AI">',
        outline(f"https://{host}/2", "Two"),
        "</outline></outline>",
        outline("ftp://nowhere.example/", "Three"),
        outline(f"https://{host}/1", "One again"),
    )
    answer = send(ada, file)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "added": 2,
        "skipped": 1,
        "problems": [
            {
                "line": 7, "title": "Three", "url": "ftp://nowhere.example/",
                "reason": "It is not a web address that starts with http:// or https://.",
            }
        ],
    }  # fmt: skip
    stored = [(row["url"], row["title"], row["category"]) for row in rows(ada)]
    assert stored == [
        (f"https://{host}/1", "One", None),
        (f"https://{host}/2", "Two", "Tech / AI"),
    ]


def test_the_same_file_twice_adds_nothing(ada: Browser, host: str) -> None:
    file = opml(outline(f"https://{host}/1"), outline(f"https://{host}/2"))
    assert send(ada, file).json()["added"] == 2
    assert send(ada, file).json() == {"added": 0, "skipped": 2, "problems": []}
    assert len(rows(ada)) == 2


@pytest.mark.parametrize("key", [None, "a-key"])
def test_a_form_may_carry_the_file(ada: Browser, host: str, key: str | None) -> None:
    file = ("mine.opml", opml(outline(f"https://{host}/1")), "text/x-opml")
    headers = {"Idempotency-Key": f"{key}-{host}"} if key else {}
    answer = ada.call("POST", PATH, files={"file": file}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["added"] == 1


def test_the_key_of_an_import_gives_the_first_answer_again(ada: Browser, host: str) -> None:
    file = opml(outline(f"https://{host}/1"))
    first, second = (send(ada, file, Idempotency_Key=host) for _ in range(2))
    assert first.json() == second.json() == {"added": 1, "skipped": 0, "problems": []}
    assert second.headers["Idempotent-Replayed"] == "true"


def test_what_goes_beyond_the_limit_is_told_by_line(ada: Browser, host: str) -> None:
    file = opml(*(outline(f"https://{host}/{n}") for n in range(502)))
    answer = send(ada, file).json()
    assert (answer["added"], answer["skipped"]) == (500, 0)
    assert [(one["line"], one["url"]) for one in answer["problems"]] == [
        (503, f"https://{host}/500"),
        (504, f"https://{host}/501"),
    ]
    assert "as many sources as Lin reads" in answer["problems"][0]["reason"]


def test_what_was_exported_is_imported_to_the_same(ada: Browser, ben: Browser, host: str) -> None:
    ada.insert("sources", {"url": f"https://{host}/a?x=1&y=2", "title": 'A "quoted" <title>', "category": "News / Local"})  # fmt: skip
    ada.insert("sources", {"url": f"https://{host}/b"})
    ada.insert("sources", {"url": f"https://{host}/c", "title": "Page", "kind": "page", "category": "A & B"})  # fmt: skip
    answer = ada.call("GET", "/api/sources/export")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/x-opml; charset=utf-8"
    assert "lin-sources.opml" in answer.headers["Content-Disposition"]
    assert send(ada, answer.content).json() == {"added": 0, "skipped": 3, "problems": []}
    assert send(ben, answer.content).json() == {"added": 3, "skipped": 0, "problems": []}
    names = ("url", "title", "category", "kind")
    hers, his = ([tuple(row[name] for name in names) for row in rows(one)] for one in (ada, ben))
    assert his == hers


def test_an_export_holds_nobody_elses_sources(ada: Browser, ben: Browser, host: str) -> None:
    ada.insert("sources", {"url": f"https://{host}/secret"})
    assert host not in ben.call("GET", "/api/sources/export").text


@pytest.mark.parametrize(
    ("body", "kind", "detail"),
    [
        (b"hello", "text/x-opml", "This is not an OPML file."),
        (b"", "text/xml", "This is not an OPML file."),
        (b"<opml/>", "application/xml", "This OPML file has no body."),
        (b"{}", "application/json", "Send the OPML file as the body"),
        (b"a=b", "application/x-www-form-urlencoded", "Send the OPML file as the body"),
    ],
)
def test_another_body_is_refused(reader: Browser, body: bytes, kind: str, detail: str) -> None:
    answer = send(reader, body, Content_Type=kind)
    told = problem(answer, 422)
    assert detail in told["detail"]
    assert told["errors"][0]["field"] == "file"


def test_a_form_without_the_file_is_refused(reader: Browser) -> None:
    answer = reader.call("POST", PATH, files={"other": ("x", b"<opml/>")})
    assert "Name the OPML file" in problem(answer, 422)["detail"]


def test_only_people_who_are_signed_in_may_call(
    stranger: Browser, open_browser: Callable[..., Browser], carol: Person
) -> None:
    for browser in (stranger, open_browser(carol)):
        problem(send(browser, opml()), 401)
        problem(browser.call("GET", "/api/sources/export"), 401)
