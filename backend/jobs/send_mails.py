"""Send mails about what happened, daily digests among them."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Send what is due; a digest is due at its owner's hour."""
    if services.mailer is not None:
        services.mailer.run()
