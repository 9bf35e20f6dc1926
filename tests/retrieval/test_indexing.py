"""What is new or edited becomes passages; what is deleted vanishes; nothing is lost on the way."""

from __future__ import annotations

from backend.core.indexing import Indexer

from .readers import Reader

LONG = "\n\n".join(
    f"Paragraph {number} tells of lighthouses. " + "Their lamps turn all night long. " * 12
    for number in range(9)
)


def test_an_article_can_be_found_once_it_is_indexed(reader: Reader, indexer: Indexer) -> None:
    item = reader.reads("Marmots", "They whistle when an eagle comes near.")
    assert reader.finds("whistling marmots") == []
    indexer.run()
    (found,) = reader.finds("Who whistles?")
    assert (found["kind"], found["id"], found["title"]) == ("source_item", item, "Marmots")
    assert found["snippet"] == "They «whistle» when an eagle comes near"
    assert found["language"] == "en"
