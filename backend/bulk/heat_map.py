"""A week as a picture: how much the posts of each weekday and hour earned. Plain SVG without any script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_CELL, _GAP, _LEFT, _TOP = 26, 2, 44, 44
_WIDTH = _LEFT + 24 * (_CELL + _GAP) + 8
_HEIGHT = _TOP + 7 * (_CELL + _GAP) + 30
_EMPTY = "#eef0f3"


def draw_heat_map(hours: Sequence[dict[str, Any]], *, zone: str, enough: int) -> bytes:
    """An SVG document of {weekday: ISO 1-7, hour, measured, engagement} rows, by engagement a post.

    Cells with fewer than `enough` measured posts have a dashed edge, because their figure says little. Each cell has a
    title, so that it can be read out and pointed at.
    """
    cells = {(one["weekday"], one["hour"]): one for one in hours if one["measured"]}
    means = {place: one["engagement"] / one["measured"] for place, one in cells.items()}
    highest = max(means.values(), default=0)
    label = "heat-map-title heat-map-text"
    svg = ET.Element("svg", {
        "xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {_WIDTH} {_HEIGHT}", "role": "img", "aria-labelledby": label,
        "font-family": "sans-serif", "font-size": "11", "width": str(_WIDTH), "height": str(_HEIGHT),
    })  # fmt: skip
    ET.SubElement(svg, "title", {"id": "heat-map-title"}).text = "Engagement by weekday and hour"
    ET.SubElement(svg, "desc", {"id": "heat-map-text"}).text = _summary(cells, means, zone)
    ET.SubElement(svg, "rect", {"width": str(_WIDTH), "height": str(_HEIGHT), "fill": "#ffffff"})
    _write(svg, _LEFT, 16, f"Likes, comments and shares a post, hours of {zone}")
    for hour in range(24):
        _write(svg, _LEFT + hour * (_CELL + _GAP) + 6, _TOP - 8, f"{hour:02}")
    for weekday, day in enumerate(_DAYS, start=1):
        top = _TOP + (weekday - 1) * (_CELL + _GAP)
        _write(svg, 8, top + 17, day[:3])
        for hour in range(24):
            one = cells.get((weekday, hour))
            _draw_cell(svg, _LEFT + hour * (_CELL + _GAP), top, f"{day} {hour:02}:00", one, highest, enough)  # fmt: skip
    _write(
        svg, _LEFT, _HEIGHT - 10, f"Dashed: fewer than {enough} measured posts, too few to go by."
    )
    drawn: bytes = ET.tostring(svg, encoding="utf-8", xml_declaration=True)
    return drawn


def _draw_cell(
    svg: ET.Element,
    left: int,
    top: int,
    when: str,
    one: dict[str, Any] | None,
    highest: float,
    enough: int,
) -> None:
    look = {"x": str(left), "y": str(top), "width": str(_CELL), "height": str(_CELL), "rx": "4", "fill": _EMPTY}  # fmt: skip
    told = f"{when}: no measured posts"
    if one is not None:
        mean = one["engagement"] / one["measured"]
        look["fill"] = _shade(mean / highest if highest else 0)
        if one["measured"] < enough:
            look |= {"stroke": "#5b6472", "stroke-dasharray": "3 2"}
        posts = "1 measured post" if one["measured"] == 1 else f"{one['measured']} measured posts"
        told = f"{when}: {mean:.1f} a post, {posts}"
    ET.SubElement(ET.SubElement(svg, "rect", look), "title").text = told


def _shade(share: float) -> str:
    """From pale to deep blue; it gets darker all the way, so it can be read without colours."""
    pale, deep = (214, 228, 247), (9, 48, 112)
    red, green, blue = (
        round(low + (high - low) * share) for low, high in zip(pale, deep, strict=True)
    )
    return f"#{red:02x}{green:02x}{blue:02x}"


def _write(svg: ET.Element, x: int, y: int, text: str) -> None:
    ET.SubElement(svg, "text", {"x": str(x), "y": str(y), "fill": "#1f2733"}).text = text


def _summary(
    cells: dict[tuple[int, int], dict[str, Any]], means: dict[tuple[int, int], float], zone: str
) -> str:
    if not means:
        return "No post of this time has been measured yet."
    (weekday, hour), mean = max(means.items(), key=lambda one: one[1])
    total = sum(one["measured"] for one in cells.values())
    return f"{total} measured posts, hours of {zone}. The highest is {_DAYS[weekday - 1]} {hour:02}:00 with {mean:.1f} a post."
