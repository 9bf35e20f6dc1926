"""The fictional members who can sign in, shared by every platform."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Member:
    """A person with an account. ``id`` is the sandbox's own; platforms show ids of their own."""

    id: str
    given_name: str
    family_name: str = ""
    email: str | None = None
    locale: tuple[str, str] = ("en", "US")
    picture: bool = True
    #: Pages the member has a role on: ``{"id": "5001", "name": "…", "role": "ADMINISTRATOR"}``.
    organizations: list[dict[str, str]] = field(default_factory=list)
    on_demand: bool = False

    @property
    def name(self) -> str:
        """Given and family name, as shown beside a post."""
        return f"{self.given_name} {self.family_name}".strip()


class People:
    """Everybody known; the fictional ones are always there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._members: dict[str, Member] = {}
        self._aliases: dict[str, str] = {}
        self.reset()

    def reset(self) -> None:
        """Only the fictional members, under their first names."""
        with self._lock:
            self._members = {member.id: member for member in _cast()}
            self._aliases = {}

    def add(self, name: str | None = None, **fields: Any) -> Member:
        """Create a member on demand; without a name one is made up from the new id."""
        identity = f"m-{secrets.token_hex(6)}"
        given, _, family = (name or f"Member {identity[2:8]}").strip().partition(" ")
        fields.setdefault("email", f"{identity}@members.example")
        member = Member(identity, given, family, on_demand=True, **fields)
        with self._lock:
            self._members[identity] = member
        return member

    def get(self, identity: str) -> Member | None:
        """The member with exactly this sandbox id."""
        return self._members.get(identity)

    def remember_alias(self, alias: str, member: str) -> None:
        """A platform's own id for a member, so that tools may name the member by it."""
        self._aliases[alias] = member

    def find(self, text: str | None) -> str | None:
        """Sandbox id for an id, a platform's id or an author URN; an unknown text stays itself."""
        if text is None:
            return None
        return self._aliases.get(text) or self._aliases.get(text.rsplit(":", 1)[-1]) or text

    def organizations(self) -> dict[str, str]:
        """Names of all pages by their id."""
        pages = (page for member in list(self._members.values()) for page in member.organizations)
        return {page["id"]: page["name"] for page in pages}

    def shown_on_consent_page(self) -> list[Member]:
        """The fixed cast only: a page listing a thousand test members would help nobody."""
        return [member for member in self._members.values() if not member.on_demand]


def _cast() -> list[Member]:
    page = {"id": "5001", "name": "Harbour Bakery", "role": "ADMINISTRATOR"}
    ads = {"id": "5002", "name": "Northwind Ferries", "role": "DIRECT_SPONSORED_CONTENT_POSTER"}
    return [
        Member("amara", "Amara", "Okafor", "amara@members.example", organizations=[page, ads]),
        Member("zoe", "Zoë 🌻", "Lindqvist", "zoe@members.example", ("sv", "SE")),
        Member("yusuf", "يوسف", "الحداد", "yusuf@members.example", ("ar", "EG")),
        Member("kenji", "健司", "田中", None, ("ja", "JP"), picture=False),
    ]
