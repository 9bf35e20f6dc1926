"""One social network per file. To add one, read ADDING.md beside this file."""

from .linkedin import LinkedIn

PLATFORMS = {
    "linkedin": LinkedIn,
}
