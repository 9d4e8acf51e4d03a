"""Who is asking, and so which rows exist for them. No scope, no rows (INVARIANTS I1).

A scope is given when a session is opened and applies to every ORM statement of it: rows of other vendors or customers
are not forbidden, they are not there, so a foreign id looks exactly like a missing one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import event, false, true
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria


@dataclass(frozen=True, slots=True)
class Everything:
    """The worker's scope, and the operator's: all rows. ``why`` is for the reader of the code that opens it."""

    why: str


@dataclass(frozen=True, slots=True)
class VendorScope:
    """A signed-in member of one vendor: that vendor's rows."""

    vendor_id: UUID
    person_id: UUID


@dataclass(frozen=True, slots=True)
class CustomerScope:
    """A signed-in person of one customer: that customer's rows, over all vendors."""

    customer_id: UUID
    person_id: UUID


@dataclass(frozen=True, slots=True)
class LinkScope:
    """The holder of a mail's link: the lines of one digest, or one thread, on behalf of its customer.

    Customer-owned rows are narrowed to the customer here; the link pages' queries narrow them to the digest's lines.
    """

    customer_id: UUID
    mailbox_id: UUID
    digest_id: UUID | None = None
    thread_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class PersonScope:
    """Somebody signed in, who has not yet said for which vendor or customer: their own memberships only."""

    person_id: UUID


Scope = Everything | VendorScope | CustomerScope | LinkScope | PersonScope

_current: ContextVar[Scope | None] = ContextVar("scope", default=None)


def current() -> Scope | None:
    """The scope of this request or job."""
    return _current.get()


def enter(scope: Scope | None) -> None:
    """From here on this request acts in ``scope`` (the gate in app/access.py calls it, nothing else in a page does)."""
    _current.set(scope)


@contextmanager
def acting(scope: Scope) -> Iterator[None]:
    """Act in ``scope`` inside the block."""
    token = _current.set(scope)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def widened(session: Session, why: str) -> Iterator[None]:
    """Let ``session`` see everything inside the block: for an action that must reach the other side of a conversation
    (its mailbox, its people) on behalf of somebody who may not see it. What is found there never goes into a page."""
    before = session.info["scope"]
    session.info["scope"] = Everything(why)
    try:
        yield
    finally:
        session.info["scope"] = before


class NoScope(RuntimeError):
    """A statement ran outside every scope: a bug, never a user's fault."""


class VendorOwned:
    """Mixin of tables whose rows belong to one vendor."""


class VendorItself:
    """Mixin of the one table whose row *is* the vendor."""


class CustomerOwned:
    """Mixin of tables whose rows belong to one customer."""


class PersonOwned:
    """Mixin of tables whose rows belong to one person."""


class DigestOwned:
    """Mixin of tables whose rows belong to one digest."""


class Freshness:
    """Mixin of the one vendor-owned table a customer's query joins to say how old the vendor's data is."""


@event.listens_for(Session, "do_orm_execute")
def _apply(state: ORMExecuteState) -> None:
    """Narrow every ORM statement to the rows of the session's scope."""
    scope: Scope | None = state.session.info.get("scope")
    if scope is None:
        raise NoScope("a session was opened without a scope")
    if isinstance(scope, Everything) or state.is_column_load or state.is_relationship_load:
        return
    state.statement = state.statement.options(*_criteria(scope))


@lru_cache(maxsize=4096)
def _criteria(scope: Scope) -> tuple[Any, ...]:
    """One criterion for every owned table: the scope's own rows where it has a say, no rows where it has none."""
    own: dict[type, tuple[str, UUID | None]]
    if isinstance(scope, VendorScope):
        own = {VendorOwned: ("vendor_id", scope.vendor_id), VendorItself: ("id", scope.vendor_id)}
    elif isinstance(scope, CustomerScope):
        own = {CustomerOwned: ("customer_id", scope.customer_id)}
    elif isinstance(scope, LinkScope):
        own = {
            DigestOwned: ("digest_id", scope.digest_id),
            CustomerOwned: ("customer_id", scope.customer_id),
        }
    elif isinstance(scope, PersonScope):
        own = {PersonOwned: ("person_id", scope.person_id)}
    else:
        raise NoScope(f"{scope!r} has no rows")
    return tuple(_criterion(table, own, scope) for table in _owned_tables())


def _owned_tables() -> list[Any]:
    mixins = (VendorOwned, VendorItself, CustomerOwned, PersonOwned, DigestOwned)
    return list({table: None for mixin in mixins for table in mixin.__subclasses__()})


def _criterion(table: Any, own: dict[type, tuple[str, UUID | None]], scope: Scope) -> Any:
    for mixin, (column, value) in own.items():
        if issubclass(table, mixin):
            return with_loader_criteria(table, getattr(table, column) == value, include_aliases=True)
    readable = issubclass(table, VendorItself | Freshness) and not isinstance(scope, VendorScope)
    return with_loader_criteria(table, true() if readable else false(), include_aliases=True)
