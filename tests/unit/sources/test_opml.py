"""Opml: lists of other readers, in and out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.errors import InvalidInput
from backend.core.listing import ListedSource, Misfit
from backend.sources import Opml


def opml(*outlines: str, head: str = "<head><title>Mine</title></head>") -> bytes:
    inner = "\n".join(outlines)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0">{head}\n<body>\n{inner}\n</body>\n</opml>'.encode()


def feed(name: str, url: str, more: str = "") -> str:
    return f'<outline type="rss" text="{name}" xmlUrl="{url}" {more}/>'


def read(*outlines: str) -> tuple[list[ListedSource], list[Misfit]]:
    return Opml().read(opml(*outlines))


def test_entries_are_read_with_their_lines_and_the_outlines_around_them() -> None:
    sources, misfits = read(
        feed("Top", "https://a.example/feed"),
        '<outline text="Tech">',
        feed("Inside", "https://b.example/feed"),
        '<outline text="AI &amp; co">',
        feed("Deep", "https://c.example/feed"),
        "</outline></outline>",
    )
    assert misfits == []
    assert sources == [
        ListedSource("https://a.example/feed", "Top", None, "feed", 4),
        ListedSource("https://b.example/feed", "Inside", "Tech", "feed", 6),
        ListedSource("https://c.example/feed", "Deep", "Tech / AI & co", "feed", 8),
    ]


@pytest.mark.parametrize(
    ("outline", "expected"),
    [
        ('<outline title="Only title" xmlUrl="https://a.example/"/>', ("Only title", "https://a.example/")),
        ('<outline text="Case" XMLURL="https://a.example/"/>', ("Case", "https://a.example/")),
        ('<outline text="S" xmlUrl="feed:https://a.example/"/>', ("S", "https://a.example/")),
        ('<outline text="S" xmlUrl="feed://a.example/"/>', ("S", "http://a.example/")),
        ('<outline text="https://a.example/" xmlUrl=" https://a.example/ "/>', (None, "https://a.example/")),
        ('<outline xmlUrl="https://a.example/?a=1&amp;b=2"/>', (None, "https://a.example/?a=1&b=2")),
        ('<outline text="A & B" xmlUrl="https://a.example/"/>', ("A & B", "https://a.example/")),
        (f'<outline text="{"t" * 400}" xmlUrl="https://a.example/"/>', ("t" * 300, "https://a.example/")),
    ],
)  # fmt: skip
def test_entries_as_other_readers_write_them(
    outline: str, expected: tuple[str | None, str]
) -> None:
    (source,), misfits = read(outline)
    assert (source.title, source.url) == expected
    assert misfits == []


def test_the_category_attribute_counts_where_no_outline_is_around() -> None:
    (alone, inside), _ = read(
        feed("A", "https://a.example/", 'category="/Tech/AI,/Other"'),
        '<outline text="Mine">',
        feed("B", "https://b.example/", 'category="/Tech"'),
        "</outline>",
    )
    assert (alone.category, inside.category) == ("Tech / AI", "Mine")


def test_a_page_is_a_link() -> None:
    (page,), _ = read('<outline type="link" text="P" url="https://p.example/"/>')
    assert (page.kind, page.url) == ("page", "https://p.example/")


@pytest.mark.parametrize(
    ("outline", "reason"),
    [
        (feed("X", "ftp://a.example/"), "It is not a web address that starts with http:// or https://."),
        (feed("X", "javascript:alert(1)"), "It is not a web address that starts with http:// or https://."),
        (feed("X", ""), "It is not a web address that starts with http:// or https://."),
        (feed("X", "http://"), "It is not a web address that starts with http:// or https://."),
        (feed("X", "http://[::1"), "It is not a web address that starts with http:// or https://."),
        (feed("X", "https://a.example/a b"), "Its address contains white space."),
        (feed("X", "https://me:pw@a.example/"), "Its address must not contain a user name or password."),
        (feed("X", "https://a.example/" + "a" * 2000), "Its address is longer than 2000 characters."),
        ('<outline type="rss" text="X"/>', "It has no xmlUrl, the address of a feed."),
        ('<outline type="include" text="X" url="https://a.example/more.opml"/>', "It includes another list, which is not followed."),
    ],
)  # fmt: skip
def test_what_is_no_source_is_told_with_line_and_reason(outline: str, reason: str) -> None:
    sources, (misfit,) = read(feed("Good", "https://good.example/"), outline)
    assert [source.title for source in sources] == ["Good"]
    assert (misfit.line, misfit.title, misfit.reason) == (5, "X", reason)


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"{}", b"<rss version='2.0'/>", b"<html><body></body></html>", b"\x00" * 9]
)  # fmt: skip
def test_another_file_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="not an OPML file"):
        Opml().read(body)


def test_a_file_without_a_body_is_refused() -> None:
    with pytest.raises(InvalidInput, match="has no body"):
        Opml().read(b"<opml><head/></opml>")


def test_too_many_entries_are_refused() -> None:
    many = (feed(str(n), f"https://{n}.example/") for n in range(5001))
    with pytest.raises(InvalidInput, match="at most 5000 entries"):
        Opml().read(opml(*many))


def test_half_a_character_is_no_error_of_ours() -> None:
    assert read(feed("A &#xD83D;&#xDE00;", "https://a.example/"))[0][0].title == "A \U0001f600"
    with pytest.raises(InvalidInput, match="Line 5 of this file is too broken"):
        read(feed("One", "https://a.example/"), feed("<!-- &#xD83D;", "https://b.example/"))


def test_blank_lines_and_a_mark_before_the_file_do_no_harm() -> None:
    sources, _ = Opml().read(b"\xef\xbb\xbf\n\n" + opml(feed("A", "https://a.example/")))
    assert len(sources) == 1


def test_entities_are_not_unfolded_and_nothing_is_loaded() -> None:
    doctype = '<!DOCTYPE opml [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY x SYSTEM "file:///etc/passwd">]>'
    body = f'{doctype}<opml version="2.0"><body><outline text="E">&b;&x;{feed("A", "https://a.example/")}</outline></body></opml>'
    sources, misfits = Opml().read(body.encode())
    assert "root:" not in repr((sources, misfits))
    assert [source.url for source in sources] == ["https://a.example/"]


def test_outlines_nested_without_end_do_no_harm() -> None:
    body = opml('<outline text="x">' * 100_000)
    try:
        sources, _ = Opml().read(body)
    except InvalidInput:
        return
    assert sources == []


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs")),
    min_size=1,
    max_size=40,
)


@given(
    st.lists(
        st.builds(
            lambda name, title, category, kind: ListedSource(
                f"https://{name}.example/?a=1&b=2", title, category, kind
            ),
            st.uuids(),
            st.none() | TEXTS,
            st.none() | TEXTS,
            st.sampled_from(["feed", "page"]),
        ),
        max_size=8,
    )
)
def test_what_was_written_is_read_to_the_same(sources: list[ListedSource]) -> None:
    read_again, misfits = Opml().read(Opml().write(sources))
    assert misfits == []

    def told(one: ListedSource) -> tuple[str, str | None, str | None, str]:
        return (one.url, one.title, one.category, one.kind)

    assert sorted(map(told, read_again), key=str) == sorted(map(told, sources), key=str)
