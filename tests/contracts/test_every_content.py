"""What a post may be and how it is sent, for every platform of the registry: limits, options, rendering, notes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest

from backend.core.errors import LeaseLost, Rejected
from backend.core.platform_contract import Attachment, Content
from backend.platforms import PLATFORMS
from tests.contracts.conftest import (
    NOW,
    Account,
    App,
    Kept,
    attachment,
    client,
    picture,
    sample,
)

MIMES = {
    "image": "image/png",
    "gif": "image/gif",
    "video": "video/mp4",
    "document": "application/pdf",
    "audio": "audio/mpeg",
}


def fields_of(name: str, content: Content) -> list[str]:
    platform = client(name, None, "id", "secret")
    return [violation.field for violation in platform.violations(content)]


# ------------------------------------------------------------------------------------ limits of files


def unread() -> Any:
    raise AssertionError("violations come from facts alone")


def file_within(kind: Any, own: dict[str, Any], **changed: Any) -> Attachment:
    """A file that a platform with these limits takes, other as told. Its bytes are never read."""

    def between(name: str, usual: float) -> Any:
        return min(max(usual, own.get(f"min_{name}", usual)), own.get(f"max_{name}", usual))

    moving = kind in ("video", "audio")
    facts: dict[str, Any] = {
        "mime": own.get("mimes", [MIMES[kind]])[0],
        "bytes": between("bytes", 100_000),
        "alt_text": None,
        "width": between("width", 640),
        "height": between("height", 480),
        "duration": between("seconds", 5.0) if moving else None,
    }
    return Attachment("m", kind, title="file", open=unread, url=unread, **(facts | changed))


def beyond(kind: str, own: dict[str, Any]) -> Iterator[tuple[str, str, Attachment]]:
    """For each limit of this kind of file its name, the field of the violation, and a file just beyond it."""
    changes: dict[str, dict[str, Any]] = {
        "mimes": {"mime": "application/x-unheard-of"},
        "min_bytes": {"bytes": own.get("min_bytes", 0) - 1},
        "max_bytes": {"bytes": own.get("max_bytes", 0) + 1},
        "min_seconds": {"duration": own.get("min_seconds", 0) - 0.01},
        "max_seconds": {"duration": own.get("max_seconds", 0) + 0.01},
        "min_width": {"width": own.get("min_width", 0) - 1},
        "max_width": {"width": own.get("max_width", 0) + 1},
        "min_height": {"height": own.get("min_height", 0) - 1},
        "max_height": {"height": own.get("max_height", 0) + 1},
        "min_ratio": {"width": 100, "height": int(100 / own.get("min_ratio", 1)) + 2},
        "max_ratio": {"width": int(100 * own.get("max_ratio", 1)) + 2, "height": 100},
        "max_pixels": {"width": own.get("max_pixels", 0) // 1000 + 1, "height": 1000},
        "max_alt_text": {"alt_text": "a" * (own.get("max_alt_text", 0) + 1)},
    }
    for limit in own.keys() & changes.keys():
        field = "media.alt_text" if limit == "max_alt_text" else "media"
        yield limit, field, file_within(kind, own, **changes[limit])


KINDS = [
    (name, kind)
    for name, platform in PLATFORMS.items()
    for kind in MIMES
    if kind in platform.LIMITS["media"]
]


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_each_limit_of_a_file_is_refused_beyond_and_taken_within(name: str, kind: str) -> None:
    own = PLATFORMS[name].LIMITS["media"][kind]
    assert fields_of(name, Content("a", (file_within(kind, own),))) == []
    for limit, field, file in beyond(kind, own):
        assert field in fields_of(name, Content("a", (file,))), limit
    if "max_alt_text" in own:
        described = file_within(kind, own, alt_text="a" * own["max_alt_text"])
        assert fields_of(name, Content("a", (described,))) == []
    one_more = (file_within(kind, own),) * (own["max"] + 1)
    assert "media" in fields_of(name, Content("a", one_more))


SEVERAL = [name for name in PLATFORMS if sum(name == each for each, _ in KINDS) > 1]


@pytest.mark.parametrize("name", SEVERAL)
def test_files_of_different_kinds_go_together_only_where_that_is_taken(name: str) -> None:
    media = PLATFORMS[name].LIMITS["media"]
    one, other = [kind for kind in MIMES if kind in media][:2]
    both = (file_within(one, media[one]), file_within(other, media[other]))
    assert ("media" in fields_of(name, Content("a", both))) is not bool(media.get("mixed"))


# ------------------------------------------------------------------------------------ options

OPTIONS = [
    (name, option) for name, platform in PLATFORMS.items() for option in platform.LIMITS["options"]
]
CHOICES = [(name, option) for name, option in OPTIONS if isinstance(PLATFORMS[name].LIMITS["options"][option], list)]  # fmt: skip
WRONG: dict[str, Any] = {"boolean": "yes", "text": 5, "number": "soon", "object": "none", "list": "none"}  # fmt: skip


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_an_option_of_the_wrong_kind_is_refused_by_name(name: str, option: str) -> None:
    kind = PLATFORMS[name].LIMITS["options"][option]
    wrong = "no such value" if isinstance(kind, list) else WRONG[kind]
    content = dataclasses.replace(sample(PLATFORMS[name]), options={option: wrong})
    assert any(field.startswith(f"options.{option}") for field in fields_of(name, content))


@pytest.mark.parametrize("name", sorted(PLATFORMS))
def test_every_option_says_what_it_is_for_and_none_is_needed(name: str) -> None:
    options = PLATFORMS[name].Options
    schema = options.model_json_schema()
    assert not schema.get("required")
    for option, told in schema.get("properties", {}).items():
        assert told.get("description"), option
    assert options.model_validate({})


@pytest.mark.parametrize(("name", "option"), CHOICES)
def test_the_values_of_a_choice_are_those_of_the_database(name: str, option: str) -> None:
    told = PLATFORMS[name].Options.model_json_schema()["properties"][option]
    allowed = [told, *told.get("anyOf", [])]
    values = [value for one in allowed for value in one.get("enum", [])]
    assert values == PLATFORMS[name].LIMITS["options"][option]


@pytest.mark.parametrize(("app", "option"), CHOICES, indirect=["app"])
def test_each_value_of_a_choice_arrives(app: App, option: str) -> None:
    account, received = app.connect(), []
    for number, value in enumerate(PLATFORMS[app.name].LIMITS["options"][option]):
        content = dataclasses.replace(
            sample(app.platform, f"Chosen {number}", shade=number * 9), options={option: value}
        )
        if app.platform.violations(content):  # not for an app like this one
            continue
        account.publish(content)
        post = account.posts[0]
        privacy = app.platform.render(content).privacy
        assert privacy in (None, post["visibility"])
        chosen = post["visibility"], {key: kept for key, kept in post["content"].items() if key == option}  # fmt: skip
        assert chosen not in received, value
        received.append(chosen)
    assert received


# ------------------------------------------------------------------------------------ rendering


@pytest.mark.parametrize("name", sorted(PLATFORMS))
def test_hashtags_and_links_are_told_as_people_wrote_them(name: str) -> None:
    platform = client(name, None, "id", "secret")
    text = "Look: #here, https://example.com/a?b=1 and #Zoë"
    (part,) = platform.render(sample(platform, text)).parts
    assert part.hashtags == ("#here", "#Zoë")
    assert part.links == ("https://example.com/a?b=1",)
    assert 0 < part.length <= part.max_length


@pytest.mark.parametrize("name", sorted(PLATFORMS))
def test_a_text_is_counted_against_the_limit_that_is_told(name: str) -> None:
    platform = client(name, None, "id", "secret")
    (part,) = platform.render(sample(platform, "a" * 50)).parts
    assert part.length == 50
    longest = sample(platform, "a" * part.max_length)
    assert platform.violations(longest) == []
    assert platform.violations(dataclasses.replace(longest, text=longest.text + "a"))


def test_the_same_content_is_rendered_the_same_each_time_and_as_it_is_received(
    account: Account,
) -> None:
    platform = account.app.platform
    content = sample(platform, "Twice (the) same: #one <two> & three_four\n\n@five")
    rendering = platform.render(content)
    account.publish(content)
    assert platform.render(content) == rendering
    (post,) = account.posts
    assert post["commentary"] == rendering.parts[0].text
    assert rendering.privacy in (None, post["visibility"])


# ------------------------------------------------------------------------------------ notes


def pictures(count: int) -> Content:
    files = tuple(attachment("image", picture(n * 40), f"number {n}") for n in range(count))
    return Content("With pictures", files)


def orders_of(account: Account, content: Content, notes: Kept) -> int:
    """Prepare it; returns how often the platform was asked to do something for it."""
    before = len(account.app.sandbox.requests(account.member))
    account.prepare(content, notes)
    asked = account.app.sandbox.requests(account.member)
    return sum(one["method"] != "GET" for one in asked[: len(asked) - before])


def test_what_the_notes_hold_is_not_uploaded_again(account: Account) -> None:
    content, notes = pictures(2), Kept()
    both = orders_of(account, content, notes)
    for_one = both - orders_of(account, pictures(1), Kept())
    # a second worker knows nothing but the notes
    again = orders_of(account, content, Kept(**json.loads(json.dumps(notes.values))))
    assert again <= max(0, both - 2 * for_one)
    account.publish(content, notes)
    assert len(account.posts[0]["media"]) == 2


class Telling(Kept):
    """Notes that remember which names were kept, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def keep(self, **values: Any) -> None:
        self.names += [name for name in values if name not in self.names]
        super().keep(**values)


def test_a_worker_that_dies_before_it_notes_something_doubles_nothing(app: App) -> None:
    telling, content = Telling(), pictures(2)
    app.connect().publish(content, telling)
    assert telling.names
    for name in telling.names:
        account, notes = app.connect(), Kept()
        notes.stop_before = name
        try:
            prepared = account.prepare(content, notes)
        except LeaseLost:
            assert account.posts == [], name
            notes.stop_before = None
            account.publish(content, notes)
            assert [len(post["media"]) for post in account.posts] == [2], name
        else:
            # what was sent is not sent again, so the notes may lack what came of it
            with contextlib.suppress(LeaseLost):
                app.platform.publish(account.tokens, prepared, notes)
            assert len(account.posts) <= 1, name


def test_no_token_is_ever_kept_in_the_notes(account: Account) -> None:
    notes = Kept()
    account.publish(pictures(2), notes)
    kept = json.dumps(notes.values)
    secrets = (
        account.tokens.access_token,
        account.tokens.refresh_token or account.tokens.access_token,
        account.app.client_secret,
    )
    assert not [secret for secret in secrets if secret in kept]


# ------------------------------------------------------------------------------------ consent


def test_the_verifier_never_passes_through_the_browser(app: App) -> None:
    verifier = "a-verifier-that-nobody-sees-" + "x" * 30
    url = app.platform.authorization_url(
        state="s", redirect_uri=app.redirect_uri, verifier=verifier
    )
    assert verifier not in url


def test_a_code_is_only_good_for_the_address_that_it_was_sent_to(app: App) -> None:
    code = app.consent(app.new_member())["code"]
    with pytest.raises(Rejected):
        app.platform.exchange_code(
            code=code, redirect_uri="https://elsewhere.example/callback", verifier="v" * 64, now=NOW
        )
