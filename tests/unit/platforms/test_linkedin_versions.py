"""Until when LinkedIn takes each version, by its list; and how long the operator is warned before."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from backend.core.platform_contract import Versioned
from backend.core.versions import version_ends
from backend.outbound import PlatformHttp
from backend.platforms.linkedin import LinkedIn


def linkedin(version: str) -> LinkedIn:
    settings = LinkedIn.Settings(client_id="i", client_secret="s", version=version)
    return LinkedIn(PlatformHttp(None), settings)


@pytest.mark.parametrize(
    ("version", "ends"),
    [
        ("202609", "2027-09-15"), ("202608", "2027-08-17"), ("202607", "2027-07-15"), ("202606", "2027-06-15"),
        ("202605", "2027-05-15"), ("202604", "2027-04-15"), ("202603", "2027-03-16"), ("202602", "2027-02-15"),
        ("202601", "2027-01-15"), ("202511", "2026-11-16"), ("202510", "2026-10-15"),
        # refused already when the list was made
        ("202509", "2026-09-16"), ("202401", "2026-09-16"),
    ],
)  # fmt: skip
def test_each_version_of_the_list_has_its_end(version: str, ends: str) -> None:
    platform = linkedin(version)
    assert isinstance(platform, Versioned)
    assert (platform.version, platform.version_ends) == (version, date.fromisoformat(ends))


@pytest.mark.parametrize("version", ["202512", "202610", "203001"])
def test_what_the_list_does_not_name_has_no_known_end(version: str) -> None:
    assert linkedin(version).version_ends is None
    assert version_ends({"linkedin": linkedin(version)}, date(2026, 11, 28)) == []


@pytest.mark.parametrize("version", ["2026-09", "202613", "202600", "199909", "20260", "2026090"])
def test_what_is_no_version_stops_the_server_at_its_start(version: str) -> None:
    with pytest.raises(ValidationError):
        linkedin(version)


@pytest.mark.parametrize(
    ("today", "is_near"), [("2027-07-16", False), ("2027-07-17", True), ("2027-09-15", True)]
)
def test_the_operator_is_told_sixty_days_ahead(today: str, is_near: bool) -> None:
    (end,) = version_ends({"linkedin": linkedin("202609")}, date.fromisoformat(today))
    assert end.is_near is is_near
    assert "LINKEDIN_VERSION" in end.sentence
