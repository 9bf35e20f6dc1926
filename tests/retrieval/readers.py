"""People who read: with a source, articles, posts and documents, made as the worker would have made them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

import psycopg

from backend.store import AsUser, Supabase
from tests.people import Person

Database = psycopg.Connection[Any]


@dataclass
class Reader:
    """Somebody signed in. `store` is their own access, under row-level security."""

    database: Database = field(repr=False)
    store: AsUser = field(repr=False)
    person: Person = field(repr=False)
    source: str = ""

    @classmethod
    def make(cls, database: Database, supabase: Supabase, person: Person) -> Reader:
        """With one source that nobody fetches."""
        assert person.token
        made = cls(database, supabase.as_user(person.token), person)
        made.source = made._new(
            "insert into public.sources (user_id, url, next_fetch_at) values (%s, %s, '2100-01-01') returning id",
            person.id, f"https://example.com/{uuid.uuid4()}",
        )  # fmt: skip
        return made

    def reads(self, title: str, text: str, published: str = "2026-11-01") -> str:
        """One more article; its id."""
        return self._new(
            "insert into public.source_items (user_id, source_id, guid, url, title, text, published_at)"
            " values (%s, %s, gen_random_uuid(), 'https://example.com/article', %s, %s, %s) returning id",
            self.person.id, self.source, title, text, published,
        )  # fmt: skip

    def publishes(self, text: str, override: str | None = None) -> str:
        """One more post, live on one account; its id."""
        account = self._new(
            "insert into public.social_accounts (user_id, platform_id, external_id, account_name)"
            " values (%s, 'linkedin', gen_random_uuid(), 'Ada') returning id",
            self.person.id,
        )  # fmt: skip
        post = self.drafts(text)
        target = self._new(
            "insert into public.post_targets (user_id, post_id, account_id, text_override) values (%s, %s, %s, %s) returning id",
            self.person.id, post, account, override,
        )  # fmt: skip
        for state in ("scheduled", "preparing", "sending", "published"):
            self.database.execute(
                """update public.post_targets set state = %s::public.target_state, due_at = now(), next_attempt_at = now(),
                     deadline_at = now() + interval '1 day', lease_until = now() + interval '1 day',
                     lease_token = nextval('private.target_lease'), published_at = now(), external_id = 'urn:li:share:1',
                     external_url = 'https://example.com/post' where id = %s""",
                (state, target),
            )
        return post

    def drafts(self, text: str) -> str:
        """One more post that is not published; its id."""
        return self._new("insert into public.posts (user_id, text) values (%s, %s) returning id", self.person.id, text)  # fmt: skip

    def finds(self, query: str, **more: Any) -> list[dict[str, Any]]:
        """What the search answers to this person, over the API."""
        answer = self.person.rpc("search_passages", query=query, **more)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()
        return rows

    def passages(self) -> list[dict[str, Any]]:
        """All passages this person may see."""
        answer = self.person.rest("GET", "passages?select=*&order=title,position")
        rows: list[dict[str, Any]] = answer.json()
        return rows

    def _new(self, statement: str, *values: Any) -> str:
        row = self.database.execute(statement.encode(), values).fetchone()
        assert row
        return str(row[0])
