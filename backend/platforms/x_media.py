"""X's uploads: small pictures in one call, all else in segments, resumed after a crash. Source: Media v2 (2026-08).

What was done is noted after each step, so that a later try goes on from there:

    {media_id: {"id", "ends", "bytes", "sent", "segments", "finalized", "ready", "alt_text"}}

`ends` is when X forgets the upload (seconds since 1970), `sent` counts bytes, `alt_text` is what X has. Uploads that no
post uses are invisible.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..core.errors import NoAnswer, Rejected, TryLater
from ..core.platform_contract import Attachment, Content, Notes, Tokens
from ..core.ports import Answer
from .x_errors import raise_for

# 5 MB drew an empty 413 (seen in practice); the documentation's examples use 1 MB.
SEGMENT_BYTES = 1_000_000
_SMALLEST_SEGMENT_BYTES = 125_000
# Media ids live about a day; an hour less, so that none ends on the way.
_LIFE_SECONDS = 86_400
_MARGIN_SECONDS = 3600
_CATEGORIES = {"image": "tweet_image", "gif": "tweet_gif", "video": "tweet_video"}
# How long one try waits for X to process a file, in seconds; then the post is put off, and the next try goes on.
_PATIENCE_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 10.0


class Call(Protocol):
    """A call to api.x.com/2 in the user's name."""

    def __call__(
        self, method: str, path: str, tokens: Tokens, *, json: Any = None, params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None, files: Mapping[str, tuple[str, bytes, str]] | None = None,
    ) -> Answer: ...  # fmt: skip


class XMedia:
    """Uploads the attachments of a post and gives their media ids."""

    def __init__(self, call: Call, pause: Callable[[float], None]) -> None:
        self._call = call
        self._pause = pause

    def upload(self, tokens: Tokens, content: Content, notes: Notes) -> list[str]:
        """Upload what the notes do not hold yet, wait until X can use it, describe it. The ids, in order."""
        return [self._uploaded(tokens, file, notes) for file in content.attachments]

    def _uploaded(self, tokens: Tokens, file: Attachment, notes: Notes) -> str:
        kept = _Upload(file, notes)
        if kept.usable:
            try:
                return self._finish(tokens, file, kept)
            except Rejected as error:
                if error.http_status is None:
                    raise
                # Whether X takes a segment twice, or finalizes twice, is not documented, and a step may have been done
                # that was not noted. An upload is invisible: begin anew.
        self._begin(tokens, file, kept)
        return self._finish(tokens, file, kept)

    def _finish(self, tokens: Tokens, file: Attachment, kept: _Upload) -> str:
        """All that is not done yet."""
        if not kept["finalized"]:
            self._append(tokens, file, kept)
            answer = self._call("POST", f"/media/upload/{kept['id']}/finalize", tokens)
            raise_for(answer, creating=False)
            kept.note(finalized=True, ready=_processing(answer) is None)
        if not kept["ready"]:
            self._wait(tokens, kept)
        if file.alt_text and kept["alt_text"] != file.alt_text:
            metadata = {"id": kept["id"], "metadata": {"alt_text": {"text": file.alt_text}}}
            raise_for(self._call("POST", "/media/metadata", tokens, json=metadata), creating=False)
            kept.note(alt_text=file.alt_text)
        return str(kept["id"])

    def _begin(self, tokens: Tokens, file: Attachment, kept: _Upload) -> None:
        category = _CATEGORIES[file.kind]
        if file.kind == "image" and file.bytes <= SEGMENT_BYTES:
            answer = self._call(
                "POST", "/media/upload", tokens,
                form={"media_category": category}, files={"media": ("media", file.open().read(), file.mime)},
            )  # fmt: skip
            raise_for(answer, creating=False)
            kept.begin(answer, finalized=True, ready=_processing(answer) is None)
            return
        asked = {
            "media_type": file.mime,
            "total_bytes": file.bytes,
            "media_category": category,
        }
        answer = self._call("POST", "/media/upload/initialize", tokens, json=asked)
        raise_for(answer, creating=False)
        kept.begin(answer, finalized=False, ready=False)

    def _append(self, tokens: Tokens, file: Attachment, kept: _Upload) -> None:
        """Send the segments that are left, in order; one at a time is held in memory."""
        data = file.open()
        size = SEGMENT_BYTES
        while kept["sent"] < file.bytes:
            data.seek(kept["sent"])
            segment = data.read(size)
            answer = self._call(
                "POST", f"/media/upload/{kept['id']}/append", tokens,
                form={"segment_index": str(kept["segments"])}, files={"media": ("media", segment, "application/octet-stream")},
            )  # fmt: skip
            if answer.status == 413 and size > _SMALLEST_SEGMENT_BYTES:
                size //= 2
                continue
            raise_for(answer, creating=False)
            kept.note(sent=kept["sent"] + len(segment), segments=kept["segments"] + 1)

    def _wait(self, tokens: Tokens, kept: _Upload) -> None:
        """Wait until X has processed the file, asking as often as it says, for as long as a try may take."""
        query = {"command": "STATUS", "media_id": str(kept["id"])}
        waited = 0.0
        while True:
            answer = self._call("GET", "/media/upload", tokens, params=query)
            raise_for(answer, creating=False)
            processing = _processing(answer)
            if processing is None:
                kept.note(ready=True)
                return
            if processing.get("state") == "failed":
                kept.forget()
                raise Rejected(_failed(processing), error_class="media_processing_failed")
            pause = _seconds(processing.get("check_after_secs"))
            if waited + pause > _PATIENCE_SECONDS:
                raise TryLater(
                    "X is still processing a file of this post.",
                    error_class="media_processing",
                    after=max(pause, 15.0),
                )
            self._pause(pause)
            waited += pause


class _Upload:
    """What the notes hold of one file's upload."""

    def __init__(self, file: Attachment, notes: Notes) -> None:
        self._file = file
        self._notes = notes

    def __getitem__(self, name: str) -> Any:
        return self._kept[name]

    @property
    def _kept(self) -> dict[str, Any]:
        return dict(self._notes.get("media", {}).get(self._file.media_id) or {})

    @property
    def usable(self) -> bool:
        """Whether X has an upload of this very file that will not end on the way."""
        kept = self._kept
        lasts = kept.get("ends", 0) > time.time() + _MARGIN_SECONDS
        return bool(lasts and kept["bytes"] == self._file.bytes)

    def begin(self, answer: Answer, *, finalized: bool, ready: bool) -> None:
        """Note the upload that an answer names. Raises NoAnswer when it names none."""
        body = answer.json()
        data = body.get("data") if isinstance(body, dict) else None
        if not isinstance(data, dict) or not data.get("id"):
            raise NoAnswer("X's answer to an upload names no media")
        life = data.get("expires_after_secs")
        self._set(
            {
                "id": str(data["id"]),
                "ends": time.time() + (life if isinstance(life, int) else _LIFE_SECONDS),
                "bytes": self._file.bytes,
                "sent": 0,
                "segments": 0,
                "finalized": finalized,
                "ready": ready,
                "alt_text": "",
            }
        )

    def note(self, **done: Any) -> None:
        """Add what was done."""
        self._set(self._kept | done)

    def forget(self) -> None:
        """Begin anew next time."""
        self._set(None)

    def _set(self, kept: dict[str, Any] | None) -> None:
        others = {**self._notes.get("media", {})}
        others.pop(self._file.media_id, None)
        if kept is not None:
            others[self._file.media_id] = kept
        self._notes.keep(media=others)


def _processing(answer: Answer) -> dict[str, Any] | None:
    """What X still does with a file; None when it can be used. No `processing_info` means the same."""
    body = answer.json()
    data = body.get("data") if isinstance(body, dict) else None
    told = data.get("processing_info") if isinstance(data, dict) else None
    return told if isinstance(told, dict) and told.get("state") != "succeeded" else None


def _seconds(told: Any) -> float:
    """How long to wait before asking again."""
    usable = isinstance(told, int | float) and not isinstance(told, bool)
    return min(max(float(told), 0.5), _LONGEST_PAUSE_SECONDS) if usable else 2.0


def _failed(processing: Mapping[str, Any]) -> str:
    error = processing.get("error")
    reason = error.get("message") if isinstance(error, dict) else None
    return f"X could not process a file of this post ({str(reason or 'no reason given')[:200]})."
