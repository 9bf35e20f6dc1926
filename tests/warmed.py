"""Loaded once by the process that forks the programs of the stacks: they find the certificate authorities read, which is a quarter
of what a worker computes until it works."""

from __future__ import annotations

from backend.outbound.wire import tls_context

tls_context()
