"""Renders the picture of a draft: a 1200 x 627 px card with the title, the same bytes for the same title."""

from __future__ import annotations

import hashlib

from PIL import Image, ImageDraw, ImageFont

SIZE = (1200, 627)
_MARGIN = 90
_PAPER = ("#f6f3ec", "#eaf1f4", "#f3ecf4", "#edf3ea", "#f7eee8")
_INK = ("#23395b", "#0b4f6c", "#57306b", "#2d5a27", "#8a3b12")
_FONT_SIZES = (76, 66, 58, 50, 42, 36)
_MAX_TITLE = 400


def render_card(title: str) -> Image.Image:
    """An RGB image with the wrapped title. Glyphs that the font lacks show as boxes; nothing raises."""
    title = " ".join("".join(c if c.isprintable() else " " for c in title).split())[:_MAX_TITLE]
    style = hashlib.sha256(title.encode("utf-8", "replace")).digest()[0] % len(_PAPER)
    image = Image.new("RGB", SIZE, _PAPER[style])
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, 24, SIZE[1]), fill=_INK[style])

    width, height = SIZE[0] - 2 * _MARGIN, SIZE[1] - 2 * _MARGIN - 40
    for points in _FONT_SIZES:
        font = ImageFont.load_default(size=points)
        lines = _wrap(pen, title or "Untitled", font, width)
        line_height = round(points * 1.25)
        if len(lines) * line_height <= height:
            break
    lines = lines[: height // line_height]
    top = (SIZE[1] - 40 - len(lines) * line_height) // 2
    for row, line in enumerate(lines):
        pen.text((_MARGIN, top + row * line_height), line, font=font, fill=_INK[style])
    small = ImageFont.load_default(size=24)
    pen.text((_MARGIN, SIZE[1] - 70), "Lin · local stand-in Space", font=small, fill=_INK[style])
    return image


def _wrap(
    pen: ImageDraw.ImageDraw,
    text: str,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    width: int,
) -> list[str]:
    """Lines of at most `width` px; a word that is wider (or a script without spaces) breaks between characters."""
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}".strip()
        if pen.textlength(joined, font=font) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if pen.textlength(lines[-1] + character, font=font) > width:
                lines.append("")
            lines[-1] += character
    return lines
