"""Whose certificates a Space or an endpoint may have."""

from __future__ import annotations

import ssl
from functools import cache


@cache
def trusted() -> ssl.SSLContext:
    """The certificate authorities httpx trusts: those of certifi, or of SSL_CERT_FILE. One context for all calls of a process:
    reading them takes 20 to 40 ms each time, and connecting to one Space asks five times."""
    import httpx

    return httpx.create_ssl_context()
