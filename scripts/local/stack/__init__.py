"""Start, use and stop the local stack: `with Stack(root, state) as stack: stack.info["api_url"]`."""

from .errors import StackError
from .stack import Stack

__all__ = ["Stack", "StackError"]
