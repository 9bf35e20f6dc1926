"""Texts, links, photos, videos and reels on a page, read back, counted and deleted."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
import requests

from local.sandbox.driver import Sandbox
from local.sandbox.graph.driver import GraphApp, GraphCaller, error_of
from tests.sandbox.tiktok_files import FileServer, photo, video

DAY = 86_400
REEL = (1080, 1920)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def upload(page: GraphCaller, data: bytes, **fields: str) -> dict[str, str]:
    answer = page.call("POST", f"{page.id}/photos", data=fields, files={"source": ("a.jpg", data)})
    assert answer.status_code == 200, answer.text
    body: dict[str, str] = answer.json()
    return body


def published(page: GraphCaller, **params: Any) -> list[dict[str, Any]]:
    answer = page.get(f"{page.id}/published_posts", **params)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def status_of(page: GraphCaller, video_id: str) -> dict[str, Any]:
    status: dict[str, Any] = page.get(video_id, fields="status").json()["status"]
    return status


def test_a_text_is_received_as_it_was_sent(fay: GraphCaller) -> None:
    text = "Good #morning, 42 #42 at https://lin.example/a?b=1 – ‎שלום 👩‍👩‍👧\nnext"
    answer = fay.call(
        "POST", f"{fay.id}/feed?fields=id,permalink_url", data={"message": text}
    ).json()
    [post] = fay.posts()
    assert post["urn"] == answer["id"]
    assert answer["id"].startswith(f"{fay.id}_")
    assert (post["commentary"], post["visible_text"]) == (text, text)
    marked = [piece for piece in post["pieces"] if piece[0] != "text"]
    assert marked == [["hashtag", "#morning"], ["link", "https://lin.example/a?b=1"]]
    assert "".join(piece[1] for piece in post["pieces"]) == text
    assert (post["author"], post["author_name"]) == (fay.id, "Fay Page's page")
    assert (post["visibility"], post["defects"]) == ("PUBLIC", [])
    shown = requests.get(fay.sandbox.at(answer["permalink_url"]), timeout=10)
    assert shown.status_code == 200
    assert "#morning" in shown.text
    assert fay.sandbox.posts(fay.member)[0]["urn"] == post["urn"]


def test_a_link_goes_with_the_text_and_is_on_the_page(fay: GraphCaller) -> None:
    post = fay.post("feed", message="Read", link="https://lin.example/article").json()["id"]
    [received] = fay.posts()
    assert (received["kind"], received["content"]["link"]) == (
        "link",
        "https://lin.example/article",
    )
    page = requests.get(f"{fay.sandbox.url}/post/{post}", timeout=10).text
    assert 'href="https://lin.example/article"' in page


def test_what_meta_would_ignore_is_noted(fay: GraphCaller) -> None:
    fay.post("feed", message="Good morning", commentary="x")
    assert fay.posts()[0]["defects"] == ["commentary is not documented and was ignored"]


def test_one_photo_by_upload_and_by_address(fay: GraphCaller, serving: FileServer) -> None:
    for number, data in enumerate((photo("PNG"), photo("JPEG"))):
        fields = {"message": f"Look {number}", "alt_text_custom": "A wall"}
        if number:
            answer = fay.post("photos", url=serving.put("/a.jpg", data), **fields).json()
        else:
            answer = upload(fay, data, **fields)
        post = fay.posts()[0]
        assert (post["urn"], post["kind"]) == (answer["post_id"], "image")
        [media] = post["media"]
        assert (media["urn"], media["sha256"]) == (answer["id"], sha(data))
        assert (media["alt_text"], media["width"], media["height"]) == ("A wall", 60, 80)
        kept = requests.get(f"{fay.sandbox.url}/_control/media/{answer['id']}", timeout=10)
        assert kept.content == data


@pytest.mark.parametrize("style", ["json", "json text", "numbered form"])
def test_several_photos_are_attached_in_each_style(fay: GraphCaller, style: str) -> None:
    pictures = [photo(shade=shade) for shade in (10, 200)]
    kept = [
        {"media_fbid": upload(fay, one, published="false", alt_text_custom=f"No. {number}")["id"]}
        for number, one in enumerate(pictures)
    ]
    assert fay.posts() == []
    if style == "json":
        answer = fay.post("feed", message="Two", attached_media=kept)
    elif style == "json text":
        form = {"message": "Two", "attached_media": json.dumps(kept)}
        answer = fay.call("POST", f"{fay.id}/feed", data=form)
    else:
        form = {f"attached_media[{n}]": json.dumps(one) for n, one in enumerate(kept)}
        answer = fay.call("POST", f"{fay.id}/feed", data=form | {"message": "Two"})
    [post] = fay.posts()
    assert (post["urn"], post["kind"]) == (answer.json()["id"], "multiImage")
    assert [media["sha256"] for media in post["media"]] == [sha(one) for one in pictures]
    assert [media["alt_text"] for media in post["media"]] == ["No. 0", "No. 1"]


def test_a_scheduled_post_appears_at_its_time(fay: GraphCaller) -> None:
    told = fay.sandbox.tell("clock", advance_seconds=0, member=fay.member)["now"]
    at = int(datetime.fromisoformat(told).timestamp()) + 3600
    post = fay.post("feed", message="Later", published=False, scheduled_publish_time=at).json()
    assert fay.posts()[0]["visibility"] == "SCHEDULED"
    assert published(fay) == []
    fay.pass_time(3600)
    assert [one["id"] for one in published(fay)] == [post["id"]]


def test_an_unpublished_post_is_in_no_list(fay: GraphCaller) -> None:
    fay.post("feed", message="Draft", published=False)
    assert fay.posts()[0]["visibility"] == "UNPUBLISHED"
    assert published(fay) == []


def test_published_posts_are_read_back_newest_first_since_a_moment(fay: GraphCaller) -> None:
    first = fay.post("feed", message="One").json()["id"]
    fay.pass_time(100)
    second = fay.post("feed", message="Two").json()["id"]
    fields = "id,message,created_time,permalink_url"
    found = published(fay, fields=fields)
    assert [(one["id"], one["message"]) for one in found] == [(second, "Two"), (first, "One")]
    assert all(one["permalink_url"].endswith(one["id"]) for one in found)
    moment = int(datetime.fromisoformat(found[0]["created_time"]).timestamp())
    assert [one["id"] for one in published(fay, since=moment)] == [second]
    assert [one["id"] for one in published(fay, until=moment - 1)] == [first]
    assert published(fay, since=moment + 1) == []
    paged = fay.get(f"{fay.id}/feed", limit=1).json()
    assert [one["id"] for one in paged["data"]] == [second]
    after = paged["paging"]["cursors"]["after"]
    assert [one["id"] for one in published(fay, limit=1, after=after)] == [first]


def test_reading_back_may_lag(fay: GraphCaller) -> None:
    fay.set(readback_seconds=45)
    fay.post("feed", message="Good morning")
    assert published(fay) == []
    fay.pass_time(45)
    assert len(published(fay)) == 1


def test_a_field_that_does_not_exist_is_refused(fay: GraphCaller) -> None:
    post = fay.post("feed", message="Good morning").json()["id"]
    assert error_of(fay.get(post, fields="id,text")) == (400, 100, None)
    assert error_of(fay.get(post, fields="id,,")) == (400, 2500, None)


def test_a_post_is_deleted_once(fay: GraphCaller) -> None:
    post = fay.post("feed", message="Good morning").json()["id"]
    assert fay.call("DELETE", post).json() == {"success": True}
    assert fay.posts()[0]["deleted_at"]
    assert published(fay) == []
    assert error_of(fay.call("DELETE", post)) == (400, 100, 33)
    assert error_of(fay.get(post)) == (400, 100, 33)


def test_another_pages_post_is_not_to_be_deleted(
    sandbox: Sandbox, fay: GraphCaller, facebook: GraphApp
) -> None:
    other = GraphCaller.new(sandbox, "facebook", client_id=facebook.client_id)
    post = fay.post("feed", message="Good morning").json()["id"]
    assert error_of(other.call("DELETE", post)) == (400, 100, 33)
    person = fay.with_token(fay.made["user_token"])
    assert error_of(person.call("DELETE", post)) == (403, 200, None)
    assert fay.posts()[0]["deleted_at"] is None


def test_numbers_can_be_set_for_all_posts_and_for_one(fay: GraphCaller) -> None:
    one = fay.post("feed", message="One").json()["id"]
    two = fay.post("feed", message="Two").json()["id"]
    fay.set(statistics={"reactions": 3, "views": 40}, statistics_of={two: {"shares": 5}})
    fields = "reactions.summary(total_count),comments.summary(total_count),shares"
    first, second = fay.get(one, fields=fields).json(), fay.get(two, fields=fields).json()
    assert first["reactions"]["summary"]["total_count"] == 3
    assert first["comments"] == {"data": [], "summary": {"total_count": 0}}
    assert "shares" not in first
    assert second["shares"] == {"count": 5}
    assert "summary" not in fay.get(one, fields="reactions").json()["reactions"]
    metrics = "post_media_view,post_clicks,post_reactions_by_type_total"
    insights = fay.get(f"{two}/insights", metric=metrics).json()["data"]
    assert {each["name"]: each["values"][0]["value"] for each in insights} == {
        "post_media_view": 40,
        "post_clicks": 0,
        "post_reactions_by_type_total": {},
    }


@pytest.mark.parametrize(
    ("metric", "version"),
    [("post_impressions", "v24.0"), ("post_media_view", "v22.0"), ("", "v24.0")],
)
def test_metrics_that_are_gone_or_too_new_are_refused(
    fay: GraphCaller, metric: str, version: str
) -> None:
    post = fay.post("feed", message="Good morning").json()["id"]
    answer = fay.call("GET", f"{post}/insights", version=version, params={"metric": metric})
    assert error_of(answer) == (400, 100, None)


@pytest.mark.parametrize("way", ["source", "file_url", "resumable"])
def test_a_video_is_published_after_processing(
    fay: GraphCaller, facebook: GraphApp, serving: FileServer, way: str
) -> None:
    fay.set(processing_seconds=30)
    data, text = video(), {"description": "Sea", "title": "Waves"}
    if way == "source":
        answer = fay.call("POST", f"{fay.id}/videos", data=text, files={"source": ("a.mp4", data)})
    elif way == "file_url":
        answer = fay.post("videos", file_url=serving.put("/a.mp4", data), **text)
    else:
        handle = resumed_upload(fay, facebook, data)
        body = text | {"fbuploader_video_file_chunk": handle}
        host = "graph-video.facebook.com"
        answer = fay.call("POST", f"{fay.id}/videos", host=host, json=body)
    made = answer.json()["id"]
    assert status_of(fay, made)["video_status"] == "processing"
    assert "post_id" not in fay.get(made, fields="post_id").json()
    assert published(fay) == []
    fay.pass_time(30)
    assert status_of(fay, made) == {
        "video_status": "ready",
        "uploading_phase": {"status": "complete"},
        "processing_phase": {"status": "complete"},
        "publishing_phase": {"status": "complete", "publish_status": "published"},
    }
    told = fay.get(made, fields="status,post_id,permalink_url").json()
    [post] = fay.posts()
    assert (post["urn"], post["kind"], post["commentary"]) == (made, "video", "Sea")
    assert post["content"]["post_id"] == told["post_id"]
    assert (post["media"][0]["sha256"], post["media"][0]["title"]) == (sha(data), "Waves")
    assert [one["id"] for one in published(fay)] == [told["post_id"]]
    assert requests.get(fay.sandbox.at(told["permalink_url"]), timeout=10).status_code == 200
    assert fay.call("DELETE", told["post_id"]).json() == {"success": True}
    assert error_of(fay.get(made)) == (400, 100, 33)


def resumed_upload(page: GraphCaller, app: GraphApp, data: bytes) -> str:
    """Two requests with a break between them; returns the handle."""
    query = {"file_name": "a.mp4", "file_length": len(data), "file_type": "video/mp4"}
    session = page.call("POST", f"{app.client_id}/uploads", params=query).json()["id"]
    assert session.startswith("upload:")
    address = f"https://{page.host}/v24.0/{session}"
    page.set(upload_breaks_after=1000)
    assert page.put_bytes(address, data, file_offset="0").status_code == 500
    offset = page.get(session).json()["file_offset"]
    assert offset == 1000
    assert error_of(page.put_bytes(address, data, file_offset="0")) == (400, 100, None)
    answer = page.put_bytes(address, data[offset:], file_offset=str(offset)).json()
    # An answer that was lost is asked for again without bytes.
    again = page.put_bytes(address, b"", file_offset=str(len(data))).json()
    assert again == answer
    return str(answer["h"])


def test_an_upload_is_for_its_own_app_and_member(
    sandbox: Sandbox, fay: GraphCaller, facebook: GraphApp
) -> None:
    query = {"file_name": "a.mp4", "file_length": 4, "file_type": "video/mp4"}
    assert error_of(fay.call("POST", "1/uploads", params=query)) == (400, 100, 33)
    uploads = f"{facebook.client_id}/uploads"
    assert error_of(fay.call("POST", uploads, params=query | {"file_length": 0}))[1] == 100
    assert error_of(fay.call("POST", uploads, params=query | {"file_type": "text/html"}))[1] == 100
    session = fay.call("POST", uploads, params=query).json()["id"]
    other = GraphCaller.new(sandbox, "facebook", client_id=facebook.client_id)
    assert error_of(other.get(session)) == (400, 100, 33)
    address = f"https://{fay.host}/v24.0/{session}"
    assert error_of(fay.put_bytes(address, b"fives", file_offset="0")) == (400, 100, None)
    answer = fay.post("videos", fbuploader_video_file_chunk="4711")
    assert error_of(answer) == (400, 100, None)


def test_what_is_no_video_is_refused(fay: GraphCaller, serving: FileServer) -> None:
    for data in (photo(), b"text"):
        answer = fay.call("POST", f"{fay.id}/videos", files={"source": ("a.mp4", data)})
        assert error_of(answer) == (400, 352, None)
    assert error_of(fay.post("videos", file_url=f"{serving.url}/no.mp4")) == (400, 100, None)
    assert error_of(fay.post("videos", description="no bytes")) == (400, 100, None)
    assert fay.posts() == []


def test_processing_can_be_made_to_fail(fay: GraphCaller) -> None:
    fay.set(processing_fails="The codec is unknown.")
    files = {"source": ("a.mp4", video())}
    made = fay.call("POST", f"{fay.id}/videos", files=files).json()["id"]
    status = status_of(fay, made)
    assert status["video_status"] == "error"
    assert status["processing_phase"]["errors"][0]["message"] == "The codec is unknown."
    assert fay.posts() == []


def send_reel(page: GraphCaller, data: bytes, kind: str = "video_reels") -> tuple[str, Any]:
    started = page.post(kind, upload_phase="start").json()
    assert started["upload_url"].startswith("https://rupload.facebook.com/video-upload/v24.0/")
    sent = page.put_bytes(started["upload_url"], data, offset="0", file_size=str(len(data)))
    assert sent.json() == {"success": True}
    body = {"video_id": started["video_id"], "video_state": "PUBLISHED", "description": "Sea"}
    return started["video_id"], page.post(kind, upload_phase="finish", **body).json()


def test_a_reel_goes_through_its_three_steps(fay: GraphCaller) -> None:
    data = video(sides=REEL)
    reel, answer = send_reel(fay, data)
    assert answer == {"success": True}
    [post] = fay.posts()
    assert (post["urn"], post["kind"], post["commentary"]) == (reel, "reel", "Sea")
    assert post["media"][0]["sha256"] == sha(data)
    assert status_of(fay, reel)["publishing_phase"]["publish_status"] == "published"
    fay.set(reel_answers_post_id=True)
    reel, answer = send_reel(fay, data)
    assert answer["post_id"] == fay.get(reel, fields="post_id").json()["post_id"]


def test_a_reels_bytes_go_on_where_they_stopped(fay: GraphCaller) -> None:
    data = video(sides=REEL)
    started = fay.post("video_reels", upload_phase="start").json()
    url, size = started["upload_url"], str(len(data))
    assert status_of(fay, started["video_id"])["uploading_phase"]["status"] == "not_started"
    fay.set(upload_breaks_after=500)
    assert fay.put_bytes(url, data, offset="0", file_size=size).status_code == 500
    assert status_of(fay, started["video_id"])["uploading_phase"] == {
        "status": "in_progress",
        "bytes_transferred": 500,
    }
    fay.put_bytes(url, data[500:], offset="500", file_size=size).raise_for_status()
    assert status_of(fay, started["video_id"])["video_status"] == "upload_complete"
    body = {"upload_phase": "finish", "video_id": started["video_id"], "video_state": "PUBLISHED"}
    fay.post("video_reels", **body).raise_for_status()
    assert fay.posts()[0]["media"][0]["sha256"] == sha(data)


def test_a_reel_may_be_fetched(fay: GraphCaller, serving: FileServer) -> None:
    data = video(sides=REEL)
    started = fay.post("video_reels", upload_phase="start").json()
    address = serving.put("/reel.mp4", data)
    sent = fay.put_bytes(started["upload_url"], b"", file_url=address)
    assert sent.json() == {"success": True}
    assert status_of(fay, started["video_id"])["video_status"] == "upload_complete"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (video(sides=(1920, 1080)), "9:16"),
        (video(sides=(360, 640)), "at least 540 × 960"),
        (video(sides=(1000, 1920)), "9:16"),
        (video(sides=REEL, seconds=91), "91 s long"),
        (video(sides=REEL, seconds=2), "2 s long"),
        (video(sides=REEL, fps=10), "frames a second"),
        (video(sides=REEL, brand=b"qt  "), "not an MP4"),
        (photo(), "not an MP4"),
    ],
)
def test_a_reel_that_does_not_fit_fails_in_processing(
    fay: GraphCaller, data: bytes, why: str
) -> None:
    reel, answer = send_reel(fay, data)
    assert answer == {"success": True}
    assert why in status_of(fay, reel)["processing_phase"]["errors"][0]["message"]
    assert fay.posts() == []


def test_stories_are_posts_of_another_place(fay: GraphCaller) -> None:
    _, answer = send_reel(fay, video(sides=REEL), "video_stories")
    kept = upload(fay, photo(), published="false")["id"]
    story = fay.post("photo_stories", photo_id=kept).json()
    assert [post["distribution"] for post in fay.posts()] == ["STORY", "STORY"]
    assert fay.posts()[0]["urn"] == story["post_id"]
    assert answer["post_id"]
    assert error_of(fay.post("photo_stories", photo_id=kept)) == (400, 100, None)


def test_of_two_equal_posts_at_once_one_gets_through(fay: GraphCaller) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: fay.post("feed", message="Same"), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
    assert len(fay.posts()) == 1


def test_an_order_takes_the_id_out_of_the_answer(fay: GraphCaller) -> None:
    fay.sandbox.order({"no_id": True}, member=fay.member, method="POST", times=2)
    assert fay.post("feed", message="Good morning").json() == {}
    assert upload(fay, photo()) == {}
    assert len(fay.posts()) == 2


def test_an_order_answers_with_metas_own_words(fay: GraphCaller) -> None:
    body = {"error": {"message": "Blocked", "type": "OAuthException", "code": 368}}
    order = {"status": 400, "body": body, "headers": {"X-App-Usage": '{"call_count":100}'}}
    fay.sandbox.order(order, member=fay.member, path="/v24.0/*/feed")
    answer = fay.post("feed", message="Good morning")
    assert error_of(answer) == (400, 368, None)
    assert answer.headers["X-App-Usage"] == '{"call_count":100}'
    assert fay.posts() == []


def test_unknown_settings_are_refused_by_name(fay: GraphCaller) -> None:
    with pytest.raises(ValueError, match="unknown settings: speed"):
        fay.set(speed=1)
