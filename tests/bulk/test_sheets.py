"""Files of posts as spreadsheets and schedulers write them, each with what it means."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.bulk import CsvSheets
from backend.core.errors import InvalidInput
from backend.core.importing import MAX_BYTES, MAX_ROWS, Sheet

FILES = Path(__file__).parent / "files"


def read(file: str | bytes, **more: Any) -> Sheet:
    """The file, of somebody in Paris who reads English, unless said otherwise."""
    how = {"timezone": "Europe/Paris", "locale": "en", "date_order": None} | more
    body = (FILES / file).read_bytes() if isinstance(file, str) else file
    return CsvSheets().read(body, **how)


def texts(sheet: Sheet) -> list[str]:
    return [row.text for row in sheet.rows]


def times(sheet: Sheet) -> list[str | None]:
    return [f"{row.at:%Y-%m-%d %H:%M:%S}" if row.at else None for row in sheet.rows]


def problems(sheet: Sheet) -> list[list[str]]:
    return [[one.message for one in row.problems] for row in sheet.rows]


def refusal(file: str | bytes) -> str:
    with pytest.raises(InvalidInput) as refused:
        read(file)
    assert refused.value.problems[0].field == "file"
    return str(refused.value)


READ = {
    "plain.csv": ("utf-8", ",", ["Hello", "A draft"], ["2027-03-01 09:30:00", None]),
    "excel_en_utf8_bom.csv": ("utf-8-sig", ",", ["Hello", "Bye"], ["2026-12-25 08:30:00", "2027-01-02 11:05:00"]),
    "excel_en_2_digit_years.csv": ("utf-8", ",", ["Hello"], ["2026-12-01 08:30:00"]),
    "excel_fr_cp1252.csv": ("cp1252", ";", ["L’été à Lyon coûte 5 €"], ["2026-12-01 08:30:00"]),
    "excel_fr_utf16.csv": ("utf-16", "\t", ["Déjà vu"], ["2027-01-13 17:05:00"]),
    "utf16_without_mark.csv": ("utf-16-le", ";", ["Déjà vu"], [None]),
    "mac_roman.csv": ("mac_roman", ";", ["L'été à Lyon, “déjà” vu, ça coûte"], [None]),
    "excel_sep_line.csv": ("utf-8", ";", ["One, two"], [None]),
    "quoted_newlines.csv": ("utf-8", ",", ['First line\nSecond, with "quotes"', "Next"], [None, None]),
    "excel_serial_dates.csv": ("utf-8", ";", ["Midi", "Soir"], ["2026-12-01 11:00:00", "2026-12-01 17:30:00"]),
    "excel_serial_moment.csv": ("utf-8", ";", ["Matin"], ["2026-12-01 08:30:00"]),
    "french_words.csv": ("utf-8", ",", ["Un", "Deux", "Trois"],
                         ["2026-12-01 08:30:00", "2026-12-01 20:05:00", "2027-08-01 16:00:00"]),
    "english_words.csv": ("utf-8", ",", ["One", "Two"], ["2026-12-01 08:30:00", "2026-12-01 20:30:00"]),
    "day_first_by_another_row.csv": ("utf-8", ",", ["Which", "Clear"], ["2027-04-03 07:00:00", "2027-04-25 07:00:00"]),
    "german_dots.csv": ("utf-8", ";", ["Eins"], ["2027-04-03 07:00:00"]),
    "clock_changes.csv": ("utf-8", ",", ["Gap", "Twice", "Plain"],
                          ["2027-03-28 01:30:00", "2027-10-31 00:30:00", "2027-10-30 21:00:00"]),
    "offsets.csv": ("utf-8", ",", ["A", "B", "C"],
                    ["2027-01-01 04:00:00", "2027-01-01 09:30:00", "2027-01-01 09:30:00"]),
    "buffer_template.csv": ("utf-8", ",", ["Hello"], ["2027-01-01 09:00:00"]),
}  # fmt: skip


@pytest.mark.parametrize("file", READ)
def test_a_file_is_read_as_it_was_meant(file: str) -> None:
    encoding, delimiter, written, at = READ[file]
    sheet = read(file)
    assert (sheet.encoding, sheet.delimiter) == (encoding, delimiter)
    assert problems(sheet) == [[] for _ in written]
    assert texts(sheet) == written
    assert times(sheet) == at


REFUSED = {
    "cyrillic_cp1251.csv": "encoding cannot be told",
    "open_quote.csv": "is never closed",
    "no_text_column.csv": "call it text, post, content or message",
    "two_text_columns.csv": 'The columns "text" and "message" both mean text',
    "too_many_columns.csv": "65 columns; Lin reads at most 64",
    "empty.csv": "No column",
    "workbook.csv": "Excel workbook",
}


@pytest.mark.parametrize("file", REFUSED)
def test_a_file_that_is_no_table_of_posts_is_refused_with_the_reason(file: str) -> None:
    assert REFUSED[file] in refusal(file)


def test_every_file_of_the_folder_has_its_test() -> None:
    source = Path(__file__).read_text()
    assert [one.name for one in FILES.iterdir() if f'"{one.name}"' not in source] == []


def test_rows_are_numbered_as_the_spreadsheet_shows_them() -> None:
    assert [row.row for row in read("blank_rows.csv").rows] == [5, 8]
    assert [row.row for row in read("excel_sep_line.csv").rows] == [3]
    assert [row.row for row in read("quoted_newlines.csv").rows] == [2, 3]


def test_a_date_that_may_be_two_days_is_asked_about_unless_somebody_says_which() -> None:
    which, same = problems(read("ambiguous_dates.csv"))
    assert "write 2027-03-04 or 2027-04-03" in which[0]
    assert same == []
    assert times(read("ambiguous_dates.csv", date_order="day_first"))[0] == "2027-04-03 07:00:00"
    assert times(read("ambiguous_dates.csv", locale="fr"))[0] == "2027-04-03 07:00:00"
    assert times(read("ambiguous_dates.csv", locale="en-US"))[0] == "2027-03-04 08:00:00"


def test_a_file_with_both_orders_settles_nothing_for_the_others() -> None:
    sheet = read("both_orders.csv", locale="fr")
    assert [len(found) for found in problems(sheet)] == [0, 0, 1]
    assert sheet.date_order is None


def test_an_hour_that_the_clocks_skip_or_repeat_is_told() -> None:
    gap, twice, plain = read("clock_changes.csv").rows
    assert "skip 02:30" in gap.notes[0]
    assert "03:30" in gap.notes[0]
    assert "twice" in twice.notes[0]
    assert plain.notes == ()


def test_what_is_no_moment_is_refused_with_the_reason() -> None:
    said = [found[0] for found in problems(read("bad_moments.csv"))]
    expected = (
        "cannot be read as a date", "There is no day", "no time of day", "no date", "no time of day", "with am or pm",
        "no time zone", "cannot be read as a date",
    )  # fmt: skip
    assert all(words in message for words, message in zip(expected, said, strict=True)), said


def test_files_are_named_in_several_columns_or_in_one() -> None:
    several, one = read("media.csv").rows
    assert several.media == ("https://a.example/1.png", "https://a.example/2,x.png")
    assert several.alt_texts == ("A bridge", "A river")
    assert one.media == ("https://a.example/1.png", "https://a.example/2.png")


def test_options_are_json_pairs_or_columns() -> None:
    json, pairs, column, bad = read("options.csv").rows
    assert json.options == {"thread": True}
    assert pairs.options == {"thread": True, "ratio": 1.5, "name": "Ada"}
    assert column.options == {"privacy": "PUBLIC"}
    assert "write name=value" in bad.problems[0].message


@pytest.mark.parametrize(
    "options", ['{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}', '{"a": "\\u0000"}', '{"a":']
)
def test_options_that_no_database_takes_are_refused(options: str) -> None:
    file = f"text\toptions\nx\t{options}\n".encode()
    assert [found[0][:11] for found in problems(read(file))] == ["The options"]


PIECES = [
    "text", "account", "scheduled_at", "options", ",", ";", "\t", "|", "\n", "\r", '"', "'", "=", "sep=", "2026-12-01 09:30",
    "1/2/26", "46357,5", "{", "é", "\u2028", "\ufeff", "a", " ", "\0",
]  # fmt: skip


@given(
    st.one_of(
        st.binary(max_size=60),
        st.lists(st.sampled_from(PIECES), max_size=40).map(
            lambda some: "".join(["text,date\n", *some]).encode()
        ),
    )
)
def test_no_file_is_too_strange_to_be_answered(body: bytes) -> None:
    # any other error would be an answer with status 500
    with suppress(InvalidInput):
        assert len(read(body).rows) <= MAX_ROWS


def test_the_apostrophe_before_a_formula_goes_and_every_other_stays() -> None:
    sheet = read("formulas.csv")
    assert texts(sheet) == ["=1+1", "'=2", "'tis the season", "+33 1 23", "-plain"]
    assert sheet.rows[0].accounts == "linkedin"


def test_a_text_with_an_unquoted_comma_is_refused_and_empty_cells_behind_a_row_are_not() -> None:
    first, second = problems(read("unquoted_comma.csv"))
    assert "more cells than the first row" in first[0]
    assert second == []


def test_columns_that_mean_nothing_here_are_told() -> None:
    assert read("buffer_template.csv").ignored_columns == ["Tags"]


def test_a_file_of_the_most_rows_is_read_and_one_more_row_is_refused() -> None:
    head = b"text,account\n"
    assert len(read(head + b"a,x\n" * MAX_ROWS + b",\n" * 5).rows) == MAX_ROWS
    assert "10,001 rows; Lin imports at most 10,000" in refusal(head + b"a,x\n" * (MAX_ROWS + 1))


def test_a_file_of_empty_lines_and_one_of_too_many_bytes_are_refused() -> None:
    assert "20,000 lines" in refusal(b"text\n" + b"\n" * 100_000)
    assert "at most 5,000,000" in refusal(b"text\n" + b"a" * MAX_BYTES)
