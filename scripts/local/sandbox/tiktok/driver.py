"""A TikTok member's raw HTTP client: it sends exactly what it is told, right or wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from local.sandbox.driver import Sandbox

_SECONDS = 30.0
API = "https://open.tiktokapis.com"


@dataclass
class TikToker:
    """A member with a token."""

    sandbox: Sandbox
    member: str
    open_id: str
    token: str
    refresh_token: str

    @classmethod
    def new(cls, sandbox: Sandbox, **fields: Any) -> TikToker:
        """A new member; ``fields`` as for ``/_control/tokens``."""
        made = sandbox.tell("tokens", platform="tiktok", **fields)["tokens"][0]
        tokens = (made["access_token"], made["refresh_token"])
        return cls(sandbox, made["member"], made["subject"], *tokens)

    def set(self, **fields: Any) -> dict[str, Any]:
        """Change how this member's account behaves."""
        told: dict[str, Any] = self.sandbox.tell(
            "settings", platform="tiktok", member=self.member, **fields
        )
        return told

    def pass_time(self, seconds: float) -> None:
        """Move this member's clock."""
        self.sandbox.tell("clock", advance_seconds=seconds, member=self.member)

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """One request to ``open.tiktokapis.com/v2/…``."""
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        address = self.sandbox.at(f"{API}/v2/{path}")
        more.setdefault("timeout", _SECONDS)
        return self.sandbox.http.request(method, address, headers=headers, **more)

    def creator_info(self) -> requests.Response:
        """What has to be asked before each direct post."""
        return self.call("POST", "post/publish/creator_info/query/")

    def info(self, **changed: Any) -> dict[str, Any]:
        """A correct ``post_info``, other as told; None leaves a field out."""
        info = {"title": "Good morning", "privacy_level": "PUBLIC_TO_EVERYONE"} | changed
        return {name: value for name, value in info.items() if value is not None}

    def file(self, size: int, **changed: Any) -> dict[str, Any]:
        """A correct ``source_info`` of a file that goes up whole, other as told."""
        info = {"source": "FILE_UPLOAD", "video_size": size, "chunk_size": size}
        return info | {"total_chunk_count": 1} | changed

    def init_video(self, source: dict[str, Any], **info: Any) -> requests.Response:
        """Begin a direct post."""
        body = {"post_info": self.info(**info), "source_info": source}
        return self.call("POST", "post/publish/video/init/", json=body)

    def init_draft(self, source: dict[str, Any]) -> requests.Response:
        """Begin a draft for the inbox."""
        body = {"source_info": source}
        return self.call("POST", "post/publish/inbox/video/init/", json=body)

    def init_photos(
        self, *urls: str, info: dict[str, Any] | None = None, **changed: Any
    ) -> requests.Response:
        """Post photos, as they are fetched from ``urls``."""
        source = {"source": "PULL_FROM_URL", "photo_images": urls, "photo_cover_index": 0}
        body = {"media_type": "PHOTO", "post_mode": "DIRECT_POST", "source_info": source}
        body |= {"post_info": info or self.info()} | changed
        return self.call("POST", "post/publish/content/init/", json=body)

    def put(
        self, address: str, data: bytes, first: int, total: int, **headers: str | None
    ) -> requests.Response:
        """PUT a chunk to an upload URL as TikTok gave it; ``headers`` as told (``_`` for ``-``)."""
        sent: dict[str, str | None] = {
            "Content-Type": "video/mp4",
            "Content-Range": f"bytes {first}-{first + len(data) - 1}/{total}",
        }
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in sent.items() if value is not None}
        return self.sandbox.http.put(self.sandbox.at(address), data, headers=kept, timeout=_SECONDS)

    def publish(self, data: bytes, **info: Any) -> str:
        """A direct post of a small video, creator info asked; returns its ``publish_id``."""
        self.creator_info().raise_for_status()
        return self.finish(self.init_video(self.file(len(data)), **info), data)

    def finish(self, init: requests.Response, data: bytes) -> str:
        """Upload what an init call was for in one chunk; returns its ``publish_id``."""
        init.raise_for_status()
        begun = init.json()["data"]
        self.put(begun["upload_url"], data, 0, len(data)).raise_for_status()
        return str(begun["publish_id"])

    def status(self, publish_id: str) -> requests.Response:
        """``status/fetch``."""
        return self.call("POST", "post/publish/status/fetch/", json={"publish_id": publish_id})

    def cancel(self, publish_id: str) -> requests.Response:
        """``cancel``."""
        return self.call("POST", "post/publish/cancel/", json={"publish_id": publish_id})
