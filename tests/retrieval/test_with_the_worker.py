"""The whole way, with the worker and the local Space: what comes in can be asked about a moment later."""

from __future__ import annotations

import uuid
from typing import Any

from backend.core.retrieving import Retriever
from backend.spaces import connect
from backend.store import Supabase
from local.stack import Stack
from tests.people import Person
from tests.waiting import until


def add_article(service: Person, owner: Person, title: str, text: str) -> str:
    """One article of a new source that nobody fetches, as the fetcher stores it; its id."""
    source, item = str(uuid.uuid4()), str(uuid.uuid4())
    rows: dict[str, dict[str, Any]] = {
        "sources": {"id": source, "url": f"https://example.com/{source}", "next_fetch_at": "2100-01-01"},
        "source_items": {"id": item, "source_id": source, "guid": "1", "title": title, "text": text},
    }  # fmt: skip
    for table, row in rows.items():
        answer = service.rest("POST", table, json=row | {"user_id": owner.id})
        assert answer.status_code == 201, answer.text
    return item


def test_an_article_is_found_by_its_words_and_then_by_its_meaning(
    stack: Stack, alice: Person, service: Person
) -> None:
    item = add_article(service, alice, "Harbours", "The trawler unloaded its catch of herring at dawn.")  # fmt: skip

    def found_by_words() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = alice.rpc("search_passages", query="Which trawler?").json()
        return rows

    (found,) = until(found_by_words, "the article to be found", seconds=60)
    assert found["id"] == item

    embedded = f"passage_embeddings?passage_id=eq.{found['passage_id']}&embedded_by=not.is.null"
    until(lambda: service.rest("GET", embedded).json(), "the worker to embed it", seconds=60)

    model = connect(stack.info["space_url"])
    model.embed(["connected"], deadline_seconds=60)
    assert alice.token
    supabase = Supabase(
        stack.info["supabase_url"], stack.info["publishable_key"], stack.info["secret_key"]
    )
    try:
        store = supabase.as_user(alice.token)
        vector = model.embed(["fishing boats"], deadline_seconds=60)[0]
        by_meaning = store.search_passages("fishing boats", 8, vector, model.space)
        assert [row["id"] for row in by_meaning] == [item]
        assert store.search_passages("fishing boats", 8, None, None) == []
        assert Retriever(model).find(store, "Which trawler?")[0].id == item
    finally:
        supabase.close()
