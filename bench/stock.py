"""Fills a scratch database with as much as a bench asks for, set by set inside the database: ten million invoices in
minutes. The same rows for the same Stock; ``key()`` knows their ids."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, create_engine, text
from sqlalchemy.pool import NullPool

from app import models

_CURRENCY = "CASE WHEN {} % 4 = 3 THEN 'EUR' ELSE 'USD' END"  # of a vendor
_KINDS = (
    "person",
    "customer",
    "mailbox",
    "vendor",
    "connection",
    "bill_to",
    "relation",
    "invoice",
    "thread",
    "message",
)


@dataclass(frozen=True, slots=True)
class Stock:
    """``open`` invoices and then ``closed`` ones, dealt out in turn over the customers and each one's vendors.

    Customer ``c`` owes vendors ``c * each`` and the ``each - 1`` after it (round and round); invoice ``n`` is of
    customer ``n % customers``. ``due`` mailboxes have a digest due at ``now``, the others a day to a week after it.
    ``threads`` are questions about the first invoices, every twentieth of them waiting for its vendor.
    """

    customers: int
    vendors: int
    open: int
    closed: int = 0
    each: int = 8  # vendors of one customer
    due: int = 0
    ahead: int = 40  # days until the last of them is due; the first one has been for 99 days less
    credits: int = 0
    threads: int = 0
    past: int = 0  # of each: webhooks handled, mails sent, delivery events handled
    now: datetime = datetime(2026, 11, 23, 9, tzinfo=UTC)

    @classmethod
    def of(cls, open_invoices: int, **more: Any) -> "Stock":
        """Twenty open invoices a customer, a thousand a vendor: the shape of PERFORMANCE.md sections 3 and 4."""
        return cls(max(1, open_invoices // 20), max(8, open_invoices // 1000), open_invoices, **more)


def key(kind: str, number: int) -> UUID:
    """The id of the ``number``-th row of that table."""
    return UUID(f"{_prefix(kind)}{number:012x}")


def fill(owner_url: str, stock: Stock) -> None:
    """Write it all, as the owner of the tables (``Ground.owner_url``), and leave good statistics behind."""
    engine = create_engine(owner_url, poolclass=NullPool)
    with engine.begin() as connection:
        shelf = _Shelf(connection, stock)
        with shelf.at_leisure():
            _fill(shelf, stock)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE" if shelf.is_sqlite else "VACUUM ANALYZE")
    engine.dispose()


def _fill(shelf: "_Shelf", stock: Stock) -> None:
    _parties(shelf, stock)
    _books(shelf, stock)
    _invoices(shelf, stock)
    _sums(shelf)
    _credits(shelf, stock)
    _threads(shelf, stock)
    _past(shelf, stock)


def _parties(shelf: "_Shelf", stock: Stock) -> None:
    the, now = shelf.key, shelf.moment(stock.now)
    shelf.add(models.Person, 1, address="'stock@stock.example'")
    shelf.add(models.Customer, stock.customers, name="'Customer ' || n")
    later = shelf.later(stock.now, "86400 + n * 7919 % 518400")
    shelf.add(
        models.Mailbox, stock.customers, customer_id=the("customer", "n"), address="'ap' || n || '@stock.example'",
        next_digest_at=f"CASE WHEN n < {stock.due} THEN {now} ELSE {later} END", proven_at=now,
    )  # fmt: skip
    shelf.add(
        models.Vendor, stock.vendors, name="'Vendor ' || n", legal_name="'Vendor ' || n || ' Ltd'",
        currency=_CURRENCY.format("n"), trust="'verified'", live_at=shelf.moment(stock.now - timedelta(days=30)),
        next_scored_at=shelf.moment(stock.now + timedelta(days=1)),
    )  # fmt: skip


def _books(shelf: "_Shelf", stock: Stock) -> None:
    """Row ``n`` of relations and bill_tos is of customer ``n / each`` and vendor ``n % vendors``."""
    the, now = shelf.key, shelf.moment(stock.now)
    customer, vendor, address = (
        f"n / {stock.each}",
        f"n % {stock.vendors}",
        f"'ap' || n / {stock.each} || '@stock.example'",
    )
    shelf.add(
        models.Connection, stock.vendors, vendor_id=the("vendor", "n"), person_id=the("person", "0"), state="'active'",
        provider="'quickbooks'", account_id="'realm-' || n", first_synced_at=now, as_of=now,
    )  # fmt: skip
    pairs, both = (
        stock.customers * stock.each,
        {"vendor_id": the("vendor", vendor), "customer_id": the("customer", customer)},
    )
    shelf.add(models.Relation, pairs, **both)
    shelf.add(
        models.BillTo, pairs, **both, connection_id=the("connection", vendor), mailbox_id=the("mailbox", customer),
        external_id="'' || n", version="1", content_hash="n", name=f"'Customer ' || {customer}",
        address=address, address_text=address,
    )  # fmt: skip


def _invoices(shelf: "_Shelf", stock: Stock) -> None:
    the, customer, vendor = shelf.key, _customer(stock), _vendor(stock)
    is_open, total = f"n < {stock.open}", "(10000 + n % 90000)"
    balance = f"CASE WHEN {is_open} THEN CASE WHEN n % 10 = 9 THEN {total} / 2 ELSE {total} END ELSE 0 END"
    spread = f"(n * 7919 + n / {stock.customers} * 31) % 100 - {stock.ahead}"
    age = f"CASE WHEN {is_open} THEN {spread} ELSE 70 + n * 7919 % 600 END"  # days past due
    state = "CASE WHEN {} THEN '{}' ELSE '{}' END".format
    shelf.add(
        models.Invoice, stock.open + stock.closed, vendor_id=the("vendor", vendor),
        customer_id=the("customer", customer), connection_id=the("connection", vendor),
        bill_to_id=the("bill_to", _pair(stock)), mailbox_id=the("mailbox", customer), external_id="'' || n",
        version="1", content_hash="n", number="'N-' || n",
        issued_on=shelf.day(stock.now.date(), f"-60 - ({age})"), due_on=shelf.day(stock.now.date(), f"-({age})"),
        currency=_CURRENCY.format(f"({vendor})"), exponent="2", total_minor=total, balance_minor=balance,
        due_minor=balance, state=state(is_open, "open", "paid"), raw_state=state(is_open, "Open", "Paid"),
        can_pay_online="true", updated_at=shelf.moment(stock.now),
    )  # fmt: skip


def _sums(shelf: "_Shelf") -> None:
    """As they are once folded. On SQLite the filling itself has been counted."""
    shelf.run("DELETE FROM invoice_sum")
    shelf.run(
        f"""INSERT INTO invoice_sum (id, vendor_id, currency, due_on, count, balance_minor, is_loose)
        SELECT {shelf.any_id}, vendor_id, currency, due_on, count(*), sum(balance_minor), false
        FROM invoice WHERE state = 'open' GROUP BY vendor_id, currency, due_on"""
    )


def _credits(shelf: "_Shelf", stock: Stock) -> None:
    """Credit ``n`` is of the customer and the vendor of invoice ``n``, one in ten of them with something left."""
    the, customer, vendor = shelf.key, _customer(stock), _vendor(stock)
    shelf.add(
        models.Credit, stock.credits, vendor_id=the("vendor", vendor), customer_id=the("customer", customer),
        connection_id=the("connection", vendor), bill_to_id=the("bill_to", _pair(stock)),
        mailbox_id=the("mailbox", customer), kind="'credit_note'", external_id="'' || n", version="1",
        content_hash="n", currency=_CURRENCY.format(f"({vendor})"), exponent="2", total_minor="1000",
        remaining_minor="CASE WHEN n % 10 = 0 THEN 1000 ELSE 0 END",
    )  # fmt: skip


def _threads(shelf: "_Shelf", stock: Stock) -> None:
    """Thread ``n`` is about invoice ``n``."""
    the, waits, begun = shelf.key, "n % 20 = 0", shelf.later(stock.now, "-3600 - n % 8640000")
    owners = {"vendor_id": the("vendor", _vendor(stock)), "customer_id": the("customer", _customer(stock))}
    shelf.add(
        models.Thread, stock.threads, **owners, mailbox_id=the("mailbox", _customer(stock)), subject="'About N-' || n",
        state=f"CASE WHEN {waits} THEN 'waiting_vendor' ELSE 'closed' END", created_at=begun,
        waiting_since=f"CASE WHEN {waits} THEN {begun} END",
    )  # fmt: skip
    shelf.add(
        models.ThreadInvoice, stock.threads, **owners, thread_id=the("thread", "n"), invoice_id=the("invoice", "n")
    )
    shelf.add(
        models.Message, stock.threads, **owners, thread_id=the("thread", "n"), side="'customer'", via="'page'",
        body="'What is this for?'", created_at=begun,
    )  # fmt: skip


def _past(shelf: "_Shelf", stock: Stock) -> None:
    then = shelf.later(stock.now, "-3600 - n % 8640000")
    shelf.add(
        models.ProviderEvent, stock.past, provider="'quickbooks'", event_key="'past-' || n", headers="'{}'",
        body=shelf.bytes("'{}'"), received_at=then, due_at=then, handled_at=then,
    )  # fmt: skip
    shelf.add(
        models.Outgoing, stock.past, kind="'digest'", dedupe_key="'past-' || n", state="'accepted'", due_at=then,
        mailbox_id=shelf.key("mailbox", f"n % {stock.customers}"), created_at=then, finished_at=then,
        address="'ap@stock.example'", subject="'Invoices'", text="'Invoices'",
    )  # fmt: skip
    shelf.add(
        models.DeliveryEvent, stock.past, attempt_id=shelf.key("attempt", "n"), kind="'delivered'", happened_at=then,
        received_at=then, body=shelf.bytes("'{}'"), handled_at=then,
    )  # fmt: skip


def _customer(stock: Stock) -> str:
    return f"n % {stock.customers}"


def _pair(stock: Stock) -> str:
    """Which bill_to invoice ``n`` is for."""
    return f"((n % {stock.customers}) * {stock.each} + (n / {stock.customers}) % {stock.each})"


def _vendor(stock: Stock) -> str:
    return f"{_pair(stock)} % {stock.vendors}"


class _Shelf:
    """One connection, and how its database spells things. ``n`` counts the rows of an INSERT, from nought."""

    def __init__(self, connection: Connection, stock: Stock) -> None:
        self._connection = connection
        self._stock = stock
        self.is_sqlite = connection.dialect.name == "sqlite"

    def add(self, model: Any, count: int, **values: str) -> None:
        """``count`` rows, each column an expression over ``n``; what is not named has the model's own default."""
        table = model.__table__
        if "id" in table.columns:
            values["id"] = self.key(table.name, "n")
        values = {column.name: self._default(column) for column in table.columns if column.default} | values
        rows = (
            f"(WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {count - 1}) SELECT n FROM s)"
            if self.is_sqlite
            else f"generate_series(0::bigint, {count - 1}) AS s(n)"
        )
        if count:
            self.run(f"INSERT INTO {table.name} ({', '.join(values)}) SELECT {', '.join(values.values())} FROM {rows}")

    def key(self, kind: str, number: str) -> str:
        if self.is_sqlite:
            return f"'{_prefix(kind)}' || printf('%012x', {number})"
        return f"CAST('{_prefix(kind)}' || lpad(to_hex({number}), 12, '0') AS uuid)"

    @property
    def any_id(self) -> str:
        return "lower(hex(randomblob(16)))" if self.is_sqlite else "gen_random_uuid()"

    def day(self, first: date, days: str) -> str:
        return f"date('{first}', ({days}) || ' days')" if self.is_sqlite else f"date '{first}' + ({days})::int"

    def bytes(self, text_: str) -> str:
        return f"CAST({text_} AS blob)" if self.is_sqlite else f"CAST({text_} AS bytea)"

    def moment(self, at: datetime) -> str:
        return f"'{at:%Y-%m-%d %H:%M:%S.%f}'" if self.is_sqlite else f"timestamptz '{at.isoformat()}'"

    def later(self, at: datetime, seconds: str) -> str:
        if self.is_sqlite:
            return f"strftime('%Y-%m-%d %H:%M:%f000', {self.moment(at)}, ({seconds}) || ' seconds')"
        return f"{self.moment(at)} + ({seconds}) * interval '1 second'"

    def _default(self, column: Column[Any]) -> str:
        default: Any = column.default
        if default.is_callable:  # a new id, now(), or an empty list or dict
            made = default.arg.__name__
            return {"list": "'[]'", "dict": "'{}'"}.get(made) or self.moment(self._stock.now - timedelta(days=30))
        if default.arg is None:
            return "NULL"
        return f"{default.arg}".lower() if isinstance(default.arg, bool | int) else f"'{default.arg}'"

    @contextmanager
    def at_leisure(self) -> Iterator[None]:
        """Indexes that hold no promise are built at the end, foreign keys are not looked up: what we write is right."""
        if self.is_sqlite:
            yield
            return
        self.run("SET LOCAL session_replication_role = replica")
        self.run("SET LOCAL maintenance_work_mem = '512MB'")
        big = ", ".join(f"'{model.__tablename__}'" for model in (models.Invoice, models.BillTo, models.Mailbox))
        plain = self._connection.execute(
            text(
                "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
                f" AND tablename IN ({big}) AND indexdef NOT LIKE 'CREATE UNIQUE%'"
            )
        ).all()
        for name, _ in plain:
            self.run(f"DROP INDEX {name}")
        yield
        for _, definition in plain:
            self.run(definition)

    def run(self, statement: str) -> None:
        self._connection.exec_driver_sql(statement.replace("%", "%%") if not self.is_sqlite else statement)


def _prefix(kind: str) -> str:
    """Ids as ours are made: version 7, later ones greater."""
    number = _KINDS.index(kind) if kind in _KINDS else len(_KINDS)
    return f"0190{number:04x}000070008000"
