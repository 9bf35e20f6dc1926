"""The bucket `media`: everybody has a folder, and nothing but that."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest
from storage3.exceptions import StorageApiError

from tests.people import People, Person

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
OTHER_PNG = b"\x89PNG\r\n\x1a\n" + b"\1" * 64
TYPE = {"content-type": "image/png"}


@pytest.fixture(scope="module")
def alice(people: People) -> Person:
    """The same alice for all tests here: each uses a folder of its own below hers."""
    return people.make("alice")


@pytest.fixture(scope="module")
def bob(people: People) -> Person:
    """The same bob for all tests here; he never succeeds."""
    return people.make("bob")


@pytest.fixture
def picture(alice: Person) -> str:
    """The path of a file alice has uploaded, the only one in its folder."""
    path = f"{alice.id}/{uuid.uuid4()}/picture.png"
    alice.supabase.storage.from_("media").upload(path, PNG, TYPE)  # type: ignore[arg-type] # FileOptions is a TypedDict
    return path


def test_the_bucket_is_private_and_takes_what_platforms_take(
    database: psycopg.Connection[Any],
) -> None:
    buckets = database.execute(
        "select id, public, file_size_limit, allowed_mime_types from storage.buckets"
    ).fetchall()
    assert [(name, public, size) for name, public, size, _ in buckets] == [
        ("media", False, 500 * 1024 * 1024)
    ]
    kinds = buckets[0][3]
    assert {"image/png", "image/jpeg", "image/gif", "video/mp4", "application/pdf"} <= set(kinds)
    # nothing that a browser would run from the project's own host
    assert not {"text/html", "image/svg+xml", "text/plain", "application/octet-stream"} & set(kinds)


# ---------------------------------------------------------------------------------------- her own folder


def test_alice_uploads_downloads_lists_and_removes(alice: Person) -> None:
    bucket = alice.supabase.storage.from_("media")
    folder = f"{alice.id}/{uuid.uuid4()}"
    path = f"{folder}/holidays/one.png"
    bucket.upload(path, PNG, TYPE)  # type: ignore[arg-type] # FileOptions is a TypedDict
    assert bucket.download(path) == PNG
    assert [entry["name"] for entry in bucket.list(folder)] == ["holidays"]
    assert [entry["name"] for entry in bucket.list(f"{folder}/holidays")] == ["one.png"]
    assert [entry["name"] for entry in bucket.remove([path])] == [path]
    with pytest.raises(StorageApiError):
        bucket.download(path)


def test_a_signed_address_needs_no_token_and_names_one_file(
    alice: Person, nobody: Person, picture: str
) -> None:
    signed = alice.supabase.storage.from_("media").create_signed_url(picture, 60)["signedURL"]
    assert signed
    assert nobody.http.get(signed).content == PNG
    other = signed.replace("picture.png", "other.png")
    assert other != signed
    assert nobody.http.get(other).status_code in (400, 403, 404)
    path, _, token = signed.rpartition("=")
    assert nobody.http.get(f"{path}={token[:-3]}abc").status_code == 400


def test_alice_replaces_her_file(alice: Person, picture: str) -> None:
    bucket = alice.supabase.storage.from_("media")
    with pytest.raises(StorageApiError):
        bucket.upload(picture, OTHER_PNG, TYPE)  # type: ignore[arg-type] # FileOptions is a TypedDict
    bucket.upload(picture, OTHER_PNG, TYPE | {"upsert": "true"})  # type: ignore[arg-type] # FileOptions is a TypedDict
    assert bucket.download(picture) == OTHER_PNG


# ---------------------------------------------------------------------------------------- other folders

Attack = Callable[[Person, Person, str], httpx.Response]
ATTACKS: dict[str, Attack] = {
    "download": lambda thief, _, path: thief.storage("GET", f"object/media/{path}"),
    "download as signed-in": lambda thief, _, path: thief.storage(
        "GET", f"object/authenticated/media/{path}"
    ),
    "download as public": lambda thief, _, path: thief.storage("GET", f"object/public/media/{path}"),
    "info": lambda thief, _, path: thief.storage("GET", f"object/info/media/{path}"),
    "sign": lambda thief, _, path: thief.storage(
        "POST", f"object/sign/media/{path}", json={"expiresIn": 60}
    ),
    "sign an upload": lambda thief, _, path: thief.storage(
        "POST", f"object/upload/sign/media/{path}"
    ),
    "upload beside it": lambda thief, _, path: thief.storage(
        "POST", f"object/media/{path}x", PNG, Content_Type="image/png"
    ),
    "replace": lambda thief, _, path: thief.storage(
        "PUT", f"object/media/{path}", OTHER_PNG, Content_Type="image/png"
    ),
    "upload over it": lambda thief, _, path: thief.storage(
        "POST", f"object/media/{path}", OTHER_PNG, Content_Type="image/png", x_upsert="true"
    ),
    "delete": lambda thief, _, path: thief.storage("DELETE", f"object/media/{path}"),
    "copy into ones own folder": lambda thief, owner, path: thief.storage(
        "POST", "object/copy", json=_from_to(path, path.replace(owner.id, thief.id or "anon"))
    ),
    "move into ones own folder": lambda thief, owner, path: thief.storage(
        "POST", "object/move", json=_from_to(path, path.replace(owner.id, thief.id or "anon"))
    ),
    "climb out of ones own folder": lambda thief, _, path: thief.storage(
        "GET", f"object/media/{thief.id or 'anon'}/%2e%2e/{path}"
    ),
    "upload out of ones own folder": lambda thief, _, path: thief.storage(
        "POST", f"object/media/{thief.id or 'anon'}/%2e%2e/{path}x", PNG, Content_Type="image/png"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ["bob", "nobody"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_file_of_alice_is_out_of_reach(
    alice: Person, bob: Person, nobody: Person, picture: str, attack: str, name: str
) -> None:
    thief = {"bob": bob, "nobody": nobody}[name]
    answer = ATTACKS[attack](thief, alice, picture)
    assert 400 <= answer.status_code < 500, answer.text
    assert PNG not in answer.content
    bucket = alice.supabase.storage.from_("media")
    assert bucket.download(picture) == PNG
    assert [entry["name"] for entry in bucket.list(picture.rpartition("/")[0])] == ["picture.png"]


@pytest.mark.parametrize("name", ["bob", "nobody"])
def test_a_list_of_anothers_folder_is_empty(
    alice: Person, bob: Person, nobody: Person, picture: str, name: str
) -> None:
    thief = {"bob": bob, "nobody": nobody}[name]
    for prefix in (picture.rpartition("/")[0], alice.id, "", f"{alice.id}/"):
        answer = thief.storage("POST", "object/list/media", json={"prefix": prefix, "limit": 100})
        assert answer.json() == [] or answer.status_code in (400, 401, 403)


@pytest.mark.parametrize("name", ["bob", "nobody"])
def test_removing_many_removes_none_of_anothers(
    alice: Person, bob: Person, nobody: Person, picture: str, name: str
) -> None:
    thief = {"bob": bob, "nobody": nobody}[name]
    thief.storage("DELETE", "object/media", json={"prefixes": [picture]})
    signed = thief.storage("POST", "object/sign/media", json={"paths": [picture], "expiresIn": 60})
    assert "token=" not in signed.text
    assert alice.supabase.storage.from_("media").download(picture) == PNG


def test_alice_moves_and_copies_nothing_into_the_folder_of_bob(
    alice: Person, bob: Person, picture: str
) -> None:
    for way in ("move", "copy"):
        answer = alice.storage(
            "POST", f"object/{way}", json=_from_to(picture, f"{bob.id}/gift.png")
        )
        assert 400 <= answer.status_code < 500, answer.text
    assert bob.supabase.storage.from_("media").list(bob.id) == []


@pytest.mark.parametrize("path", ["top.png", "public/x.png", "{id}x/x.png"])
def test_there_is_no_place_outside_the_folders_of_people(alice: Person, path: str) -> None:
    place = path.replace("{id}", alice.id)
    answer = alice.storage("POST", f"object/media/{place}", PNG, Content_Type="image/png")
    assert 400 <= answer.status_code < 500, answer.text


# ---------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize(
    "mime", ["text/html", "image/svg+xml", "application/javascript", "application/octet-stream"]
)
def test_a_type_that_no_platform_takes_is_refused(alice: Person, mime: str) -> None:
    folder = f"{alice.id}/{uuid.uuid4()}"
    answer = alice.storage("POST", f"object/media/{folder}/x.png", b"<script>", Content_Type=mime)
    assert answer.status_code in (400, 415), answer.text
    assert "mime" in answer.text.lower()
    assert alice.supabase.storage.from_("media").list(folder) == []


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_buckets_are_made_changed_and_dropped_by_the_service_only(
    alice: Person, nobody: Person, database: psycopg.Connection[Any], name: str
) -> None:
    person = {"alice": alice, "nobody": nobody}[name]
    question = "select id, public, file_size_limit from storage.buckets order by id"
    before = database.execute(question).fetchall()
    new = {"id": "mine", "name": "mine", "public": True}
    for method, path, body in (
        ("POST", "bucket", new),
        ("PUT", "bucket/media", {"public": True}),
        ("POST", "bucket/media/empty", {}),
        ("DELETE", "bucket/media", None),
    ):
        assert 400 <= person.storage(method, path, json=body).status_code < 500, path
    assert database.execute(question).fetchall() == before
    listed = person.storage("GET", "bucket")
    assert "media" not in listed.text


def _from_to(source: str, destination: str) -> dict[str, str]:
    return {"bucketId": "media", "sourceKey": source, "destinationKey": destination}
