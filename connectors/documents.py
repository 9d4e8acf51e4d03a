"""The provider's own PDF of an invoice, fetched when somebody asks for it, kept sealed for a while (FEATURES A14)."""

import base64
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import delete, select

from app.db import database_now, insert_into
from app.house import House
from app.ids import new_id
from app.keys import CannotOpen, Place
from app.models import Connection, InvoiceDocument
from connectors import registry
from connectors.asking import WORKER, connection_of, with_access
from connectors.base import ProviderError

log = structlog.get_logger()


def invoice_pdf(house: House, invoice_id: UUID) -> bytes | None:
    """None when the provider makes none, cannot be reached within the time of a page, or sends something else: a page
    of our own says what we know. Whose invoice it is was asked before."""
    found = connection_of(house, invoice_id)
    if found is None:
        return None
    kept = kept_pdf(house, invoice_id)
    if kept is not None:
        return kept
    connection, external_id = found
    connector = registry.get(connection.provider)
    try:
        fresh = with_access(
            house, connection, lambda ctx: connector.document(ctx, external_id), seconds=house.limits.document_seconds
        )
    except ProviderError as problem:
        log.info("no document", invoice=str(invoice_id), problem=type(problem).__name__)
        return None
    if fresh is None or not fresh.startswith(b"%PDF-") or len(fresh) > house.limits.document_bytes:
        log.info("no document", invoice=str(invoice_id), size=len(fresh or b""))
        return None
    _keep(house, connection, invoice_id, fresh)
    return fresh


def kept_pdf(house: House, invoice_id: UUID) -> bytes | None:
    """The one that was fetched lately; nobody is asked."""
    with house.database.reading(WORKER) as session:
        query = select(InvoiceDocument).where(InvoiceDocument.invoice_id == invoice_id)
        row = session.execute(query.where(InvoiceDocument.expires_at > database_now(session))).scalar_one_or_none()
    if row is None:
        return None
    try:
        return base64.b85decode(house.keys.open(row.sealed, place=Place.DOCUMENT, row=row.id, tenant=row.vendor_id))
    except CannotOpen:
        return None


def _keep(house: House, connection: Connection, invoice_id: UUID, pdf: bytes) -> None:
    """Sealed for its row and its vendor: in another vendor's row it would not open."""
    row_id, vendor_id = new_id(), connection.vendor_id
    text = base64.b85encode(pdf).decode()
    sealed = house.keys.seal(text, place=Place.DOCUMENT, row=row_id, tenant=vendor_id)
    with house.database.transaction(WORKER) as session:
        now = database_now(session)
        values = {
            "id": row_id,
            "vendor_id": vendor_id,
            "invoice_id": invoice_id,
            "sealed": sealed,
            "created_at": now,
            "expires_at": now + timedelta(minutes=house.limits.document_minutes),
        }
        statement = insert_into(session, InvoiceDocument).values(**values)
        session.execute(statement.on_conflict_do_update(index_elements=["invoice_id"], set_=values))


def forget_documents(house: House, now: datetime) -> int:
    """Those whose time is over; returns how many."""
    with house.database.transaction(WORKER) as session:
        gone = session.execute(delete(InvoiceDocument).where(InvoiceDocument.expires_at <= now))
        return int(getattr(gone, "rowcount", 0))
