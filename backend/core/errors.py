"""Everything that can go wrong, in one tree. Foreign errors are translated into it once, at the border.

LinError
├── InvalidInput            what the caller sent cannot be used; names the field
├── NotFound                no such thing, or it is not yours
├── Conflict                the thing is in a state that does not allow this
│   └── BeingMade           another request is making it; asking again in a moment finds it
├── TooMany                 the caller has more of it going on than allowed; wait
├── NotAllowed              the caller is known and may not do this
├── Unavailable             a part we depend on does not answer; try again later
├── SealBroken              a sealed secret cannot be opened: other key, other account, or tampered with
├── SendError               a request to a platform did not end with an answer
│   ├── NotSent             provably nothing reached the platform (name lookup, refused connection, TLS)
│   └── NoAnswer            the request may have been executed (time-out, reset, answer cut off)
├── PlatformError           the platform answered, and not with success
│   ├── TryLater            throttled or briefly unavailable; provably not executed
│   ├── Reconnect           the account's permission is gone; only its owner can renew it
│   ├── Rejected            refused for good; the same request will be refused again
│   └── OutcomeUnknown      it may be live; nobody knows yet, never send again by machine
├── MailError               a mail was not handed over
│   ├── MailServerAway      no connection, or none that takes mail of ours; nothing was sent
│   ├── MailPostponed       the server wants it later; not sent
│   ├── MailRefused         the server, or we, will never take it for this address
│   └── MailMaybeSent       the connection broke while the server had it; nobody knows
├── FetchError              a URL a user gave could not be read
│   ├── AddressRefused      scheme, host or address we do not connect to
│   ├── TooLarge            more bytes than the limit, packed or unpacked
│   └── FetchFailed         the server did not give it to us (status, redirects, time-out)
├── UnreadableSource        the bytes are not what was expected (no feed, no text)
├── MediaRejected           the bytes are not a media file we accept; the message says why
└── SpaceError              a Space did not produce a usable answer
    ├── SpaceUnavailable    asleep, building, unreachable or crashed; later may work
    ├── SpaceTimedOut       the deadline passed
    ├── SpaceFailed         the Space reported an error
    ├── SpaceAnswerUnusable it answered with a shape or content we cannot use
    └── GenerationCanceled  the user canceled
"""

from __future__ import annotations

from dataclasses import dataclass


class LinError(Exception):
    """Base of all. The message is safe to show to the user it concerns: no secrets, no internals."""


@dataclass(frozen=True)
class FieldProblem:
    """One thing wrong with one field of what the caller sent."""

    field: str
    message: str


class InvalidInput(LinError):
    """What the caller sent cannot be used; `problems` names each field and its limit."""

    def __init__(self, message: str, problems: tuple[FieldProblem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems

    @classmethod
    def of(cls, field: str, message: str) -> InvalidInput:
        """An error about one field."""
        return cls(message, (FieldProblem(field, message),))


class NotFound(LinError):
    """No such thing, or it is not the caller's; the two are not told apart."""


class Conflict(LinError):
    """The thing is in a state that does not allow what was asked."""


class BeingMade(Conflict):
    """Another request is making the same thing; asking again in a moment finds it."""


class TooMany(LinError):
    """The caller has more of it going on than allowed; waiting helps. `retry_after` seconds do, where that can be known."""

    def __init__(self, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotAllowed(LinError):
    """The caller is known and may not do this."""


class Unavailable(LinError):
    """A part we depend on does not answer; trying later may work."""


class LeaseLost(LinError):
    """The target is another worker's now, or its owner's: nothing more of it may be sent from here."""


class Defect(LinError):
    """A part refused what we sent it: a mistake of ours. Trying again will not help; the log says what."""


class SealBroken(LinError):
    """A sealed secret cannot be opened: sealed with another key, for another account, or tampered with."""


class SendError(LinError):
    """A request to a platform did not end with a readable answer."""


class NotSent(SendError):
    """Provably nothing reached the platform, so sending again is safe."""


class NoAnswer(SendError):
    """The request may have been executed: the connection broke or timed out after the first byte."""


class PlatformError(LinError):
    """The platform answered, and not with success."""

    def __init__(
        self,
        message: str,
        *,
        error_class: str,
        http_status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.http_status = http_status
        self.request_id = request_id


class TryLater(PlatformError):
    """Not executed; may succeed later. `after` is the platform's own hint in seconds, None without one.

    `whole_account` says that the account (not just this post) has to wait, `operator` that only this server's operator can
    help: then no try of the post is used up, and it waits until it would be too late.
    """

    def __init__(
        self,
        message: str,
        *,
        error_class: str,
        after: float | None = None,
        whole_account: bool = False,
        operator: bool = False,
        http_status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(
            message, error_class=error_class, http_status=http_status, request_id=request_id
        )
        self.after = after
        self.whole_account = whole_account
        self.operator = operator


class Reconnect(PlatformError):
    """The account's permission is gone (revoked, expired, a scope missing); its owner must reconnect."""


class Rejected(PlatformError):
    """Refused for good; the same content would be refused again.

    `existing_id` and `existing_url` name the post that is there already, where that is the reason.
    """

    def __init__(
        self,
        message: str,
        *,
        error_class: str,
        existing_id: str | None = None,
        existing_url: str | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(
            message, error_class=error_class, http_status=http_status, request_id=request_id
        )
        self.existing_id = existing_id
        self.existing_url = existing_url


class OutcomeUnknown(PlatformError):
    """It may be live and nobody knows yet. Never sent again by the machine."""


class MailError(LinError):
    """A mail was not handed over."""


class MailServerAway(MailError):
    """No connection, or none that takes mail of ours; nothing was sent, and other mails fare no better."""


class MailPostponed(MailError):
    """The server wants it later; it was not sent."""


class MailRefused(MailError):
    """It will never be taken for this address."""


class MailMaybeSent(MailError):
    """The connection broke while the server had it; nobody knows whether it went."""


class FetchError(LinError):
    """A URL that a user gave could not be read."""


class AddressRefused(FetchError):
    """The scheme, host or address is one we do not connect to."""


class TooLarge(FetchError):
    """The answer holds more bytes than the limit, packed or unpacked."""


class FetchFailed(FetchError):
    """The server did not give it to us: status, redirects, time-out, unreachable.

    `status` is what it answered with, None where it did not answer; `retry_after_seconds` how long it asked to wait.
    """

    def __init__(
        self, message: str, status: int | None = None, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class UnreadableSource(LinError):
    """The bytes are not what was expected: no feed, no readable text."""


class MediaRejected(LinError):
    """The bytes are not a media file we accept; the message says why in the user's words."""


class SpaceError(LinError):
    """A Space did not produce a usable answer."""


class SpaceUnavailable(SpaceError):
    """Asleep, building, unreachable or crashed; later may work."""


class SpaceTimedOut(SpaceError):
    """The deadline passed before the Space answered."""


class SpaceFailed(SpaceError):
    """The Space reported an error of its own."""


class SpaceAnswerUnusable(SpaceError):
    """The Space answered with a shape or content that we cannot use."""


class GenerationCanceled(SpaceError):
    """The user canceled while the Space was working."""
