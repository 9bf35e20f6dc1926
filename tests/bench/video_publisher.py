"""`python -m tests.bench.video_publisher ORDER.json`: publish one video through LinkedIn's client, as a worker does, and
print the most memory that this process ever had (VmHWM of proc(5)) in MB.

Without a video in the order it imports the same, connects to nothing, and prints the same: what a worker is without one.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import backend.worker  # noqa: F401 - all that a worker has loaded
from backend.core.platform_contract import Attachment, Content, Identity, Published, Tokens
from backend.outbound import PlatformHttp
from backend.platforms.linkedin import LinkedIn, LinkedInSettings

from .footprint import peak_mb


class Forgetful:
    """Notes of a publication that nobody goes on with."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def get(self, name: str, default: Any = None) -> Any:
        return self._values.get(name, default)

    def keep(self, **values: Any) -> None:
        self._values |= values


def publish(order: dict[str, Any]) -> None:
    """Read the file to the end for its checksum, then upload it, then make the post: core/preparing.py, core/publishing.py."""
    platform = LinkedIn(
        PlatformHttp(order["sandbox_url"]),
        LinkedInSettings(client_id="app", client_secret="secret", media_grace_seconds=0),
    )
    tokens = Tokens(order["access_token"], None)
    path = Path(order["video"])
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while piece := file.read(1 << 20):
            digest.update(piece)

        def rewound() -> Any:
            file.seek(0)
            return file

        size = path.stat().st_size
        video = Attachment(
            "1", "video", "video/mp4", size, None, path.name, rewound, 64, 48, order["seconds"]
        )
        content = Content("A long film", (video,))
        violations = platform.violations(content)
        if violations:
            raise SystemExit(f"not publishable: {violations}")
        identity, notes = Identity(order["member"], "Ada"), Forgetful()
        prepared = platform.prepare(tokens, identity, content, notes)
        published = platform.publish(tokens, prepared, notes)
    if not isinstance(published, Published):
        raise SystemExit(f"not published: {published}")


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text())
    if "video" in given:
        publish(given)
    print(peak_mb())
