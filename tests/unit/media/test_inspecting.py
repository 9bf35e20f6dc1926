"""Inspector: what a file is by its bytes, and in which words it is rejected."""

from __future__ import annotations

import hashlib
import io
import os
import random
import struct
import tracemalloc
import wave
import zipfile
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject

from backend.core.errors import MediaRejected
from backend.core.ports import Inspected
from backend.media import Inspector

Mp4 = Callable[..., bytes]
SHORT_HTML = b"<!doctype html><html><body><script>alert(1)</script></body></html>"


def inspect(data: bytes) -> Inspected:
    return Inspector().inspect(io.BytesIO(data))


def rejection(data: bytes) -> str:
    with pytest.raises(MediaRejected) as caught:
        inspect(data)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def picture(form: str, size: tuple[int, int] = (40, 30), seed: int = 0, **options: Any) -> bytes:
    out = io.BytesIO()
    noise = random.Random(seed).randbytes(size[0] * size[1] * 3)
    Image.frombytes("RGB", size, noise).save(out, form, **options)
    return out.getvalue()


def moving(form: str, frames: int = 3) -> bytes:
    out = io.BytesIO()
    images = [Image.new("RGB", (20, 10), (80 * n, 0, 0)) for n in range(frames)]
    images[0].save(out, form, save_all=True, append_images=images[1:], duration=100)
    return out.getvalue()


# ------------------------------------------------------------------------------------ any file


def test_size_and_checksum_are_those_of_the_bytes() -> None:
    data = picture("PNG")
    found = inspect(data)
    assert found.bytes == len(data)
    assert found.checksum == hashlib.sha256(data).hexdigest()


def test_an_empty_file_is_said_to_be_empty() -> None:
    assert rejection(b"") == "This file is empty (0 bytes)."


def test_a_file_is_read_from_its_start_wherever_it_stands() -> None:
    file = io.BytesIO(picture("PNG"))
    file.seek(20)
    assert Inspector().inspect(file).mime == "image/png"
    assert Inspector().inspect(file).mime == "image/png"


def test_a_stream_that_cannot_go_back_is_read_as_well() -> None:
    data = picture("JPEG")
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        found = Inspector().inspect(file)
    assert (found.mime, found.bytes) == ("image/jpeg", len(data))


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"hello", "not a media file that Lin knows"),
        (b"\x00", "not a media file that Lin knows"),
        (b"\xff", "not a media file that Lin knows"),
        (SHORT_HTML, "web page"),
        (b"\xef\xbb\xbf  <HTML>", "web page"),
        (b"<?xml version='1.0'?><!-- a --><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<svg onload='alert(1)'>", "SVG"),
        (b"BM" + b"\0" * 50, "BMP"),
        (b"II*\x00" + b"\0" * 50, "TIFF"),
        (b"MZ" + b"\0" * 50, "program"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF"),
    ],
)
def test_other_files_are_called_by_their_name(data: bytes, part: str) -> None:
    assert part in rejection(data)


# ------------------------------------------------------------------------------------ images


@pytest.mark.parametrize(
    ("form", "mime"),
    [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp"), ("GIF", "image/gif")],
)
def test_a_still_image_is_an_image_of_its_size(form: str, mime: str) -> None:
    found = inspect(picture(form))
    assert (found.kind, found.mime) == ("image", mime)
    assert (found.width, found.height) == (40, 30)
    assert (found.duration, found.pages) == (None, None)


def test_a_moving_gif_is_a_gif() -> None:
    found = inspect(moving("GIF"))
    assert (found.kind, found.mime, found.width, found.height) == ("gif", "image/gif", 20, 10)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_other_moving_images_are_rejected(form: str) -> None:
    assert f"This {form} image is animated" in rejection(moving(form))


@pytest.mark.parametrize("turn", range(10))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_width_and_height_are_those_on_the_screen(form: str, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn  # 0 and 9 do not exist
    found = inspect(picture(form, exif=exif))
    assert (found.width, found.height) == ((30, 40) if turn in (5, 6, 7, 8) else (40, 30))


def test_a_picture_that_is_turned_by_xmp_alone_has_its_size_on_the_screen() -> None:
    found = inspect(picture("JPEG", xmp=b'<rdf:Description tiff:Orientation="6"/>'))
    assert (found.width, found.height) == (30, 40)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.97])
def test_an_image_that_is_cut_off_is_rejected(form: str, kept: float) -> None:
    data = picture(form, (200, 150))
    assert "Export it again" in rejection(data[: int(len(data) * kept)])


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_even_one_missing_byte_is_noticed(form: str) -> None:
    for seed in range(100):
        assert "damaged or cut off" in rejection(picture(form, seed=seed)[:-1])


@pytest.mark.parametrize("seed", range(3))
def test_a_jpeg_without_its_end_is_noticed_though_its_thumbnail_has_one(seed: int) -> None:
    thumbnail = b"Exif\0\0" + picture("JPEG", (16, 12))
    complete = picture("JPEG", seed=seed, exif=thumbnail)
    assert inspect(complete).mime == "image/jpeg"
    assert "damaged or cut off" in rejection(complete[:-2])


def test_a_jpeg_may_have_fill_bytes_before_a_marker_and_anything_behind_its_end() -> None:
    data = picture("JPEG", progressive=True)
    assert inspect(data[:2] + b"\xff" * 5 + data[2:] + bytes(3_000_000)).mime == "image/jpeg"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_header_alone_is_not_an_image(form: str) -> None:
    assert rejection(picture(form)[:12] + b"\0" * 100)


def test_a_damaged_png_is_rejected() -> None:
    data = bytearray(picture("PNG", (200, 150)))
    data[len(data) // 2] ^= 0xFF
    assert rejection(bytes(data)) == "This PNG image is damaged or cut off. Export it again."


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _huge_png(width: int, height: int, *more: bytes) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = _chunk(b"IDAT", zlib.compress(b"\0" * 10_000_000, 9))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + pixels + _chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(7000, 7000), (9000, 9000)])
def test_an_image_of_too_many_pixels_is_rejected_before_it_is_decoded(
    size: tuple[int, int],
) -> None:
    data = _huge_png(*size)
    tracemalloc.start()
    try:
        message = rejection(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert f"{size[0]} x {size[1]} pixels" in message
    assert "40 million" in message
    assert peak < 10_000_000


def test_a_decompression_bomb_is_rejected() -> None:
    for size in ((10_000, 10_000), (60_000, 60_000)):
        assert "more than the 40 million" in rejection(_huge_png(*size))


@pytest.mark.parametrize(
    ("kind", "head"),
    [(b"zTXt", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0"), (b"iCCP", b"a\0\0")],
)
def test_a_bomb_beside_the_pixels_is_rejected_before_it_is_unpacked(
    kind: bytes, head: bytes
) -> None:
    bomb = _chunk(kind, head + zlib.compress(b"\0" * 20_000_000, 9))
    data = _huge_png(2, 2, bomb)
    tracemalloc.start()
    try:
        message = rejection(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "damaged" in message
    assert peak < 10_000_000


def _gif(*frames: tuple[int, int]) -> bytes:
    """A screen of one pixel, with frames of one coded pixel that say to be larger."""
    coded = bytes([2, 2, 0x4C, 1, 0])
    drawn = b"".join(b"\x2c" + struct.pack("<HHHHB", 0, 0, *size, 0) + coded for size in frames)
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + drawn + b";"


def test_a_gif_whose_frame_is_larger_than_its_screen_is_measured_by_the_frame() -> None:
    assert inspect(_gif((1, 1))).width == 1
    assert "12000 x 7000 pixels" in rejection(_gif((12_000, 7_000)))
    assert "more than the 40 million" in rejection(_gif((60_000, 60_000)))
    assert inspect(_gif((1, 1), (1, 1))).kind == "gif"
    assert "60000 x 60000 pixels" in rejection(_gif((1, 1), (60_000, 60_000)))


def test_a_moving_gif_that_is_damaged_behind_its_first_frame_is_rejected() -> None:
    data = moving("GIF", 2)
    second = data.rindex(b"\x21\xf9") + 8
    for cut in range(second + 1, len(data) - 1):
        assert (
            rejection(data[:cut] + b";") == "This GIF image is damaged or cut off. Export it again."
        )


def test_a_grey_and_a_transparent_image_are_images() -> None:
    for mode in ("1", "L", "P", "LA", "RGBA", "I;16"):
        out = io.BytesIO()
        Image.new(mode, (5, 5)).save(out, "PNG")
        assert inspect(out.getvalue()).kind == "image"
    out = io.BytesIO()
    Image.new("CMYK", (5, 5)).save(out, "JPEG")
    assert inspect(out.getvalue()).mime == "image/jpeg"


def test_what_a_camera_puts_behind_a_jpeg_is_allowed() -> None:
    assert inspect(picture("JPEG") + b"depth map " * 100).mime == "image/jpeg"
    out = io.BytesIO()
    first = Image.new("RGB", (20, 10))
    first.save(out, "MPO", save_all=True, append_images=[Image.new("RGB", (20, 10))])
    found = inspect(out.getvalue())
    assert (found.kind, found.mime) == ("image", "image/jpeg")


# ------------------------------------------------------------------------------------ two kinds at once


def archive(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in (parts or {"a.txt": b"a"}).items():
            file.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("second", ["archive", "page"])
def test_an_image_with_something_behind_it_is_rejected(form: str, second: str) -> None:
    data = picture(form) + (archive() if second == "archive" else SHORT_HTML)
    assert "two things at once" in rejection(data)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF"])
def test_an_image_that_does_not_end_where_it_says_is_rejected(form: str) -> None:
    assert "follow" in rejection(picture(form) + b"something")
    # the mark that ends its format at the end does not make it one
    end = {"PNG": b"IEND\xaeB`\x82", "GIF": b";", "WEBP": b"\0"}[form]
    assert "follow" in rejection(picture(form) + b"something" + end)


def test_an_image_with_a_page_in_its_comment_is_rejected() -> None:
    assert "web page" in rejection(picture("GIF", comment=SHORT_HTML))
    assert "web page" in rejection(picture("JPEG", comment=SHORT_HTML))


def test_a_gif_header_before_a_page_or_an_archive_is_rejected() -> None:
    assert "two things at once" in rejection(b"GIF89a/*" + SHORT_HTML)
    assert "two things at once" in rejection(b"GIF89a" + archive())


def test_an_image_that_is_a_pdf_as_well_is_rejected() -> None:
    assert "PDF document" in rejection(picture("JPEG", comment=b"%PDF-1.4\n"))


def test_a_pdf_and_a_video_with_an_archive_behind_them_are_rejected(mp4: Mp4) -> None:
    assert "ZIP archive" in rejection(document() + archive())
    assert "ZIP archive" in rejection(mp4() + archive())


# ------------------------------------------------------------------------------------ video


@pytest.mark.parametrize("options", [{}, {"index_first": True}, {"sound": True}])
def test_an_mp4_is_a_video(mp4: Mp4, options: dict[str, Any]) -> None:
    found = inspect(mp4(**options))
    assert (found.kind, found.mime) == ("video", "video/mp4")
    assert (found.width, found.height, found.duration) == (640, 360, 2.0)


def test_a_video_tells_how_it_is_coded_and_how_fast_it_runs(mp4: Mp4, webm: Mp4) -> None:
    for brand in (b"isom", b"qt  "):
        found = inspect(mp4(brand, seconds=2))  # 20 pictures
        assert (found.codec, found.frame_rate) == ("H.264", 10.0)
    found = inspect(webm())
    assert (found.codec, found.frame_rate) == ("VP8", None)
    assert inspect(picture("PNG")).codec is None


@pytest.mark.parametrize("first", [True, False])
def test_a_video_tells_whether_its_index_stands_in_front(mp4: Mp4, first: bool) -> None:
    for brand in (b"isom", b"qt  "):
        assert inspect(mp4(brand, sound=True, index_first=first)).index_first is first
    padded = b"\0\0\0\x10free" + bytes(8)
    assert inspect(mp4(index_first=first) + padded).index_first is first
    assert inspect(picture("PNG")).index_first is None


def test_a_quicktime_film_is_a_video(mp4: Mp4) -> None:
    assert inspect(mp4(b"qt  ")).mime == "video/quicktime"
    without_type = mp4()[24:]
    assert inspect(without_type).mime == "video/quicktime"


def test_a_video_held_sideways_has_the_size_on_the_screen(mp4: Mp4) -> None:
    found = inspect(mp4(sideways=True))
    assert (found.width, found.height) == (360, 640)


def test_a_webm_is_a_video(webm: Mp4) -> None:
    found = inspect(webm())
    assert (found.kind, found.mime, found.duration) == ("video", "video/webm", 3.0)
    assert (found.width, found.height) == (320, 240)


@pytest.mark.parametrize("kept", [0.01, 0.4, 0.9, 0.99])
@pytest.mark.parametrize("index_first", [False, True])
def test_a_video_that_is_cut_off_is_rejected(mp4: Mp4, kept: float, index_first: bool) -> None:
    data = mp4(index_first=index_first)
    assert rejection(data[: int(len(data) * kept)])


def test_a_webm_that_is_cut_off_is_rejected(webm: Mp4) -> None:
    assert "cut off" in rejection(webm()[:-100])


def test_containers_without_a_picture_are_rejected(mp4: Mp4, webm: Mp4) -> None:
    assert "neither picture nor sound" in rejection(mp4(video=False))
    assert "no picture" in rejection(webm(video=False))
    assert "no picture" in rejection(mp4(size=(0, 0)))
    assert "no length" in rejection(mp4(seconds=0))
    assert "MKV" in rejection(webm(b"matroska"))


def test_a_large_video_is_not_held_in_memory(mp4: Mp4, tmp_path: Path) -> None:
    head, tail = mp4()[:24], mp4()[24 + 8 + 4000 :]
    size = 300 * 1024 * 1024
    path = tmp_path / "film.mp4"
    with path.open("wb") as file:
        file.write(head + struct.pack(">I4s", size + 8, b"mdat"))
        file.seek(size, os.SEEK_CUR)
        file.write(tail)
    tracemalloc.start()
    try:
        with path.open("rb") as file:
            found = Inspector().inspect(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (found.kind, found.width, found.bytes) == ("video", 640, path.stat().st_size)
    assert peak < 5 * 1024 * 1024


def test_a_video_that_refers_to_other_files_makes_nobody_open_them(
    mp4: Mp4, tmp_path: Path
) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            asked.append("request")
            self.close_connection = True

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(mp4(size=(111, 99)))
    try:
        for reference in (
            f"http://127.0.0.1:{server.server_port}/a.mp4",
            secret.as_uri(),
            str(secret),
        ):
            assert inspect(mp4(b"qt  ", reference=reference)).width == 640
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
    assert asked == []


# ------------------------------------------------------------------------------------ sound

MP3 = (bytes.fromhex("fffb9000") + b"\0" * 413) * 80


def _wav() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * 16000)
    return out.getvalue()


def _ogg() -> bytes:
    def page(kind: int, position: int, number: int, body: bytes) -> bytes:
        head = struct.pack("<4sBBqIII", b"OggS", 0, kind, position, 7, number, 0)
        whole = head + bytes([1, len(body)]) + body
        crc = 0
        for byte in whole:
            crc ^= byte << 24
            for _ in range(8):
                crc = ((crc << 1) ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
        return whole[:22] + struct.pack("<I", crc) + whole[26:]

    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, 0, 48000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I4sI", 4, b"test", 0)
    return page(2, 0, 0, head) + page(0, 0, 1, tags) + page(4, 96000, 2, b"\xfc" + b"\0" * 200)


def _flac() -> bytes:
    """Two seconds of silence at 8 kHz: a STREAMINFO block and four constant frames."""

    def crc(data: bytes, bits: int, polynomial: int) -> int:
        value = 0
        for byte in data:
            value ^= byte << (bits - 8)
            for _ in range(8):
                value = (value << 1) ^ (polynomial if value >> (bits - 1) else 0)
                value &= (1 << bits) - 1
        return value

    packed = (8000 << 44 | 15 << 36 | 16000).to_bytes(8, "big")
    whole = b"fLaC\x80\0\0\x22" + struct.pack(">HH", 4000, 4000) + bytes(6) + packed + bytes(16)
    for number in range(4):
        head = bytes((0xFF, 0xF8, 0x74, 0x08, number)) + struct.pack(">H", 3999)
        frame = head + bytes((crc(head, 8, 0x07),)) + bytes(3)
        whole += frame + struct.pack(">H", crc(frame, 16, 0x8005))
    return whole


@pytest.mark.parametrize(
    ("data", "mime", "seconds"),
    [
        (MP3, "audio/mpeg", 2.085),
        (b"ID3\4\0\0\0\0\0\0" + MP3, "audio/mpeg", 2.085),
        (_wav(), "audio/wav", 2.0),
        (_ogg(), "audio/ogg", 2.0),
        (_flac(), "audio/flac", 2.0),
    ],
)
def test_sound_is_audio_of_its_length(data: bytes, mime: str, seconds: float) -> None:
    found = inspect(data)
    assert (found.kind, found.mime) == ("audio", mime)
    assert found.duration == pytest.approx(seconds, abs=0.05)
    assert (found.width, found.height) == (None, None)


def test_an_mp4_with_sound_alone_is_audio(mp4: Mp4) -> None:
    for brand in (b"M4A ", b"isom"):
        found = inspect(mp4(brand, video=False, sound=True))
        assert (found.kind, found.mime, found.duration) == ("audio", "audio/mp4", 2.0)


def test_sound_that_is_none_is_rejected() -> None:
    assert "cut off" in rejection(_wav()[:20_000])
    assert "not a sound file" in rejection(b"\xff\xfb" + bytes(range(256)) * 20)
    assert rejection(b"OggS" + b"\0" * 100)
    assert rejection(b"ID3" + b"\0" * 100)
    assert "not a sound file" in rejection(b"fLaC" + b"\0" * 50)


# ------------------------------------------------------------------------------------ documents


def document(pages: int = 3, password: str | None = None) -> bytes:
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(200, 200)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_pdf_is_a_document_with_pages() -> None:
    found = inspect(document())
    assert (found.kind, found.mime, found.pages) == ("document", "application/pdf", 3)


def test_pdfs_nobody_can_read_are_rejected() -> None:
    assert "password" in rejection(document(password="open sesame"))
    assert "cut off" in rejection(document()[:-40])
    assert "damaged" in rejection(b"%PDF-1.7\n" + b"\0" * 2000 + b"%%EOF")
    assert "no pages" in rejection(document(pages=0))


def test_a_pdf_whose_pages_go_in_circles_is_rejected_in_time() -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(document())))
    tree = writer._root_object["/Pages"].get_object()
    tree[NameObject("/Kids")].append(writer._root_object.raw_get("/Pages"))
    out = io.BytesIO()
    writer.write(out)
    assert rejection(out.getvalue())


OPENXML = "application/vnd.openxmlformats-officedocument"


def package(content_type: str, **parts: bytes) -> bytes:
    types = (
        '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        f'<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{content_type}"/></Types>'
    )
    return archive(**{"[Content_Types].xml": types.encode(), "word/document.xml": b"<d/>", **parts})


@pytest.mark.parametrize(
    "mime", [f"{OPENXML}.wordprocessingml.document", f"{OPENXML}.presentationml.presentation"]
)
def test_office_files_are_documents(mime: str) -> None:
    found = inspect(package(f"{mime}.main+xml"))
    assert (found.kind, found.mime, found.pages) == ("document", mime, None)


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (archive(), "ZIP archive"),
        (package(f"{OPENXML}.spreadsheetml.sheet.main+xml"), "spreadsheet"),
        (package("application/vnd.ms-word.document.macroEnabled.main+xml"), "macros"),
        (package("a")[:-30], "damaged"),
        (package("a")[:40], "damaged"),
        (archive(**{"[Content_Types].xml": b"<Types"}), "damaged"),
        (
            archive(**{"[Content_Types].xml": b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}),
            "damaged",
        ),
        (archive(**{"[Content_Types].xml": b" " * 2_000_000}), "far more"),
        (archive(**{str(n): b"" for n in range(10_001)}), "far more"),
    ],
    ids=lambda value: value if isinstance(value, str) else "archive",  # its bytes hold the time
)
def test_archives_that_are_no_document_are_rejected(data: bytes, part: str) -> None:
    assert part in rejection(data)


def test_an_archive_that_unpacks_to_gigabytes_is_rejected() -> None:
    data = bytearray(package(f"{OPENXML}.wordprocessingml.document.main+xml"))
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", 0xFFFFFFF0)
    assert "far more" in rejection(bytes(data))


def old_office(*streams: str) -> bytes:
    entries = b"".join(
        name.encode("utf-16-le").ljust(64, b"\0")
        + struct.pack("<HB", 2 * len(name) + 2, 2)
        + b"\0" * 61
        for name in streams
    )
    filler = 1024 * 1024 - 512 - 20  # the entry lies across two of the pieces that are read
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + b"\0" * filler + entries


@pytest.mark.parametrize(
    ("stream", "mime"),
    [
        ("WordDocument", "application/msword"),
        ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ],
)
def test_old_office_files_are_documents(stream: str, mime: str) -> None:
    found = inspect(old_office(stream))
    assert (found.kind, found.mime) == ("document", mime)


def test_old_office_files_nobody_can_read_are_rejected() -> None:
    assert "neither Word nor PowerPoint" in rejection(old_office("Workbook"))
    assert "password" in rejection(old_office("EncryptedPackage"))
    assert "neither" in rejection(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"WordDocument")
