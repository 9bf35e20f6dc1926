"""Whether Instagram takes an image, a video, a caption (platform facts 4.3 and 4.5)."""

from __future__ import annotations

from local.sandbox.fetching import FetchError, fetch
from local.sandbox.graph.errors import GraphError, bad_parameter
from local.sandbox.graph.inspecting import read_image, read_video
from local.sandbox.graph.parameters import Parameters
from local.sandbox.graph.text import pieces_of_caption
from local.sandbox.records import Media

from .state import InstagramState

_CAPTION, _ALT_TEXT, _MENTIONS, _COLLABORATORS = 2200, 1000, 20, 3
_IMAGE_BYTES = 8 * 1024 * 1024
_NARROWEST, _WIDEST = 0.8, 1.91
_WIDTHS = (320, 1440)
_FRAMES, _VIDEO_WIDTH = (23.0, 60.0), 1920
#: Seconds and bytes by kind of container.
_VIDEO_LIMITS = {"STORIES": ((3.0, 60.0), 100_000_000)}
_REEL_LIMITS = ((3.0, 900.0), 300_000_000)
_FORMAT = 2207026

Failure = tuple[int, str]


def read_caption(state: InstagramState, member: str, sent: Parameters, *, child: bool) -> str:
    """Row 9. That a child's caption is refused, not ignored, is the strict reading."""
    caption = sent.text("caption")
    if caption and child:
        raise bad_parameter("A carousel item has no caption")
    if len(caption) > _CAPTION:
        message = f"The caption has {len(caption)} characters, at most {_CAPTION}"
        raise GraphError(36004, message, 2207010)
    kinds = [kind for kind, _ in pieces_of_caption(caption)]
    most = state.settings.get("hashtags", member)
    if kinds.count("hashtag") > most or kinds.count("mention") > _MENTIONS:
        message = f"The caption has more than {most} hashtags or {_MENTIONS} tags"
        raise bad_parameter(message, 2207040)
    return caption


def read_alt_text(
    state: InstagramState, member: str, sent: Parameters, kind: str
) -> tuple[str | None, list[str]]:
    """Row 15: the alt text, and notes on it. Unconfirmed: refused or, by setting, ignored."""
    alt_text = sent.text("alt_text") or None
    if alt_text is None:
        return None, []
    if len(alt_text) > _ALT_TEXT:
        raise bad_parameter(f"alt_text has {len(alt_text)} characters, at most {_ALT_TEXT}")
    if kind == "IMAGE":
        return alt_text, []
    if state.settings.get("alt_text_on_video", member) == "error":
        raise bad_parameter("alt_text is for images only")
    return None, ["alt_text is for images only and was ignored"]


def check_collaborators(sent: Parameters) -> None:
    """At most three."""
    if len(sent.items("collaborators")) > _COLLABORATORS:
        raise bad_parameter(f"At most {_COLLABORATORS} collaborators", 2207040)


def check_thumbnail(media: Media, sent: Parameters) -> None:
    """``thumb_offset`` is a moment of the video, in milliseconds."""
    offset = sent.whole("thumb_offset")
    if offset is not None and not 0 <= offset <= (media.seconds or 900) * 1000:
        raise GraphError(1, "The thumbnail offset is not within the video.", 2207057)


def take_image(state: InstagramState, media: Media, url: str, *, story: bool) -> None:
    """Rows 6 to 8: download and judge. Raises GraphError.

    The width is not judged: Instagram scales to 320 up to 1440 pixels (``shown_size``).
    """
    failure = _download(state, media, url, _IMAGE_BYTES * 8)
    if failure is not None:
        code = -2 if failure[0] == 2207003 else 9004
        raise GraphError(code, failure[1], failure[0])
    if len(media.data) > _IMAGE_BYTES:
        message = f"The image has {len(media.data)} bytes, at most {_IMAGE_BYTES}"
        raise GraphError(36000, message, 2207004)
    if not read_image(media, ("JPEG",)):
        raise GraphError(36001, "The image format is not supported: only JPEG is.", 2207005)
    ratio = (media.width or 1) / (media.height or 1)
    if not story and not _NARROWEST <= ratio <= _WIDEST:
        message = f"The aspect ratio {ratio:.3f} is not within 4:5 and 1.91:1"
        raise GraphError(36003, message, 2207009)


def shown_size(media: Media) -> tuple[int, int]:
    """Width and height after Instagram's scaling."""
    width, height = media.width or 1, media.height or 1
    shown = min(max(width, _WIDTHS[0]), _WIDTHS[1])
    return shown, round(height * shown / width)


def take_video(state: InstagramState, media: Media, url: str, kind: str) -> Failure | None:
    """Row 6: download and judge. What is wrong ends in the container's status, not here."""
    return _download(state, media, url, 2 * _REEL_LIMITS[1]) or judge_video(media, kind)


def judge_video(media: Media, kind: str) -> Failure | None:
    """The limits of reels, also for videos in carousels; stories have their own."""
    (shortest, longest), most = _VIDEO_LIMITS.get(kind, _REEL_LIMITS)
    if len(media.data) > most:
        return _FORMAT, f"The video has {len(media.data)} bytes, at most {most}"
    clip = read_video(media)
    if clip is None:
        return _FORMAT, "The video is neither MP4 nor MOV"
    if not _begins_with_moov(media.data):
        return _FORMAT, "The moov atom must come first"
    if not shortest <= clip.seconds <= longest:
        return _FORMAT, f"{clip.seconds:g} s long, must be {shortest:g} to {longest:g} s"
    if not _FRAMES[0] <= clip.frames <= _FRAMES[1]:
        return _FORMAT, f"{clip.frames:g} frames a second, must be 23 to 60"
    width, height = media.width or 1, media.height or 1
    if width > _VIDEO_WIDTH or not 0.01 <= width / height <= 10:
        return _FORMAT, f"{width} × {height}: at most {_VIDEO_WIDTH} wide, ratio 0.01 to 10"
    return None


def _download(state: InstagramState, media: Media, url: str, largest: int) -> Failure | None:
    known = state.world.public_origins
    try:
        found = fetch(url, known, largest=largest, schemes=("http", "https"))
    except FetchError as error:
        subcode = 2207003 if error.reason == "timeout" else 2207052
        return subcode, f"The media could not be fetched from this URI: {error}"
    media.data = found.data
    if found.content_type == "text/html" or found.data[:15].lower().startswith(b"<!doctype html"):
        return 2207052, "The media could not be fetched from this URI: it is a web page"
    return None


def _begins_with_moov(data: bytes) -> bool:
    """Whether ``moov`` stands before ``mdat`` (ISO/IEC 14496-12: size, name, content)."""
    at = 0
    while at + 8 <= len(data):
        size, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if name in (b"moov", b"mdat"):
            return name == b"moov"
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16])
        if size < 8:
            return False
        at += size
    return False
