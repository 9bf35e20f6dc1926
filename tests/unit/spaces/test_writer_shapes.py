"""What Spaces return: each shape from a real Gradio app, and shapes nobody can use."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from backend.core.errors import SpaceAnswerUnusable, SpaceFailed

POST = "The city renovated twelve bridges."


@pytest.mark.parametrize("path", ["text", "labelled", "file", "messages", "chat", "multimodal"])
def test_a_text_is_found_wherever_the_space_puts_it(writer, ran, path):
    written = ran.write(writer(path))
    assert (written.text, written.image, written.image_mime) == (POST, None, None)


@pytest.mark.parametrize(
    ("path", "mime"),
    [
        ("pair", "image/png"),
        ("swapped", "image/jpeg"),
        ("text_and_file", "image/png"),
        ("gallery", "image/png"),
        ("dict", "image/png"),
    ],
)
def test_text_and_image_are_told_apart_in_any_order(writer, ran, path, mime):
    written = ran.write(writer(path))
    assert written.text == POST
    assert written.image_mime == mime
    assert Image.open(io.BytesIO(written.image)).size == (8, 6)


def test_an_image_nobody_wants_is_not_fetched(apps, writer, ran):
    apps.forget_headers()
    written = ran.write(writer("pair"), image=False)
    assert (written.text, written.image) == (POST, None)
    assert not [seen for seen in apps.headers() if "/file=" in seen["path"]]


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("nothing", "without any text"),
        ("blank", "without any text"),
        ("dict_without_text", "without any text"),
        ("long", "100,001 characters; at most 100,000"),
        ("fake_image", "not a PNG, JPEG, GIF or WebP"),
        ("huge_image", "larger than 20 MB"),
        ("needs_picture", "requires “photo”, which Lin cannot fill"),
        ("number_only", "no named endpoint that takes text"),
    ],
)
def test_an_answer_nobody_can_use_says_why(writer, ran, path, complaint):
    with pytest.raises(SpaceAnswerUnusable) as refused:
        ran.write(writer(path))
    assert complaint in str(refused.value)


def test_an_untidy_text_is_tidied(writer, ran):
    assert ran.write(writer("untidy")).text == "One.\n\nTwo."


def test_an_image_too_large_does_not_matter_when_none_is_wanted(writer, ran):
    assert ran.write(writer("huge_image"), image=False).text == POST


def test_an_error_of_the_space_is_handed_on(writer, ran):
    with pytest.raises(SpaceFailed, match="reported: The model is out of paper"):
        ran.write(writer("acting"), title="fail", text="The model is out of paper")
