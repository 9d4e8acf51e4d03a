"""Records -> receivables: insert, update, close what is gone. Set-based: the same statements for one row and for many.

Facts carry the provider's version and an older one never wins, so order and repetition do not matter (INVARIANTS N3).
An unchanged row costs no write: it is recognised by version and content hash before anything is touched.
"""
# ruff: noqa: S608  the names put into the SQL below are columns of connectors/rows.py

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.bulk import Bulk, Kind, json_text
from app.models import Connection
from app.receivables.matching import TOUCHED, reach_customers
from app.receivables.routing import route_fresh
from app.receivables.twins import look_again, several_books
from connectors.agreed import keep_agreed
from connectors.base import BadRecord, Gone
from connectors.history import remember, remember_arrivals, remember_ends
from connectors.rows import BILL_TO, CREDIT, GONE_HASH, INVOICE, NOUNS, PAYMENT, UNSEEN_VERSION, Noun, Row, Rows
from connectors.setbacks import keep_setbacks, note_payments

# Records to be written in one transaction, where there are so many: a commit costs the same for many, but for SQLite's
# one writer others wait.
AT_ONCE, AT_ONCE_SQLITE = 5_000, 400


@dataclass(frozen=True, slots=True)
class Counts:
    """What a batch did: ``received`` records, of which so many ``changed`` something, were ``gone``, not understood."""

    received: int = 0
    changed: int = 0
    gone: int = 0
    quarantined: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.received + other.received,
            self.changed + other.changed,
            self.gone + other.gone,
            self.quarantined + other.quarantined,
        )


def ingest(
    session: Session,
    connection: Connection,
    rows: Rows,
    now: datetime,
    read_at: datetime | None = None,
    told_at: datetime | None = None,
) -> Counts:
    """Write ``rows`` for ``connection`` (whose vendor is known) in the session's transaction; the caller moves the
    cursor in the same one. ``read_at``: when the oldest page of the batch was asked for; ``told_at``: when the webhook
    came that made us ask.

    Of two facts with the same version the one read later wins.
    """
    bulk = Bulk(session)
    place: dict[str, Any] = {
        "c": connection.id,
        "v": connection.vendor_id,
        "now": now,
        "read_at": read_at or now,
        "told_at": told_at,
    }
    if not bulk.is_sqlite:  # one writer a connection; FOR NO KEY UPDATE, so that rows may refer to it meanwhile
        bulk.read("SELECT id FROM connection WHERE id = :c FOR NO KEY UPDATE", c=connection.id)
    place["several"] = several_books(bulk, place["v"])
    changed = _write_bill_tos(bulk, rows.tables[BILL_TO.table], place)
    changed += _write_invoices(bulk, rows.tables[INVOICE.table], place)
    changed += _write(bulk, CREDIT, rows.tables[CREDIT.table], place)
    changed += _write(bulk, PAYMENT, rows.tables[PAYMENT.table], place)
    keep_setbacks(bulk, rows.setbacks, place)
    gone = _close_gone(bulk, rows.gone, place)
    for noun in NOUNS:
        if rows.tables[noun.table]:
            _release(bulk, noun, place)
    _quarantine(bulk, rows.bad, place)
    return Counts(received=rows.received, changed=changed + gone, gone=gone, quarantined=len(rows.bad))


# --- the four nouns -------------------------------------------------------------------------------------------------


def _write_bill_tos(bulk: Bulk, rows: list[Row], place: Mapping[str, Any]) -> int:
    if not (found := _find_fresh(bulk, BILL_TO, rows, place)):
        return 0
    _store(bulk, BILL_TO, found, place)
    bulk.make("stage_touched", TOUCHED)
    bulk.run(
        f"""INSERT INTO stage_touched SELECT b.id, f.old_id IS NULL FROM fresh_bill_to f
        {bulk.seek("bill_to", "b", "b.connection_id = :c AND b.external_id = f.external_id")}""",
        c=place["c"],
    )
    if found.changed:
        reach_customers(bulk, place["now"])
    return found.changed


def _write_invoices(bulk: Bulk, rows: list[Row], place: Mapping[str, Any]) -> int:
    if not (found := _find_fresh(bulk, INVOICE, rows, place)):
        return 0
    keep_agreed(bulk, place)
    if found.known:
        known = f"fresh_invoice f {bulk.seek('invoice', 'i', 'i.id = f.old_id')} WHERE {_DIFFERS}"
        remember_arrivals(bulk, known)
    _store(bulk, INVOICE, found, place)
    if not found.changed:
        return 0
    if found.known:
        remember(bulk, known, place["now"])
        note_payments(bulk, place["now"])
        bulk.run(_SETTLED, now=place["now"], told_at=place["told_at"])
    # A bill_to without an address of its own is reached through the one its newest invoice names.
    bulk.make("stage_touched", TOUCHED)
    touched = bulk.run(
        f"""INSERT INTO stage_touched SELECT b.id, false FROM (
            SELECT n.id FROM (SELECT DISTINCT bill_to FROM fresh_invoice) f {bulk.seek("bill_to", "n", _NAMED)}
            UNION SELECT f.old_bill_to_id FROM fresh_invoice f
        ) t {bulk.seek("bill_to", "b", "b.id = t.id")}
        WHERE b.id IS NOT NULL AND b.address IS NULL AND b.chosen_address IS NULL""",
        c=place["c"],
    )
    if touched:
        reach_customers(bulk, place["now"])
    if place["several"]:
        look_again(bulk, f"SELECT i.id FROM fresh_invoice f {_KEPT}", place["now"], c=place["c"])
    return found.changed


def _write(bulk: Bulk, noun: Noun, rows: list[Row], place: Mapping[str, Any]) -> int:
    if not (found := _find_fresh(bulk, noun, rows, place)):
        return 0
    _store(bulk, noun, found, place)
    return found.changed


@dataclass(frozen=True, slots=True)
class _Fresh:
    """How many staged rows say something new: about an object we do not know, one we know, and as other content."""

    new: int
    known: int
    changed: int


def _find_fresh(bulk: Bulk, noun: Noun, rows: list[Row], place: Mapping[str, Any]) -> _Fresh | None:
    """Stage the rows and keep those that say something new, if any."""
    if not rows:
        return None
    bulk.stage(f"stage_{noun.table}", noun.columns, rows)
    bulk.make(f"fresh_{noun.table}", noun.columns | _OLD | (_OLD_INVOICE if noun is INVOICE else {}))
    given = {name: place[name] for name in ("c", "read_at") if name == "c" or noun is INVOICE}
    if not (kept := bulk.run(_keep_fresh(bulk, noun), **given)):
        return None
    changed = "count(CASE WHEN old_hash IS DISTINCT FROM content_hash THEN 1 END)"
    known, differ = map(int, bulk.read(f"SELECT count(old_id), {changed} FROM fresh_{noun.table}")[0])
    return _Fresh(kept - known, known, differ)


def _store(bulk: Bulk, noun: Noun, found: _Fresh, place: Mapping[str, Any]) -> None:
    """Write what is fresh. A new row needs no look at what it might conflict with: its connection has one writer."""
    given = {name: place[name] for name in ("c", "v", "now")}
    if noun.refers:
        bulk.run(_NAME_UNSEEN.replace("NOUN", noun.table), **given)
    if found.new:
        bulk.run(_insert(bulk, noun, "f.old_id IS NULL"), **given)
    if found.known:
        bulk.run(_insert(bulk, noun, "f.old_id IS NOT NULL") + _conflict(noun), **given)
    if noun in (INVOICE, CREDIT):
        route_fresh(bulk, noun.table, place["c"])


_OLD: dict[str, Kind] = {"old_id": "uuid", "old_hash": "bigint"}
_OLD_INVOICE: dict[str, Kind] = {
    "old_state": "text",
    "old_balance_minor": "bigint",
    "old_total_minor": "bigint",
    "old_due_on": "date",
    "old_bill_to_id": "uuid",
}

_NAMED = "n.connection_id = :c AND n.external_id = f.bill_to"

_KEPT = "JOIN invoice i ON i.connection_id = :c AND i.external_id = f.external_id"

# What the invoice's history tells.
_DIFFERS = """f.old_id IS NOT NULL AND (f.old_state <> f.state OR f.old_balance_minor <> f.balance_minor
    OR f.old_total_minor <> f.total_minor OR f.old_due_on IS DISTINCT FROM f.due_on)"""

# Those we held open until now, with the provider's word for when that ended (FEATURES I3).
_SETTLED = """INSERT INTO settlement
    (id, vendor_id, customer_id, invoice_id, connection_id, state, settled_at, told_at, seen_at)
SELECT {new_id}, i.vendor_id, i.customer_id, i.id, i.connection_id, i.state, f.ended_at,
    :told_at, :now
FROM fresh_invoice f JOIN invoice i ON i.id = f.old_id
WHERE f.old_state = 'open' AND f.state IN ('paid', 'void', 'written_off')"""

_NAME_UNSEEN = f"""INSERT INTO bill_to
    (id, created_at, vendor_id, connection_id, external_id, version, content_hash, name, address_text, issue, is_active)
SELECT {{new_id}}, :now, :v, :c, u.bill_to, {UNSEEN_VERSION}, {GONE_HASH}, '', '', 'missing', true
FROM (SELECT DISTINCT bill_to FROM fresh_NOUN WHERE bill_to <> '') u
WHERE NOT EXISTS (SELECT 1 FROM bill_to b WHERE b.connection_id = :c AND b.external_id = u.bill_to)
ORDER BY u.bill_to ON CONFLICT (connection_id, external_id) DO NOTHING"""


def _keep_fresh(bulk: Bulk, noun: Noun) -> str:
    """The anti-join: what is older than what we have, or the same, stays behind in the stage.

    At the same version other content wins (the provider's clock ticks slowly), but not over a deletion, and not when
    what we have was written after this was asked for.
    """
    same_key = " AND ".join(["i.connection_id = :c", *(f"i.{key} = s.{key}" for key in ("external_id", *noun.keys))])
    old = ["i.id", "i.content_hash"]
    tie = f"s.version = i.version AND s.content_hash <> i.content_hash AND i.content_hash <> {GONE_HASH}"
    if noun is INVOICE:
        old += [f"i.{name.removeprefix('old_')}" for name in _OLD_INVOICE]
        tie += " AND (i.updated_at IS NULL OR i.updated_at <= :read_at)"
    columns = ", ".join(f"s.{name}" for name in noun.columns)
    return f"""INSERT INTO fresh_{noun.table} SELECT {columns}, {", ".join(old)}
        FROM stage_{noun.table} s {bulk.seek(noun.table, "i", same_key)}
        WHERE i.id IS NULL OR s.version > i.version OR ({tie})"""


def _insert(bulk: Bulk, noun: Noun, which: str) -> str:
    """The fresh rows of which ``which`` is true, each with the bill_to it is for."""
    said = ["external_id", *noun.keys, "version", "content_hash", *noun.values]
    values = {name: bulk.json(f"f.{name}") if noun.values.get(name) == "json" else f"f.{name}" for name in said}
    values |= {"id": "coalesce(f.old_id, {new_id})", "created_at": ":now", "vendor_id": ":v", "connection_id": ":c"}
    values |= {name: f"n.{name.removeprefix('bill_to_')}" for name in _reached(noun)}  # the bill_to's own, and its id
    if noun is BILL_TO:
        values["issue"] = "''"
    if noun is INVOICE:
        values |= {"updated_at": ":now", "settled_at": "CASE WHEN f.state = 'paid' THEN :now END"}
    join = bulk.seek("bill_to", "n", _NAMED) if noun.refers else ""
    return f"""INSERT INTO {noun.table} ({", ".join(values)}) SELECT {", ".join(values.values())}
        FROM fresh_{noun.table} f {join} WHERE {which} ORDER BY f.external_id"""


def _conflict(noun: Noun) -> str:
    """What a row becomes that is there already."""
    sets = [f"{name} = excluded.{name}" for name in ("version", "content_hash", *noun.values, *_reached(noun))]
    if noun is INVOICE:
        sets += [
            "updated_at = CASE WHEN excluded.content_hash <> invoice.content_hash THEN excluded.updated_at"
            " ELSE invoice.updated_at END",
            "settled_at = CASE WHEN excluded.state = 'paid' THEN coalesce(invoice.settled_at, excluded.settled_at) END",
        ]
    return f" ON CONFLICT ({', '.join(['connection_id', *noun.keys, 'external_id'])}) DO UPDATE SET {', '.join(sets)}"


def _reached(noun: Noun) -> list[str]:
    """The columns that follow a row's bill_to."""
    return ["bill_to_id", "customer_id", *(["mailbox_id"] if noun is not PAYMENT else [])] if noun.refers else []


# --- what is gone ---------------------------------------------------------------------------------------------------


def _close_gone(bulk: Bulk, gone: list[Gone], place: Mapping[str, Any]) -> int:
    """A deletion is a fact with a version like any other; it also holds for what we have not seen yet."""
    if not gone:
        return 0
    newest: dict[tuple[str, str], int] = {}
    for one in gone:
        key = (one.kind, one.external_id)
        newest[key] = max(one.version, newest.get(key, one.version))
    columns: dict[str, Kind] = {"noun": "text", "external_id": "text", "version": "bigint"}
    bulk.stage("stage_gone", columns, [(kind, name, version) for (kind, name), version in newest.items()])
    ending = f"invoice i JOIN stage_gone g ON {_IS_GONE} WHERE i.content_hash <> {GONE_HASH}"
    remember_ends(bulk, ending, place["now"], c=place["c"], kind=INVOICE.kind)
    closed = sum(_close(bulk, noun, place) for noun in NOUNS)
    _reach_without_gone(bulk, place)
    if place["several"]:
        look_again(bulk, f"SELECT i.id FROM stage_gone f {_KEPT} WHERE f.noun = 'invoice'", place["now"], c=place["c"])
    _remember_deletions(bulk, place)
    return closed


_IS_GONE = f"""g.noun = :kind AND i.connection_id = :c AND i.external_id = g.external_id
    AND (g.version > i.version OR (g.version = i.version AND i.content_hash <> {GONE_HASH}))"""


def _close(bulk: Bulk, noun: Noun, place: Mapping[str, Any]) -> int:
    given = {"now": place["now"]} if ":now" in noun.gone else {}
    closed = bulk.read(
        f"SELECT count(*) FROM {noun.table} i JOIN stage_gone g ON {_IS_GONE} WHERE i.content_hash <> {GONE_HASH}",
        c=place["c"],
        kind=noun.kind,
    )
    bulk.run(
        f"""UPDATE {noun.table} AS i SET {noun.gone}, version = g.version, content_hash = {GONE_HASH}
        FROM stage_gone g WHERE {_IS_GONE}""",
        c=place["c"],
        kind=noun.kind,
        **given,
    )
    return int(closed[0][0])


def _reach_without_gone(bulk: Bulk, place: Mapping[str, Any]) -> None:
    """A bill_to that is gone shares its address with nobody; a deleted invoice's recipient stands in for nobody."""
    bulk.make("stage_touched", TOUCHED)
    touched = bulk.run(
        """INSERT INTO stage_touched SELECT t.id, false FROM (
            SELECT b.id FROM bill_to b JOIN stage_gone g ON g.external_id = b.external_id
            WHERE b.connection_id = :c AND g.noun = 'customer'
            UNION SELECT b.id FROM stage_gone g JOIN invoice i ON i.connection_id = :c AND i.external_id = g.external_id
            JOIN bill_to b ON b.id = i.bill_to_id
            WHERE g.noun = 'invoice' AND b.address IS NULL AND b.chosen_address IS NULL) t""",
        c=place["c"],
    )
    if touched:
        reach_customers(bulk, place["now"])


def _remember_deletions(bulk: Bulk, place: Mapping[str, Any]) -> None:
    """A page read before a deletion may be written after it: nothing may come back to life by that."""
    for noun in NOUNS:
        columns, values = zip(*(pair.split(" = ") for pair in noun.blank.split("; ")), strict=True)
        by_kind = "JOIN (SELECT 'credit_note' AS kind UNION SELECT 'unapplied_cash') k ON true" if noun.keys else ""
        same_kind = " AND i.kind = k.kind" if noun.keys else ""
        bulk.run(
            f"""INSERT INTO {noun.table} (id, created_at, vendor_id, connection_id, external_id, version, content_hash,
                {", ".join(columns)})
            SELECT {{new_id}}, :now, :v, :c, g.external_id, g.version, {GONE_HASH}, {", ".join(values)}
            FROM stage_gone g {by_kind} WHERE g.noun = :kind AND NOT EXISTS (
                SELECT 1 FROM {noun.table} i
                WHERE i.connection_id = :c AND i.external_id = g.external_id{same_kind})""",
            c=place["c"],
            v=place["v"],
            now=place["now"],
            kind=noun.kind,
        )


# --- what was not understood ----------------------------------------------------------------------------------------


def _release(bulk: Bulk, noun: Noun, place: Mapping[str, Any]) -> None:
    bulk.run(
        f"""UPDATE quarantined SET resolved_at = :now WHERE connection_id = :c AND resolved_at IS NULL AND kind = :kind
        AND external_id IN (SELECT external_id FROM stage_{noun.table})""",
        c=place["c"],
        now=place["now"],
        kind=noun.kind,
    )


def _quarantine(bulk: Bulk, bad: list[BadRecord], place: Mapping[str, Any]) -> None:
    if not bad:
        return
    last = {(one.kind, one.external_id): one for one in bad}
    rows = [(kind, name, one.reason[:300], json_text(one.raw)) for (kind, name), one in last.items()]
    columns: dict[str, Kind] = {"kind": "text", "external_id": "text", "reason": "text", "record": "json"}
    bulk.stage("stage_quarantined", columns, rows)
    bulk.run(
        f"""INSERT INTO quarantined (id, created_at, vendor_id, connection_id, kind, external_id, reason, record)
        SELECT {{new_id}}, :now, :v, :c, s.kind, s.external_id, s.reason, {bulk.json("s.record")}
        FROM stage_quarantined s WHERE true ORDER BY s.kind, s.external_id
        ON CONFLICT (connection_id, kind, external_id)
        DO UPDATE SET reason = excluded.reason, record = excluded.record, resolved_at = NULL
        WHERE quarantined.reason <> excluded.reason OR quarantined.resolved_at IS NOT NULL""",
        c=place["c"],
        v=place["v"],
        now=place["now"],
    )
