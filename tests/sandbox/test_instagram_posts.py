"""Images, carousels, reels and stories on Instagram, read back, counted and deleted."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from local.sandbox.driver import Sandbox
from local.sandbox.graph.driver import GraphCaller, error_of
from tests.sandbox.tiktok_files import FileServer, photo, video

SQUARE = (400, 400)


@pytest.fixture(params=["finn", "ivy"], ids=["facebook login", "instagram login"])
def ann(request: pytest.FixtureRequest) -> GraphCaller:
    """An account of either product."""
    caller: GraphCaller = request.getfixturevalue(request.param)
    return caller


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def made(answer: requests.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def image(account: GraphCaller, serving: FileServer, **fields: Any) -> str:
    shade = fields.pop("shade", 0)
    url = serving.put(f"/{shade}.jpg", photo(size=SQUARE, shade=shade))
    return made(account.post("media", image_url=url, **fields))


def publish(account: GraphCaller, creation_id: str) -> str:
    return made(account.post("media_publish", creation_id=creation_id))


def status_code(account: GraphCaller, identity: str) -> str:
    return str(account.get(identity, fields="status_code").json()["status_code"])


def test_an_image_is_published_as_it_was_sent(ann: GraphCaller, serving: FileServer) -> None:
    caption = "Sea #waves, see @ann.b and https://lin.example 👩‍👩‍👧 שלום\nnext"
    container = image(ann, serving, caption=caption, alt_text="A wall")
    assert ann.posts() == []
    assert status_code(ann, container) == "FINISHED"
    media = publish(ann, container)
    assert status_code(ann, container) == "PUBLISHED"
    [post] = ann.posts()
    assert (post["urn"], post["author"], post["kind"]) == (media, ann.id, "image")
    assert (post["commentary"], post["visible_text"]) == (caption, caption)
    marked = [piece for piece in post["pieces"] if piece[0] != "text"]
    assert marked == [["hashtag", "#waves"], ["mention", "@ann.b"]]
    [described] = post["media"]
    assert described["sha256"] == sha(photo(size=SQUARE))
    assert described["alt_text"] == "A wall"
    assert described["urn"] == container
    kept = requests.get(f"{ann.sandbox.url}/_control/media/{container}", timeout=10)
    assert sha(kept.content) == described["sha256"]
    assert ann.sandbox.posts(ann.member)[0]["urn"] == media


def test_the_public_address_is_only_in_permalink(ann: GraphCaller, serving: FileServer) -> None:
    media = publish(ann, image(ann, serving, caption="Sea"))
    found = ann.get(media, fields="permalink,timestamp").json()
    assert media not in found["permalink"]
    assert found["permalink"].startswith("https://www.instagram.com/p/")
    page = requests.get(ann.sandbox.at(found["permalink"]), timeout=10)
    assert page.status_code == 200
    assert "Sea" in page.text


@pytest.mark.parametrize(("width", "shown"), [(200, 320), (1000, 1000), (2000, 1440)])
def test_widths_are_scaled_not_refused(
    ivy: GraphCaller, serving: FileServer, width: int, shown: int
) -> None:
    url = serving.put("/a.jpg", photo(size=(width, width)))
    publish(ivy, made(ivy.post("media", image_url=url)))
    [media] = ivy.posts()[0]["media"]
    assert (media["width"], media["shown_width"], media["shown_height"]) == (width, shown, shown)


@pytest.mark.parametrize("style", ["list", "commas"])
def test_a_carousel_is_one_post(ann: GraphCaller, serving: FileServer, style: str) -> None:
    children = [
        image(ann, serving, is_carousel_item=True, shade=shade, alt_text=f"No. {shade}")
        for shade in (1, 200)
    ]
    sent = children if style == "list" else ",".join(children)
    carousel = made(ann.post("media", media_type="CAROUSEL", children=sent, caption="Two"))
    media = publish(ann, carousel)
    [post] = ann.posts()
    assert (post["urn"], post["kind"]) == (media, "multiImage")
    assert [each["urn"] for each in post["media"]] == children
    assert [each["alt_text"] for each in post["media"]] == ["No. 1", "No. 200"]
    limit = ann.get(f"{ann.id}/content_publishing_limit").json()
    assert limit == {"data": [{"quota_usage": 1}]}
    fields = ann.get(media, fields="media_type,children").json()
    assert fields["media_type"] == "CAROUSEL_ALBUM"
    assert len(fields["children"]["data"]) == 2


def test_a_carousel_may_have_videos(ann: GraphCaller, serving: FileServer) -> None:
    url = serving.put("/a.mp4", video())
    child = made(ann.post("media", media_type="VIDEO", video_url=url, is_carousel_item=True))
    other = image(ann, serving, is_carousel_item=True)
    carousel = made(ann.post("media", media_type="CAROUSEL", children=[child, other]))
    publish(ann, carousel)
    [post] = ann.posts()
    assert (post["kind"], [each["kind"] for each in post["media"]]) == (
        "carousel",
        ["video", "image"],
    )
    assert requests.get(f"{ann.sandbox.url}/post/{post['urn']}", timeout=10).status_code == 200


def test_a_reel_is_fetched_and_processed(ann: GraphCaller, serving: FileServer) -> None:
    ann.set(processing_seconds=90)
    data = video()
    url = serving.put("/a.mp4", data)
    body = {"media_type": "REELS", "video_url": url, "caption": "Sea", "share_to_feed": True}
    reel = made(ann.post("media", **body))
    assert status_code(ann, reel) == "IN_PROGRESS"
    ann.pass_time(90)
    assert status_code(ann, reel) == "FINISHED"
    media = publish(ann, reel)
    [post] = ann.posts()
    assert (post["kind"], post["media"][0]["sha256"]) == ("reel", sha(data))
    assert post["content"]["share_to_feed"] is True
    fields = ann.get(media, fields="media_type,media_product_type,permalink").json()
    assert (fields["media_type"], fields["media_product_type"]) == ("VIDEO", "REELS")
    assert "/reel/" in fields["permalink"]


def test_a_reels_bytes_go_on_where_they_stopped(ann: GraphCaller) -> None:
    ann.set(processing_seconds=30)
    data = video()
    started = ann.post("media", media_type="REELS", upload_type="resumable").json()
    uri, size = started["uri"], str(len(data))
    assert uri == f"https://rupload.facebook.com/ig-api-upload/v24.0/{started['id']}"
    ann.set(upload_breaks_after=700)
    assert ann.put_bytes(uri, data, offset="0", file_size=size).status_code == 500
    assert ann.put_bytes(uri, data[700:], offset="700", file_size=size).json()["success"] is True
    assert status_code(ann, started["id"]) == "IN_PROGRESS"
    ann.pass_time(30)
    publish(ann, started["id"])
    assert ann.posts()[0]["media"][0]["sha256"] == sha(data)


@pytest.mark.parametrize("kind", ["image", "video"])
def test_a_story_is_not_among_the_media(ann: GraphCaller, serving: FileServer, kind: str) -> None:
    if kind == "image":
        source = {"image_url": serving.put("/tall.jpg", photo(size=(900, 1600)))}
    else:
        source = {"video_url": serving.put("/a.mp4", video())}
    story = publish(ann, made(ann.post("media", media_type="STORIES", **source)))
    assert ann.get(story, fields="media_product_type").json()["media_product_type"] == "STORY"
    assert ann.posts()[0]["distribution"] == "STORY"
    assert ann.get(f"{ann.id}/media").json() == {"data": []}


def test_media_are_found_by_reading_back(ann: GraphCaller, serving: FileServer) -> None:
    first = publish(ann, image(ann, serving, caption="One"))
    second = publish(ann, image(ann, serving))
    fields = "id,caption,permalink,timestamp"
    found = ann.get(f"{ann.id}/media", fields=fields, limit=10).json()["data"]
    assert [one["id"] for one in found] == [second, first]
    assert "caption" not in found[0]
    assert found[1]["caption"] == "One"
    one = ann.get(f"{ann.id}/media", limit=1).json()
    assert [each["id"] for each in one["data"]] == [second]
    following = requests.get(ann.sandbox.at(one["paging"]["next"]), timeout=10).json()
    assert [each["id"] for each in following["data"]] == [first]


def test_reading_back_may_lag(ann: GraphCaller, serving: FileServer) -> None:
    ann.set(readback_seconds=45)
    publish(ann, image(ann, serving))
    assert ann.get(f"{ann.id}/media").json() == {"data": []}
    ann.pass_time(45)
    assert len(ann.get(f"{ann.id}/media").json()["data"]) == 1


def test_a_container_does_not_tell_its_media(ann: GraphCaller, serving: FileServer) -> None:
    container = image(ann, serving)
    publish(ann, container)
    told = ann.get(container, fields="id,status_code,status").json()
    assert set(told) == {"id", "status_code", "status"}
    assert error_of(ann.get(container, fields="media_id")) == (400, 100, None)


def test_the_limit_is_read_live(sandbox: Sandbox, ann: GraphCaller) -> None:
    sandbox.tell("quotas", platform="instagram", member=ann.member, used=7)
    ann.set(quota_total=100)
    answer = ann.get(f"{ann.id}/content_publishing_limit", fields="quota_usage,config").json()
    config = {"quota_total": 100, "quota_duration": 86_400}
    assert answer == {"data": [{"quota_usage": 7, "config": config}]}


def test_numbers_can_be_set(ann: GraphCaller, serving: FileServer) -> None:
    one = publish(ann, image(ann, serving))
    two = publish(ann, image(ann, serving))
    ann.set(statistics={"likes": 3, "views": 40}, statistics_of={two: {"comments": 2}})
    fields = "like_count,comments_count"
    assert ann.get(one, fields=fields).json() == {"like_count": 3, "comments_count": 0, "id": one}
    assert ann.get(two, fields=fields).json()["comments_count"] == 2
    metrics = "views,reach,likes,comments,shares,saved,total_interactions"
    data = ann.get(f"{one}/insights", metric=metrics).json()["data"]
    assert {each["name"]: each["values"][0]["value"] for each in data}["views"] == 40
    for gone in ("impressions", "plays"):
        assert error_of(ann.get(f"{one}/insights", metric=gone)) == (400, 100, None)


def test_facebook_login_deletes_media_once(finn: GraphCaller, serving: FileServer) -> None:
    media = publish(finn, image(finn, serving))
    assert finn.call("DELETE", media).json() == {"success": True}
    assert finn.posts()[0]["deleted_at"]
    assert finn.get(f"{finn.id}/media").json() == {"data": []}
    assert error_of(finn.call("DELETE", media)) == (400, 100, 33)


def test_a_persons_token_publishes_as_well_as_the_pages(
    finn: GraphCaller, serving: FileServer
) -> None:
    person = finn.with_token(finn.made["user_token"])
    publish(person, image(person, serving))
    assert len(finn.posts()) == 1


def test_processing_can_be_made_to_fail(ann: GraphCaller, serving: FileServer) -> None:
    ann.set(processing_seconds=10, processing_fails="Unknown upload error")
    container = image(ann, serving)
    assert status_code(ann, container) == "IN_PROGRESS"
    ann.pass_time(10)
    status = ann.get(container, fields="status_code,status").json()
    assert status["status_code"] == "ERROR"
    assert "2207053" in status["status"]


def test_what_meta_would_ignore_is_noted(ann: GraphCaller, serving: FileServer) -> None:
    publish(ann, image(ann, serving, message="not a caption"))
    assert ann.posts()[0]["defects"] == ["message is not documented and was ignored"]


def test_a_container_is_published_once_however_often_it_is_asked(
    ann: GraphCaller, serving: FileServer
) -> None:
    container = image(ann, serving)
    with ThreadPoolExecutor(8) as pool:
        ask = lambda _: ann.post("media_publish", creation_id=container)  # noqa: E731
        answers = list(pool.map(ask, range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
    assert len(ann.posts()) == 1


def test_forms_and_queries_are_as_good_as_json(ann: GraphCaller, serving: FileServer) -> None:
    url = serving.put("/0.jpg", photo(size=SQUARE))
    fields = {"image_url": url, "caption": "#sea & more"}
    by_query = made(ann.call("POST", f"{ann.id}/media", params=fields))
    by_form = made(ann.call("POST", f"{ann.id}/media", data=fields))
    for container in (by_query, by_form):
        made(ann.call("POST", f"{ann.id}/media_publish", data={"creation_id": container}))
    assert [post["commentary"] for post in ann.posts()] == ["#sea & more"] * 2


def test_an_order_takes_the_id_out_of_the_answer(ann: GraphCaller, serving: FileServer) -> None:
    container = image(ann, serving)
    ann.sandbox.order({"no_id": True}, member=ann.member, path="*/media_publish")
    assert ann.post("media_publish", creation_id=container).json() == {}
    assert len(ann.posts()) == 1


def test_an_order_lets_the_post_exist_behind_a_refusal(
    ann: GraphCaller, serving: FileServer
) -> None:
    container = image(ann, serving)
    error = {"message": "Spam", "type": "OAuthException", "code": 4, "error_subcode": 2207051}
    order = {"status": 400, "accept": True, "body": {"error": error}}
    ann.sandbox.order(order, member=ann.member, path="*/media_publish")
    answer = ann.post("media_publish", creation_id=container)
    assert error_of(answer) == (400, 4, 2207051)
    assert status_code(ann, container) == "PUBLISHED"


def test_requests_of_both_products_are_written_down_as_instagrams(
    ann: GraphCaller, serving: FileServer
) -> None:
    publish(ann, image(ann, serving))
    seen = ann.sandbox.requests(ann.member, platform="instagram")
    assert [each["path"].rpartition("/")[2] for each in seen] == ["media_publish", "media"]
