"""fit_picture: the bytes that a platform is sent, and that they are the picture that was uploaded."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat
from PIL.PngImagePlugin import PngInfo

from backend.core.errors import MediaRejected
from backend.core.ports import PictureLimits
from backend.media import FittedPicture, fit_picture, planned_changes

JPEG, PNG, GIF, WEBP = "image/jpeg", "image/png", "image/gif", "image/webp"
FORMS = {JPEG: "JPEG", PNG: "PNG", GIF: "GIF", WEBP: "WEBP"}
ALL = PictureLimits((JPEG, PNG, GIF, WEBP), max_bytes=5_000_000)
ONLY_JPEG = PictureLimits((JPEG,), max_bytes=5_000_000)
# stands in every kind of metadata that is put in: nothing of it may be left
SECRET = b"Rue de la Paix 7"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# how far compression may move a pixel of these smooth pictures, of 255
NEAR = 6.0


def drawn(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """A smooth picture without symmetry, as photos are: compression keeps it, and turning it shows."""
    corners = Image.new("RGB", (3, 2))
    corners.putdata([(250, 20, 20), (20, 240, 20), (30, 30, 30), (20, 20, 230), (240, 230, 20), (200, 200, 210)])  # fmt: skip
    picture = corners.resize(size, Image.Resampling.BILINEAR)
    if mode in ("RGBA", "LA"):
        picture.putalpha(Image.linear_gradient("L").resize(size))
        return picture if mode == "RGBA" else picture.convert("LA")
    if mode == "P":
        return picture.quantize(64, dither=Image.Dither.NONE)
    return picture.convert(mode)


def noisy(size: tuple[int, int]) -> Image.Image:
    """A picture that no compression makes small."""
    return Image.frombytes("RGB", size, random.Random(7).randbytes(size[0] * size[1] * 3))


def saved(
    picture: Image.Image, mime: str, *, turn: int = 1, told: bool = False, **options: Any
) -> bytes:
    """The picture as a file, with everything that a camera and its owner write into one when `told`."""
    exif = Image.Exif()
    if turn != 1:
        exif[0x0112] = turn
    if told:
        exif[0x010E] = SECRET.decode()
        location = exif.get_ifd(0x8825)
        location[1], location[2] = "N", (48.0, 52.0, 7.0)
        options["xmp"] = b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"
        options["comment"] = SECRET
        if mime == PNG:
            options["pnginfo"] = PngInfo()
            options["pnginfo"].add_text("Comment", SECRET.decode())
            options["pnginfo"].add_itxt("XML:com.adobe.xmp", SECRET.decode())
    if len(exif) and mime != GIF:
        options["exif"] = exif
    file = io.BytesIO()
    picture.save(file, FORMS[mime], **options)
    return file.getvalue()


def fit(data: bytes, mime: str, limits: PictureLimits) -> FittedPicture:
    return fit_picture(io.BytesIO(data), mime, limits)


def shown(data: bytes) -> Image.Image:
    """What people see of a file: upright, on white."""
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image)
        rgba = upright.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def pixels_of(data: bytes) -> tuple[str, bytes]:
    """The coded pixels themselves, with transparency."""
    with Image.open(io.BytesIO(data)) as image:
        rgba = ImageOps.exif_transpose(image).convert("RGBA")
    return str(rgba.size), rgba.tobytes()


def distance(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures of one size."""
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


def assert_says_nothing(data: bytes) -> None:
    """Nothing but pixels and colour profile."""
    assert SECRET not in data
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert not image.getexif()
        assert not {"exif", "xmp", "comment", "photoshop", "XML:com.adobe.xmp"} & set(image.info)
        assert not getattr(image, "text", {})


# ------------------------------------------------------------------------------------ kept as it is


@pytest.mark.parametrize("mime", [JPEG, PNG, GIF, WEBP])
def test_a_picture_that_needs_nothing_keeps_its_very_bytes(mime: str) -> None:
    data = saved(drawn((60, 40)), mime)
    fitted = fit(data, mime, ALL)
    assert fitted == FittedPicture(data, mime, 60, 40)


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_rows": 1}, {"quality": 100}])  # fmt: skip
def test_so_does_every_kind_of_jpeg(options: dict[str, Any]) -> None:
    data = saved(noisy((160, 90)), JPEG, icc_profile=SRGB, **options)
    assert fit(data, JPEG, ALL).content == data


@pytest.mark.parametrize("mime", [JPEG, PNG, GIF, WEBP])
def test_metadata_go_and_the_pixels_stay(mime: str) -> None:
    data = saved(drawn((60, 40)), mime, told=True)
    assert SECRET in data
    fitted = fit(data, mime, ALL)
    assert_says_nothing(fitted.content)
    assert pixels_of(fitted.content) == pixels_of(data)
    word = "metadata removed" if mime == GIF else "location and other metadata removed"
    assert (fitted.changes, fitted.details) == ((), (word,))
    assert fit(fitted.content, mime, ALL).content == fitted.content


def test_what_a_camera_puts_behind_a_picture_goes() -> None:
    data = saved(drawn((60, 40)), JPEG)
    fitted = fit(data + b"a clip with sound " + SECRET, JPEG, ALL)
    assert fitted.content == data
    assert fitted.details == ("metadata removed",)


def test_the_thumbnail_of_a_jpeg_goes() -> None:
    # in the EXIF data of cameras it often shows what was cut off later; old programs put it into the JFIF segment
    data = saved(drawn((60, 40)), JPEG)
    at = data.index(b"JFIF\0")
    thumbnail = bytes([2, 1]) + b"secret"
    told = (
        data[: at - 2] + (22).to_bytes(2, "big") + data[at : at + 12] + thumbnail + data[at + 14 :]
    )
    assert fit(told, JPEG, ALL).content == data


@pytest.mark.parametrize("mime", [JPEG, PNG, WEBP])
@pytest.mark.parametrize("limits", [ALL, PictureLimits((JPEG, PNG, WEBP), 10**6, max_width=30)])
def test_the_colour_profile_stays(mime: str, limits: PictureLimits) -> None:
    fitted = fit(saved(drawn((60, 40)), mime, told=True, icc_profile=SRGB), mime, limits)
    with Image.open(io.BytesIO(fitted.content)) as image:
        assert image.info["icc_profile"] == SRGB
    assert_says_nothing(fitted.content)


def test_a_profile_for_other_colours_does_not_stay() -> None:
    picture = drawn((60, 40), "L")
    fitted = fit(saved(picture, JPEG, icc_profile=SRGB), JPEG, PictureLimits((WEBP,), 10**6))
    with Image.open(io.BytesIO(fitted.content)) as image:
        assert image.info["icc_profile"] == SRGB
    grey = SRGB[:16] + b"GRAY" + SRGB[20:]
    fitted = fit(saved(picture, JPEG, icc_profile=grey), JPEG, PictureLimits((WEBP,), 10**6))
    with Image.open(io.BytesIO(fitted.content)) as image:
        assert "icc_profile" not in image.info


@pytest.mark.parametrize("told", [False, True])
def test_a_moving_gif_keeps_its_frames(told: bool) -> None:
    frames = [drawn((20, 10)), drawn((20, 10)).rotate(180)]
    data = saved(frames[0], GIF, told=told, save_all=True, append_images=frames[1:], duration=70, loop=3)  # fmt: skip
    fitted = fit(data, GIF, ALL)
    assert (fitted.content == data) is not told
    assert_says_nothing(fitted.content)
    with Image.open(io.BytesIO(fitted.content)) as image:
        assert (image.n_frames, image.info["loop"], image.info["duration"]) == (2, 3, 70)  # type: ignore[attr-defined]


def test_a_moving_gif_is_never_drawn_anew() -> None:
    data = saved(drawn((20, 10)), GIF, save_all=True, append_images=[drawn((20, 10)).rotate(180)])
    with pytest.raises(MediaRejected, match="turned into JPEG"):
        fit(data, GIF, ONLY_JPEG)


# ------------------------------------------------------------------------------------ turned


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("mime", [JPEG, PNG, WEBP])
def test_a_picture_is_upright_without_exif(mime: str, turn: int) -> None:
    data = saved(drawn((64, 48)), mime, turn=turn)
    fitted = fit(data, mime, ALL)
    assert_says_nothing(fitted.content)
    assert (fitted.width, fitted.height) == ((48, 64) if turn > 4 else (64, 48))
    assert distance(shown(fitted.content), shown(data)) < NEAR
    assert fitted.changes == ()
    assert ("turned upright" in fitted.details) is (turn > 1)


def test_an_orientation_that_does_not_exist_turns_nothing() -> None:
    data = saved(drawn((60, 40)), JPEG, turn=9)
    fitted = fit(data, JPEG, ALL)
    assert (fitted.width, fitted.height) == (60, 40)
    assert_says_nothing(fitted.content)


def test_a_picture_that_is_turned_by_xmp_alone_is_upright_too() -> None:
    data = saved(drawn((64, 48)), JPEG, xmp=b'<rdf:Description tiff:Orientation="6"/>')
    fitted = fit(data, JPEG, ALL)
    assert (fitted.width, fitted.height) == (48, 64)
    assert_says_nothing(fitted.content)


def test_a_turned_jpeg_is_as_fine_as_it_was_and_no_finer() -> None:
    data = saved(noisy((160, 96)), JPEG, turn=6, quality=40)
    fitted = fit(data, JPEG, ALL)
    assert len(data) * 0.9 < len(fitted.content) < len(data) * 1.1
    with Image.open(io.BytesIO(data)) as one, Image.open(io.BytesIO(fitted.content)) as other:
        assert one.quantization == other.quantization  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------ colours


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("limits", [ONLY_JPEG, PictureLimits((WEBP,), 10**6), PictureLimits((PNG,), 10**6, max_width=70)])  # fmt: skip
def test_every_kind_of_png_looks_the_same_afterwards(mode: str, limits: PictureLimits) -> None:
    # a checkerboard of pixels is no smooth picture any more, so black and white gets one side each
    picture = drawn((80, 60), "RGB" if mode in ("1", "I;16") else mode)
    if mode == "1":
        picture = drawn((80, 60), "L").point(lambda value: 255 * (value > 100)).convert("1")
    if mode == "I;16":
        picture = Image.new("I;16", (80, 60), 40_000)
    data = saved(picture, PNG)
    fitted = fit(data, PNG, limits)
    expected = shown(data)
    if mode == "I;16":
        expected = Image.new("RGB", (80, 60), (156, 156, 156))  # 40,000 of 65,535
    assert distance(shown(fitted.content), expected.resize((fitted.width, fitted.height))) < NEAR
    with Image.open(io.BytesIO(fitted.content)) as image:
        if mode in ("LA", "RGBA"):
            assert image.has_transparency_data is (limits is not ONLY_JPEG)
        if mode in ("1", "L", "I;16") and limits.mimes != (WEBP,):
            assert image.mode == "L"


def test_transparency_becomes_white_in_a_jpeg_and_is_said() -> None:
    clear = saved(Image.new("RGBA", (40, 40), (255, 0, 0, 0)), PNG)
    fitted = fit(clear, PNG, ONLY_JPEG)
    assert fitted.details == ("transparent parts made white", "saved with quality 92")
    assert distance(shown(fitted.content), Image.new("RGB", (40, 40), "white")) == 0
    opaque = saved(Image.new("RGBA", (40, 40), (255, 0, 0, 255)), PNG)
    assert fit(opaque, PNG, ONLY_JPEG).details == ("saved with quality 92",)


def test_a_transparent_colour_of_a_palette_becomes_white() -> None:
    palette = Image.new("P", (40, 40), 1)
    palette.putpalette([10, 20, 30, 200, 0, 0])
    for mime in (PNG, GIF):
        fitted = fit(saved(palette, mime, transparency=1), mime, ONLY_JPEG)
        assert distance(shown(fitted.content), Image.new("RGB", (40, 40), "white")) == 0


def test_colours_for_print_become_those_of_screens() -> None:
    data = saved(drawn((60, 40), "CMYK"), JPEG)
    assert fit(data, JPEG, ALL).content == data
    fitted = fit(data, JPEG, PictureLimits((PNG,), 10**6))
    with Image.open(io.BytesIO(fitted.content)) as image:
        assert image.mode == "RGB"
    assert distance(shown(fitted.content), drawn((60, 40))) < NEAR
    # a profile that is none is no reason to refuse a picture
    damaged = saved(drawn((60, 40), "CMYK"), JPEG, icc_profile=b"no profile" * 20)
    assert fit(damaged, JPEG, PictureLimits((PNG,), 10**6)).mime == PNG


def test_what_is_added_at_the_sides_is_white_and_the_picture_whole() -> None:
    limits = PictureLimits((PNG, JPEG), 10**6, min_ratio=1, max_ratio=1.5)
    data = saved(drawn((40, 60), "RGBA"), PNG)
    fitted = fit(data, PNG, limits)
    assert fitted.changes == ("widened with white from 2:3 to 1:1",)
    with Image.open(io.BytesIO(fitted.content)) as image:
        assert image.size == (60, 60)
        assert image.crop((10, 0, 50, 60)).tobytes() == drawn((40, 60), "RGBA").tobytes()
        for side in ((0, 0, 10, 60), (50, 0, 60, 60)):
            assert image.crop(side).getcolors() == [(600, (255, 255, 255, 255))]


# ------------------------------------------------------------------------------------ bytes


def test_bytes_are_saved_by_quality_first() -> None:
    data = saved(noisy((200, 150)), JPEG, quality=98)
    fitted = fit(data, JPEG, PictureLimits((JPEG,), len(data) // 3))
    assert len(fitted.content) <= len(data) // 3
    assert (fitted.width, fitted.height) == (200, 150)
    assert fitted.changes == (f"compressed to at most {len(data) // 3000} kB",)
    assert fitted.details == ("saved with quality 60",)


def test_and_by_size_when_quality_is_not_enough() -> None:
    data = saved(noisy((200, 150)), JPEG, quality=98)
    limits = PictureLimits((JPEG,), 4000, min_ratio=1.5, max_ratio=1.91)
    fitted = fit(data, JPEG, limits)
    assert len(fitted.content) <= 4000
    assert fitted.width / fitted.height >= 1.5
    assert fitted.changes == ("widened with white from 4:3 to 3:2", "compressed to at most 4 kB")
    assert fitted.details == ("scaled to 100 × 75 to stay within 4 kB", "saved with quality 75")


def test_a_png_that_may_not_become_a_jpeg_gets_smaller() -> None:
    data = saved(noisy((200, 150)), PNG)
    fitted = fit(data, PNG, PictureLimits((PNG,), 30_000))
    assert (fitted.width, fitted.height) == (100, 75)
    assert fitted.details == ("scaled to 100 × 75 to stay within 30 kB",)


@pytest.mark.parametrize("limits", [PictureLimits((JPEG,), 500), PictureLimits((JPEG,), 4000, min_width=180)])  # fmt: skip
def test_a_picture_is_not_spoiled_to_be_small(limits: PictureLimits) -> None:
    with pytest.raises(MediaRejected, match="cannot be brought to at most"):
        fit(saved(noisy((200, 150)), JPEG), JPEG, limits)


def test_a_jpeg_that_is_too_large_by_its_metadata_alone_keeps_its_pixels() -> None:
    plain = saved(drawn((60, 40)), JPEG)
    fitted = fit(plain + b"\0" * 10_000, JPEG, PictureLimits((JPEG,), len(plain)))
    assert fitted.content == plain
    assert fitted.details == ("metadata removed",)


# ------------------------------------------------------------------------------------ broken and hostile


@pytest.mark.parametrize("mime", [JPEG, PNG, WEBP, GIF])
def test_a_broken_picture_is_refused(mime: str) -> None:
    data = saved(noisy((60, 40)), mime)
    limits = PictureLimits((PNG if mime == JPEG else JPEG,), 10**6)
    with pytest.raises(MediaRejected, match="damaged or cut off"):
        fit(data[: len(data) // 2], mime, limits)
    with pytest.raises(MediaRejected, match="damaged or cut off"):
        fit(b"not a picture at all", mime, limits)


def test_a_picture_of_too_many_pixels_is_refused() -> None:
    data = saved(Image.new("1", (7000, 7000)), PNG)
    with pytest.raises(MediaRejected, match="7000 x 7000 pixels"):
        fit(data, PNG, ONLY_JPEG)


def test_a_jpeg_that_cannot_be_taken_apart_is_written_anew() -> None:
    # with something between its segments, which decoders forgive
    data = saved(drawn((60, 40)), JPEG, told=True)
    fitted = fit(data[:20] + SECRET + data[20:], JPEG, ALL)
    assert_says_nothing(fitted.content)
    assert distance(shown(fitted.content), shown(data)) < NEAR


def test_the_file_is_only_read_and_stays_open() -> None:
    for mime in (JPEG, PNG, WEBP, GIF):
        data = saved(drawn((60, 40)), mime, told=True)
        file = io.BytesIO(data)
        file.seek(11)
        fit_picture(file, mime, PictureLimits((PNG if mime != PNG else JPEG,), 10**6, max_width=30))
        assert file.getvalue() == data


# ------------------------------------------------------------------------------------ everything at once

Result = TypeVar("Result")
sides = st.integers(1, 90)
limits_given = st.builds(
    PictureLimits,
    mimes=st.permutations((JPEG, PNG, WEBP)).flatmap(
        lambda some: st.integers(1, 3).map(lambda count: tuple(some[:count]))
    ),
    max_bytes=st.integers(700, 20_000),
    max_pixels=st.none() | st.integers(500, 9000),
    max_width=st.none() | st.integers(30, 100),
    max_height=st.none() | st.integers(30, 100),
    min_width=st.none() | st.integers(1, 30),
    min_ratio=st.none() | st.floats(0.3, 1.0),
    max_ratio=st.none() | st.floats(1.0, 3.0),
)


@given(
    mime=st.sampled_from([JPEG, PNG, GIF, WEBP]),
    size=st.tuples(sides, sides),
    mode=st.sampled_from(["L", "RGB", "P", "RGBA"]),
    turn=st.integers(1, 8),
    told=st.booleans(),
    limits=limits_given,
)
def test_what_is_sent_is_what_was_planned(
    mime: str,
    size: tuple[int, int],
    mode: str,
    turn: int,
    told: bool,
    limits: PictureLimits,
) -> None:
    if mime == JPEG and mode in ("P", "RGBA"):
        mode = "RGB"
    turn = 1 if mime == GIF else turn
    data = saved(drawn(size, mode), mime, turn=turn, told=told)
    width, height = shown(data).size
    planned = outcome(lambda: planned_changes(mime, len(data), width, height, limits))
    fitted = outcome(lambda: fit(data, mime, limits))
    if isinstance(planned, str) or isinstance(fitted, str):
        # only the bytes tell how far they can be compressed
        assert fitted == planned or "cannot be brought to at most" in str(fitted)
        return
    assert fitted.changes == planned
    assert fit(data, mime, limits) == fitted
    assert_within(fitted, limits)
    assert_says_nothing(fitted.content)
    if not any(word.startswith("saved with quality") for word in fitted.details):
        assert_same_pixels(fitted, data)


def outcome(call: Callable[[], Result]) -> Result | str:
    """What the call gives, or the sentence with which it refuses."""
    try:
        return call()
    except MediaRejected as refused:
        return str(refused)


def assert_within(fitted: FittedPicture, limits: PictureLimits) -> None:
    with Image.open(io.BytesIO(fitted.content)) as image:
        assert image.get_format_mimetype() == fitted.mime  # type: ignore[attr-defined]
        width, height = image.size
    assert (width, height) == (fitted.width, fitted.height)
    assert fitted.mime in limits.mimes
    assert len(fitted.content) <= limits.max_bytes
    assert width * height < (limits.max_pixels or width * height + 1)
    assert (limits.min_width or 0) <= width <= (limits.max_width or width)
    assert height <= (limits.max_height or height)
    assert (limits.min_ratio or 0) <= width / height <= (limits.max_ratio or 10**9)


def assert_same_pixels(fitted: FittedPicture, data: bytes) -> None:
    """Apart from white at the sides, unless it was scaled; of a turned JPEG nearly so."""
    if any("scaled" in word for word in (*fitted.changes, *fitted.details)):
        return
    source = shown(data)
    left, top = (fitted.width - source.width) // 2, (fitted.height - source.height) // 2
    box = (left, top, left + source.width, top + source.height)
    middle = shown(fitted.content).crop(box)
    if fitted.mime == JPEG and (fitted.changes or "turned upright" in fitted.details):
        # the colours of a JPEG are coarse, which shows at the sides of small ones
        assert distance(middle, source) < NEAR or min(source.size) < 40
    else:
        assert distance(middle, source) == 0
    size = (source.width, source.height)
    assert (fitted.width, fitted.height) == size or "with white" in " ".join(fitted.changes)
