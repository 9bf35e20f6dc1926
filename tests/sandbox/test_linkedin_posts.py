"""Posts that LinkedIn takes: what is kept, shown, edited, deleted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.sandbox.driver import Caller, Sandbox

MakeVideo = Callable[[int, float], bytes]


def test_a_post_is_kept_with_everything_a_reader_would_see(
    sandbox: Sandbox, amy: Caller, png: bytes
) -> None:
    urns = [amy.upload("image", png) for _ in range(3)]
    images: list[dict[str, str]] = [{"id": urn} for urn in urns]
    images[1]["altText"] = "A teal rectangle"
    headers = amy.headers(X_Request_Id="r-17")
    body = amy.body("Hello #World", content={"multiImage": {"images": images}})
    answer = amy.call("POST", "/rest/posts", headers=headers, json=body)
    assert answer.status_code == 201
    assert answer.content == b""
    (post,) = sandbox.posts(amy.author)
    assert post["urn"] == answer.headers["x-restli-id"]
    assert post["author"] == amy.author
    assert post["author_name"] == "Amy Example"
    assert post["kind"] == "multiImage"
    assert post["defects"] == []
    assert post["client_request_id"] == "r-17"
    assert post["pieces"] == [["text", "Hello "], ["hashtag", "#World"]]
    assert [media["urn"] for media in post["media"]] == urns
    assert [media["alt_text"] for media in post["media"]] == [None, "A teal rectangle", None]
    assert (post["media"][0]["width"], post["media"][0]["height"]) == (40, 30)
    assert post["media"][0]["mime"] == "image/png"
    assert post["media"][0]["bytes"] == len(png)


def test_an_article_and_a_poll_are_taken(sandbox: Sandbox, amy: Caller, png: bytes) -> None:
    thumbnail = amy.upload("image", png)
    article = {"source": "https://example.com/a", "title": "T", "thumbnail": thumbnail}
    assert amy.create("", content={"article": article}).status_code == 201
    options = [{"text": "Yes"}, {"text": "No"}]
    poll = {"question": "Well?", "options": options, "settings": {"duration": "THREE_DAYS"}}
    answer = amy.create("", content={"poll": poll})
    assert answer.headers["x-restli-id"].startswith("urn:li:ugcPost:")
    assert [post["kind"] for post in sandbox.posts(amy.member)] == ["poll", "article"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"article": {"source": "https://example.com"}}, "MISSING_FIELD"),
        ({"article": {"source": "example.com", "title": "T"}}, "INVALID_VALUE_FOR_FIELD"),
        ({"article": {"source": "https://a.b", "title": "T" * 401}}, "FIELD_LENGTH_TOO_LONG"),
        ({"poll": {"question": "Q", "options": [{"text": "1"}]}}, "INVALID_VALUE_FOR_FIELD"),
        ({"poll": {"question": "Q" * 141, "options": []}}, "FIELD_LENGTH_TOO_LONG"),
        ({"carousel": {}}, "INVALID_VALUE_FOR_FIELD"),
        ({}, "INVALID_VALUE_FOR_FIELD"),
        ({"media": {"id": "urn:li:share:1"}}, "INVALID_URN_TYPE"),
        ({"media": {"id": "urn:li:video:none"}}, "INVALID_URN_ID"),
    ],
)
def test_content_outside_its_limits_is_refused(
    sandbox: Sandbox, amy: Caller, content: dict[str, Any], code: str
) -> None:
    answer = amy.create(content=content)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert sandbox.posts(amy.member) == []


def test_an_empty_alt_text_is_refused(amy: Caller, png: bytes) -> None:
    media = {"id": amy.upload("image", png), "altText": ""}
    assert amy.create(content={"media": media}).json()["code"] == "INVALID_VALUE_BLANK_FIELD"
    media["altText"] = "x" * 4087
    assert amy.create(content={"media": media}).json()["code"] == "FIELD_LENGTH_TOO_LONG"


def test_an_organization_posts_to_the_public_only(
    sandbox: Sandbox, vetted: Caller, page: str
) -> None:
    author = f"urn:li:organization:{page}"
    assert vetted.create(author=author, visibility="CONNECTIONS").status_code == 400
    assert vetted.create(author=author).status_code == 201
    assert sandbox.posts(vetted.member)[0]["author_name"] == "Harbour Bakery"


def test_other_text_media_author_or_app_is_no_duplicate(
    amy: Caller, ben: Caller, png: bytes
) -> None:
    assert amy.create("Same").status_code == 201
    assert ben.create("Same").status_code == 201
    assert amy.create("Same!").status_code == 201
    first, second = amy.upload("image", png), amy.upload("image", png)
    assert amy.create("Same", content={"media": {"id": first}}).status_code == 201
    assert amy.create("Same", content={"media": {"id": second}}).status_code == 201
    assert amy.create("Same", content={"media": {"id": first}}).status_code == 422


def test_a_deleted_post_still_counts_as_the_first(sandbox: Sandbox, amy: Caller) -> None:
    urn = amy.create("Gone").headers["x-restli-id"]
    assert amy.call("DELETE", amy.post_path(urn)).status_code == 204
    assert amy.call("DELETE", amy.post_path(urn)).status_code == 204
    assert sandbox.posts(amy.member)[0]["deleted_at"]
    assert amy.create("Gone").json()["message"].endswith(urn)


def test_of_many_identical_posts_at_once_one_is_taken(sandbox: Sandbox, amy: Caller) -> None:
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: amy.create("At once"), range(24)))
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 23
    assert len(sandbox.posts(amy.member)) == 1


def test_a_post_can_be_edited_in_its_commentary_only(sandbox: Sandbox, amy: Caller) -> None:
    urn = amy.create("Old").headers["x-restli-id"]
    headers = amy.headers(X_RestLi_Method="PARTIAL_UPDATE")

    def edit(changes: dict[str, Any]) -> int:
        body = {"patch": {"$set": changes}}
        return amy.call("POST", amy.post_path(urn), headers=headers, json=body).status_code

    assert edit({"visibility": "CONNECTIONS"}) == 422
    assert edit({}) == 422
    assert edit({"commentary": "New"}) == 204
    post = sandbox.posts(amy.member)[0]
    assert (post["visible_text"], bool(post["edited_at"])) == ("New", True)
    plain = amy.call("POST", amy.post_path(urn), json={"patch": {"$set": {"commentary": "x"}}})
    assert plain.status_code == 400


def test_a_vetted_app_reads_its_posts_back(vetted: Caller) -> None:
    urn = vetted.create("Read me").headers["x-restli-id"]
    assert vetted.call("GET", vetted.post_path(urn)).json()["commentary"] == "Read me"
    author = vetted.author.replace(":", "%3A")
    found = vetted.call("GET", f"/rest/posts?q=author&author={author}").json()["elements"]
    assert [post["id"] for post in found] == [urn]
    assert vetted.call("GET", vetted.post_path("urn:li:share:1")).status_code == 404


def test_a_hidden_post_is_a_defect(sandbox: Sandbox, amy: Caller) -> None:
    assert amy.create(distribution={"feedDistribution": "NONE"}).status_code == 201
    assert "nobody's feed" in sandbox.posts(amy.member)[0]["defects"][0]


def test_quotas_count_per_member_and_refused_requests_too(
    sandbox: Sandbox, amy: Caller, ben: Caller
) -> None:
    sandbox.tell("quotas", member=amy.member, used=148)
    assert amy.create("").status_code == 400
    amy.start_upload("image")
    assert amy.create("Too much").status_code == 429
    assert ben.create("Mine").status_code == 201


def test_unknown_methods_and_paths_answer_like_linkedin(amy: Caller) -> None:
    missing = amy.call("GET", "/rest/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
    assert amy.call("PATCH", "/rest/posts").status_code == 405
    chunked = amy.call("POST", "/rest/posts", data=iter([b"{}"]))
    assert chunked.status_code == 411


def test_a_video_goes_up_in_parts_and_is_posted(
    sandbox: Sandbox, amy: Caller, mp4: MakeVideo
) -> None:
    data = mp4(9_000_000, 5.0)
    value = amy.start_upload("video", fileSizeBytes=len(data))
    path = f"/rest/videos/{value['video'].replace(':', '%3A')}"
    assert amy.call("GET", path).json()["status"] == "WAITING_UPLOAD"
    etags = []
    for part in value["uploadInstructions"]:
        answer = amy.put(part["uploadUrl"], data[part["firstByte"] : part["lastByte"] + 1])
        assert answer.status_code == 200
        assert answer.headers["ETag"].startswith('"')
        etags.append(answer.headers["ETag"].strip('"'))
    assert len(etags) == 3
    sandbox.tell("settings", processing_seconds=30, member=amy.member)
    request = {"video": value["video"], "uploadToken": "", "uploadedPartIds": etags}
    finalize = {"finalizeUploadRequest": request}
    answer = amy.call("POST", "/rest/videos?action=finalizeUpload", json=finalize)
    assert answer.status_code == 200
    content = {"media": {"id": value["video"], "title": "Clip"}}
    assert amy.call("GET", path).json()["status"] == "PROCESSING"
    assert amy.create(content=content).json()["code"] == "MEDIA_ASSET_WAITING_UPLOAD"
    sandbox.tell("clock", advance_seconds=31, member=amy.member)
    assert amy.call("GET", path).json()["status"] == "AVAILABLE"
    assert amy.create(content=content).headers["x-restli-id"].startswith("urn:li:ugcPost:")
    (media,) = sandbox.posts(amy.member)[0]["media"]
    assert (media["mime"], media["seconds"], media["bytes"]) == ("video/mp4", 5.0, len(data))
