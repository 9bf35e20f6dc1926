"""planned_changes: what a preview says will be done to a picture, from its facts alone."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from backend.core.errors import MediaRejected
from backend.core.ports import PictureLimits
from backend.media import plan_picture, planned_changes
from backend.media.planning import canvas_for, in_bytes, within

JPEG, PNG, GIF, WEBP = "image/jpeg", "image/png", "image/gif", "image/webp"
MB = 1024 * 1024
ANY = PictureLimits((JPEG, PNG, GIF, WEBP), max_bytes=5_000_000)
SHAPED = PictureLimits(
    (JPEG,), max_bytes=8 * MB, min_width=320, max_width=1440, min_ratio=4 / 5, max_ratio=1.91
)

CASES = [
    (JPEG, 1, (4000, 3000), ANY, ()),
    (WEBP, 5_000_000, (4000, 3000), ANY, ()),
    (WEBP, 1, (1440, 1080), SHAPED, ("turned into JPEG",)),
    (JPEG, 1, (4000, 3000), SHAPED, ("scaled from 4000 × 3000 to 1440 × 1080",)),
    (JPEG, 1, (200, 200), SHAPED, ("scaled from 200 × 200 to 320 × 320",)),
    (JPEG, 1, (900, 1200), SHAPED, ("widened with white from 3:4 to 4:5",)),
    (JPEG, 1, (1400, 700), SHAPED, ("heightened with white from 2:1 to 1.91:1",)),
    (JPEG, 1, (1000, 1001), SHAPED, ()),
    (JPEG, 8 * MB, (1440, 1080), SHAPED, ()),
    (JPEG, 8 * MB + 1, (1440, 1080), SHAPED, ("compressed to at most 8 MB",)),
    (JPEG, 5_000_001, (100, 100), ANY, ("compressed to at most 5 MB",)),
    (PNG, 5_000_001, (100, 100), ANY, ("turned into JPEG", "compressed to at most 5 MB")),
    (
        PNG,
        9 * MB,
        (3000, 4000),
        SHAPED,
        (
            "turned into JPEG",
            "scaled from 3000 × 4000 to 1350 × 1800",
            "widened with white from 3:4 to 4:5",
            "compressed to at most 8 MB",
        ),
    ),
]


@pytest.mark.parametrize(("mime", "count", "size", "limits", "changes"), CASES)
def test_the_changes_are_named_in_order(
    mime: str, count: int, size: tuple[int, int], limits: PictureLimits, changes: tuple[str, ...]
) -> None:
    assert planned_changes(mime, count, *size, limits) == changes


def test_the_pixel_limit_is_exclusive() -> None:
    limits = PictureLimits((JPEG,), max_bytes=1, max_pixels=10_000)
    assert planned_changes(JPEG, 1, 101, 99, limits) == ()
    assert planned_changes(JPEG, 1, 100, 100, limits) == ("scaled from 100 × 100 to 99 × 99",)


def test_rounding_alone_asks_for_no_white() -> None:
    # a ratio just within the limit, which the nearest whole numbers would leave
    for width in range(1441, 1700):
        plan = plan_picture(JPEG, 1, width, -(-width * 100 // 191), SHAPED)
        assert (plan.width, plan.height) == plan.inner


def test_a_lossless_picture_stays_lossless_only_while_it_is_surely_small_enough() -> None:
    limits = PictureLimits((PNG, JPEG), max_bytes=1000, max_width=100)
    assert plan_picture(PNG, 1000, 100, 100, limits).mime == PNG
    assert plan_picture(PNG, 500, 200, 100, limits).mime == PNG
    assert plan_picture(PNG, 501, 200, 100, limits).mime == JPEG
    only_png = PictureLimits((PNG,), max_bytes=1000, max_width=100)
    assert plan_picture(PNG, 2000, 200, 100, only_png).mime == PNG


def test_a_still_gif_that_has_to_be_drawn_anew_becomes_the_first_format() -> None:
    limits = PictureLimits((GIF, PNG), max_bytes=1000, max_width=100)
    assert plan_picture(GIF, 10, 100, 100, limits).changes == ()
    assert plan_picture(GIF, 10, 200, 100, limits).mime == PNG


@pytest.mark.parametrize(
    ("mime", "size", "limits", "words"),
    [
        (JPEG, (2001, 200), SHAPED, "more than 10 times as wide as high; 1.91:1 is the limit"),
        (JPEG, (200, 2001), SHAPED, "more than 10 times as high as wide; 4:5 is the limit"),
        (JPEG, (79, 79), SHAPED, "79 pixels wide; at least 320 are needed"),
        (JPEG, (10, 10), PictureLimits((GIF,), 1), "Only image/gif is taken"),
        (
            JPEG,
            (100, 9000),
            PictureLimits((JPEG,), 1, min_width=90, max_height=1000),
            "at least 90 pixels in width, at most 1000 pixels in height",
        ),
    ],
)
def test_a_limit_out_of_reach_is_named(
    mime: str, size: tuple[int, int], limits: PictureLimits, words: str
) -> None:
    with pytest.raises(MediaRejected, match=words):
        planned_changes(mime, 1, *size, limits)
    if mime not in limits.mimes:
        return
    planned_changes(
        mime, 1, *size, PictureLimits((JPEG,), 1)
    )  # without the limits, nothing is wrong


def test_a_long_picture_is_fine_where_no_ratio_is_asked_for() -> None:
    assert planned_changes(JPEG, 1, 5000, 100, ANY) == ()


def test_a_moving_gif_is_sent_as_it_is_or_not_at_all() -> None:
    assert planned_changes(GIF, 1, 100, 100, ANY, moves=True) == ()
    with pytest.raises(MediaRejected, match="compressed to at most 5 MB"):
        planned_changes(GIF, 5_000_001, 100, 100, ANY, moves=True)
    with pytest.raises(MediaRejected, match="have to be turned into JPEG and scaled"):
        planned_changes(GIF, 1, 2000, 1000, SHAPED, moves=True)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (8 * MB, "8 MB"), (5_000_000, "5 MB"), (1_550_000, "1.5 MB"), (999_999, "999 kB"), (999, "999 bytes"),
    ],
)  # fmt: skip
def test_bytes_are_said_as_people_say_them(count: int, words: str) -> None:
    assert in_bytes(count) == words


@given(
    size=st.tuples(st.integers(1, 9000), st.integers(1, 4400)),
    max_side=st.integers(100, 9000),
    min_width=st.integers(1, 100),
    max_pixels=st.integers(50_000, 40_000_000),
    ratios=st.tuples(st.floats(0.2, 1), st.floats(1, 4)),
)
def test_every_plan_is_within_the_limits_and_cuts_nothing_off(
    size: tuple[int, int],
    max_side: int,
    min_width: int,
    max_pixels: int,
    ratios: tuple[float, float],
) -> None:
    limits = PictureLimits((JPEG,), 10, max_pixels, max_side, max_side, min_width, *ratios)
    try:
        plan = plan_picture(JPEG, 1, *size, limits)
    except MediaRejected:
        assume(False)
    assert within((plan.width, plan.height), limits)
    assert plan.inner[0] <= plan.width
    assert plan.inner[1] <= plan.height
    assert (plan.changes == ()) == within(size, limits)
    # the shape of the picture itself stays, as far as whole pixels go
    assert abs(plan.inner[0] * size[1] - plan.inner[1] * size[0]) <= 2 * max(size)
    # and it is not smaller than it has to be
    if max(plan.inner) < max(size):
        longer = [side + 2 + side // 30 for side in plan.inner]
        assert not within(canvas_for((longer[0], longer[1]), limits), limits)
