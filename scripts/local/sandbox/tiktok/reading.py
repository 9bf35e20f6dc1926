"""What an init call asks for, checked (platform facts 5.3). Nothing is kept yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .creators import PRIVACY_LEVELS, Creator
from .errors import TikTokError, invalid
from .fields import Fields
from .gateway import Session
from .prefixes import is_verified

#: The documents say MB and GB without saying which: the stricter one is taken on either side.
LEAST_CHUNK = 5 * 1024 * 1024
MOST_CHUNK = 64_000_000
_LARGEST_VIDEO = 4_000_000_000
_MOST_CHUNKS = 1000
_PHOTOS = 35
_CAPTION, _PHOTO_TITLE, _PHOTO_DESCRIPTION = 2200, 90, 4000
_BRANDED = ("brand_content_toggle", "brand_organic_toggle")
_VIDEO_INFO = (
    "title",
    "privacy_level",
    "disable_comment",
    "disable_duet",
    "disable_stitch",
    "video_cover_timestamp_ms",
    "is_aigc",
    *_BRANDED,
)
_PHOTO_INFO = (
    "title",
    "description",
    "privacy_level",
    "disable_comment",
    "auto_add_music",
    *_BRANDED,
)
_FILE, _PULL = ("video_size", "chunk_size", "total_chunk_count"), ("video_url",)
_INTERACTIONS = ("comment", "duet", "stitch")


@dataclass(frozen=True)
class Source:
    """Where the bytes come from: ``urls``, or a file of ``size`` in ``chunks``."""

    kind: str
    urls: tuple[str, ...] = ()
    size: int = 0
    chunk_size: int = 0
    chunks: int = 0


@dataclass(frozen=True)
class PostInfo:
    """How the post shall look; ``sent`` has what was overridden changed."""

    caption: str
    privacy_level: str
    sent: dict[str, Any]


def read_video_info(me: Session, body: Fields, creator: Creator) -> PostInfo:
    """``post_info`` of a direct video post. Rows 7, 8, 14 and 17."""
    info = body.inner("post_info", _VIDEO_INFO)
    caption = info.text("title", limit=_CAPTION)
    if info.has("video_cover_timestamp_ms"):
        info.whole("video_cover_timestamp_ms")
    info.flag("is_aigc")
    level = _privacy_level(me, info, creator)
    sent = _interactions(me, info, creator, _INTERACTIONS, body.required("post_info"))
    return PostInfo(caption, level, sent)


def read_photo_info(me: Session, body: Fields, creator: Creator, *, direct: bool) -> PostInfo:
    """``post_info`` of photos; a draft needs none of it, and no privacy level. Rows 7, 8, 13, 17.

    Readers see the title above the description.
    """
    if not direct and not body.has("post_info"):
        return PostInfo("", "", {})
    info = body.inner("post_info", _PHOTO_INFO)
    title = info.text("title", limit=_PHOTO_TITLE)
    description = info.text("description", limit=_PHOTO_DESCRIPTION)
    info.flag("auto_add_music")
    caption = "\n".join(filter(None, (title, description)))
    sent = body.required("post_info")
    if not direct:
        return PostInfo(caption, "", sent)
    level = _privacy_level(me, info, creator)
    return PostInfo(caption, level, _interactions(me, info, creator, ("comment",), sent))


def _privacy_level(me: Session, info: Fields, creator: Creator) -> str:
    branded = info.flag("brand_content_toggle")
    info.flag("brand_organic_toggle")
    level = info.text("privacy_level")
    if level not in PRIVACY_LEVELS:
        # Row 7.
        why = f"must be {' or '.join(PRIVACY_LEVELS)}"
        raise TikTokError("invalid_param", f"{info.path('privacy_level')}: {why}")
    if not me.app.audited and (level != "SELF_ONLY" or not creator.private):
        # Row 8.
        message = "Unaudited clients can only post to private accounts, for the owner only."
        raise TikTokError("unaudited_client_can_only_post_to_private_accounts", message)
    if level not in creator.options:
        # Row 7.
        message = f"{level} is not one of {', '.join(creator.options)}"
        raise TikTokError("privacy_level_option_mismatch", message)
    if branded and level == "SELF_ONLY":
        raise invalid(info.path("privacy_level"), "branded content cannot be SELF_ONLY")
    return level


def _interactions(
    me: Session, info: Fields, creator: Creator, names: tuple[str, ...], sent: dict[str, Any]
) -> dict[str, Any]:
    """Row 17. Not confirmed which: here it is refused, or overridden as settings say."""
    off = dict(sent)
    for name in names:
        if info.flag(f"disable_{name}") or not getattr(creator, f"{name}_disabled"):
            continue
        if me.state.disabled_interactions == "refuse":
            raise invalid(info.path(f"disable_{name}"), f"the creator disabled every {name}")
        off[f"disable_{name}"] = True
    return off


def read_video_source(me: Session, body: Fields) -> Source:
    """``source_info`` of a video; each kind of source has its own fields. Rows 9 and 12."""
    either = body.inner("source_info", ("source", *_PULL, *_FILE))
    kind = either.choice("source", ("FILE_UPLOAD", "PULL_FROM_URL"))
    if kind == "FILE_UPLOAD":
        return _file(body.inner("source_info", ("source", *_FILE)))
    info = body.inner("source_info", ("source", *_PULL))
    return Source(kind, urls=(_verified(me, info.path("video_url"), info.required("video_url")),))


def _file(file: Fields) -> Source:
    """Row 9. A file of more than 64 MB is in two chunks at least, so none of them is all of it."""
    size, chunk = file.whole("video_size", least=1), file.whole("chunk_size", least=1)
    count = file.whole("total_chunk_count", least=1)
    if size > _LARGEST_VIDEO:
        raise invalid(file.path("video_size"), f"at most {_LARGEST_VIDEO}")
    whole = chunk == size
    if (not whole and chunk < LEAST_CHUNK) or chunk > MOST_CHUNK:
        why = f"must be {LEAST_CHUNK} to {MOST_CHUNK}, or the whole file"
        raise invalid(file.path("chunk_size"), why)
    if count != size // chunk or count > _MOST_CHUNKS or (count == 1 and size > MOST_CHUNK):
        why = "must be video_size / chunk_size rounded down, at most 1000, above 64 MB at least 2"
        raise invalid(file.path("total_chunk_count"), why)
    return Source("FILE_UPLOAD", size=size, chunk_size=chunk, chunks=count)


def read_photo_source(me: Session, body: Fields) -> Source:
    """``source_info`` of photos, which have no byte upload. Rows 12 and 13."""
    info = body.inner("source_info", ("source", "photo_images", "photo_cover_index"))
    kind = info.choice("source", ("PULL_FROM_URL",))
    urls = info.items("photo_images", 1, _PHOTOS)
    path = info.path("photo_images")
    checked = tuple(_verified(me, f"{path}[{index}]", url) for index, url in enumerate(urls))
    if info.whole("photo_cover_index") >= len(urls):
        raise invalid(info.path("photo_cover_index"), "there is no such photo")
    return Source(kind, urls=checked)


def _verified(me: Session, path: str, url: Any) -> str:
    if not isinstance(url, str):
        raise invalid(path, "must be a URL")
    prefixes = me.app.verified_prefixes
    if not is_verified(url, me.state.world.public_origins if prefixes is None else prefixes):
        # Row 12.
        raise TikTokError("url_ownership_unverified", f"{path}: the URL ownership is not verified")
    return url
