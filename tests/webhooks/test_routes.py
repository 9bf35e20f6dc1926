"""The routes of webhooks over HTTP, and a test event through the worker that ships."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import Browser, problem
from tests.api.conftest import ada as ada
from tests.api.conftest import ben as ben
from tests.api.conftest import everybody as everybody
from tests.api.conftest import open_browser as open_browser
from tests.api.conftest import reader as reader
from tests.api.conftest import sandbox as sandbox
from tests.api.conftest import sql as sql
from tests.waiting import until

Sql = Callable[..., list[Any]]


def make(browser: Browser, url: str = "", **more: Any) -> dict[str, Any]:
    """A webhook with its secret."""
    answer = browser.call("POST", "/api/webhooks", {"url": url or f"https://hooks.example/{uuid.uuid4()}"} | more)  # fmt: skip
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_secret_is_shown_once_and_lies_sealed(ada: Browser, sql: Sql) -> None:
    made = make(ada, kinds=["target_failed"], description="My office")
    assert made["secret"].startswith("whsec_")
    assert (made["kinds"], made["enabled"], made["disabled_reason"]) == (["target_failed"], True, None)  # fmt: skip
    row = ada.row("webhooks", made["id"])
    assert row["description"] == "My office"
    assert made["secret"] not in str(row)
    ((sealed,),) = sql("select secret_sealed from webhook_secrets where webhook_id = %s", made["id"])  # fmt: skip
    assert sealed.startswith("eyJ")
    assert ada.person
    assert ada.person.rest("GET", "webhook_secrets").status_code == 403


def test_a_request_that_is_repeated_makes_one_webhook_and_shows_its_secret_again(
    ada: Browser,
    sql: Sql,
) -> None:
    key, body = str(uuid.uuid4()), {"url": "https://hooks.example/once"}
    first, again = (
        ada.call("POST", "/api/webhooks", body, headers={"Idempotency-Key": key}) for _ in range(2)
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert ada.person
    assert len(ada.person.rest("GET", "webhooks").json()) == 1
    ((kept,),) = sql("select response_body::text from idempotency_keys where key = %s", key)
    assert first.json()["secret"] not in kept
    assert "hooks.example" not in kept


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": "ftp://hooks.example/"}, "url"),
        ({"url": "http://10.0.0.1/"}, "url"),
        ({"url": "https://a:b@hooks.example/"}, "url"),
        ({"url": "https://hooks.example/", "kinds": []}, "kinds"),
        ({"url": "https://hooks.example/", "kinds": ["Not A Kind"]}, "kinds.0"),
        ({"url": "https://hooks.example/", "secret": "mine"}, "secret"),
    ],
)
def test_what_is_no_webhook_is_refused_by_field(
    reader: Browser, body: dict[str, Any], field: str
) -> None:
    told = problem(reader.call("POST", "/api/webhooks", body), 422)
    assert [error["field"] for error in told["errors"]] == [field]


def test_a_new_secret_comes_beside_the_old_one(ada: Browser) -> None:
    made = make(ada)
    answer = ada.call("POST", f"/api/webhooks/{made['id']}/secret", {"overlap_hours": 2})
    assert answer.status_code == 201, answer.text
    assert answer.json()["secret"] not in ("", made["secret"])
    assert answer.json()["old_ones_end_at"] > made["created_at"]


def test_a_webhook_of_another_is_not_there(ada: Browser, ben: Browser) -> None:
    mine = make(ada)["id"]
    delivery = ada.call("POST", f"/api/webhooks/{mine}/test").json()["delivery_id"]
    assert ben.person
    for path, body in ((f"{mine}/secret", {}), (f"{mine}/test", None), (f"deliveries/{delivery}/again", None)):  # fmt: skip
        problem(ben.call("POST", f"/api/webhooks/{path}", body), 404)
        nowhere = path.replace(mine, str(uuid.uuid4())).replace(delivery, str(uuid.uuid4()))
        problem(ben.call("POST", f"/api/webhooks/{nowhere}", body), 404)
    for table in ("webhooks", "webhook_deliveries"):
        assert ben.person.rest("GET", table).json() == []
        ben.person.rest("DELETE", f"{table}?user_id=neq.{ben.person.id}")
    assert ada.row("webhooks", mine)["enabled"]


def test_a_test_event_goes_through_the_worker_and_the_log_says_what_came_of_it(
    ada: Browser,
) -> None:
    # the one private origin that the stack's worker may reach; it takes no posts
    made = make(ada, f"{ada.frontend_url}/hook")
    answer = ada.call("POST", f"/api/webhooks/{made['id']}/test")
    assert answer.status_code == 202, answer.text
    delivery = answer.json()["delivery_id"]

    def settled() -> dict[str, Any] | None:
        row = ada.row("webhook_deliveries", delivery)
        return row if row["state"] not in ("waiting", "sending") else None

    row = until(settled, "the worker to post the test")
    assert row["state"] == "failed"
    assert row["response_status"] in (404, 405, 501)
    assert ada.call("POST", f"/api/webhooks/deliveries/{delivery}/again").status_code == 202


def test_a_webhook_ends_with_its_owners_wish(ada: Browser) -> None:
    made = make(ada)
    assert ada.person
    assert ada.person.rest("DELETE", f"webhooks?id=eq.{made['id']}").status_code == 204
    problem(ada.call("POST", f"/api/webhooks/{made['id']}/test"), 404)
