"""Reads what was submitted to the desk; what is wrong is collected by field, in words for the person who typed it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from babel.core import Locale

from app.address import canonical
from app.desk.queries import PAGE, Box, InvoiceRow, InvoiceSearch, QueueRow, QueueSearch, Shelf
from app.models import Vendor
from app.names import NameRefused, vendor_name
from app.receivables.queries import Key

LONGEST_HOLD = timedelta(days=365)
_COLOUR = re.compile(r"#[0-9a-f]{6}")
TERRITORIES = {
    code: name for code, name in Locale("en").territories.items() if re.fullmatch("[A-Z]{2}", code) and code != "ZZ"
}


def read_queue(args: Mapping[str, str], vendor_id: UUID, person_id: UUID) -> QueueSearch:
    """The search of an address bar; whatever cannot be read is as if it were not there."""
    box = args.get("box", "")
    return QueueSearch(
        box=Box(box) if box in set(Box) else Box.WAITING,
        text=_text(args),
        vendor_id=vendor_id,
        person_id=person_id,
        after=_instant_key(args.get("after", "")),
    )


def read_shelf(args: Mapping[str, str], now: datetime, today: date) -> InvoiceSearch:
    shelf = args.get("shelf", "")
    return InvoiceSearch(
        shelf=Shelf(shelf) if shelf in set(Shelf) else Shelf.OPEN,
        text=_text(args),
        now=now,
        today=today,
        after=_day_key(args.get("after", "")),
    )


def queue_page(rows: list[QueueRow], search: QueueSearch) -> tuple[list[QueueRow], str]:
    """The rows of this page, and ``after`` of the next one ("" on the last)."""
    if len(rows) <= PAGE:
        return rows, ""
    at, thread_id = rows[PAGE - 1].key(search.box)
    return rows[:PAGE], f"{at.isoformat()}~{thread_id}"


def shelf_page(rows: list[InvoiceRow], search: InvoiceSearch) -> tuple[list[InvoiceRow], str]:
    if len(rows) <= PAGE:
        return rows, ""
    day, invoice_id = rows[PAGE - 1].key(search.shelf)
    return rows[:PAGE], f"{day.isoformat() if day else ''}~{invoice_id}"


def _text(args: Mapping[str, str]) -> str:
    return args.get("q", "").replace("\0", "").strip()[:80]


def _instant_key(text: str) -> tuple[datetime, UUID] | None:
    at, _, key = text.partition("~")
    try:
        found = datetime.fromisoformat(at)
        return (found, UUID(key)) if found.tzinfo else None
    except ValueError:
        return None


def _day_key(text: str) -> Key | None:
    day, _, key = text.partition("~")
    try:
        return date.fromisoformat(day) if day else None, UUID(key)
    except ValueError:
        return None


@dataclass
class HoldForm:
    """How long one invoice is to stay quiet. ``until`` is the end of the chosen day in the vendor's zone."""

    day: str
    note: str
    until: datetime | None = None
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, form: Mapping[str, str], *, zone: str, today: date) -> "HoldForm":
        read = cls(day=form.get("day", "").strip(), note=" ".join(form.get("note", "").replace("\0", "").split()))
        try:
            day = date.fromisoformat(read.day)
        except ValueError:
            read.errors["day"] = "Choose the last day of the hold."
        else:
            if not today <= day <= today + LONGEST_HOLD:
                read.errors["day"] = "Choose a day from today on, within a year."
            else:
                read.until = datetime.combine(day + timedelta(days=1), time(0), ZoneInfo(zone))
        if not read.note:
            read.errors["note"] = "Say why; your customer can read it."
        elif len(read.note) > 200:
            read.errors["note"] = "At most 200 characters."
        return read


@dataclass
class ProfileForm:
    """How customers see the vendor, and when somebody is there to answer."""

    name: str
    colour: str
    support_address: str
    country: str
    zone: str
    opens_at: str
    closes_at: str
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, vendor: Vendor) -> "ProfileForm":
        return cls(
            name=vendor.name,
            colour=vendor.colour,
            support_address=vendor.support_address,
            country=vendor.country,
            zone=vendor.zone,
            opens_at=str(vendor.opens_at),
            closes_at=str(vendor.closes_at),
        )

    @classmethod
    def read(cls, form: Mapping[str, str]) -> "ProfileForm":
        def said(name: str) -> str:
            return form.get(name, "").replace("\0", "").strip()[:300]

        read = cls(
            name=said("name"),
            colour=said("colour"),
            support_address=said("support_address"),
            country=said("country"),
            zone=said("zone"),
            opens_at=said("opens_at"),
            closes_at=said("closes_at"),
        )
        read._check_name()
        read._check_looks()
        read._check_place()
        read._check_hours()
        return read

    def _check_name(self) -> None:
        try:
            self.name = vendor_name(self.name)
        except NameRefused as problem:
            self.errors["name"] = str(problem)

    def _check_looks(self) -> None:
        self.colour = self.colour.lower()
        if self.colour and not _COLOUR.fullmatch(self.colour):
            self.errors["colour"] = "A colour looks like #1d5a3c."
        address = canonical(self.support_address) if self.support_address else ""
        if address is None:
            self.errors["support_address"] = "That is not a mail address."
        else:
            self.support_address = address

    def _check_place(self) -> None:
        if self.country and self.country not in TERRITORIES:
            self.errors["country"] = "Choose a country of the list."
        if self.zone not in available_timezones():
            self.errors["zone"] = "Choose a time zone of the list, such as Europe/Paris."

    def _check_hours(self) -> None:
        hours = [int(text) if re.fullmatch(r"\d{1,2}", text) else -1 for text in (self.opens_at, self.closes_at)]
        if not 0 <= hours[0] < hours[1] <= 24:
            self.errors["opens_at"] = "Open before you close, between 0 and 24 o'clock."
