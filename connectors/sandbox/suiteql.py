"""SuiteQL over one company's books: real SQL, run by SQLite on tables that are named and filled as NetSuite's.

Moments are naive in the account's own zone, kept as seconds so that only TO_CHAR makes text of them. Whatever NetSuite
has beside these tables and functions is not known here and is refused.
"""

import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from .amounts import to_decimal
from .world import Company, CreditNote, Invoice, Payment

TABLES = """
CREATE TABLE "transaction" (id INTEGER PRIMARY KEY, type TEXT, tranid TEXT, externalid TEXT, entity INTEGER,
    trandate INTEGER, duedate INTEGER, currency INTEGER, foreigntotal NUMERIC, foreignamountunpaid NUMERIC,
    foreignpaymentamountunused NUMERIC, status TEXT, voided TEXT, otherrefnum TEXT, memo TEXT,
    lastmodifieddate INTEGER);
CREATE TABLE nexttransactionlinelink (previousdoc INTEGER, nextdoc INTEGER, foreignamount NUMERIC, linktype TEXT);
CREATE TABLE customer (id INTEGER PRIMARY KEY, entityid TEXT, companyname TEXT, email TEXT, isinactive TEXT,
    currency INTEGER, lastmodifieddate INTEGER);
CREATE TABLE currency (id INTEGER PRIMARY KEY, symbol TEXT, name TEXT);
CREATE TABLE subsidiary (id INTEGER PRIMARY KEY, name TEXT, parent INTEGER, currency INTEGER);
"""
FORMATS = {"YYYY-MM-DD": "%Y-%m-%d", "YYYY-MM-DD HH24:MI:SS": "%Y-%m-%d %H:%M:%S"}
Transaction = Invoice | CreditNote | Payment
ROW = "INSERT INTO {} VALUES ({})"
_TABLE = re.compile(r"\b(FROM|JOIN)\s+transaction\b", re.IGNORECASE)
_STAR = re.compile(r"\bSELECT\s+\*.*\bFROM\s+transaction\b", re.IGNORECASE | re.DOTALL)


class BadQuery(Exception):
    """NetSuite would not understand it."""


def run(company: Company, query: str) -> list[dict[str, Any]]:
    """All rows; values as text, and what has none left out."""
    if _STAR.search(query) or not query.lstrip().upper().startswith("SELECT"):
        raise BadQuery("Invalid search query. Name the columns.")
    base = sqlite3.connect(":memory:")
    try:
        base.executescript(TABLES)
        base.create_function("TO_CHAR", 2, to_char)
        base.create_function("TO_TIMESTAMP", 2, to_timestamp)
        base.create_function("TO_DATE", 2, to_timestamp)
        fill(base, company)
        found = base.execute(_TABLE.sub(r'\1 "transaction"', query))
        names = [column[0].lower() for column in found.description]
        return [
            {name: str(value) for name, value in zip(names, row, strict=True) if value is not None} for row in found
        ]
    except sqlite3.Error as problem:
        raise BadQuery(f"Invalid search query. {problem}") from problem
    finally:
        base.close()


def to_char(seconds: int | None, form: str) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime(FORMATS[form])


def to_timestamp(text: str, form: str) -> int:
    return int(datetime.strptime(text, FORMATS[form]).replace(tzinfo=UTC).timestamp())


def fill(base: sqlite3.Connection, company: Company) -> None:
    used = {one.currency for one in company.invoices.values()} | {one.currency for one in company.customers.values()}
    codes = {code: place for place, code in enumerate(sorted(used | {company.currency}), 1)}
    insert(base, "currency", [(place, code, code) for code, place in codes.items()])
    insert(base, "subsidiary", [(1, company.name, None, codes[company.currency])])
    zone = ZoneInfo(company.timezone)
    insert(base, "customer", [
        (int(one.id), one.name, one.name, one.email, flag(not one.active), codes[one.currency],
         naive(one.updated_at, zone))
        for one in company.customers.values()
    ])  # fmt: skip
    insert(base, '"transaction"', transactions(company, codes, zone))
    insert(base, "nexttransactionlinelink", links(company))


def insert(base: sqlite3.Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        base.executemany(ROW.format(table, ", ".join("?" * len(rows[0]))), rows)


def transactions(company: Company, codes: dict[str, int], zone: ZoneInfo) -> list[tuple[Any, ...]]:
    return [
        (int(one.id), *kind_of(one), int(one.customer_id), *days_of(one), codes[one.currency], *amounts_of(one),
         *state_of(one), naive(one.updated_at, zone))
        for one in still_there(company)
    ]  # fmt: skip


def still_there(company: Company) -> Iterator[Transaction]:
    yield from (one for one in company.invoices.values() if one.status != "deleted")
    yield from company.credit_notes.values()
    yield from (one for one in company.payments.values() if not one.deleted)


def kind_of(one: Transaction) -> tuple[str, str | None, str | None]:
    """Type, number, external id. A payment made through the API keeps the id it was given as its reference."""
    if isinstance(one, Payment):
        return "CustPymt", f"PYMT{one.id}", one.reference or None
    return ("CustInvc" if isinstance(one, Invoice) else "CustCred"), one.number, None


def days_of(one: Transaction) -> tuple[int | None, int | None]:
    if isinstance(one, Payment):
        return seconds(one.received_on), None
    return seconds(one.issued_on), seconds(one.due_on) if isinstance(one, Invoice) else None


def amounts_of(one: Transaction) -> tuple[float | None, ...]:
    """Total, unpaid, unused. What lowers the ledger has a total below zero; direct voiding leaves nothing."""
    if isinstance(one, Invoice):
        return number(0 if one.status == "void" else one.total, one), number(one.balance, one), None
    if isinstance(one, CreditNote):
        return number(-one.total, one), None, number(one.remaining, one)
    return number(-one.amount, one), None, number(one.unapplied, one)


def number(minor: int, one: Transaction) -> float:
    return float(to_decimal(minor, one.currency))


def state_of(one: Transaction) -> tuple[str, str, str | None, str]:
    """Status letter, voided, the customer's order number, memo."""
    if isinstance(one, Payment):
        return "C", "F", None, one.reference
    letter = {"open": "A", "paid": "B", "used": "B", "void": "V", "draft": "A"}[one.status]
    order = one.reference if isinstance(one, Invoice) else None
    return letter, flag(one.status == "void"), order or None, ""


def links(company: Company) -> list[tuple[Any, ...]]:
    return [
        (int(part.invoice_id), int(one.id), number(part.amount, one), "Payment")
        for one in still_there(company)
        if not isinstance(one, Invoice)
        for part in one.applied
    ]


def flag(value: bool) -> str:
    return "T" if value else "F"


def naive(at: datetime, zone: ZoneInfo) -> int:
    return int(at.astimezone(zone).replace(tzinfo=UTC).timestamp())


def seconds(day: date | None) -> int | None:
    return None if day is None else int(datetime.combine(day, time(), tzinfo=UTC).timestamp())
