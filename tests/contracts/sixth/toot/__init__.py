"""Toot, as toot.md documents it."""

from .platform import Toot

PLATFORM = Toot
