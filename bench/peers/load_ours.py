"""Takes in the JSON lines of a file as if a provider had sent them: python -m bench.peers.load_ours FILE URL"""

import json
import sys
from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.db import Database
from app.models import Connection
from app.money import Money
from bench.books import EVERYTHING
from bench.writing import NOW
from connectors.base import Batch, BillToRecord, InvoiceRecord
from connectors.ingest import AT_ONCE, ingest
from connectors.rows import rows_of


def main(file: str, url: str) -> None:
    database = Database(url)
    with database.reading(EVERYTHING) as session:
        connection = session.execute(select(Connection)).scalar_one()
    for batch in _batches(file):
        rows = rows_of(batch)
        with database.transaction(EVERYTHING) as session:
            ingest(session, connection, rows, NOW)
    database.dispose()


def _batches(file: str) -> Iterator[Batch]:
    seen: set[str] = set()
    with Path(file).open() as lines:
        while page := [json.loads(line) for line in islice(lines, AT_ONCE)]:
            unseen = {one["bill_to"]: _bill_to(one) for one in page if one["bill_to"] not in seen}
            seen |= unseen.keys()
            yield Batch(bill_tos=list(unseen.values()), invoices=[_invoice(one) for one in page])


def _bill_to(one: dict[str, Any]) -> BillToRecord:
    return BillToRecord(one["bill_to"], one["version"], one["name"], one["address"])


def _invoice(one: dict[str, Any]) -> InvoiceRecord:
    return InvoiceRecord(
        external_id=one["external_id"],
        version=one["version"],
        bill_to_external_id=one["bill_to"],
        number=one["number"],
        issued_on=date.fromisoformat(one["issued_on"]),
        due_on=date.fromisoformat(one["due_on"]),
        total=Money(one["total_minor"], one["currency"]),
        balance=Money(one["balance_minor"], one["currency"]),
        state=one["state"],
        raw_state=one["state"],
        address_text=one["address"],
        can_pay_online=one["can_pay_online"],
        details={"terms": one["terms"]},
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
