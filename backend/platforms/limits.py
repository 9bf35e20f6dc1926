"""What a platform's limits refuse. The same figures and shape as in its row of `platforms` (supabase/seed.sql), by which
the database refuses to schedule; a test compares the two.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..core.platform_contract import Attachment, Content, Part, Violation


def limit_violations(
    title: str, limits: Mapping[str, Any], content: Content, parts: Sequence[Part]
) -> list[Violation]:
    """Why the platform called `title` cannot take this content. `parts` are the texts as rendered, counted as it counts."""
    return [
        *_of_text(title, content, parts),
        *_of_media(title, limits.get("media", {}), content.attachments),
    ]


def _of_text(title: str, content: Content, parts: Sequence[Part]) -> Iterator[Violation]:
    if not content.text.strip() and not content.attachments:
        yield Violation("text", "The post has neither text nor media.")
    for number, part in enumerate(parts, 1):
        if part.length > part.max_length:
            what = "The text" if len(parts) == 1 else f"Part {number} of the thread"
            yield Violation(
                "text",
                f"{what} is {part.length} characters long; {title} takes at most {part.max_length}.",
            )


def _of_media(
    title: str, limits: Mapping[str, Any], attachments: Sequence[Attachment]
) -> Iterator[Violation]:
    if limits.get("required") and not attachments:
        yield Violation("media", f"{title} takes no post without a picture or a video.")
    counts = Counter(a.kind for a in attachments)
    for kind, count in counts.items():
        if kind not in limits:
            yield Violation("media", f"{title} does not take a file of kind {kind}.")
        elif count > limits[kind]["max"]:
            most = limits[kind]["max"]
            yield Violation("media", f"{title} takes at most {most} of kind {kind} in one post; this post has {count}.")  # fmt: skip
    yield from _of_several(title, limits, len(attachments), len(counts))
    for number, attachment in enumerate(attachments, 1):
        if attachment.kind in limits:
            own = limits[attachment.kind]
            for message in _of_file(title, own, attachment):
                yield Violation("media", f"File {number} {message}")
            longest = own.get("max_alt_text")
            if longest is not None and len(attachment.alt_text or "") > longest:
                yield Violation(
                    "media.alt_text",
                    f"The alt text of file {number} is {len(attachment.alt_text or '')} characters long; {title} takes at most {longest}.",
                )


def _of_several(
    title: str, limits: Mapping[str, Any], files: int, kinds: int
) -> Iterator[Violation]:
    if kinds < 2:
        return
    if not limits.get("mixed"):
        yield Violation("media", f"{title} does not take files of different kinds in one post.")
    most = limits.get("max", files)
    if files > most:
        yield Violation("media", f"{title} takes at most {most} files in one post; this post has {files}.")  # fmt: skip


def _of_file(title: str, own: Mapping[str, Any], file: Attachment) -> Iterator[str]:
    if own.get("fit"):  # pictures are made to fit; see media/fitting.py
        return
    if "mimes" in own and file.mime not in own["mimes"]:
        yield f"is {file.mime}; {title} takes {', '.join(own['mimes'])}."
    if not own.get("min_bytes", 0) <= file.bytes <= own.get("max_bytes", file.bytes):
        yield f"has {file.bytes} bytes; {title} takes {own.get('min_bytes', 1)} to {own['max_bytes']}."
    if file.duration is not None:
        least, most = own.get("min_seconds", 0), own.get("max_seconds", file.duration)
        if not least <= file.duration <= most:
            yield f"lasts {file.duration:.1f} s; {title} takes {least} to {most} s."
    yield from _of_video(title, own, file)
    if file.width and file.height:
        yield from _of_size(title, own, file.width, file.height)


def _of_video(title: str, own: Mapping[str, Any], file: Attachment) -> Iterator[str]:
    if file.frame_rate is not None:
        # rounded: 23.976 is what films have that are called 24, and 60.01 what a phone's 60 come to
        least, most = own.get("min_frame_rate", 0), own.get("max_frame_rate", math.inf)
        if not least <= round(file.frame_rate) <= most:
            yield f"has {file.frame_rate:.2f} pictures a second; {title} takes {least} to {most}."
    if file.codec is not None and file.codec not in own.get("codecs", (file.codec,)):
        yield f"is coded as {file.codec}; {title} takes {', '.join(own['codecs'])}."
    if own.get("index_first") and file.index_first is False:
        yield f'has its index behind its pictures; {title} takes it in front. Export it with "fast start" or "for the web".'


def _of_size(title: str, own: Mapping[str, Any], width: int, height: int) -> Iterator[str]:
    if "max_pixels" in own and width * height >= own["max_pixels"]:
        yield f"has {width} × {height} pixels; {title} takes fewer than {own['max_pixels']} in all."
    for side, name in ((width, "width"), (height, "height")):
        least, most = own.get(f"min_{name}", 0), own.get(f"max_{name}", side)
        if not least <= side <= most:
            yield f"has {width} × {height} pixels; {title} takes a {name} of {least} to {most}."
    ratio = width / height
    if not own.get("min_ratio", 0) <= ratio <= own.get("max_ratio", ratio):
        yield f"is {ratio:.2f} times as wide as high; {title} takes {own.get('min_ratio', 0)} to {own['max_ratio']}."
