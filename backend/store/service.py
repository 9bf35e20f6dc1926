"""Access past row-level security: for the worker, and for the few steps that touch tokens and states."""

from __future__ import annotations

from supabase_auth import SyncGoTrueAdminAPI

from .account_data import Deletions
from .accounts import Accounts
from .calls import Calls
from .chat import Answers
from .files import Files
from .generations import Generations
from .mails import Mails
from .media import Media
from .operations import Operations
from .passages import Passages
from .published import PublishedPosts
from .sealed import SealedSigningSecrets, SealedStates, SealedTokenRows
from .sources import Sources
from .speech import Speeches
from .targets import Targets
from .unconfirmed import Unconfirmed
from .webhooks import Webhooks


class Service:
    """Everything the service key is used for, by what it is about."""

    def __init__(self, calls: Calls, files: Files, auth: SyncGoTrueAdminAPI) -> None:
        self.targets = Targets(calls)
        self.unconfirmed = Unconfirmed(calls)
        self.published = PublishedPosts(calls)
        self.accounts = Accounts(calls)
        self.sealed = (SealedTokenRows(calls), SealedStates(calls), SealedSigningSecrets(calls))
        self.sources = Sources(calls)
        self.media = Media(calls, files)
        self.generations = Generations(calls)
        self.answers = Answers(calls)
        self.speeches = Speeches(calls, files)
        self.operations = Operations(calls)
        self.passages = Passages(calls)
        self.mails = Mails(calls)
        self.deletions = Deletions(calls, files, auth)
        self.webhooks = Webhooks(calls)
