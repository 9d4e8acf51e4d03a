"""What a mailbox owes, made by hand for the tests of composing and writing."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid5

from app.models import ConnectionState, Trust
from app.settings import Limits
from digest.book import Book, CreditItem, Item, Moment, RelationCard, Source, VendorCard

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)
MOMENT = Moment(NOW, "Europe/Berlin", date(2026, 12, 1), Limits())
_NAMES = UUID(int=7)
_numbers: Iterator[int] = count(1)


def key(name: str) -> UUID:
    """The same id for the same name, so that copies can be kept."""
    return uuid5(_NAMES, name)


class Shelf:
    """A book that grows: ``shelf.owes("Acme", "A-1", 5000, due=TODAY)``."""

    def __init__(self) -> None:
        self.vendors: dict[UUID, VendorCard] = {}
        self.sources: dict[UUID, Source] = {}
        self.book = Book(self.vendors, self.sources)

    def vendor(self, name: str, *, is_known: bool = True, as_of: datetime | None = None, **facts: Any) -> UUID:
        """A verified, live vendor with fresh data that was in an earlier mail."""
        vendor_id = key(name)
        if vendor_id not in self.vendors:
            card = VendorCard(vendor_id, name, "", Trust.VERIFIED, NOW - timedelta(days=90))
            self.vendors[vendor_id] = card._replace(**facts)
            self.sources[key(f"{name}'s books")] = Source(
                key(f"{name}'s books"), ConnectionState.ACTIVE, as_of or NOW - timedelta(minutes=5)
            )
            if is_known:
                self.book.relations[vendor_id] = RelationCard(first_mailed_at=NOW - timedelta(days=30))
        return vendor_id

    def owes(
        self, vendor: str, number: str, minor: int, *, due: date | None, currency: str = "USD", **facts: Any
    ) -> Item:
        """An open invoice, issued a month before it is due, that can be paid online and was read of long ago."""
        item = Item(
            id=key(f"{vendor} {number}"),
            vendor_id=self.vendor(vendor),
            connection_id=key(f"{vendor}'s books"),
            number=number,
            po_number="",
            issued_on=min(due, TODAY) - timedelta(days=30) if due else None,
            due_on=due,
            currency=currency,
            total_minor=minor,
            balance_minor=minor,
            due_minor=minor,
            is_autopay=False,
            can_pay_online=True,
            created_at=NOW - timedelta(days=29),
        )._replace(**facts)
        self.book.items.append(item)
        return item

    def credit(self, vendor: str, number: str, minor: int, currency: str = "USD", is_cash: bool = False) -> None:
        self.book.credits.append(CreditItem(self.vendor(vendor), number, None, currency, minor, minor, is_cash))
