"""LinkedIn's articles, polls and hashtags, and posts that are deleted again. Over HTTP, against the strict sandbox."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.core.errors import OutcomeUnknown, TryLater
from backend.core.platform_contract import Content, Tokens
from backend.platforms.linkedin import LinkedIn
from local.sandbox.driver import Sandbox
from tests.contracts.conftest import Account, App, Kept, attachment, make_app, picture

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

ARTICLE = {"source": "https://example.org/a?b=(c)#d", "title": "News"}
POLL = {"question": "Tea or coffee?", "options": ["Tea", "Coffee"], "duration": "ONE_DAY"}
IMAGE = attachment("image", picture(), "not shown")


def article(**changed: Any) -> dict[str, Any]:
    return {"article": {k: v for k, v in (ARTICLE | changed).items() if v is not None}}


def poll(**changed: Any) -> dict[str, Any]:
    return {"poll": {k: v for k, v in (POLL | changed).items() if v is not None}}


# ------------------------------------------------------------------------------------ articles


def test_an_article_is_sent_with_its_own_words(ada: Account) -> None:
    ada.publish(Content("Read this", options=article(description="All of it")))
    (post,) = ada.posts
    assert post["kind"] == "article"
    assert post["content"]["article"] == ARTICLE | {"description": "All of it"}


def test_the_one_picture_of_an_article_is_its_thumbnail(ada: Account) -> None:
    ada.publish(Content("Read this", (IMAGE,), article()))
    (post,) = ada.posts
    (shown,) = post["media"]
    assert post["content"] == {"article": ARTICLE | {"thumbnail": shown["urn"]}}
    assert shown["bytes"] > 0


def test_an_article_with_its_picture_needs_no_text(ada: Account) -> None:
    ada.publish(Content("", (IMAGE,), article()))
    assert ada.posts[0]["visible_text"] == ""


def test_a_thumbnail_counts_when_an_article_is_looked_for(sandbox: Sandbox) -> None:
    ada = make_app(sandbox, "linkedin", scopes=[*LinkedIn.SCOPES, "r_member_social"]).connect()
    ada.publish(Content("Bare", options=article()))
    ada.publish(Content("Pictured", (IMAGE,), article()))
    made = sandbox.tell("tokens", member=ada.member, client_id=ada.app.client_id, scopes=["r_member_social"])  # fmt: skip
    tokens = Tokens(made["tokens"][0]["access_token"], None)
    seen = ada.app.platform.recent_posts(tokens, ada.identity, since=LONG_AGO)  # type: ignore[attr-defined]
    assert [post.media for post in seen] == [1, 0]


# ------------------------------------------------------------------------------------ polls


@pytest.mark.parametrize("duration", ["ONE_DAY", "THREE_DAYS", "SEVEN_DAYS", "FOURTEEN_DAYS"])
def test_a_poll_is_sent_as_it_was_asked(ada: Account, duration: str) -> None:
    ada.publish(Content("Vote", options=poll(duration=duration)))
    (post,) = ada.posts
    assert post["content"] == {
        "poll": {
            "question": "Tea or coffee?",
            "options": [{"text": "Tea"}, {"text": "Coffee"}],
            "settings": {"duration": duration},
        }
    }


def test_a_poll_runs_three_days_unless_said_otherwise(ada: Account) -> None:
    ada.publish(Content("Vote", options=poll(duration=None)))
    assert ada.posts[0]["content"]["poll"]["settings"] == {"duration": "THREE_DAYS"}


# ------------------------------------------------------------------------------------ limits


@pytest.mark.parametrize(
    "options",
    [
        article(title="t" * 400),
        article(source="http://example.org"),
        poll(question="q" * 140, options=["o" * 30, "p" * 30, "q" * 30, "r" * 30]),
        poll(question="🏳️‍🌈" * 23, options=["日" * 30, "ü"]),
        {"article": None, "poll": None},
    ],
)
def test_what_is_within_the_limits_is_taken(ada: Account, options: dict[str, Any]) -> None:
    ada.publish(Content("At the limits", options=options))
    assert ada.posts[0]["defects"] == []


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (article(source=None), "options.article.source"),
        (article(source="example.org"), "options.article.source"),
        (article(source="ftp://example.org/"), "options.article.source"),
        (article(source="https://exa mple.org/"), "options.article.source"),
        (article(source="https://[1/"), "options.article.source"),
        (article(source=5), "options.article.source"),
        (article(title=None), "options.article.title"),
        (article(title=""), "options.article.title"),
        (article(title=" "), "options.article.title"),
        (article(title="t" * 401), "options.article.title"),
        (article(description=""), "options.article.description"),
        (article(thumbnail="urn:li:image:1"), "options.article.thumbnail"),
        ({"article": "https://example.org"}, "options.article"),
        (poll(question=None), "options.poll.question"),
        (poll(question="q" * 141), "options.poll.question"),
        (poll(question="\n"), "options.poll.question"),
        (poll(options=["one"]), "options.poll.options"),
        (poll(options=["1", "2", "3", "4", "5"]), "options.poll.options"),
        (poll(options=["o" * 31, "two"]), "options.poll.options.0"),
        (poll(options=["one", ""]), "options.poll.options.1"),
        (poll(options="one,two"), "options.poll.options"),
        (poll(duration="A_YEAR"), "options.poll.duration"),
        (poll(anonymous=True), "options.poll.anonymous"),
    ],
)
def test_what_is_outside_the_limits_names_its_field(
    linkedin: App, options: dict[str, Any], field: str
) -> None:
    violations = linkedin.platform.violations(Content("a", options=options))
    assert [violation.field for violation in violations] == [field]


@pytest.mark.parametrize(
    ("files", "options", "field"),
    [
        ((), article() | poll(), "options.poll"),
        ((IMAGE,), poll(), "options.poll"),
        ((IMAGE, IMAGE), article(), "options.article"),
        ((attachment("video", bytes(100_000)),), article(), "options.article"),
        ((attachment("document", b"%PDF"),), article(), "options.article"),
        ((attachment("gif", b"GIF89a"),), article(), "options.article"),
    ],
)
def test_one_post_shows_one_thing(
    linkedin: App, files: tuple[Any, ...], options: dict[str, Any], field: str
) -> None:
    violations = linkedin.platform.violations(Content("a", files, options))
    assert [violation.field for violation in violations] == [field]


@pytest.mark.parametrize("options", [article(), poll()])
def test_neither_goes_out_without_any_text_or_file(linkedin: App, options: dict[str, Any]) -> None:
    # whether LinkedIn takes it is not documented: an empty text is, for a post with media
    assert linkedin.platform.violations(Content(" ", options=options))[0].field == "text"


WORDS = st.text(
    alphabet=st.sampled_from(list("|{}@[]()<>#\\*_~ab Z9é…😀שלוםعليكم日本\u200f&\"'")),
    min_size=1,
    max_size=30,
).filter(str.strip)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(WORDS, min_size=3, max_size=3))
def test_the_words_of_articles_and_polls_arrive_as_they_were_written(
    linkedin: App, words: list[str]
) -> None:
    ada = linkedin.connect()
    ada.publish(Content("a", options=article(title=words[0], description=words[1])))
    ada.publish(Content("b", options=poll(question=words[0], options=words[1:])))
    asked, read = (post["content"] for post in ada.posts)
    assert (read["article"]["title"], read["article"]["description"]) == (words[0], words[1])
    assert asked["poll"]["question"] == words[0]
    assert [option["text"] for option in asked["poll"]["options"]] == words[1:]


# ------------------------------------------------------------------------------------ hashtags


TAGGED = st.lists(
    st.sampled_from(
        ["#tag", "#1", "#a1", "C#", "#Ünïcode", "#日本", "#snake_case", "##", "#", "(#in)", "#a#b", " ", "\n", "word", "@me", "https://example.org/#part", "www.example.org", "#tag's", "‘#q’"]
    ),
    min_size=1, max_size=8,
).map(" ".join)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TAGGED.filter(str.strip))
def test_the_preview_names_the_hashtags_that_linkedin_makes(linkedin: App, text: str) -> None:
    ada = linkedin.connect()
    ada.publish(Content(text))
    (post,) = ada.posts
    (part,) = linkedin.platform.render(Content(text)).parts
    made = [word for kind, word in post["pieces"] if kind == "hashtag"]
    assert list(part.hashtags) == made
    assert part.text == post["commentary"]


def test_the_preview_counts_what_is_read_and_names_the_links(linkedin: App) -> None:
    text = "See (https://example.org/a_b) and www.example.org #now"
    (part,) = linkedin.platform.render(Content(text)).parts
    assert part.length == len(text) < len(part.text)
    assert part.links == ("https://example.org/a_b", "www.example.org")
    assert part.hashtags == ("#now",)


# ------------------------------------------------------------------------------------ deleting


def delete(ada: Account, urn: str | None) -> None:
    ada.app.platform.delete(ada.tokens, ada.identity, urn or "", Kept())  # type: ignore[attr-defined]


def test_a_post_is_deleted_once_or_twice(ada: Account) -> None:
    kept = ada.publish(Content("stays"))
    gone = ada.publish(Content("goes"))
    for _ in range(2):
        delete(ada, gone.external_id)
    assert {post["urn"]: bool(post["deleted_at"]) for post in ada.posts} == {
        kept.external_id: False,
        gone.external_id: True,
    }


@pytest.mark.parametrize("status", [204, 404])
def test_one_that_is_gone_already_is_no_error(ada: Account, status: int) -> None:
    ada.order({"status": status}, method="DELETE")
    delete(ada, "urn:li:share:1")


@pytest.mark.parametrize(("status", "kind"), [(429, TryLater), (500, TryLater)])
def test_a_post_that_could_not_be_deleted_says_so(
    ada: Account, status: int, kind: type[Exception]
) -> None:
    published = ada.publish(Content("stays"))
    ada.order({"status": status}, method="DELETE")
    with pytest.raises(kind) as raised:
        delete(ada, published.external_id)
    assert not isinstance(raised.value, OutcomeUnknown)
    assert ada.posts[0]["deleted_at"] is None
