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

from .conftest import World
from .expected import BUCKETS

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


@pytest.fixture(params=BUCKETS)
def bucket(request: pytest.FixtureRequest) -> str:
    """Each bucket there is."""
    name: str = request.param
    return name


@pytest.fixture
def picture(alice: Person, bucket: str) -> str:
    """The path of a file alice has uploaded, the only one in its folder."""
    path = f"{alice.id}/{uuid.uuid4()}/picture.png"
    alice.supabase.storage.from_(bucket).upload(path, PNG, TYPE)  # type: ignore[arg-type] # FileOptions is a TypedDict
    return path


@pytest.fixture
def thieves(world: World, bob: Person) -> dict[str, Person]:
    """Who wants what is Alice's: carol's address is not confirmed, dora has signed out."""
    return {"bob": bob, "carol": world.carol, "dora": world.dora, "nobody": world.nobody}


every_thief = pytest.mark.parametrize("name", ["bob", "carol", "dora", "nobody"])


def test_the_bucket_is_private_and_takes_what_platforms_take(
    database: psycopg.Connection[Any],
) -> None:
    buckets = database.execute(
        "select id, public, file_size_limit, allowed_mime_types from storage.buckets"
    ).fetchall()
    assert {name for name, *_ in buckets} == set(BUCKETS), "write the bucket down in expected.py"
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

Attack = Callable[[Person, Person, str, str], httpx.Response]
ATTACKS: dict[str, Attack] = {
    "download": lambda thief, _, bucket, path: thief.storage("GET", f"object/{bucket}/{path}"),
    "download as signed-in": lambda thief, _, bucket, path: thief.storage(
        "GET", f"object/authenticated/{bucket}/{path}"
    ),
    "download as public": lambda thief, _, bucket, path: thief.storage(
        "GET", f"object/public/{bucket}/{path}"
    ),
    "info": lambda thief, _, bucket, path: thief.storage("GET", f"object/info/{bucket}/{path}"),
    "sign": lambda thief, _, bucket, path: thief.storage(
        "POST", f"object/sign/{bucket}/{path}", json={"expiresIn": 60}
    ),
    "sign an upload": lambda thief, _, bucket, path: thief.storage(
        "POST", f"object/upload/sign/{bucket}/{path}"
    ),
    "upload beside it": lambda thief, _, bucket, path: thief.storage(
        "POST", f"object/{bucket}/{path}x", PNG, Content_Type="image/png"
    ),
    "replace": lambda thief, _, bucket, path: thief.storage(
        "PUT", f"object/{bucket}/{path}", OTHER_PNG, Content_Type="image/png"
    ),
    "upload over it": lambda thief, _, bucket, path: thief.storage(
        "POST", f"object/{bucket}/{path}", OTHER_PNG, Content_Type="image/png", x_upsert="true"
    ),
    "delete": lambda thief, _, bucket, path: thief.storage("DELETE", f"object/{bucket}/{path}"),
    "copy into ones own folder": lambda thief, owner, bucket, path: thief.storage(
        "POST", "object/copy", json=_from_to(path, path.replace(owner.id, thief.id or "anon"), bucket)
    ),
    "move into ones own folder": lambda thief, owner, bucket, path: thief.storage(
        "POST", "object/move", json=_from_to(path, path.replace(owner.id, thief.id or "anon"), bucket)
    ),
    "climb out of ones own folder": lambda thief, _, bucket, path: thief.storage(
        "GET", f"object/{bucket}/{thief.id or 'anon'}/%2e%2e/{path}"
    ),
    "upload out of ones own folder": lambda thief, _, bucket, path: thief.storage(
        "POST", f"object/{bucket}/{thief.id or 'anon'}/%2e%2e/{path}x", PNG, Content_Type="image/png"
    ),
}  # fmt: skip


@every_thief
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_file_of_alice_is_out_of_reach(
    alice: Person, thieves: dict[str, Person], bucket: str, picture: str, attack: str, name: str
) -> None:
    answer = ATTACKS[attack](thieves[name], alice, bucket, picture)
    assert 400 <= answer.status_code < 500, answer.text
    assert PNG not in answer.content
    hers = alice.supabase.storage.from_(bucket)
    assert hers.download(picture) == PNG
    assert [entry["name"] for entry in hers.list(picture.rpartition("/")[0])] == ["picture.png"]


@every_thief
def test_a_list_of_anothers_folder_is_empty(
    alice: Person, thieves: dict[str, Person], bucket: str, picture: str, name: str
) -> None:
    for prefix in (picture.rpartition("/")[0], alice.id, "", f"{alice.id}/"):
        asked = {"prefix": prefix, "limit": 100}
        answer = thieves[name].storage("POST", f"object/list/{bucket}", json=asked)
        assert answer.json() == [] or answer.status_code in (400, 401, 403)


@every_thief
def test_removing_many_removes_none_of_anothers(
    alice: Person, thieves: dict[str, Person], bucket: str, picture: str, name: str
) -> None:
    thief = thieves[name]
    thief.storage("DELETE", f"object/{bucket}", json={"prefixes": [picture]})
    signed = thief.storage(
        "POST", f"object/sign/{bucket}", json={"paths": [picture], "expiresIn": 60}
    )
    assert "token=" not in signed.text
    assert alice.supabase.storage.from_(bucket).download(picture) == PNG


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


def _from_to(source: str, destination: str, bucket: str = "media") -> dict[str, str]:
    return {"bucketId": bucket, "sourceKey": source, "destinationKey": destination}
