"""The application with a far end of its own: nothing of it needs a network."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from backend.app import create_app
from backend.auth import Authenticator, SigningKeys
from backend.services import Services, build
from backend.settings import Settings

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
ISSUER = "https://project.example/auth/v1"
FRONTEND = "https://app.example"
PERSON = "6f8f6f6e-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Application:
    """The application, a client for it, and a token that it accepts."""

    app: OpenAPI
    client: FlaskClient
    token: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture(scope="session")
def private_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def application(private_key: ec.EllipticCurvePrivateKey) -> Application:
    return build_application(private_key)


@pytest.fixture(scope="session")
def document(private_key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    """What /openapi.json says; nobody changes it."""
    answer = build_application(private_key).client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    found: dict[str, Any] = answer.get_json()
    return found


def build_application(
    private_key: ec.EllipticCurvePrivateKey, services: Services | None = None, **changed: Any
) -> Application:
    """The application with these settings beside the least that it needs. `services` of another one save time, where the
    settings are for the edge alone."""
    least = {
        "app_env": "development", "supabase_url": "http://127.0.0.1:9", "supabase_key": "k", "supabase_secret_key": "s",
        "public_url": "https://api.example", "frontend_origins": FRONTEND, "token_keys": KEY, "platform_sandbox_url": "http://127.0.0.1:9",
    }  # fmt: skip
    settings = Settings(**(least | changed))
    public: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(
        private_key.public_key(), as_dict=True
    )
    keys = SigningKeys(lambda: {"keys": [public | {"kid": "one"}]})
    authenticator = Authenticator(
        keys, issuer=ISSUER, legacy_secret=None, session_check=lambda _: True
    )
    services = replace(services or build(settings), settings=settings, authenticator=authenticator)
    app = create_app(services)
    return Application(app, app.test_client(), token_of(private_key, PERSON))


def token_of(private_key: ec.EllipticCurvePrivateKey, person: str) -> str:
    """A token that such an application accepts."""
    claims = {
        "sub": person, "role": "authenticated", "aud": "authenticated", "iss": ISSUER,
        "session_id": "5e551011-0000-4000-8000-000000000001", "exp": int(time.time()) + 600,
    }  # fmt: skip
    return jwt.encode(claims, private_key, algorithm="ES256", headers={"kid": "one"})
