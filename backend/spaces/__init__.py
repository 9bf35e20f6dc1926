"""The Spaces that Lin can use, one file per kind. ADDING.md tells how to add one."""

from .writer import WriterSpace

SPACES = {
    "writer": WriterSpace,
}
"""What a Space is for -> the class that talks to it, sorted by name."""

__all__ = ["SPACES", "WriterSpace"]
