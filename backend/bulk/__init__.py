"""Many posts as files: CSV in and out, and pictures of figures. What is large to load is loaded when it is first used."""

from .heat_map import draw_heat_map
from .sheets import CsvSheets
from .writing import write_posts

__all__ = ["CsvSheets", "draw_heat_map", "write_posts"]
