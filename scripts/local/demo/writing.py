"""Drafts by the Space: three variants of one article, and one of them made shorter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .visitor import DemoError, Visitor

Say = Callable[[int, str, list[str]], None]


class Writing:
    """The steps about drafts. Raises DemoError."""

    def __init__(self, visitor: Visitor, say: Say) -> None:
        self._visitor = visitor
        self._say = say

    def variants(self, number: int, item: dict[str, Any]) -> dict[str, Any]:
        """Three variants of a post about the article, with an image; returns the output with its generation_id."""
        output, pieces = self._generate(
            source_item_id=item["id"], platform="linkedin", tone="warm", language="en", image=True, variants=3
        )  # fmt: skip
        texts = [variant["text"] for variant in output["variants"]]
        if len(set(texts)) != 3:
            raise DemoError(f"these are not three variants: {texts}")
        self._say(number, f'the Space drafted three variants about "{item["title"]}"', [
            f"{pieces} progress events, then three texts and an image",
            *(
                f'{place}: {variant["length"]} of {variant["max_length"]} characters, "{_own_line(variant["text"], texts)}"'
                for place, variant in enumerate(output["variants"], 1)
            ),
        ])  # fmt: skip
        return output

    def refine(self, number: int, output: dict[str, Any]) -> dict[str, Any]:
        """The second variant, shorter; returns the new output with its generation_id."""
        before = output["variants"][1]
        shorter, _ = self._generate(
            generation_id=output["generation_id"], variant=2, instruction="shorter", platform="linkedin"
        )  # fmt: skip
        if shorter["length"] >= before["length"]:
            raise DemoError(f"{shorter['length']} characters are not shorter: {shorter['text']!r}")
        self._say(number, 'refined the second one: "shorter"', [
            f'{before["length"]} → {shorter["length"]} characters, without "{_own_line(before["text"], [shorter["text"]])}"'
        ])  # fmt: skip
        return shorter

    def _generate(self, **wanted: Any) -> tuple[dict[str, Any], int]:
        """The output of one generation, and in how many progress events it came."""
        generation_id = self._visitor.call("POST", "/api/generate", wanted).json()["generation_id"]
        pieces = 0
        for event, data in self._visitor.events(f"/api/generations/{generation_id}/events"):
            pieces += event == "progress"
            if event == "error":
                raise DemoError(f"the draft ended as {data}")
            if event == "result":
                return {**data["output"], "generation_id": generation_id}, pieces
        raise DemoError("the stream of events ended without a result")


def _own_line(text: str, others: list[str]) -> str:
    """The first line that the other texts do not have; cut to what fits on a screen."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    rest = [other for other in others if other != text]
    shown = next((line for line in lines if not any(line in other for other in rest)), lines[0])
    return shown if len(shown) <= 80 else f"{shown[:79]}…"
