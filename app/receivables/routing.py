"""To which mailbox of its customer an invoice goes: the first of the customer's routes that takes it, else the one that
the vendor's books name (FEATURES H9). Set-based, for one invoice as for ten thousand, and written down with the
invoice: whoever composes a digest asks nothing more.
"""
# ruff: noqa: S608  the pieces put into the SQL below are constants of this file

from uuid import UUID

from sqlalchemy.orm import Session

from app.bulk import Bulk
from app.scope import widened

# Of a route ``r``, an invoice ``i`` and the bill_to ``b`` that it names.
MATCHES = """(r.vendor_id IS NULL OR r.vendor_id = i.vendor_id)
    AND (r.billed_to = '' OR lower(b.name) LIKE r.billed_to ESCAPE '!')
    AND (r.po_number = '' OR lower(i.po_number) LIKE r.po_number ESCAPE '!')
    AND (r.least_minor IS NULL OR (i.currency = r.currency AND i.total_minor >= r.least_minor))"""
_MATCHES_CREDIT = """(r.vendor_id IS NULL OR r.vendor_id = i.vendor_id)
    AND (r.billed_to = '' OR lower(b.name) LIKE r.billed_to ESCAPE '!')
    AND r.po_number = '' AND r.least_minor IS NULL"""
_TAKES = """r.customer_id = i.customer_id AND NOT r.is_copy AND m.customer_id = r.customer_id
    AND m.proven_at IS NOT NULL AND m.suppressed_at IS NULL AND m.reminders_off_at IS NULL"""
_HAS_ROUTES = "EXISTS (SELECT 1 FROM route q WHERE q.customer_id = i.customer_id)"
# One invoice that somebody handed over to a colleague (FEATURES F6).
_IS_HANDED = "i.handed_to_id IS NOT NULL"
_HANDED_TO = "(SELECT h.id FROM mailbox h WHERE h.id = i.handed_to_id AND h.customer_id = i.customer_id), "


def route_fresh(bulk: Bulk, noun: str, connection_id: UUID) -> None:
    """What a page of records brought in (connectors/ingest.py)."""
    if _is_any(bulk):
        fresh = f"i.connection_id = :c AND i.external_id IN (SELECT f.external_id FROM fresh_{noun} f)"
        bulk.run(_routing(noun, f"{fresh} AND {_is_moved(noun)}"), c=connection_id)


def route_moved(bulk: Bulk) -> None:
    """What went along with the bill_tos of stage_wanted (app/receivables/matching.py)."""
    if _is_any(bulk):
        for noun in ("invoice", "credit"):
            which = f"i.bill_to_id IN (SELECT w.bill_to_id FROM stage_wanted w) AND {_is_moved(noun)}"
            bulk.run(_routing(noun, which))


def route_customer(session: Session, customer_id: UUID) -> None:
    """All that is open with a customer whose routes, or the mailboxes they name, have just changed."""
    with widened(session, "invoices and credits are the vendors' to write; which mailbox reads them is the customer's"):
        bulk = Bulk(session)
        bulk.run(_routing("invoice", "i.customer_id = :customer AND i.state = 'open'"), customer=customer_id)
        bulk.run(_routing("credit", "i.customer_id = :customer AND i.remaining_minor > 0"), customer=customer_id)


def _is_any(bulk: Bulk) -> bool:
    """Hardly a customer has any: one look at a nearly empty table, and at a nearly empty index. That is asked for its
    first row in order, for PostgreSQL expects any row of a table it does not know yet to be one and would read all."""
    handed = "SELECT i.handed_to_id FROM invoice i WHERE i.handed_to_id IS NOT NULL ORDER BY i.handed_to_id LIMIT 1"
    return bool(bulk.read(f"SELECT 1 FROM route UNION ALL SELECT 1 FROM ({handed}) h LIMIT 1"))


def _is_moved(noun: str) -> str:
    return f"({_HAS_ROUTES} OR {_IS_HANDED})" if noun == "invoice" else _HAS_ROUTES


def _routing(noun: str, which: str) -> str:
    matches, handed = (MATCHES, _HANDED_TO) if noun == "invoice" else (_MATCHES_CREDIT, "")
    return f"""UPDATE {noun} AS t SET mailbox_id = x.to_id FROM (
        SELECT i.id, coalesce({handed}(
            SELECT r.mailbox_id FROM route r JOIN mailbox m ON m.id = r.mailbox_id
            WHERE {_TAKES} AND {matches} ORDER BY r.position, r.id LIMIT 1), b.mailbox_id) AS to_id
        FROM {noun} i LEFT JOIN bill_to b ON b.id = i.bill_to_id WHERE {which}
    ) x WHERE t.id = x.id AND t.mailbox_id IS DISTINCT FROM x.to_id"""
