"""The books of one vendor with many customers, as records: always the same ones."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from app.db import Database
from app.models import Connection
from app.money import Money
from app.scope import Everything
from connectors.base import Batch, BillToRecord, InvoiceRecord
from connectors.fields import micros
from tests.support.world import vendor

EVERYTHING = Everything("a bench")
PER_CUSTOMER = 20
_FIRST_DAY = date(2026, 1, 1)
_FIRST_STAMP = datetime(2026, 6, 1, 12, tzinfo=UTC)


def connected(database: Database) -> Connection:
    """A vendor's connection to pull through."""
    with database.transaction(EVERYTHING) as session:
        return vendor(session, "Acme Telecom", address="owner@acme.example").connection


def batches(n: int, size: int) -> Iterator[Batch]:
    """``n`` open invoices in batches of ``size``, each with the customers it is the first to name."""
    for start in range(0, n, size):
        numbers = range(start, min(start + size, n))
        customers = range(-(-start // PER_CUSTOMER), -(-numbers.stop // PER_CUSTOMER))
        yield Batch(bill_tos=[bill_to(each) for each in customers], invoices=[invoice(each) for each in numbers])


def bill_to(number: int) -> BillToRecord:
    return BillToRecord(str(number), micros(changed_at(number)), f"Customer {number}", address(number))


def invoice(number: int, *, paid_minor: int = 0) -> InvoiceRecord:
    """``paid_minor``: after a part payment."""
    total, issued = total_minor(number), issued_on(number)
    changed = changed_at(number) + timedelta(days=bool(paid_minor))
    return InvoiceRecord(
        external_id=str(number),
        version=micros(changed),
        bill_to_external_id=str(number // PER_CUSTOMER),
        number=f"INV-{number:07d}",
        issued_on=issued,
        due_on=issued + timedelta(days=30),
        total=Money(total, "USD"),
        balance=Money(total - paid_minor, "USD"),
        state="open",
        raw_state="partial" if paid_minor else "open",
        address_text=address(number // PER_CUSTOMER),
        can_pay_online=True,
        details={"memo": "Thank you for your business", "terms": "Net 30"},
    )


def address(customer: int) -> str:
    return f"ap@customer{customer}.example"


def total_minor(number: int) -> int:
    return 10_000 + random.Random(number).randrange(5_000_000)


def issued_on(number: int) -> date:
    return _FIRST_DAY + timedelta(days=number * 7919 % 300)


def changed_at(number: int) -> datetime:
    return _FIRST_STAMP + timedelta(seconds=number)
