"""Whether received bytes are what TikTok takes (platform facts 5.3, the table of media).

Nothing is refused when it arrives: the publication ends as FAILED with one of ``fail_reason``.
Sets what was found out on the Media.
"""

from __future__ import annotations

import io

from PIL import Image
from pymediainfo import MediaInfo, Track

from local.sandbox.records import Media

#: Mediainfo's names. MOV is MPEG-4 to it, with the profile QuickTime.
_CONTAINERS = {"MPEG-4": "video/mp4", "QuickTime": "video/quicktime", "WebM": "video/webm"}
_CODECS = ("AVC", "HEVC", "VP8", "VP9")
_FRAMES_PER_SECOND = (23.0, 60.0)
_VIDEO_SIDE = (360, 4096)
_LONGEST_VIDEO = 600

LARGEST_PHOTO = 20_000_000
#: "1080p", standing or lying.
_PHOTO_SIDES = (1080, 1920)


def inspect_video(media: Media, longest: int) -> None:
    """MP4, WebM or MOV with a codec TikTok knows; at most ``longest`` seconds, and ten minutes."""
    found = MediaInfo.parse(io.BytesIO(media.data))
    general = found.general_tracks[0] if found.general_tracks else None
    video = found.video_tracks[0] if found.video_tracks else None
    if general is None or video is None:
        media.failure = "file_format_check_failed"
        return
    profile = general.format_profile if general.format_profile in _CONTAINERS else general.format
    media.mime = _CONTAINERS.get(profile)
    media.width, media.height = video.width, video.height
    media.seconds = float(general.duration or 0) / 1000
    media.failure = _video_failure(media, video, min(longest, _LONGEST_VIDEO))


def _video_failure(media: Media, video: Track, longest: int) -> str | None:
    if media.mime is None or video.format not in _CODECS or not media.seconds:
        return "file_format_check_failed"
    if media.seconds > longest:
        return "duration_check_failed"
    # A file that does not tell its frame rate is let through.
    fewest, most = _FRAMES_PER_SECOND
    if video.frame_rate is not None and not fewest <= float(video.frame_rate) <= most:
        return "frame_rate_check_failed"
    shortest, furthest = _VIDEO_SIDE
    sides = (media.width or 0, media.height or 0)
    if min(sides) < shortest or max(sides) > furthest:
        return "picture_size_check_failed"
    return None


def inspect_photo(media: Media) -> None:
    """JPEG or WebP of at most 1080p, decoded for real."""
    try:
        with Image.open(io.BytesIO(media.data), formats=("JPEG", "WEBP")) as image:
            media.mime = Image.MIME[image.format or ""]
            media.width, media.height = image.size
            short, long = sorted(image.size)
            # Asked before decoding, so that a bomb is never unpacked.
            if short > _PHOTO_SIDES[0] or long > _PHOTO_SIDES[1]:
                media.failure = "picture_size_check_failed"
                return
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        media.failure = "file_format_check_failed"
