"""Films for Facebook's tests, made out of the small one that all platforms share."""

from __future__ import annotations

import dataclasses
import struct

from backend.core.platform_contract import Attachment
from tests.contracts.conftest import attachment

# as conftest writes them: 64 by 48 pixels, one frame of five seconds
_SHOWN = struct.pack(">II", 64 << 16, 48 << 16)
_CODED = struct.pack(">HHIII", 64, 48, 72 << 16, 72 << 16, 0)
_TIMES = b"stts" + bytes(4) + struct.pack(">III", 1, 1, 5000)
_SIZES = b"stsz" + bytes(4) + struct.pack(">II", 1000, 1)


def film(data: bytes) -> Attachment:
    """A film as the library describes it."""
    return dataclasses.replace(attachment("video", data), width=64, height=48, duration=5.0)


def upright(data: bytes) -> Attachment:
    """The same 540 by 960 pixels large, with 30 frames a second: what a reel has to be."""
    for old, new in (
        (_SHOWN, struct.pack(">II", 540 << 16, 960 << 16)),
        (_CODED, struct.pack(">HHIII", 540, 960, 72 << 16, 72 << 16, 0)),
        (_TIMES, b"stts" + bytes(4) + struct.pack(">III", 1, 150, 33)),
        (_SIZES, b"stsz" + bytes(4) + struct.pack(">II", 8, 150)),
    ):
        assert data.count(old) == 1, old
        data = data.replace(old, new)
    return dataclasses.replace(attachment("video", data), width=540, height=960, duration=5.0)
