"""`/v1`: models, chat completions, embeddings and speech, strict about what the API asks for."""

from __future__ import annotations

import hmac
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ..misbehaving import OrderedFailure
from ..orders import Desk
from .completions import completions
from .embeddings import embeddings
from .refusing import MODEL, Refused
from .speech import speech


def build_face(desk: Desk, key: str | None) -> FastAPI:
    """The app to be mounted at `/v1`. With `key` every request must bring it as its bearer token."""

    async def check_key(request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if key and not hmac.compare_digest(given.encode(), key.encode()):
            raise Refused(401, "Incorrect API key provided.", code="invalid_api_key")

    face = FastAPI(
        docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(check_key)]
    )
    face.add_exception_handler(Refused, _refused)
    face.add_exception_handler(OrderedFailure, _failed)
    face.add_exception_handler(RequestValidationError, _invalid)
    face.add_exception_handler(HTTPException, _no_such_path)
    face.include_router(completions(desk))
    face.include_router(embeddings(desk))
    face.include_router(speech(desk))

    @face.get("/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [_model()]}

    @face.get("/models/{name}")
    async def model(name: str) -> dict[str, Any]:
        if name != MODEL:
            raise Refused.unknown_model(name)
        return _model()

    return face


def _model() -> dict[str, Any]:
    return {"id": MODEL, "object": "model", "created": 0, "owned_by": "lin"}


async def _refused(_: Request, refused: Exception) -> JSONResponse:
    assert isinstance(refused, Refused)  # noqa: S101  the handler is registered for it alone
    return refused.answer()


async def _failed(_: Request, failure: Exception) -> JSONResponse:
    return Refused(500, str(failure), kind="server_error").answer()


async def _invalid(_: Request, invalid: Exception) -> JSONResponse:
    assert isinstance(invalid, RequestValidationError)  # noqa: S101  as above
    first = invalid.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    return Refused(400, f"{where or 'body'}: {first['msg']}.", param=where or None).answer()


async def _no_such_path(request: Request, refused: Exception) -> JSONResponse:
    assert isinstance(refused, HTTPException)  # noqa: S101  as above
    said = f"Invalid URL ({request.method} {request.url.path})"
    return Refused(refused.status_code, said, code="unknown_url").answer()
