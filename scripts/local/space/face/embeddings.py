"""`POST /v1/embeddings`."""

from __future__ import annotations

import asyncio
import base64
import struct
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from .. import embedding
from ..endpoints.embed import GARBAGE
from ..misbehaving import in_one_piece
from ..orders import Desk
from .refusing import MODEL, Refused, check_model


class _Asked(BaseModel):
    model: str
    input: str | list[str]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


def embeddings(desk: Desk) -> APIRouter:
    """The route. It carries out orders for `embed`."""
    router = APIRouter()

    @router.post("/embeddings")
    async def embed(asked: _Asked) -> dict[str, Any]:
        check_model(asked.model)
        texts = [asked.input] if isinstance(asked.input, str) else asked.input
        if not 1 <= len(texts) <= embedding.MOST_TEXTS or not all(texts):
            said = f"input must be a text or 1 to {embedding.MOST_TEXTS} of them, none empty."
            raise Refused(400, said, param="input")
        if asked.dimensions not in (None, embedding.SIZE):
            said = f"This model has {embedding.SIZE} dimensions only."
            raise Refused(400, said, param="dimensions")
        order = desk.begin("embed", texts=texts)
        await in_one_piece(order, desk)
        if order and order.order in ("empty", "garbage"):
            vectors = [] if order.order == "empty" else GARBAGE
        else:
            vectors = await asyncio.to_thread(embedding.embed, texts)
        words = sum(len(text.split()) for text in texts)
        listed = [
            {"object": "embedding", "index": at, "embedding": _told(one, asked.encoding_format)}
            for at, one in enumerate(vectors)
        ]
        usage = {"prompt_tokens": words, "total_tokens": words}
        return {"object": "list", "data": listed, "model": MODEL, "usage": usage}

    return router


def _told(vector: list[float], encoding: str) -> list[float] | str:
    if encoding == "float":
        return vector
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
