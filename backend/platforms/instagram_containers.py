"""Instagram's containers: a post as it waits there to be published, seen by nobody.

Source: Instagram API, content publishing (2026). Making one may be repeated, at most 400 times in 24 hours; one that is not
used for 24 hours ends. Files are fetched by Instagram from their addresses. Videos could be uploaded instead, but how large
a part may be and how to ask what has arrived are not documented, and a whole one may take longer than one call.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, Literal

from ..core.errors import NoAnswer, Rejected, TryLater
from ..core.platform_contract import Attachment, Content, Notes
from .graph import Graph
from .instagram_content import InstagramOptions, caption, is_reel
from .instagram_errors import is_unfetched, raise_for_failed, wants_new_container
from .instagram_quota import check_quota
from .options import read_options

Status = Literal["IN_PROGRESS", "FINISHED", "PUBLISHED", "ERROR", "EXPIRED"]
# A day, less what a try may take.
_LIFE_SECONDS = 23 * 3600
_FIRST_PAUSES = (1.0, 2.0)
# What a try may wait in all; the next one goes on with the same containers.
_PATIENCE_SECONDS = 60.0
_OWN_NOTES = ("container", "children", "reference", "looks")


@dataclass(frozen=True)
class Waiting:
    """A container that can be published; or was, and nobody knows by which id. `made_at` is in seconds since the epoch."""

    account: str
    container: str
    caption: str
    made_at: float
    is_out: bool = False


class Containers:
    """Makes containers and waits for them. Notes hold how far it came:

    `container` [id, when it was made, what it was made of], `reference` its id; `children` {media id: the same}; `unfetched` that
    a file could not be fetched once; `looks` how often a published one was looked for.
    """

    def __init__(self, graph: Graph, pause: Callable[[float], None], poll_seconds: float) -> None:
        self._graph = graph
        self._pause = pause
        self._poll_seconds = poll_seconds

    def ready(self, token: str, account: str, content: Content, notes: Notes) -> Waiting:
        """The container of this content, ready to be published. Raises TryLater while Instagram needs longer, or when the
        account has used up what it may publish in a day."""
        try:
            return self._ready(token, account, content, notes)
        except Rejected:
            forget(notes)
            notes.keep(unfetched=None)
            raise
        except TryLater as error:
            if is_unfetched(error):
                _once_more(error, notes)
            if wants_new_container(error):
                forget(notes)
            raise

    def status(self, token: str, container: str) -> tuple[Status, str]:
        """How a container stands, and Instagram's sentence about it."""
        body = self._graph.get(container, token, fields="status_code,status")
        code = body.get("status_code")
        if code not in ("IN_PROGRESS", "FINISHED", "PUBLISHED", "ERROR", "EXPIRED"):
            raise NoAnswer("Instagram does not say how a post stands that it prepares")
        return code, str(body.get("status") or "")

    # ---------------------------------------------------------------- one post

    def _ready(self, token: str, account: str, content: Content, notes: Notes) -> Waiting:
        text, made_of = caption(content).text, _digest(content)
        patience = _Patience(self._pause, self._poll_seconds)
        known = self._known(token, made_of, notes)
        if known is None:
            check_quota(self._graph, token, account)
            fields = self._fields(token, account, content, notes, patience)
            container = self._made(token, account, fields)
            known = [container, time.time(), made_of]
            # from now on it can be asked what became of it
            notes.keep(container=known, reference=container, looks=None)
        status = self._wait(token, known[0], patience)
        return Waiting(account, known[0], text, known[1], is_out=status == "PUBLISHED")

    def _known(self, token: str, made_of: str, notes: Notes) -> list[Any] | None:
        """The container of an earlier try, as long as it can be used. One that is published is never made again, whatever
        the post is made of by now; one that ended, failed or is gone was never published."""
        kept = notes.get("container")
        if kept is None:
            return None
        try:
            status, _ = self.status(token, kept[0])
        except Rejected:
            return None
        usable = status in ("FINISHED", "IN_PROGRESS") and kept[2] == made_of
        return list(kept) if usable or status == "PUBLISHED" else None

    def _fields(
        self, token: str, account: str, content: Content, notes: Notes, patience: _Patience
    ) -> dict[str, str]:
        options = read_options(InstagramOptions, content.options)
        files = content.attachments
        fields = {"caption": content.text} if content.text.strip() else {}
        if options.is_ai_generated:
            fields["is_ai_generated"] = "true"
        if len(files) > 1:
            children = self._children(token, account, files, notes, patience)
            return {"media_type": "CAROUSEL", "children": ",".join(children)} | fields
        if not is_reel(files):
            return _picture(files[0]) | fields
        if options.share_to_feed is not None:
            fields["share_to_feed"] = "true" if options.share_to_feed else "false"
        if options.thumb_offset is not None:
            fields["thumb_offset"] = str(options.thumb_offset)
        return {"media_type": "REELS", "video_url": _address(files[0])} | fields

    def _children(
        self, token: str, account: str, files: Sequence[Attachment], notes: Notes, patience: _Patience
    ) -> list[str]:  # fmt: skip
        """The containers of a carousel's files, in their order, ready to be used. All are made before any is waited for."""
        kept: dict[str, Any] = dict(notes.get("children", {}))
        for file in files:
            known = kept.get(file.media_id)
            # the alt text can be changed without the post
            if known is None or time.time() - known[1] > _LIFE_SECONDS or known[2] != file.alt_text:
                fields = {"is_carousel_item": "true"}
                if file.kind == "video":
                    fields |= {"media_type": "VIDEO", "video_url": _address(file)}
                else:
                    fields |= _picture(file)
                child = self._made(token, account, fields)
                kept[file.media_id] = [child, time.time(), file.alt_text]
                notes.keep(children=kept)
        children = [kept[file.media_id][0] for file in files]
        for child in children:
            self._wait(token, child, patience)
        return children

    def _made(self, token: str, account: str, fields: Mapping[str, str]) -> str:
        answer = self._graph.send("POST", f"{account}/media", token, form=fields)
        container = self._graph.read(answer).get("id")
        if not container:
            raise NoAnswer("Instagram's answer names no container")
        return str(container)

    def _wait(self, token: str, container: str, patience: _Patience) -> Status:
        """Wait until a container can be published (or was). Raises why it cannot."""
        while True:
            status, sentence = self.status(token, container)
            if status in ("FINISHED", "PUBLISHED"):
                return status
            if status == "ERROR":
                raise_for_failed(sentence)
            if status == "EXPIRED":
                raise TryLater(
                    "What was prepared at Instagram has ended; Lin prepares it again.",
                    error_class="container_expired",
                )
            patience.wait()


class _Patience:
    """What one try may wait in all."""

    def __init__(self, pause: Callable[[float], None], poll_seconds: float) -> None:
        self._pause = pause
        self._pauses = chain(_FIRST_PAUSES, repeat(poll_seconds))
        self._left = _PATIENCE_SECONDS

    def wait(self) -> None:
        """Until it is time to ask again. Raises TryLater when it was long enough."""
        seconds = next(self._pauses)
        self._left -= seconds
        if self._left < 0:
            raise TryLater(
                "Instagram is still processing a file of this post.",
                error_class="media_processing",
                after=60.0,
            )
        self._pause(seconds)


def forget(notes: Notes) -> None:
    """The next try makes new containers."""
    if any(notes.get(name) is not None for name in _OWN_NOTES):
        notes.keep(**dict.fromkeys(_OWN_NOTES))


def _once_more(error: TryLater, notes: Notes) -> None:
    """An address that could not be fetched is tried once more; then something is wrong with it."""
    if not notes.get("unfetched"):
        notes.keep(unfetched=True)
        return
    forget(notes)
    notes.keep(unfetched=None)
    raise Rejected(
        "Instagram could not fetch a file of this post from this server, twice. Instagram has to reach PUBLIC_URL.",
        error_class=error.error_class,
        http_status=error.http_status,
        request_id=error.request_id,
    ) from error


def _picture(file: Attachment) -> dict[str, str]:
    return {"image_url": _address(file)} | ({"alt_text": file.alt_text} if file.alt_text else {})


def _address(file: Attachment) -> str:
    if file.url is None:
        raise Rejected(
            "Instagram fetches files from their addresses, and this one has none.",
            error_class="no_address",
        )
    return file.url()


def _digest(content: Content) -> str:
    """What a container is made of, as a digest: what may change without the post being edited."""
    files = [(file.media_id, file.alt_text) for file in content.attachments]
    told = json.dumps([content.text, files, dict(content.options)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]
