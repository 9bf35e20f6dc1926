"""Where each part listens first. All below 32768, where outgoing connections take their ports from; each is "this one
or the next free"."""

from __future__ import annotations

PORTS = {
    "gateway": 15421,
    "mailbox": 15425,
    "smtp": 15426,
    "sandbox": 15430,
    "postgres": 15432,
    "space": 15440,
    "frontend": 15460,
    "web": 15480,
}


def usual_url(name: str) -> str:
    """Where a part is if its usual port was free; stands in for the address of one that was not asked for."""
    return f"http://127.0.0.1:{PORTS[name]}"
