"""The one door out: `PlatformHttp` to social networks, `PublicHttp` to addresses that users typed."""

from __future__ import annotations

from .platforms import PlatformHttp
from .public import PublicHttp

__all__ = ["PlatformHttp", "PublicHttp"]
