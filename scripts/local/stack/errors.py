"""What can go wrong while the stack starts."""


class StackError(Exception):
    """The stack cannot start or go on; the message says what to do."""
