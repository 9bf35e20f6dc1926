"""erase_place: where a video was filmed is gone, and nothing else."""

from __future__ import annotations

import io
import logging
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymediainfo import MediaInfo

from backend.media import Inspector, erase_place

Mp4 = Callable[..., bytes]
HERE = b"+48.8584+002.2945+035.000/"
XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def box(kind: bytes, *parts: bytes, wide: bool = False) -> bytes:
    body = b"".join(parts)
    if wide:
        return struct.pack(">I4sQ", 1, kind, 16 + len(body)) + body
    return struct.pack(">I4s", 8 + len(body), kind) + body


def free(whole: bytes, head: int = 8) -> bytes:
    """The box as it is to be: of the same size, and empty."""
    return whole[:4] + b"free" + whole[8:head] + bytes(len(whole) - head)


def xyz(*, wide: bool = False) -> bytes:
    """As QuickTime and Android write it: a length, a language, the place."""
    return box(b"\xa9xyz", struct.pack(">HH", len(HERE), 0x15C7), HERE, wide=wide)


def loci() -> bytes:
    where = struct.pack(">iii", int(2.29 * 65536), int(48.86 * 65536), 35 * 65536)
    return box(b"loci", bytes(4), b"\x15\xc7Paris\0\0", where, b"earth\0\0")


HANDLER = box(b"hdlr", bytes(8), b"mdta", bytes(13))


def keys(*names: bytes) -> bytes:
    told = b"".join(struct.pack(">I4s", 8 + len(name), b"mdta") + name for name in names)
    return box(b"keys", bytes(4), struct.pack(">I", len(names)), told)


def value(kind: int | bytes, content: bytes) -> bytes:
    data = box(b"data", struct.pack(">II", 1, 0), content)
    return box(struct.pack(">I", kind) if isinstance(kind, int) else kind, data)


def meta(full: bool, *boxes: bytes) -> bytes:
    return box(b"meta", bytes(4) if full else b"", HANDLER, *boxes)


def erased(data: bytes, mime: str = "video/mp4") -> tuple[bytes, tuple[str, ...]]:
    file = io.BytesIO(data)
    changes = erase_place(file, mime)
    return file.getvalue(), changes


def with_boxes(movie: bytes, *boxes: bytes) -> bytes:
    """A file with these boxes at the end of its `moov`, which stands last."""
    at = movie.rindex(b"moov") - 4
    head, moov = movie[:at], movie[at + 8 :]
    return head + box(b"moov", moov, *boxes)


IPHONE = (b"com.apple.quicktime.make", b"com.apple.quicktime.location.ISO6709", b"com.apple.quicktime.location.name", b"com.apple.quicktime.software")  # fmt: skip


def phone(full: bool) -> tuple[bytes, bytes]:
    """The `meta` box of a phone, and the same without its place."""
    here, name = value(2, HERE), value(3, b"Home")
    around = (keys(*IPHONE), value(1, b"Apple"), value(4, b"26.1"))
    return (
        meta(full, around[0], box(b"ilst", around[1], here, name, around[2])),
        meta(full, around[0], box(b"ilst", around[1], free(here), free(name), around[2])),
    )


WHERE = [
    ("Android", box(b"udta", xyz()), box(b"udta", free(xyz())), "location removed"),
    ("with a size of 64 bits", box(b"udta", xyz(wide=True), wide=True), box(b"udta", free(xyz(wide=True), 16), wide=True), "location removed"),
    ("3GPP", box(b"udta", box(b"titl", b"Tower"), loci()), box(b"udta", box(b"titl", b"Tower"), free(loci())), "location removed"),
    ("a zero at the end", box(b"udta", xyz(), bytes(12)), box(b"udta", free(xyz()), bytes(12)), "location removed"),
    ("a track's own", box(b"trak", box(b"udta", xyz())), box(b"trak", box(b"udta", free(xyz()))), "location removed"),
    ("QuickTime's meta", *phone(False), "location removed"),
    ("ISO's meta", *phone(True), "location removed"),
    ("meta of a track", box(b"trak", phone(False)[0]), box(b"trak", phone(False)[1]), "location removed"),
    ("iTunes' list", box(b"udta", meta(True, box(b"ilst", value(b"\xa9nam", b"Tower"), value(b"\xa9xyz", HERE)))),
     box(b"udta", meta(True, box(b"ilst", value(b"\xa9nam", b"Tower"), free(value(b"\xa9xyz", HERE))))), "location removed"),
    ("the list before its keys", meta(False, box(b"ilst", value(1, HERE)), keys(b"location")),
     meta(False, box(b"ilst", free(value(1, HERE))), keys(b"location")), "location removed"),
    ("XMP", box(b"uuid", XMP, b"<x:xmpmeta/>"), free(box(b"uuid", XMP, b"<x:xmpmeta/>")), "metadata removed"),
    ("a place and XMP", box(b"udta", box(b"XMP_", b"<x/>"), xyz()), box(b"udta", free(box(b"XMP_", b"<x/>")), free(xyz())),
     "location and other metadata removed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "left", "change"), [w[1:] for w in WHERE], ids=[w[0] for w in WHERE]
)
@pytest.mark.parametrize("first", [False, True], ids=["moov at the end", "moov first"])
def test_the_place_is_gone_and_all_else_stays(
    mp4: Mp4, written: bytes, left: bytes, change: str, first: bool
) -> None:
    before, after = (with_boxes(mp4(sound=True), boxes) for boxes in (written, left))
    if first:  # the samples and what follows behind the index
        before, after = before + box(b"mdat", bytes(99)), after + box(b"mdat", bytes(99))
    assert erased(before) == (after, (change,))
    assert HERE not in after
    assert erased(after) == (after, ())  # once is enough


@pytest.mark.parametrize("written", [w[1] for w in WHERE[:8]], ids=[w[0] for w in WHERE[:8]])
def test_a_player_sees_the_same_film_without_a_place(mp4: Mp4, written: bytes) -> None:
    before = with_boxes(mp4(b"qt  ", sound=True), written)
    after, _ = erased(before, "video/quicktime")
    one, other = (Inspector().inspect(io.BytesIO(data)) for data in (before, after))
    assert (one.width, one.duration, one.codec, one.frame_rate) == (
        other.width, other.duration, other.codec, other.frame_rate
    )  # fmt: skip
    told = str([track.to_data() for track in MediaInfo.parse(io.BytesIO(after)).tracks])
    assert "48.8" not in told


def test_mediainfo_reads_the_places_that_are_written_here(mp4: Mp4) -> None:
    # or the test above could not fail
    before = with_boxes(mp4(b"qt  "), box(b"udta", xyz()))
    assert "48.8" in str([track.to_data() for track in MediaInfo.parse(io.BytesIO(before)).tracks])


@pytest.mark.parametrize(
    "untouched",
    [
        box(b"uuid", bytes.fromhex("ffcc8263f8554a9388 14587a02521fdd".replace(" ", "")), b"<rdf:SphericalVideo/>"),
        box(b"udta", box(b"\xa9nam", b"\0\5\0\0Tower"), box(b"name", b"loci \xa9xyz")),
        meta(False, keys(b"com.apple.quicktime.make"), box(b"ilst", value(1, b"Apple"))),
        box(b"mdat", xyz()),
        box(b"free", box(b"udta", xyz())),
    ],
    ids=["a panorama", "a title", "a maker", "samples", "what is free"],
)  # fmt: skip
def test_what_is_no_place_stays(mp4: Mp4, untouched: bytes) -> None:
    movie = with_boxes(mp4(), untouched)
    assert erased(movie) == (movie, ())


def test_a_webm_video_is_not_taken_for_boxes(webm: Callable[[], bytes]) -> None:
    assert erased(webm(), "video/webm") == (webm(), ())


@pytest.mark.parametrize(
    ("spoilt", "found"),
    [
        (box(b"udta", struct.pack(">I4s", 7, b"\xa9xyz")), False),
        (box(b"udta", struct.pack(">I4s", 10_000, b"\xa9xyz"), HERE), False),
        (box(b"udta", struct.pack(">I4s", 1, b"\xa9xyz")), False),
        (box(b"udta", struct.pack(">I4sQ", 1, b"\xa9xyz", 15), HERE), False),
        (box(b"udta", struct.pack(">I4sQ", 1, b"\xa9xyz", 2**64 - 1), HERE), False),
        (box(b"udta", b"not a box at all", xyz()), False),
        (box(b"udta", xyz(), b"\xff" * 16), True),
        (box(b"meta", b"abc"), False),
        (meta(True, box(b"keys", bytes(8), b"\0\0\0\7mdta"), box(b"ilst", value(1, HERE))), False),
        (box(b"udta", b"\xff" * 20) + box(b"udta", xyz()), True),
    ],
)
def test_a_broken_file_is_searched_as_far_as_it_goes_and_said_so(
    mp4: Mp4, spoilt: bytes, found: bool, caplog: pytest.LogCaptureFixture
) -> None:
    movie = with_boxes(mp4(), spoilt)
    with caplog.at_level(logging.WARNING, "lin.media"):
        after, changes = erased(movie)
    assert len(after) == len(movie)
    assert changes == (("location removed",) if found else ())
    assert (after == movie) is not found
    assert [record.levelname for record in caplog.records] == (
        [] if spoilt == box(b"meta", b"abc") else ["WARNING"]
    )


def test_boxes_within_boxes_without_end_are_no_trouble(mp4: Mp4) -> None:
    nested = xyz()
    for _ in range(5000):
        nested = box(b"udta", nested)
    movie = with_boxes(mp4(), nested)
    assert erased(movie) == (movie, ())


def test_memory_does_not_grow_with_the_film_or_with_what_is_erased(tmp_path: Path) -> None:
    path, size = tmp_path / "film.mp4", 300_000_000
    with path.open("w+b") as file:
        file.write(box(b"ftyp", b"isom") + struct.pack(">I4s", 8 + size, b"mdat"))
        file.seek(size, 1)  # a hole
        file.write(box(b"moov", box(b"udta", xyz(), box(b"XMP_", bytes(20_000_000)))))
        tracemalloc.start()
        assert erase_place(file, "video/mp4") == ("location and other metadata removed",)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        file.seek(size)
        assert HERE not in file.read()
    assert peak < 3_000_000


# ------------------------------------------------------------------------------------ any file

# pairs: a box as it is written, and as it has to be afterwards
Pair = tuple[bytes, bytes]
plain = st.builds(box, st.sampled_from([b"tkhd", b"stts", b"mdat", b"\xa9nam", b"free", b"skip"]), st.binary(max_size=40), wide=st.booleans())  # fmt: skip
places = st.booleans().flatmap(lambda wide: st.builds(
    box, st.sampled_from([b"\xa9xyz", b"loci", b"@xyz"]), st.binary(max_size=40), wide=st.just(wide)
).map(lambda whole: (whole, free(whole, 16 if wide else 8))))  # fmt: skip


@st.composite
def phones(draw: st.DrawFn) -> Pair:
    names = draw(st.lists(st.sampled_from([b"make", b"a.location.b", b"software", b"GPS"]), max_size=5))  # fmt: skip
    numbers = draw(st.lists(st.integers(1, max(1, len(names))), max_size=5))
    written = [value(number, draw(st.binary(max_size=20))) for number in numbers]
    place = [n <= len(names) and names[n - 1] in (b"a.location.b", b"GPS") for n in numbers]
    left = [free(one) if gone else one for one, gone in zip(written, place, strict=True)]
    full = draw(st.booleans())
    return (
        meta(full, keys(*names), box(b"ilst", *written)),
        meta(full, keys(*names), box(b"ilst", *left)),
    )


def around(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    kinds = st.sampled_from([b"moov", b"trak", b"udta", b"mdia"])
    return st.builds(
        lambda kind, boxes, wide: (
            box(kind, *(before for before, _ in boxes), wide=wide),
            box(kind, *(after for _, after in boxes), wide=wide),
        ),
        kinds, st.lists(inner, max_size=4), st.booleans(),
    )  # fmt: skip


leaves = st.one_of(plain.map(lambda whole: (whole, whole)), places, phones())
files = st.lists(st.recursive(leaves, around, max_leaves=12), max_size=6)


@given(files)
def test_of_any_file_every_other_byte_stays(boxes: list[Pair]) -> None:
    before = b"".join(one for one, _ in boxes)
    after = b"".join(other for _, other in boxes)
    assert erased(before)[0] == after
    assert bool(erased(before)[1]) is (before != after)


@given(files, st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8), st.integers(0, 2000))  # fmt: skip
def test_no_damage_makes_it_fail_or_change_the_size(
    boxes: list[Pair], damage: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(b"".join(one for one, _ in boxes))
    for at, byte in damage:
        if at < len(data):
            data[at] = byte
    data = data[: max(0, len(data) - cut)] if cut % 2 else data
    assert len(erased(bytes(data))[0]) == len(data)


@given(st.binary(max_size=400))
def test_what_is_no_film_at_all_is_left_alone(data: bytes) -> None:
    assert len(erased(data)[0]) == len(data)
