"""Whether uploaded bytes are what LinkedIn takes. Sets what was found out on the Media.

A file LinkedIn cannot use is not refused at upload: it ends as PROCESSING_FAILED.
"""

from __future__ import annotations

import io
import zipfile

from PIL import Image
from pymediainfo import MediaInfo
from pypdf import PdfReader
from pypdf.errors import PyPdfError

from local.sandbox.records import Media

_IMAGE_FORMATS = ("JPEG", "PNG", "GIF")
_PIXELS_BELOW = 36_152_320
_FRAMES = 250
_VIDEO_BYTES = 75_000
_VIDEO_SECONDS = (3.0, 1800.0)
_DOCUMENT_BYTES = 100_000_000
_DOCUMENT_PAGES = 300
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def inspect_image(media: Media) -> None:
    """JPG, PNG or GIF of up to 250 frames and fewer than 36,152,320 pixels, decoded for real."""
    try:
        with Image.open(io.BytesIO(media.data), formats=_IMAGE_FORMATS) as image:
            media.mime = Image.MIME[image.format or ""]
            media.width, media.height = image.size
            # Asked before decoding, so that a bomb is never unpacked.
            if image.width * image.height >= _PIXELS_BELOW:
                media.failure = (
                    f"{image.width * image.height} pixels, must be below {_PIXELS_BELOW}"
                )
                return
            media.frames = getattr(image, "n_frames", 1)
            if media.frames > _FRAMES:
                media.failure = f"{media.frames} frames, at most {_FRAMES}"
                return
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        media.failure = f"not a readable JPG, PNG or GIF ({type(error).__name__})"


def inspect_video(media: Media) -> None:
    """MP4, 3 seconds to 30 minutes, at least 75 KB."""
    found = MediaInfo.parse(io.BytesIO(media.data))
    general = found.general_tracks[0] if found.general_tracks else None
    if general is None or general.format != "MPEG-4":
        media.failure = "not an MP4 file"
        return
    media.mime = "video/mp4"
    if found.video_tracks:
        media.width, media.height = found.video_tracks[0].width, found.video_tracks[0].height
    media.seconds = float(general.duration or 0) / 1000
    shortest, longest = _VIDEO_SECONDS
    if not shortest <= media.seconds <= longest:
        media.failure = f"{media.seconds:g} seconds long, must be {shortest:g} to {longest:g}"
    elif len(media.data) < _VIDEO_BYTES:
        media.failure = f"{len(media.data)} bytes, must be at least {_VIDEO_BYTES}"


def inspect_document(media: Media) -> None:
    """PDF, PPT, PPTX, DOC or DOCX, up to 100 MB and (counted for PDF only) 300 pages."""
    media.mime = _document_type(media.data)
    if media.mime is None:
        media.failure = "not a PDF, PPT, PPTX, DOC or DOCX file"
    elif len(media.data) > _DOCUMENT_BYTES:
        media.failure = f"{len(media.data)} bytes, at most {_DOCUMENT_BYTES}"
    elif media.mime == "application/pdf":
        try:
            media.pages = len(PdfReader(io.BytesIO(media.data)).pages)
        except (PyPdfError, ValueError, KeyError, OSError) as error:
            media.failure = f"not a readable PDF ({type(error).__name__})"
            return
        if media.pages > _DOCUMENT_PAGES:
            media.failure = f"{media.pages} pages, at most {_DOCUMENT_PAGES}"


def _document_type(data: bytes) -> str | None:
    if data.startswith(b"%PDF-"):
        return "application/pdf"
    if data.startswith(_OLE):
        # DOC and PPT share one container; telling them apart would change nothing here.
        return "application/msword"
    if not data.startswith(b"PK"):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            names = packed.namelist()
    except zipfile.BadZipFile:
        return None
    office = "application/vnd.openxmlformats-officedocument"
    if any(name.startswith("word/") for name in names):
        return f"{office}.wordprocessingml.document"
    if any(name.startswith("ppt/") for name in names):
        return f"{office}.presentationml.presentation"
    return None
