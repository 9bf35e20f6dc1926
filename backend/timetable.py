"""The table of jobs: which, how often, why. Overlapping runs are harmless, so any number of workers may keep to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .jobs import (
    add_up_counts,
    check_media,
    deliver_webhooks,
    embed_passages,
    end_lost_answers,
    fetch_sources,
    fill_occurrences,
    finish_deletions,
    index_passages,
    mark_missed,
    measure_posts,
    open_occurrences,
    publish_due_posts,
    purge_expired,
    read_documents,
    recover_leases,
    refresh_profiles,
    refresh_tokens,
    renew_leases,
    run_generations,
    send_heartbeat,
    send_mails,
    settle_spooled,
    settle_unconfirmed,
    watch_permissions,
    watch_versions,
)
from .jobs.ports import JobServices
from .settings import Settings

# A target is claimed this long before its time, media uploaded, and held; see core/dispatching.py.
NEAR_SECONDS = 5.0


@dataclass(frozen=True)
class Job:
    """A job with its interval in seconds and the reason for it.

    A job with a `queue` also runs whenever next_work() says that this queue has something due within `near` seconds; its
    interval is then only a safety net.
    """

    run: Callable[[JobServices], None]
    seconds: float
    reason: str
    queue: str | None = None
    near: float = 0.0

    @property
    def name(self) -> str:
        """The module's name."""
        return self.run.__module__.rsplit(".", 1)[-1]


def _mail(settings: Settings) -> tuple[Job, ...]:
    # without a mail server nothing is claimed: what waits is too old after three days
    if settings.smtp_url is None:
        return ()
    return (
        Job(send_mails.run, 10, "nobody waits in front of a mailbox; a digest is due by the hour"),
    )


def jobs(settings: Settings) -> tuple[Job, ...]:
    """The table of jobs."""
    lease = settings.publish_lease_seconds
    return (
        Job(
            publish_due_posts.run,
            30,
            "claimed 5 s ahead and held, so that they go out on time",
            "targets",
            NEAR_SECONDS,
        ),
        Job(recover_leases.run, 30, "a vanished worker costs its lease and a second", "leases"),
        Job(
            settle_unconfirmed.run,
            300,
            "a platform shows a new post within half a minute; each look says when the next is",
            "unconfirmed",
        ),
        Job(settle_spooled.run, 15, "what a dead worker knew is told before its lease is over"),
        Job(check_media.run, 30, "a user waits for this before scheduling", "media"),
        Job(
            run_generations.run,
            30,
            "web processes start them at once; this picks up what they could not",
            "generations",
        ),
        Job(
            fetch_sources.run,
            30,
            "a new source shows its articles within seconds; others come when they are due",
            "sources",
        ),
        Job(index_passages.run, 30, "an article is asked about a moment after it came", "passages"),
        Job(read_documents.run, 30, "the same of a document", "documents"),
        Job(embed_passages.run, 5, "words find a passage meanwhile; without a model it rests"),
        Job(
            fill_occurrences.run,
            30,
            "a queued post or a draft takes its slot's place when the lead time begins",
            "occurrences",
        ),
        Job(
            end_lost_answers.run,
            15,
            "whoever follows an answer learns within half a minute that its process is gone",
        ),
        Job(renew_leases.run, lease / 4, "three tries before a lease ends"),
        Job(
            mark_missed.run, 30, "a full worker claims nothing, and lateness is a rule all the same"
        ),
        Job(send_heartbeat.run, 5, "readiness tells within a minute that the last worker died"),
        Job(
            open_occurrences.run,
            3600,
            "14 days are open ahead, and a changed slot opens its own; this adds the next day",
        ),
        Job(refresh_tokens.run, 300, "an hour before a permission ends there are twelve tries"),
        Job(
            watch_permissions.run,
            900,
            "permissions last for weeks; a quarter of an hour late is early enough to tell",
        ),
        Job(
            measure_posts.run,
            300,
            "figures are asked for hourly at most; five minutes more do not matter",
        ),
        Job(refresh_profiles.run, 3600, "names and pictures change seldom; each is read daily"),
        Job(watch_versions.run, 86_400, "an operator has sixty days to act"),
        Job(
            finish_deletions.run,
            10,
            "who leaves during a send is gone seconds after it, and waits for no dead process",
        ),
        Job(add_up_counts.run, 15, "a scrape reads the events since, a few thousand at most"),
        *_mail(settings),
        Job(
            deliver_webhooks.run,
            30,
            "an event is told within seconds; what failed is posted again when its time comes",
            "webhooks",
        ),
        Job(purge_expired.run, 600, "nothing waits for it"),
    )
