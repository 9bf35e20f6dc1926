"""Which addresses an app may let TikTok pull from (platform facts 5.3, PULL_FROM_URL)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote, urlsplit


def check_prefix(prefix: str) -> None:
    """A bare domain, or scheme, host and path. Raises ValueError."""
    parts = urlsplit(prefix if "://" in prefix else f"https://{prefix}/")
    bare = "://" not in prefix and "/" in prefix
    if bare or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"verified_prefixes: {prefix!r} is neither a domain nor a URL prefix")
    if parts.query or parts.fragment or parts.username:
        raise ValueError(f"verified_prefixes: {prefix} must end with host or path")


def is_verified(url: str, prefixes: Iterable[str]) -> bool:
    """Whether the address is under one of the prefixes, https unless the prefix itself is http.

    A verified domain stands for itself only, not for its subdomains: the strict reading.
    """
    return any(
        _under(url, prefix if "://" in prefix else f"https://{prefix}") for prefix in prefixes
    )


def _under(url: str, prefix: str) -> bool:
    try:
        have, want = urlsplit(url), urlsplit(prefix)
        same = (have.scheme, have.hostname, have.port) == (want.scheme, want.hostname, want.port)
    except ValueError:
        return False
    if not same or have.username is not None:
        return False
    # "/a" covers "/a" and "/a/b", never "/ab"; and nobody climbs out with dots.
    path, base = unquote(have.path) or "/", want.path.rstrip("/")
    climbs = any(step in (".", "..") for step in path.replace("\\", "/").split("/"))
    return not climbs and (path == base or path.startswith(f"{base}/"))
