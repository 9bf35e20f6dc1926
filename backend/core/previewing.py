"""What a post will be on each account, by the very renderer that sends it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, Protocol

from .errors import MediaRejected
from .platform_contract import Attachment, Content, Platform, Violation
from .ports import PictureLimits

_SHOWN = ("id", "kind", "mime", "bytes", "width", "height", "duration", "frame_rate", "codec", "alt_text", "status")  # fmt: skip


class Plan(Protocol):
    """What becomes of a picture; see media/planning.py."""

    @property
    def mime(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def changes(self) -> tuple[str, ...]: ...


Planner = Callable[[str, int, int, int, PictureLimits], Plan]


def preview_targets(
    post: Mapping[str, Any], platforms: Mapping[str, Platform], plan: Planner
) -> list[dict[str, Any]]:
    """One preview per target of a post row (see store/user.py): texts as sent, their lengths and limits, media as sent with
    what is changed, privacy, violations. `plan` says what becomes of a picture, by its facts."""
    media = [row["media"] for row in sorted(post["post_media"], key=lambda row: row["position"])]
    return [_preview(post, target, media, platforms, plan) for target in post["post_targets"]]


def _preview(
    post: Mapping[str, Any],
    target: Mapping[str, Any],
    media: list[Mapping[str, Any]],
    platforms: Mapping[str, Platform],
    plan: Planner,
) -> dict[str, Any]:
    account = target["social_accounts"]
    platform = platforms[account["platform_id"]]
    text = post["text"] if target["text_override"] is None else target["text_override"]
    planned, violations = _planned(media, platform.pictures, plan)
    attachments = tuple(planned[m["id"]] for m in media if m["id"] in planned)
    content = Content(text, attachments, target["options"], account["kind"])
    violations = [*platform.violations(content), *violations]
    rendering = platform.render(content)
    first = rendering.parts[0]
    return {
        "target_id": target["id"],
        "account_name": account["account_name"],
        "platform": platform.name,
        "text": first.text if len(rendering.parts) == 1 else text,
        "length": sum(part.length for part in rendering.parts),
        "max_length": first.max_length,
        "parts": [asdict(part) for part in rendering.parts],
        "privacy": rendering.privacy,
        "media": [_shown(m, planned.get(m["id"])) for m in media],
        "violations": [{"field": v.field, "message": v.message} for v in violations],
    }


def _planned(
    media: list[Mapping[str, Any]], limits: PictureLimits | None, plan: Planner
) -> tuple[dict[str, Attachment], list[Violation]]:
    """Each file that was looked at, as it will be sent, by its id; and what stands in the way."""
    planned: dict[str, Attachment] = {}
    violations: list[Violation] = []
    for number, row in enumerate(media, 1):
        if row["status"] == "uploaded":
            violations.append(Violation("media", f"File {number} is still being checked."))
        elif row["status"] == "rejected":
            violations.append(Violation("media", f"File {number} cannot be used."))
        if not row["kind"]:
            continue
        attachment = _attachment(row)
        if row["kind"] == "image" and limits is not None and row["width"] and row["height"]:
            try:
                fitted = plan(row["mime"], row["bytes"], row["width"], row["height"], limits)
            except MediaRejected as error:
                violations.append(Violation("media", f"File {number}: {error}"))
            else:
                attachment = replace(
                    attachment, mime=fitted.mime, width=fitted.width, height=fitted.height, changes=fitted.changes
                )  # fmt: skip
        planned[row["id"]] = attachment
    return planned, violations


def _shown(row: Mapping[str, Any], sent: Attachment | None) -> dict[str, Any]:
    """A file as it is, and `sent`: as it will be, with what is changed. Metadata of pictures, and the place in a video, always go."""
    return {
        **{name: row[name] for name in _SHOWN},
        "sent": sent
        and {
            "mime": sent.mime,
            "width": sent.width,
            "height": sent.height,
            "changes": list(sent.changes),
        },
    }


def _attachment(row: Mapping[str, Any]) -> Attachment:
    """Enough of an attachment to check limits; its bytes are not read for a preview."""
    title = str(row["path"]).rsplit("/", 1)[-1]
    return Attachment(
        row["id"], row["kind"], row["mime"], row["bytes"], row["alt_text"], title, io.BytesIO,
        row["width"], row["height"], row["duration"], row["frame_rate"], row["codec"],
        row["index_first"],
    )  # fmt: skip
