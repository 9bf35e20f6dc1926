"""Creating X's posts: one, or the parts of a thread in order, each a reply to the one before. Source: Manage posts (2026-08).

A failure in the middle leaves the first parts published, so the id of each is noted as it arrives:

    cuts        where each part begins and ends in the text, noted before the first: a thread goes on as it began
    parts       the ids so far, in order
    reference   set with `cuts`: the thread can be asked for from the first call on

Since 2026-02 self-serve apps may reply only to certain posts. Whether that touches replies to one's own posts is not
confirmed; a refusal of the second part says how many are live.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ..core.errors import LinError, NoAnswer, OutcomeUnknown, Rejected
from ..core.platform_contract import Absent, Notes, Published
from ..core.ports import Answer
from .x_errors import raise_for, request_id
from .x_reading import Listed, fits, post_url

# Clocks differ a little: what was created this long before our call may still be ours.
_CLOCKS_DIFFER = timedelta(minutes=2)
# How far back the first of two duplicates may lie; X does not say.
_DUPLICATES_LAST = timedelta(days=1)

# Lists the account's posts that were created since then.
ListPosts = Callable[[datetime], Sequence[Listed]]


@dataclass(frozen=True)
class Prepared:
    """The calls that create a post or a thread: whose it is, and their bodies in order, without what each replies to."""

    user_id: str
    bodies: Sequence[dict[str, Any]]


def begin(text: str, texts: Sequence[str], notes: Notes) -> Sequence[str]:
    """The parts that a post of this text has: those of the notes, if its thread has begun, else `texts`. One is no thread."""
    if not noted_texts(text, notes) and len(texts) > 1:
        cuts, end = [], 0
        for part in texts:
            start = text.index(part, end)
            end = start + len(part)
            cuts.append([start, end])
        notes.keep(cuts=cuts, reference="thread")
    return noted_texts(text, notes) or texts


def noted_texts(text: str, notes: Notes) -> Sequence[str]:
    """The parts of a thread that has begun; none of a single post."""
    return [text[start:end] for start, end in notes.get("cuts", [])]


def publish_parts(
    create: Callable[[dict[str, Any]], Answer],
    list_posts: ListPosts,
    bodies: Sequence[dict[str, Any]],
    notes: Notes,
) -> Published:
    """Create the posts that the notes do not hold yet. The first one's id is the thread's.

    Raises Rejected, with the first post's id when something is live, and all other errors of the calls.
    """
    if len(bodies) == 1:
        answer = create(bodies[0])
        raise_for(answer, creating=True)
        return _published(_id_of(answer), answer)
    ids: list[str] = list(notes.get("parts", []))
    last: Answer | None = None
    while len(ids) < len(bodies):
        reply = {"reply": {"in_reply_to_tweet_id": ids[-1]}} if ids else {}
        last = create(bodies[len(ids)] | reply)
        try:
            raise_for(last, creating=True)
        except Rejected as error:
            if not ids:
                raise
            post_id = _twin(list_posts, bodies[len(ids)]["text"], ids[-1]) if error.error_class == "duplicate" else None  # fmt: skip
            if post_id is None:
                raise _cut_short(error, ids, len(bodies)) from None
        else:
            post_id = _id_of(last)
        if post_id is None:
            return _without_id(last, ids, len(bodies), notes)
        ids.append(post_id)
        # before the next call leaves: raises LeaseLost when the thread is somebody else's by now
        notes.keep(parts=ids, live=True)
    return _published(ids[0], last)


def thread_outcome(
    list_posts: ListPosts,
    texts: Sequence[str],
    notes: Notes,
    since: datetime,
) -> Published | Absent | None:
    """What became of a thread of these texts whose next part may be live. Found, it is noted; then the others may follow.

    Not found proves nothing: None.
    """
    ids = list(notes.get("parts", []))
    if not texts:
        return None
    if len(ids) < len(texts):
        before = ids[-1] if ids else None
        found = [
            post
            for post in list_posts(since - _CLOCKS_DIFFER)
            if post.id not in ids
            and post.replies_to in (None, before)
            and fits(post, texts[len(ids)])
        ]
        if len(found) != 1:
            return None
        ids.append(found[0].id)
        notes.keep(parts=ids, live=True)
    if len(ids) < len(texts):
        return Absent(f"X has the first {len(ids)} of the {len(texts)} posts of this thread; the others follow.")  # fmt: skip
    return _published(ids[0], None)


def _twin(list_posts: ListPosts, text: str, before: str) -> str | None:
    """The post whose duplicate X refused, if it hangs where the refused one was to hang: then an earlier try made it, which
    its owner took for lost. Anything else is a post of its own."""
    try:
        posts = list_posts(datetime.now(UTC) - _DUPLICATES_LAST)
    except LinError:
        return None
    found = [post.id for post in posts if post.replies_to == before and fits(post, text)]
    return found[0] if len(found) == 1 else None


def _published(post_id: str | None, answer: Answer | None) -> Published:
    return Published(
        external_id=post_id,
        external_url=post_url(post_id) if post_id else None,
        http_status=answer.status if answer else None,
        request_id=request_id(answer) if answer else None,
    )


def _without_id(answer: Answer, ids: Sequence[str], total: int, notes: Notes) -> Published:
    """A part was created, its id is not known. The last one needs none; on any other nothing can be hung."""
    if len(ids) == total - 1:
        return _published(ids[0], answer)
    notes.keep(live=True)
    raise OutcomeUnknown(
        f"X published post {len(ids) + 1} of {total} of this thread without saying its id, which the next one needs.",
        error_class="no_id",
        http_status=answer.status,
        request_id=request_id(answer),
    )


def _cut_short(error: Rejected, ids: Sequence[str], total: int) -> Rejected:
    return Rejected(
        f"Of the {total} posts of this thread {len(ids)} are on X; it refused the next. {error}",
        error_class=error.error_class,
        existing_id=ids[0],
        existing_url=post_url(ids[0]),
        http_status=error.http_status,
        request_id=error.request_id,
    )


def _id_of(answer: Answer) -> str | None:
    """The new post's id. An answer that cannot be read does not undo the post."""
    try:
        body: Any = answer.json()
    except NoAnswer:
        return None
    data = body.get("data") if isinstance(body, dict) else None
    post_id = data.get("id") if isinstance(data, dict) else None
    return post_id if isinstance(post_id, str) and post_id else None
