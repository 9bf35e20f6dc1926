"""Facebook's uploads: photos that nobody sees yet, videos in a session that can be gone on with, and reels.

Source: Pages API (photos), Resumable Upload API, Reels Publishing API (2025-2026). All of it may be repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ..core.errors import NoAnswer, Rejected
from ..core.platform_contract import Attachment, Notes
from .graph import Graph

# Facebook drops photos that no post uses; after a day, other clients say, so that ours are taken for half of it.
_PHOTO_SECONDS = 12 * 3600
_OWN_NOTES = ("photos", "upload", "handle", "reel", "reel_uploaded", "video", "reference")


def forget_uploads(notes: Notes) -> None:
    """After a refusal the next try uploads anew: what is there may be the reason."""
    if any(notes.get(name) is not None for name in _OWN_NOTES):
        notes.keep(**dict.fromkeys(_OWN_NOTES))


class FacebookMedia:
    """Uploads the files of a post with a page's token, for the app `client_id`. Notes hold how far it came:

    `photos` {media id: [photo id, when, alt text]}; `upload` a session and `handle` what it gave; `reel` {video_id, upload_url},
    `reel_uploaded`; `video` the id of a video that Facebook has; `reference` for both kinds of video.
    """

    def __init__(self, graph: Graph, client_id: str) -> None:
        self._graph = graph
        self._client_id = client_id

    # ---------------------------------------------------------------- photos

    def photos(self, token: str, page: str, files: Sequence[Attachment], notes: Notes) -> list[str]:
        """The ids of the files as unpublished photos of the page, in their order."""
        kept: dict[str, Any] = dict(notes.get("photos", {}))
        now = datetime.now(UTC).timestamp()
        for file in files:
            known = kept.get(file.media_id)
            # the alt text can be changed without the post
            if known is None or now - known[1] > _PHOTO_SECONDS or known[2] != file.alt_text:
                kept[file.media_id] = [self._photo(token, page, file), now, file.alt_text]
                notes.keep(photos=kept)
        return [kept[file.media_id][0] for file in files]

    def _photo(self, token: str, page: str, file: Attachment) -> str:
        form = {"published": "false"}
        if file.alt_text:
            form["alt_text_custom"] = file.alt_text
        name = f"photo.{file.mime.rpartition('/')[2]}"
        files = {"source": (name, file.open().read(), file.mime)}
        answer = self._graph.send("POST", f"{page}/photos", token, form=form, files=files)
        return _text(self._graph.read(answer), "id")

    # ---------------------------------------------------------------- video

    def video(self, token: str, file: Attachment, notes: Notes) -> str:
        """The handle of the uploaded file, with which a video is created. Goes on where an earlier try stopped."""
        if notes.get("video"):  # of an earlier try, that the owner wants repeated
            notes.keep(video=None)
        if notes.get("handle"):
            return str(notes.get("handle"))
        handle = self._gone_on(token, file, notes.get("upload"))
        if handle is None:
            session = self._session(token, file)
            notes.keep(upload=session)
            handle = self._sent(token, session, file, 0)
        if handle is None:
            raise NoAnswer("Facebook took the file and did not say under which name.")
        # from now on a video may come of it; what became of it can be asked even when its id is lost
        notes.keep(handle=handle, upload=None, reference="video")
        return handle

    def _gone_on(self, token: str, file: Attachment, session: str | None) -> str | None:
        """The handle of a session that an earlier try left behind; None when there is none to be had from it."""
        if session is None:
            return None
        try:
            return self._sent(token, session, file, self._offset(token, session))
        except Rejected:  # it ended meanwhile
            return None

    def _session(self, token: str, file: Attachment) -> str:
        described = {
            "file_name": "video.mp4",
            "file_length": str(file.bytes),
            "file_type": file.mime,
        }
        answer = self._graph.send("POST", f"{self._client_id}/uploads", token, params=described)
        session = _text(self._graph.read(answer), "id")
        if not session.startswith("upload:"):
            raise NoAnswer("Facebook's answer names no upload session")
        return session

    def _sent(self, token: str, session: str, file: Attachment, offset: int) -> str | None:
        """Send the rest from `offset`. What breaks off is gone on with for as long as more arrives each time, so that a file
        may take longer than one call; None: all is there, but the handle got lost."""
        url = f"{self._graph.address}/{session}"
        while offset < file.bytes:
            body = file.open()
            body.seek(offset)
            broken: NoAnswer | None = None
            try:
                answer = self._graph.upload(
                    "POST", url, token, headers={"file_offset": str(offset)}, body=body
                )
                handle = self._graph.read(answer).get("h")
                if handle:
                    return str(handle)
            except NoAnswer as error:
                broken = error
            reached = self._offset(token, session)
            if reached <= offset:
                raise broken or NoAnswer("Facebook takes no more of the file and does not say why.")
            offset = reached
        return None

    def _offset(self, token: str, session: str) -> int:
        answer = self._graph.upload("GET", f"{self._graph.address}/{session}", token)
        try:
            return int(_text(self._graph.read(answer), "file_offset"))
        except ValueError:
            raise NoAnswer("Facebook does not say how much of the file it has") from None

    # ---------------------------------------------------------------- reel

    def reel(self, token: str, page: str, file: Attachment, notes: Notes) -> str:
        """The id of a reel that is uploaded and not finished, so that nobody sees it."""
        started = notes.get("reel")
        if started is not None and notes.get("reel_uploaded"):
            return str(started["video_id"])
        if started is not None:
            try:
                return self._reel_sent(token, started, file, notes)
            except Rejected:  # it ended meanwhile: begin anew
                started = None
        form = {"upload_phase": "start"}
        answer = self._graph.read(self._graph.send("POST", f"{page}/video_reels", token, form=form))
        started = {name: _text(answer, name) for name in ("video_id", "upload_url")}
        notes.keep(reel=started, video=started["video_id"], reference="reel")
        return self._reel_sent(token, started, file, notes)

    def _reel_sent(self, token: str, reel: dict[str, str], file: Attachment, notes: Notes) -> str:
        """Send the whole file: how to go on with half of one is not documented."""
        headers = {"offset": "0", "file_size": str(file.bytes)}
        answer = self._graph.upload("POST", reel["upload_url"], token, headers=headers, body=file.open())  # fmt: skip
        if self._graph.read(answer).get("success") is not True:
            raise NoAnswer("Facebook does not say whether it has the whole reel")
        notes.keep(reel_uploaded=True)
        return reel["video_id"]


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str | int) or value == "":
        raise NoAnswer(f"Facebook's answer holds no {name}")
    return str(value)
