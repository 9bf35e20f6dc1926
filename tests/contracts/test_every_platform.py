"""What every platform of the registry keeps, whichever it is. A new platform brings these tests by being registered."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import re
import secrets
import unicodedata
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import backend.platforms
from backend.core.errors import (
    NoAnswer,
    NotSent,
    OutcomeUnknown,
    PlatformError,
    Reconnect,
    Rejected,
    TryLater,
)
from backend.core.platform_contract import Content, Follows, Measures, Platform, ReadsBack
from backend.platforms import PLATFORMS
from backend.services import build
from backend.settings import PlatformSettings, Settings, variable_of
from tests.contracts.conftest import (
    NOW,
    Account,
    App,
    Kept,
    attachment,
    client,
    fitted,
    picture,
    sample,
)

ROOT = Path(__file__).resolve().parents[2]
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


@pytest.fixture(params=sorted(PLATFORMS))
def name(request: pytest.FixtureRequest) -> str:
    registered: str = request.param
    return registered


def test_the_registry_is_sorted_and_each_platform_knows_its_name() -> None:
    assert list(PLATFORMS) == sorted(PLATFORMS)
    assert {key: platform.name for key, platform in PLATFORMS.items()} == {
        key: key for key in PLATFORMS
    }


def test_there_is_a_recipe_for_the_next_one() -> None:
    folder = Path(str(backend.platforms.__file__)).parent
    recipe = (folder / "ADDING.md").read_text()
    assert "core/platform_contract.py" in recipe
    for protocol in (
        "Platform",
        "ReadsBack",
        "Follows",
        "Deletes",
        "Measures",
        "OffersChoices",
        "Versioned",
    ):
        assert f"`{protocol}`" in recipe


def test_it_has_every_method_of_the_contract_with_its_parameters(name: str) -> None:
    for member, wanted in inspect.getmembers(Platform, callable):
        if member.startswith("_"):
            continue
        has = getattr(PLATFORMS[name], member)
        assert list(inspect.signature(has).parameters) == list(
            inspect.signature(wanted).parameters
        ), member
    for member in ("configured", "scopes"):
        assert isinstance(getattr(PLATFORMS[name], member), property)
    assert issubclass(PLATFORMS[name].Settings, PlatformSettings)
    assert PLATFORMS[name].Options.model_config["extra"] == "forbid"
    assert isinstance(PLATFORMS[name].one_consent, bool)


def test_its_variables_begin_with_its_name(name: str) -> None:
    settings = PLATFORMS[name].Settings
    for field in settings.model_fields:
        assert variable_of(settings, field).startswith(f"{name.upper()}_")


def test_the_server_builds_it_from_its_settings(name: str) -> None:
    made = build(
        Settings(
            app_env="development", supabase_url="http://127.0.0.1:9", supabase_key="k", supabase_secret_key="s",
            public_url="http://127.0.0.1:9", frontend_origins="http://127.0.0.1:9", token_keys=KEY,
        )  # type: ignore[arg-type]
    )  # fmt: skip
    assert made.platforms[name].configured is False
    assert set(made.platforms) == set(PLATFORMS)


def test_it_is_configured_only_with_both_credentials(name: str) -> None:
    assert client(name, None, "id", "secret").configured
    assert not client(name, None, None, None).configured
    assert not client(name, None, "", "").configured
    for half in (("id", None), (None, "secret")):
        with pytest.raises(ValidationError, match="go together"):
            client(name, None, *half)


def seeded() -> list[tuple[str, str, str]]:
    """Id, scope for reading back and limits of each row; the scope is empty for null."""
    text = (ROOT / "supabase" / "seed.sql").read_text()
    row = r"\('(\w+)', '[^']+', true, (?:'([^']+)'|null), '(\{.*?\n {2}\})'\)"
    return re.findall(row, text, re.DOTALL)


def seeded_limits() -> dict[str, Any]:
    return {platform: json.loads(limits) for platform, _, limits in seeded()}


def test_the_database_knows_whether_its_posts_can_be_read(name: str) -> None:
    platform = client(name, None, "id", "secret")
    scope = platform.read_back_scope if isinstance(platform, ReadsBack) else ""
    assert {platform: scope for platform, scope, _ in seeded()}[name] == scope


def test_the_database_knows_whether_it_tells_how_posts_do(name: str) -> None:
    platform = client(name, None, "id", "secret")
    row = rf"\('{name}', '([^']+)', interval '[^']+'\)"
    told = re.search(row, (ROOT / "supabase" / "seed.sql").read_text())
    scope = platform.metrics_scope if isinstance(platform, Measures) else ""
    assert (told[1] if told else "") == scope


def test_its_limits_are_those_of_the_database(name: str) -> None:
    assert json.loads(json.dumps(PLATFORMS[name].LIMITS)) == seeded_limits()[name]


def test_its_options_are_those_of_the_database(name: str) -> None:
    assert set(PLATFORMS[name].Options.model_fields) == set(seeded_limits()[name]["options"])


def test_it_refuses_what_its_limits_refuse_and_nothing_less(name: str) -> None:
    limits, platform = seeded_limits()[name], client(name, None, "id", "secret")
    longest = limits["text"]["max"]
    if limits["media"].get("required"):  # then the sample has a picture
        longest = limits["media"]["image"].get("max_text", longest)
    assert platform.violations(sample(platform, "a" * longest)) == []
    longer = platform.violations(sample(platform, "a" * (longest + 1)))
    assert [v.field for v in longer] == ["text"]
    most = limits["media"]["image"]["max"]
    images = tuple(attachment("image", picture(n)) for n in range(most + 1))
    assert platform.violations(Content("a", images[:-1])) == []
    assert [v.field for v in platform.violations(Content("a", images))] == ["media"]
    for kind in ("image", "gif", "video", "document", "audio"):
        if kind not in limits["media"]:
            refused = platform.violations(Content("a", (attachment(kind, b"x"),)))  # type: ignore[arg-type]
            assert "media" in [v.field for v in refused], kind


def test_an_option_it_does_not_know_is_refused_by_name(name: str) -> None:
    platform = client(name, None, "id", "secret")
    wrong = dataclasses.replace(sample(platform), options={"no_such_option": 1})
    assert [v.field for v in platform.violations(wrong)] == ["options.no_such_option"]


def test_pictures_are_made_to_fit_rather_than_refused(name: str) -> None:
    assert seeded_limits()[name]["media"]["image"]["fit"] is True
    assert PLATFORMS[name].pictures is not None


def test_a_violation_names_its_field_and_the_limit(name: str) -> None:
    platform = client(name, None, "id", "secret")
    (violation,) = platform.violations(sample(platform, "a" * 100_000))
    assert violation.field == "text"
    assert "100000" in violation.message


def test_nothing_at_all_cannot_be_published(name: str) -> None:
    assert client(name, None, "id", "secret").violations(Content(" \n "))


# ------------------------------------------------------------------------------------ over the wire


def test_the_consent_page_is_asked_for_what_publishing_needs(app: App) -> None:
    url = app.platform.authorization_url(
        state="st/ä te", redirect_uri=app.redirect_uri, verifier="v" * 64
    )
    assert url.startswith(f"{app.sandbox.url}/")
    assert "st%2F%C3%A4%20te" in url
    assert app.client_secret not in url
    assert app.platform.scopes


def test_an_allowed_consent_ends_with_tokens_and_an_identity(app: App) -> None:
    member = app.new_member("Ada Lovelace")
    tokens = app.exchange(app.consent(member)["code"])
    assert tokens.access_token
    assert tokens.access_token not in repr(tokens)
    assert tokens.expires_at is not None
    assert tokens.expires_at > NOW + timedelta(hours=1)
    assert set(app.platform.scopes) <= set(tokens.scopes)
    granted = app.platform.accounts(tokens)[0]
    assert granted.identity.kind in ("person", "page", "organization", "professional")
    assert "ada lovelace" in granted.identity.account_name.lower()
    assert granted.identity.external_id
    assert granted.tokens.access_token
    assert set(app.platform.scopes) <= set(granted.tokens.scopes)
    assert app.platform.profile(granted.tokens, granted.identity) == granted.identity


def test_the_same_member_has_the_same_id_each_time(app: App) -> None:
    member = app.new_member()
    ids = {
        app.platform.accounts(app.exchange(app.consent(member)["code"]))[0].identity.external_id
        for _ in range(2)
    }
    assert len(ids) == 1


@pytest.mark.parametrize(
    "spelled", ["Zoë 🌷 Ünal", "שירה לוי", "محمد الأمين", "李小龍", "O’Neil-Smith", "🏳️‍🌈"]
)
def test_a_name_in_any_script_arrives_whole(app: App, spelled: str) -> None:
    assert spelled in app.connect(spelled).identity.account_name


def test_a_canceled_consent_brings_no_code(app: App) -> None:
    for decision in ("cancel_login", "cancel_authorize", "server_error"):
        back = app.consent(app.new_member(), decision=decision)
        assert "code" not in back
        assert back["error"]


def test_a_code_serves_once_and_only_itself(app: App) -> None:
    code = app.consent(app.new_member())["code"]
    app.exchange(code)
    for wrong in (code, "never-issued"):
        with pytest.raises(Rejected) as refused:
            app.exchange(wrong)
        assert wrong not in str(refused.value)


def test_a_server_with_the_wrong_secret_gets_nothing(app: App) -> None:
    code = app.consent(app.new_member())["code"]
    stranger = client(app.name, app.sandbox.url, app.client_id, "wrong-secret")
    with pytest.raises(Rejected) as refused:
        stranger.exchange_code(code=code, redirect_uri=app.redirect_uri, verifier="v" * 64, now=NOW)
    assert "wrong-secret" not in str(refused.value)


def test_a_revoked_token_is_dead(account: Account) -> None:
    try:
        account.app.platform.revoke(account.tokens)
    except Rejected:  # only its owner revokes there, by hand
        account.app.sandbox.tell("tokens/revoke", platform=account.app.name, member=account.member)
    with pytest.raises(Reconnect):
        account.app.platform.profile(account.tokens, account.identity)
    with pytest.raises(Reconnect):
        account.publish(sample(account.app.platform))
    assert account.posts == []


def test_a_text_is_published_and_named(account: Account) -> None:
    published = account.publish(sample(account.app.platform))
    (post,) = account.posts
    assert published.external_id == post["urn"]
    if account.app.platform.render(sample(account.app.platform)).privacy == "SELF_ONLY":
        assert published.external_url is None
    else:
        assert (published.external_url or "").startswith("https://")
    assert published.http_status is not None
    assert published.http_status < 300


def test_preparing_creates_nothing_that_anybody_sees(account: Account) -> None:
    for _ in range(2):
        account.prepare(Content("Good morning", (attachment("image", picture()),)))
    assert account.posts == []


ANY_TEXT = st.text(
    alphabet=st.sampled_from(list("|{}@[]()<>#\\*_~ab Z9\n\té…😀🏳️‍🌈שלוםعليكم日本\u200f#")),
    min_size=1,
    max_size=120,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ANY_TEXT.filter(str.strip))
def test_any_text_reaches_its_readers_as_it_was_written(app: App, text: str) -> None:
    account = app.connect()
    content = sample(app.platform, text)
    assume(app.platform.violations(content) == [])
    account.publish(content)
    (post,) = account.posts
    (part,) = app.platform.render(content).parts
    assert post["commentary"] == part.text
    assert (" ".join(post["visible_text"].split()), post["defects"]) == (
        " ".join(read_as(text).split()),
        [],
    )


def read_as(text: str) -> str:
    """The text as people see it: the form of accents does not show."""
    return unicodedata.normalize("NFC", text)


def test_the_longest_text_is_taken_even_when_every_character_is_escaped(account: Account) -> None:
    longest = seeded_limits()[account.app.name]["text"]["max"]
    text = ("()_* " * longest)[: longest - 1] + "."
    account.publish(sample(account.app.platform, text))
    assert account.posts[0]["visible_text"] == text


def test_images_arrive_with_their_alt_texts_in_order(account: Account) -> None:
    images = tuple(attachment("image", picture(n * 10), f"picture {n}") for n in range(3))
    content = Content("three", images)
    account.publish(content)
    (post,) = account.posts
    sent = fitted(content, account.app.platform.pictures).attachments
    digests = [hashlib.sha256(one.open().read()).hexdigest() for one in sent]
    assert [media["sha256"] for media in post["media"]] == digests
    if "max_alt_text" in seeded_limits()[account.app.name]["media"]["image"]:
        told = [media["alt_text"] for media in post["media"]]
        assert told == ["picture 0", "picture 1", "picture 2"]


# ------------------------------------------------------------------------------------ faults on the wire

FAULTS: dict[str, tuple[dict[str, Any], type[Exception] | tuple[type[Exception], ...]]] = {
    "throttled": ({"status": 429, "retry_after": 7}, TryLater),
    # proof of nothing, but where a platform is trusted to mean it
    "briefly away": ({"status": 503, "retry_after": 7}, (TryLater, OutcomeUnknown)),
    "broken": ({"status": 500}, OutcomeUnknown),
    "broken after accepting": ({"status": 500, "accept": True}, OutcomeUnknown),
    "bad gateway": ({"status": 502}, OutcomeUnknown),
    "away without a time": ({"status": 503}, OutcomeUnknown),
    "gateway time-out": ({"status": 504}, OutcomeUnknown),
    "redirect": ({"status": 302, "headers": {"Location": "https://elsewhere.example/"}}, OutcomeUnknown),
    "unauthorized": ({"status": 401}, Reconnect),
    "bad request": ({"status": 400}, Rejected),
    "revoked": ({"revoke": True}, Reconnect),
    "dropped": ({"drop": True}, NoAnswer),
    "dropped after accepting": ({"drop": True, "accept": True}, NoAnswer),
    "reset": ({"reset": True}, NoAnswer),
    "reset after accepting": ({"reset": True, "accept": True}, NoAnswer),
}  # fmt: skip


@pytest.mark.parametrize(("order", "kind"), FAULTS.values(), ids=FAULTS.keys())
def test_each_fault_of_the_creating_call_has_one_meaning(
    account: Account, order: dict[str, Any], kind: type[Exception] | tuple[type[Exception], ...]
) -> None:
    prepared = account.prepare(sample(account.app.platform))
    account.order(order)
    with pytest.raises(kind) as raised:
        account.app.platform.publish(account.tokens, prepared, Kept())
    assert account.tokens.access_token not in str(raised.value)
    if isinstance(raised.value, TryLater):
        assert raised.value.after is not None
        assert raised.value.after >= 7
    # what may be sent again is provably not there
    if not isinstance(raised.value, OutcomeUnknown | NoAnswer):
        assert account.posts == []
    assert len(account.posts) == (1 if order.get("accept") else 0)


@pytest.mark.parametrize("accept", [True, False])
def test_no_answer_in_time_leaves_the_outcome_open(account: Account, accept: bool) -> None:
    prepared = account.prepare(sample(account.app.platform))
    account.order({"timeout": True, "accept": accept})
    hasty = account.app.with_door(total_timeout=0.3)
    with pytest.raises(NoAnswer):
        hasty.publish(account.tokens, prepared, Kept())
    assert len(account.posts) == accept


def test_an_answer_without_the_id_is_published_with_the_id_unknown(account: Account) -> None:
    prepared = account.prepare(sample(account.app.platform))
    account.order({"no_id": True})
    try:
        published = account.app.platform.publish(account.tokens, prepared, Kept())
    except OutcomeUnknown:  # what is only accepted cannot be asked for then
        assert isinstance(account.app.platform, Follows)
    else:
        assert (published.external_id, published.external_url) == (None, None)
    assert len(account.posts) == 1


@pytest.mark.parametrize("call", ["publish", "prepare", "accounts", "exchange_code", "revoke"])
def test_what_cannot_be_reached_was_not_sent(account: Account, call: str) -> None:
    prepared = account.prepare(sample(account.app.platform))
    unreachable = account.app.with_door("http://127.0.0.1:9")
    picture_post = fitted(Content("a", (attachment("image", picture()),)), unreachable.pictures)
    calls: dict[str, Any] = {
        "publish": lambda: unreachable.publish(account.tokens, prepared, Kept()),
        "prepare": lambda: unreachable.prepare(account.tokens, account.identity, picture_post, Kept()),
        "accounts": lambda: unreachable.accounts(account.tokens),
        "exchange_code": lambda: unreachable.exchange_code(code="c", redirect_uri=account.app.redirect_uri, verifier="v", now=NOW),
        "revoke": lambda: unreachable.revoke(account.tokens),
    }  # fmt: skip
    with pytest.raises((NotSent, Rejected)) as raised:
        calls[call]()
    if isinstance(raised.value, Rejected):  # there is no such call
        assert (call, raised.value.error_class) == ("revoke", "no_revoke")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_a_failing_platform_while_preparing_is_tried_again(account: Account, status: int) -> None:
    account.order({"status": status})
    with pytest.raises(TryLater):
        account.prepare(Content("a", (attachment("image", picture()),)))
    assert account.publish(Content("a", (attachment("image", picture()),))).external_id


def test_connecting_survives_a_platform_that_fails(app: App) -> None:
    code = app.consent(app.new_member())["code"]
    app.sandbox.order({"status": 500}, path="*oken*")
    with pytest.raises(TryLater):
        app.exchange(code)
    assert app.exchange(code).access_token


def test_an_answer_cut_in_half_is_no_answer(app: App) -> None:
    member = app.new_member()
    tokens = app.exchange(app.consent(member)["code"])
    app.sandbox.order({"half_body": True}, member=member)
    with pytest.raises(NoAnswer):
        app.platform.accounts(tokens)


def test_every_error_of_a_platform_says_what_it_was(account: Account) -> None:
    prepared = account.prepare(sample(account.app.platform))
    account.order({"status": 400, "body": {"status": 400, "message": "m", "code": "SOME_CODE"}})
    with pytest.raises(PlatformError) as raised:
        account.app.platform.publish(account.tokens, prepared, Kept())
    assert raised.value.http_status == 400
    assert 0 < len(raised.value.error_class) <= 50


def test_an_expired_token_asks_for_its_owner(account: Account) -> None:
    account.app.sandbox.tell("tokens/expire", platform=account.app.name, member=account.member)
    with pytest.raises(Reconnect):
        account.publish(sample(account.app.platform))


def test_the_contracts_dataclasses_cannot_be_changed(account: Account) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        account.tokens.access_token = secrets.token_hex()  # type: ignore[misc]
