"""LinkedIn pages, articles and polls, and the numbers of posts (platform facts 1.2, 1.3, 1.9)."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import quote

import pytest
import requests

from local.sandbox.driver import Caller, Sandbox
from tests.sandbox.conftest import VETTED

DAY = 86_400
ROLES = "/rest/organizationAcls?q=roleAssignee"


@pytest.fixture
def client_id(sandbox: Sandbox) -> str:
    """An app that LinkedIn vetted."""
    name = f"pages-{secrets.token_hex(4)}"
    sandbox.tell("apps", client_id=name, client_secret="s", scopes=VETTED)
    return name


def with_page(
    sandbox: Sandbox, client_id: str, page: str, role: str = "ADMINISTRATOR", **more: Any
) -> Caller:
    """A member with a role on the page."""
    entry = {"id": page, "name": "Harbour Bakery", "role": role} | more.pop("entry", {})
    member = sandbox.tell("members", organizations=[entry])["member"]
    return sandbox.caller(client_id=client_id, member=member, **({"scopes": VETTED} | more))


def urn_of(page: str) -> str:
    return f"urn:li:organization:{page}"


def denied(answer: requests.Response) -> bool:
    body = answer.json()
    return (answer.status_code, body.get("code"), body.get("serviceErrorCode")) == (
        403,
        "ACCESS_DENIED",
        100,
    )


def test_roles_are_told_apart_by_role_and_state(sandbox: Sandbox, client_id: str) -> None:
    roles = [("1", "ADMINISTRATOR"), ("2", "CONTENT_ADMIN"), ("3", "ANALYST")]
    pages = [{"id": number, "name": "P", "role": role} for number, role in roles]
    pages.append({"id": "4", "name": "P", "role": "ADMINISTRATOR", "state": "REQUESTED"})
    member = sandbox.tell("members", organizations=pages)["member"]
    vera = sandbox.caller(client_id=client_id, member=member, scopes=["rw_organization_admin"])

    def found(query: str) -> list[str]:
        elements = vera.call("GET", ROLES + query).json()["elements"]
        assert {each["roleAssignee"] for each in elements} <= {vera.author}
        return [each["organization"].rpartition(":")[2] for each in elements]

    assert found("") == ["1", "2", "3", "4"]
    assert found("&role=ADMINISTRATOR&state=APPROVED") == ["1"]
    assert found("&role=CONTENT_ADMIN") == ["2"]
    assert found("&state=APPROVED&count=2&start=1") == ["2", "3"]
    assert vera.call("GET", f"{ROLES}&count=x").status_code == 400
    assert vera.call("GET", "/rest/organizationAcls?q=other").status_code == 400


def test_there_is_no_documented_way_to_a_page_name(vetted: Caller, page: str) -> None:
    assert vetted.call("GET", f"/rest/organizations/{page}").status_code == 404


@pytest.mark.parametrize("role", ["ADMINISTRATOR", "CONTENT_ADMIN"])
def test_a_page_posts_with_an_image_of_its_own(
    sandbox: Sandbox, client_id: str, page: str, png: bytes, role: str
) -> None:
    vera = with_page(sandbox, client_id, page, role)
    value = vera.start_upload("image", owner=urn_of(page))
    vera.put(value["uploadUrl"], png).raise_for_status()
    content = {"media": {"id": value["image"]}}
    own = vera.create("As myself", content=content)
    assert own.json()["code"] == "INVALID_CONTENT_OWNERSHIP"
    answer = vera.create("As the page", author=urn_of(page), content=content)
    assert answer.status_code == 201
    for name in (page, urn_of(page), vera.member):
        (post,) = sandbox.posts(name)
        assert (post["urn"], post["author"]) == (answer.headers["x-restli-id"], urn_of(page))
        assert post["author_name"] == "Harbour Bakery"


@pytest.mark.parametrize(
    "entry",
    [{"role": "DIRECT_SPONSORED_CONTENT_POSTER"}, {"role": "ANALYST"}, {"state": "REQUESTED"}],
)
def test_a_page_needs_a_role_that_posts(
    sandbox: Sandbox, client_id: str, page: str, entry: dict[str, str]
) -> None:
    vera = with_page(sandbox, client_id, page, entry=entry)
    assert denied(vera.create(author=urn_of(page)))
    upload = {"initializeUploadRequest": {"owner": urn_of(page)}}
    assert denied(vera.call("POST", "/rest/images?action=initializeUpload", json=upload))


def test_a_page_scope_alone_posts_for_the_page_only(
    sandbox: Sandbox, client_id: str, page: str
) -> None:
    vera = with_page(sandbox, client_id, page, scopes=["w_organization_social"])
    assert vera.create(author=urn_of(page)).status_code == 201
    assert denied(vera.create())


def test_a_page_post_is_read_and_deleted_by_those_who_post_for_it(
    sandbox: Sandbox, client_id: str, page: str
) -> None:
    vera, otto = (with_page(sandbox, client_id, page) for _ in range(2))
    stranger = with_page(sandbox, client_id, page + "0")
    urn = vera.create(author=urn_of(page)).headers["x-restli-id"]
    author = quote(urn_of(page), safe="")
    found = otto.call("GET", f"/rest/posts?q=author&author={author}").json()["elements"]
    assert [post["id"] for post in found] == [urn]
    for method, path in (
        ("GET", f"/rest/posts?q=author&author={author}"),
        ("GET", stranger.post_path(urn)),
        ("DELETE", stranger.post_path(urn)),
    ):
        assert denied(stranger.call(method, path))
    assert otto.call("DELETE", otto.post_path(urn)).status_code == 204
    assert sandbox.posts(urn_of(page))[0]["deleted_at"]


def test_member_scopes_reach_no_page_post(sandbox: Sandbox, client_id: str, page: str) -> None:
    vera = with_page(sandbox, client_id, page)
    urn = vera.create(author=urn_of(page)).headers["x-restli-id"]
    scopes = ["w_member_social", "r_member_social"]
    half = sandbox.caller(client_id=client_id, member=vera.member, scopes=scopes)
    for method in ("GET", "DELETE"):
        assert denied(half.call(method, half.post_path(urn)))


# ------------------------------------------------------------------------------------ articles and polls


def article(**changed: Any) -> dict[str, Any]:
    made = {"source": "https://example.com/a", "title": "A title"} | changed
    return {"article": {name: value for name, value in made.items() if value is not None}}


def poll(**changed: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "question": "Q" * 140,
        "options": [{"text": "o" * 30}, {"text": "No"}],
        "settings": {"duration": "THREE_DAYS"},
    }
    made |= changed
    return {"poll": {name: value for name, value in made.items() if value is not None}}


def test_an_article_shows_only_the_thumbnail_it_was_given(
    sandbox: Sandbox, amy: Caller, png: bytes
) -> None:
    assert amy.create("Bare", content=article()).status_code == 201
    made = article(thumbnail=amy.upload("image", png), description="D", title="T" * 400)
    assert amy.create("Dressed", content=made).status_code == 201
    dressed, bare = sandbox.posts(amy.member)
    assert (bare["kind"], bare["media"]) == ("article", [])
    assert dressed["content"] == made
    assert [media["bytes"] for media in dressed["media"]] == [len(png)]


def test_a_thumbnail_is_an_image_of_the_author_with_its_bytes(
    sandbox: Sandbox, amy: Caller, ben: Caller, png: bytes, pdf: bytes
) -> None:
    broken = amy.start_upload("image")
    amy.put(broken["uploadUrl"], b"no image")
    for thumbnail, code in (
        ("urn:li:image:D4Enobody", "INVALID_IMAGE_ID"),
        (amy.upload("document", pdf), "INVALID_IMAGE_ID"),
        (ben.upload("image", png), "INVALID_CONTENT_OWNERSHIP"),
        (amy.start_upload("image")["image"], "MEDIA_ASSET_WAITING_UPLOAD"),
        (broken["image"], "MEDIA_ASSET_PROCESSING_FAILED"),
    ):
        answer = amy.create(content=article(thumbnail=thumbnail))
        assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert sandbox.posts(amy.member) == []


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (article(title=None), 400, "MISSING_FIELD"),
        (article(source=None), 400, "MISSING_FIELD"),
        (article(title=" "), 400, "INVALID_VALUE_BLANK_FIELD"),
        (article(source="ftp://example.com"), 400, "INVALID_VALUE_FOR_FIELD"),
        (article(image="urn:li:image:1"), 422, "UNPROCESSABLE_ENTITY"),
        (poll(options=[{"text": str(n)} for n in range(5)]), 400, "INVALID_VALUE_FOR_FIELD"),
        (poll(options=[{"text": "1"}]), 400, "INVALID_VALUE_FOR_FIELD"),
        (poll(options=[{"text": "1"}, {"text": "o" * 31}]), 400, "FIELD_LENGTH_TOO_LONG"),
        (poll(options=[{"text": "1"}, {"text": ""}]), 400, "INVALID_VALUE_BLANK_FIELD"),
        (poll(options=["1", "2"]), 422, "UNPROCESSABLE_ENTITY"),
        (poll(question="Q" * 141), 400, "FIELD_LENGTH_TOO_LONG"),
        (poll(question=None), 400, "MISSING_FIELD"),
        (poll(settings=None), 400, "MISSING_FIELD"),
        (poll(settings={"duration": "A_YEAR"}), 400, "INVALID_VALUE_FOR_FIELD"),
        (poll(settings={}), 400, "MISSING_FIELD"),
        (article() | poll(), 400, "INVALID_VALUE_FOR_FIELD"),
    ],
)
def test_an_article_or_poll_outside_its_limits_is_refused(
    sandbox: Sandbox, amy: Caller, content: dict[str, Any], status: int, code: str
) -> None:
    answer = amy.create(content=content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert sandbox.posts(amy.member) == []


def test_a_page_asks_with_a_poll_at_its_limits(sandbox: Sandbox, client_id: str, page: str) -> None:
    vera = with_page(sandbox, client_id, page)
    answer = vera.create("", author=urn_of(page), content=poll())
    assert answer.status_code == 201
    shown = requests.get(f"{sandbox.url}/post/{answer.headers['x-restli-id']}", timeout=10)
    assert "Q" * 140 in shown.text
    assert "o" * 30 in shown.text


# ------------------------------------------------------------------------------------ numbers


def analytics(urn: str, kind: str = "IMPRESSION", **changed: str) -> str:
    name = "ugc" if ":ugcPost:" in urn else "share"
    query = {"q": "entity", "entity": f"({name}:{quote(urn, safe='')})"}
    query |= {"queryType": kind, "aggregation": "TOTAL"} | changed
    return "/rest/memberCreatorPostAnalytics?" + "&".join(f"{k}={v}" for k, v in query.items())


def shares(page: str, *urns: str) -> str:
    encoded = ",".join(quote(urn, safe="") for urn in urns)
    return (
        "/rest/organizationalEntityShareStatistics?q=organizationalEntity"
        f"&organizationalEntity={quote(urn_of(page), safe='')}&shares=List({encoded})"
    )


def test_a_member_reads_the_numbers_of_an_own_post(sandbox: Sandbox, vetted: Caller) -> None:
    numbers = {"IMPRESSION": 90, "MEMBERS_REACHED": 60, "RESHARE": 3, "REACTION": 8}
    sandbox.tell("settings", member=vetted.member, statistics=numbers)
    share = vetted.create().headers["x-restli-id"]
    asked = vetted.create("", content=poll()).headers["x-restli-id"]
    assert ":ugcPost:" in asked
    for urn in (share, asked):
        for kind, number in (numbers | {"COMMENT": 0}).items():
            (element,) = vetted.call("GET", analytics(urn, kind)).json()["elements"]
            assert element["count"] == number


def test_the_numbers_of_somebody_else_are_denied(vetted: Caller, amy: Caller) -> None:
    urn = amy.create().headers["x-restli-id"]
    assert denied(vetted.call("GET", analytics(urn)))
    assert denied(amy.call("GET", analytics(urn)))


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"q": "me"}, 400),
        ({"aggregation": "DAILY"}, 400),
        ({"queryType": "LIKES"}, 400),
        ({"entity": "(ugc:urn%3Ali%3Ashare%3A1)"}, 400),
        ({"entity": "urn%3Ali%3Ashare%3A1"}, 400),
        ({"entity": "(share:urn%3Ali%3Ashare%3A1)"}, 404),
    ],
)
def test_a_question_for_numbers_has_one_form(
    vetted: Caller, changed: dict[str, str], status: int
) -> None:
    urn = vetted.create().headers["x-restli-id"]
    assert vetted.call("GET", analytics(urn, **changed)).status_code == status


def test_a_page_reads_the_numbers_of_its_posts(sandbox: Sandbox, client_id: str, page: str) -> None:
    vera = with_page(sandbox, client_id, page)
    numbers = {"IMPRESSION": 200, "MEMBERS_REACHED": 150, "CLICK": 10, "REACTION": 6}
    numbers |= {"COMMENT": 3, "RESHARE": 1}
    sandbox.tell("settings", member=vera.member, statistics=numbers)
    first = vera.create("One", author=urn_of(page)).headers["x-restli-id"]
    second = vera.create("", author=urn_of(page), content=poll()).headers["x-restli-id"]
    elements = vera.call("GET", shares(page, first, second)).json()["elements"]
    assert [each["organizationalEntity"] for each in elements] == [urn_of(page)] * 2
    assert [each.get("share") for each in elements] == [first, None]
    assert elements[1]["ugcPost"] == second
    assert elements[0]["totalShareStatistics"] == {
        "impressionCount": 200,
        "uniqueImpressionsCount": 150,
        "clickCount": 10,
        "likeCount": 6,
        "commentCount": 3,
        "shareCount": 1,
        "engagement": 0.1,
    }


def test_the_numbers_of_a_page_end_after_a_year(
    sandbox: Sandbox, client_id: str, page: str
) -> None:
    vera = with_page(sandbox, client_id, page)
    urn = vera.create(author=urn_of(page)).headers["x-restli-id"]
    sandbox.tell("clock", advance_seconds=366 * DAY, member=vera.member)
    again = sandbox.caller(client_id=client_id, member=vera.member, scopes=VETTED)
    assert again.call("GET", shares(page, urn)).json()["elements"] == []


def test_the_numbers_of_a_page_need_scope_role_and_its_own_posts(
    sandbox: Sandbox, client_id: str, page: str
) -> None:
    vera = with_page(sandbox, client_id, page)
    urn = vera.create(author=urn_of(page)).headers["x-restli-id"]
    mine = vera.create().headers["x-restli-id"]
    writer = with_page(sandbox, client_id, page, "CONTENT_ADMIN")
    scopeless = with_page(sandbox, client_id, page, scopes=["w_organization_social"])
    assert denied(writer.call("GET", shares(page, urn)))
    assert denied(scopeless.call("GET", shares(page, urn)))
    assert vera.call("GET", shares(page, mine)).status_code == 404
    for wrong in ("", "&shares=List()", "&shares=List(1)", "&shares=urn%3Ali%3Ashare%3A1"):
        path = shares(page, urn).partition("&shares")[0] + wrong
        assert vera.call("GET", path).status_code == 400


def test_numbers_nobody_counts_cannot_be_set(sandbox: Sandbox, amy: Caller) -> None:
    with pytest.raises(ValueError, match="statistics"):
        sandbox.tell("settings", member=amy.member, statistics={"SMILES": 1})
