"""The throw-away keys and passwords of one state directory, made at random when it is first used."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import jwt

from .processes import write_private


@dataclass(frozen=True, repr=False)
class Secrets:
    """Every secret the local stack needs. None of them opens anything outside this machine."""

    database_admin_password: str
    database_password: str
    publishable_key: str
    secret_key: str
    jwt_secret: str
    token_keys: str
    apps_seed: str

    def legacy_key(self, role: str) -> str:
        """The API key of the older kind, a long-lived HS256 token, for "anon" or "service_role"."""
        claims = {"iss": "supabase", "role": role, "iat": 1700000000, "exp": 2000000000}
        return jwt.encode(claims, self.jwt_secret, algorithm="HS256")

    @classmethod
    def of(cls, state: Path, copy_of: Path | None = None) -> Secrets:
        """The secrets kept in `state`, else those in `copy_of`, or new ones; written to `state` for the owner only."""
        file = state / "secrets.json"
        kept = json.loads(file.read_text()) if file.exists() else {}
        known = kept or (asdict(cls.of(copy_of)) if copy_of else {})
        # as `openssl rand` would make it for a real deployment: 32 bytes, base64url, no padding
        token_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        made = {
            "database_admin_password": secrets.token_urlsafe(18),
            "database_password": secrets.token_urlsafe(18),
            "publishable_key": "sb_publishable_" + secrets.token_urlsafe(24),
            "secret_key": "sb_secret_" + secrets.token_urlsafe(24),
            "jwt_secret": secrets.token_urlsafe(40),
            "token_keys": token_key,
            "apps_seed": secrets.token_hex(16),
        }
        names = [field.name for field in fields(cls)]
        values = cls(**{name: known.get(name, made[name]) for name in names})
        if asdict(values) != kept:
            write_private(file, json.dumps(asdict(values), indent=1))
        return values
