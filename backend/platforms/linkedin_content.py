"""What a LinkedIn post may hold: its limits, and what a target may say about it.

Facts: LinkedIn documentation of the Posts, Images, Videos and Documents APIs (2026-09).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

TEXT_MAX = 3000
# an animated GIF goes alone: that several may be sent together is documented for still images only
LIMITS: Mapping[str, Any] = {
    "text": {"max": TEXT_MAX, "counted": "characters"},
    "media": {
        "mixed": False,
        "image": {"max": 20, "fit": True, "max_alt_text": 4086},
        "gif": {
            "max": 1, "mimes": ["image/gif"], "max_bytes": 10_000_000, "max_pixels": 36_152_320, "max_alt_text": 4086,
        },
        "video": {
            "max": 1, "mimes": ["video/mp4"], "min_bytes": 75_000, "max_bytes": 500_000_000,
            "min_seconds": 3, "max_seconds": 1800,
        },
        "document": {
            "max": 1, "max_bytes": 100_000_000, "max_pages": 300,
            "mimes": [
                "application/pdf", "application/msword", "application/vnd.ms-powerpoint",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            ],
        },
    },
    "options": {"visibility": ["PUBLIC", "CONNECTIONS", "LOGGED_IN"], "title": "text"},
}  # fmt: skip


class LinkedInOptions(BaseModel):
    """What a target may say about a LinkedIn post."""

    model_config = ConfigDict(extra="forbid")

    visibility: Literal["PUBLIC", "CONNECTIONS", "LOGGED_IN"] = Field(
        default="PUBLIC", description="Who may see the post"
    )
    title: str | None = Field(
        default=None, max_length=400, description="The title of a document or a video; without it the file's name"
    )  # fmt: skip
