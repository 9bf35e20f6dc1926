"""Each row of "What a strict Pages simulator must reject" (platform facts 3.9)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
import requests

from local.sandbox.driver import Sandbox
from local.sandbox.graph.driver import GraphApp, GraphCaller, error_of
from tests.sandbox.tiktok_files import FileServer, photo, video

MINUTE, HOUR, DAY = 60, 3600, 86_400
TOKEN = "https://graph.facebook.com/v24.0/oauth/access_token"
REEL_SIDES = (1080, 1920)


def exchange(app: GraphApp, code: str, **changed: str) -> requests.Response:
    query = app.credentials | {"redirect_uri": app.redirect_uri, "code": code} | changed
    return requests.get(app.sandbox.at(TOKEN), params=query, timeout=10)


def upload_photo(page: GraphCaller, data: bytes, **fields: str) -> requests.Response:
    files = {"source": ("a.bin", data)}
    return page.call("POST", f"{page.id}/photos", data=fields, files=files)


def start_reel(page: GraphCaller) -> dict[str, str]:
    started: dict[str, str] = page.post("video_reels", upload_phase="start").json()
    return started


def finish_reel(page: GraphCaller, video_id: str, **more: str) -> requests.Response:
    body = {"upload_phase": "finish", "video_id": video_id, "video_state": "PUBLISHED"} | more
    return page.post("video_reels", **body)


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": "https://lin.example/api/facebook/callback/"},
        {"client_id": "1"},
        {"scope": "pages_everything"},
        {"response_type": "token"},
    ],
)
def test_row_01_a_mistake_in_the_dialog_is_a_page_not_a_redirect(
    facebook: GraphApp, changed: dict[str, str]
) -> None:
    for answer in (facebook.ask(**changed), facebook.decide(**changed)):
        assert answer.status_code == 400
        assert "Location" not in answer.headers
        assert "something went wrong" in answer.text


def test_row_02_a_used_code_is_refused(facebook: GraphApp) -> None:
    code = facebook.code()
    assert exchange(facebook, code).status_code == 200
    assert error_of(exchange(facebook, code)) == (400, 100, 36009)


def test_row_02_a_code_is_good_for_minutes(sandbox: Sandbox, facebook: GraphApp) -> None:
    member = sandbox.tell("members")["member"]
    code = facebook.code(member)
    sandbox.tell("clock", advance_seconds=11 * MINUTE, member=member)
    assert error_of(exchange(facebook, code)) == (400, 100, 36007)


def test_row_02_another_redirect_address_is_refused(facebook: GraphApp) -> None:
    answer = exchange(facebook, facebook.code(), redirect_uri="https://lin.example/")
    assert error_of(answer) == (400, 100, 36008)


def test_row_02_a_wrong_secret_or_app_is_refused(facebook: GraphApp) -> None:
    code = facebook.code()
    assert error_of(exchange(facebook, code, client_secret="x")) == (400, 1, None)
    assert error_of(exchange(facebook, code, client_id="1")) == (400, 101, None)
    assert error_of(exchange(facebook, "made up")) == (400, 100, None)


def test_row_03_an_expired_token_is_not_prolonged(sandbox: Sandbox, facebook: GraphApp) -> None:
    member = sandbox.tell("members")["member"]
    short = exchange(facebook, facebook.code(member)).json()["access_token"]
    sandbox.tell("clock", advance_seconds=HOUR, member=member)
    query = facebook.credentials | {"grant_type": "fb_exchange_token", "fb_exchange_token": short}
    late = requests.get(sandbox.at(TOKEN), params=query, timeout=10)
    assert error_of(late) == (400, 190, 463)


def test_row_04_a_call_without_a_token_is_refused(fay: GraphCaller) -> None:
    answer = requests.get(fay.sandbox.at("https://graph.facebook.com/v24.0/me"), timeout=10)
    assert error_of(answer) == (400, 104, None)


def test_row_05_a_bad_token_is_190(fay: GraphCaller) -> None:
    answer = fay.with_token("EAAnonsense").get("me")
    assert error_of(answer) == (400, 190, None)
    assert answer.json()["error"]["type"] == "OAuthException"


@pytest.mark.parametrize(("how", "subcode"), [("revoke", 458), ("expire", 463)])
def test_row_05_an_ended_token_says_why(
    sandbox: Sandbox, fay: GraphCaller, how: str, subcode: int
) -> None:
    sandbox.tell(f"tokens/{how}", platform="facebook", member=fay.member)
    assert error_of(fay.get("me")) == (400, 190, subcode)


def test_row_05_subcode_and_status_can_be_set(fay: GraphCaller) -> None:
    fay.set(token_subcode=460, invalid_token_status=401)
    assert error_of(fay.get("me")) == (401, 190, 460)


def test_row_06_a_user_token_cannot_post(fay: GraphCaller) -> None:
    answer = fay.with_token(fay.made["user_token"]).post("feed", message="Good morning")
    assert error_of(answer) == (403, 200, None)
    assert fay.posts() == []


def test_row_07_posting_needs_the_permission(sandbox: Sandbox, facebook: GraphApp) -> None:
    scopes = ["pages_show_list", "pages_read_engagement"]
    page = GraphCaller.new(sandbox, "facebook", client_id=facebook.client_id, scopes=scopes)
    assert error_of(page.post("feed", message="Good morning")) == (403, 200, None)
    assert error_of(upload_photo(page, photo())) == (403, 200, None)


def test_row_07_reading_back_needs_the_permission(sandbox: Sandbox, facebook: GraphApp) -> None:
    scopes = ["pages_show_list", "pages_manage_posts"]
    page = GraphCaller.new(sandbox, "facebook", client_id=facebook.client_id, scopes=scopes)
    assert error_of(page.get(f"{page.id}/published_posts")) == (403, 10, None)


def test_row_07_insights_need_the_permission(sandbox: Sandbox, facebook: GraphApp) -> None:
    scopes = ["pages_show_list", "pages_manage_posts", "pages_read_engagement"]
    page = GraphCaller.new(sandbox, "facebook", client_id=facebook.client_id, scopes=scopes)
    post = page.post("feed", message="Good morning").json()["id"]
    assert error_of(page.get(f"{post}/insights", metric="post_clicks")) == (403, 200, None)


def test_row_07_posting_needs_the_task_create_content(sandbox: Sandbox, page: str) -> None:
    ads = {"id": page, "name": "Ads only", "role": "DIRECT_SPONSORED_CONTENT_POSTER"}
    member = sandbox.tell("members", organizations=[ads])["member"]
    caller = GraphCaller.new(sandbox, "facebook", member=member)
    assert error_of(caller.post("feed", message="Good morning")) == (403, 200, None)


@pytest.mark.parametrize("body", [{}, {"message": ""}, {"message": " \n"}, {"attached_media": []}])
def test_row_08_an_empty_post_is_refused(fay: GraphCaller, body: dict[str, Any]) -> None:
    assert error_of(fay.post("feed", **body)) == (400, 100, None)


def test_row_08_a_text_above_63206_characters_is_refused(fay: GraphCaller) -> None:
    assert error_of(fay.post("feed", message="é" * 63_207)) == (400, 100, None)
    assert fay.post("feed", message="é" * 63_206).status_code == 200


def test_row_09_a_time_needs_published_false(fay: GraphCaller) -> None:
    answer = fay.post("feed", message="Later", scheduled_publish_time=now_of(fay) + DAY)
    assert error_of(answer) == (400, 100, None)


@pytest.mark.parametrize("ahead", [-DAY, 0, 9 * MINUTE, 31 * DAY])
def test_row_09_a_time_outside_the_window_is_refused(fay: GraphCaller, ahead: int) -> None:
    answer = fay.post(
        "feed", message="Later", published=False, scheduled_publish_time=now_of(fay) + ahead
    )
    assert error_of(answer) == (400, 100, None)


def now_of(page: GraphCaller) -> int:
    """Seconds since the epoch by the sandbox's clock."""
    told = page.sandbox.tell("clock", advance_seconds=0, member=page.member)["now"]
    return int(datetime.fromisoformat(told).timestamp())


def test_row_10_unknown_and_foreign_photos_are_refused(
    sandbox: Sandbox, fay: GraphCaller, facebook: GraphApp
) -> None:
    other = GraphCaller.new(sandbox, "facebook", client_id=facebook.client_id)
    foreign = upload_photo(other, photo(), published="false").json()["id"]
    for identity in (foreign, "4711"):
        answer = fay.post("feed", message="Look", attached_media=[{"media_fbid": identity}])
        assert error_of(answer) == (400, 100, None)


def test_row_10_an_unpublished_photo_is_dropped_after_a_day(fay: GraphCaller) -> None:
    kept = upload_photo(fay, photo(), published="false").json()["id"]
    fay.pass_time(DAY)
    answer = fay.post("feed", message="Look", attached_media=[{"media_fbid": kept}])
    assert error_of(answer) == (400, 100, None)


def test_row_10_a_photo_is_posted_once(fay: GraphCaller) -> None:
    kept = [{"media_fbid": upload_photo(fay, photo(), published="false").json()["id"]}]
    assert fay.post("feed", message="One", attached_media=kept).status_code == 200
    assert error_of(fay.post("feed", message="Two", attached_media=kept)) == (400, 100, None)


def test_row_10_more_than_ten_photos_are_refused(fay: GraphCaller) -> None:
    eleven = [{"media_fbid": str(number)} for number in range(11)]
    answer = fay.post("feed", message="Look", attached_media=eleven)
    assert error_of(answer) == (400, 100, None)
    assert "at most 10" in answer.text


def test_row_11_a_photo_that_cannot_be_fetched_is_refused(
    fay: GraphCaller, serving: FileServer
) -> None:
    private = "https://127.0.0.1/photo.jpg"
    for url in (f"{serving.url}/nothing.jpg", private, "ftp://a.example/photo.jpg"):
        assert error_of(fay.post("photos", url=url)) == (400, 324, None)
    assert fay.posts() == []


def test_row_11_what_is_no_photo_is_refused(fay: GraphCaller) -> None:
    for data in (photo("WEBP"), b"%PDF-1.4", photo()[:400]):
        assert error_of(upload_photo(fay, data)) == (400, 324, None)
    assert error_of(fay.post("photos", message="no bytes")) == (400, 324, None)


def test_row_11_a_photo_above_ten_megabytes_is_refused(fay: GraphCaller) -> None:
    large = photo() + bytes(10_000_001 - len(photo()))
    assert error_of(upload_photo(fay, large)) == (400, 324, None)


def test_row_12_a_reel_is_not_finished_before_its_bytes(fay: GraphCaller) -> None:
    started = start_reel(fay)
    assert error_of(finish_reel(fay, started["video_id"])) == (400, 100, None)
    fay.put_bytes(started["upload_url"], b"half", offset="0", file_size="8")
    assert error_of(finish_reel(fay, started["video_id"])) == (400, 100, None)
    assert error_of(finish_reel(fay, "4711")) == (400, 100, None)


@pytest.mark.parametrize(
    "headers",
    [
        {"offset": "1", "file_size": "4"},
        {"offset": "0", "file_size": "3"},
        {"offset": "0"},
        {"file_size": "4"},
        {"offset": "zero", "file_size": "4"},
        {"offset": "0", "file_size": "0"},
    ],
)
def test_row_12_a_wrong_offset_or_size_is_refused(
    fay: GraphCaller, headers: dict[str, str]
) -> None:
    answer = fay.put_bytes(start_reel(fay)["upload_url"], b"four", **headers)
    assert error_of(answer) == (400, 100, None)


def test_row_12_the_size_stays_what_it_was(fay: GraphCaller) -> None:
    url = start_reel(fay)["upload_url"]
    assert fay.put_bytes(url, b"four", offset="0", file_size="8").json() == {"success": True}
    assert error_of(fay.put_bytes(url, b"four", offset="4", file_size="9")) == (400, 100, None)
    assert error_of(fay.put_bytes(url, b"four", offset="0", file_size="8")) == (400, 100, None)


def test_row_12_a_reel_is_finished_once(fay: GraphCaller) -> None:
    reel = whole_reel(fay)
    assert finish_reel(fay, reel).json() == {"success": True}
    assert error_of(finish_reel(fay, reel)) == (400, 100, None)


def whole_reel(page: GraphCaller) -> str:
    started = start_reel(page)
    data = video(sides=REEL_SIDES)
    sent = page.put_bytes(started["upload_url"], data, offset="0", file_size=str(len(data)))
    assert sent.json() == {"success": True}
    return started["video_id"]


def test_row_13_the_reel_above_the_daily_limit_is_refused(fay: GraphCaller) -> None:
    fay.set(reels_per_day=2)
    reels = [whole_reel(fay) for _ in range(3)]
    answers = [finish_reel(fay, reel, description=reel) for reel in reels]
    assert [answer.status_code for answer in answers] == [200, 200, 400]
    assert error_of(answers[2]) == (400, 32, None)
    fay.pass_time(DAY)
    assert finish_reel(fay, reels[2]).status_code == 200


def test_row_14_an_unknown_page_is_refused(fay: GraphCaller) -> None:
    answer = fay.call("POST", "4711/feed", json={"message": "Good morning"})
    assert error_of(answer) == (400, 100, 33)
    assert error_of(fay.get("4711")) == (400, 100, 33)
    assert error_of(fay.get("4711/published_posts")) == (400, 100, 33)


def test_row_14_another_page_is_not_this_tokens(
    sandbox: Sandbox, fay: GraphCaller, facebook: GraphApp
) -> None:
    other = GraphCaller.new(sandbox, "facebook", client_id=facebook.client_id)
    answer = fay.call("POST", f"{other.id}/feed", json={"message": "Good morning"})
    assert error_of(answer) == (403, 200, None)


def test_row_15_calls_over_the_pages_budget_are_refused(sandbox: Sandbox, fay: GraphCaller) -> None:
    sandbox.tell("quotas", platform="facebook", member=fay.member, used=4800)
    answer = fay.post("feed", message="Good morning")
    assert error_of(answer) == (400, 80001, None)
    usage = json.loads(answer.headers["X-Business-Use-Case-Usage"])[fay.id][0]
    assert usage["call_count"] == 100
    assert 1439 <= usage["estimated_time_to_regain_access"] <= 1440
    fay.pass_time(DAY)
    assert fay.post("feed", message="Good morning").status_code == 200


def test_row_15_code_and_status_of_the_limit_can_be_set(sandbox: Sandbox, fay: GraphCaller) -> None:
    sandbox.tell("quotas", platform="facebook", member=fay.member, used=4800)
    fay.set(limit_code=32, limit_status=429)
    assert error_of(fay.get("me")) == (429, 32, None)


def test_row_15_a_persons_budget_is_200_calls_an_hour(fay: GraphCaller) -> None:
    person = fay.with_token(fay.made["user_token"])
    answers = [person.get("me") for _ in range(201)]
    assert [answer.status_code for answer in answers[-2:]] == [200, 400]
    assert error_of(answers[-1]) == (400, 17, None)
    assert json.loads(answers[-1].headers["X-App-Usage"])["call_count"] == 100


def test_row_16_the_same_message_twice_in_a_row_is_refused(fay: GraphCaller) -> None:
    assert fay.post("feed", message="Good morning").status_code == 200
    assert error_of(fay.post("feed", message="Good morning")) == (400, 506, None)
    fay.set(duplicate_status=500)
    assert fay.post("feed", message="Good night").status_code == 200
    assert fay.post("feed", message="Good morning").status_code == 200
    assert len(fay.posts()) == 3


def test_row_16_the_same_message_with_another_picture_is_no_duplicate(fay: GraphCaller) -> None:
    for shade in (1, 2):
        kept = upload_photo(fay, photo(shade=shade * 60), published="false").json()["id"]
        answer = fay.post("feed", message="Look", attached_media=[{"media_fbid": kept}])
        assert answer.status_code == 200


def test_a_link_that_is_none_is_refused(fay: GraphCaller) -> None:
    assert error_of(fay.post("feed", link="lin.example")) == (400, 100, None)
    fay.set(link_preview_fails=True)
    assert error_of(fay.post("feed", link="https://lin.example")) == (400, 1609005, None)


def test_a_version_that_is_not_released_is_refused(fay: GraphCaller) -> None:
    assert error_of(fay.call("GET", "me", version="v99.0")) == (400, 2500, None)


def test_the_proof_of_the_secret_is_checked(sandbox: Sandbox, fay: GraphCaller) -> None:
    assert error_of(fay.get("me", appsecret_proof="0" * 64)) == (400, 100, None)
    careful = GraphApp.new(sandbox, "facebook", "", "", requires_proof=True)
    page = GraphCaller.new(sandbox, "facebook", client_id=careful.client_id)
    answer = page.get("me")
    assert error_of(answer) == (400, 100, None)
    assert "appsecret_proof" in answer.json()["error"]["message"]
