"""The frontend's part works the same with supabase-py and supabase-js."""

from __future__ import annotations

import pytest

from .scenarios import SCENARIOS
from .supabase_py import Frontend, scenario


@pytest.mark.parametrize("name", SCENARIOS)
def test_supabase_py_can(supabase_py: Frontend, name: str) -> None:
    scenario(supabase_py, name)()


@pytest.mark.parametrize("name", SCENARIOS)
def test_supabase_js_can(supabase_js: dict[str, str | None], name: str) -> None:
    assert name in supabase_js, "the scenario was not run"
    assert supabase_js[name] is None, supabase_js[name]


def test_supabase_js_runs_no_scenario_that_is_not_on_the_list(
    supabase_js: dict[str, str | None],
) -> None:
    assert list(supabase_js) == SCENARIOS
