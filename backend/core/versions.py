"""Platforms' API versions end. The operator is told in time: here is who, and how long there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from .platform_contract import Platform, Versioned

# An operator who reads this in time has two months to set another version and try it.
WARN_DAYS = 60


@dataclass(frozen=True)
class VersionEnd:
    """A platform's version in use. `days` are left until it is refused, negative when it is."""

    platform: str
    version: str
    ends: date
    days: int

    @property
    def is_near(self) -> bool:
        """Whether the operator should act."""
        return self.days <= WARN_DAYS

    @property
    def sentence(self) -> str:
        """What to tell the operator."""
        left = "1 day" if self.days == 1 else f"{self.days} days"
        when = f"ends on {self.ends}, in {left}" if self.days > 0 else f"ended on {self.ends}"
        return f"Version {self.version} of {self.platform}'s API {when}; set {self.platform.upper()}_VERSION."


def version_ends(platforms: Mapping[str, Platform], today: date) -> list[VersionEnd]:
    """The configured platforms whose version has a known end, by name."""
    found = []
    for name, platform in sorted(platforms.items()):
        if platform.configured and isinstance(platform, Versioned):
            ends = platform.version_ends
            if ends is not None:
                found.append(VersionEnd(name, platform.version, ends, (ends - today).days))
    return found
