"""What clients of tests trust."""

from __future__ import annotations

import httpx

# One for all of a process: left alone, httpx reads the certificate authorities for each client and each single call, which
# takes 20 to 40 ms and was a fifth of what the suite computed.
TLS = httpx.create_ssl_context()
