"""One call to PostgREST, and the one place where its errors become ours."""

from __future__ import annotations

import json
import logging
import re
from typing import Any, TypeVar

import httpx
from postgrest import APIError, SyncPostgrestClient

from ..core.errors import (
    Conflict,
    Defect,
    FieldProblem,
    InvalidInput,
    LinError,
    NotAllowed,
    NotFound,
    TooMany,
    Unavailable,
)

log = logging.getLogger("lin.store")

Kind = TypeVar("Kind")

_SQLSTATE = re.compile(r"[0-9A-Z]{5}")
# connection lost, out of resources, shutting down or canceled, deadlock, read-only (failover): these pass
_PASSING = ("08", "53", "57", "40", "25")
# Postgres ended one of two transactions that waited for each other, and took all of it back: it may be asked again.
_TAKEN_BACK = ("40P01", "40001")
_TRIES = 3


class Calls:
    """Tables and functions under one identity; every failure leaves as a LinError."""

    def __init__(self, postgrest: SyncPostgrestClient) -> None:
        self._postgrest = postgrest

    def rpc(self, function: str, **arguments: Any) -> Any:
        """Call a database function and return its JSON value.

        Raises what the function refused with (NotFound, Conflict, InvalidInput, TooMany, NotAllowed), or Unavailable.
        """
        return self.run(self._postgrest.rpc(function, arguments))

    def table(self, name: str) -> Any:
        """A query builder for one table; pass it to `run`."""
        return self._postgrest.from_(name)

    @staticmethod
    def run(query: Any) -> Any:
        """Execute a query. Raises the same errors as `rpc`."""
        return _executed(query).data

    @staticmethod
    def count(query: Any) -> int:
        """How many rows a query with `count="exact"` finds. Raises the same errors as `rpc`."""
        return readable(int, _executed(query).count)


def _executed(query: Any, tries: int = _TRIES) -> Any:
    try:
        return query.execute()
    except APIError as error:
        if error.code in _TAKEN_BACK and tries > 1:
            return _executed(query, tries - 1)
        raise translated(error) from error
    except httpx.HTTPError as error:
        raise Unavailable("The database does not answer; try again in a moment.") from error


def readable(kind: type[Kind], answer: Any) -> Kind:
    """The answer, if it is of this kind. Raises Unavailable: something else than the database has answered, an empty page
    or "null", and nobody knows what was done."""
    if not isinstance(answer, kind):
        raise Unavailable("The database's answer cannot be read; try again in a moment.")
    return answer


def refuse_pages(response: httpx.Response) -> None:
    """A hook of the HTTP client. A page with status 200 where the database should have answered is a gateway's, and the
    library would take its text for the value. Raises RemoteProtocolError."""
    kind = response.headers.get("content-type", "json")
    if response.is_success and "/rest/v1/" in response.request.url.path and "json" not in kind:
        raise httpx.RemoteProtocolError("a page where JSON belongs", request=response.request)


def translated(error: APIError) -> LinError:
    """The meaning of a PostgREST error. PT4xx codes are raised on purpose by our functions (private.refuse)."""
    code, message = str(error.code or ""), str(error.message or "refused")
    meaning: LinError = Unavailable("The database does not answer; try again in a moment.")
    match code:
        case "PT404" | "PGRST116":
            meaning = NotFound(message if code == "PT404" else "There is no such thing.")
        case "PT409" | "23505" | "23514":
            meaning = Conflict(message)
        # between the check and the row, something was deleted; the caller themself, perhaps
        case "23503":
            meaning = Conflict("Something that this is about is not there any more.")
        case "PT422":
            meaning = InvalidInput(message, _problems(error.details))
        case "PT429":
            meaning = TooMany(message, _retry_after(error.details))
        case "22P02" | "22007" | "22008" | "22003":
            meaning = InvalidInput("A value has the wrong form.")
        case "PT401":
            meaning = NotAllowed(message)
        case "42501" | "PGRST301" | "PGRST302" | "PGRST303":
            meaning = NotAllowed("You may not do this.")
        case _ if _SQLSTATE.fullmatch(code) and not code.startswith(_PASSING):
            log.error(
                "the database refused a call of ours", extra={"code": code, "reason": message}
            )
            meaning = Defect("Something went wrong on Lin's side.")
    return meaning


def _retry_after(details: Any) -> int | None:
    try:
        return max(1, int(json.loads(details)["retry_after"]))
    except (ValueError, TypeError, KeyError):
        return None


def _problems(details: Any) -> tuple[FieldProblem, ...]:
    try:
        listed = json.loads(details) if isinstance(details, str) else (details or [])
        return tuple(FieldProblem(str(item["field"]), str(item["message"])) for item in listed)
    except (ValueError, TypeError, KeyError):
        return ()
