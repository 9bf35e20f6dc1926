"""Fields that many models have, each with its form and an example."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

Id = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        examples=["3f2b8c1e-9d47-4a6b-8e05-7c1d2f3a4b5c"],
    ),
]
"""The id of a row."""

Moment = Annotated[datetime, Field(examples=["2027-01-05T09:00:00+00:00"])]
"""A moment with its zone, as the database tells it."""
