"""Many posts at once, and what came of them, under row-level security."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.errors import NotFound
from .calls import Calls, readable

_DIGESTS_AT_ONCE = 100  # they stand in an address


class OwnBulk:
    """The caller's posts by the thousand. Errors are those of `Calls`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def profile(self) -> dict[str, Any]:
        """The caller's zone and language: {timezone, locale}. Raises NotFound."""
        rows = self._calls.run(self._calls.table("profiles").select("timezone,locale").limit(1))
        if not rows:
            raise NotFound("There is no such profile.")
        row: dict[str, Any] = rows[0]
        return row

    def accounts(self) -> list[dict[str, Any]]:
        """All of the caller's accounts: id, platform_id, account_name, status."""
        columns = "id,platform_id,account_name,status"
        rows: list[dict[str, Any]] = self._calls.run(
            self._calls.table("social_accounts").select(columns).order("account_name")
        )
        return rows

    def imported(self, digests: Sequence[str]) -> set[str]:
        """Which of these rows are posts already."""
        found: set[str] = set()
        for start in range(0, len(digests), _DIGESTS_AT_ONCE):
            some = list(digests[start : start + _DIGESTS_AT_ONCE])
            rows = self._calls.run(
                self._calls.table("imported_rows").select("digest").in_("digest", some)
            )
            found |= {row["digest"] for row in rows}
        return found

    def import_posts(
        self, entries: list[dict[str, Any]], *, dry_run: bool, partly: bool
    ) -> dict[str, Any]:
        """Make the posts of many rows; see the database function."""
        return readable(
            dict, self._calls.rpc("import_posts", entries=entries, dry_run=dry_run, partly=partly)
        )

    def export_page(self, last: dict[str, Any] | None, take: int) -> list[dict[str, Any]]:
        """At most `take` posts with their targets, the oldest first, from behind `last` on (None: the first)."""
        after = {"after_at": last["created_at"], "after_id": last["id"]} if last else {}
        return readable(list, self._calls.rpc("export_posts", take=take, **after))

    def insights(self, since: str, until: str, zone: str) -> dict[str, Any]:
        """What became of the targets due between two moments; see the database function."""
        return readable(dict, self._calls.rpc("post_insights", since=since, until=until, zone=zone))

    def source_engagement(self, since: str, until: str) -> list[dict[str, Any]]:
        """What came of each source between two moments, the one that earned most first."""
        return readable(list, self._calls.rpc("source_engagement", since=since, until=until))
