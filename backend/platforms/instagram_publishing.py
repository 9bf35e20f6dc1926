"""The call that publishes on Instagram, and finding out what became of it.

Source: Instagram API, content publishing (2026). A container does not tell which post was made of it, and what a second call
for a published one does is not documented: how it stands is read before each.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ..core.errors import LinError, Rejected, TryLater
from ..core.platform_contract import Absent, Notes, Pending, Published, Seen
from ..core.reconciling import matching
from .graph import Graph
from .instagram_containers import Containers, Waiting, forget
from .instagram_errors import wants_new_container
from .instagram_reading import address_of, published_media

# what was created so long before our call may still be ours
_CLOCKS_DIFFER = timedelta(minutes=2)
# A call that publishes arrives within this time, or never.
_CALL_ARRIVES_WITHIN = timedelta(minutes=1)
# A post may be listed late; after so many looks its id stays unknown.
_LOOKS = 4
_LOOK_AGAIN_SECONDS = 15.0


class Publishing:
    """Publishes containers. `graph` reads, `commit` makes the call that publishes, `containers` tells how they stand."""

    def __init__(
        self, graph: Graph, commit: Graph, containers: Containers, poll_seconds: float
    ) -> None:
        self._graph = graph
        self._commit = commit
        self._containers = containers
        self._poll_seconds = poll_seconds

    def publish(self, token: str, waiting: Waiting, notes: Notes) -> Published:
        """Make the call. 2xx means that the post exists, even without an id."""
        if waiting.is_out:  # by an earlier try of which nobody knew
            return self._found(token, waiting)
        try:
            answer = self._commit.send(
                "POST", f"{waiting.account}/media_publish", token,
                committing=True, form={"creation_id": waiting.container},
            )  # fmt: skip
        except Rejected:
            if self._is_out(token, waiting):
                return self._found(token, waiting)
            forget(notes)
            raise
        except TryLater as error:
            if wants_new_container(error):
                forget(notes)
            raise
        media = str(self._graph.read(answer).get("id") or "") or None
        url = address_of(self._graph, token, media) if media else None
        return Published(media, url, http_status=answer.status)

    def outcome(
        self, token: str, account: str, text: str, notes: Notes, *, since: datetime
    ) -> Published | Pending | Absent | None:
        """What became of the container in the notes. None: it has ended or is gone, so that only the listing can tell."""
        try:
            status, _ = self._containers.status(token, str(notes.get("reference")))
        except Rejected:
            return None
        if status == "IN_PROGRESS":
            return Pending(self._poll_seconds)
        if status not in ("PUBLISHED", "FINISHED"):
            return None
        earliest = since - _CLOCKS_DIFFER
        seen = published_media(self._graph, token, account, earliest)
        fitting = matching(seen, text, 0, earliest)
        if status == "PUBLISHED":
            looks = int(notes.get("looks") or 0) + 1
            if not fitting and looks < _LOOKS:
                notes.keep(looks=looks)
                return Pending(_LOOK_AGAIN_SECONDS)
            return _the_one(fitting)
        if (
            fitting
        ):  # it may be another post with the same words: whoever knows those of all posts decides
            return None
        age = datetime.now(UTC) - since
        if age < _CALL_ARRIVES_WITHIN:
            return Pending((_CALL_ARRIVES_WITHIN - age).total_seconds() + 1)
        # the next try publishes this very container, which the notes still hold
        return Absent("Instagram has the post ready and was never told to publish it.")

    def _is_out(self, token: str, waiting: Waiting) -> bool:
        """Whether the container is published although publishing it was refused, because it had been before."""
        try:
            return self._containers.status(token, waiting.container)[0] == "PUBLISHED"
        except LinError:
            return False

    def _found(self, token: str, waiting: Waiting) -> Published:
        """A post that is out, with its id if the listing tells it."""
        since = datetime.fromtimestamp(waiting.made_at, UTC) - _CLOCKS_DIFFER
        try:
            seen = published_media(self._graph, token, waiting.account, since)
        except LinError:
            return Published(None, None)
        return _the_one(matching(seen, waiting.caption, 0, since))


def _the_one(posts: list[Seen]) -> Published:
    """Of several with the same words nobody knows which it is."""
    if len(posts) != 1:
        return Published(None, None)
    return Published(posts[0].external_id, posts[0].external_url)
