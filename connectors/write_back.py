"""What goes back into the vendor's books, once switched on for a connection: notes of what customers said, and payments
that came by another road. Each is one row, written once for each key, tried again, visible with what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from app import clock
from app.claims.rules import reason
from app.db import database_now, insert_into
from app.filters import day
from app.house import House
from app.ids import new_id
from app.models import AuditEntry, BillTo, Connection, ConnectionState, Hold, HoldKind, Invoice, Person, WriteBack
from app.money import Money
from app.scope import widened
from connectors import registry
from connectors.actions import lose_permission
from connectors.asking import WORKER, fetch, with_access
from connectors.base import Context, Forbidden, GiveUp, MustReconnect, OutsidePayment, ProviderError, RetryLater
from connectors.rules import retry_at

log = structlog.get_logger()

NOTE, PAYMENT = "note", "payment"
AT_ONCE = 50
TRIES = 8
LEASE = timedelta(minutes=5)
REACH = timedelta(days=30)  # of what a preview shows; what was said longer ago is not noted any more
LONGEST = 300  # characters of a note
_SAID = (HoldKind.PROMISE, HoldKind.DISPUTE, HoldKind.ALREADY_PAID, HoldKind.REQUEST, HoldKind.NOT_MINE)


@dataclass(frozen=True, slots=True)
class Planned:
    """A note as it would be written."""

    key: str
    invoice_id: UUID
    number: str
    words: str
    said_at: datetime


def words_of(hold: Hold, currency: str) -> str:
    """What a customer said of an invoice, for the vendor's staff to read in its own books."""
    amount = f" {Money(hold.amount_minor, currency)}" if hold.amount_minor is not None else ""
    about = f": {reason(hold.reason)}" if hold.reason else ""
    proof = hold.facts.get("reference") if hold.facts else ""
    said = {
        HoldKind.PROMISE: f"Customer promised{amount} for {day(hold.promised_on)}" if hold.promised_on else "",
        HoldKind.DISPUTE: f"Disputed{amount}{about}",
        HoldKind.ALREADY_PAID: f"Customer says it has paid{amount}{f', reference {proof}' if proof else ''}",
        HoldKind.REQUEST: "Customer asks for other dates",
        HoldKind.NOT_MINE: "Whoever reads our mail says it is not theirs",
    }[HoldKind(hold.kind)] or f"Customer promised{amount}"
    note = " ".join(hold.note.split())
    return f"{said}: {note} (Sheaf)"[:LONGEST] if note else f"{said} (Sheaf)"


def planned(session: Session, connection: Connection, since: datetime, most: int = AT_ONCE) -> list[Planned]:
    """What customers said since then of this connection's invoices, newest first."""
    query = (
        select(Hold, Invoice)
        .join(Invoice, Invoice.id == Hold.invoice_id)
        .where(Invoice.connection_id == connection.id, Hold.kind.in_(_SAID), Hold.created_at >= since)
        .order_by(Hold.created_at.desc())
        .limit(most)
    )
    return [
        Planned(f"hold-{hold.id}", invoice.id, invoice.label, words_of(hold, invoice.currency), hold.created_at)
        for hold, invoice in session.execute(query)
    ]


def written(session: Session, connection_id: UUID) -> list[tuple[WriteBack, Invoice]]:
    """What was or is to be written, newest first."""
    query = select(WriteBack, Invoice).join(Invoice, Invoice.id == WriteBack.invoice_id)
    query = query.where(WriteBack.connection_id == connection_id).order_by(WriteBack.created_at.desc()).limit(AT_ONCE)
    return [(row[0], row[1]) for row in session.execute(query)]


# --- what the vendor decides ----------------------------------------------------------------------------------------


def switch(session: Session, connection: Connection, kind: str, *, is_on: bool, person: Person, now: datetime) -> None:
    """From now on, or no more. What waits when it is switched off is not written any more."""
    if kind == NOTE:
        connection.notes_since = (connection.notes_since or now) if is_on else None
    else:
        connection.payments_since = (connection.payments_since or now) if is_on else None
    if not is_on:
        waiting = and_(WriteBack.connection_id == connection.id, WriteBack.kind == kind, WriteBack.done_at.is_(None))
        given_up = {"done_at": now, "error": "Switched off before it was written."}
        with widened(session, "what is written back is a worker's to write; the connection was found in scope"):
            session.execute(update(WriteBack).where(waiting).values(given_up))
    session.add(
        AuditEntry.by(
            person.id,
            f"write_back.{kind}_{'on' if is_on else 'off'}",
            now,
            vendor_id=connection.vendor_id,
            subject_id=connection.id,
        )
    )
    log.info("write-back switched", connection=str(connection.id), kind=kind, on=is_on)


def add_payment(
    session: Session,
    connection: Connection,
    invoice: Invoice,
    amount: Money,
    paid_on: date,
    reference: str,
    now: datetime,
) -> None:
    """Money that came by another road, to be entered in the books. The session may write what workers write."""
    session.add(
        WriteBack(
            vendor_id=invoice.vendor_id,
            connection_id=connection.id,
            invoice_id=invoice.id,
            key=f"paid-{new_id()}",
            kind=PAYMENT,
            words=reference[:80],
            amount_minor=amount.minor,
            paid_on=paid_on,
            due_at=now,
            created_at=now,
        )
    )


# --- writing --------------------------------------------------------------------------------------------------------


def write_back(house: House) -> int:
    """Queue the notes that are due, then write what is due; returns how many writes were tried."""
    _queue_notes(house)
    claimed = _claim(house)
    for each in claimed:
        try:
            _conclude(house, each, external_id=_write(house, *each))
        except ProviderError as problem:
            _conclude(house, each, problem=problem)
        except Exception:
            log.exception("write-back broke", write_back=str(each[0].id))
            _conclude(house, each, problem=RetryLater("Something broke on our side."))
    return len(claimed)


def _queue_notes(house: House) -> None:
    with house.database.transaction(WORKER) as session:
        now = database_now(session)
        noting = select(Connection).where(Connection.notes_since.is_not(None), _is_active())
        rows = [
            {
                "id": new_id(), "created_at": now, "vendor_id": connection.vendor_id, "connection_id": connection.id,
                "invoice_id": one.invoice_id, "key": one.key, "kind": NOTE, "words": one.words, "due_at": now,
                "tries": 0, "external_id": "", "error": "",
            }
            for connection in session.execute(noting).scalars()
            for one in planned(session, connection, max(connection.notes_since or now, now - REACH))
        ]  # fmt: skip
        if rows:
            once = insert_into(session, WriteBack).on_conflict_do_nothing(index_elements=["connection_id", "key"])
            session.execute(once, rows)


def _is_active() -> Any:
    return Connection.state == ConnectionState.ACTIVE


Claimed = tuple[WriteBack, Connection, Invoice]


def _claim(house: House) -> list[Claimed]:
    """The due time is the lease; what the vendor has switched off is not taken."""
    is_on = or_(
        and_(WriteBack.kind == NOTE, Connection.notes_since.is_not(None)),
        and_(WriteBack.kind == PAYMENT, Connection.payments_since.is_not(None)),
    )
    with house.database.transaction(WORKER) as session:
        now = database_now(session)
        query = (
            select(WriteBack, Connection, Invoice)
            .join(Connection, Connection.id == WriteBack.connection_id)
            .join(Invoice, Invoice.id == WriteBack.invoice_id)
            .where(WriteBack.done_at.is_(None), WriteBack.due_at <= now, _is_active(), is_on)
            .order_by(WriteBack.due_at)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True, of=WriteBack)
        )
        claimed = [(row[0], row[1], row[2]) for row in session.execute(query)]
        for each, _, _ in claimed:
            each.due_at = now + LEASE
            each.tries += 1
    return claimed


def _write(house: House, each: WriteBack, connection: Connection, invoice: Invoice) -> str:
    """The provider's id of it. The key is the same at every try: the books hold it once."""
    connector = registry.get(connection.provider)
    if each.kind not in connector.spec.writes:
        raise GiveUp(f"{connector.spec.title} does not take this.")
    payment = _payment(house, each, invoice) if each.kind == PAYMENT else None

    def write(ctx: Context) -> str:
        if payment is not None:
            return connector.post_payment(ctx, payment)
        return connector.add_note(ctx, invoice.external_id, each.words, each.key)

    external_id = with_access(house, connection, write)
    if payment is not None:
        _look(house, connection, invoice)
    return external_id


def _payment(house: House, each: WriteBack, invoice: Invoice) -> OutsidePayment:
    with house.database.reading(WORKER) as session:
        bill_to = session.execute(
            select(BillTo.external_id).where(BillTo.id == invoice.bill_to_id)
        ).scalar_one_or_none()
    amount = Money(each.amount_minor or 0, invoice.currency)
    paid_on = each.paid_on or each.created_at.date()
    return OutsidePayment(each.key, invoice.external_id, bill_to or "", amount, paid_on, each.words)


def _look(house: House, connection: Connection, invoice: Invoice) -> None:
    try:
        fetch(house, connection, {"invoice": [invoice.external_id]})
    except ProviderError as problem:  # it is written; the next pull tells
        log.info("no fresh look", connection=str(connection.id), problem=type(problem).__name__)


def _conclude(house: House, claimed: Claimed, *, external_id: str = "", problem: ProviderError | None = None) -> None:
    """Done, to be tried again, or given up with the reason."""
    each, connection, _ = claimed
    with house.database.transaction(WORKER) as session:
        now = database_now(session)
        values: dict[str, Any] = {"done_at": now, "external_id": external_id[:120], "error": ""}
        if isinstance(problem, MustReconnect):
            lose_permission(session, house, connection.id, str(problem), clock.now())
            values = {"due_at": now, "error": str(problem)[:300]}
        elif isinstance(problem, RetryLater) and each.tries < TRIES:
            values = {"due_at": retry_at(now, each.tries, problem.after), "error": str(problem)[:300]}
        elif problem is not None:
            values["error"] = _words(problem, connection)
        mine = and_(WriteBack.id == each.id, WriteBack.done_at.is_(None))
        session.execute(update(WriteBack).where(mine).values(values).execution_options(synchronize_session=False))


def _words(problem: ProviderError, connection: Connection) -> str:
    title = registry.get(connection.provider).spec.title
    remedy = f" Reconnect and let Sheaf write in {title}." if isinstance(problem, Forbidden) else ""
    return f"{problem}{remedy}"[:300]


def kinds(connection: Connection) -> Sequence[str]:
    """What this connection's provider takes, notes first."""
    writes = registry.get(connection.provider).spec.writes
    return [each for each in (NOTE, PAYMENT) if each in writes]
