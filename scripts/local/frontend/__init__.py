"""A stand-in for a frontend: the pages OAuth and Auth's mails lead back to, and a feed with articles to draft from."""
