"""DELETE /api/account: nothing goes out meanwhile, and afterwards nothing is left, held against the catalogue."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import requests
from storage3.exceptions import StorageApiError

from backend.core.errors import Unavailable
from backend.core.leaving import Leaver
from backend.store import Supabase
from local.stack import Stack
from tests.account.conftest import PNG, Belongings, upload
from tests.api.conftest import ROOT, Browser, problem
from tests.api.test_publishing import WAIT, publish
from tests.faults.watched_wire import (
    Lost,
    Meanwhile,
    Reply,
    Rule,
    Rules,
    Stop,
    WatchedWire,
)
from tests.people import Person
from tests.waiting import until

Catalogue = Callable[..., list[tuple[Any, ...]]]
Furnish = Callable[[Person], Belongings]
IsGone = Callable[[Person], bool]
ROWS_STEP = "/rest/v1/rpc/delete_account_rows*"


def leave(browser: Browser, confirm: str | None = None) -> requests.Response:
    assert browser.person
    return browser.call("DELETE", "/api/account", {"confirm": confirm or browser.person.email})


def stored(person: Person, path: str) -> bytes | None:
    """A file as this person gets it, None where there is none."""
    try:
        return person.supabase.storage.from_("media").download(path)
    except StorageApiError:
        return None


# Auth's own log of who did what, which no API deletes; a hosted project may switch it off.
OF_AUTH_ALONE = "auth.audit_log_entries"


def traces(catalogue: Catalogue, *signs: str) -> list[str]:
    """Every table of ours, of Auth and of Storage in which any row holds one of these anywhere."""
    tables = catalogue("""
        select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('public', 'private', 'auth', 'storage') and c.relkind in ('r', 'p')""")
    assert len(tables) > 30
    patterns = [f"%{sign}%" for sign in signs]
    return [
        table
        for (table,) in tables
        if table != OF_AUTH_ALONE
        and catalogue(f"select 1 from {table} t where to_jsonb(t)::text ilike any (%s) limit 1", patterns)  # noqa: S608 - the catalogue's names
    ]  # fmt: skip


def end_of(
    person: Person, leaver: Leaver, is_gone: IsGone, database: psycopg.Connection[Any]
) -> None:
    """The lease of whoever died ends; another process goes on, `leaver` or the stack's own worker."""
    database.execute("update account_deletions set lease_until = now() - interval '1 second' where user_id = %s", [person.id])  # fmt: skip
    until(lambda: is_gone(person) or (leaver.run() and is_gone(person)), "the end of the deletion")


def signs_of(mine: Belongings) -> list[str]:
    rows = mine.rows
    return [rows.owner.id, rows.owner.email, rows.account, rows.post, rows.target, rows.source]


def test_afterwards_no_table_and_no_file_holds_anything_of_theirs_and_others_keep_all(
    ada: Browser, ben: Browser, service: Person, furnish: Furnish, catalogue: Catalogue
) -> None:
    assert ada.person
    assert ben.person
    mine, theirs = furnish(ada.person), furnish(ben.person)
    before = {table: theirs.rows.stored(table) for table in theirs.rows.keys}
    assert len(traces(catalogue, *signs_of(mine))) > 20
    assert [stored(service, path) for path in mine.files] == [PNG, PNG]
    answer = leave(ada)
    assert answer.status_code == 200, answer.text
    assert answer.json()["deleted"] is True
    assert traces(catalogue, *signs_of(mine)) == []
    assert [stored(service, path) for path in mine.files] == [None, None]
    assert {table: theirs.rows.stored(table) for table in theirs.rows.keys} == before
    assert [stored(ben.person, path) for path in theirs.files] == [PNG, PNG]


def test_tokens_are_revoked_and_published_posts_stay_on_the_platform(
    ada: Browser, is_gone: IsGone
) -> None:
    assert ada.person
    member = ada.new_member()
    post = ada.write("Good morning", ada.connect(member))
    assert publish(ada, post, **WAIT).json()["status"] == "published"
    answer = leave(ada).json()
    assert (answer["deleted"], answer["published"]) == (True, 1)
    assert "stay on the platforms" in answer["detail"]
    assert is_gone(ada.person)
    (kept,) = ada.sandbox.posts(member)
    assert kept["deleted_at"] is None
    assert [one for one in ada.sandbox.requests(member) if "revoke" in one["path"]]


@pytest.mark.parametrize("order", [{"status": 500}, {"drop": True}], ids=["broken", "dropped"])
def test_an_account_whose_platform_is_down_is_deleted_all_the_same(
    ada: Browser, is_gone: IsGone, order: dict[str, Any]
) -> None:
    assert ada.person
    member = ada.new_member()
    ada.connect(member)
    ada.sandbox.order(order, path="/oauth/v2/revoke", member=member)
    assert leave(ada).status_code == 200
    assert is_gone(ada.person)


def test_without_the_callers_own_address_nothing_happens(ada: Browser, is_gone: IsGone) -> None:
    assert ada.person
    for wrong in ("somebody@example.com", "yes"):
        refused = problem(leave(ada, wrong), 422)
        assert refused["errors"][0]["field"] == "confirm"
    problem(ada.call("DELETE", "/api/account", {}), 422)
    assert not is_gone(ada.person)
    assert ada.person.rest("GET", "profiles").json()


def test_what_is_scheduled_is_canceled_first_and_nothing_new_begins(
    ada: Browser, leaver: Leaver, rules: Rules, furnish: Furnish, database: psycopg.Connection[Any]
) -> None:
    person = ada.person
    assert person
    mine = furnish(person)
    mine.rows.move_target("scheduled")
    seen: dict[str, Any] = {}

    def look() -> None:
        seen["state"] = database.execute("select state::text from post_targets where id = %s", [mine.rows.target]).fetchone()  # fmt: skip
        at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        seen["schedule"] = person.rpc("retry_target", target=mine.rows.target).status_code
        seen["other"] = person.rpc("schedule_post", post=mine.rows.post, at=at).status_code
        seen["source"] = person.rest("POST", "sources", {"url": "https://example.com/x"}).status_code  # fmt: skip
        seen["file"] = upload(person, f"{person.id}/late.png")
        seen["connect"] = ada.call("POST", "/api/platforms/connect", {"platform": "linkedin", "redirect_to": ada.frontend_url}).status_code  # fmt: skip

    # the account is revoked between the two
    rules.add(Meanwhile("/rest/v1/social_accounts*", look))
    assert leaver.leave(person.id).done
    assert seen["state"] == ("canceled",)
    assert (seen["schedule"], seen["other"], seen["source"], seen["connect"]) == (409, 409, 409, 409)  # fmt: skip
    assert seen["file"] in (400, 403)


def test_a_target_that_is_being_sent_is_waited_for_and_never_tried_again(
    ada: Browser,
    furnish: Furnish,
    is_gone: IsGone,
    leaver: Leaver,
    database: psycopg.Connection[Any],
) -> None:
    assert ada.person
    mine = furnish(ada.person)
    mine.rows.move_target("scheduled", "preparing", "sending")
    answer = leave(ada)
    assert (answer.status_code, answer.json()["deleted"]) == (202, False)
    assert "nothing is published any more" in answer.json()["detail"]
    row = mine.rows.stored("post_targets")
    assert row
    assert row["state"] == "sending"
    assert not is_gone(ada.person)
    # its worker learned that it may be tried again
    tried = database.execute("update post_targets set state = 'scheduled' where id = %s returning state::text", [mine.rows.target])  # fmt: skip
    assert tried.fetchone() == ("failed",)
    end_of(ada.person, leaver, is_gone, database)


def test_what_a_platform_has_not_answered_for_becomes_unconfirmed(
    alice: Person, leaver: Leaver, rules: Rules, furnish: Furnish
) -> None:
    mine = furnish(alice)
    mine.rows.move_target("scheduled", "preparing", "sending", "confirming")
    seen: list[Any] = []
    look = Meanwhile("/rest/v1/social_accounts*", lambda: seen.append(mine.rows.stored("post_targets")))  # fmt: skip
    rules.add(look)
    left = leaver.leave(alice.id)
    assert [row["state"] for row in seen] == ["unconfirmed"]
    assert (left.done, left.published) == (True, 1)


class Death(Rule):
    """From the n-th call on the process is dead: before a call leaves, or before its answer comes."""

    def __init__(self, number: int, *, answered: bool) -> None:
        super().__init__("*", answered=answered, times=None)
        self._number = number

    def act(self, wire: WatchedWire, reply: Reply | None) -> Reply | None:
        if self.met >= self._number:
            raise Lost
        return None


# between them every second gap between two calls
@pytest.mark.parametrize(
    ("answered", "number"), [pytest.param(False, 1, marks=pytest.mark.slow), (True, 2)], ids=["before", "after"]
)  # fmt: skip
def test_a_process_that_dies_at_any_call_leaves_nothing_that_another_does_not_end(
    make_person: Callable[..., Person], leaver: Leaver, rules: Rules, furnish: Furnish, is_gone: IsGone,
    catalogue: Catalogue, database: psycopg.Connection[Any], answered: bool, number: int,
) -> None:  # fmt: skip
    died = True
    while died:
        person = make_person("leaver")
        mine = furnish(person)
        death = Death(number, answered=answered)
        rules.add(death)
        try:
            leaver.leave(person.id)
        except Unavailable:
            assert number == 1, "only what could not be noted is told as a failure"
        rules.drop(death)
        died = death.met >= number
        if not is_gone(person):
            leaver.leave(person.id)  # they ask again, or
            end_of(person, leaver, is_gone, database)
        assert traces(catalogue, *signs_of(mine)) == [], f"died at call {number}"
        number += 4
    assert number > 20


KILLED = """
import sys
from backend.services import build
from backend.settings import load_settings
build(load_settings()).leaver.leave(sys.argv[1])
"""


def test_what_a_killed_process_began_the_worker_ends(
    stack: Stack, alice: Person, rules: Rules, wire: WatchedWire, furnish: Furnish, is_gone: IsGone,
    catalogue: Catalogue, database: psycopg.Connection[Any],
) -> None:  # fmt: skip
    mine = furnish(alice)
    held = Stop(ROWS_STEP, answered=True)
    rules.add(held)
    environment = stack.backend_env() | {"SUPABASE_URL": wire.url}
    process = subprocess.Popen([sys.executable, "-c", KILLED, alice.id], cwd=ROOT, env=environment)
    held.reached(60)
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    held.lose()
    database.execute("update account_deletions set lease_until = now() - interval '1 second' where user_id = %s", [alice.id])  # fmt: skip
    until(lambda: is_gone(alice), "the worker to end it", 60)
    assert traces(catalogue, *signs_of(mine)) == []


def test_asking_again_is_no_error_and_a_gone_account_is_done(
    ada: Browser,
    leaver: Leaver,
    furnish: Furnish,
    is_gone: IsGone,
    database: psycopg.Connection[Any],
) -> None:
    assert ada.person
    mine = furnish(ada.person)
    mine.rows.move_target("scheduled", "preparing", "sending")
    assert [leave(ada).status_code for _ in range(2)] == [202, 202]
    mine.rows.move_target("published")
    end_of(ada.person, leaver, is_gone, database)
    assert leaver.leave(ada.person.id).done
    problem(leave(ada), 401)


def test_rows_go_in_bounded_numbers(alice: Person, project: Supabase, furnish: Furnish) -> None:
    mine = furnish(alice)
    furnish(alice)
    deletions = project.service.deletions
    assert deletions.begin(alice.id, 60)
    gone = 0
    while one := deletions.delete_rows(alice.id, 1):
        assert one == 1
        gone += 1
    assert gone > 5
    assert mine.rows.stored("posts") is None


def test_nobody_else_is_deleted_by_mistake(
    alice: Person, service: Person, furnish: Furnish
) -> None:
    mine = furnish(alice)
    answer = service.rpc("delete_account_rows", leaver=alice.id, take=10)
    assert answer.status_code == 409
    assert mine.rows.stored("posts")


@pytest.mark.parametrize(("method", "path", "body"), [
    ("POST", "/api/platforms/connect", {"platform": "linkedin", "redirect_to": "http://127.0.0.1/"}),
    ("DELETE", "/api/platforms/accounts/6f8f6f6e-0000-4000-8000-00000000000a", None),
    ("POST", "/api/posts/6f8f6f6e-0000-4000-8000-00000000000a/publish", None),
    ("POST", "/api/generate", {"topic": "Bridges", "platform": "linkedin"}),
    ("POST", "/api/chat/send", {"message": "Which bridges?"}),
    ("DELETE", "/api/account", {"confirm": "a@example.com"}),
])  # fmt: skip
def test_the_token_of_a_deleted_user_is_refused_on_routes_that_act_outside(
    gone_ada: Browser, method: str, path: str, body: Any
) -> None:
    refused = problem(gone_ada.call(method, path, body), 401)
    assert refused["detail"] == "This session has ended; sign in again."


def test_the_token_of_a_deleted_user_uploads_no_file(gone_ada: Browser) -> None:
    assert gone_ada.person
    assert upload(gone_ada.person, f"{gone_ada.person.id}/late.png") in (400, 403)
    assert gone_ada.person.rest("POST", "posts", {"text": "late"}).status_code in (401, 403, 409)
