"""TikTok's caps, its statistics, and faults ordered for it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

from local.sandbox.driver import Sandbox
from local.sandbox.tiktok.driver import TikToker
from tests.sandbox.tiktok_files import FileServer, photo, video

DAY = 86_400


def state_of(caller: TikToker, publish_id: str) -> dict[str, Any]:
    body = caller.status(publish_id).json()
    assert body["error"]["code"] == "ok", body
    data: dict[str, Any] = body["data"]
    return data


def code_of(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_fifteen_posts_a_day_are_the_most(
    sandbox: Sandbox, tiktok: dict[str, str], tia: TikToker
) -> None:
    sandbox.tell("quotas", platform="tiktok", member=tia.open_id, used=14)
    tia.publish(video())
    answer = tia.creator_info()
    assert code_of(answer) == (200, "spam_risk_too_many_posts")
    assert answer.json()["data"] == {}
    answer = tia.init_video(tia.file(1000))
    assert code_of(answer) == (403, "spam_risk_too_many_posts")
    assert tia.init_draft(tia.file(1000)).ok
    tia.pass_time(DAY + 1)
    renewed = TikToker.new(sandbox, member=tia.member, client_id=tiktok["client_id"])
    renewed.publish(video())


def test_five_drafts_a_day_are_the_most(tia: TikToker) -> None:
    data = video()
    for _ in range(5):
        tia.finish(tia.init_draft(tia.file(len(data))), data)
    answer = tia.init_draft(tia.file(len(data)))
    assert code_of(answer) == (403, "spam_risk_too_many_pending_share")


def test_a_failed_post_does_not_count(tia: TikToker) -> None:
    tia.set(posts_per_day=1)
    tia.publish(b"no video" * 100)
    tia.publish(video())
    assert code_of(tia.init_video(tia.file(1000))) == (403, "spam_risk_too_many_posts")


def test_a_banned_member_posts_nothing(tia: TikToker) -> None:
    tia.set(banned=True)
    code = "spam_risk_user_banned_from_posting"
    assert code_of(tia.creator_info()) == (200, code)
    assert code_of(tia.init_video(tia.file(1000))) == (403, code)
    assert code_of(tia.init_draft(tia.file(1000))) == (403, code)


def test_five_people_a_day_post_through_an_unaudited_app(sandbox: Sandbox) -> None:
    app = {"client_id": f"young-{secrets.token_hex(4)}", "client_secret": "s"}
    sandbox.tell("apps", platform="tiktok", **app, audited=False)
    people = [TikToker.new(sandbox, client_id=app["client_id"]) for _ in range(6)]
    for each in people:
        each.set(private=True)
    for each in people[:5]:
        each.publish(video(), privacy_level="SELF_ONLY")
    people[0].publish(video(), privacy_level="SELF_ONLY")
    assert code_of(people[5].creator_info()) == (200, "reached_active_user_cap")
    answer = people[5].init_video(people[5].file(1000), privacy_level="SELF_ONLY")
    assert code_of(answer) == (403, "reached_active_user_cap")


@pytest.mark.parametrize(("call", "limit"), [("creator_info", 20), ("status", 30)])
def test_calls_are_counted_by_the_minute(tia: TikToker, call: str, limit: int) -> None:
    publish_id = tia.init_video(tia.file(1000)).json()["data"]["publish_id"]
    calls: dict[str, Callable[[], requests.Response]] = {
        "creator_info": tia.creator_info,
        "status": lambda: tia.status(publish_id),
    }
    answers = [code_of(calls[call]()) for _ in range(limit + 1)]
    assert answers == [(200, "ok")] * limit + [(429, "rate_limit_exceeded")]
    tia.pass_time(60)
    assert code_of(calls[call]()) == (200, "ok")


# ------------------------------------------------------------------------------------ reading back


def test_public_videos_are_listed_with_their_numbers(
    sandbox: Sandbox, tia: TikToker, tom: TikToker, serving: FileServer
) -> None:
    ids = [state_of(tia, tia.publish(video()))["publicaly_available_post_id"][0] for _ in range(3)]
    tia.publish(video(), privacy_level="SELF_ONLY")
    tia.init_photos(serving.put("/media/1", photo()))
    tia.set(statistics={"view_count": 120, "like_count": 7})
    query = "?fields=id,share_url,like_count,comment_count,share_count,view_count"
    page = tia.call("POST", f"video/list/{query}", json={"max_count": 2}).json()["data"]
    assert [video["id"] for video in page["videos"]] == [str(ids[2]), str(ids[1])]
    assert page["has_more"] is True
    rest = tia.call("POST", f"video/list/{query}", json={"cursor": page["cursor"]}).json()["data"]
    assert [video["id"] for video in rest["videos"]] == [str(ids[0])]
    assert rest["has_more"] is False
    body = {"filters": {"video_ids": [str(ids[0]), "1"]}}
    (found,) = tia.call("POST", f"video/query/{query}", json=body).json()["data"]["videos"]
    username = tia.member.replace("-", "_")
    assert found == {
        "id": str(ids[0]),
        "share_url": f"https://www.tiktok.com/@{username}/video/{ids[0]}",
        "like_count": 7,
        "comment_count": 0,
        "share_count": 0,
        "view_count": 120,
    }
    assert tom.call("POST", f"video/query/{query}", json=body).json()["data"]["videos"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("video/list/", {}),
        ("video/list/?fields=id,secret", {}),
        ("video/list/?fields=id", {"max_count": 21}),
        ("video/query/?fields=id", {}),
        ("video/query/?fields=id", {"filters": {"video_ids": []}}),
        ("video/query/?fields=id", {"filters": {"video_ids": ["1"] * 21}}),
        ("video/query/?fields=id", {"filters": {"video_ids": [1]}}),
    ],
)
def test_a_list_or_query_outside_its_rules_is_refused(
    tia: TikToker, path: str, body: dict[str, Any]
) -> None:
    assert code_of(tia.call("POST", path, json=body)) == (400, "invalid_params")


def test_there_is_no_delete(tia: TikToker) -> None:
    publish_id = tia.publish(video())
    assert tia.call("DELETE", f"video/{publish_id}/").status_code == 404
    assert tia.call("DELETE", "video/list/?fields=id").status_code == 405


# ------------------------------------------------------------------------------------ orders


def test_no_id_takes_the_publish_id_out_of_the_body(
    sandbox: Sandbox, tia: TikToker, serving: FileServer
) -> None:
    url = serving.put("/media/1", photo())
    sandbox.order({"no_id": True}, path="/v2/post/publish/*/init/", member=tia.open_id)
    body = tia.init_photos(url).json()
    assert (body["data"], body["error"]["code"]) == ({}, "ok")
    assert len(sandbox.posts(tia.member)) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (200, "ok"),
        (400, "invalid_params"),
        (401, "access_token_invalid"),
        (403, "spam_risk_user_banned_from_posting"),
        (429, "rate_limit_exceeded"),
        (503, "internal_error"),
    ],
)
def test_an_ordered_status_comes_in_the_envelope(
    sandbox: Sandbox, tia: TikToker, status: int, code: str
) -> None:
    sandbox.order({"status": status}, host="open.tiktokapis.com", member=tia.member)
    answer = tia.creator_info()
    assert code_of(answer) == (status, code)
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize("accept", [True, False])
def test_the_answer_to_the_last_chunk_can_be_lost(
    sandbox: Sandbox, tia: TikToker, accept: bool
) -> None:
    data = video()
    begun = tia.init_video(tia.file(len(data))).json()["data"]
    sandbox.order(
        {"drop": True, "accept": accept}, host="open-upload.tiktokapis.com", member=tia.member
    )
    with pytest.raises(requests.ConnectionError):
        tia.put(begun["upload_url"], data, 0, len(data))
    expected = "PUBLISH_COMPLETE" if accept else "PROCESSING_UPLOAD"
    assert state_of(tia, begun["publish_id"])["status"] == expected
    assert len(sandbox.posts(tia.member)) == accept
    if not accept:
        assert tia.put(begun["upload_url"], data, 0, len(data)).status_code == 201


def test_revoke_ends_the_tokens_of_the_caller(sandbox: Sandbox, tia: TikToker) -> None:
    sandbox.order({"revoke": True}, member=tia.member, path="/v2/post/*")
    for _ in range(2):
        assert code_of(tia.creator_info()) == (401, "access_token_invalid")


def test_of_two_last_chunks_at_once_one_is_published(sandbox: Sandbox, tia: TikToker) -> None:
    data = video()
    url = tia.init_video(tia.file(len(data))).json()["data"]["upload_url"]
    statuses: list[int] = []

    def send() -> None:
        statuses.append(tia.put(url, data, 0, len(data)).status_code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201, 416, 416, 416]
    assert len(sandbox.posts(tia.member)) == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"madeUp": 1},
        {"processing_seconds": -1},
        {"fail_reason": "bad luck"},
        {"privacy_level_options": ["EVERYONE"]},
        {"statistics": {"view_count": -1}},
        {"disabled_interactions": "maybe"},
        {"private": 1},
    ],
)
def test_a_setting_nobody_knows_is_refused(tia: TikToker, bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="settings"):
        tia.set(**bad)


def test_settings_of_one_member_are_its_own(tia: TikToker, tom: TikToker) -> None:
    told = tia.set(processing_seconds=5, comment_disabled=True)
    assert (told["processing_seconds"], told["comment_disabled"]) == (5, True)
    assert tom.set()["processing_seconds"] == 0
    assert tia.set()["comment_disabled"] is True
