"""What an uploaded file really is, and how a picture becomes what a platform takes."""

from __future__ import annotations

from .erasing import erase_place
from .fitting import FittedPicture, fit_picture
from .inspecting import Inspector
from .planning import PicturePlan, plan_picture, planned_changes

__all__ = [
    "FittedPicture",
    "Inspector",
    "PicturePlan",
    "erase_place",
    "fit_picture",
    "plan_picture",
    "planned_changes",
]
