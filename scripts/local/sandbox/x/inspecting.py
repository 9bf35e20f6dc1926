"""Whether uploaded bytes are what X takes (platform facts 2.4). Sets on the Media what was found."""

from __future__ import annotations

import io

from PIL import Image
from pymediainfo import MediaInfo

from local.sandbox.records import Media

#: Largest file and the types, by category. The documents say "MB"; the smaller reading holds.
LIMITS = {
    "tweet_image": (5_000_000, ("image/jpeg", "image/png", "image/gif", "image/webp")),
    "tweet_gif": (15_000_000, ("image/gif",)),
    "tweet_video": (512_000_000, ("video/mp4", "video/quicktime")),
    "amplify_video": (512_000_000, ("video/mp4", "video/quicktime")),
    "dm_image": (5_000_000, ("image/jpeg", "image/png", "image/gif", "image/webp")),
    "dm_gif": (15_000_000, ("image/gif",)),
    "dm_video": (512_000_000, ("video/mp4", "video/quicktime")),
    "subtitles": (1_000_000, ("text/srt", "text/vtt")),
}
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
_GIF_SIZE, _GIF_FRAMES = (1280, 1080), 350
_SECONDS = (0.5, 140.0)
#: Width × height as documented: taken literally, a video of 720×1280 is too high.
_SMALLEST, _LARGEST = (32, 32), (1280, 1024)
_FRAMES_PER_SECOND = 60
_RATIOS = (1 / 3, 3.0)


def kind_of(category: str) -> str:
    """image, gif, video or subtitles."""
    return category.rpartition("_")[2]


def inspect(media: Media, media_type: str) -> None:
    """Look at the bytes of a finished upload; ``media.failure`` says what is wrong with them."""
    if media.kind == "video":
        _inspect_video(media)
    elif media.kind in ("image", "gif"):
        _inspect_image(media)
    else:
        media.mime = media_type
    if not media.failure and media.mime != media_type:
        media.failure = f"the bytes are {media.mime}, announced was {media_type}"


def _inspect_image(media: Media) -> None:
    try:
        with Image.open(io.BytesIO(media.data), formats=_FORMATS) as image:
            media.mime = Image.MIME[image.format or ""]
            media.width, media.height = image.size
            media.frames = getattr(image, "n_frames", 1)
            if media.frames > 1 and media.kind == "image":
                media.failure = "an animated picture is a tweet_gif"
            elif media.kind == "gif":
                media.failure = _gif_failure(media)
            if not media.failure:
                image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        media.failure = f"not a readable JPG, PNG, GIF or WEBP ({type(error).__name__})"


def _gif_failure(media: Media) -> str | None:
    width, height = media.width or 0, media.height or 0
    if width > _GIF_SIZE[0] or height > _GIF_SIZE[1]:
        return f"{width}×{height}, at most {_GIF_SIZE[0]}×{_GIF_SIZE[1]}"
    if (media.frames or 0) > _GIF_FRAMES:
        return f"{media.frames} frames, at most {_GIF_FRAMES}"
    return None


def _inspect_video(media: Media) -> None:
    found = MediaInfo.parse(io.BytesIO(media.data))
    general = found.general_tracks[0] if found.general_tracks else None
    if general is None or general.format not in ("MPEG-4", "QuickTime") or not found.video_tracks:
        media.failure = "not an MP4 or MOV file"
        return
    brand = f"{general.format} {general.format_profile}"
    media.mime = "video/quicktime" if "QuickTime" in brand else "video/mp4"
    video = found.video_tracks[0]
    media.width, media.height = video.width, video.height
    media.seconds = float(general.duration or video.duration or 0) / 1000
    sounds = [(track.format, track.format_additionalfeatures) for track in found.audio_tracks]
    media.failure = _video_failure(media, video) or _sound_failure(sounds)


def _video_failure(media: Media, video: object) -> str | None:
    width, height = media.width or 0, media.height or 0
    shape = f"{width}×{height}"
    rate = float(getattr(video, "frame_rate", None) or 0)
    seconds = media.seconds or 0
    if getattr(video, "format", None) != "AVC":
        return f"the video is {getattr(video, 'format', None)}, must be H.264"
    if not _SECONDS[0] <= seconds <= _SECONDS[1]:
        return f"{seconds:g} seconds long, must be {_SECONDS[0]:g} to {_SECONDS[1]:g}"
    if width < _SMALLEST[0] or height < _SMALLEST[1]:
        return f"{shape}, at least {_SMALLEST[0]}×{_SMALLEST[1]}"
    if width > _LARGEST[0] or height > _LARGEST[1]:
        return f"{shape}, at most {_LARGEST[0]}×{_LARGEST[1]}"
    if not _RATIOS[0] <= width / height <= _RATIOS[1]:
        return f"{shape} is not between 1:3 and 3:1"
    if rate > _FRAMES_PER_SECOND:
        return f"{rate:g} frames a second, at most {_FRAMES_PER_SECOND}"
    return None


def _sound_failure(sounds: list[tuple[str | None, str | None]]) -> str | None:
    for kind, features in sounds:
        if kind != "AAC" or "LC" not in (features or "LC"):
            return f"the sound is {kind} {features or ''}, must be AAC-LC"
    return None
