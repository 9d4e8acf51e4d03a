"""Records as rows: normalised values in column order, with a hash over them. Pure.

The hash is what recognises an unchanged row. It covers what the provider said, never when we heard it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from hashlib import blake2b
from typing import Any

from app.address import split
from app.bulk import Kind, json_text
from app.models import InvoiceState
from app.money import exponent
from connectors.base import (
    BadRecord,
    Batch,
    BillToRecord,
    CreditRecord,
    Gone,
    InvoiceRecord,
    PaymentRecord,
    SetbackRecord,
)

Row = tuple[Any, ...]

GONE_HASH = 0  # of a row whose object is gone, or was never seen itself; no content hashes to it
UNSEEN_VERSION = -1  # of a bill_to that others refer to and that has not come itself: any fact is newer
_MOST = 2**62  # beyond it a number is a mistake, and no database integer holds it
_STATES = {state.value for state in InvoiceState}


@dataclass(frozen=True, slots=True, eq=False)
class Noun:
    """One table that records go into. A staged row is: external_id, version, content_hash, ``keys``, bill_to (where
    ``refers``), ``values``, ``beside``."""

    table: str
    kind: str  # as records and quarantine name it
    values: dict[str, Kind]
    refers: bool = True
    beside: dict[str, Kind] = field(default_factory=dict)  # staged, and kept elsewhere than in this table
    keys: tuple[str, ...] = ()  # besides connection_id and external_id
    gone: str = ""  # SQL assignments that close a row
    blank: str = ""  # "column = SQL value" pairs of a row that only remembers a deletion

    @property
    def columns(self) -> dict[str, Kind]:
        before: dict[str, Kind] = {"external_id": "text", "version": "bigint", "content_hash": "bigint"}
        before |= dict.fromkeys(self.keys, "text")
        if self.refers:
            before["bill_to"] = "text"
        return before | self.values | self.beside


BILL_TO = Noun(
    "bill_to",
    "customer",
    {"name": "text", "address_text": "text", "address": "text", "is_active": "bool"},
    refers=False,
    gone="is_active = false",
    blank="name = ''; address_text = ''; issue = 'missing'; is_active = false",
)
INVOICE = Noun(
    "invoice",
    "invoice",
    {
        "number": "text", "po_number": "text", "issued_on": "date", "due_on": "date", "due_on_derived": "bool",
        "currency": "text", "exponent": "int", "total_minor": "bigint", "balance_minor": "bigint",
        "due_minor": "bigint", "instalments": "json", "state": "text", "raw_state": "text", "address": "text",
        "is_autopay": "bool", "can_pay_online": "bool", "details": "json", "awaited_on": "date",
        "discount_minor": "bigint", "discount_until": "date",
    },
    beside={"ended_at": "moment"},
    gone="state = 'gone', balance_minor = 0, due_minor = 0, settled_at = NULL, updated_at = :now",
    blank="number = ''; po_number = ''; due_on_derived = false; currency = 'USD'; exponent = 2; total_minor = 0;"
    " balance_minor = 0; due_minor = 0; instalments = '[]'; state = 'gone'; raw_state = ''; is_autopay = false;"
    " can_pay_online = false; details = '{}'; updated_at = :now",
)  # fmt: skip
CREDIT = Noun(
    "credit",
    "credit",
    {
        "number": "text", "issued_on": "date", "currency": "text", "exponent": "int", "total_minor": "bigint",
        "remaining_minor": "bigint",
    },
    keys=("kind",),
    gone="remaining_minor = 0",
    blank="kind = k.kind; number = ''; currency = 'USD'; exponent = 2; total_minor = 0; remaining_minor = 0",
)  # fmt: skip
PAYMENT = Noun(
    "payment",
    "payment",
    {
        "paid_on": "date", "currency": "text", "exponent": "int", "amount_minor": "bigint", "method": "text",
        "applied": "json",
    },
    gone="amount_minor = 0",
    blank="currency = 'USD'; exponent = 2; amount_minor = 0; method = ''; applied = '[]'",
)  # fmt: skip
NOUNS = (BILL_TO, INVOICE, CREDIT, PAYMENT)


@dataclass(frozen=True, slots=True)
class Rows:
    """A batch as it is written: ``tables`` holds the rows by table, one for each object (the newest fact, the later of
    equals), ``bad`` what cannot be kept. Made before the transaction begins, for which others wait."""

    tables: Mapping[str, list[Row]]
    setbacks: list[SetbackRecord]
    gone: list[Gone]
    bad: list[BadRecord]
    received: int


def rows_of(batch: Batch) -> Rows:
    bad = list(batch.bad)
    makers: tuple[tuple[Noun, Sequence[Any], Callable[[Any], Row]], ...] = (
        (BILL_TO, batch.bill_tos, _bill_to),
        (INVOICE, batch.invoices, _invoice),
        (CREDIT, batch.credits, _credit),
        (PAYMENT, batch.payments, _payment),
    )
    tables = {noun.table: _newest(noun, records, make, bad) for noun, records, make in makers}
    return Rows(tables, batch.setbacks, batch.gone, bad, len(batch))


def _newest(noun: Noun, records: Iterable[Any], make: Callable[[Any], Row], bad: list[BadRecord]) -> list[Row]:
    found: dict[Any, Row] = {}
    for record in records:
        try:
            row = make(record)
        except ValueError as problem:  # money that is no money, a number beyond all measure
            raw = {"external_id": record.external_id, "version": str(record.version)}
            bad.append(BadRecord(noun.kind, record.external_id[:120], str(problem)[:300], raw))  # type: ignore[arg-type]
            continue
        key = (row[0], row[3]) if noun.keys else row[0]
        held = found.get(key)
        if held is None or row[1] >= held[1]:
            found[key] = row
    return list(found.values())


def _bill_to(record: BillToRecord) -> Row:
    text = record.address_text[:500]
    return _row(record, (), (record.name[:200], text, first_address(text), record.is_active))


def _invoice(record: InvoiceRecord) -> Row:
    currency, balance = record.total.currency, record.balance.minor
    state = record.state if record.state in _STATES else InvoiceState.UNKNOWN.value
    if state == InvoiceState.OPEN and balance <= 0:  # covered by a credit, and its books have not closed it
        state = InvoiceState.PAID.value
    due_on, due_minor = _next_due(record) if record.instalments else (record.due_on, balance)
    values = (
        record.number[:80],
        record.po_number[:80],
        record.issued_on,
        due_on or record.issued_on,
        due_on is None and record.issued_on is not None,
        currency,
        exponent(currency),
        _whole(record.total.minor),
        _whole(balance),
        _whole(due_minor),
        _instalments(record) if len(record.instalments) > 1 else "[]",
        state,
        record.raw_state[:40],
        first_address(record.address_text),
        record.is_autopay,
        record.can_pay_online,
        json_text(record.details),
        record.awaited_on,
        None if record.discount_minor is None else _whole(record.discount_minor),
        record.discount_until,
    )
    return (*_row(record, (record.bill_to_external_id,), values), record.settled_at)


def _next_due(record: InvoiceRecord) -> tuple[date | None, int]:
    """The next instalment that is not paid."""
    for part in sorted(record.instalments, key=lambda part: part.due_on):
        if part.balance_minor > 0:
            return part.due_on, part.balance_minor
    return record.due_on, record.balance.minor


def _instalments(record: InvoiceRecord) -> str:
    return json_text([[part.due_on.isoformat(), part.amount_minor, part.balance_minor] for part in record.instalments])


def _credit(record: CreditRecord) -> Row:
    currency = record.total.currency
    values = (
        record.number[:80],
        record.issued_on,
        currency,
        exponent(currency),
        _whole(record.total.minor),
        _whole(record.remaining.minor),
    )
    return _row(record, (record.kind, record.bill_to_external_id), values)


def _payment(record: PaymentRecord) -> Row:
    currency = record.amount.currency
    values = (
        record.paid_on,
        currency,
        exponent(currency),
        _whole(record.amount.minor),
        record.method[:40],
        json_text([list(pair) for pair in record.applied]),
    )
    return _row(record, (record.bill_to_external_id,), values)


def _row(record: Any, before: Row, values: Row) -> Row:
    if len(record.external_id) > 120:
        raise ValueError("its id is too long to keep")
    told = (*before, *values)
    said = (_said(len(told)) % told).encode("utf-8", "surrogatepass")
    content = int.from_bytes(blake2b(said, digest_size=8).digest(), "big", signed=True) or 1
    return (record.external_id, _whole(record.version), content, *told)


@cache
def _said(count: int) -> str:
    """So many words with a mark between them; filling them in costs half of joining them."""
    return "\x1f".join(["%s"] * count)


def _whole(number: int) -> int:
    if not -_MOST < number < _MOST:
        raise ValueError("a number in it is beyond all measure")
    return number


@lru_cache(maxsize=20_000)
def first_address(text: str) -> str | None:
    """The canonical address a field stands for; reading one costs more than all the rest of its row."""
    return next(iter(split(text)), None)
