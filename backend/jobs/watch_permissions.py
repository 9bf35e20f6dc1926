"""Warn of permissions that cannot be renewed and end soon; park accounts whose permission has ended."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Tell each owner once; LinkedIn's 60 days are warned of from day 50."""
    services.supabase.service.accounts.watch_permissions()
