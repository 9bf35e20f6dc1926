"""Mail: letters from templates, and the server that takes them. A kind of mail is two templates in each language."""

from .smtp import MailServer
from .writing import Writer

__all__ = ["MailServer", "Writer"]
