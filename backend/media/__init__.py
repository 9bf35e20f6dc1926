"""What an uploaded file really is, and how a picture becomes what a platform takes."""

from __future__ import annotations

from .fitting import FittedPicture, fit_picture
from .inspecting import Inspector
from .planning import PicturePlan, plan_picture, planned_changes

__all__ = [
    "FittedPicture",
    "Inspector",
    "PicturePlan",
    "fit_picture",
    "plan_picture",
    "planned_changes",
]
