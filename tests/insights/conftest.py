"""Somebody whose posts were published at known times with known figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.api.conftest import Browser, ada, open_browser, sandbox, sql  # noqa: F401 - fixtures


@dataclass
class Record:
    """A person's past, written as the publisher would have."""

    browser: Browser
    account: str
    run: Callable[..., list[Any]]

    def published(self, due: str, late: int = 0, **figures: int) -> None:
        """A post due at this moment and published `late` seconds after, with its newest figures if any are given."""
        self.target(due, "scheduled", "preparing", "sending", "published", late=late)
        if figures:
            for hours, factor in ((1, 1), (5, 0)):  # an older measurement told nothing yet
                self.run(
                    """insert into public.post_metrics (user_id, target_id, taken_at, likes, comments, impressions)
                       select user_id, id, now() - make_interval(hours => %s), %s, %s, %s from public.post_targets
                       where account_id = %s order by created_at desc limit 1""",
                    hours, *(figures[name] * factor if name in figures else None for name in ("likes", "comments", "impressions")),
                    self.account,
                )  # fmt: skip

    def target(self, due: str, *states: str, late: int = 0) -> None:
        """A target that was due at this moment and went through these states."""
        assert self.browser.person
        ((target,),) = self.run(
            """with p as (insert into public.posts (user_id, text) values (%s, 'x') returning id, user_id)
               insert into public.post_targets (user_id, post_id, account_id, created_at)
               select user_id, id, %s, clock_timestamp() from p returning id""",
            self.browser.person.id, self.account,
        )  # fmt: skip
        for state in states:
            self.run(
                """update public.post_targets set state = %s::public.target_state, due_at = %s, next_attempt_at = now() + interval '1 day',
                     deadline_at = now() + interval '2 days', lease_token = nextval('private.target_lease'),
                     lease_until = now() + interval '1 hour', external_id_unknown = true,
                     published_at = %s::timestamptz + make_interval(secs => %s) where id = %s""",
                state, due, due, late, target,
            )  # fmt: skip


@pytest.fixture
def record(ada: Browser, sql: Callable[..., list[Any]]) -> Record:  # noqa: F811
    """Ada's, without any post."""
    assert ada.person
    ((account,),) = sql(
        "insert into public.social_accounts (user_id, platform_id, external_id, account_name) values (%s, 'linkedin', gen_random_uuid(), 'Ada') returning id",
        ada.person.id,
    )  # fmt: skip
    return Record(ada, str(account), sql)
