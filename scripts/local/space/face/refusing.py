"""The one model of the face, and refusals in the shape that the API gives its errors."""

from __future__ import annotations

from fastapi.responses import JSONResponse

MODEL = "lin-stand-in"
"""The name of everything here; there is no model behind it."""


class Refused(Exception):
    """A request that is answered with an error object."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "type": kind, "param": param, "code": code}

    @classmethod
    def unknown_model(cls, name: str) -> Refused:
        """The error for a model that is not `MODEL`."""
        said = f"The model `{name[:80]}` does not exist; this is {MODEL}."
        return cls(404, said, param="model", code="model_not_found")

    def answer(self) -> JSONResponse:
        """The error as it is sent."""
        return JSONResponse({"error": self.error}, self.status)


def check_model(name: str) -> None:
    """Raises Refused (404) for any model but the one."""
    if name != MODEL:
        raise Refused.unknown_model(name)
