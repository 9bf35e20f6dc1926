"""The only folder that knows Supabase. `connect()` gives two kinds of access that never look alike.

- `Supabase.as_user(token)`: one request's access under row-level security, as the caller.
- `Supabase.service`: past row-level security, for the worker and the few functions that touch tokens and states.
"""

from .connection import Supabase
from .service import Service
from .user import AsUser

__all__ = ["AsUser", "Service", "Supabase"]
