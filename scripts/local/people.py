"""`python -m local.people`: the cast of development and tests, made through Auth's admin API.

alice and bob have confirmed their addresses, carol has not. Passwords are random per state directory, kept in
people.json for the owner only. Running it again changes nothing but the passwords' agreement with that file.
"""

from __future__ import annotations

import json
import secrets
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests

from .paths import STATE
from .stack.processes import write_private

CAST = {"alice": True, "bob": True, "carol": False}
DOMAIN = "lin.example.com"
PAGE_SIZE = 200


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in (or not yet, when the address is unconfirmed)."""

    name: str
    id: str
    email: str
    password: str
    confirmed: bool

    def __repr__(self) -> str:
        return f"Person({self.name}, {self.email})"


class PeopleError(Exception):
    """Auth refused; the message says what it answered."""


def make_people(supabase_url: str, secret_key: str, state: Path) -> dict[str, Person]:
    """Alice, bob and carol by name, made if they are missing. Raises PeopleError."""
    file = state / "people.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    auth = _Admin(supabase_url, secret_key)
    people = {}
    for name, confirmed in CAST.items():
        password = kept.get(name, {}).get("password") or secrets.token_urlsafe(12)
        person_id = auth.ensure(name, f"{name}@{DOMAIN}", password, confirmed)
        people[name] = Person(name, person_id, f"{name}@{DOMAIN}", password, confirmed)
    write_private(
        file, json.dumps({name: asdict(person) for name, person in people.items()}, indent=1)
    )
    return people


class _Admin:
    """The three calls of Auth's admin API that are needed."""

    def __init__(self, supabase_url: str, secret_key: str) -> None:
        self._users = f"{supabase_url}/auth/v1/admin/users"
        self._headers = {"apikey": secret_key}
        if secret_key.startswith("ey"):  # a legacy service_role key is a JWT and goes here as well
            self._headers["Authorization"] = f"Bearer {secret_key}"

    def ensure(self, name: str, email: str, password: str, confirmed: bool) -> str:
        """The id of the user with this address, who has this password now."""
        user: dict[str, Any] = {
            "password": password,
            "user_metadata": {"display_name": name.capitalize()},
        }
        created = self._call("POST", "", user | {"email": email, "email_confirm": confirmed})
        if created is not None:
            return str(created["id"])
        person_id = self._find(email)
        self._call("PUT", f"/{person_id}", user)
        return person_id

    def _find(self, email: str) -> str:
        for page in range(1, 1000):
            answer = self._call("GET", f"?page={page}&per_page={PAGE_SIZE}")
            users = (answer or {}).get("users", [])
            for user in users:
                if user["email"] == email:
                    return str(user["id"])
            if len(users) < PAGE_SIZE:
                break
        raise PeopleError(f"Auth says that {email} exists and does not list it")

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """The answer, or None when the address is registered already."""
        answered = requests.request(
            method, self._users + path, json=body, headers=self._headers, timeout=30
        )
        if answered.ok:
            answer: dict[str, Any] = answered.json()
            return answer
        if answered.status_code == 422 and "email_exists" in answered.text:
            return None
        raise PeopleError(
            f"{method} {self._users}{path} answered {answered.status_code}: {answered.text}"
        )


def main() -> None:
    """Make them in the running stack, and show how to sign in."""
    file = STATE / "stack.json"
    if not file.exists():
        sys.exit("no stack is running here: start scripts/dev first")
    info = json.loads(file.read_text())
    for person in make_people(info["supabase_url"], info["secret_key"], STATE).values():
        note = "" if person.confirmed else "  (address not confirmed: cannot sign in yet)"
        print(f"{person.name:<6} {person.email:<24} {person.password}{note}")


if __name__ == "__main__":
    main()
