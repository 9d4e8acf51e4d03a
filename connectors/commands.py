"""``flask sync`` pulls now; ``flask export open`` says what we believe is open, to compare with the vendor's books."""

import csv
import json
import sys
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import click
from flask import Flask
from flask.cli import with_appcontext
from sqlalchemy import select

from app.house import House, the_house
from app.models import IN_BOOKS_OPEN, BillTo, Connection, ConnectionState, Invoice, Vendor
from app.money import Money
from app.names import inert_cell
from app.scope import Everything
from connectors.file_commands import import_command
from connectors.sync import claim, sync

_ALL = Everything("an operator's command")
_COLUMNS = (
    "vendor", "connection", "external_id", "number", "currency", "balance", "due_on", "bill_to", "addresses",
)  # fmt: skip


def register(app: Flask) -> None:
    app.cli.add_command(sync_command)
    app.cli.add_command(export)
    app.cli.add_command(import_command)


@click.command("sync")
@click.option("--vendor", type=click.UUID, help="Only this vendor's connections.")
@with_appcontext
def sync_command(vendor: UUID | None) -> None:
    """Pull every active connection now."""
    house = the_house()
    wanted = _active(house, vendor)
    skipped = 0
    with click.progressbar(wanted, label="Pulling", item_show_func=_named) as bar:
        for connection in bar:
            claimed = claim(house, connection.id)
            if claimed is None:
                skipped += 1
            else:
                sync(house, claimed)
    for connection in _again(house, wanted):
        as_of = f"as of {connection.as_of:%Y-%m-%d %H:%M} UTC" if connection.as_of else "not read yet"
        click.echo(f"{connection.provider:12} {connection.account_name[:40]:40} {connection.last_error or as_of}")
    if skipped:
        click.echo(f"{skipped} left alone: a worker is pulling them just now")
    if not wanted:
        click.echo("nothing is connected")


@click.group("export")
def export() -> None:
    """What we believe, for comparing."""


@export.command("open")
@click.option("--vendor", type=click.UUID, help="Only this vendor's invoices.")
@click.option("--json", "as_json", is_flag=True, help="A list of JSON objects instead of CSV.")
@with_appcontext
def export_open(vendor: UUID | None, as_json: bool) -> None:
    """Every invoice we believe open, as CSV."""
    rows = _open_rows(the_house(), vendor)
    if as_json:
        between = "["
        for row in rows:  # one by one: a vendor's books may be larger than our memory
            click.echo(f"{between}\n {json.dumps(row, ensure_ascii=False)}", nl=False)
            between = ","
        click.echo("[]" if between == "[" else "\n]")
        return
    writer = csv.DictWriter(sys.stdout, _COLUMNS)
    writer.writeheader()
    for row in rows:
        said = row | {"addresses": " ".join(row["addresses"])}
        writer.writerow({name: inert_cell(value) for name, value in said.items()})


def _open_rows(house: House, vendor: UUID | None) -> Iterator[dict[str, Any]]:
    query = (
        select(Invoice, Vendor.name, BillTo)
        .join(Vendor, Vendor.id == Invoice.vendor_id)
        .outerjoin(BillTo, BillTo.id == Invoice.bill_to_id)
        .where(IN_BOOKS_OPEN)
        .order_by(Invoice.vendor_id, Invoice.connection_id, Invoice.external_id)
        .execution_options(yield_per=1000)
    )
    if vendor is not None:
        query = query.where(Invoice.vendor_id == vendor)
    with house.database.reading(_ALL) as session:
        for invoice, name, joined in session.execute(query):
            bill_to: BillTo | None = joined
            yield {
                "vendor": name,
                "connection": str(invoice.connection_id),
                "external_id": invoice.external_id,
                "number": invoice.number,
                "currency": invoice.currency,
                "balance": str(Money(invoice.balance_minor, invoice.currency).amount),
                "due_on": invoice.due_on.isoformat() if invoice.due_on else "",
                "bill_to": bill_to.name if bill_to is not None else "",
                "addresses": _addresses(bill_to, invoice),
            }


def _addresses(bill_to: BillTo | None, invoice: Invoice) -> list[str]:
    """As chosen, as the books have it, as the invoice names it: without repeats."""
    known = (bill_to.chosen_address, bill_to.address) if bill_to is not None else ()
    return list(dict.fromkeys(one for one in (*known, invoice.address) if one))


def _active(house: House, vendor: UUID | None) -> list[Connection]:
    query = select(Connection).where(Connection.state == ConnectionState.ACTIVE).order_by(Connection.created_at)
    if vendor is not None:
        query = query.where(Connection.vendor_id == vendor)
    with house.database.reading(_ALL) as session:
        return list(session.execute(query).scalars())


def _again(house: House, wanted: list[Connection]) -> list[Connection]:
    query = select(Connection).where(Connection.id.in_([one.id for one in wanted])).order_by(Connection.created_at)
    with house.database.reading(_ALL) as session:
        return list(session.execute(query).scalars())


def _named(connection: Connection | None) -> str:
    return connection.account_name if connection else ""
