"""A talk with the mentor: a question about what was read, the citation, the voice, and a draft out of it."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from typing import Any

import requests

from .visitor import DemoError, Visitor

# Its answer is in one article only, of the Atom feed.
QUESTION = "How many oak planks is the new lock gate made of?"
ANSWER = "340"
ARTICLE = "The old lock opens again"

Say = Callable[[int, str, list[str]], None]


class Talk:
    """The steps about the mentor. Raises DemoError."""

    def __init__(self, visitor: Visitor, say: Say) -> None:
        self._visitor = visitor
        self._say = say

    def ask(self, number: int) -> str:
        """Ask the question and follow the answer; returns the id of the message."""
        pieces, message_id = 0, ""
        for event, data in self._visitor.events("/api/chat/send", "POST", {"message": QUESTION}):
            message_id = str(data.get("message_id", message_id))
            pieces += event == "delta"
            if event == "error":
                raise DemoError(f"the answer ended as {data}")
            if event == "done":
                cited = self._cited(data)
                self._say(number, "asked the mentor about what was read", [
                    f"question: {QUESTION}",
                    f'answer:   "{_telling_line(data["text"])}", in {pieces} pieces, {data["state"]}',
                    f'cites:    [{cited["number"]}] "{cited["title"]}", {cited["url"]}',
                ])  # fmt: skip
                return message_id
        raise DemoError("the stream of the answer ended without an end")

    def _cited(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The citation that the answer rests on, which has to be the article that holds it."""
        if ANSWER not in answer["text"]:
            raise DemoError(f"the answer does not say {ANSWER}: {answer['text']!r}")
        cited = next((one for one in answer["citations"] if one["title"] == ARTICLE), None)
        if cited is None or f"[{cited['number']}]" not in answer["text"]:
            raise DemoError(f"the answer does not cite its article: {answer['citations']}")
        item = self._visitor.row("source_items", "title,text", id=cited["id"])
        if ANSWER not in item["text"]:
            raise DemoError(f"the article it cites does not say {ANSWER}")
        return dict(cited)

    def hear(self, number: int, message_id: str) -> None:
        """Let the answer be spoken, and play it as far as a program can: decode every sample."""
        asked = {"message_id": message_id}
        heard = self._visitor.call("POST", "/api/chat/speak", asked).json()
        again = self._visitor.call("POST", "/api/chat/speak", asked).json()
        if again["media_id"] != heard["media_id"] or not again["cached"]:
            raise DemoError(f"the same answer was spoken twice: {again}")
        sound = requests.get(heard["audio_url"], timeout=30)
        with wave.open(io.BytesIO(sound.content)) as samples:
            rate, count = samples.getframerate(), samples.getnframes()
            loudest = max(abs(value) for value in memoryview(samples.readframes(count)).cast("h"))
        if not count or loudest < 1000:
            raise DemoError(f"the sound is silent: {count} samples, the loudest {loudest} of 32767")
        stored = self._visitor.row("media", "path,mime,bytes,kind,status", id=heard["media_id"])
        self._say(number, "heard the answer", [
            f"{heard['duration']:.1f} s of {heard['mime']}, {len(sound.content):,} bytes, {rate} Hz, decoded: loudest sample {loudest}",
            f"kept:     {stored['kind']}, {stored['status']}, {stored['path'].partition('/')[2]}; asked for again, it came from there",
            f"play      {heard['audio_url']} (until {heard['expires_at'][:16]} UTC)",
        ])  # fmt: skip

    def draft(self, number: int, message_id: str, account: dict[str, Any]) -> dict[str, Any]:
        """Turn the answer into a draft for the account; returns the post."""
        made = self._visitor.call("POST", f"/api/chat/messages/{message_id}/post").json()
        self._visitor.insert("post_targets", post_id=made["post_id"], account_id=account["id"])
        post = self._visitor.row("posts", "id,text,status", id=made["post_id"])
        if "[1]" in post["text"]:
            raise DemoError(f"the draft still cites: {post['text']!r}")
        self._say(number, "turned the answer into a draft", [
            f'{post["status"]}: "{_telling_line(post["text"])}", without the citation'
        ])  # fmt: skip
        return post


def _telling_line(text: str) -> str:
    """The line with what was asked for, else the first; cut to what fits on a screen."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = next((line for line in lines if ANSWER in line), lines[0])
    return line if len(line) <= 110 else f"{line[:109]}…"
