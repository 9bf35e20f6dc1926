"""All that is somebody's: to read with their own token, and to delete with the service key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any, BinaryIO

import httpx
from supabase_auth import SyncGoTrueAdminAPI
from supabase_auth.errors import AuthApiError, AuthError

from ..core.errors import Unavailable
from ..core.leaving import Stopped
from .calls import Calls, readable
from .files import Files

# By table: the columns that tell its rows apart; pages are read in their order.
EXPORTED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "profiles": ("id",),
        "social_accounts": ("id",),
        "sources": ("id",),
        "source_items": ("id",),
        "media": ("id",),
        "media_texts": ("media_id",),
        "passages": ("id",),
        "posts": ("id",),
        "post_media": ("post_id", "media_id"),
        "post_targets": ("id",),
        "publish_attempts": ("id",),
        "post_metrics": ("id",),
        "slots": ("id",),
        "slot_occurrences": ("id",),
        "generations": ("id",),
        "chat_sessions": ("id",),
        "chat_messages": ("id",),
        "speeches": ("id",),
        "notifications": ("id",),
        "webhooks": ("id",),
        "webhook_deliveries": ("id",),
    }
)

# The other tables with rows of people, each with the reason why they are not in an export.
NOT_EXPORTED: Mapping[str, str] = MappingProxyType(
    {
        "account_deletions": "there only while somebody leaves",
        "idempotency_keys": "hashes of requests and copies of answers, for a day",
        "imported_rows": "digests of rows that were imported; what came of them is in posts",
        "indexing_queue": "work to do; what comes of it is in passages",
        "oauth_states": "secrets of consents that have not ended",
        "passage_embeddings": "numbers that a model made of passages, which are in it",
        "publication_notes": "a worker's notes on a send that has not ended",
        "webhook_secrets": "sealed secrets, which nobody may carry away",
        "social_account_tokens": "sealed tokens, which nobody may carry away",
    }
)

# Nothing that opens a door or fences a worker, and nothing that is only an index or a sum over what is there anyway.
_WITHHELD = re.compile(r".*_sealed|.*_hash|lease_.*|worker|digest|checksum|search")

_PAGE = 200  # rows a call; hosted projects answer with 1,000 at most


def withheld(column: str) -> bool:
    """Whether a column stays out of every export."""
    return _WITHHELD.fullmatch(column) is not None


class OwnData:
    """What the owner of a token may read of their own: row-level security decides, here and in Storage."""

    tables = tuple(EXPORTED)

    def __init__(self, calls: Calls, files: Files, user_id: str) -> None:
        self._calls = calls
        self._files = files
        self._user_id = user_id

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """All rows of a table, page by page. Raises Unavailable."""
        keys, last = EXPORTED[table], None
        while True:
            query = self._calls.table(table).select("*")
            for key in keys:
                query = query.order(key)
            if last is not None:
                query = query.or_(_behind(keys, last))
            page = readable(list, self._calls.run(query.limit(_PAGE)))
            for row in page:
                yield {name: value for name, value in row.items() if not withheld(name)}
            if len(page) < _PAGE:
                return
            last = page[-1]

    def files(self) -> Iterator[str]:
        """The paths of all files in their folder. Raises Unavailable."""
        return self._files.names(self._user_id)

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A file's bytes. Raises NotFound, Unavailable."""
        return self._files.open(path)


def _behind(keys: tuple[str, ...], last: dict[str, Any]) -> str:
    """The filter for rows that come after `last`; keys are ids."""
    parts = []
    for n, key in enumerate(keys):
        same = [f'{before}.eq."{last[before]}"' for before in keys[:n]]
        beyond = f'{key}.gt."{last[key]}"'
        parts.append(f"and({','.join([*same, beyond])})")
    return ",".join(parts)


class Deletions:
    """Deletions in progress. Errors are those of `Calls` and `Files`."""

    def __init__(self, calls: Calls, files: Files, auth: SyncGoTrueAdminAPI) -> None:
        self._calls = calls
        self._files = files
        self._auth = auth

    def begin(self, user_id: str, lease_seconds: int) -> bool:
        """Note that somebody leaves; False when another process is at it. Raises NotFound when they are gone."""
        return readable(
            bool,
            self._calls.rpc("begin_account_deletion", leaver=user_id, lease_seconds=lease_seconds),
        )

    def claim(self, take: int, lease_seconds: int) -> list[str]:
        """Who is leaving and waits for a process."""
        return readable(
            list,
            self._calls.rpc("claim_account_deletions", take=take, lease_seconds=lease_seconds),
        )

    def quiet(self, user_id: str, take: int, lease_seconds: int) -> Stopped:
        """Stop what acts for them."""
        told = readable(
            dict,
            self._calls.rpc(
                "quiet_account", leaver=user_id, take=take, lease_seconds=lease_seconds
            ),
        )
        return Stopped(told["stopped"], told["at_work"], told["published"])

    def accounts(self, user_id: str) -> list[tuple[str, str]]:
        """Their accounts that are not disconnected: id and platform."""
        query = self._calls.table("social_accounts").select("id,platform_id")
        rows = self._calls.run(query.eq("user_id", user_id).neq("status", "disconnected"))
        return [(row["id"], row["platform_id"]) for row in readable(list, rows)]

    def delete_rows(self, user_id: str, take: int) -> int:
        """Delete some of their rows; returns how many, 0 when none are left."""
        return readable(int, self._calls.rpc("delete_account_rows", leaver=user_id, take=take))

    def delete_files(self, user_id: str) -> None:
        """Delete every file in their folder."""
        self._files.remove_folder(user_id)

    def delete_person(self, user_id: str) -> None:
        """Delete them from Auth; who is gone already is no error. Raises Unavailable."""
        try:
            self._auth.delete_user(user_id)
        except AuthApiError as error:
            if error.status != 404:
                raise Unavailable("Sign-in does not answer; try again in a moment.") from error
        except (AuthError, httpx.HTTPError) as error:
            raise Unavailable("Sign-in does not answer; try again in a moment.") from error
