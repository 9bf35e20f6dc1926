"""What broke off on its way to Instagram: containers gone on with, the quota, and outcomes found out. Over HTTP, against the
strict sandbox."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.core.errors import (
    LeaseLost,
    LinError,
    NoAnswer,
    OutcomeUnknown,
    Reconnect,
    Rejected,
    TryLater,
)
from backend.core.platform_contract import Absent, Content, Pending, Published
from backend.core.reconciling import matching
from backend.outbound import PlatformHttp
from backend.platforms.instagram import Instagram, InstagramSettings
from local.sandbox.driver import Sandbox
from tests.contracts.conftest import Account, Kept
from tests.contracts.instagram_apps import asked, film, instagram_app, photo, set_up

PUBLISH = {"method": "POST", "path": "*/media_publish"}
MAKE = {"method": "POST", "path": "*/media"}
STATUS = {"method": "GET", "path": "/v26.0/*"}


@pytest.fixture(params=["instagram", "facebook"])
def ann(request: pytest.FixtureRequest, sandbox: Sandbox) -> Account:
    """An account connected through either login."""
    return instagram_app(sandbox, request.param).connect()


@pytest.fixture
def ivy(sandbox: Sandbox) -> Account:
    return instagram_app(sandbox).connect()


def of(account: Account) -> Instagram:
    assert isinstance(account.app.platform, Instagram)
    return account.app.platform


def one(text: str = "One") -> Content:
    return Content(text, (photo(),))


def refusal(code: int, subcode: int, status: int = 400) -> dict[str, Any]:
    error = {"message": "No.", "type": "OAuthException", "code": code, "error_subcode": subcode}
    return {"status": status, "body": {"error": error}}


def publish_once(account: Account, prepared: Any, notes: Kept) -> Published:
    return of(account).publish(account.tokens, prepared, notes)


def outcome(account: Account, content: Content, notes: Kept, *, ago: float = 0.0) -> Any:
    since = datetime.now(UTC) - timedelta(seconds=ago)
    return of(account).outcome(account.tokens, account.identity, content, notes, since=since)


def pass_time(account: Account, seconds: float) -> None:
    account.app.sandbox.tell("clock", advance_seconds=seconds, member=account.member)


# ------------------------------------------------------------------------------------ waiting


def test_what_takes_long_is_gone_on_with_and_made_once(ann: Account) -> None:
    set_up(ann, processing_seconds=100)
    notes, reel = Kept(), Content("Sea", (film(),))
    for _ in range(2):
        with pytest.raises(TryLater) as later:
            ann.prepare(reel, notes)
        assert (later.value.error_class, later.value.after) == ("media_processing", 60)
        assert not later.value.whole_account
    pass_time(ann, 100)
    ann.publish(reel, notes)
    assert asked(ann, "/media") == 1
    assert len(ann.posts) == 1


def test_each_try_waits_a_minute_and_asks_as_often_as_was_set(ivy: Account) -> None:
    set_up(ivy, processing_seconds=1000)
    app, paused = ivy.app, list[float]()
    chosen = InstagramSettings(client_id=app.client_id, client_secret=app.client_secret, poll_seconds=20)  # type: ignore[arg-type,call-arg]  # fmt: skip
    patient = Instagram(PlatformHttp(app.sandbox.url), chosen, pause=paused.append)
    with pytest.raises(TryLater):
        patient.prepare(ivy.tokens, ivy.identity, Content("Sea", (film(),)), Kept())
    assert paused == [1, 2, 20, 20]


def test_files_of_a_carousel_are_processed_side_by_side(ivy: Account) -> None:
    set_up(ivy, processing_seconds=100)
    notes, files = Kept(), tuple(photo(n) for n in range(3))
    with pytest.raises(TryLater):
        ivy.prepare(Content("three", files), notes)
    assert asked(ivy, "/media") == 3
    pass_time(ivy, 100)
    set_up(ivy, processing_seconds=0)
    ivy.publish(Content("three", files), notes)
    assert asked(ivy, "/media") == 4
    assert len(ivy.posts[0]["media"]) == 3


@pytest.mark.parametrize("subcode", [2207001, 2207032, 2207053, 2207003])
def test_a_container_that_failed_is_made_anew(ivy: Account, subcode: int) -> None:
    set_up(ivy, processing_fails="Something went wrong", processing_subcode=subcode)
    notes = Kept()
    with pytest.raises(TryLater) as later:
        ivy.prepare(one(), notes)
    assert later.value.error_class == f"graph_{subcode}"
    assert notes.values == {}
    set_up(ivy, processing_fails="")
    ivy.publish(one(), notes)
    assert asked(ivy, "/media") == 2


def test_a_file_that_instagram_cannot_use_is_refused(ivy: Account) -> None:
    set_up(ivy, processing_fails="Unsupported format", processing_subcode=2207026)
    notes, reel = Kept(), Content("Sea", (film(),))
    with pytest.raises(Rejected, match=r"H\.264") as refused:
        ivy.prepare(reel, notes)
    assert refused.value.error_class == "graph_2207026"
    assert notes.values == {}


def test_an_ended_container_is_made_anew(ann: Account) -> None:
    notes = Kept()
    ann.prepare(one(), notes)
    first = notes.get("reference")
    pass_time(ann, 25 * 3600)
    ann.publish(one(), notes)
    assert notes.get("reference") not in (None, first)
    assert len(ann.posts) == 1


def test_a_container_that_ends_while_one_waits_is_made_anew_the_next_time(ivy: Account) -> None:
    notes = Kept()
    ivy.order({"status": 200, "body": {"status_code": "EXPIRED"}}, **STATUS, times=2)
    with pytest.raises(TryLater) as later:
        ivy.prepare(one(), notes)
    # the first order was used up by the question for the quota
    assert later.value.error_class == "container_expired"
    assert notes.values == {}


@pytest.mark.parametrize(
    "body", [{}, {"status_code": "LATER"}, {"status_code": None}, {"status": "Finished"}]
)
def test_a_status_that_cannot_be_read_is_no_answer(ivy: Account, body: Any) -> None:
    notes = Kept()
    ivy.prepare(one(), notes)
    ivy.order({"status": 200, "body": body}, path=f"*/{notes.get('reference')}")
    with pytest.raises(NoAnswer):
        ivy.prepare(one(), notes)
    assert notes.get("reference")


@pytest.mark.parametrize("body", [{}, {"id": ""}, {"id": None}])
def test_an_answer_without_a_container_is_no_answer(ivy: Account, body: Any) -> None:
    ivy.order({"status": 200, "body": body}, **MAKE)
    with pytest.raises(NoAnswer):
        ivy.prepare(one())


# ------------------------------------------------------------------------------------ crashes


def test_a_worker_that_dies_goes_on_with_what_was_made(ivy: Account) -> None:
    notes, carousel = Kept(), Content("three", tuple(photo(n) for n in range(3)))
    ivy.order({"status": 500}, **MAKE)
    with pytest.raises(TryLater):
        ivy.prepare(carousel, notes)
    notes.stop_before = "container"
    with pytest.raises(LeaseLost):
        ivy.prepare(carousel, notes)
    made = dict(notes.get("children"))
    assert len(made) == 3
    notes.stop_before = None
    ivy.publish(carousel, notes)
    assert notes.get("children") == made
    assert [m["urn"] for m in ivy.posts[0]["media"]] == [child[0] for child in made.values()]
    assert len(ivy.posts) == 1


def test_a_container_whose_id_was_not_kept_is_made_again(ivy: Account) -> None:
    notes = Kept()
    notes.stop_before = "container"
    with pytest.raises(LeaseLost):
        ivy.prepare(one(), notes)
    notes.stop_before = None
    ivy.publish(one(), notes)
    assert len(ivy.posts) == 1


def test_notes_hold_no_token_and_no_address(ann: Account) -> None:
    notes = Kept()
    ann.publish(Content("two", (photo(1, "a"), photo(2, "b"))), notes)
    kept = str(notes.values)
    assert ann.tokens.access_token not in kept
    assert "http" not in kept


def test_an_alt_text_that_was_changed_makes_a_new_container(ivy: Account) -> None:
    notes = Kept()
    two = (photo(1, "old"), photo(2, "same"))
    ivy.prepare(Content("two", two), notes)
    changed = (dataclasses.replace(two[0], alt_text="new"), two[1])
    ivy.publish(Content("two", changed), notes)
    assert [media["alt_text"] for media in ivy.posts[0]["media"]] == ["new", "same"]
    # two files and a carousel, then one file and a carousel
    assert asked(ivy, "/media") == 5


def test_files_of_a_carousel_that_may_have_ended_are_made_again(ivy: Account) -> None:
    notes, two = Kept(), Content("two", (photo(1), photo(2)))
    notes.stop_before = "container"
    with pytest.raises(LeaseLost):
        ivy.prepare(two, notes)
    notes.stop_before = None
    old = {name: [child, made - 24 * 3600, alt] for name, (child, made, alt) in notes.get("children").items()}  # fmt: skip
    notes.keep(children=old)
    ivy.publish(two, notes)
    assert {m["urn"] for m in ivy.posts[0]["media"]}.isdisjoint(c[0] for c in old.values())


# ------------------------------------------------------------------------------------ addresses


def test_a_file_that_cannot_be_fetched_is_tried_once_more(ivy: Account) -> None:
    missing = dataclasses.replace(film(), url=lambda: "http://127.0.0.1:9/gone.mp4")
    notes = Kept()
    with pytest.raises(TryLater) as later:
        of(ivy).prepare(ivy.tokens, ivy.identity, Content("a", (missing,)), notes)
    assert later.value.error_class.endswith("2207052")
    assert "reference" not in notes.values
    with pytest.raises(Rejected, match="PUBLIC_URL"):
        of(ivy).prepare(ivy.tokens, ivy.identity, Content("a", (missing,)), notes)
    assert notes.values == {}, "its owner may try again, twice"


@pytest.mark.parametrize("kind", ["picture", "carousel"])
def test_the_second_time_a_file_is_fetched_after_all(ivy: Account, kind: str) -> None:
    content = one() if kind == "picture" else Content("two", (photo(1), photo(2)))
    notes = Kept()
    ivy.order(refusal(9004, 2207052), **MAKE)
    with pytest.raises(TryLater):
        ivy.prepare(content, notes)
    assert ivy.publish(content, notes).external_id


# ------------------------------------------------------------------------------------ quotas


def test_a_used_up_quota_is_known_before_anything_is_made(ann: Account) -> None:
    set_up(ann, quota_total=2)
    for text in ("One", "Two"):
        ann.publish(one(text))
    made = asked(ann, "/media")
    with pytest.raises(TryLater) as later:
        ann.prepare(one("Three"))
    assert later.value.whole_account
    assert later.value.error_class == "quota_used"
    # until the oldest of them is a day old
    assert 86_400 - 120 < (later.value.after or 0) <= 86_400
    assert asked(ann, "/media") == made
    pass_time(ann, 86_401)
    assert ann.publish(one("Three")).external_id


def test_where_the_listing_does_not_tell_when_it_frees_it_is_asked_hourly(ivy: Account) -> None:
    ivy.app.sandbox.tell("quotas", platform="instagram", member=ivy.member, used=50)
    with pytest.raises(TryLater) as later:
        ivy.prepare(one())
    assert (later.value.after, later.value.whole_account) == (3600, True)


@pytest.mark.parametrize("body", [{}, {"data": []}, {"data": [{"quota_usage": 99}]}, {"data": [{"config": 7}]}])  # fmt: skip
def test_a_quota_that_is_not_told_holds_nothing_back(ivy: Account, body: Any) -> None:
    ivy.order({"status": 200, "body": body}, path="*/content_publishing_limit")
    assert ivy.publish(one()).external_id


def test_a_quota_that_may_not_be_asked_for_holds_nothing_back(ivy: Account) -> None:
    ivy.order({"status": 400}, path="*/content_publishing_limit")
    assert ivy.publish(one()).external_id


def test_a_quota_used_up_by_others_meanwhile_waits_with_the_same_container(ann: Account) -> None:
    notes = Kept()
    prepared = ann.prepare(one(), notes)
    ann.app.sandbox.tell("quotas", platform="instagram", member=ann.member, used=50)
    with pytest.raises(TryLater) as later:
        publish_once(ann, prepared, notes)
    assert later.value.whole_account
    assert ann.posts == []
    ann.app.sandbox.tell("quotas", platform="instagram", member=ann.member, used=0)
    ann.publish(one(), notes)
    assert asked(ann, "/media") == 1


def test_more_containers_than_a_day_has_wait(ivy: Account) -> None:
    set_up(ivy, containers_used=400)
    with pytest.raises(TryLater):
        ivy.prepare(one())


# ------------------------------------------------------------------------------------ publishing


@pytest.mark.parametrize(("code", "subcode"), [(9007, 2207027), (24, 2207008)])
def test_what_is_not_ready_yet_is_published_later_and_once(
    ivy: Account, code: int, subcode: int
) -> None:
    notes = Kept()
    prepared = ivy.prepare(one(), notes)
    ivy.order(refusal(code, subcode), **PUBLISH)
    with pytest.raises(TryLater):
        publish_once(ivy, prepared, notes)
    ivy.publish(one(), notes)
    assert (asked(ivy, "/media"), len(ivy.posts)) == (1, 1)


def test_what_ended_before_it_was_published_is_made_anew(ivy: Account) -> None:
    notes = Kept()
    prepared = ivy.prepare(one(), notes)
    pass_time(ivy, 25 * 3600)
    with pytest.raises((TryLater, Rejected)):
        publish_once(ivy, prepared, notes)
    assert notes.values == {}
    ivy.publish(one(), notes)
    assert len(ivy.posts) == 1


def test_after_a_refusal_the_next_try_makes_a_new_container(ivy: Account) -> None:
    notes = Kept()
    prepared = ivy.prepare(one(), notes)
    set_up(ivy, restricted=True)
    with pytest.raises(Rejected, match="restricted"):
        publish_once(ivy, prepared, notes)
    assert notes.values == {}


def test_a_refusal_of_what_is_out_already_is_no_refusal(ann: Account) -> None:
    """How a published container is refused is not documented."""
    notes = Kept()
    prepared = ann.prepare(one(), notes)
    first = publish_once(ann, prepared, notes)
    again = publish_once(ann, prepared, notes)
    assert (again.external_id, again.external_url) == (first.external_id, first.external_url)
    assert len(ann.posts) == 1


def test_what_is_out_already_is_found_and_not_published_again(ann: Account) -> None:
    notes = Kept()
    first = ann.publish(one(), notes)
    calls = asked(ann, "/media_publish")
    again = ann.publish(one(), notes)
    assert again.external_id == first.external_id
    assert asked(ann, "/media_publish") == calls
    assert len(ann.posts) == 1


def test_what_is_out_and_not_listed_is_published_with_the_id_unknown(ivy: Account) -> None:
    notes = Kept()
    ivy.publish(one(), notes)
    prepared = ivy.prepare(one(), notes)
    ivy.order({"status": 500}, method="GET", path="*/media")
    assert publish_once(ivy, prepared, notes) == Published(None, None)


def test_the_address_may_stay_unknown(ivy: Account) -> None:
    notes = Kept()
    prepared = ivy.prepare(one(), notes)
    ivy.order({"drop": True}, method="GET")
    published = publish_once(ivy, prepared, notes)
    assert published.external_id == ivy.posts[0]["urn"]
    assert published.external_url is None


# ------------------------------------------------------------------------------------ outcomes


UNKNOWN: dict[str, dict[str, Any]] = {
    "dropped": {"drop": True},
    "reset": {"reset": True},
    "broken": {"status": 500},
    "in trouble": refusal(-1, 2207001),
    "spam": refusal(4, 2207051),
}


@pytest.mark.parametrize("order", UNKNOWN.values(), ids=UNKNOWN)
def test_what_was_published_without_an_answer_is_found(ann: Account, order: dict[str, Any]) -> None:
    notes = Kept()
    prepared = ann.prepare(one(), notes)
    ann.order({**order, "accept": True}, **PUBLISH)
    with pytest.raises((OutcomeUnknown, NoAnswer)):
        publish_once(ann, prepared, notes)
    told = outcome(ann, one(), notes)
    (post,) = ann.posts
    assert isinstance(told, Published)
    assert told.external_id == post["urn"]
    assert told.external_url


@pytest.mark.parametrize("order", UNKNOWN.values(), ids=UNKNOWN)
def test_what_never_arrived_is_published_later_and_once(
    ann: Account, order: dict[str, Any]
) -> None:
    notes = Kept()
    prepared = ann.prepare(one(), notes)
    container = notes.get("reference")
    ann.order({**order, "accept": False}, **PUBLISH)
    with pytest.raises((OutcomeUnknown, NoAnswer)):
        publish_once(ann, prepared, notes)
    early = outcome(ann, one(), notes)
    assert isinstance(early, Pending), "it may be late"
    assert 55 < early.check_after_seconds <= 61
    assert isinstance(outcome(ann, one(), notes, ago=61), Absent)
    ann.publish(one(), notes)
    assert notes.get("reference") == container, "the same container"
    assert len(ann.posts) == 1


def test_a_post_that_is_listed_late_is_looked_for_and_then_has_no_id(ivy: Account) -> None:
    set_up(ivy, readback_seconds=1000)
    notes = Kept()
    publish_once(ivy, ivy.prepare(one(), notes), notes)
    assert [outcome(ivy, one(), notes) for _ in range(4)] == [
        *[Pending(15.0)] * 3, Published(None, None),
    ]  # fmt: skip


def test_a_post_that_is_listed_late_is_found_when_it_is(ivy: Account) -> None:
    set_up(ivy, readback_seconds=45)
    notes = Kept()
    publish_once(ivy, ivy.prepare(one(), notes), notes)
    assert outcome(ivy, one(), notes) == Pending(15.0)
    pass_time(ivy, 45)
    told = outcome(ivy, one(), notes)
    assert isinstance(told, Published)
    assert told.external_id == ivy.posts[0]["urn"]


def test_of_two_posts_with_the_same_words_none_is_guessed(ivy: Account) -> None:
    ivy.publish(one())
    notes = Kept()
    publish_once(ivy, ivy.prepare(one(), notes), notes)
    assert outcome(ivy, one(), notes) == Published(None, None)


def test_a_post_with_the_same_words_is_no_proof_of_the_other(ivy: Account) -> None:
    """Whoever knows the ids of all posts decides."""
    ivy.publish(one())
    notes = Kept()
    ivy.prepare(one(), notes)
    assert outcome(ivy, one(), notes, ago=61) is None


def test_what_is_still_processed_is_pending(ivy: Account) -> None:
    set_up(ivy, processing_seconds=100)
    notes = Kept()
    with pytest.raises(TryLater):
        ivy.prepare(one(), notes)
    assert outcome(ivy, one(), notes, ago=1000) == Pending(5.0)


@pytest.mark.parametrize("status", ["EXPIRED", "ERROR"])
def test_what_ended_is_told_by_the_listing_alone(ivy: Account, status: str) -> None:
    notes = Kept()
    ivy.prepare(one(), notes)
    ivy.order({"status": 200, "body": {"status_code": status}}, method="GET")
    assert outcome(ivy, one(), notes, ago=1000) is None


def test_what_is_gone_is_told_by_the_listing_alone(ivy: Account) -> None:
    assert outcome(ivy, one(), Kept(reference="17900000000000000"), ago=1000) is None


@pytest.mark.parametrize("status", [429, 500])
def test_an_outcome_that_cannot_be_asked_for_now_is_asked_for_later(
    ivy: Account, status: int
) -> None:
    notes = Kept()
    ivy.prepare(one(), notes)
    ivy.order({"status": status}, method="GET")
    with pytest.raises(TryLater):
        outcome(ivy, one(), notes)


def test_what_the_listing_shows_is_what_was_sent(ann: Account) -> None:
    """So that it can be looked for without the container, too."""
    content = Content("Cafe\u0301 #sea\n\n@ann.b 🌊", (photo(1), photo(2)))
    before = datetime.now(UTC) - timedelta(minutes=2)
    published = ann.publish(content)
    ann.publish(one())
    seen = of(ann).recent_posts(ann.tokens, ann.identity, since=before)
    text = of(ann).render(content).parts[0].text
    assert [post.external_id for post in matching(seen, text, 2, before)] == [published.external_id]


def test_a_permission_that_is_gone_is_not_taken_for_absence(ann: Account) -> None:
    notes = Kept()
    ann.prepare(one(), notes)
    ann.app.sandbox.tell("tokens/revoke", platform="instagram", member=ann.member)
    with pytest.raises(Reconnect):
        outcome(ann, one(), notes, ago=1000)
    with pytest.raises(LinError):
        of(ann).recent_posts(ann.tokens, ann.identity, since=datetime.now(UTC))
