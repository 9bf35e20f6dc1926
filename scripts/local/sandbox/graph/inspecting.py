"""What uploaded bytes really are: decoded for images, parsed for videos."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image
from pymediainfo import MediaInfo

from local.sandbox.records import Media


@dataclass(frozen=True)
class Clip:
    """A video as its container describes it. ``frames`` is frames per second."""

    container: str
    seconds: float
    frames: float


def read_image(media: Media, formats: tuple[str, ...]) -> bool:
    """Decode an image of one of these formats (Pillow's names); False when it is none."""
    try:
        with Image.open(io.BytesIO(media.data), formats=formats) as image:
            media.mime = Image.MIME.get(image.format or "")
            media.width, media.height = image.size
            media.frames = getattr(image, "n_frames", 1)
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    return True


def read_video(media: Media) -> Clip | None:
    """Describe an MP4 or MOV on ``media``; None when it is neither or has no picture."""
    found = MediaInfo.parse(io.BytesIO(media.data))
    general = found.general_tracks[0] if found.general_tracks else None
    if general is None or general.format != "MPEG-4" or not found.video_tracks:
        return None
    track = found.video_tracks[0]
    quicktime = "quicktime" in str(general.format_profile or "").lower()
    media.mime = "video/quicktime" if quicktime else "video/mp4"
    media.width, media.height = track.width, track.height
    media.seconds = float(general.duration or 0) / 1000
    return Clip("MOV" if quicktime else "MP4", media.seconds, float(track.frame_rate or 0))
