"""Tell the operator of API versions that end soon."""

from __future__ import annotations

import logging

from ..core.versions import version_ends
from .ports import JobServices

log = logging.getLogger("lin.versions")


def run(services: JobServices) -> None:
    """One line in the log for each; readiness and metrics tell the same."""
    for version in version_ends(services.platforms, services.clock.now().date()):
        if version.is_near:
            log.warning("an API version ends", extra={"platform": version.platform, "what_to_do": version.sentence, "days": version.days})  # fmt: skip
