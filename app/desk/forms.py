"""Reads what was submitted to the desk; what is wrong is collected by field, in words for the person who typed it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from babel.core import Locale

from app.address import canonical
from app.care.actions import Told
from app.claims.rules import REASONS
from app.desk.customers import PAGE as CUSTOMERS
from app.desk.customers import CustomerRow
from app.desk.queries import PAGE, InvoiceRow, InvoiceSearch, Shelf
from app.desk.rules import FREE_WORDS, TOPICS
from app.desk.threads import Box, QueueRow, QueueSearch, Whose
from app.models import ContactKind, Vendor
from app.names import NameRefused, vendor_name
from app.receivables.queries import Key
from app.words import _, locale

LONGEST_HOLD = timedelta(days=365)
COLOUR = re.compile(r"#[0-9a-f]{6}")
TERRITORIES = frozenset(re.findall(r"\b[A-Z]{2}\b", " ".join(map(str, Locale("en").territories)))) - {"ZZ", "XA", "XB"}


def countries() -> list[tuple[str, str]]:
    """Every country's code and name, by name, in the language spoken now."""
    names = Locale.parse(locale()).territories
    return sorted(((code, names.get(code, code)) for code in TERRITORIES), key=lambda each: each[1])


def read_queue(args: Mapping[str, str], vendor_id: UUID, person_id: UUID) -> QueueSearch:
    """The search of an address bar; whatever cannot be read is as if it were not there."""
    box, whose, topic = args.get("box", ""), args.get("whose", ""), args.get("topic", "")
    return QueueSearch(
        box=Box(box) if box in set(Box) else Box.WAITING,
        text=_text(args),
        vendor_id=vendor_id,
        person_id=person_id,
        after=instant_key(args.get("after", "")),
        whose=Whose(whose) if whose in set(Whose) else Whose.ANYBODY,
        topic=None if topic not in TOPICS else "" if topic == FREE_WORDS else topic,
    )


def queue_place(search: QueueSearch) -> dict[str, Any]:
    """The part of the queue somebody works in, for addresses: what is not chosen is left out."""
    topic = FREE_WORDS if search.topic == "" else search.topic or ""
    return {name: value for name, value in (("whose", search.whose.value), ("topic", topic)) if value}


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
    return rows[:PAGE], write_instant_key(*rows[PAGE - 1].key(search.box))


def shelf_page(rows: list[InvoiceRow], search: InvoiceSearch) -> tuple[list[InvoiceRow], str]:
    if len(rows) <= PAGE:
        return rows, ""
    day, invoice_id = rows[PAGE - 1].key(search.shelf)
    return rows[:PAGE], f"{day.isoformat() if day else ''}~{invoice_id}"


def read_customers(args: Mapping[str, str]) -> tuple[str, tuple[str, UUID] | None]:
    """What is looked for among the customers, and the key of the last row of the page before."""
    key, _tilde, name = args.get("after", "").partition("~")
    last = optional_id(key)
    return _text(args), (name, last) if last else None


def write_name_key(rows: list[CustomerRow]) -> str:
    """``after`` of the next page; "" on the last."""
    return f"{rows[CUSTOMERS - 1].id}~{rows[CUSTOMERS - 1].name}" if len(rows) > CUSTOMERS else ""


def optional_id(text: str) -> UUID | None:
    """An id as a form or an address says it; whatever is none is as if it were not there."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _text(args: Mapping[str, str]) -> str:
    return args.get("q", "").replace("\0", "").strip()[:80]


def write_instant_key(at: datetime, key: UUID) -> str:
    return f"{at.isoformat()}~{key}"


def instant_key(text: str) -> tuple[datetime, UUID] | None:
    at, _sep, key = text.partition("~")
    try:
        found = datetime.fromisoformat(at)
        return (found, UUID(key)) if found.tzinfo else None
    except ValueError:
        return None


def _day_key(text: str) -> Key | None:
    day, _sep, key = text.partition("~")
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
        read.until = _end_of(read.day, zone, today)
        if read.until is None:
            read.errors["day"] = _("Choose a day from today on, within a year.")
        if not read.note:
            read.errors["note"] = _("Say why; your customer can read it.")
        elif len(read.note) > 200:
            read.errors["note"] = _("At most 200 characters.")
        return read


@dataclass
class ContactForm:
    """What a customer said on the telephone, as somebody of the vendor writes it down."""

    told: Told | None = None
    invoice_id: UUID | None = None
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, form: Mapping[str, str], *, today: date) -> "ContactForm":
        kind = form.get("kind", "")
        if kind not in set(ContactKind):
            return cls(errors={"kind": _("Choose what they told you.")})
        said_on, promised_on = _day(form.get("said_on", "")) or today, _day(form.get("promised_on", ""))
        reason = form.get("reason", "")
        told = Told(
            ContactKind(kind),
            said_on,
            said_by=form.get("said_by", ""),
            words=form.get("words", ""),
            reason=reason if reason in REASONS else "",
            promised_on=promised_on,
        )
        return cls(told, optional_id(form.get("invoice", "")))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _end_of(text: str, zone: str, today: date) -> datetime | None:
    """The end of a day that a hold may last to, in the vendor's zone; None for any other."""
    day = _day(text)
    if day is None or not today <= day <= today + LONGEST_HOLD:
        return None
    return datetime.combine(day + timedelta(days=1), time(0), ZoneInfo(zone))


@dataclass
class LetterForm:
    """A letter by hand, and until when the invoice then waits: the end of the chosen day in the vendor's zone."""

    body: str
    day: str
    until: datetime | None = None
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, form: Mapping[str, str], *, zone: str, today: date) -> "LetterForm":
        read = cls(form.get("body", ""), form.get("day", "").strip())
        read.until = _end_of(read.day, zone, today)
        if read.until is None:
            read.errors["day"] = _("Choose a day from today on, within a year.")
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
        if self.colour and not COLOUR.fullmatch(self.colour):
            self.errors["colour"] = _("A colour looks like #1d5a3c.")
        address = canonical(self.support_address) if self.support_address else ""
        if address is None:
            self.errors["support_address"] = _("That is not a mail address.")
        else:
            self.support_address = address

    def _check_place(self) -> None:
        if self.country and self.country not in TERRITORIES:
            self.errors["country"] = _("Choose a country of the list.")
        if self.zone not in available_timezones():
            self.errors["zone"] = _("Choose a time zone of the list, such as Europe/Paris.")

    def _check_hours(self) -> None:
        hours = [int(text) if re.fullmatch(r"\d{1,2}", text) else -1 for text in (self.opens_at, self.closes_at)]
        if not 0 <= hours[0] < hours[1] <= 24:
            self.errors["opens_at"] = _("Open before you close, between 0 and 24 o'clock.")


REASONS_MOST, REASON_LONGEST = 20, 60


def read_reasons(text: str) -> tuple[list[str], str]:
    """One reason a line, each once, and what is wrong with them, if anything; no lines stand for our own list."""
    lines = list(dict.fromkeys(" ".join(line.split()) for line in text.splitlines() if line.strip()))
    if len(lines) > REASONS_MOST:
        return lines, _("At most %(most)s reasons: nobody reads more.", most=REASONS_MOST)
    if any(len(line) > REASON_LONGEST for line in lines):
        return lines, _("At most %(most)s characters for each reason.", most=REASON_LONGEST)
    return lines, ""
