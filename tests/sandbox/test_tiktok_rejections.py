"""Each row of "What a strict TikTok simulator must reject" (platform facts 5.7)."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests

from local.sandbox.driver import Sandbox
from local.sandbox.tiktok.driver import API, TikToker
from tests.sandbox.tiktok_files import FileServer, photo, video

AUTHORIZE = "https://www.tiktok.com/v2/auth/authorize/"
DAY = 86_400
MIB = 1024 * 1024

App = dict[str, str]


def question(app: App, **changed: str) -> dict[str, str]:
    """The query of a correct authorize address, other as told."""
    return {
        "client_key": app["client_id"],
        "response_type": "code",
        "scope": "user.info.basic,video.publish",
        "redirect_uri": app["redirect_uri"],
        "state": "s-1",
    } | changed


def decide(sandbox: Sandbox, query: dict[str, str], **form: str) -> requests.Response:
    form = {"member": "new", "decision": "allow"} | form
    return requests.post(
        sandbox.at(AUTHORIZE), params=query, data=form, allow_redirects=False, timeout=10
    )


def sent_back(answer: requests.Response) -> dict[str, str]:
    assert answer.status_code == 302, answer.text
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    return {name: values[0] for name, values in query.items()}


def new_code(sandbox: Sandbox, app: App, member: str = "new") -> str:
    return sent_back(decide(sandbox, question(app), member=member))["code"]


def exchange(sandbox: Sandbox, app: App, code: str, /, **changed: str) -> dict[str, Any]:
    form = {
        "client_key": app["client_id"],
        "client_secret": app["client_secret"],
        "code": code,
        "grant_type": "authorization_code",
        "redirect_uri": app["redirect_uri"],
    } | changed
    answer = requests.post(sandbox.at(f"{API}/v2/oauth/token/"), data=form, timeout=10)
    body: dict[str, Any] = answer.json()
    assert (answer.status_code == 200) is ("access_token" in body)
    assert "access_token" in body or (body["error_description"] and body["log_id"])
    return body


def assert_error(answer: requests.Response, status: int, code: str) -> str:
    body = answer.json()
    assert (answer.status_code, body["error"]["code"]) == (status, code), body
    assert body["error"]["log_id"]
    assert body["data"] == {}
    return str(body["error"]["message"])


@pytest.fixture
def unaudited(sandbox: Sandbox, serving: FileServer) -> TikToker:
    """A member with a private account, in an app TikTok did not audit."""
    client_id = f"young-{secrets.token_hex(4)}"
    prefixes = [f"{serving.url}/media/"]
    fields = {"client_id": client_id, "client_secret": "s", "verified_prefixes": prefixes}
    sandbox.tell("apps", platform="tiktok", audited=False, **fields)
    made = TikToker.new(sandbox, client_id=client_id)
    made.set(private=True)
    return made


@pytest.mark.parametrize(
    "changed", [{"client_key": "nobody"}, {"redirect_uri": "https://evil.example/"}]
)
def test_row_01_an_unknown_key_or_address_is_a_page_not_a_redirect(
    sandbox: Sandbox, tiktok: App, changed: dict[str, str]
) -> None:
    query = question(tiktok, **changed)
    shown = requests.get(sandbox.at(AUTHORIZE), params=query, allow_redirects=False, timeout=10)
    for answer in (shown, decide(sandbox, query)):
        assert answer.status_code == 400
        assert "Location" not in answer.headers
        assert f"invalid_request: {next(iter(changed))}" in answer.text


def test_row_01_client_id_is_not_client_key(sandbox: Sandbox, tiktok: App) -> None:
    query = question(tiktok)
    query["client_id"] = query.pop("client_key")
    answer = requests.get(sandbox.at(AUTHORIZE), params=query, timeout=10)
    assert answer.status_code == 400
    assert "invalid_request: client_key" in answer.text


@pytest.mark.parametrize("address", ["/sub", "?x=1", "#there"])
def test_row_01_the_redirect_address_is_static(sandbox: Sandbox, tiktok: App, address: str) -> None:
    query = question(tiktok, redirect_uri=tiktok["redirect_uri"] + address)
    assert requests.get(sandbox.at(AUTHORIZE), params=query, timeout=10).status_code == 400


@pytest.mark.parametrize(
    "scope", ["user.info.basic video.publish", "user.info.basic, video.publish", "w_posts", ""]
)
def test_row_01_scopes_are_known_and_separated_by_commas(
    sandbox: Sandbox, tiktok: App, scope: str
) -> None:
    back = sent_back(decide(sandbox, question(tiktok, scope=scope)))
    assert (back["error"], back["state"]) == ("invalid_scope", "s-1")
    assert "code" not in back


@pytest.mark.parametrize(
    "changed", [{"response_type": "token"}, {"state": ""}, {"code_challenge": "x"}]
)
def test_row_01_other_mistakes_go_back_as_invalid_request(
    sandbox: Sandbox, tiktok: App, changed: dict[str, str]
) -> None:
    assert sent_back(decide(sandbox, question(tiktok, **changed)))["error"] == "invalid_request"


def test_row_01_the_address_ends_with_a_slash(sandbox: Sandbox, tiktok: App) -> None:
    address = sandbox.at(AUTHORIZE).rstrip("/")
    answer = requests.get(address, params=question(tiktok), allow_redirects=False, timeout=10)
    assert answer.status_code == 404


def test_row_02_a_token_request_in_json_is_refused(sandbox: Sandbox, tiktok: App) -> None:
    body = {"client_key": tiktok["client_id"], "grant_type": "authorization_code"}
    answer = requests.post(sandbox.at(f"{API}/v2/oauth/token/"), json=body, timeout=10)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("field", ["client_key", "client_secret", "code", "redirect_uri"])
def test_row_02_a_token_request_without_a_field_is_refused(
    sandbox: Sandbox, tiktok: App, field: str
) -> None:
    body = exchange(sandbox, tiktok, new_code(sandbox, tiktok), **{field: ""})
    assert body["error"] == "invalid_request"


@pytest.mark.parametrize("field", ["client_key", "client_secret"])
def test_row_02_a_wrong_key_or_secret_is_refused(sandbox: Sandbox, tiktok: App, field: str) -> None:
    body = exchange(sandbox, tiktok, new_code(sandbox, tiktok), **{field: "wrong"})
    assert body["error"] == "invalid_client"


def test_row_02_another_kind_of_grant_is_refused(sandbox: Sandbox, tiktok: App) -> None:
    body = exchange(sandbox, tiktok, "c", grant_type="password")
    assert body["error"] == "unsupported_grant_type"


def test_row_02_a_code_is_good_once(sandbox: Sandbox, tiktok: App) -> None:
    code = new_code(sandbox, tiktok)
    assert exchange(sandbox, tiktok, code)["access_token"]
    for bad in (code, "unknown"):
        assert exchange(sandbox, tiktok, bad)["error"] == "invalid_grant"


def test_row_02_a_code_is_short_lived(sandbox: Sandbox, tiktok: App) -> None:
    member = sandbox.tell("members")["member"]
    code = new_code(sandbox, tiktok, member)
    sandbox.tell("clock", advance_seconds=601, member=member)
    assert exchange(sandbox, tiktok, code)["error"] == "invalid_grant"


def test_row_02_the_redirect_address_is_that_of_the_authorization(
    sandbox: Sandbox, tiktok: App
) -> None:
    body = exchange(sandbox, tiktok, new_code(sandbox, tiktok), redirect_uri="https://x.example/")
    assert body["error"] == "invalid_grant"


def test_row_03_a_code_that_is_still_encoded_is_refused(sandbox: Sandbox, tiktok: App) -> None:
    code = new_code(sandbox, tiktok)
    assert quote(code) != code
    assert exchange(sandbox, tiktok, quote(code))["error"] == "invalid_grant"
    assert exchange(sandbox, tiktok, code)["access_token"]


@pytest.mark.parametrize("how", ["absent", "unknown", "revoked", "expired", "refresh token"])
@pytest.mark.parametrize("path", ["user/info/?fields=open_id", "post/publish/video/init/"])
def test_row_04_a_call_without_a_good_token_is_401(
    sandbox: Sandbox, tia: TikToker, how: str, path: str
) -> None:
    if how == "revoked":
        sandbox.tell("tokens/revoke", platform="tiktok", member=tia.open_id)
    elif how == "expired":
        tia.pass_time(DAY + 1)
    else:
        tia.token = {"absent": "", "unknown": "act.x", "refresh token": tia.refresh_token}[how]
    answer = tia.call("GET" if "user" in path else "POST", path, json={})
    assert_error(answer, 401, "access_token_invalid")


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("user/info/?fields=username", "user.info.profile"),
        ("user/info/?fields=open_id,follower_count", "user.info.stats"),
        ("post/publish/creator_info/query/", "video.publish"),
        ("post/publish/video/init/", "video.publish"),
        ("post/publish/inbox/video/init/", "video.upload"),
        ("post/publish/content/init/", "video.publish"),
        ("post/publish/status/fetch/", "video.publish"),
        ("post/publish/cancel/", "video.publish"),
        ("video/list/?fields=id", "video.list"),
        ("video/query/?fields=id", "video.list"),
    ],
)
def test_row_05_a_scope_that_was_not_granted_is_401(
    sandbox: Sandbox, tiktok: App, path: str, scope: str
) -> None:
    basic = TikToker.new(sandbox, client_id=tiktok["client_id"], scopes=["user.info.basic"])
    answer = basic.call("GET" if "user" in path else "POST", path, json={})
    assert scope in assert_error(answer, 401, "scope_not_authorized")


@pytest.mark.parametrize(
    ("mode", "granted"), [("DIRECT_POST", "video.upload"), ("MEDIA_UPLOAD", "video.publish")]
)
def test_row_05_photos_need_the_scope_of_their_post_mode(
    sandbox: Sandbox, tiktok: App, mode: str, granted: str
) -> None:
    half = TikToker.new(sandbox, client_id=tiktok["client_id"], scopes=[granted])
    assert_error(half.init_photos("https://x/", post_mode=mode), 401, "scope_not_authorized")


@pytest.mark.parametrize("query", ["", "?fields=", "?fields=open_id,shoe_size"])
def test_row_06_user_info_needs_fields_it_knows(tia: TikToker, query: str) -> None:
    assert_error(tia.call("GET", f"user/info/{query}"), 400, "invalid_params")


@pytest.mark.parametrize("level", [None, "", "EVERYONE"])
def test_row_07_the_privacy_level_is_required(
    tia: TikToker, serving: FileServer, level: str | None
) -> None:
    answer = tia.init_video(tia.file(1000), privacy_level=level)
    assert_error(answer, 400, "invalid_param")
    answer = tia.init_photos(serving.put("/media/1", photo()), info=tia.info(privacy_level=level))
    assert_error(answer, 400, "invalid_param")


def test_row_07_the_privacy_level_is_one_of_the_options(tia: TikToker, serving: FileServer) -> None:
    tia.set(privacy_level_options=["SELF_ONLY"])
    answer = tia.init_video(tia.file(1000), privacy_level="PUBLIC_TO_EVERYONE")
    assert_error(answer, 403, "privacy_level_option_mismatch")
    url = serving.put("/media/1", photo())
    assert_error(tia.init_photos(url), 403, "privacy_level_option_mismatch")
    assert serving.asked == []
    assert tia.init_video(tia.file(1000), privacy_level="SELF_ONLY").ok


@pytest.mark.parametrize(
    ("private", "level"),
    [(True, "FOLLOWER_OF_CREATOR"), (True, "PUBLIC_TO_EVERYONE"), (False, "SELF_ONLY")],
)
def test_row_08_an_unaudited_app_posts_to_private_accounts_for_the_owner_only(
    unaudited: TikToker, serving: FileServer, private: bool, level: str
) -> None:
    code = "unaudited_client_can_only_post_to_private_accounts"
    unaudited.set(private=private)
    answer = unaudited.init_video(unaudited.file(1000), privacy_level=level)
    assert_error(answer, 403, code)
    info = {"privacy_level": level}
    answer = unaudited.init_photos(serving.put("/media/1", photo()), info=info)
    assert_error(answer, 403, code)


def test_row_08_an_unaudited_app_may_post_what_only_the_owner_sees(unaudited: TikToker) -> None:
    unaudited.publish(video(), privacy_level="SELF_ONLY")
    assert len(unaudited.sandbox.posts(unaudited.member)) == 1


@pytest.mark.parametrize(
    ("size", "chunk", "count"),
    [
        (50_000_123, 10_000_000, 6),
        (50_000_123, 10_000_000, 4),
        (50_000_123, 10_000_000, 0),
        (4_000_000, 2_000_000, 2),
        (10_000_000, 5_000_000, 2),
        (10_000_000, 20_000_000, 1),
        (200_000_000, 100_000_000, 2),
        (65_000_000, 65_000_000, 1),
        (100_000_000, 64_000_000, 1),
        (4_000_000_001, 50_000_000, 80),
        (0, 0, 1),
        (-1, 1, 1),
        ("20000", 20000, 1),
    ],
)
def test_row_09_chunks_have_their_size_and_number(
    tia: TikToker, size: Any, chunk: int, count: int
) -> None:
    source = tia.file(size, chunk_size=chunk, total_chunk_count=count)
    assert_error(tia.init_video(source), 400, "invalid_params")


@pytest.mark.parametrize(
    ("size", "chunk", "count"),
    [
        (50_000_123, 10_000_000, 5),
        (4_000_000, 4_000_000, 1),
        (64_000_000, 64_000_000, 1),
        (127_000_000, 63_500_000, 2),
        (4_000_000_000, 50_000_000, 80),
        (5 * MIB * 3 - 1, 5 * MIB, 2),
    ],
)
def test_row_09_chunks_within_the_rules_are_taken(
    tia: TikToker, size: int, chunk: int, count: int
) -> None:
    answer = tia.init_video(tia.file(size, chunk_size=chunk, total_chunk_count=count))
    assert answer.json()["error"]["code"] == "ok"


@pytest.mark.parametrize(
    "content_range", [None, "0-19999/20000", "bytes 0-19999", "bytes 0-/20000", "bytes=0-1/20000"]
)
def test_row_10_a_chunk_without_a_readable_range_is_400(
    tia: TikToker, content_range: str | None
) -> None:
    data = video(20_000)
    url = tia.init_video(tia.file(len(data))).json()["data"]["upload_url"]
    assert tia.put(url, data, 0, len(data), Content_Range=content_range).status_code == 400
    assert tia.put(url, data, 0, len(data)).status_code == 201


@pytest.mark.parametrize(
    "content_range", ["bytes 0-19999/20001", "bytes 1-20000/20000", "bytes 0-19998/20000"]
)
def test_row_10_a_range_that_does_not_fit_is_416(tia: TikToker, content_range: str) -> None:
    data = video(20_000)
    url = tia.init_video(tia.file(len(data))).json()["data"]["upload_url"]
    assert tia.put(url, data, 0, len(data), Content_Range=content_range).status_code == 416
    assert (
        tia.put(url, data[:-1], 0, 20_000, Content_Range="bytes 0-19999/20000").status_code == 416
    )


def test_row_10_chunks_come_in_order(tia: TikToker) -> None:
    size, chunk = 12_000_000, 6_000_000
    data = video(size)
    source = tia.file(size, chunk_size=chunk, total_chunk_count=2)
    url = tia.init_video(source).json()["data"]["upload_url"]
    assert tia.put(url, data[chunk:], chunk, size).status_code == 416
    assert tia.put(url, data[: chunk - 1], 0, size).status_code == 416
    for _ in range(2):
        assert tia.put(url, data[:chunk], 0, size).status_code == 206
    assert tia.put(url, data[chunk:], chunk, size).status_code == 201
    for first in (0, chunk):
        assert tia.put(url, data[first : first + chunk], first, size).status_code == 416


@pytest.mark.parametrize(
    "headers",
    [{"Content_Type": None}, {"Content_Type": "image/png"}, {"Authorization": "Bearer a"}],
)
def test_row_10_a_chunk_has_a_video_type_and_no_token(
    tia: TikToker, headers: dict[str, str | None]
) -> None:
    data = video()
    url = tia.init_video(tia.file(len(data))).json()["data"]["upload_url"]
    assert tia.put(url, data, 0, len(data), **headers).status_code == 400


def test_row_11_an_upload_url_ends_after_an_hour(tia: TikToker) -> None:
    data = video()
    url = tia.init_video(tia.file(len(data))).json()["data"]["upload_url"]
    tia.pass_time(3601)
    assert tia.put(url, data, 0, len(data)).status_code == 403


def test_row_11_an_unknown_upload_is_404(tia: TikToker) -> None:
    data = video()
    begun = tia.init_video(tia.file(len(data))).json()["data"]
    for url in (begun["upload_url"] + "x", begun["upload_url"].replace("id=", "id=1")):
        assert tia.put(url, data, 0, len(data)).status_code == 404
    tia.cancel(begun["publish_id"]).raise_for_status()
    assert tia.put(begun["upload_url"], data, 0, len(data)).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/other/clip.mp4", "/mediaclip.mp4", "/media/../other/clip.mp4", "/media/%2e%2e/clip.mp4"],
)
def test_row_12_an_address_outside_the_verified_prefixes_is_refused(
    tia: TikToker, serving: FileServer, path: str
) -> None:
    url = serving.url + path
    answer = tia.init_video({"source": "PULL_FROM_URL", "video_url": url})
    assert_error(answer, 403, "url_ownership_unverified")
    assert_error(tia.init_photos(url), 403, "url_ownership_unverified")
    assert serving.asked == []


def test_row_12_another_domain_or_scheme_is_not_verified(sandbox: Sandbox) -> None:
    prefixes = ["media.example", "https://cdn.example/lin"]
    fields = {"client_id": f"tt-{secrets.token_hex(4)}", "client_secret": "s"}
    sandbox.tell("apps", platform="tiktok", **fields, verified_prefixes=prefixes)
    for url in (
        "https://example/a.mp4",
        "https://media.example.evil/a.mp4",
        "https://a@media.example/a.mp4",
        "https://media.example:444/a.mp4",
        "http://media.example/a.mp4",
        "https://cdn.example/linus/a.mp4",
        "https://cdn.example:port/lin/a.mp4",
        "a.mp4",
    ):
        caller = TikToker.new(sandbox, client_id=fields["client_id"])
        answer = caller.init_video({"source": "PULL_FROM_URL", "video_url": url})
        assert_error(answer, 403, "url_ownership_unverified")


@pytest.mark.parametrize(("prefixes", "status"), [(None, 200), ([], 403)])
def test_row_12_an_app_that_names_no_prefix_has_those_of_the_local_stack(
    sandbox: Sandbox, serving: FileServer, prefixes: list[str] | None, status: int
) -> None:
    fields = {"client_id": f"tt-{secrets.token_hex(4)}", "client_secret": "s"}
    sandbox.tell("apps", platform="tiktok", **fields, verified_prefixes=prefixes)
    caller = TikToker.new(sandbox, client_id=fields["client_id"])
    assert caller.init_photos(serving.put("/anywhere", photo())).status_code == status
    assert caller.init_photos("https://cdn.example/a.jpg").status_code == 403


def test_row_13_photos_have_no_byte_upload(tia: TikToker) -> None:
    assert_error(tia.init_photos(source_info=tia.file(1000)), 400, "invalid_params")


@pytest.mark.parametrize("count", [0, 36])
def test_row_13_there_are_one_to_35_photos(tia: TikToker, serving: FileServer, count: int) -> None:
    urls = [serving.put(f"/media/{n}", photo()) for n in range(count)]
    assert_error(tia.init_photos(*urls), 400, "invalid_params")


@pytest.mark.parametrize(
    "changed", [{"title": "é" * 91}, {"title": "😀" * 46}, {"description": "x" * 4001}]
)
def test_row_13_photos_have_short_titles(
    tia: TikToker, serving: FileServer, changed: dict[str, str]
) -> None:
    url = serving.put("/media/1", photo())
    assert_error(tia.init_photos(url, info=tia.info(**changed)), 400, "invalid_params")


@pytest.mark.parametrize(
    "changed", [{"media_type": "VIDEO"}, {"post_mode": "LATER"}, {"media_type": None}]
)
def test_row_13_photos_say_what_they_are(
    tia: TikToker, serving: FileServer, changed: dict[str, Any]
) -> None:
    url = serving.put("/media/1", photo())
    assert_error(tia.init_photos(url, **changed), 400, "invalid_params")


@pytest.mark.parametrize("title", ["x" * 2201, "😀" * 1100 + "x"])
def test_row_14_a_caption_has_at_most_2200_utf16_units(tia: TikToker, title: str) -> None:
    assert_error(tia.init_video(tia.file(1000), title=title), 400, "invalid_params")
    assert tia.init_video(tia.file(1000), title=title[1:]).ok


def test_row_15_the_publish_id_of_somebody_else_tells_nothing(
    sandbox: Sandbox, tia: TikToker, tom: TikToker
) -> None:
    publish_id = tia.init_video(tia.file(1000)).json()["data"]["publish_id"]
    code = "token_not_authorized_for_specified_publish_id"
    assert_error(tom.status(publish_id), 400, code)
    assert_error(tom.cancel(publish_id), 400, code)
    other = f"other-{secrets.token_hex(4)}"
    sandbox.tell("apps", platform="tiktok", client_id=other, client_secret="s")
    elsewhere = TikToker.new(sandbox, client_id=other, member=tia.member)
    assert_error(elsewhere.status(publish_id), 400, code)
    for call in (tia.status, tia.cancel):
        assert_error(call("v_pub_file~v2.1"), 400, "invalid_publish_id")


def test_row_16_the_seventh_init_in_a_minute_is_429(tia: TikToker, tom: TikToker) -> None:
    for _ in range(3):
        assert tia.init_video(tia.file(1000)).ok
        assert tia.init_draft(tia.file(1000)).ok
    answer = tia.init_video(tia.file(1000))
    assert_error(answer, 429, "rate_limit_exceeded")
    assert "Retry-After" not in answer.headers
    assert tom.init_video(tom.file(1000)).ok
    tia.pass_time(60)
    assert tia.init_video(tia.file(1000)).ok


@pytest.mark.parametrize("what", ["comment", "duet", "stitch"])
def test_row_17_what_the_creator_disabled_is_refused_or_overridden(
    sandbox: Sandbox, tia: TikToker, what: str
) -> None:
    tia.set(**{f"{what}_disabled": True})
    assert_error(tia.init_video(tia.file(1000)), 400, "invalid_params")
    assert tia.init_video(tia.file(1000), **{f"disable_{what}": True}).ok
    sandbox.tell("settings", platform="tiktok", disabled_interactions="override")
    try:
        tia.publish(video())
    finally:
        sandbox.tell("settings", platform="tiktok", disabled_interactions="refuse")
    (post,) = sandbox.posts(tia.member)
    assert post["content"]["post_info"][f"disable_{what}"] is True


def test_the_table_has_a_test_for_each_of_its_17_rows() -> None:
    rows = {int(name[9:11]) for name in globals() if name.startswith("test_row_")}
    assert rows == set(range(1, 18))
