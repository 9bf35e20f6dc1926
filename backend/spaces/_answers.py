"""Reads text and image out of whatever a Gradio endpoint returns: text, tuple, file, gallery, chat or dict."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.core.errors import SpaceAnswerUnusable

from ._signature import Return

MAX_TEXT = 100_000
"""Longest text taken from a Space, in characters."""
MAX_FILE_BYTES = 20 * 1024 * 1024
"""Largest file taken from a Space."""

_IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".webp")
_TEXT_ENDINGS = (".txt", ".md")
_TEXT_KEYS = (
    "post", "draft", "text", "content", "generated_text", "output", "answer", "response", "result",
    "caption", "message", "data", "value",
)  # fmt: skip
_IMAGE_KEYS = ("image", "picture", "thumbnail", "img", "images", "files", "data", "value")
_TELLING_LABELS = ("post", "draft", "text", "content", "caption", "message", "response")
_SIDE_LABELS = ("title", "status", "log", "info", "hashtag", "tags", "error", "prompt", "debug")
_DEEPEST = 6


@dataclass(frozen=True)
class RemoteFile:
    """A file on the Space's machine, to be read through the Space; `is_text` when it holds the text itself."""

    path: str
    is_text: bool = False


@dataclass(frozen=True)
class Output:
    """What an answer contains. `image` is a file to fetch or, from a data URL, the bytes themselves."""

    text: str | RemoteFile | None = None
    image: RemoteFile | bytes | None = None


def read_output(value: object, returns: Sequence[Return]) -> Output:
    """The text and image of one answer, complete or partial; each None when there is none.

    With several texts, an output labelled like a post wins over unlabelled ones, and those over titles and
    status lines. Raises SpaceAnswerUnusable when the text is longer than MAX_TEXT or the image larger than MAX_FILE_BYTES.
    """
    values = list(value) if isinstance(value, tuple) else [value]
    labels = [r.label for r in returns] if len(returns) == len(values) else [""] * len(values)
    texts: list[tuple[int, str | RemoteFile]] = []
    image: RemoteFile | bytes | None = None
    for label, part in zip(labels, values, strict=True):
        text = _find_text(part)
        if text:
            texts.append((_rank(label), text))
        image = image if image is not None else _find_image(part)
    best = min(texts, key=lambda ranked: ranked[0])[1] if texts else None
    return Output(_short_enough(best) if isinstance(best, str) else best, image)


def read_reply(value: object, returns: Sequence[Return]) -> str | None:
    """The text of one answer of a chat, complete or partial.

    Of a list of messages: what the assistant said since the last user, without what Gradio shows as thoughts. Raises
    SpaceAnswerUnusable when the text is longer than MAX_TEXT.
    """
    for part in value if isinstance(value, tuple) else (value,):
        if isinstance(part, list) and any(isinstance(i, Mapping) and "role" in i for i in part):
            said = "\n\n".join(filter(None, map(_spoken, _since_the_user(part))))
            return _short_enough(said) or None
    text = read_output(value, returns).text
    return text if isinstance(text, str) else None


def image_mime(content: bytes) -> str:
    """The MIME type by the first bytes. Raises SpaceAnswerUnusable when they are not PNG, JPEG, GIF or WebP."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    raise SpaceAnswerUnusable("The Space's image is not a PNG, JPEG, GIF or WebP file.")


def too_large() -> SpaceAnswerUnusable:
    """The error for a file beyond MAX_FILE_BYTES."""
    megabytes = MAX_FILE_BYTES // (1024 * 1024)
    return SpaceAnswerUnusable(f"The Space's file is larger than {megabytes} MB.")


def _short_enough(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise SpaceAnswerUnusable(
            f"The Space's text has {len(text):,} characters; at most {MAX_TEXT:,} are taken."
        )
    return text


def _since_the_user(messages: Sequence[Any]) -> Sequence[Any]:
    roles = [m.get("role") if isinstance(m, Mapping) else None for m in messages]
    return messages[len(roles) - roles[::-1].index("user") :] if "user" in roles else messages


def _spoken(message: object) -> str:
    """What an assistant's message says: its content, or the text parts of it."""
    if not isinstance(message, Mapping) or message.get("role") != "assistant":
        return ""
    metadata = message.get("metadata")
    if isinstance(metadata, Mapping) and metadata.get("title"):
        return ""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    texts = (text for part in parts if isinstance(text := _find_text(part), str))
    return "\n".join(texts)


def _rank(label: str) -> int:
    label = label.casefold()
    if any(word in label for word in _SIDE_LABELS):
        return 2
    return 0 if any(word in label for word in _TELLING_LABELS) else 1


def _find_text(value: object, depth: int = 0) -> str | RemoteFile | None:
    if isinstance(value, str):
        return None if value.startswith("data:") else value
    if depth > _DEEPEST:
        return None
    if isinstance(value, Mapping):
        if is_file(value):
            return _remote(value) if _has_ending(value, _TEXT_ENDINGS) else None
        # A gallery item is a picture with a caption; the caption is not the post.
        keys = () if is_file(value.get("image")) and "caption" in value else _TEXT_KEYS
        return next((t for key in keys if (t := _find_text(value.get(key), depth + 1))), None)
    if isinstance(value, list | tuple):
        return _find_text_in_list(value, depth + 1)
    return None


def _find_text_in_list(items: Sequence[Any], depth: int) -> str | RemoteFile | None:
    """Chat messages give the last of the assistant; pairs (question, answer) the last answer; else the first text."""
    if any(isinstance(item, Mapping) and "role" in item for item in items):
        spoken = [i for i in items if isinstance(i, Mapping) and i.get("role") == "assistant"]
        return _find_text(spoken[-1].get("content"), depth) if spoken else None
    if items and all(isinstance(item, list | tuple) and len(item) == 2 for item in items):
        return _find_text(items[-1][1], depth)
    return next((text for item in items if (text := _find_text(item, depth))), None)


def _find_image(value: object, depth: int = 0) -> RemoteFile | bytes | None:
    if isinstance(value, str):
        return _from_data_url(value)
    if depth > _DEEPEST:
        return None
    if isinstance(value, Mapping):
        if is_file(value):
            return None if _has_ending(value, _TEXT_ENDINGS) else _remote(value)
        values = (value.get(key) for key in _IMAGE_KEYS)
        return next((i for v in values if (i := _find_image(v, depth + 1)) is not None), None)
    if isinstance(value, list | tuple):
        images = (_find_image(item, depth + 1) for item in value)
        return next((image for image in images if image is not None), None)
    return None


def is_file(value: object) -> bool:
    """Whether this is Gradio's FileData (`meta` since Gradio 4.20, `orig_name` and `url` before)."""
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("path"), str)
        and bool(value["path"])
        and any(key in value for key in ("meta", "orig_name", "url", "mime_type"))
    )


def _has_ending(file: Mapping[str, Any], endings: tuple[str, ...]) -> bool:
    name = str(file.get("orig_name") or file["path"]).casefold()
    return name.endswith(endings) or (
        endings is _TEXT_ENDINGS and str(file.get("mime_type") or "").startswith("text/plain")
    )


def _remote(file: Mapping[str, Any]) -> RemoteFile | None:
    """The file, None when it is neither text nor an image (a video, a document)."""
    mime = str(file.get("mime_type") or "")
    if _has_ending(file, _TEXT_ENDINGS):
        return RemoteFile(file["path"], is_text=True)
    if _has_ending(file, _IMAGE_ENDINGS) or mime.startswith("image/"):
        return RemoteFile(file["path"])
    return None


def _from_data_url(text: str) -> bytes | None:
    head, comma, _ = text[:64].partition(",")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        return None
    if len(text) > MAX_FILE_BYTES * 4 // 3 + 128:
        raise too_large()
    try:
        return base64.b64decode(text[len(head) + 1 :], validate=True)
    except binascii.Error:
        raise SpaceAnswerUnusable("The Space's image is not readable base64.") from None
