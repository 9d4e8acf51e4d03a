"""Files -> receivables: all that the files say in one transaction, or nothing.

Only a complete list says how all the books are on its day: a list of some invoices says nothing of the others, an
e-invoice nothing even of itself since it was written. So only a complete list makes the books young again (INVARIANTS
S3), and only then does what is missing from it end.
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.house import House
from app.models import AuditEntry, Connection, ConnectionState, Person, Quarantined, SyncRun, Vendor
from app.scope import widened
from app.words import _
from connectors.actions import connect_company
from connectors.base import Account, Tokens
from connectors.file_plan import NotTaken, Plan, plan
from connectors.files.brought import Brought, Sent, of_json, to_json
from connectors.files.reading import Reading
from connectors.ingest import Counts, ingest
from connectors.oauth import seal
from connectors.queries import FILES, books_of
from connectors.rows import rows_of

log = structlog.get_logger()

# --- the books ------------------------------------------------------------------------------------------------------


def open_books(
    session: Session, house: House, *, person: Person, account: Account, vendor_id: UUID | None, now: datetime
) -> Connection:
    """Begin, or begin again, to take files; without ``vendor_id`` the company signs up. Raises NotConnected."""
    found = connect_company(
        session,
        person=person,
        provider=FILES,
        account=account,
        vendor_id=vendor_id,
        now=now,
        limits=house.limits,
    )
    found.tokens = seal(house, Tokens(""), found.id, found.vendor_id)  # nobody is asked for anything with them
    return found


def ready_books(session: Session, house: House, vendor: Vendor, person: Person, now: datetime) -> Connection:
    """Those of a vendor that is here, opened when they are not. Raises NotConnected."""
    found = books_of(session, vendor.id)
    if found is not None and found.state == ConnectionState.ACTIVE:
        return found
    name = found.account_id if found is not None and found.account_id else str(vendor.id)
    account = Account(name, vendor.legal_name or vendor.name, vendor.currency, vendor.zone)
    with widened(session, "whether the books are connected elsewhere is asked over all vendors"):
        return open_books(session, house, person=person, account=account, vendor_id=vendor.id, now=now)


def new_account(name: str, currency: str) -> Account:
    """Of a company that signs up by bringing a file."""
    return Account(secrets.token_hex(16), name, currency)


def remembered(books: Connection) -> Reading | None:
    return of_json(books.cursor.get("reading"))


# --- taking ---------------------------------------------------------------------------------------------------------


def take(
    session: Session,
    books: Connection,
    files: Sequence[Sent],
    brought: Brought,
    *,
    is_complete: bool,
    now: datetime,
    person: Person | None,
    by: str,
    shown: str = "",
) -> Plan:
    """Write what the files say, in the session's transaction: all of it or nothing. ``by``: who brought them, for the
    audit ("person", "operator", "mail"); ``shown``: Plan.mark of the dry run that was agreed to. Raises NotTaken."""
    with widened(session, "the books are only written by workers; this connection was found in scope"):
        session.execute(select(Connection.id).where(Connection.id == books.id).with_for_update(key_share=True))
        found = plan(session, books, brought, is_complete=is_complete, now=now)
        if shown and shown != found.mark:
            raise NotTaken(_("Meanwhile something has changed here. Please look again at what this file would do."))
        for one in found.refused:
            keep_refusal(session, books, *one, now)
        refused = {name for name, _ in found.refused}
        taken = [one.name for one in files if one.name not in refused]
        if not taken:
            return found
        counts = ingest(session, books, rows_of(found.batch), now)
        _release(session, books, taken, now)
        _remember(session, books, brought, counts, is_complete, now)
        session.add(
            AuditEntry(
                at=now,
                actor=by,
                person_id=person.id if person else None,
                vendor_id=books.vendor_id,
                action="files.taken",
                subject_id=books.id,
                detail={"files": [name[:120] for name in taken[:50]], "complete": is_complete, **found.counts},
            )
        )
    log.info("files taken", connection=str(books.id), files=len(taken), complete=is_complete, **found.counts)
    return found


def _remember(
    session: Session, books: Connection, brought: Brought, counts: Counts, is_complete: bool, now: datetime
) -> None:
    session.add(
        SyncRun(
            vendor_id=books.vendor_id,
            connection_id=books.id,
            mode="file",
            started_at=now,
            finished_at=now,
            received=counts.received,
            changed=counts.changed,
            gone=counts.gone,
        )
    )
    if brought.reading is not None:
        books.cursor = {**books.cursor, "reading": to_json(brought.reading)}
    books.first_synced_at = books.first_synced_at or now
    if is_complete or books.as_of is None:
        books.as_of = now
    if is_complete:
        books.reconciled_at = now


def keep_refusal(session: Session, books: Connection, name: str, why: str, now: datetime) -> None:
    """The vendor finds on its health page which file was not taken, and why."""
    with widened(session, "the quarantine is only written by workers; this connection was found in scope"):
        found = session.execute(_of_file(books, [name])).scalar_one_or_none()
        if found is None:
            found = Quarantined(
                vendor_id=books.vendor_id, connection_id=books.id, kind="file", external_id=name[:120], created_at=now,
                record={},
            )  # fmt: skip
            session.add(found)
        found.reason, found.resolved_at = why[:300], None


def _release(session: Session, books: Connection, names: Iterable[str], now: datetime) -> None:
    for one in session.execute(_of_file(books, names)).scalars():
        one.resolved_at = now


def _of_file(books: Connection, names: Iterable[str]) -> Any:
    return select(Quarantined).where(
        Quarantined.connection_id == books.id,
        Quarantined.kind == "file",
        Quarantined.external_id.in_([name[:120] for name in names]),
    )
