"""A stack that begins as a copy of another's database, as most of this suite's do."""

from __future__ import annotations

import uuid
from pathlib import Path

import psycopg
import pytest

from local.stack import Stack
from tests.stacks import BARE, new_stack

from .conftest import ROOT


def people_of(stack: Stack) -> list[str]:
    """The addresses of everybody there."""
    with psycopg.connect(stack.info["database_url"]) as connection:
        return [email for (email,) in connection.execute("select email from auth.users")]


@pytest.mark.slow  # every other stack of a run is such a copy
def test_a_copy_begins_with_what_the_other_held_and_leaves_it_alone(state: Path) -> None:
    with new_stack(services=False, extra_env=BARE) as model:
        kept, key = model.state, model.info["secret_key"]
        with psycopg.connect(model.info["database_url"]) as connection:
            connection.execute(
                "insert into auth.users (id, email) values (%s, 'ada@example.com')", [uuid.uuid4()]
            )
    options = {"services": False, "extra_env": BARE}
    with Stack(ROOT, state, copy_of=kept, **options) as copy:
        assert people_of(copy) == ["ada@example.com"]
        assert copy.info["secret_key"] == key
        with psycopg.connect(copy.info["database_url"]) as connection:
            connection.execute("delete from auth.users")
    with Stack(ROOT, state, copy_of=kept, **options) as copy:
        assert people_of(copy) == [], "it is copied once"
    copy.discard()
    with Stack(ROOT, kept, **options) as model:
        assert people_of(model) == ["ada@example.com"]
    model.discard()
