"""A mailbox: SMTP in, Mailpit's HTTP answers and a readable page out. It delivers nothing to anybody."""
