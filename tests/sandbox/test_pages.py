"""What people see, and what nobody may inject."""

from __future__ import annotations

import requests

from local.sandbox.driver import Caller, Sandbox

SCRIPT = "<script>alert(1)</script>"


def get(sandbox: Sandbox, path: str) -> requests.Response:
    return requests.get(f"{sandbox.url}{path}", timeout=10)


def test_the_index_says_what_this_is(sandbox: Sandbox) -> None:
    page = get(sandbox, "/")
    assert page.status_code == 200
    assert "A stand-in for social platforms" in page.text
    assert "api.linkedin.com" in page.text


def test_the_feed_shows_posts_escaped_with_images_and_defects(
    sandbox: Sandbox, amy: Caller, png: bytes
) -> None:
    urn = amy.upload("image", png)
    media = {"id": urn, "altText": f'"{SCRIPT}'}
    escaped = "".join(f"\\{c}" if c in "<>()" else c for c in SCRIPT)
    answer = amy.create(f"{escaped} #Hello (cut", content={"media": media})
    post_urn = answer.headers["x-restli-id"]
    for path in (
        "/feed",
        f"/feed/linkedin/{amy.member}",
        f"/feed/linkedin/{amy.author}",
        f"/post/{post_urn}",
    ):
        page = get(sandbox, path)
        assert page.status_code == 200
        assert "<script>" not in page.text
        assert "&lt;script&gt;alert(1)" in page.text
        assert '<span class="hashtag">#Hello</span>' in page.text
        assert f'src="/_control/media/{urn}"' in page.text
        assert 'class="defect"' in page.text


def test_every_kind_of_post_has_a_card(
    sandbox: Sandbox, amy: Caller, png: bytes, pdf: bytes
) -> None:
    thumbnail = amy.upload("image", png)
    article = {"source": "https://example.com/", "title": "A title", "thumbnail": thumbnail}
    poll = {
        "question": "A question",
        "options": [{"text": "1"}, {"text": "2"}],
        "settings": {"duration": "ONE_DAY"},
    }
    document = {"id": amy.upload("document", pdf), "title": "A document"}
    for content in ({"article": article}, {"poll": poll}, {"media": document}):
        assert amy.create("", content=content).status_code == 201
    page = get(sandbox, f"/feed/linkedin/{amy.member}").text
    for text in ("A title", "A question", "A document", "1 pages"):
        assert text in page


def test_a_long_feed_goes_on_on_another_page(sandbox: Sandbox, amy: Caller) -> None:
    for number in range(31):
        amy.create(f"Number {number}.")
    first = get(sandbox, f"/feed/linkedin/{amy.member}").text
    assert "Number 30." in first
    assert "Number 0." not in first
    assert "?skip=30" in first
    assert "Number 0." in get(sandbox, f"/feed/linkedin/{amy.member}?skip=30").text


def test_the_public_address_of_a_post_leads_to_its_page(sandbox: Sandbox, amy: Caller) -> None:
    urn = amy.create("Public").headers["x-restli-id"]
    page = get(sandbox, f"/www.linkedin.com/feed/update/{urn}/")
    assert page.status_code == 200
    assert page.url.endswith(f"/post/{urn}")
    assert "Public" in page.text


def test_a_host_that_is_not_mounted_is_named(sandbox: Sandbox) -> None:
    page = get(sandbox, f"/api.nowhere.example/{SCRIPT}")
    assert page.status_code == 404
    assert "api.nowhere.example" in page.text
    assert "<script>" not in page.text
