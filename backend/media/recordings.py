"""Video and sound, read by MediaInfo, which jumps through the file and never holds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

from pymediainfo import MediaInfo

from backend.core.errors import MediaRejected
from backend.core.ports import Inspected

Make = Callable[..., Inspected]

# What MediaInfo calls otherwise than platforms do.
_CODECS = {"AVC": "H.264", "HEVC": "H.265"}
_SOUND_BRANDS = (b"M4A ", b"M4B ")
_DAMAGED = "This file is damaged or cut off. Export it again."


def mp4(file: BinaryIO, make: Make) -> Inspected:
    """An MP4 or QuickTime video, or sound alone in the same container (M4A)."""
    file.seek(4)
    brand = file.read(8)
    tracks = _tracks(file)
    if "Video" not in tracks or brand[4:] in _SOUND_BRANDS:
        return _heard(tracks, "audio/mp4", make)
    quicktime = brand[:4] != b"ftyp" or brand[4:] == b"qt  "
    return _seen(tracks, "video/quicktime" if quicktime else "video/mp4", make)


def webm(file: BinaryIO, make: Make) -> Inspected:
    """A WebM video; its relative Matroska (MKV) is rejected."""
    tracks = _tracks(file)
    if tracks["General"].get("format") != "WebM":
        raise MediaRejected(
            "This is a Matroska (MKV) file, which platforms do not accept. Save it as MP4."
        )
    return _seen(tracks, "video/webm", make)


def sound(file: BinaryIO, make: Make) -> Inspected:
    """An MP3, WAV, OGG or FLAC file."""
    tracks = _tracks(file)
    general = tracks["General"].get("format")
    layer = tracks.get("Audio", {}).get("format_profile")
    if general == "MPEG Audio" and layer == "Layer 3":
        return _heard(tracks, "audio/mpeg", make)
    if general == "Wave":
        return _heard(tracks, "audio/wav", make)
    if general == "Ogg":
        return _heard(tracks, "audio/ogg", make)
    if general == "FLAC":
        return _heard(tracks, "audio/flac", make)
    raise MediaRejected(
        "This is not a sound file that Lin knows. Lin accepts MP3, M4A, WAV, OGG and FLAC."
    )


def _tracks(file: BinaryIO) -> dict[str, dict[str, Any]]:
    """What MediaInfo tells of the first track of each type, "General" always among them."""
    file.seek(0)
    try:
        info = MediaInfo.parse(file, encoding_errors="replace")
    except (RuntimeError, OSError, ValueError, ParseError):
        raise MediaRejected(_DAMAGED) from None
    tracks: dict[str, dict[str, Any]] = {"General": {}}
    for track in reversed(info.tracks):
        tracks[track.track_type] = track.to_data()
    if tracks["General"].get("istruncated") == "Yes":
        raise MediaRejected(_DAMAGED)
    return tracks


def _seen(tracks: dict[str, dict[str, Any]], mime: str, make: Make) -> Inspected:
    video = tracks.get("Video", {})
    width, height = video.get("width"), video.get("height")
    if not width or not height:
        raise MediaRejected("This video has no picture. Export it again.")
    if float(video.get("rotation") or 0) % 180 == 90:
        width, height = height, width
    return make(
        kind="video",
        mime=mime,
        width=width,
        height=height,
        duration=_seconds(tracks, "Video"),
        frame_rate=float(video.get("frame_rate") or 0) or None,
        codec=_codec(video.get("format")),
        index_first={"Yes": True, "No": False}.get(tracks["General"].get("isstreamable", "")),
    )


def _codec(name: str | None) -> str | None:
    return _CODECS.get(name, name[:100]) if name else None


def _heard(tracks: dict[str, dict[str, Any]], mime: str, make: Make) -> Inspected:
    if "Audio" not in tracks:
        raise MediaRejected("This file has neither picture nor sound. Export it again.")
    return make(kind="audio", mime=mime, duration=_seconds(tracks, "Audio"))


def _seconds(tracks: dict[str, dict[str, Any]], kind: str) -> float:
    milliseconds = tracks["General"].get("duration") or tracks[kind].get("duration")
    if not milliseconds:
        raise MediaRejected("This recording has no length. Export it again.")
    return float(milliseconds) / 1000
