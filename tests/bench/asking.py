"""What people and workers ask of a database in a day, each with somebody to ask it for."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import md5

from .growth import AGENCY, BUSY

Values = dict[str, object]


@dataclass(frozen=True)
class Person:
    """Somebody of growth.sql, by number."""

    number: int

    def id(self, thing: str = "user", *numbers: int) -> str:
        """The id that growth.sql gave to something of theirs."""
        return str(uuid.UUID(md5(" ".join(map(str, (thing, self.number, *numbers))).encode()).hexdigest()))  # fmt: skip  # noqa: S324


def usual(chance: random.Random, people: int) -> Person:
    """Somebody with 18 posts."""
    while True:
        number = chance.randrange(people)
        if number % AGENCY and number % BUSY != 1:
            return Person(number)


def agency(chance: random.Random, people: int) -> Person:
    """Somebody with 3,000 posts."""
    return Person(chance.randrange(0, people, AGENCY))


@dataclass(frozen=True)
class Question:
    """One statement. `by` chooses who asks, None is the service; `before` runs first and is not timed; everything is taken
    back. `flat` says that it must not cost more among more people."""

    name: str
    statement: str
    by: Callable[[random.Random, int], Person] | None = None
    values: Callable[[Person], Values] = field(default=lambda person: {})
    before: str = ""
    flat: bool = True


_MONTH = (
    "select id, text, status, scheduled_at from public.posts"
    " where scheduled_at >= date_trunc('month', now()) and scheduled_at < date_trunc('month', now()) + interval '1 month'"
    " order by scheduled_at"
)
_BY_STATUS = "select * from public.posts where status = '{}' order by created_at desc limit 50"
_UNREAD = "select * from public.notifications where read_at is null order by created_at desc limit 50"  # fmt: skip
_INSIGHTS = "select public.post_insights(now() - interval '90 days', now(), 'Europe/Paris')"
_EARNED = "select * from public.source_engagement(now() - interval '90 days', now())"
_EXPORT = "select * from public.publish_attempts {} order by id limit 200"

QUESTIONS = (
    Question("published posts, newest first", _BY_STATUS.format("published"), usual),
    Question("published posts, newest first, of an agency", _BY_STATUS.format("published"), agency),
    Question("posts that need attention, of an agency", _BY_STATUS.format("needs_attention"), agency),
    Question("a month of the calendar", _MONTH, usual),
    Question("a month of the calendar, of an agency", _MONTH, agency),
    Question("targets of a post", "select * from public.post_targets where post_id = %(post)s", usual,
        lambda person: {"post": person.id("post", 5)}),
    Question("attempts at a target", "select * from public.publish_attempts where target_id = %(target)s order by number", usual,
        lambda person: {"target": person.id("target", 5, 1)}),
    Question("unread notifications", _UNREAD, usual),
    Question("unread notifications, of an agency", _UNREAD, agency),
    Question("newest articles", "select * from public.source_items order by published_at desc limit 50", usual),
    Question("newest articles, of an agency", "select * from public.source_items order by published_at desc limit 50", agency),
    Question("search_sources, of an agency", "select * from public.search_sources('common3 word77')", agency),
    Question("search_passages", "select * from public.search_passages('what about common3 and word77')", usual),
    Question("search_passages, of an agency", "select * from public.search_passages('what about common3 and word77')", agency),
    Question("slots and their next places", "select s.*, o.occurs_at from public.slots s left join public.slot_occurrences o on o.slot_id = s.id"
        " and o.occurs_at >= now() order by o.occurs_at", usual),
    Question("post_insights", _INSIGHTS, usual),
    Question("post_insights, of an agency", _INSIGHTS, agency),
    Question("source_engagement, of an agency", _EARNED, agency),
    Question("export: a page of attempts", _EXPORT.format(""), usual),
    Question("export: a later page of attempts, of an agency", _EXPORT.format("where id > '80000000-0000-0000-0000-000000000000'"), agency),
    Question("claim_due_targets: 50", "select public.claim_due_targets('bench', 50, 60, 5, 64)"),
    Question("mark_missed: 50", "select public.mark_missed()", before="update public.post_targets set deadline_at = now() - interval '1 second'"
        " where id = any (array(select id from public.post_targets where state = 'scheduled' and next_attempt_at < now() limit 50))"),
    Question("recover_leases: none lost", "select public.recover_leases()"),
    Question("open_occurrences: none missing", "select public.open_occurrences()"),
    Question("fill_occurrences: none due", "select public.fill_occurrences()"),
    Question("next_work", "select public.next_work()"),
    Question("system_health", "select public.system_health()"),
    Question("purge_expired", "select public.purge_expired()"),
    Question("claim_due_sources: 20", "select * from public.claim_due_sources(20, 600)", before="update public.sources set next_fetch_at = now()"
        " where id = any (array(select id from public.sources limit 20))"),
    Question("claim_measurements: none due", "select public.claim_measurements(50)"),
    Question("claim_profiles: none due", "select public.claim_profiles(50)"),
    Question("tokens_to_refresh: none due", "select public.tokens_to_refresh(50)"),
    Question("watch_permissions: all told", "select public.watch_permissions()", flat=False),
)  # fmt: skip
