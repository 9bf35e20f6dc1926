"""Storage through the gateway answers as hosted Supabase Storage does."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from local.stack import Stack
from supabase import Client, ClientOptions, create_client
from tests.tls import TLS

from .conftest import Caller


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """A connection, as supabase-py would make it for each client anew."""
    with httpx.Client(timeout=20, verify=TLS) as http:
        yield http


@pytest.fixture
def client(local_supabase: Stack, person: Caller, http: httpx.Client) -> Client:
    """supabase-py as a signed-in person."""
    options = ClientOptions(
        headers={"Authorization": f"Bearer {person.token}"},
        auto_refresh_token=False,
        persist_session=False,
        httpx_client=http,
    )
    info = local_supabase.info
    return create_client(info["supabase_url"], info["publishable_key"], options)


def test_an_upload_keeps_its_type_and_bytes(client: Client, person: Caller) -> None:
    files = client.storage.from_("files")
    files.upload(f"{person.id}/a b.txt", b"hello", {"content-type": "text/plain"})
    assert files.download(f"{person.id}/a b.txt") == b"hello"
    assert files.info(f"{person.id}/a b.txt")["content_type"] == "text/plain"
    files.update(f"{person.id}/a b.txt", b"again", {"content-type": "text/plain"})
    assert files.download(f"{person.id}/a b.txt") == b"again"


def test_a_folder_of_somebody_else_is_closed(client: Client) -> None:
    with pytest.raises(Exception, match="row-level security"):
        client.storage.from_("files").upload("other/a.txt", b"x", {"content-type": "text/plain"})


def test_the_size_limit_of_the_bucket_holds_for_forms(client: Client, person: Caller) -> None:
    with pytest.raises(Exception, match=r"exceeded|too large|maximum"):
        client.storage.from_("files").upload(
            f"{person.id}/big.txt", b"x" * 1001, {"content-type": "text/plain"}
        )


def test_a_list_shows_one_level(client: Client, person: Caller) -> None:
    files = client.storage.from_("files")
    for name in ("a.txt", "b.txt", "deep/c.txt", "deep/er/d.txt"):
        files.upload(f"{person.id}/{name}", b"x", {"content-type": "text/plain"})
    top = [(entry["name"], entry["id"] is None) for entry in files.list(person.id)]
    assert sorted(top) == [("a.txt", False), ("b.txt", False), ("deep", True)]
    deep = [entry["name"] for entry in files.list(f"{person.id}/deep")]
    assert sorted(deep) == ["c.txt", "er"]
    newest_last = files.list(person.id, {"limit": 1, "sortBy": {"column": "name", "order": "desc"}})
    assert len(newest_last) == 1


def test_a_signed_address_opens_the_file_and_may_name_the_download(
    local_supabase: Stack, client: Client, person: Caller
) -> None:
    files = client.storage.from_("files")
    files.upload(f"{person.id}/a.txt", b"hello", {"content-type": "text/plain"})
    raw = person.http.post(
        f"/storage/v1/object/sign/files/{person.id}/a.txt", json={"expiresIn": 60}
    ).json()
    assert raw["signedURL"].startswith("/object/sign/files/")
    signed = files.create_signed_url(f"{person.id}/a.txt", 60, {"download": "näme.txt"})
    answer = httpx.get(signed["signedURL"], verify=TLS)
    assert (answer.status_code, answer.text) == (200, "hello")
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment;")
    assert "n%C3%A4me.txt" in disposition
    broken = httpx.get(signed["signedURL"].split("?")[0] + "?token=a.b.c", verify=TLS)
    assert (broken.status_code, broken.json()["error"]) == (400, "InvalidJWT")


@pytest.mark.parametrize(
    ("asked", "part", "told"),
    [
        ("bytes=0-4", b"01234", "bytes 0-4/26"),
        ("bytes=20-", b"klmnop", "bytes 20-25/26"),
        ("bytes=-3", b"nop", "bytes 23-25/26"),
        ("bytes=24-99", b"op", "bytes 24-25/26"),
        ("bytes=26-30", b"", "bytes */26"),
    ],
)
def test_a_part_of_a_file_is_sent_to_who_asks_for_it(
    client: Client, person: Caller, asked: str, part: bytes, told: str
) -> None:
    files = client.storage.from_("files")
    files.upload(f"{person.id}/part.txt", b"0123456789abcdefghijklmnop", {"upsert": "true"})
    signed = files.create_signed_url(f"{person.id}/part.txt", 60)["signedURL"]
    answer = httpx.get(signed, headers={"Range": asked}, verify=TLS)
    assert (answer.status_code, answer.content) == (206 if part else 416, part)
    assert answer.headers["content-range"] == told
    whole = httpx.get(signed, headers={"Range": "seconds=1-2"}, verify=TLS)
    assert (whole.status_code, len(whole.content)) == (200, 26)


def test_many_addresses_are_signed_at_once(client: Client, person: Caller) -> None:
    files = client.storage.from_("files")
    files.upload(f"{person.id}/a.txt", b"x", {"content-type": "text/plain"})
    here, missing = files.create_signed_urls([f"{person.id}/a.txt", f"{person.id}/no.txt"], 60)
    assert httpx.get(here["signedURL"], verify=TLS).status_code == 200
    assert missing["error"]


def test_a_signed_upload_needs_no_session(
    local_supabase: Stack, client: Client, person: Caller
) -> None:
    files = client.storage.from_("files")
    signed = files.create_signed_upload_url(f"{person.id}/up.txt")
    info = local_supabase.info
    nobody = create_client(info["supabase_url"], info["publishable_key"])
    nobody.storage.from_("files").upload_to_signed_url(
        f"{person.id}/up.txt", signed["token"], b"signed", {"content-type": "text/plain"}
    )
    assert files.download(f"{person.id}/up.txt") == b"signed"


def test_copy_move_and_remove(client: Client, person: Caller) -> None:
    files = client.storage.from_("files")
    files.upload(f"{person.id}/a.txt", b"x", {"content-type": "text/plain"})
    copied = person.http.post(
        "/storage/v1/object/copy",
        json={
            "bucketId": "files",
            "sourceKey": f"{person.id}/a.txt",
            "destinationKey": f"{person.id}/b.txt",
        },
    ).json()
    assert set(copied) == {"Key", "Id"}
    files.move(f"{person.id}/b.txt", f"{person.id}/c.txt")
    files.remove([f"{person.id}/a.txt"])
    assert [entry["name"] for entry in files.list(person.id)] == ["c.txt"]
    assert files.info(f"{person.id}/c.txt")["content_type"] == "text/plain"


def test_a_path_cannot_leave_the_bucket(service: Caller) -> None:
    answer = service.http.post(
        "/storage/v1/object/files/%2e%2e%2f%2e%2e%2fevil.txt",
        content=b"x",
        headers={"Content-Type": "text/plain"},
    )
    assert answer.status_code == 400
