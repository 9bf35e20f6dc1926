"""Which pages and which professional Instagram account a member has."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from local.sandbox.people import Member

from .tokens import number_of

_ALL_TASKS = ("MANAGE", "CREATE_CONTENT", "MODERATE", "MESSAGING", "ADVERTISE", "ANALYZE")
#: A member's role on a page, as the shared members have it, to what Facebook calls tasks.
_TASKS = {
    "ADMINISTRATOR": _ALL_TASKS,
    "CONTENT_ADMIN": ("CREATE_CONTENT", "MODERATE", "MESSAGING", "ADVERTISE", "ANALYZE"),
}
_NO_CONTENT = ("ADVERTISE", "ANALYZE")


@dataclass(frozen=True)
class Page:
    """A page as one of its people has it."""

    id: str
    name: str
    tasks: tuple[str, ...]
    #: The linked professional account on Instagram: the member's, on the first page only.
    instagram: str | None
    #: The Business portfolio that holds the page; then ``/me/accounts`` leaves it out.
    business: str | None = None

    @property
    def may_create(self) -> bool:
        """``MANAGE`` includes ``CREATE_CONTENT``."""
        return "CREATE_CONTENT" in self.tasks or "MANAGE" in self.tasks

    @property
    def username(self) -> str:
        """The page's short name."""
        return ascii_name(self.name).replace("_", "") + self.id[-4:]


def pages_of(member: Member) -> list[Page]:
    """The pages a member has a role on; members made on demand have one of their own."""
    entries = member.organizations
    if not entries and member.on_demand:
        own = number_of("page", member.id, digits=15)
        entries = [{"id": own, "name": f"{member.name}'s page", "role": "ADMINISTRATOR"}]
    return [
        Page(
            id=entry["id"],
            name=entry["name"],
            tasks=_TASKS.get(entry["role"], _NO_CONTENT),
            instagram=None if number else instagram_id(member.id),
            business=entry.get("business"),
        )
        for number, entry in enumerate(entries)
    ]


def instagram_id(member: str) -> str:
    """The id of the member's professional account: the same for every app and both products."""
    return f"17841{number_of('instagram', member, digits=12)}"


def instagram_name(member: Member) -> str:
    """The username: only ASCII letters, digits and underscores."""
    name = ascii_name(member.name)
    return f"{name}_{member.id[-4:]}" if member.on_demand else name


def ascii_name(name: str) -> str:
    """A name in ASCII; where nothing is left of it, a number made from it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    short = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    return short[:24] or f"member_{number_of('name', name, digits=6)}"
