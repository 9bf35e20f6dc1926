"""What a post will be on each account, by the very renderer that sends it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from .ports import Attachment, Content, Platform


def preview_targets(
    post: Mapping[str, Any], platforms: Mapping[str, Platform], limits: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """One preview per target of a post row (see store/user.py): text as sent, length, limit, media, violations."""
    media = [row["media"] for row in sorted(post["post_media"], key=lambda row: row["position"])]
    return [_preview(post, target, media, platforms, limits) for target in post["post_targets"]]


def _preview(
    post: Mapping[str, Any],
    target: Mapping[str, Any],
    media: list[Mapping[str, Any]],
    platforms: Mapping[str, Platform],
    limits: Mapping[str, Any],
) -> dict[str, Any]:
    account = target["social_accounts"]
    name = account["platform_id"]
    text = post["text"] if target["text_override"] is None else target["text_override"]
    content = Content(
        text=text,
        attachments=tuple(_attachment(m) for m in media if m["kind"]),
        options=target["options"],
    )
    violations = [
        {"field": v.field, "message": v.message} for v in platforms[name].violations(content)
    ]
    violations += [
        {
            "field": "media",
            "message": "A file is still being checked."
            if m["status"] == "uploaded"
            else "A file cannot be used.",
        }
        for m in media
        if m["status"] != "ready"
    ]
    return {
        "target_id": target["id"],
        "account_name": account["account_name"],
        "platform": name,
        "text": platforms[name].render(text),
        "length": len(text),
        "max_length": limits.get(name, {}).get("text", {}).get("max"),
        "media": [
            {
                key: m[key]
                for key in ("id", "kind", "mime", "bytes", "width", "height", "alt_text", "status")
            }
            for m in media
        ],
        "violations": violations,
    }


def _attachment(row: Mapping[str, Any]) -> Attachment:
    """Enough of an attachment to check limits; its bytes are not read for a preview."""
    title = str(row["path"]).rsplit("/", 1)[-1]
    return Attachment(
        row["id"], row["kind"], row["mime"], row["bytes"], row["alt_text"], title, io.BytesIO
    )
