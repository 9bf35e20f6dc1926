"""Access tokens: what is accepted, which check refuses what, and how the project's keys are kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from backend.auth import Authenticator, SigningKeys
from backend.core.errors import NotAllowed, Unavailable
from backend.problems import Unauthorized

ISSUER = "https://project.supabase.co/auth/v1"
LEGACY = "a-legacy-secret-of-enough-characters-to-be-one"
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Key:
    """A signing key as Auth has it: private here, its public half in the JWKS."""

    def __init__(self, private: PrivateKey, algorithm: str) -> None:
        self.private = private
        self.algorithm = algorithm
        self.kid = secrets.token_hex(4)

    def public(self) -> dict[str, Any]:
        kind = jwt.algorithms.ECAlgorithm if self.algorithm == "ES256" else jwt.algorithms.RSAAlgorithm  # fmt: skip
        return kind.to_jwk(self.private.public_key(), as_dict=True) | {
            "kid": self.kid,
            "use": "sig",
        }  # type: ignore[arg-type]

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        headers = {"kid": self.kid} | header
        return jwt.encode(claims, self.private, algorithm=self.algorithm, headers=headers)


EC = Key(ec.generate_private_key(ec.SECP256R1()), "ES256")
RSA = Key(rsa.generate_private_key(65537, 2048), "RS256")
FOREIGN = Key(ec.generate_private_key(ec.SECP256R1()), "ES256")


def claims(**changed: Any) -> dict[str, Any]:
    """What Auth puts into an access token, other as told; None leaves a claim out."""
    usual = {
        "sub": "6f8f6f6e-0000-4000-8000-000000000001", "role": "authenticated", "aud": "authenticated", "iss": ISSUER,
        "session_id": "5e551011-0000-4000-8000-000000000001", "exp": int(time.time()) + 3600, "iat": int(time.time()),
        "email": "alice@lin.example.com", "aal": "aal1",
    }  # fmt: skip
    return {name: value for name, value in (usual | changed).items() if value is not None}


@dataclass
class Project:
    """The far end: a JWKS that can change or fail, and a count of how often it was read."""

    keys: list[dict[str, Any]] = field(default_factory=lambda: [EC.public(), RSA.public()])
    down: bool = False
    fetches: int = 0

    def fetch(self) -> dict[str, Any]:
        self.fetches += 1
        if self.down:
            raise Unavailable("The project's signing keys cannot be read right now.")
        return {"keys": self.keys}


def authenticator(
    project: Project | None = None,
    *,
    legacy: str | None = None,
    session_check: Callable[[str], bool] = lambda _: True,
    clock: Callable[[], float] = time.monotonic,
) -> Authenticator:
    keys = SigningKeys((project or Project()).fetch)
    return Authenticator(
        keys, issuer=ISSUER, legacy_secret=legacy, session_check=session_check, clock=clock
    )


def refused_by(header: str | None, **options: Any) -> str:
    with pytest.raises(Unauthorized) as refused:
        authenticator(**options).user(header)
    return refused.value.check


@pytest.mark.parametrize("key", [EC, RSA], ids=["ES256", "RS256"])
def test_a_token_signed_with_a_key_of_the_project_is_a_user(key: Key) -> None:
    token = key.sign(claims())
    user = authenticator().user(f"Bearer {token}")
    assert (user.id, user.session_id) == (claims()["sub"], claims()["session_id"])
    assert token not in repr(user)


def test_the_scheme_may_be_written_in_any_case() -> None:
    assert authenticator().user(f"bearer  {EC.sign(claims())} ").id


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", EC.sign(claims()), "Bearer " + "a" * 8001],
    ids=["none", "empty", "scheme only", "blank", "basic", "token only", "too long"],
)  # fmt: skip
def test_without_a_bearer_token_there_is_no_user(header: str | None) -> None:
    assert refused_by(header) == "no token"


def unsigned(algorithm: str) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': algorithm, 'typ': 'JWT', 'kid': EC.kid})}.{part(claims())}."


def public_pem(key: Key) -> bytes:
    return key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def hs256_with(secret: bytes, kid: str) -> str:
    """Signed by hand: the library itself refuses to sign with a public key."""
    head, body, _ = unsigned("HS256").replace(EC.kid, kid).split(".")
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": kid}).encode()).decode().rstrip("=")  # fmt: skip
    digest = hmac.new(secret, f"{header}.{body}".encode(), hashlib.sha256).digest()
    assert head
    return f"{header}.{body}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


GOOD = EC.sign(claims())
REFUSED = {
    "expired": (EC.sign(claims(exp=int(time.time()) - 60)), "expired"),
    "another key under a known id": (FOREIGN.sign(claims(), kid=EC.kid), "signature"),
    "another key under its own id": (FOREIGN.sign(claims()), "key"),
    "no key id": (jwt.encode(claims(), EC.private, algorithm="ES256"), "key"),
    "alg none": (unsigned("none"), "algorithm"),
    "alg None": (unsigned("None"), "algorithm"),
    "no signature": (GOOD.rpartition(".")[0] + ".", "signature"),
    "signature of another token": (f"{GOOD.rpartition('.')[0]}.{EC.sign(claims(sub='x')).rpartition('.')[2]}", "signature"),
    "HS256 with the public EC key": (hs256_with(public_pem(EC), EC.kid), "algorithm"),
    "HS256 with the public RSA key": (hs256_with(public_pem(RSA), RSA.kid), "algorithm"),
    "RS256 under the id of the EC key": (RSA.sign(claims(), kid=EC.kid), "algorithm"),
    "ES256 under the id of the RSA key": (EC.sign(claims(), kid=RSA.kid), "algorithm"),
    "ES384": (jwt.encode(claims(), ec.generate_private_key(ec.SECP384R1()), algorithm="ES384", headers={"kid": EC.kid}), "algorithm"),
    "RS512": (jwt.encode(claims(), RSA.private, algorithm="RS512", headers={"kid": RSA.kid}), "algorithm"),
    "another audience": (EC.sign(claims(aud="anon")), "audience"),
    "another project": (EC.sign(claims(iss="https://other.supabase.co/auth/v1")), "issuer"),
    "issuer of a similar name": (EC.sign(claims(iss=ISSUER + "/")), "issuer"),
    "anon role": (EC.sign(claims(role="anon")), "role"),
    "service role": (EC.sign(claims(role="service_role")), "role"),
    "no role": (EC.sign(claims(role=None)), "role"),
    "role of a list": (EC.sign(claims(role=["authenticated"])), "role"),
    "no expiry": (EC.sign(claims(exp=None)), "claims"),
    "no subject": (EC.sign(claims(sub=None)), "claims"),
    "no issuer": (EC.sign(claims(iss=None)), "claims"),
    "no audience": (EC.sign(claims(aud=None)), "claims"),
    "no session": (EC.sign(claims(session_id=None)), "claims"),
    "not valid yet": (EC.sign(claims(nbf=int(time.time()) + 86_400)), "form"),
    "a subject that is no text": (EC.sign(claims(sub=7)), "form"),
    "an expiry that is no time": (EC.sign(claims(exp="tomorrow")), "form"),
    "words": ("this is not a token", "form"),
    "three dots": ("...", "form"),
    "a publishable key": ("sb_publishable_abcdef", "form"),
    "not ASCII": ("eyJhbGciOiJFUzI1NiJ9.é.é", "form"),
    "header that is a list": ("W10.e30.", "form"),
    "kid that is no text": (GOOD.replace(GOOD.partition(".")[0], "eyJhbGciOiJFUzI1NiIsImtpZCI6N30"), "form"),
    "legacy anon key": (jwt.encode({"iss": "supabase", "role": "anon", "exp": 2000000000}, LEGACY), "algorithm"),
}  # fmt: skip


@pytest.mark.parametrize(("token", "check"), REFUSED.values(), ids=REFUSED.keys())
def test_each_bad_token_is_refused_by_the_check_it_fails(token: str, check: str) -> None:
    assert refused_by(f"Bearer {token}") == check


def test_no_refusal_repeats_the_token() -> None:
    for token, _ in REFUSED.values():
        with pytest.raises(Unauthorized) as refused:
            authenticator().user(f"Bearer {token}")
        assert token not in str(refused.value)


@given(st.text(max_size=300))
def test_no_header_raises_anything_else(text: str) -> None:
    with pytest.raises(Unauthorized):
        authenticator().user(f"Bearer {text}")


@given(place=st.integers(0, len(GOOD) - 1), character=st.sampled_from("AZaz09-_."))
def test_a_token_changed_anywhere_is_refused(place: int, character: str) -> None:
    changed = GOOD[:place] + character + GOOD[place + 1 :]
    try:
        user = authenticator().user(f"Bearer {changed}")
    except Unauthorized:
        return
    # the last character of a part may carry bits that stand for nothing
    assert user.id == claims()["sub"]
    assert changed == GOOD or changed.split(".")[:2] == GOOD.split(".")[:2]


def test_the_legacy_secret_is_used_only_where_it_is_set() -> None:
    token = jwt.encode(claims(), LEGACY, algorithm="HS256")
    assert authenticator(legacy=LEGACY).user(f"Bearer {token}").id == claims()["sub"]
    assert refused_by(f"Bearer {token}") == "algorithm"
    assert (
        refused_by(f"Bearer {token}", legacy="another-secret-of-enough-characters") == "signature"
    )


@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_the_projects_legacy_api_keys_are_no_users(role: str) -> None:
    api_key = jwt.encode({"iss": "supabase", "role": role, "exp": 2000000000}, LEGACY)
    assert refused_by(f"Bearer {api_key}", legacy=LEGACY) in ("claims", "audience", "issuer")


def test_with_a_legacy_secret_the_public_key_is_still_no_secret() -> None:
    for key in (EC, RSA):
        token = hs256_with(public_pem(key), key.kid)
        assert refused_by(f"Bearer {token}", legacy=LEGACY) == "signature"
    assert authenticator(legacy=LEGACY).user(f"Bearer {EC.sign(claims())}").id


# ------------------------------------------------------------------------------------ the project's keys


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def signing_keys(project: Project) -> tuple[SigningKeys, Clock]:
    clock = Clock()
    return SigningKeys(project.fetch, clock=clock), clock


def test_keys_are_read_once_and_kept_for_ten_minutes() -> None:
    project = Project()
    keys, clock = signing_keys(project)
    for _ in range(100):
        assert keys.get(EC.kid)
        clock.now += 5.9
    assert project.fetches == 1
    clock.now += 20
    assert keys.get(EC.kid)
    assert project.fetches == 2


def test_a_flood_of_unknown_keys_asks_at_most_once_a_minute() -> None:
    project = Project()
    keys, clock = signing_keys(project)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(keys.get, [secrets.token_hex(4) for _ in range(500)]))
        assert found == [None] * 500
        assert project.fetches == 1
        clock.now += 59
        list(pool.map(keys.get, ["x"] * 100))
        assert project.fetches == 1
        clock.now += 1
        list(pool.map(keys.get, ["x"] * 100))
        assert project.fetches == 2


def test_a_new_key_is_found_within_a_minute_and_an_old_one_ends() -> None:
    project = Project(keys=[EC.public()])
    keys, clock = signing_keys(project)
    assert keys.get(EC.kid)
    project.keys = [RSA.public()]
    assert keys.get(RSA.kid) is None
    clock.now += 60
    assert keys.get(RSA.kid)
    assert keys.get(EC.kid) is None


def test_an_outage_keeps_the_keys_we_know() -> None:
    project = Project()
    keys, clock = signing_keys(project)
    assert keys.get(EC.kid)
    project.down = True
    for minutes in range(1, 60):
        clock.now = 1000 + 60 * minutes
        assert keys.get(EC.kid)
    assert project.fetches < 60
    assert keys.get("unknown") is None


def test_an_outage_from_the_start_is_told_and_never_blamed_on_the_token() -> None:
    project = Project(down=True)
    keys, clock = signing_keys(project)
    for step in range(10):
        clock.now = 1000 + step * 0.3
        with pytest.raises(Unavailable):
            keys.get(EC.kid)
    assert project.fetches <= 3
    project.down = False
    clock.now += 2
    assert keys.get(EC.kid)


def test_a_project_without_keys_has_been_read_all_the_same() -> None:
    project = Project(keys=[])
    keys, _ = signing_keys(project)
    assert keys.get(EC.kid) is None
    assert project.fetches == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "odd", "alg": "HS256"},
        {"kty": "EC", "crv": "P-256", "kid": "odd"},
        {"kty": "EC", "crv": "P-256", "kid": "odd", "x": "!", "y": "!"},
        {"kty": "RSA", "kid": "odd", "n": "", "e": ""},
        {"kty": "EC", "crv": "P-521", "kid": "odd"},
        {"kty": "EC", "crv": "P-256", "kid": ""},
        {},
    ],
)
def test_a_key_that_cannot_be_used_does_not_harm_the_others(odd: dict[str, Any]) -> None:
    keys, _ = signing_keys(Project(keys=[odd, EC.public()]))
    assert keys.get(EC.kid)
    assert keys.get("odd") is None


def test_an_unreachable_auth_is_503_and_not_401() -> None:
    with pytest.raises(Unavailable):
        authenticator(Project(down=True)).user(f"Bearer {GOOD}")


# ------------------------------------------------------------------------------------ live sessions


@dataclass
class Auth:
    """Auth's answer to whether a session lives, and how often it was asked."""

    answer: bool | Exception
    asked: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, _token: str) -> bool:
        with self.lock:
            self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_live_session_is_asked_for_once_a_minute() -> None:
    auth = Auth(answer=True)
    checks = authenticator(session_check=auth)
    user = checks.user(f"Bearer {GOOD}")
    for _ in range(5):
        checks.require_live_session(user)
    assert auth.asked == 1


def test_an_ended_session_is_refused_as_often_as_it_is_tried() -> None:
    auth = Auth(NotAllowed("This session has ended; sign in again."))
    checks = authenticator(session_check=auth)
    user = checks.user(f"Bearer {GOOD}")
    for _ in range(2):
        with pytest.raises(Unauthorized, match="sign in again") as refused:
            checks.require_live_session(user)
        assert refused.value.check == "session ended"


def test_an_unconfirmed_address_is_told_what_to_do() -> None:
    checks = authenticator(session_check=Auth(answer=False))
    with pytest.raises(NotAllowed, match="Confirm your e-mail address"):
        checks.require_live_session(checks.user(f"Bearer {GOOD}"))


def test_a_silent_auth_is_not_remembered() -> None:
    auth = Auth(Unavailable("Sign-in cannot be checked right now."))
    checks = authenticator(session_check=auth)
    user = checks.user(f"Bearer {GOOD}")
    with pytest.raises(Unavailable):
        checks.require_live_session(user)
    auth.answer = True
    checks.require_live_session(user)


def test_a_session_is_asked_for_again_after_a_minute_and_not_before() -> None:
    auth, clock = Auth(answer=True), Clock()
    checks = authenticator(session_check=auth, clock=clock)
    user = checks.user(f"Bearer {GOOD}")
    checks.require_live_session(user)
    auth.answer = NotAllowed("This session has ended; sign in again.")
    clock.now += 59.9
    checks.require_live_session(user)
    clock.now += 0.1
    with pytest.raises(Unauthorized):
        checks.require_live_session(user)


def test_an_answer_that_took_its_time_is_as_old_as_its_question() -> None:
    clock = Clock()
    ended: list[float] = []

    def slow(_token: str) -> bool:
        ended.append(clock.now)  # the session ends here, after Auth has looked
        clock.now += 15
        return True

    checks = authenticator(session_check=slow, clock=clock)
    user = checks.user(f"Bearer {GOOD}")
    checks.require_live_session(user)
    clock.now = ended[0] + 60
    checks.require_live_session(user)
    assert len(ended) == 2


def test_all_tokens_of_a_session_are_one_question_and_those_of_another_session_one_more() -> None:
    auth = Auth(answer=True)
    checks = authenticator(session_check=auth)
    other = "5e551011-0000-4000-8000-000000000002"
    for token in (GOOD, EC.sign(claims(exp=int(time.time()) + 7200)), EC.sign(claims(session_id=other))):  # fmt: skip
        checks.require_live_session(checks.user(f"Bearer {token}"))
    assert auth.asked == 2


def test_the_session_of_another_is_another_session_even_under_the_same_id() -> None:
    auth = Auth(answer=True)
    checks = authenticator(session_check=auth)
    for sub in ("a", "b"):
        checks.require_live_session(checks.user(f"Bearer {EC.sign(claims(sub=sub))}"))
    assert auth.asked == 2


def test_a_session_that_is_forgotten_is_asked_for_whatever_its_token() -> None:
    auth = Auth(answer=True)
    checks = authenticator(session_check=auth)
    checks.require_live_session(checks.user(f"Bearer {GOOD}"))
    newer = checks.user(f"Bearer {EC.sign(claims(exp=int(time.time()) + 7200))}")
    checks.forget(newer)
    checks.require_live_session(newer)
    assert auth.asked == 2


def test_who_confirms_the_address_is_not_refused_for_another_minute() -> None:
    auth = Auth(answer=False)
    checks = authenticator(session_check=auth)
    user = checks.user(f"Bearer {GOOD}")
    with pytest.raises(NotAllowed):
        checks.require_live_session(user)
    auth.answer = True
    checks.require_live_session(user)


def test_while_auth_is_silent_a_session_that_lived_a_moment_ago_goes_on_for_its_minute() -> None:
    auth, clock = Auth(answer=True), Clock()
    checks = authenticator(session_check=auth, clock=clock)
    user = checks.user(f"Bearer {GOOD}")
    checks.require_live_session(user)
    auth.answer = Unavailable("Sign-in cannot be checked right now.")
    clock.now += 59
    checks.require_live_session(user)
    clock.now += 1
    with pytest.raises(Unavailable):
        checks.require_live_session(user)
