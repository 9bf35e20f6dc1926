"""A strict stand-in for social platforms, over real HTTP.

Platforms are mounted by host name: the host of the real address is the first path segment, so
``{sandbox}/api.linkedin.com/rest/posts`` stands for ``https://api.linkedin.com/rest/posts``.

How a request travels::

    server.py     reads it whole from the socket
    orders.py     was a fault ordered for it?
    mounting.py   which platform's Flask application answers it
    linkedin/     the rules of that platform
    delivery.py   puts the answer, or the ordered fault, on the wire
    ledger.py     writes down what happened

The rules come from the platforms' documentation, not from any client; this package imports no
client code. ``control.py`` is the control path for tests and tools, ``pages.py`` what people see.
A further platform is one more package beside ``linkedin/``, with a ``platform.py``; it is found by
itself. Its rules are written from its documentation, see ``backend/platforms/ADDING.md``.
"""

import pkgutil
from pathlib import Path


def platforms() -> list[str]:
    """The names of the platforms there are: of each package in here that has a ``platform.py``."""
    packages = (module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    return sorted(name for name in packages if (Path(__path__[0]) / name / "platform.py").exists())
