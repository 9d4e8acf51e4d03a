"""What happened between a vendor and one customer, on one timeline: what was sent, said, promised, paid and noted.

Pure: what is handed in was read for the customer's page anyway.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from uuid import UUID

from app.care.queries import Contact
from app.care.rules import CONTACT_WORDS
from app.desk.customers import CustomerPage
from app.desk.rules import HOLD_WORDS
from app.filters import money
from app.models import HoldKind, Message, Side, ThreadNote
from app.words import _, ngettext

LONGEST = 100


@dataclass(frozen=True, slots=True)
class Happened:
    """One entry; ``said`` is somebody's own words, ``thread_id`` where they stand."""

    at: datetime
    words: str
    said: str = ""
    thread_id: UUID | None = None


def story(
    page: CustomerPage,
    messages: Iterable[tuple[Message, str]],
    contacts: Sequence[Contact],
    notes: Iterable[tuple[ThreadNote, str]],
) -> list[Happened]:
    """The newest first. ``messages`` and ``notes`` with their authors' names."""
    entries = [*_mailed(page), *_held(page), *_paid(page), *_talked(messages), *_told(contacts), *_noted(notes)]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)[:LONGEST]


def _mailed(page: CustomerPage) -> Iterator[Happened]:
    for mail in page.mails:
        words = ngettext(
            "A mail asked for %(num)s invoice: %(numbers)s", "A mail asked for %(num)s invoices: %(numbers)s",
            len(mail.lines), numbers=", ".join(line.number for line in mail.lines[:5]),
        )  # fmt: skip
        yield Happened(mail.at, words)


def _held(page: CustomerPage) -> Iterator[Happened]:
    for hold, number in page.holds:
        what = _("%(what)s, invoice %(number)s", what=_(HOLD_WORDS[HoldKind(hold.kind)]), number=number)
        yield Happened(hold.created_at, what, hold.note, hold.thread_id)
        if hold.ended_at is not None:
            yield Happened(hold.ended_at, _("%(what)s: over", what=what), hold.end_reason, hold.thread_id)


def _paid(page: CustomerPage) -> Iterator[Happened]:
    for payment in page.payments:
        at = datetime.combine(payment.paid_on, time(12), UTC) if payment.paid_on else payment.created_at
        amount = money(payment.amount_minor, payment.currency)
        yield Happened(at, _("%(amount)s paid, by your books", amount=amount), payment.method)


def _talked(messages: Iterable[tuple[Message, str]]) -> Iterator[Happened]:
    for message, author in messages:
        is_theirs = message.side == Side.CUSTOMER
        if message.is_automatic:
            words = _("An automatic message")
        elif is_theirs:
            words = _("%(name)s wrote", name=author) if author else _("The customer wrote")
        else:
            words = _("%(name)s answered", name=author) if author else _("You answered")
        yield Happened(message.created_at, words, message.body, message.thread_id)


def _noted(notes: Iterable[tuple[ThreadNote, str]]) -> Iterator[Happened]:
    for note, author in notes:
        yield Happened(note.created_at, _("%(name)s noted", name=author), note.body, note.thread_id)


def _told(contacts: Sequence[Contact]) -> Iterator[Happened]:
    for one in contacts:
        words = _(
            "Told elsewhere, noted by %(name)s: %(what)s", name=one.logged_by, what=_(CONTACT_WORDS[one.contact.kind])
        )
        yield Happened(one.contact.created_at, words, one.contact.words)
