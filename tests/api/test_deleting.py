"""Deleting a published post from its platform: where apps may, what remains, and what is said where they may not."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable
from typing import Any

import pytest
import requests
from PIL import Image

from tests.api.conftest import Browser, problem
from tests.api.test_publishing import NOBODYS, WAIT, publish
from tests.waiting import until

TEXT = "Good morning"


def published(ada: Browser, platform: str, member: str, text: str = TEXT) -> dict[str, Any]:
    """The target of a post that is out."""
    post = ada.write(text, ada.connect(member, platform))
    answer = publish(ada, post, **WAIT)
    assert answer.json()["status"] == "published", answer.text
    return ada.target(post)


def delete(browser: Browser, target: dict[str, Any], **changed: str) -> requests.Response:
    post, target_id = changed.get("post", target["post_id"]), changed.get("id", target["id"])
    return browser.call("DELETE", f"/api/posts/{post}/targets/{target_id}/publication")


def picture(ada: Browser) -> str:
    """A file of hers that was looked at."""
    data = io.BytesIO()
    Image.new("RGB", (640, 800), "teal").save(data, "JPEG")
    assert ada.person
    path = f"{ada.person.id}/{secrets.token_hex(6)}.jpg"
    stored = ada.person.storage("POST", f"object/media/{path}", data.getvalue(), Content_Type="image/jpeg")  # fmt: skip
    assert stored.status_code == 200, stored.text
    media: str = ada.insert("media", {"path": path})["id"]
    until(lambda: ada.row("media", media)["status"] == "ready", "the file to be looked at")
    return media


@pytest.mark.parametrize("platform", ["linkedin", "x", "facebook"])
def test_it_is_gone_from_the_platform_and_stays_published_here(ada: Browser, platform: str) -> None:
    member = ada.new_member()
    target = published(ada, platform, member)
    assert target["deleted_at"] is None
    answer = delete(ada, target)
    assert (answer.status_code, answer.content) == (204, b"")
    (received,) = ada.sandbox.posts(member)
    assert received["deleted_at"] is not None
    after = ada.target(target["post_id"])
    assert (after["state"], after["external_id"]) == ("published", target["external_id"])
    assert after["deleted_at"] is not None
    assert ada.row("posts", target["post_id"])["status"] == "published"


def test_twice_is_refused_and_asks_the_platform_once(ada: Browser) -> None:
    member = ada.new_member()
    target = published(ada, "x", member)
    assert delete(ada, target).status_code == 204
    assert problem(delete(ada, target), 409)["detail"] == "This post was deleted already."
    asked = ada.sandbox.requests(member, host="api.x.com", method="DELETE")
    assert len(asked) == 1


def test_a_thread_goes_as_a_whole(ada: Browser) -> None:
    member = ada.new_member()
    account = ada.connect(member, "x")
    sentences = (f"{n} {'is told at some length ' * 10}here." for n in range(3))
    post = ada.insert("posts", {"text": " ".join(sentences)})["id"]
    ada.insert("post_targets", {"post_id": post, "account_id": account, "options": {"thread": True}})  # fmt: skip
    assert publish(ada, post, **WAIT).json()["status"] == "published"
    assert delete(ada, ada.target(post)).status_code == 204
    received = ada.sandbox.posts(member)
    assert len(received) == 3
    assert all(one["deleted_at"] is not None for one in received)


def test_one_that_is_gone_there_already_is_no_error(ada: Browser) -> None:
    member = ada.new_member()
    target = published(ada, "x", member)
    ada.sandbox.order({"status": 404}, host="api.x.com", method="DELETE", member=member)
    assert delete(ada, target).status_code == 204
    assert ada.target(target["post_id"])["deleted_at"] is not None


@pytest.mark.parametrize(
    ("order", "status"), [({"status": 503}, 503), ({"drop": True}, 503), ({"revoke": True}, 409)]
)
def test_what_the_platform_does_not_delete_is_not_called_deleted(
    ada: Browser, order: dict[str, Any], status: int
) -> None:
    member = ada.new_member()
    target = published(ada, "linkedin", member)
    ada.sandbox.order(order, host="api.linkedin.com", method="DELETE", member=member)
    problem(delete(ada, target), status)
    assert ada.target(target["post_id"])["deleted_at"] is None


def test_somebody_elses_is_not_found(ada: Browser, ben: Browser) -> None:
    member = ada.new_member()
    target = published(ada, "x", member)
    mine = ben.write(TEXT)
    problem(delete(ben, target), 404)
    assert problem(delete(ben, target, post=mine), 404)["detail"] == "There is no such target."
    problem(delete(ada, target, id=NOBODYS), 404)
    problem(delete(ada, target, id="no-id"), 422)
    assert ada.sandbox.posts(member)[0]["deleted_at"] is None


def test_nobody_signed_in_deletes_nothing(ada: Browser, stranger: Browser) -> None:
    target = ada.target(ada.write(TEXT, ada.connect()))
    problem(delete(stranger, target), 401)


def test_what_is_not_out_is_refused_with_its_state(ada: Browser) -> None:
    target = ada.target(ada.write(TEXT, ada.connect()))
    assert "is draft; there is nothing to delete" in problem(delete(ada, target), 409)["detail"]


def test_without_an_id_its_owner_deletes_it_there(
    ada: Browser, sql: Callable[..., list[Any]]
) -> None:
    member = ada.new_member()
    target = published(ada, "linkedin", member)
    sql("update post_targets set external_id = null, external_id_unknown = true where id = %s", target["id"])  # fmt: skip
    assert problem(delete(ada, target), 409)["detail"] == (
        "Lin does not know the id of this post; delete it on the platform."
    )
    assert ada.sandbox.posts(member)[0]["deleted_at"] is None


def test_a_thread_without_any_id_is_not_called_deleted(
    ada: Browser, sql: Callable[..., list[Any]]
) -> None:
    """Its first post is live, X said no id: there is nothing that could be named to X."""
    member = ada.new_member()
    target = published(ada, "x", member)
    sql("update post_targets set external_id = null, external_id_unknown = true where id = %s", target["id"])  # fmt: skip
    sql(
        "insert into publication_notes (target_id, post_version, target_version, notes)"
        """ select t.id, p.version, t.version, '{"live": true}' from post_targets t join posts p on p.id = t.post_id where t.id = %s"""
        " on conflict (target_id) do update set notes = excluded.notes",
        target["id"],
    )
    refused = problem(delete(ada, target), 409)
    assert refused["detail"] == "X did not say the id of this post; delete it there."
    assert ada.target(target["post_id"])["deleted_at"] is None
    assert ada.sandbox.posts(member)[0]["deleted_at"] is None


def test_tiktok_lets_no_app_delete_so_its_owner_does_it_there(ada: Browser) -> None:
    member = ada.new_member()
    account, media = ada.connect(member, "tiktok"), picture(ada)
    post = ada.write(TEXT, account)
    ada.insert("post_media", {"post_id": post, "media_id": media})
    assert publish(ada, post, **WAIT).json()["status"] == "published"
    refused = problem(delete(ada, ada.target(post)), 409)
    assert "delete it there" in refused["detail"]
    assert ada.target(post)["deleted_at"] is None
