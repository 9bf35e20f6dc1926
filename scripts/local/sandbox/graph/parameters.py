"""The parameters of a call, wherever they were sent: query, form, multipart or JSON."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs

from flask import g, request

from local.sandbox.world import Call

from .errors import bad_parameter

#: Sent with any call; never a mistake.
_ALWAYS = {"access_token", "appsecret_proof", "fields", "format", "locale", "method"}
_NUMBERED = re.compile(r"(\w+)\[(\d*)\]")
_IN_MULTIPART = re.compile(rb'name="access_token"\r\n(?:[^\r]+\r\n)*\r\n([^\r]*)\r\n')


class Parameters:
    """Values by name. What a call has no use for is ignored, as Meta does, but remembered."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def has(self, name: str) -> bool:
        """Whether it was sent with something in it."""
        return self.values.get(name) not in (None, "")

    def text(self, name: str, default: str = "") -> str:
        """A string; numbers are taken as they are written."""
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise bad_parameter(f"Param {name} must be a string.")
        return str(value)

    def whole(self, name: str) -> int | None:
        """A whole number; None when absent."""
        text = self.text(name)
        if not text:
            return None
        if not re.fullmatch(r"-?\d{1,18}", text):
            raise bad_parameter(f"Param {name} must be an integer.")
        return int(text)

    def flag(self, name: str, default: bool) -> bool:
        """A boolean as JSON has it, or ``true``, ``false``, ``1``, ``0``."""
        value = self.values.get(name)
        if value is None:
            return default
        known = {"true": True, "1": True, "false": False, "0": False}
        found = known.get(str(value).lower())
        if found is None:
            raise bad_parameter(f"Param {name} must be a boolean.")
        return found

    def choice(self, name: str, allowed: tuple[str, ...], default: str = "") -> str:
        """One of a few strings."""
        value = self.text(name, default)
        if value not in allowed:
            raise bad_parameter(f"Param {name} must be one of {{{', '.join(allowed)}}}.")
        return value

    def items(self, name: str) -> list[Any]:
        """A list: JSON, JSON in a string, ``name[0]=…`` or separated by commas."""
        value = self.values.get(name)
        if value in (None, ""):
            return []
        if isinstance(value, list):
            return [_unpacked(each) for each in value]
        unpacked = _unpacked(value)
        if isinstance(unpacked, list):
            return unpacked
        if isinstance(unpacked, str):
            return [each.strip() for each in unpacked.split(",") if each.strip()]
        if isinstance(unpacked, int) and not isinstance(unpacked, bool):
            return [str(unpacked)]
        raise bad_parameter(f"Param {name} must be an array.")

    def unknown(self, known: tuple[str, ...]) -> list[str]:
        """Names the documentation does not have for this call."""
        return sorted(set(self.values) - set(known) - _ALWAYS)


def parameters() -> Parameters:
    """The parameters of the current request. Raises GraphError 100 for a body that is no object."""
    if "parameters" not in g:
        g.parameters = Parameters(_read())
    found: Parameters = g.parameters
    return found


def _read() -> dict[str, Any]:
    sent: dict[str, Any] = request.args.to_dict()
    if request.mimetype == "application/json" and request.data:
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise bad_parameter("The body could not be parsed as a JSON object.")
        sent |= body
    else:
        sent |= request.form.to_dict()
    values: dict[str, Any] = {}
    lists: dict[str, list[tuple[int, Any]]] = {}
    for name, value in sent.items():
        numbered = _NUMBERED.fullmatch(name)
        if numbered is None:
            values[name] = value
        else:
            entries = lists.setdefault(numbered[1], [])
            entries.append((int(numbered[2] or len(entries)), value))
    for name, entries in lists.items():
        values[name] = [value for _, value in sorted(entries, key=lambda entry: entry[0])]
    return values


def _unpacked(value: Any) -> Any:
    """JSON in a string, as forms send it; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            raise bad_parameter("A parameter has malformed JSON.") from None
    return value


def token_in_header(authorization: str | None) -> str | None:
    """``Bearer`` for calls, ``OAuth`` for uploads; both are taken everywhere."""
    scheme, _, text = (authorization or "").partition(" ")
    return text.strip() or None if scheme.lower() in ("bearer", "oauth") else None


def sent_value(call: Call, name: str) -> str | None:
    """One value of an unread request, out of its query or its form."""
    for source in (call.query, _form_of(call.body)):
        if found := parse_qs(source).get(name):
            return found[0]
    return None


def sent_token(call: Call) -> str | None:
    """The access token of an unread request."""
    if text := token_in_header(call.authorization) or sent_value(call, "access_token"):
        return text
    if call.body[:1] == b"{":
        try:
            value = json.loads(call.body).get("access_token")
        except ValueError:
            return None
        return value if isinstance(value, str) else None
    if call.body[:2] == b"--" and (found := _IN_MULTIPART.search(call.body)):
        return found[1].decode("latin-1")
    return None


def _form_of(body: bytes) -> str:
    # Uploaded bytes are no form; forms with long texts stay well below this.
    plain = len(body) < 1_000_000 and body[:1] != b"{" and body[:2] != b"--"
    return body.decode("latin-1") if plain else ""
