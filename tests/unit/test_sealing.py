"""Sealed secrets: they open for what they were sealed for, with a key that is still there, and never otherwise."""

from __future__ import annotations

import base64
import json
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.errors import SealBroken
from backend.core.platform_contract import Tokens
from backend.core.tokens import is_stale, open_tokens, seal_tokens
from backend.sealing import Sealer

OLD, NEW, OTHER = (secrets.token_bytes(32) for _ in range(3))


def header_of(sealed: str) -> dict[str, str]:
    part = sealed.partition(".")[0]
    header: dict[str, str] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return header


@given(text=st.text(max_size=2000), name=st.text(min_size=1, max_size=80))
def test_what_was_sealed_opens_for_what_it_is_bound_to(text: str, name: str) -> None:
    sealer = Sealer([NEW])
    assert sealer.open(sealer.seal(text, bound_to=name), bound_to=name) == text


def test_the_text_cannot_be_read_from_the_sealed_form() -> None:
    sealed = Sealer([NEW]).seal("AQX-very-secret", bound_to="account:access")
    assert "AQX" not in sealed
    assert base64.b64encode(b"AQX-very-secret").decode().rstrip("=") not in sealed


def test_the_same_text_is_sealed_differently_every_time() -> None:
    sealer = Sealer([NEW])
    assert sealer.seal("a", bound_to="x") != sealer.seal("a", bound_to="x")


@pytest.mark.parametrize("name", ["bob:access", "alice:refresh", "", "alice:access "])
def test_a_secret_copied_to_something_else_is_refused(name: str) -> None:
    sealer = Sealer([NEW])
    sealed = sealer.seal("token", bound_to="alice:access")
    with pytest.raises(SealBroken, match="belongs to something else"):
        sealer.open(sealed, bound_to=name)


def test_an_older_key_still_opens_and_makes_the_secret_stale() -> None:
    before, after = Sealer([OLD]), Sealer([NEW, OLD])
    sealed = before.seal("token", bound_to="x")
    assert after.open(sealed, bound_to="x") == "token"
    assert not before.is_stale(sealed)
    assert after.is_stale(sealed)
    again = after.seal("token", bound_to="x")
    assert not after.is_stale(again)
    assert Sealer([NEW]).open(again, bound_to="x") == "token"


def test_a_key_that_is_gone_does_not_open() -> None:
    sealed = Sealer([OLD]).seal("token", bound_to="x")
    with pytest.raises(SealBroken, match="TOKEN_KEYS") as refused:
        Sealer([NEW, OTHER]).open(sealed, bound_to="x")
    assert "token" not in str(refused.value).replace("TOKEN_KEYS", "")


def test_any_changed_character_is_noticed() -> None:
    sealer = Sealer([NEW])
    sealed = sealer.seal("a token of some length", bound_to="x")
    for place in range(0, len(sealed), 3):
        if sealed[place] == ".":
            continue
        other = "A" if sealed[place] != "A" else "Q"
        changed = sealed[:place] + other + sealed[place + 1 :]
        if _decodes_alike(changed, sealed):
            continue  # the last bits of base64 that stand for nothing
        with pytest.raises(SealBroken):
            sealer.open(changed, bound_to="x")


def _decodes_alike(one: str, other: str) -> bool:
    def decoded(text: str) -> list[bytes]:
        return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in text.split(".")]

    return decoded(one) == decoded(other)


def test_a_header_rewritten_for_another_account_is_refused() -> None:
    sealer = Sealer([NEW])
    sealed = sealer.seal("token", bound_to="alice:access")
    header = header_of(sealed) | {"sub": "bob:access"}
    forged = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    with pytest.raises(SealBroken):
        sealer.open(f"{forged}.{sealed.partition('.')[2]}", bound_to="bob:access")


@pytest.mark.parametrize(
    "broken",
    [
        "", "x", "....", "a.b.c.d.e", "eyJhbGciOiJub25lIn0..", "ключ", "é.é.é.é.é", "bnVsbA....", "W10....",
        "eyJhbGciOiJkaXIifQ....", "eyJraWQiOiB7fX0....",
    ],
)  # fmt: skip
def test_what_was_never_sealed_is_refused_in_one_way(broken: str) -> None:
    sealer = Sealer([NEW])
    with pytest.raises(SealBroken):
        sealer.open(broken, bound_to="x")


@pytest.mark.parametrize("broken", ["", "x", "é", "....", "bnVsbA....", "W10....", "e30...."])
def test_whether_nonsense_is_stale_is_not_answered(broken: str) -> None:
    with pytest.raises(SealBroken, match="not in the expected form"):
        Sealer([NEW]).is_stale(broken)


def test_tokens_are_bound_to_their_account_and_their_purpose() -> None:
    sealer = Sealer([NEW])
    tokens = Tokens("access", None, "refresh", None)
    sealed = seal_tokens(sealer, "alice", tokens)
    assert open_tokens(sealer, "alice", sealed) == tokens
    with pytest.raises(SealBroken):
        open_tokens(sealer, "bob", sealed)
    with pytest.raises(SealBroken):
        sealer.open(sealed.refresh_token_sealed or "", bound_to="alice:access")
    assert "access" not in repr(tokens).replace("access_token", "")
    assert sealed.access_token_sealed not in repr(sealed)


def test_tokens_are_stale_when_any_part_is() -> None:
    before, after = Sealer([OLD]), Sealer([NEW, OLD])
    only_access = Tokens("access", None)
    assert is_stale(after, seal_tokens(before, "alice", only_access))
    assert not is_stale(after, seal_tokens(after, "alice", only_access))
