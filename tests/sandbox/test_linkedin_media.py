"""Uploads: what LinkedIn can use, and what ends as PROCESSING_FAILED."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest
import requests
from PIL import Image

from local.sandbox.driver import Caller, Sandbox

MakeVideo = Callable[[int, float], bytes]


def image(kind: str, size: tuple[int, int] = (20, 10), frames: int = 1) -> bytes:
    data = io.BytesIO()
    pictures = [Image.new("L", size, number) for number in range(frames)]
    pictures[0].save(
        data, kind, **({"save_all": True, "append_images": pictures[1:]} if frames > 1 else {})
    )
    return data.getvalue()


def post_error(caller: Caller, urn: str, **more: str) -> tuple[int, str, str]:
    answer = caller.create(content={"media": {"id": urn} | more})
    return answer.status_code, answer.json()["code"], answer.json()["message"]


@pytest.mark.parametrize(
    ("kind", "mime"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("GIF", "image/gif")]
)
def test_images_are_recognised_by_their_bytes_and_kept(
    sandbox: Sandbox, amy: Caller, kind: str, mime: str
) -> None:
    data = image(kind)
    urn = amy.upload("image", data)
    assert amy.create(content={"media": {"id": urn}}).status_code == 201
    kept = requests.get(f"{sandbox.url}/_control/media/{urn}", timeout=10)
    assert (kept.content, kept.headers["Content-Type"]) == (data, mime)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a readable"),
        (lambda: image("PNG", (400, 300))[:-40], "not a readable"),
        (lambda: image("WEBP"), "not a readable"),
        (lambda: image("PNG", (6013, 6013)), "pixels"),
        (lambda: image("GIF", (1, 1), 251), "frames"),
    ],
    ids=["svg", "truncated", "webp", "pixels", "frames"],
)
def test_a_file_that_is_no_usable_image_fails_to_process(
    amy: Caller, make: Callable[[], bytes], why: str
) -> None:
    status, code, message = post_error(amy, amy.upload("image", make()))
    assert (status, code) == (400, "MEDIA_ASSET_PROCESSING_FAILED")
    assert why in message


def test_an_image_of_no_bytes_or_too_many_is_refused_at_once(amy: Caller) -> None:
    address = amy.start_upload("image")["uploadUrl"]
    assert amy.put(address, b"").status_code == 400
    assert amy.put(address, bytes(10_000_001)).status_code == 413


def test_an_upload_address_needs_its_signature_and_its_member(
    sandbox: Sandbox, amy: Caller, ben: Caller, png: bytes
) -> None:
    address = amy.start_upload("image")["uploadUrl"]
    assert address.startswith("https://www.linkedin.com/dms-uploads/")
    assert amy.put(address.partition("?")[0], png).status_code == 403
    assert ben.put(address, png).status_code == 403
    assert amy.put(address, png).status_code == 201
    assert amy.put(address, png).status_code == 201
    seen = sandbox.requests(amy.member, host="www.linkedin.com")
    assert [request["status"] for request in seen] == [201, 201, 403]


def test_nobody_uploads_for_somebody_else(amy: Caller, ben: Caller) -> None:
    request = {"initializeUploadRequest": {"owner": ben.author}}
    answer = amy.call("POST", "/rest/images?action=initializeUpload", json=request)
    assert (answer.status_code, answer.json()["code"]) == (403, "ACCESS_DENIED")


def office(folder: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:
        packed.writestr(f"{folder}/document.xml", "<x/>")
    return data.getvalue()


def test_documents_are_recognised_and_counted(sandbox: Sandbox, amy: Caller, pdf: bytes) -> None:
    for data in (
        pdf,
        office("word"),
        office("ppt"),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    ):
        content = {"media": {"id": amy.upload("document", data), "title": "Report"}}
        assert amy.create(content=content).status_code == 201
    assert sandbox.posts(amy.member)[-1]["media"][0]["pages"] == 1


@pytest.mark.parametrize("data", [b"plain text", office("other"), b"%PDF-1.7 broken"])
def test_a_file_that_is_no_document_fails_to_process(amy: Caller, data: bytes) -> None:
    status, code, _ = post_error(amy, amy.upload("document", data), title="Report")
    assert (status, code) == (400, "MEDIA_ASSET_PROCESSING_FAILED")


def upload_video(amy: Caller, data: bytes) -> dict[str, str]:
    value = amy.start_upload("video", fileSizeBytes=len(data))
    (part,) = value["uploadInstructions"]
    etag = amy.put(part["uploadUrl"], data, token=False).headers["ETag"].strip('"')
    request = {"video": value["video"], "uploadToken": "", "uploadedPartIds": [etag]}
    amy.call(
        "POST", "/rest/videos?action=finalizeUpload", json={"finalizeUploadRequest": request}
    ).raise_for_status()
    status: dict[str, str] = amy.call(
        "GET", f"/rest/videos/{value['video'].replace(':', '%3A')}"
    ).json()
    return status


@pytest.mark.parametrize(
    ("size", "seconds", "why"), [(80_000, 2.0, "2 seconds"), (70_000, 5.0, "70000 bytes")]
)
def test_a_video_outside_the_limits_fails_with_the_reason(
    amy: Caller, mp4: MakeVideo, size: int, seconds: float, why: str
) -> None:
    status = upload_video(amy, mp4(size, seconds))
    assert status["status"] == "PROCESSING_FAILED"
    assert why in status["processingFailureReason"]


def test_a_file_that_is_no_video_fails(amy: Caller) -> None:
    assert upload_video(amy, bytes(80_000))["processingFailureReason"] == "not an MP4 file"


def test_a_video_above_500_megabytes_is_refused(amy: Caller) -> None:
    fields = {"owner": amy.author, "fileSizeBytes": 500_000_001}
    answer = amy.call(
        "POST", "/rest/videos?action=initializeUpload", json={"initializeUploadRequest": fields}
    )
    assert answer.status_code == 400


def test_captions_and_thumbnail_have_addresses_of_their_own(amy: Caller, png: bytes) -> None:
    value = amy.start_upload(
        "video", fileSizeBytes=80_000, uploadCaptions=True, uploadThumbnail=True
    )
    assert amy.put(value["thumbnailUploadUrl"], png).status_code == 201
    assert amy.put(value["captionsUploadUrl"], b"1\n", token=False).status_code == 201


def test_the_status_of_a_video_can_be_denied_as_some_report(sandbox: Sandbox) -> None:
    sandbox.tell("apps", client_id="no-status", client_secret="s", video_status_denied=True)
    caller = sandbox.caller(client_id="no-status")
    urn = caller.start_upload("video", fileSizeBytes=80_000)["video"].replace(":", "%3A")
    assert caller.call("GET", f"/rest/videos/{urn}").status_code == 403
