"""Making passages that can be found: of articles and posts as they come, and of the texts of uploaded documents."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Literal, Protocol

from .cutting import cut
from .errors import LinError, NotFound, Unavailable

log = logging.getLogger("lin.indexing")

_BATCH = 20
_RETRY_AFTER_SECONDS = 60
# reading may take a minute, and the storage may be slow
_DOCUMENT_RETRY_AFTER_SECONDS = 300
# a language shows within this many characters
_SAMPLE = 600
_TITLE = 100

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Unindexed:
    """An article or a published post that has no passages yet, or others since it was edited. `written_at` is ISO 8601."""

    id: str
    version: int
    title: str
    url: str | None
    text: str
    written_at: str


@dataclass(frozen=True)
class UnreadDocument:
    """An uploaded document whose text nobody has read. `title` is empty where its owner gave it no description."""

    id: str
    version: int
    title: str
    path: str
    mime: str
    written_at: str


@dataclass(frozen=True)
class DocumentText:
    """What reading a document gave. `note` says to its owner what is wrong with it, None when all of it was read."""

    status: Literal["read", "cut", "no_text", "unreadable"]
    text: str = ""
    title: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Indexed:
    """A thing with its passages; `reading` is of documents only. `language` is an ISO 639-1 code, "un" for none."""

    id: str
    version: int
    title: str
    url: str | None
    language: str
    written_at: str
    texts: Sequence[str]
    reading: DocumentText | None = None


class PassageStore(Protocol):
    """What indexing needs from the database; see store/passages.py."""

    def claim_unindexed(self, take: int, retry_after_seconds: int) -> list[Unindexed]: ...

    def claim_unread_documents(
        self, take: int, retry_after_seconds: int
    ) -> list[UnreadDocument]: ...

    def store_passages(self, things: Sequence[Indexed]) -> int: ...


class MediaStore(Protocol):
    """Where the bytes of documents are; see store/media.py."""

    def open_media(self, path: str) -> AbstractContextManager[BinaryIO]: ...


@dataclass(frozen=True)
class Indexer:
    """Cuts what is new or edited into passages. `detect` tells the language of a text by its code; `give_way` is called
    before each batch, and returns when what is more urgent has been done."""

    store: PassageStore
    detect: Callable[[str], str]
    stopping: threading.Event
    give_way: Callable[[], None] = lambda: None

    def run(self) -> int:
        """Index batch after batch, until nothing waits; returns how many things were indexed."""
        total = 0
        while not self.stopping.is_set():
            self.give_way()
            waiting = self.store.claim_unindexed(_BATCH, _RETRY_AFTER_SECONDS)
            if not waiting:
                break
            passages = self._store([self._index(thing) for thing in waiting])
            log.info("passages stored", extra={"things": len(waiting), "passages": passages})
            total += len(waiting)
        return total

    def _store(self, things: Sequence[Indexed]) -> int:
        """Store them; one that the database refuses keeps no other from being found. Raises Unavailable."""
        try:
            return self.store.store_passages(things)
        except Unavailable:
            raise
        except LinError:
            if len(things) == 1:
                log.exception("passages were refused", extra={"id": things[0].id})
                return 0
        return sum(self._store([thing]) for thing in things)

    def _index(self, thing: Unindexed) -> Indexed:
        # an article may be a headline only, and a post has no headline
        title = thing.title or first_line(thing.text)
        texts = cut(thing.text) or cut(title)
        language = self.detect(f"{thing.title}\n{thing.text}"[:_SAMPLE])
        return Indexed(
            thing.id, thing.version, _storable(title), thing.url, language, thing.written_at, texts
        )


@dataclass(frozen=True)
class DocumentIndexer:
    """Reads uploaded documents. `read` takes the bytes and their MIME type and raises nothing about the document."""

    store: PassageStore
    media: MediaStore
    read: Callable[[BinaryIO, str], DocumentText]
    detect: Callable[[str], str]
    stopping: threading.Event

    def run(self) -> int:
        """Read one document after another, until none waits; returns how many were read. Raises Unavailable."""
        total = 0
        while not self.stopping.is_set():
            waiting = self.store.claim_unread_documents(1, _DOCUMENT_RETRY_AFTER_SECONDS)
            if not waiting:
                break
            for document in waiting:
                self._index(document)
            total += len(waiting)
        return total

    def _index(self, document: UnreadDocument) -> None:
        try:
            with self.media.open_media(document.path) as file:
                found = self.read(file, document.mime)
        except NotFound as error:
            found = DocumentText("unreadable", note=str(error))
        title = document.title or found.title or _name(document.path) or first_line(found.text)
        language, texts = self.detect(found.text[:_SAMPLE]), cut(found.text)
        thing = Indexed(
            document.id, document.version, _storable(title), None, language, document.written_at, texts, found
        )  # fmt: skip
        self.store.store_passages([thing])
        log.info("document read", extra={"media_id": document.id, "status": found.status, "characters": len(found.text)})  # fmt: skip


def first_line(text: str) -> str:
    """The beginning of a text as its title: the first line, at a word's end when it is long."""
    line = text.strip().partition("\n")[0].strip()
    if len(line) <= _TITLE:
        return line
    return f"{line[: _TITLE - 1].rsplit(' ', 1)[0].rstrip()}…"


def _name(path: str) -> str:
    """What the uploaded file is called, without its ending; empty for a name that a machine made up."""
    stem = path.rpartition("/")[2].rpartition(".")[0].replace("_", " ").strip()
    made_up = re.fullmatch(r"[0-9a-fA-F -]{16,}|\d*", stem)
    return "" if made_up else stem


def _storable(title: str) -> str:
    return _UNSTORABLE.sub("", title).strip()[:1000]
