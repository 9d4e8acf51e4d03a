"""What may be noted and said again, and how the places in a ready answer are filled: pure functions."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum

from app.models import ContactKind, FactField
from app.words import _, marked

MOST_CANNED = 100  # of one vendor
OLDEST_CONTACT = timedelta(days=90)
LONGEST_PROMISE = timedelta(days=365)

PLACES = {
    "customer": marked("the customer's name"),
    "number": marked("the invoice's number"),
    "amount": marked("what is still owed"),
    "due": marked("the day it is due"),
    "name": marked("your name"),
    "vendor": marked("your company's name"),
}
CONTACT_WORDS = {
    ContactKind.ERROR: marked("The invoice is wrong"),
    ContactKind.PROMISE: marked("They promised to pay"),
    ContactKind.PAID: marked("They say it is paid"),
    ContactKind.TALK: marked("We talked"),
}
FIELD_WORDS = {
    FactField.PREFERENCE: marked("How they want to be treated"),
    FactField.TERMS: marked("Terms agreed"),
    FactField.LOCATION: marked("Location"),
    FactField.CONTACT: marked("Key contact"),
    FactField.PAYMENT: marked("How they pay"),
    FactField.SERVICE: marked("Past service"),
    FactField.NOTE: marked("Note"),
}
_PLACE = re.compile(r"\{(\w+)\}")


class CareError(ValueError):
    """Cannot be done; the message is written for the person who tried."""


class OwnerEvent(StrEnum):
    """When the owner of an account is told (FEATURES J8)."""

    DISPUTED = "disputed"
    FIRST_LATE = "first_late"
    PROMISE_BROKEN = "promise_broken"


EVENT_WORDS = {
    OwnerEvent.DISPUTED: marked("%(customer)s disputes invoice %(number)s"),
    OwnerEvent.FIRST_LATE: marked("%(customer)s is late for the first time: invoice %(number)s"),
    OwnerEvent.PROMISE_BROKEN: marked("%(customer)s did not pay as promised: invoice %(number)s"),
}


def filled(body: str, facts: Mapping[str, str]) -> str:
    """The words with their places filled; a place nothing is known for stays, for the writer to see."""
    return _PLACE.sub(lambda place: facts.get(place[1]) or place[0], body)


def unknown_places(body: str) -> list[str]:
    return sorted({place for place in _PLACE.findall(body) if place not in PLACES})


def check_contact(kind: ContactKind, said_on: date, promised_on: date | None, has_invoice: bool, today: date) -> None:
    """Raises CareError."""
    if not today - OLDEST_CONTACT <= said_on <= today:
        raise CareError(_("Choose the day you were told: today, or at most 90 days ago."))
    if kind != ContactKind.TALK and not has_invoice:
        raise CareError(_("Choose the invoice they spoke of."))
    if kind == ContactKind.PROMISE and (promised_on is None or not today <= promised_on <= today + LONGEST_PROMISE):
        raise CareError(_("Choose the day they promised, from today on, within a year."))
