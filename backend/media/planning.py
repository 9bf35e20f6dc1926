"""What has to be done to a picture so that a platform takes it, from facts alone: no byte is read here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from backend.core.errors import MediaRejected
from backend.core.ports import PictureLimits

from .images import MAX_PIXELS

# Beyond this, more white than picture would be seen.
MAX_PADDED_RATIO = 10.0
# Beyond this, more blur than picture would be seen.
MAX_ENLARGEMENT = 4.0

# What can be written here, and of it what gets smaller with less quality.
_WRITABLE = ("image/jpeg", "image/png", "image/webp")
_LOSSY = ("image/jpeg", "image/webp")
_NAMES = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WebP"}

Size = tuple[int, int]


@dataclass(frozen=True)
class PicturePlan:
    """What becomes of a picture. `width` and `height` are those that are sent, `inner` those of the picture itself without
    the white around it; `redrawn` is whether it has to be written anew, `changes` the sentences that a preview shows."""

    mime: str
    width: int
    height: int
    inner: Size
    redrawn: bool
    changes: tuple[str, ...]


def planned_changes(
    mime: str,
    bytes: int,  # noqa: A002 - as the facts of media are named everywhere
    width: int,
    height: int,
    limits: PictureLimits,
    *,
    moves: bool = False,
) -> tuple[str, ...]:
    """The sentences of `plan_picture`; empty when nothing has to change."""
    return plan_picture(mime, bytes, width, height, limits, moves=moves).changes


def plan_picture(
    mime: str,
    bytes: int,  # noqa: A002 - as the facts of media are named everywhere
    width: int,
    height: int,
    limits: PictureLimits,
    *,
    moves: bool = False,
) -> PicturePlan:
    """Plan for a picture of so many bytes and pixels (as displayed: EXIF rotation applied). `moves` is for the kind "gif",
    which is sent as it is or not at all.

    Nothing of a picture is ever cut off: one that is too high or too wide gets white at its sides.
    Raises MediaRejected naming the limit that it cannot be brought within.
    """
    size = (width, height)
    inner = _inner_size(size, limits)
    canvas = canvas_for(inner, limits)
    heavy = bytes > limits.max_bytes
    reshaped = (inner, canvas) != (size, size)
    target = _target(mime, bytes, reshaped, limits)
    changes = tuple(
        _sentences(size, inner, canvas, limits, mime=target if target != mime else None)
    )
    if heavy:
        changes += (f"compressed to at most {in_bytes(limits.max_bytes)}",)
    if moves and changes:
        raise MediaRejected(
            f"A moving GIF is sent as it is, but this one would have to be {' and '.join(changes)}."
        )
    return PicturePlan(target, *canvas, inner, reshaped or target != mime, changes)


def canvas_for(size: Size, limits: PictureLimits) -> Size:
    """The smallest canvas that holds a picture of this size and has a ratio within the limits."""
    width, height = size
    if limits.min_ratio is not None and width / height < limits.min_ratio:
        width = math.ceil(height * limits.min_ratio)
        while width / height < limits.min_ratio:  # what floating point left away
            width += 1
    elif limits.max_ratio is not None and width / height > limits.max_ratio:
        height = math.ceil(width / limits.max_ratio)
        while width / height > limits.max_ratio:
            height += 1
    return width, height


def within(canvas: Size, limits: PictureLimits) -> bool:
    """Whether a picture of this size is within all limits in pixels."""
    width, height = canvas
    return (
        width * height < _pixels(limits)
        and width <= (limits.max_width or width)
        and height <= (limits.max_height or height)
        and width >= (limits.min_width or width)
        and width / height >= (limits.min_ratio or 0)
        and width / height <= (limits.max_ratio or math.inf)
    )


def in_bytes(count: int) -> str:
    """A number of bytes as people say it, never more than it is; MB are those of 1024 × 1024 where it is a multiple."""
    if count >= 1024**2 and count % 1024**2 == 0:
        return f"{count // 1024**2} MB"
    if count >= 1_000_000:
        return f"{count // 100_000 / 10:g} MB"
    return f"{count // 1000} kB" if count >= 1000 else f"{count} bytes"


def in_pixels(size: Size) -> str:
    """A size as people write it."""
    return f"{size[0]} × {size[1]}"


def _target(mime: str, count: int, reshaped: bool, limits: PictureLimits) -> str:
    """The format it is sent in. A lossless one stays, unless its bytes are too many or, written anew, could easily be."""
    allowed = [one for one in limits.mimes if one in _WRITABLE]
    if mime not in limits.mimes:
        return _first(allowed, limits)
    if mime in _LOSSY or not (count > limits.max_bytes or reshaped):
        return mime
    lossy = [one for one in allowed if one in _LOSSY]
    if lossy and count * (2 if reshaped else 1) > limits.max_bytes:
        return lossy[0]
    return mime if mime in allowed else _first(allowed, limits)


def _first(allowed: list[str], limits: PictureLimits) -> str:
    if not allowed:
        raise MediaRejected(f"Only {', '.join(limits.mimes)} is taken; save this picture as that.")
    return allowed[0]


def _pixels(limits: PictureLimits) -> int:
    """The exclusive limit. Ours bounds the memory also where a platform names none."""
    return min(limits.max_pixels or MAX_PIXELS + 1, MAX_PIXELS + 1)


def _inner_size(size: Size, limits: PictureLimits) -> Size:
    """The size of the picture itself, so that with white around it, where the ratio asks for it, it is within the limits."""
    width, height = size
    canvas = canvas_for(size, limits)
    if canvas != size and not 1 / MAX_PADDED_RATIO <= width / height <= MAX_PADDED_RATIO:
        raise MediaRejected(_too_long(size, limits))
    if within(canvas, limits):
        return size
    scale = min(
        1.0,
        (limits.max_width or canvas[0]) / canvas[0],
        (limits.max_height or canvas[1]) / canvas[1],
        math.sqrt((_pixels(limits) - 1) / (canvas[0] * canvas[1])),
    )
    if limits.min_width and canvas[0] * scale < limits.min_width:
        scale = limits.min_width / canvas[0]
    if scale > MAX_ENLARGEMENT:
        raise MediaRejected(
            f"This picture is {width} pixels wide; at least {limits.min_width} are needed."
        )
    padded = canvas != size
    for inner in _candidates(size, scale):
        canvas = canvas_for(inner, limits)
        # rounding alone must not ask for white
        if within(canvas, limits) and (padded or canvas == inner):
            return inner
    raise MediaRejected(_impossible(size, limits))


def _candidates(size: Size, scale: float) -> Iterator[Size]:
    """Sizes of about that scale, the nearest first: in whole pixels not every one is within the limits."""
    width, height = size
    longer, shorter = max(size), min(size)
    start = round(longer * scale)
    for step in sorted(range(-32, 33), key=lambda step: (abs(step), step)):
        side = start + step
        exact = side * shorter / longer
        for other in dict.fromkeys((round(exact), math.floor(exact), math.ceil(exact))):
            if side >= 1 and other >= 1:
                yield (side, other) if width >= height else (other, side)


def _sentences(
    size: Size, inner: Size, canvas: Size, limits: PictureLimits, *, mime: str | None
) -> Iterator[str]:
    if mime:
        yield f"turned into {_NAMES[mime]}"
    if inner != size:
        yield f"scaled from {in_pixels(size)} to {in_pixels(inner)}"
    if canvas == inner:
        return
    wider = canvas[0] > inner[0]
    limit = limits.min_ratio if wider else limits.max_ratio
    shape = f"from {in_ratio(Fraction(*size))} to {in_ratio(Fraction(limit or 1))}"
    yield f"{'widened' if wider else 'heightened'} with white {shape}"


def in_ratio(ratio: Fraction) -> str:
    """A ratio as people write it: 4:5, 1.91:1, 1:2.2."""
    simple = ratio.limit_denominator(20)
    if simple.numerator in range(1, 21) and abs(simple - ratio) < Fraction(1, 10**6):
        return f"{simple.numerator}:{simple.denominator}"
    if ratio >= 1:
        return f"{float(ratio):.4g}:1"
    return f"1:{1 / float(ratio):.4g}"


def _too_long(size: Size, limits: PictureLimits) -> str:
    wide = size[0] > size[1]
    limit = limits.max_ratio if wide else limits.min_ratio
    shape = "wide as high" if wide else "high as wide"
    return (
        f"This picture is more than {MAX_PADDED_RATIO:.0f} times as {shape}; "
        f"{in_ratio(Fraction(limit or 1))} is the limit. Crop it first."
    )


def _impossible(size: Size, limits: PictureLimits) -> str:
    known = (
        (limits.min_width, f"at least {limits.min_width} pixels in width"),
        (limits.max_width, f"at most {limits.max_width} pixels in width"),
        (limits.max_height, f"at most {limits.max_height} pixels in height"),
        (limits.max_pixels, f"less than {limits.max_pixels} pixels in all"),
        (limits.min_ratio, f"at least {limits.min_ratio} times as wide as high"),
        (limits.max_ratio, f"at most {limits.max_ratio} times as wide as high"),
    )
    taken = ", ".join(words for limit, words in known if limit)
    return f"This picture of {in_pixels(size)} pixels cannot be brought to what is taken: {taken}. Crop it first."
