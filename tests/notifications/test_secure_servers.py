"""Mail servers as the world has them: TLS from the first byte or by STARTTLS, and a password."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from backend.core.errors import MailServerAway
from backend.core.mailing import Letter
from backend.mail import MailServer
from tests.notifications.conftest import SENDER
from tests.notifications.post_office import PostOffice

# with what a URL does not allow
USER, PASSWORD = "lin@example.org", "p@ss/word: 100%"
LETTER = Letter(
    mail_id="1", address="ada@example.com", name="Ada", subject="Hello", text="Hello", html="<p>Hello</p>",
    unsubscribe_url="https://api.example.org/stop",
)  # fmt: skip


@dataclass(frozen=True)
class Certificates:
    """`known` is signed by somebody whom this machine trusts, `unknown` is not."""

    known: ssl.SSLContext
    unknown: ssl.SSLContext


@pytest.fixture(scope="module")
def authorities() -> tuple[trustme.CA, trustme.CA]:
    return trustme.CA(), trustme.CA()


@pytest.fixture
def certificates(
    authorities: tuple[trustme.CA, trustme.CA], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Certificates:
    trusted, other = authorities
    trusted.cert_pem.write_to_path(tmp_path / "trusted.pem")
    # where OpenSSL looks for whom to trust
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    return Certificates(_served(trusted), _served(other))


def _served(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def open_office() -> Iterator[Callable[..., PostOffice]]:
    opened: list[PostOffice] = []

    def make(secure: ssl.SSLContext, *, tls_at_once: bool, password: str = PASSWORD) -> PostOffice:
        opened.append(PostOffice(secure=secure, tls_at_once=tls_at_once, login=(USER, password)))
        return opened[-1]

    yield make
    for office in opened:
        office.close()


def send(office: PostOffice, *, scheme: str, signed_in: bool = True) -> None:
    """One letter through this server."""
    who = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}@" if signed_in else ""
    with MailServer(f"{scheme}://{who}{office.address}", SENDER, timeout=10).connect() as post:
        post(LETTER)


WAYS = pytest.mark.parametrize(
    ("scheme", "tls_at_once"), [("smtps", True), ("smtp", False)], ids=["smtps", "STARTTLS"]
)


@WAYS
def test_a_mail_goes_to_a_server_with_tls_and_a_password(
    scheme: str,
    tls_at_once: bool,
    certificates: Certificates,
    open_office: Callable[..., PostOffice],
) -> None:
    office = open_office(certificates.known, tls_at_once=tls_at_once)
    send(office, scheme=scheme)
    assert [mail["Subject"] for mail in office.mails] == ["Hello"]


@WAYS
def test_a_certificate_that_nobody_signed_ends_it_before_the_password(
    scheme: str,
    tls_at_once: bool,
    certificates: Certificates,
    open_office: Callable[..., PostOffice],
) -> None:
    office = open_office(certificates.unknown, tls_at_once=tls_at_once)
    with pytest.raises(MailServerAway, match="SSLCertVerificationError"):
        send(office, scheme=scheme)
    assert office.mails == []
    assert office.sign_ins == 0


@WAYS
def test_a_password_that_is_refused_is_told_without_the_password(
    scheme: str,
    tls_at_once: bool,
    certificates: Certificates,
    open_office: Callable[..., PostOffice],
) -> None:
    office = open_office(certificates.known, tls_at_once=tls_at_once, password="another")
    with pytest.raises(MailServerAway, match=r"it refuses our password \(535\)") as told:
        send(office, scheme=scheme)
    assert PASSWORD not in str(told.value)
    assert office.sign_ins > 0


def test_a_server_that_wants_a_password_and_gets_none_is_away_not_the_letter_refused(
    certificates: Certificates, open_office: Callable[..., PostOffice]
) -> None:
    office = open_office(certificates.known, tls_at_once=False)
    with pytest.raises(MailServerAway, match="takes no mail from us: 530"):
        send(office, scheme="smtp", signed_in=False)
