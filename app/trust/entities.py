"""The companies behind a vendor's books: one workspace, and customers read who invoices them (FEATURES A15).

A connection's books are one company's. It may go by its own name beside the vendor's, once the books call it so.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import BankAccount, Connection, ConnectionState, Person, Vendor
from app.names import NameRefused, is_same_company, vendor_name
from app.scope import widened
from app.trust.actions import record
from app.trust.queries import accounts_of, look_alikes
from app.trust.rules import counts
from app.words import _


def books_of(session: Session, vendor_id: UUID) -> list[Connection]:
    """The vendor's books that feed its invoices now, the oldest first."""
    gone = (ConnectionState.DISCONNECTED, ConnectionState.CHOOSING)
    query = select(Connection).where(Connection.vendor_id == vendor_id, Connection.state.not_in(gone))
    return list(session.execute(query.order_by(Connection.created_at, Connection.id)).scalars())


def usable_accounts(session: Session, vendor_id: UUID, now: datetime) -> list[BankAccount]:
    """Those that were ever shown to customers and not refused since: they went through freeze and approval."""
    return [account for account in accounts_of(session, vendor_id) if counts(account, now)]


def describe_entity(
    session: Session,
    vendor: Vendor,
    books: Connection,
    name: str,
    colour: str,
    account: BankAccount | None,
    person: Person,
    now: datetime,
) -> None:
    """``name`` empty: they are the vendor's own. ``account`` is one of usable_accounts(). Raises NameRefused."""
    shown = vendor_name(name) if name.strip() else ""
    if shown and shown != books.entity:
        _must_be_its_own(session, vendor, books, shown)
    wanted = {"entity": shown, "entity_colour": colour, "bank_account_id": account.id if account else None}
    changed = {key: [str(getattr(books, key) or ""), str(new or "")] for key, new in wanted.items()}
    changed = {key: pair for key, pair in changed.items() if pair[0] != pair[1]}
    if not changed:
        return
    books.entity, books.entity_colour = shown, colour
    books.bank_account_id = account.id if account else None
    record(session, vendor.id, "entity.described", now, person.id, books=str(books.id), changed=changed)


def _must_be_its_own(session: Session, vendor: Vendor, books: Connection, name: str) -> None:
    """The same answer whatever is wrong: that another vendor has such a name is nobody's business (INVARIANTS I2)."""
    is_known = (is_same_company(name, books.account_name) and not books.files_since) or vendor.approved_at
    with widened(session, "a name is compared with those of all verified vendors"):
        if not is_known or look_alikes(session, vendor.id, name):
            raise NameRefused(_("Use the name the books give the company; else ask our people."))
