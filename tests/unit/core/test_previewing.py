"""Previews: each target as the renderer that sends it makes it."""

from __future__ import annotations

from typing import Any

import pytest

from backend.core.previewing import preview_targets
from backend.media.planning import plan_picture
from backend.platforms.linkedin import LinkedIn


class NoDoor:
    """A preview sends nothing."""

    def send(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("a preview must not talk to a platform")

    def browser_url(self, url: str) -> str:
        return url


PLATFORMS = {"linkedin": LinkedIn(NoDoor(), LinkedIn.Settings(client_id="i", client_secret="s"))}


def media(position: int, **changed: Any) -> dict[str, Any]:
    row = {
        "id": f"m{position}", "kind": "image", "mime": "image/png", "bytes": 10, "width": 4, "height": 3,
        "duration": None, "frame_rate": None, "codec": None, "index_first": None, "alt_text": None, "status": "ready", "path": f"user/{position}.png",
    }  # fmt: skip
    return {"position": position, "media": row | changed}


def post(text: str = "Hello (world) #tag", override: str | None = None, *files: dict[str, Any], **options: Any) -> dict[str, Any]:  # fmt: skip
    target = {
        "id": "t1", "text_override": override, "options": options,
        "social_accounts": {"platform_id": "linkedin", "account_name": "Ada", "kind": "person"},
    }  # fmt: skip
    return {"text": text, "post_media": list(files), "post_targets": [target]}


def preview(row: dict[str, Any]) -> dict[str, Any]:
    (only,) = preview_targets(row, PLATFORMS, plan_picture)
    return only


def test_a_target_is_shown_as_it_will_be_sent() -> None:
    shown = preview(post("Hello (world) #tag"))
    assert shown == {
        "target_id": "t1", "account_name": "Ada", "platform": "linkedin", "text": "Hello \\(world\\) #tag",
        "length": 18, "max_length": 3000, "media": [], "violations": [], "privacy": "PUBLIC",
        "parts": [{"text": "Hello \\(world\\) #tag", "length": 18, "max_length": 3000, "hashtags": ("#tag",), "links": ()}],
    }  # fmt: skip


def test_what_only_this_kind_of_account_may_not_is_told() -> None:
    row = post("Bread", visibility="CONNECTIONS")
    assert preview(row)["violations"] == []
    row["post_targets"][0]["social_accounts"]["kind"] = "organization"
    assert [v["field"] for v in preview(row)["violations"]] == ["options.visibility"]


def test_a_text_of_its_own_wins_even_when_it_is_empty() -> None:
    assert preview(post("a", "b (c)"))["text"] == "b \\(c\\)"
    assert preview(post("a", ""))["violations"] == [
        {"field": "text", "message": "The post has neither text nor media."}
    ]


def test_the_length_counts_what_is_read_not_the_escapes() -> None:
    shown = preview(post("(" * 3000))
    assert (shown["length"], len(shown["text"]), shown["violations"]) == (3000, 6000, [])
    assert preview(post("(" * 3001))["violations"] == [
        {
            "field": "text",
            "message": "The text is 3001 characters long; LinkedIn takes at most 3000.",
        }
    ]


def test_media_is_in_the_order_of_its_positions() -> None:
    row = post("a", None, media(2), media(0), media(1))
    assert [one["id"] for one in preview(row)["media"]] == ["m0", "m1", "m2"]
    assert "path" not in preview(row)["media"][0]


@pytest.mark.parametrize(
    ("status", "message"),
    [("uploaded", "File 1 is still being checked."), ("rejected", "File 1 cannot be used.")],
)
def test_a_file_that_is_not_ready_is_a_violation(status: str, message: str) -> None:
    shown = preview(post("a", None, media(0, status=status, kind=None, mime=None)))
    assert {"field": "media", "message": message} in shown["violations"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([media(0, kind="video"), media(1)], "files of different kinds"),
        ([media(0, kind="audio")], "does not take a file of kind audio"),
        ([media(n) for n in range(21)], "at most 20"),
        ([media(n, kind="video") for n in range(2)], "at most 1"),
        ([media(0, alt_text="a" * 4087)], "alt text of file 1 is 4087 characters long"),
    ],
)
def test_what_the_platform_would_refuse_is_told_before_sending(
    files: list[dict[str, Any]], words: str
) -> None:
    messages = [v["message"] for v in preview(post("a", None, *files))["violations"]]
    assert any(words in message for message in messages)


def test_options_are_checked_too() -> None:
    violations = preview(post("a", None, visibility="SECRET"))["violations"]
    assert [v["field"] for v in violations] == ["options.visibility"]


def test_a_picture_is_shown_as_it_will_be_sent_with_what_is_done_to_it() -> None:
    (file,) = preview(post("a", None, media(0, mime="image/webp", width=9000, height=6000)))[
        "media"
    ]
    assert (file["mime"], file["width"]) == ("image/webp", 9000)
    assert file["sent"]["mime"] in LinkedIn.pictures.mimes
    assert file["sent"]["width"] * file["sent"]["height"] < LinkedIn.pictures.max_pixels
    assert any(change.startswith("scaled from 9000") for change in file["sent"]["changes"])


def test_a_post_without_targets_has_no_previews() -> None:
    assert preview_targets(post() | {"post_targets": []}, PLATFORMS, plan_picture) == []
