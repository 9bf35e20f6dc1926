"""From sealed tokens to usable ones and back, bound to their account."""

from __future__ import annotations

from typing import Protocol

from .platform_contract import Tokens
from .records import SealedTokens


class Sealer(Protocol):
    """Authenticated encryption bound to a name. `open` raises SealBroken."""

    def seal(self, text: str, *, bound_to: str) -> str: ...

    def open(self, sealed: str, *, bound_to: str) -> str: ...

    def is_stale(self, sealed: str) -> bool: ...


def access_of(account_id: str) -> str:
    """What an account's access token is bound to."""
    return f"{account_id}:access"


def refresh_of(account_id: str) -> str:
    """What an account's refresh token is bound to."""
    return f"{account_id}:refresh"


def verifier_of(state_hash: str) -> str:
    """What the PKCE verifier of a started connection is bound to."""
    return f"state:{state_hash}"


def seal_tokens(sealer: Sealer, account_id: str, tokens: Tokens) -> SealedTokens:
    """Tokens as they are stored; each opens only for this account and this purpose."""
    return SealedTokens(
        access_token_sealed=sealer.seal(tokens.access_token, bound_to=access_of(account_id)),
        refresh_token_sealed=sealer.seal(tokens.refresh_token, bound_to=refresh_of(account_id))
        if tokens.refresh_token
        else None,
        access_token_expires_at=tokens.expires_at,
        refresh_token_expires_at=tokens.refresh_expires_at,
    )


def open_tokens(
    sealer: Sealer, account_id: str, sealed: SealedTokens, scopes: tuple[str, ...] = ()
) -> Tokens:
    """The tokens in the clear. Raises SealBroken."""
    return Tokens(
        access_token=sealer.open(sealed.access_token_sealed, bound_to=access_of(account_id)),
        expires_at=sealed.access_token_expires_at,
        refresh_token=sealer.open(sealed.refresh_token_sealed, bound_to=refresh_of(account_id))
        if sealed.refresh_token_sealed
        else None,
        refresh_expires_at=sealed.refresh_token_expires_at,
        scopes=scopes,
    )


def is_stale(sealer: Sealer, sealed: SealedTokens) -> bool:
    """Whether any part was sealed with an older key than the newest."""
    parts = (sealed.access_token_sealed, sealed.refresh_token_sealed)
    return any(sealer.is_stale(part) for part in parts if part)
