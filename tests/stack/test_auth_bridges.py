"""Auth through the gateway answers as hosted Supabase Auth does, and its mails really arrive."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import jwt
import pytest

from local.stack import Stack
from supabase import ClientOptions, create_client
from tests.tls import TLS
from tests.waiting import until

from .conftest import AuthMail, Caller, caller

Mails = Callable[[str], list[AuthMail]]
PASSWORD = "correct horse 9"


def address() -> str:
    """One that nobody has used."""
    return f"a{secrets.token_hex(5)}@example.com"


def sign_up(anon: Caller, email: str, redirect_to: str | None = None) -> httpx.Response:
    params = {"redirect_to": redirect_to} if redirect_to else {}
    body = {"email": email, "password": PASSWORD, "data": {"display_name": "Ana"}}
    return anon.http.post("/auth/v1/signup", json=body, params=params)


def test_an_access_token_is_es256_and_the_jwks_verifies_it(
    local_supabase: Stack, person: Caller
) -> None:
    url = local_supabase.info["supabase_url"]
    assert jwt.get_unverified_header(person.token)["alg"] == "ES256"
    keys = jwt.PyJWKClient(f"{url}/auth/v1/.well-known/jwks.json")
    claims = jwt.decode(
        person.token,
        keys.get_signing_key_from_jwt(person.token).key,
        algorithms=["ES256"],
        audience="authenticated",
        issuer=f"{url}/auth/v1",
    )
    assert claims["sub"] == person.id
    assert claims["role"] == "authenticated"
    expected = {"iss", "aud", "exp", "iat", "sub", "role", "aal", "session_id", "email", "phone"}
    assert expected | {"is_anonymous", "amr", "app_metadata", "user_metadata"} <= claims.keys()


def test_the_published_keys_hold_nothing_private(anon: Caller) -> None:
    keys = anon.http.get("/auth/v1/.well-known/jwks.json").json()["keys"]
    assert [key["kty"] for key in keys] == ["EC"]
    assert not any("d" in key for key in keys)


def test_the_database_sees_the_claims(person: Caller) -> None:
    seen = person.rpc("who").json()
    assert (seen["uid"], seen["role"], seen["email"]) == (person.id, "authenticated", person.email)
    assert seen["jwt"]["user_metadata"]["email"] if seen["jwt"]["user_metadata"] else True
    assert seen["jwt"]["iss"].endswith("/auth/v1")


def test_a_token_signed_by_somebody_else_is_refused(local_supabase: Stack, person: Caller) -> None:
    claims = jwt.decode(person.token, options={"verify_signature": False})
    other = jwt.encode(claims, "x" * 40, algorithm="HS256")
    key = local_supabase.info["publishable_key"]
    with caller(local_supabase, key, other) as http:
        assert http.get("/rest/v1/notes?select=id").status_code == 401


def test_an_expired_token_is_refused(local_supabase: Stack, person: Caller) -> None:
    claims = jwt.decode(person.token, options={"verify_signature": False})
    secret = local_supabase.info["jwt_secret"]
    expired = jwt.encode(claims | {"exp": int(time.time()) - 10}, secret, algorithm="HS256")
    with caller(local_supabase, local_supabase.info["publishable_key"], expired) as http:
        assert http.get("/rest/v1/notes?select=id").status_code == 401


def test_rest_takes_the_word_of_a_token_until_its_time_is_over(
    local_supabase: Stack, service: Caller, person: Caller
) -> None:
    # as PostgREST does: it asks nobody whether the owner has signed out, or is there at all
    assert person.http.post("/auth/v1/logout").status_code == 204
    assert person.rpc("who").json()["uid"] == person.id
    assert person.http.get("/auth/v1/user").status_code == 403
    assert service.http.delete(f"/auth/v1/admin/users/{person.id}").status_code == 200
    assert person.rpc("who").json()["uid"] == person.id

    claims = jwt.decode(person.token, options={"verify_signature": False})
    key = json.loads((local_supabase.state / "supabase" / "signing-key.json").read_text())
    times = {"short": {"exp": int(time.time()) + 4}, "early": {"iat": int(time.time()) + 60}}
    with ExitStack() as opened:
        mine = {}
        for name, changed in times.items():
            token = jwt.encode(claims | changed, jwt.PyJWK(key).key, "ES256", {"kid": key["kid"]})
            http = caller(local_supabase, local_supabase.info["publishable_key"], token)
            mine[name] = Caller(opened.enter_context(http))
        assert mine["short"].rpc("who").json()["uid"] == person.id
        assert mine["early"].rpc("who").json()["message"] == "JWT issued at future"
        until(lambda: mine["short"].rpc("who").status_code == 401, "the end of the token")
        assert mine["short"].rpc("who").json()["message"] == "JWT expired"


def test_the_older_kind_of_keys_works_too(local_supabase: Stack) -> None:
    with caller(local_supabase, local_supabase.info["legacy_anon_key"]) as http:
        assert http.post("/rest/v1/rpc/who").json()["role"] == "anon"
        assert http.get("/auth/v1/admin/users").status_code == 401
    with caller(local_supabase, local_supabase.info["legacy_service_role_key"]) as http:
        assert http.get("/rest/v1/notes?select=secret").status_code == 200
        assert http.get("/auth/v1/admin/users").status_code == 200


def test_without_a_key_there_is_no_way_in(local_supabase: Stack) -> None:
    url = local_supabase.info["supabase_url"]
    assert httpx.get(f"{url}/rest/v1/notes", verify=TLS).status_code == 401


def test_sign_up_sends_a_link_to_the_frontend_that_confirms_the_address(
    local_supabase: Stack, anon: Caller, service: Caller, mails_to: Mails
) -> None:
    email = address()
    back = f"{local_supabase.info['frontend_url']}/welcome?from=mail"
    assert sign_up(anon, email, back).status_code == 200
    refused = anon.http.post(
        "/auth/v1/token?grant_type=password", json={"email": email, "password": PASSWORD}
    )
    assert (refused.status_code, refused.json()["error_code"]) == (400, "email_not_confirmed")

    (mail,) = mails_to(email)
    assert mail.link.startswith(f"{local_supabase.info['frontend_url']}/confirm?")
    assert mail.query["redirect_to"] == back
    assert mail.query["type"] == "email"
    assert mail.query["token_hash"] in mail.text
    body = {"type": mail.query["type"], "token_hash": mail.query["token_hash"]}
    session = anon.http.post("/auth/v1/verify", json=body).json()
    assert session["user"]["email"] == email
    again = anon.http.post("/auth/v1/verify", json=body)
    assert again.status_code == 403

    made = service.http.get(f"/rest/v1/people?id=eq.{session['user']['id']}").json()
    assert made[0]["display_name"] == "Ana"


def test_the_code_in_the_mail_works_as_well(anon: Caller, mails_to: Mails) -> None:
    email = address()
    sign_up(anon, email)
    code = mails_to(email)[0].code
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    body = {"email": email, "type": "email"}
    assert anon.http.post("/auth/v1/verify", json=body | {"token": wrong}).status_code == 403
    assert anon.http.post("/auth/v1/verify", json=body | {"token": code}).status_code == 200


def test_a_mail_never_leads_to_a_foreign_address(
    local_supabase: Stack, anon: Caller, mails_to: Mails
) -> None:
    email = address()
    sign_up(anon, email, "https://evil.example/steal")
    assert mails_to(email)[0].query["redirect_to"] == local_supabase.info["frontend_url"]


def test_signing_up_a_known_address_tells_nothing(anon: Caller, person: Caller) -> None:
    answer = sign_up(anon, person.email)
    assert (answer.status_code, answer.json()["identities"]) == (200, [])
    assert answer.json()["id"] != person.id


def test_a_resent_mail_has_a_new_code_and_the_old_one_ends(anon: Caller, mails_to: Mails) -> None:
    email = address()
    sign_up(anon, email)
    asked = anon.http.post("/auth/v1/resend", json={"type": "signup", "email": email})
    assert asked.status_code == 200
    new, old = mails_to(email)
    body = {"email": email, "type": "signup"}
    if old.code != new.code:
        assert anon.http.post("/auth/v1/verify", json=body | {"token": old.code}).status_code == 403
    assert anon.http.post("/auth/v1/verify", json=body | {"token": new.code}).status_code == 200


def test_a_forgotten_password_can_be_chosen_anew(
    local_supabase: Stack, anon: Caller, person: Caller, mails_to: Mails
) -> None:
    assert anon.http.post("/auth/v1/recover", json={"email": person.email}).status_code == 200
    mail = mails_to(person.email)[0]
    assert mail.query["type"] == "recovery"
    session = anon.http.post(
        "/auth/v1/verify", json={"type": "recovery", "token_hash": mail.query["token_hash"]}
    ).json()
    key = local_supabase.info["publishable_key"]
    with caller(local_supabase, key, session["access_token"]) as http:
        assert http.put("/auth/v1/user", json={"password": "another horse 9"}).status_code == 200
    credentials = {"email": person.email, "password": "another horse 9"}
    signed_in = anon.http.post("/auth/v1/token?grant_type=password", json=credentials)
    assert signed_in.status_code == 200


def test_a_get_on_the_verify_route_leads_back_with_an_es256_session(
    local_supabase: Stack, anon: Caller, mails_to: Mails
) -> None:
    email = address()
    sign_up(anon, email)
    token = mails_to(email)[0].query["token_hash"]
    answer = anon.http.get("/auth/v1/verify", params={"token": token, "type": "signup"})
    assert answer.status_code == 303
    page, _, fragment = answer.headers["location"].partition("#")
    assert page.rstrip("/") == local_supabase.info["frontend_url"]
    access_token = dict(part.split("=", 1) for part in fragment.split("&"))["access_token"]
    assert jwt.get_unverified_header(access_token)["alg"] == "ES256"


def test_the_admin_api_makes_reads_changes_and_deletes_people(service: Caller) -> None:
    email = address()
    users = "/auth/v1/admin/users"
    body = {"email": email, "password": PASSWORD, "user_metadata": {"display_name": "Bo"}}
    made = service.http.post(users, json=body).json()
    assert made["email_confirmed_at"] is None
    twice = service.http.post(users, json=body)
    assert (twice.status_code, twice.json()["error_code"]) == (422, "email_exists")
    one = f"{users}/{made['id']}"
    changed = service.http.put(one, json={"email_confirm": True, "user_metadata": {"x": 1}}).json()
    assert changed["email_confirmed_at"]
    assert changed["user_metadata"]["x"] == 1
    assert changed["user_metadata"]["display_name"] == "Bo"
    listed = service.http.get(users, params={"per_page": 1000}).json()["users"]
    assert email in [user["email"] for user in listed]
    assert service.http.delete(one).status_code == 200
    assert service.http.get(one).status_code == 404


def test_the_admin_api_wants_the_secret_key(anon: Caller, person: Caller) -> None:
    for who in (anon, person):
        assert who.http.get("/auth/v1/admin/users").status_code == 401


@pytest.mark.parametrize("keys", ["new", "legacy"])
def test_supabase_py_signs_up_confirms_refreshes_and_signs_out(
    local_supabase: Stack, mails_to: Mails, keys: str
) -> None:
    info = local_supabase.info
    key = info["publishable_key"] if keys == "new" else info["legacy_anon_key"]
    client = create_client(
        info["supabase_url"], key, ClientOptions(auto_refresh_token=False, persist_session=False)
    )
    email = address()
    assert client.auth.sign_up({"email": email, "password": PASSWORD}).session is None
    mail = mails_to(email)[0]
    client.auth.verify_otp({"token_hash": mail.query["token_hash"], "type": "email"})
    before = client.auth.get_session()
    client.auth.refresh_session()
    after = client.auth.get_session()
    assert before
    assert after
    assert before.refresh_token != after.refresh_token
    claims = client.auth.get_claims()
    assert claims
    assert claims["claims"]["email"] == email
    client.auth.sign_out()
    assert client.auth.get_session() is None
