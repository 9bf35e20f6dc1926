"""PULL_FROM_URL: the platform really downloads (platform facts 5.3)."""

from __future__ import annotations

import threading

from local.sandbox.fetching import FetchError, fetch

from .inspecting import LARGEST_PHOTO
from .publications import add_media, complete
from .state import Publication, State

#: The answer to the init call does not wait for the download; but it waits this long, so that with
#: a quick server and no processing time the post is there when the answer is.
_PATIENCE = 1.0
#: Bodies live in memory, so there is an end below TikTok's own 4 GB.
_LARGEST_VIDEO = 520_000_000


def pull(state: State, publication: Publication, urls: tuple[str, ...]) -> None:
    """Begin to download; the publication completes or fails by itself."""
    thread = threading.Thread(target=_download, args=(state, publication, urls), daemon=True)
    thread.start()
    thread.join(_PATIENCE)


def _download(state: State, publication: Publication, urls: tuple[str, ...]) -> None:
    largest = _LARGEST_VIDEO if publication.kind == "video" else LARGEST_PHOTO
    for url in urls:
        try:
            # No redirects are followed. Addresses under http are told apart before, by the prefix.
            file = fetch(url, state.world.public_origins, largest=largest, redirects=0)
        except FetchError as error:
            reason = "photo_pull_failed" if publication.kind == "image" else "video_pull_failed"
            if error.reason == "too_large":
                reason = "file_format_check_failed"
            with publication.lock:
                publication.fail_reason = publication.fail_reason or reason
            return
        if publication.over:
            return
        add_media(state, publication, file.data)
    complete(state, publication)
