"""The local stack: everything Lin talks to, on loopback, and the commands behind scripts/."""
