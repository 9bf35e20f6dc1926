"""OAuth from the consent page to introspection, and who the member is."""

from __future__ import annotations

import re
import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from local.sandbox.driver import Caller, Sandbox

WWW = "https://www.linkedin.com/oauth"
API = "https://api.linkedin.com"
DAY = 86_400
App = dict[str, str]


def question(app: App, scope: str = "openid profile email w_member_social") -> dict[str, str]:
    return {
        "response_type": "code",
        "client_id": app["client_id"],
        "redirect_uri": app["redirect_uri"],
        "state": "state-1",
        "scope": scope,
    }


def allow(
    sandbox: Sandbox, app: App, member: str, scope: str = "openid profile email w_member_social"
) -> str:
    answer = requests.post(
        sandbox.at(f"{WWW}/v2/authorization"),
        params=question(app, scope),
        data={"member": member, "decision": "allow"},
        allow_redirects=False,
        timeout=10,
    )
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["state"] == ["state-1"]
    return query["code"][0]


def token_request(sandbox: Sandbox, app: App, **fields: str) -> dict[str, Any]:
    form = {"client_id": app["client_id"], "client_secret": app["client_secret"]} | fields
    answer = requests.post(sandbox.at(f"{WWW}/v2/accessToken"), data=form, timeout=10)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def sign_in(sandbox: Sandbox, app: App, member: str, **more: str) -> dict[str, Any]:
    code = allow(sandbox, app, member, **more)
    return token_request(
        sandbox,
        app,
        grant_type="authorization_code",
        code=code,
        redirect_uri=app["redirect_uri"],
    )


def userinfo(sandbox: Sandbox, token: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(sandbox.at(f"{API}/v2/userinfo"), headers=headers, timeout=10)


def introspect(sandbox: Sandbox, app: App, token: str) -> dict[str, Any]:
    form = {"client_id": app["client_id"], "client_secret": app["client_secret"], "token": token}
    answer = requests.post(sandbox.at(f"{WWW}/v2/introspectToken"), data=form, timeout=10)
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture
def partner(sandbox: Sandbox) -> App:
    """An app that LinkedIn gives refresh tokens."""
    fields = {"client_id": f"partner-{secrets.token_hex(4)}", "client_secret": "s"}
    uri = "http://localhost:8000/callback"
    sandbox.tell("apps", **fields, redirect_uris=[uri], refresh_tokens=True)
    return fields | {"redirect_uri": uri}


def test_the_consent_page_names_app_members_and_scopes_escaped(sandbox: Sandbox, app: App) -> None:
    page = requests.get(sandbox.at(f"{WWW}/v2/authorization"), params=question(app), timeout=10)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Lin &lt;b&gt;test&lt;/b&gt;" in page.text
    assert "<b>test" not in page.text
    for text in ("Zoë 🌻 Lindqvist", "يوسف الحداد", "w_member_social"):
        assert text in page.text
    choices = re.findall(r'name="decision" value="(\w+)"', page.text)
    assert choices[:3] == ["allow", "cancel_login", "cancel_authorize"]
    assert 'method="post"' in page.text


def test_signing_in_gives_a_token_that_works(sandbox: Sandbox, app: App) -> None:
    token = sign_in(sandbox, app, "yusuf")
    assert token["expires_in"] == 60 * DAY
    assert 450 <= len(token["access_token"]) <= 1000
    assert token["scope"].split() == ["openid", "profile", "email", "w_member_social"]
    claims = userinfo(sandbox, token["access_token"]).json()
    assert claims["name"] == "يوسف الحداد"
    assert claims["locale"] == {"country": "EG", "language": "ar"}
    assert claims["email_verified"] is True
    picture = requests.get(sandbox.at(claims["picture"]), timeout=10)
    assert picture.headers["Content-Type"] == "image/png"


def test_a_member_keeps_the_id_within_an_app_and_has_another_in_the_next(
    sandbox: Sandbox, app: App, partner: App
) -> None:
    def subject(of: App) -> str:
        token = sign_in(sandbox, of, "zoe")["access_token"]
        return str(userinfo(sandbox, token).json()["sub"])

    assert subject(app) == subject(app)
    assert subject(app) != subject(partner)


def test_profile_and_email_come_only_with_their_scopes(sandbox: Sandbox, app: App) -> None:
    token = sign_in(sandbox, app, "amara", scope="openid")["access_token"]
    assert set(userinfo(sandbox, token).json()) == {"sub"}
    unshared = sign_in(sandbox, app, "kenji", scope="openid profile email")["access_token"]
    claims = userinfo(sandbox, unshared).json()
    assert "email" not in claims
    assert "picture" not in claims


def test_a_new_member_can_be_made_on_the_page(sandbox: Sandbox, app: App) -> None:
    answer = requests.post(
        sandbox.at(f"{WWW}/v2/authorization"),
        params=question(app),
        data={"member": "new", "name": "<Nia> Ünal", "decision": "allow"},
        allow_redirects=False,
        timeout=10,
    )
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    uri = app["redirect_uri"]
    token = token_request(
        sandbox, app, grant_type="authorization_code", code=code, redirect_uri=uri
    )
    assert userinfo(sandbox, token["access_token"]).json()["name"] == "<Nia> Ünal"


def test_the_id_token_is_signed_and_has_no_nonce(sandbox: Sandbox, app: App) -> None:
    token = sign_in(sandbox, app, "amara")
    discovery = requests.get(
        sandbox.at(f"{WWW}/.well-known/openid-configuration"), timeout=10
    ).json()
    keys = requests.get(sandbox.at(discovery["jwks_uri"]), timeout=10).json()
    claims = jwt.decode(token["id_token"], KeySet.import_key_set(keys), algorithms=["RS256"]).claims
    assert claims["iss"] == discovery["issuer"] == "https://www.linkedin.com/oauth"
    assert claims["aud"] == app["client_id"]
    assert claims["sub"] == userinfo(sandbox, token["access_token"]).json()["sub"]
    assert "nonce" not in claims


def test_a_scope_of_a_product_the_app_lacks_goes_back_as_an_error(
    sandbox: Sandbox, app: App
) -> None:
    answer = requests.get(
        sandbox.at(f"{WWW}/v2/authorization"),
        params=question(app, "openid w_organization_social"),
        allow_redirects=False,
        timeout=10,
    )
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["error"] == ["unauthorized_scope_error"]
    assert query["state"] == ["state-1"]


def test_refreshing_returns_the_same_refresh_token_with_less_life(
    sandbox: Sandbox, partner: App
) -> None:
    member = sandbox.tell("members")["member"]
    first = sign_in(sandbox, partner, member)
    assert first["refresh_token_expires_in"] == 365 * DAY
    sandbox.tell("clock", advance_seconds=100 * DAY, member=member)
    assert userinfo(sandbox, first["access_token"]).status_code == 401
    refreshed = token_request(
        sandbox, partner, grant_type="refresh_token", refresh_token=first["refresh_token"]
    )
    assert refreshed["refresh_token"] == first["refresh_token"]
    assert 264 * DAY <= refreshed["refresh_token_expires_in"] <= 265 * DAY
    assert userinfo(sandbox, refreshed["access_token"]).status_code == 200


def test_another_scope_set_ends_the_earlier_token(sandbox: Sandbox, app: App) -> None:
    member = sandbox.tell("members")["member"]
    first, second = (sign_in(sandbox, app, member)["access_token"] for _ in range(2))
    assert userinfo(sandbox, first).status_code == 200
    sign_in(sandbox, app, member, scope="openid profile")
    for token in (first, second):
        assert userinfo(sandbox, token).json()["serviceErrorCode"] == 65601


def test_introspection_follows_a_token_through_its_life(sandbox: Sandbox, app: App) -> None:
    member = sandbox.tell("members")["member"]
    token = sign_in(sandbox, app, member)["access_token"]
    seen = introspect(sandbox, app, token)
    assert (seen["active"], seen["status"], seen["auth_type"]) == (True, "active", "3L")
    assert seen["expires_at"] - seen["created_at"] == 60 * DAY
    form = {"client_id": app["client_id"], "client_secret": app["client_secret"], "token": token}
    requests.post(sandbox.at(f"{WWW}/v2/revoke"), data=form, timeout=10)
    assert introspect(sandbox, app, token)["status"] == "revoked"
    assert introspect(sandbox, app, "AQnobody") == {"active": False}


def test_consent_is_skipped_for_a_signed_in_member_when_the_app_says_so(sandbox: Sandbox) -> None:
    fields = {"client_id": f"skips-{secrets.token_hex(4)}", "client_secret": "s"}
    uri = "https://lin.example/callback"
    sandbox.tell("apps", **fields, redirect_uris=[uri], skips_consent=True)
    app = fields | {"redirect_uri": uri}
    address = sandbox.at(f"{WWW}/v2/authorization")
    with requests.Session() as browser:
        assert browser.get(address, params=question(app), timeout=10).status_code == 200
        form = {"member": "amara", "decision": "allow"}
        answer = browser.post(
            address, params=question(app), data=form, allow_redirects=False, timeout=10
        )
        code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
        token_request(sandbox, app, grant_type="authorization_code", code=code, redirect_uri=uri)
        again = browser.get(address, params=question(app), allow_redirects=False, timeout=10)
    assert again.status_code == 302
    assert "code=" in again.headers["Location"]


@pytest.mark.parametrize(
    "uri",
    ["http://lin.example/cb", "https://lin.example/cb#x", "ftp://localhost/cb", "/callback"],
)
def test_an_app_cannot_register_an_unsafe_redirect_address(sandbox: Sandbox, uri: str) -> None:
    with pytest.raises(ValueError, match="redirect_uris"):
        sandbox.tell("apps", client_id="bad", client_secret="s", redirect_uris=[uri])


def test_organizations_are_listed_for_vetted_apps(vetted: Caller, page: str) -> None:
    path = "/rest/organizationAcls?q=roleAssignee&role=ADMINISTRATOR&state=APPROVED"
    elements = vetted.call("GET", path).json()["elements"]
    assert [element["organization"] for element in elements] == [f"urn:li:organization:{page}"]
