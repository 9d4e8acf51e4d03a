"""Who is asking, and so which rows exist for them. No scope, no rows (INVARIANTS I1).

A scope is given when a session is opened and applies to all it does: rows of other vendors or customers are not
forbidden, they are not there, so a foreign id looks exactly like a missing one. The mixins below say whose a table's
rows are; app/narrow.py makes of them what every session keeps to, and PostgreSQL's own policies (app/row_level.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Connection, event, inspect
from sqlalchemy.orm import Session, SessionTransaction


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


class NoScope(RuntimeError):
    """A statement ran outside every scope: a bug, never a user's fault."""


# --- whose rows a table holds ----------------------------------------------------------------------------------------


class VendorOwned:
    """Mixin of tables whose rows belong to one vendor."""


class VendorItself:
    """Mixin of the one table whose row *is* the vendor."""


class CustomerOwned:
    """Mixin of tables whose rows belong to one customer."""


class CustomerItself:
    """Mixin of the one table whose row *is* the customer."""


class PersonOwned:
    """Mixin of tables whose rows belong to one person."""


class PersonItself:
    """Mixin of the one table whose row *is* the person."""


class DigestOwned:
    """Mixin of tables whose rows belong to one digest."""


class ThreadOwned:
    """Mixin of tables whose rows belong to one thread."""


class ThreadItself:
    """Mixin of the one table whose row *is* the thread."""


class Freshness:
    """Mixin of the one vendor-owned table a customer's query joins to say how old the vendor's data is."""


class NamesPerson:
    """Mixin of tables whose rows let whoever sees them see the person they name, too."""


# PostgreSQL's roles for each kind of scope (app/row_level.py), and the settings by which its policies know whose it is.
ROLES: dict[type[Scope], str] = {
    Everything: "sheaf_worker",
    VendorScope: "sheaf_vendor",
    CustomerScope: "sheaf_customer",
    LinkScope: "sheaf_link",
    PersonScope: "sheaf_person",
}
SETTINGS: dict[type[Scope], dict[str, str]] = {
    VendorScope: {"sheaf.vendor": "vendor_id"},
    CustomerScope: {"sheaf.customer": "customer_id"},
    LinkScope: {"sheaf.customer": "customer_id", "sheaf.digest": "digest_id", "sheaf.thread": "thread_id"},
    PersonScope: {"sheaf.person": "person_id"},
}

# A kind of scope -> whose rows are its own: the mixin's column must hold what the setting says; where several mixins
# of a table are named here, all of them must.
_OWNERS: dict[type[Scope], dict[type, tuple[str, str]]] = {
    VendorScope: {VendorOwned: ("vendor_id", "sheaf.vendor"), VendorItself: ("id", "sheaf.vendor")},
    CustomerScope: {CustomerOwned: ("customer_id", "sheaf.customer"), CustomerItself: ("id", "sheaf.customer")},
    LinkScope: {
        CustomerOwned: ("customer_id", "sheaf.customer"),
        CustomerItself: ("id", "sheaf.customer"),
        DigestOwned: ("digest_id", "sheaf.digest"),
    },
    PersonScope: {PersonOwned: ("person_id", "sheaf.person"), PersonItself: ("id", "sheaf.person")},
}

# An answer's link opens one thread (INVARIANTS L2); a digest's link, which names none, is not narrowed by these.
_NARROWED: dict[type, str] = {ThreadItself: "id", ThreadOwned: "thread_id"}


def owners(table: type, kind: type[Scope]) -> list[tuple[str, str]]:
    """(column, setting) of ``table`` that make a row the scope's own; none: no row ever is."""
    return [named for mixin, named in _OWNERS[kind].items() if issubclass(table, mixin)]


def narrowings(table: type, kind: type[Scope]) -> list[str]:
    """The columns of ``table`` that must name the thread of a scope that has one."""
    return [column for mixin, column in _NARROWED.items() if kind is LinkScope and issubclass(table, mixin)]


def is_own(row: object, scope: Scope) -> bool:
    """Whether this row is the scope's own, to read and to write."""
    kind = type(scope)
    values = {setting: getattr(scope, field) for setting, field in SETTINGS[kind].items()}
    named = owners(type(row), kind)
    thread = values.get("sheaf.thread")
    return (
        bool(named)
        and all(getattr(row, column) == values[setting] for column, setting in named)
        and all(getattr(row, column) == thread for column in narrowings(type(row), kind) if thread)
    )


# --- what may be done with them --------------------------------------------------------------------------------------


class ReadOnly:
    """Mixin of tables that only workers write: in a narrower scope their rows are looked at."""


class AppendOnly:
    """Mixin of tables whose rows nobody changes or deletes, not even a worker: they may only go to another owner, and
    what names a person in the columns of ``personal`` is taken out when that person is erased (app/privacy)."""

    personal: ClassVar[tuple[str, ...]] = ()


class WriteOnly:
    """Mixin of tables to which a narrower scope adds rows and of which it reads none."""


class Removable:
    """Mixin of tables of which a narrower scope may delete its own rows; of others it may not."""


# --- telling the database --------------------------------------------------------------------------------------------

MAY_ALL = "may all"  # marks a connection that is a worker's from the start: it need not be told "everything"


@contextmanager
def widened(session: Session, why: str) -> Iterator[None]:
    """Let ``session`` see everything inside the block: for an action that must reach the other side of a conversation
    (its mailbox, its people) on behalf of somebody who may not see it. What is found there never goes into a page."""
    before: Scope | None = session.info["scope"]
    if before is None or isinstance(before, Everything):
        yield
        return
    session.flush()  # what was written so far is written in the narrower scope
    known = set(session.identity_map.keys())
    _change(session, Everything(why))
    try:
        yield
        session.flush()
    finally:
        _change(session, before)
        _forget(session, known, before)


def _forget(session: Session, known: set[Any], scope: Scope) -> None:
    """Let go of what was only found while the session was wide: session.get() would find it again without asking."""
    for key in set(session.identity_map.keys()) - known:
        row = session.identity_map[key]
        if inspect(row).expired or not is_own(row, scope):
            session.expunge(row)


def _change(session: Session, scope: Scope) -> None:
    session.info["scope"] = scope
    if session.get_bind().dialect.name != "postgresql":
        return
    connection = session.connection()  # begins the transaction, and so tells its scope, where none had begun
    if session.info["told"] is not scope and not _is_broken(connection):
        _tell(connection, _named(scope, connection))
        session.info["told"] = scope


def _is_broken(connection: Connection) -> bool:
    """A statement failed and all there can be is a rollback, which undoes what was told since, too."""
    driver: Any = connection.connection.driver_connection
    return bool(driver.info.transaction_status.name == "INERROR")


@event.listens_for(Session, "after_begin")
def _begin(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    """Every transaction begins with its scope. Told for it alone: whoever comes after it on the same connection, be it
    through a pooler, starts from nothing."""
    scope: Scope | None = session.info.get("scope")
    if scope is None or transaction.nested:
        return
    session.info["told"] = scope
    begin_in(scope, connection)


def begin_in(scope: Scope, connection: Connection) -> None:
    """Begin what SQLAlchemy would begin at the first statement, and name the scope to PostgreSQL's policies."""
    if connection.dialect.name != "postgresql" or (isinstance(scope, Everything) and connection.info.get(MAY_ALL)):
        return
    told = _named(scope, connection)
    if not _is_begun(connection, told):
        _tell(connection, told)


def _is_begun(connection: Connection, told: dict[str, str]) -> bool:
    """Begin and name the scope in one round trip, where it took two, and a third of what a webhook cost. False: it did
    not go, so let SQLAlchemy ask, who knows what to make of a failure."""
    driver: Any = connection.connection.driver_connection
    library: Any = connection.dialect.loaded_dbapi
    if driver.autocommit or driver.pgconn.transaction_status != library.pq.TransactionStatus.IDLE:
        return False
    each = "".join(f"; SET LOCAL {name} = '{value}'" for name, value in told.items())  # our own names, and ids
    try:
        if driver.pgconn.exec_(f"BEGIN{each}".encode()).status == library.pq.ExecStatus.COMMAND_OK:
            return True
        driver.rollback()
    except library.Error:
        pass
    return False


def _tell(connection: Connection, told: dict[str, str]) -> None:
    each = ", ".join(f"set_config('{name}', %s, true)" for name in told)
    connection.exec_driver_sql(f"SELECT {each}", tuple(told.values()))


def _named(scope: Scope, connection: Connection) -> dict[str, str]:
    """What the policies of PostgreSQL go by."""
    # who may see all anyway goes by its own name: temporary tables belong to one user, not to two in turn
    told = {"role": "none" if isinstance(scope, Everything) and connection.info.get(MAY_ALL) else ROLES[type(scope)]}
    for setting, field in SETTINGS.get(type(scope), {}).items():
        value = getattr(scope, field)
        # it is written into a statement: an id, and nothing else
        told[setting] = "" if value is None else str(UUID(int=value.int))
    return told
