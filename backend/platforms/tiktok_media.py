"""TikTok's uploads: a video in parts, the last of which makes the post; photos are fetched by TikTok.

Source: TikTok for Developers, Media Transfer Guide (2026-09). Parts have 5 to 64 MB and go in order, the last takes what is left
over; a smaller file goes whole.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

from ..core.errors import LinError, NoAnswer, OutcomeUnknown, PlatformError, Rejected
from ..core.platform_contract import Attachment, Notes, Tokens
from ..core.ports import PlatformDoor
from .tiktok_errors import UploadLost, raise_for_part

log = logging.getLogger("lin.platforms.tiktok")

# The size of a part, which is read into memory; the least is TikTok's, and 5 MB are read as the larger ones.
PART_BYTES = 10 * 1024 * 1024
_LEAST_BYTES = 5 * 1024 * 1024
# An upload address lives an hour; what is left of it has to do for a part.
_ADDRESS_LIVES = timedelta(minutes=58)
# What the notes hold of an upload, to be forgotten with it. `upload`: where to, until when, in how many parts; `parts_sent`;
# `may_be_sent`: the last part was ready once, so that it may have left; `complete`: TikTok has it all; `canceling`: Lin canceled
# it; `over`: nothing came of it. What is over stays in the notes, so that it can be asked for again, until the next try.
_NOTED = ("reference", "upload", "parts_sent", "may_be_sent", "complete", "canceling", "over")


class Call(Protocol):
    """A call to the API that answers with its `data`; see tiktok_errors.data_of for what it raises."""

    def __call__(
        self,
        path: str,
        tokens: Tokens,
        json: Any,
        *,
        params: dict[str, str] | None = None,
        creating: bool = False,
    ) -> dict[str, Any]: ...


@dataclass(frozen=True)
class LastPart:
    """The end of a video, ready to be sent: with it TikTok has all of it and publishes. `again`: it may have left before."""

    url: str
    mime: str
    data: bytes
    start: int
    total: int
    again: bool


def begin_anew(notes: Notes) -> None:
    """Forget an earlier try of which nothing came."""
    notes.keep(**dict.fromkeys(_NOTED))


def parts(size: int) -> tuple[int, int]:
    """The size of a part in bytes, and how many there are: what TikTok counts is size ÷ part, rounded down, the last part
    taking the few bytes left over. All are of about the same size, 5 to 10 MB; a smaller file goes whole."""
    count = max(1, min(size // _LEAST_BYTES, -(-size // PART_BYTES)))
    return size // count, count


class TikTokUploads:
    """Takes a video to TikTok, all but its last part; goes on after a crash where the notes say it stood."""

    def __init__(self, call: Call, door: PlatformDoor) -> None:
        self._call = call
        self._door = door

    def upload(
        self, tokens: Tokens, video: Attachment, notes: Notes, init: Callable[[], tuple[str, dict[str, Any]]]
    ) -> LastPart:  # fmt: skip
        """Send all parts but the last. `init` gives the path and body of the call that begins an upload, without its
        `source_info`; it is asked only when there is none to go on with."""
        if notes.get("over"):
            begin_anew(notes)
        if self._alive(video, notes):
            try:
                return self._sent(video, notes)
            except UploadLost:
                pass  # the last part, which alone publishes, is not sent here: a new upload cannot double it
        self._begin(tokens, video, notes, init)
        return self._sent(video, notes)

    def publish(self, last: LastPart, notes: Notes) -> None:
        """Send the last part. Raises OutcomeUnknown unless TikTok took it, or plainly refused it at the first time."""
        try:
            self._put(last.url, last.mime, last.data, last.start, last.total, last=True)
        except (UploadLost, Rejected) as error:
            # it is not taken a second time either, so of a part that may have left before this says nothing
            if last.again:
                raise _unknown(error) from error
            notes.keep(over=True)
            raise
        try:
            notes.keep(complete=True)
        except LinError:  # it spares a question later, no more; TikTok's answer counts
            log.warning("what TikTok has taken could not be noted")

    def _alive(self, video: Attachment, notes: Notes) -> bool:
        upload = notes.get("upload")
        return (
            isinstance(upload, dict)
            and upload["size"] == video.bytes
            and datetime.now(UTC) < datetime.fromisoformat(upload["until"])
        )

    def _begin(
        self, tokens: Tokens, video: Attachment, notes: Notes, init: Callable[[], tuple[str, dict[str, Any]]]
    ) -> None:  # fmt: skip
        path, body = init()
        size, count = parts(video.bytes)
        source = {
            "source": "FILE_UPLOAD", "video_size": video.bytes, "chunk_size": size, "total_chunk_count": count,
        }  # fmt: skip
        until = datetime.now(UTC) + _ADDRESS_LIVES
        data = self._call(path, tokens, {**body, "source_info": source})
        if not data.get("publish_id") or not data.get("upload_url"):
            raise NoAnswer("TikTok's answer to an upload holds no place to upload to")
        upload = {
            "url": _checked(str(data["upload_url"])), "until": until.isoformat(), "size": video.bytes, "parts": count,
        }  # fmt: skip
        reference = str(data["publish_id"])
        notes.keep(
            reference=reference, upload=upload, parts_sent=0, may_be_sent=None, complete=None, canceling=None
        )  # fmt: skip

    def _sent(self, video: Attachment, notes: Notes) -> LastPart:
        upload = notes.get("upload")
        url, count = upload["url"], int(upload["parts"])
        size = video.bytes // count
        file = video.open()
        for number in range(int(notes.get("parts_sent", 0)), count - 1):
            file.seek(number * size)
            self._put(url, video.mime, file.read(size), number * size, video.bytes, last=False)
            notes.keep(parts_sent=number + 1)
        start = (count - 1) * size
        file.seek(start)
        data = file.read(video.bytes - start)
        again = bool(notes.get("may_be_sent"))
        if not again:
            notes.keep(may_be_sent=True)
        return LastPart(url, video.mime, data, start, video.bytes, again)

    def _put(self, url: str, mime: str, data: bytes, start: int, total: int, *, last: bool) -> None:
        headers = {
            "Content-Type": mime,
            "Content-Range": f"bytes {start}-{start + len(data) - 1}/{total}",
        }
        # the address carries its own signature: no Authorization here
        raise_for_part(self._door.send("PUT", url, headers=headers, body=data), last=last)


def photo_source(photos: tuple[Attachment, ...], prefix: str) -> dict[str, Any]:
    """The `source_info` of photos: TikTok fetches them, from below the verified address only and without redirects."""
    urls = [_address(photo, prefix) for photo in photos]
    return {"source": "PULL_FROM_URL", "photo_images": urls, "photo_cover_index": 0}


def _address(photo: Attachment, prefix: str) -> str:
    url = photo.url() if photo.url else ""
    if not url or not url.startswith(prefix):
        raise Rejected(
            "TikTok can fetch photos from a verified address only, and this server keeps them elsewhere; its operator has to "
            "mend that (TIKTOK_PULL_PREFIX).",
            error_class="url_ownership_unverified",
        )
    return url


def _unknown(error: PlatformError) -> OutcomeUnknown:
    return OutcomeUnknown(
        "TikTok does not take the end of the video once more; the post may be live.",
        error_class=error.error_class,
        http_status=error.http_status,
    )


def _checked(url: str) -> str:
    """An upload address, if it is https. Its host is whatever TikTok says; no token goes there."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise Rejected(
            "TikTok named an upload address that is not https.", error_class="unexpected_upload_url"
        )
    return url
