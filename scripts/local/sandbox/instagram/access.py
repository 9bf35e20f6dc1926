"""The two products, and which account a token reaches (platform facts 4, table at the top)."""

from __future__ import annotations

from dataclasses import dataclass

from local.sandbox.facebook.state import FacebookState
from local.sandbox.graph.directory import instagram_id, instagram_name
from local.sandbox.graph.errors import GraphError, no_node
from local.sandbox.graph.gateway import Session
from local.sandbox.people import Member

from .state import InstagramState


@dataclass(frozen=True)
class Product:
    """What a login product calls its permissions."""

    basic: str
    publish: str
    insights: str
    #: None: media cannot be deleted.
    delete: str | None


FACEBOOK_LOGIN = Product(
    "instagram_basic",
    "instagram_content_publish",
    "instagram_manage_insights",
    "instagram_manage_contents",
)
INSTAGRAM_LOGIN = Product(
    "instagram_business_basic",
    "instagram_business_content_publish",
    "instagram_business_manage_insights",
    None,
)


@dataclass(frozen=True)
class Account:
    """A professional account."""

    id: str
    member: Member

    @property
    def username(self) -> str:
        """As in its public address."""
        return instagram_name(self.member)


def product_of(me: Session) -> Product:
    """Which product the token belongs to."""
    return INSTAGRAM_LOGIN if me.token.kind == "instagram" else FACEBOOK_LOGIN


def account_for(me: Session, identity: str) -> Account | None:
    """The account with this id, if the token reaches it.

    With Instagram Login that is the one account (``me`` stands for it); with Facebook Login the
    accounts linked to the pages of the token.
    """
    member = me.state.member(me.member)
    own = instagram_id(me.member)
    if isinstance(me.state, FacebookState):
        linked = {
            page.instagram
            for page in me.state.granted_pages(me.token)
            if me.token.page in (None, page.id)
        }
        reached = identity == own and own in linked
    else:
        reached = identity in ("me", own)
    if not reached:
        return None
    me.state.world.people.remember_alias(own, me.member)
    return Account(own, member)


def account_to_read(me: Session, identity: str) -> Account:
    """Raises GraphError: 100/33 for a foreign account, 403 code 10 without the permission."""
    account = account_for(me, identity)
    if account is None:
        raise no_node(identity)
    me.require(product_of(me).basic, 10)
    return account


def account_to_publish(state: InstagramState, me: Session, identity: str) -> Account:
    """Row 4: the basic and the publishing permission, and an account in good standing."""
    account = account_for(me, identity)
    if account is None:
        raise no_node(identity, "post")
    me.require(product_of(me).basic, 10)
    me.require(product_of(me).publish, 10)
    if state.settings.get("restricted", me.member):
        raise GraphError(25, "The Instagram account is restricted or inactive.", 2207050)
    return account
