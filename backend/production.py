"""What must not stand in the settings of a production server: the sandbox, the local stack, the manual's examples, keys that
anybody knows, and keys in each other's place. The sentences name the variable, and never a value."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import re
from collections.abc import Iterator, Sequence
from typing import Literal
from urllib.parse import unquote, urlsplit

# SHA-256 of what is printed wherever Supabase is started on a developer's machine, and of the secret that its files for
# self-hosting come with; the first 24 digits, because the values themselves would look like leaked keys here.
_KNOWN_TO_ANYBODY = frozenset(
    {
        "9705102db0d5f99ee08daa19",  # the publishable key
        "c85debb55f2f204d868cc155",  # the secret key
        "a064b502e61d27e94b871729",  # the secret that signs tokens
        "1453cea2dc3799e9026e42b3",  # the same of the files for self-hosting
    }
)
# names that are kept for examples and tests (RFC 2606), and the project of .env.example
_EXAMPLE = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid)$|^your-project\.")
_EXAMPLE_SPACE = "owner/name"
# RFC 7518, 3.2: HS256 wants a key of at least the hash's size
_SHORTEST_SECRET = 32
# 32 random bytes hold about 30 different ones; fewer than 16 never happen
_LEAST_DIFFERENT = 16

KeyKind = Literal["publishable", "secret", "person", "unknown"]


def kind_of_key(key: str) -> KeyKind:
    """What a Supabase key is for: sb_publishable_… or a token with the role anon, sb_secret_… or one with service_role, or
    the access token of a person. The token is read, not verified."""
    if key.startswith("sb_publishable_"):
        return "publishable"
    if key.startswith("sb_secret_"):
        return "secret"
    kinds: dict[str, KeyKind] = {"anon": "publishable", "service_role": "secret", "authenticated": "person"}  # fmt: skip
    return kinds.get(str(_claims(key).get("role")), "unknown")


def misplaced(key: str, wanted: Literal["publishable", "secret"]) -> str | None:
    """What a Supabase key is instead of the one that is wanted; None where it may be that one."""
    kind = kind_of_key(key)
    if kind in (wanted, "unknown"):
        return None
    names = {"publishable": "the publishable (or anon) key", "secret": "the secret key", "person": "somebody's access token"}  # fmt: skip
    return f"this is {names[kind]}; here belongs {names[wanted]}"


def wrong_addresses(name: str, urls: Sequence[str], *, numbered: bool = False) -> Iterator[str]:
    """What is wrong with the addresses of a variable."""
    for number, url in enumerate(urls, 1):
        parts = urlsplit(url)
        entry = f"{name}: entry {number}" if numbered else name
        if parts.scheme != "https":
            yield f"{entry} must be https"
        if _is_this_machine(parts.hostname or ""):
            yield f"{entry} is an address of this machine"
        if _EXAMPLE.search(parts.hostname or ""):
            yield f"{entry} is an example's address"


def wrong_key(name: str, key: str, wanted: KeyKind) -> Iterator[str]:
    """What is wrong with a Supabase key. One in the other's place is refused everywhere, see settings.py."""
    if is_known_to_anybody(key):
        yield f"{name} is the key of every local Supabase, which anybody knows"
    elif kind_of_key(key) == "unknown":
        new, old = {"secret": ("sb_secret_…", "service_role")}.get(wanted, ("sb_publishable_…", "anon"))  # fmt: skip
        yield f"{name} is neither {new} nor a legacy {old} key"


def wrong_signing_secret(name: str, secret: str) -> Iterator[str]:
    """What is wrong with the secret that signs access tokens."""
    if is_known_to_anybody(secret):
        yield f"{name} is the secret of every local Supabase, which anybody knows"
    elif len(secret.encode()) < _SHORTEST_SECRET:
        yield f"{name} is shorter than {_SHORTEST_SECRET} bytes"


def wrong_sealing_keys(name: str, keys: Sequence[bytes]) -> Iterator[str]:
    """What is wrong with the keys that seal tokens."""
    for number, key in enumerate(keys, 1):
        if len(set(key)) < _LEAST_DIFFERENT or (key.isascii() and key.decode().isprintable()):
            yield f"{name}: key {number} is not made at random; see .env.example for how to make one"


def wrong_space(name: str, space: str | None) -> Iterator[str]:
    """What is wrong with the name of a model."""
    if space == _EXAMPLE_SPACE:
        yield f"{name} is the example of .env.example"


def secret_part(value: str) -> str:
    """The secret itself: of an address its password, or the user name where that is the key; empty without either."""
    if "://" not in value:
        return value
    parts = urlsplit(value)
    return unquote(parts.password or parts.username or "")


def is_known_to_anybody(key: str) -> bool:
    """Whether this key or secret comes with the tools that start Supabase on a developer's machine."""
    if _claims(key).get("iss") == "supabase-demo":
        return True
    return hashlib.sha256(key.encode()).hexdigest()[:24] in _KNOWN_TO_ANYBODY


def _claims(key: str) -> dict[str, object]:
    """The claims of a legacy key, which is a JWT; none of anything else."""
    parts = key.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
