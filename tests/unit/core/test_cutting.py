"""How long it takes to cut a text. What it makes of one is tried where passages are."""

from __future__ import annotations

import time

import pytest

from backend.core.cutting import cut


@pytest.mark.parametrize(
    "endless", [" " * 60_000, "\t \u00a0" * 20_000, "." * 60_000, '."' * 30_000]
)
def test_a_run_of_signs_takes_no_time_to_speak_of(endless: str) -> None:
    begun = time.thread_time()
    pieces = cut(f"Marmots{endless}whistle.")
    assert (
        time.thread_time() - begun < 2
    )  # looked at from each of its places, a run of spaces would take longer
    assert pieces[0].startswith("Marmots")
    assert pieces[-1].endswith("whistle.")
