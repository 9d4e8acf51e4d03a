"""One invoice that a vendor's books tell of twice, once by accounts and once by payments, is one invoice (claim 002-5).

Two invoices of one vendor are the same when they come through two connections that are alive and have the same number,
customer and currency. One stands; the other rests as a twin: no list, sum or mail that asks for an open or a settled
invoice sees it. Where they differ nobody guesses: the vendor is asked, and meanwhile what is open is not asked for.

Set-based: the same few statements for one invoice and for a page of them, and none for a vendor with one connection.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from app.bulk import Bulk, Kind
from app.models import HoldKind, InvoiceState
from app.scope import widened

UNDECIDED = timedelta(days=3650)  # a hold has an end; this one's is the vendor's word
LOOK: dict[str, Kind] = {"id": "uuid"}
_TWIN: dict[str, Kind] = {
    "id": "uuid", "state": "text", "same_as_id": "uuid", "told_state": "text", "differs_at": "moment",
    "ruled_at": "moment",
}  # fmt: skip
_COUNTED = {
    InvoiceState.OPEN, InvoiceState.PAID, InvoiceState.VOID, InvoiceState.WRITTEN_OFF, InvoiceState.UNKNOWN
}  # fmt: skip


class Copy(NamedTuple):
    """An invoice as one of the vendor's connections tells it. Keys and instants are the database's own and only
    compared."""

    id: Any
    vendor_id: Any
    customer_id: Any
    currency: str
    number: str
    connection_id: Any
    kept_state: str
    told_state: str | None
    total_minor: int
    balance_minor: int
    due_on: Any  # None as well where it is not what the books say, but derived, agreed on here, or our vendor's terms
    can_pay_online: bool
    updated_at: Any
    same_as_id: Any
    differs_at: Any
    ruled_at: Any
    connected_at: Any
    is_alive: bool  # its connection
    is_known: bool  # somebody has said something of it
    is_held: bool  # until the vendor has decided

    @property
    def state(self) -> str:
        """What its books say."""
        return self.told_state or "" if self.kept_state == InvoiceState.TWIN else self.kept_state

    @property
    def is_open(self) -> bool:
        return self.state == InvoiceState.OPEN

    @property
    def stands_apart(self) -> bool:
        """The vendor says that it is another invoice."""
        return bool(self.same_as_id == self.id)

    @property
    def may_be_same(self) -> bool:
        named = bool(self.number) and self.customer_id is not None
        return self.is_alive and named and self.state in _COUNTED and not self.stands_apart

    def differs_from(self, other: "Copy") -> bool:
        """Whether there is something to decide, as long as either is open."""
        if not (self.is_open or other.is_open):
            return False
        if (self.state, self.total_minor, self.balance_minor) != (other.state, other.total_minor, other.balance_minor):
            return True
        return None not in (self.due_on, other.due_on) and self.due_on != other.due_on


class Verdict(NamedTuple):
    """What becomes of a copy: a twin of ``same_as_id``, or an invoice like any other. ``differs`` says of a twin that
    the vendor is to decide, and of the one that stands that it rests until then."""

    copy: Copy
    same_as_id: Any = None
    differs: bool = False


def judged(copies: Sequence[Copy]) -> Iterator[Verdict]:
    """Pure: which are the same, and which of them stands."""
    groups: dict[Any, list[Copy]] = defaultdict(list)
    for copy in copies:
        if copy.may_be_same:
            groups[copy.vendor_id, copy.customer_id, copy.currency, copy.number].append(copy)
        else:
            yield Verdict(copy, copy.id if copy.stands_apart else None)
    for group in groups.values():
        yield from _together(group)


def _together(group: Sequence[Copy]) -> Iterator[Verdict]:
    """One number of one customer. What stands already stays, for people have read of it; of the new ones that of which
    somebody has spoken, then the one that can be paid online, then the one of the older connection."""
    if len({copy.connection_id for copy in group}) < len(group):  # repeated in the same books: a number is only a label
        yield from map(Verdict, group)
        return
    order = sorted(group, key=_rank)
    first, is_doubtful = order[0], False
    for copy in order[1:]:
        is_new = copy.same_as_id is None
        if is_new and not (first.is_open or copy.is_open) and first.total_minor != copy.total_minor:
            yield Verdict(copy)  # both are over, and not about the same
            continue
        is_ruled = copy.ruled_at is not None and (copy.updated_at is None or copy.updated_at <= copy.ruled_at)
        differs = not is_ruled and copy.differs_from(first)
        is_doubtful = is_doubtful or differs
        yield Verdict(copy, first.id, differs)
    yield Verdict(first, None, is_doubtful and first.is_open)


def _rank(copy: Copy) -> tuple[Any, ...]:
    return copy.same_as_id is not None, not copy.is_known, not copy.can_pay_online, copy.connected_at, str(copy.id)


# --- in the database ------------------------------------------------------------------------------------------------


def several_books(bulk: Bulk, vendor_id: UUID) -> bool:
    """Whether the vendor has more than one connection; if so, one of them writes at a time: two that bring the same
    invoice at once would not see each other's."""
    found = bulk.read("SELECT count(*) FROM connection WHERE vendor_id = :v", v=vendor_id)
    if found[0][0] < 2:
        return False
    if not bulk.is_sqlite:
        bulk.read("SELECT id FROM vendor WHERE id = :v FOR NO KEY UPDATE", v=vendor_id)
    return True


def look_again(bulk: Bulk, which: str, now: datetime, **values: Any) -> None:
    """Find the twins of the invoices that ``which`` selects the ids of, and let go of those that are none any more."""
    bulk.make("stage_look", LOOK)
    if not bulk.run(f"INSERT INTO stage_look {which}", **values):
        return
    bulk.run(_PARTNERS)
    bulk.run(_NAMESAKES)
    verdicts = list(judged([Copy(*row) for row in bulk.read(_COPIES)]))
    changed = [row for verdict in verdicts if (row := _row(bulk, verdict, now))]
    if changed:
        bulk.stage("stage_twin", _TWIN, changed)
        bulk.run(_WRITE)
    _hold(bulk, verdicts, now)


def _row(bulk: Bulk, verdict: Verdict, now: datetime) -> tuple[Any, ...] | None:
    """The columns as they should be, of a copy that has others."""
    copy, is_twin = verdict.copy, verdict.same_as_id not in (None, verdict.copy.id)
    differs_at = (copy.differs_at or bulk.native(now)) if is_twin and verdict.differs else None
    wanted = (
        InvoiceState.TWIN.value if is_twin else copy.state,
        verdict.same_as_id,
        copy.state if is_twin else None,
        differs_at,
        copy.ruled_at if verdict.same_as_id else None,
    )
    had = (copy.kept_state, copy.same_as_id, copy.told_state, copy.differs_at, copy.ruled_at)
    return None if wanted == had else (copy.id, *wanted)


def _hold(bulk: Bulk, verdicts: Sequence[Verdict], now: datetime) -> None:
    """What stands and is doubtful rests; nothing else does."""
    rests = {each.copy.id: each.differs and each.same_as_id is None for each in verdicts}
    over = [each.copy.id for each in verdicts if each.copy.is_held and not rests[each.copy.id]]
    begin = [each.copy.id for each in verdicts if rests[each.copy.id] and not each.copy.is_held]
    if over:
        bulk.stage("stage_look", LOOK, ([each] for each in over))
        bulk.run(_END_HOLDS, now=now, kind=HoldKind.UNCLEAR.value)
    if begin:
        bulk.stage("stage_look", LOOK, ([each] for each in begin))
        bulk.run(_BEGIN_HOLDS, now=now, until=now + UNDECIDED, kind=HoldKind.UNCLEAR.value)


# Those that were found to be the same before, whatever has become of their numbers.
_PARTNERS = """INSERT INTO stage_look
    SELECT i.same_as_id FROM stage_look l JOIN invoice i ON i.id = l.id WHERE i.same_as_id IS NOT NULL
    UNION SELECT i.id FROM stage_look l JOIN invoice i ON i.same_as_id = l.id"""

# Through all that those customers have of the vendor, once, and not once for each invoice: no index has the numbers.
_NAMESAKES = """INSERT INTO stage_look
    WITH looked AS (
        SELECT DISTINCT i.vendor_id, i.customer_id, i.number FROM stage_look l JOIN invoice i ON i.id = l.id
        WHERE i.number <> '' AND i.customer_id IS NOT NULL),
    theirs AS MATERIALIZED (
        SELECT i.id, i.vendor_id, i.customer_id, i.number FROM (SELECT DISTINCT vendor_id, customer_id FROM looked) k
        JOIN invoice i ON i.customer_id = k.customer_id AND i.vendor_id = k.vendor_id)
    SELECT t.id FROM theirs t
    JOIN looked l ON l.vendor_id = t.vendor_id AND l.customer_id = t.customer_id AND l.number = t.number"""

_COPIES = """SELECT i.id, i.vendor_id, i.customer_id, i.currency, i.number, i.connection_id, i.state, i.told_state,
    i.total_minor, i.balance_minor, CASE WHEN NOT i.due_on_derived AND i.agreed_at IS NULL
        AND coalesce(b.extra_days, 0) = 0 THEN i.due_on END, i.can_pay_online, i.updated_at,
    i.same_as_id, i.differs_at, i.ruled_at, c.created_at, c.state IN ('active', 'needs_reconnect'),
    EXISTS (SELECT 1 FROM hold h WHERE h.invoice_id = i.id AND h.kind <> 'unclear')
        OR EXISTS (SELECT 1 FROM thread_invoice t WHERE t.invoice_id = i.id),
    EXISTS (SELECT 1 FROM hold h WHERE h.invoice_id = i.id AND h.kind = 'unclear' AND h.ended_at IS NULL)
    FROM invoice i JOIN connection c ON c.id = i.connection_id LEFT JOIN bill_to b ON b.id = i.bill_to_id
    WHERE i.id IN (SELECT id FROM stage_look)"""

_WRITE = """UPDATE invoice AS i SET state = t.state, same_as_id = t.same_as_id, told_state = t.told_state,
    differs_at = t.differs_at, ruled_at = t.ruled_at FROM stage_twin t WHERE i.id = t.id"""

_BEGIN_HOLDS = """INSERT INTO hold (id, created_at, vendor_id, customer_id, invoice_id, kind, ends_at, end_reason,
    reason, wanted, facts, is_hidden, note, said_by)
    SELECT {new_id}, :now, i.vendor_id, i.customer_id, i.id, :kind, :until, '', '', '', '{}', false, '', ''
    FROM stage_look l JOIN invoice i ON i.id = l.id"""

_END_HOLDS = """UPDATE hold SET ended_at = :now WHERE kind = :kind AND ended_at IS NULL
    AND invoice_id IN (SELECT id FROM stage_look)"""


def look_at_customer(session: Session, customer_id: UUID, now: datetime) -> None:
    """After inboxes have become one, or parted: who the customer is decides what is the same."""
    with widened(session, "which of a vendor's invoices are the same is found over all its books"):
        look_again(
            Bulk(session),
            """SELECT i.id FROM invoice i WHERE i.customer_id = :customer AND (i.same_as_id IS NOT NULL OR EXISTS (
                SELECT 1 FROM connection c WHERE c.vendor_id = i.vendor_id AND c.id <> i.connection_id))""",
            now,
            customer=customer_id,
        )
