"""LinkedIn's uploads: images, documents, and videos in parts. Source: Images, Documents and Videos API (2026-09)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from ..core.errors import LinError, NoAnswer, Reconnect, Rejected, TryLater
from ..core.platform_contract import Attachment, Content, Notes, Tokens
from ..core.ports import Answer, PlatformDoor
from .linkedin_errors import raise_for

_POLL_SECONDS = (0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0)

# What the answer to initializeUpload must name.
_PLACES = {
    "images": ("uploadUrl", "image"),
    "documents": ("uploadUrl", "document"),
    "videos": ("uploadInstructions", "video"),
}
_KINDS = {"image": "images", "gif": "images", "document": "documents", "video": "videos"}
# How long LinkedIn keeps what no post uses is not documented.
_UPLOAD_SECONDS = 12 * 3600.0


def forget_uploads(notes: Notes) -> None:
    """After a refusal the next try uploads anew: what is there may be the reason. Never hides the refusal."""
    if notes.get("uploads") is not None:
        with suppress(LinError):
            notes.keep(uploads=None)


class Rest(Protocol):
    """A call to /rest with LinkedIn's headers."""

    def __call__(
        self, method: str, path: str, tokens: Tokens, *, json: Any = None, params: Any = None
    ) -> Answer: ...


class LinkedInMedia:
    """Uploads the attachments of a post and gives the `content` of its create call. Notes hold `uploads`, {media id: [URN,
    when]}."""

    def __init__(
        self, rest: Rest, door: PlatformDoor, grace_seconds: float, pause: Callable[[float], None]
    ) -> None:
        self._rest = rest
        self._door = door
        self._grace_seconds = grace_seconds
        self._pause = pause

    def upload(self, tokens: Tokens, owner: str, content: Content, notes: Notes) -> dict[str, Any]:
        """Upload everything and wait until LinkedIn can use it. The owner must be the author of the post."""
        files = content.attachments
        urns = self._uploaded(tokens, owner, files, notes)
        if files[0].kind in ("video", "document"):
            return {"media": {"id": urns[0], "title": _title(content, files[0])}}
        images = [
            # an empty altText is refused: leave the key out
            {"id": urn} | ({"altText": file.alt_text} if file.alt_text else {})
            for urn, file in zip(urns, files, strict=True)
        ]
        return {"media": images[0]} if len(images) == 1 else {"multiImage": {"images": images}}

    def thumbnail(self, tokens: Tokens, owner: str, content: Content, notes: Notes) -> str:
        """Upload the picture that an article shows; returns its URN."""
        return self._uploaded(tokens, owner, content.attachments, notes)[0]

    def _uploaded(
        self, tokens: Tokens, owner: str, files: Sequence[Attachment], notes: Notes
    ) -> list[str]:
        """The URNs of the files, ready to be used. What the notes hold from an earlier try is not uploaded again: every
        upload takes several of the day's requests."""
        kept: dict[str, Any] = dict(notes.get("uploads", {}))
        now = datetime.now(UTC).timestamp()
        for file in files:
            known = kept.get(file.media_id)
            if known is None or now - known[1] > _UPLOAD_SECONDS:
                kept[file.media_id] = [self._sent(tokens, owner, file), now]
                notes.keep(uploads=kept)
        urns = [str(kept[file.media_id][0]) for file in files]
        try:
            self._wait(tokens, _KINDS[files[0].kind], urns)
        except Rejected:
            forget_uploads(notes)
            raise
        return urns

    def _sent(self, tokens: Tokens, owner: str, file: Attachment) -> str:
        if file.kind == "video":
            return self._video(tokens, owner, file)
        if file.kind == "document":
            return self._document(tokens, owner, file)
        return self._image(tokens, owner, file)

    def _image(self, tokens: Tokens, owner: str, attachment: Attachment) -> str:
        value = self._initialize(tokens, "images", {"owner": owner})
        self._put(tokens, value["uploadUrl"], attachment)
        return str(value["image"])

    def _document(self, tokens: Tokens, owner: str, attachment: Attachment) -> str:
        value = self._initialize(tokens, "documents", {"owner": owner})
        self._put(tokens, value["uploadUrl"], attachment)
        return str(value["document"])

    def _video(self, tokens: Tokens, owner: str, attachment: Attachment) -> str:
        value = self._initialize(
            tokens, "videos", {"owner": owner, "fileSizeBytes": attachment.bytes, "uploadCaptions": False, "uploadThumbnail": False}
        )  # fmt: skip
        urn = str(value["video"])
        file = attachment.open()
        part_ids = []
        for part in value["uploadInstructions"]:
            first, last = (
                int(part["firstByte"]),
                int(part["lastByte"]),
            )  # inclusive; LinkedIn's ranges are authoritative
            file.seek(first)
            # the URL carries its own signature: no Authorization here
            answer = self._door.send(
                "PUT", _checked(part["uploadUrl"]), headers={"Content-Type": "application/octet-stream"}, body=file.read(last - first + 1)
            )  # fmt: skip
            raise_for(answer, creating=False)
            part_ids.append((answer.headers.get("etag") or "").strip('"'))
        answer = self._rest(
            "POST", "/videos", tokens, params={"action": "finalizeUpload"},
            json={"finalizeUploadRequest": {"video": urn, "uploadToken": value.get("uploadToken", ""), "uploadedPartIds": part_ids}},
        )  # fmt: skip
        raise_for(answer, creating=False)
        return urn

    def _initialize(self, tokens: Tokens, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        answer = self._rest(
            "POST",
            f"/{kind}",
            tokens,
            params={"action": "initializeUpload"},
            json={"initializeUploadRequest": request},
        )
        raise_for(answer, creating=False)
        body = answer.json()
        value = body.get("value") if isinstance(body, dict) else None
        if not isinstance(value, dict) or not all(value.get(name) for name in _PLACES[kind]):
            raise NoAnswer("LinkedIn's answer to an upload holds no place to upload to")
        return value

    def _put(self, tokens: Tokens, url: str, attachment: Attachment) -> None:
        headers = {
            "Authorization": f"Bearer {tokens.access_token}",
            "Content-Type": attachment.mime,
        }
        raise_for(
            self._door.send("PUT", _checked(url), headers=headers, body=attachment.open()),
            creating=False,
        )

    def _wait(self, tokens: Tokens, kind: str, urns: list[str]) -> None:
        """Wait until all can be used. With only w_member_social the state of an image may not be read (403): then a
        short wait is all one can do; should it be too short, the create call says so and creates nothing."""
        try:
            for urn in urns:
                self._wait_for(tokens, kind, urn)
        except Reconnect as error:
            if error.http_status != 403:
                raise
            self._pause(self._grace_seconds)

    def _wait_for(self, tokens: Tokens, kind: str, urn: str) -> None:
        for seconds in _POLL_SECONDS:
            answer = self._rest("GET", f"/{kind}/{quote(urn, safe='')}", tokens)
            raise_for(answer, creating=False)
            body = answer.json()
            match body.get("status"):
                case "AVAILABLE":
                    return
                case "PROCESSING_FAILED":
                    reason = body.get("processingFailureReason") or "no reason given"
                    raise Rejected(
                        f"LinkedIn could not process a file of this post ({reason}).",
                        error_class="media_processing_failed",
                    )
            self._pause(seconds)
        raise TryLater(
            "LinkedIn is still processing a file of this post.",
            error_class="media_processing",
            after=60,
        )


def _title(content: Content, attachment: Attachment) -> str:
    return str(content.options.get("title") or attachment.title)[:400]


def _checked(url: str) -> str:
    """An upload URL, if it is LinkedIn's: a token goes nowhere else."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or not (
        host == "linkedin.com" or host.endswith((".linkedin.com", ".licdn.com"))
    ):
        raise Rejected(
            "LinkedIn named an upload address outside LinkedIn.",
            error_class="unexpected_upload_url",
        )
    return url
