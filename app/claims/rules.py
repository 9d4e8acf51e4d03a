"""Claims, defined: what may be said of an invoice, until when it rests for that, and in which words. Pure.

A claim is a Hold of one of ``KINDS``. It silences its own invoice, or the disputed part of it; it always ends: by the
books, by the other side's word, by the customer's own, or by its day.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.conversations.rules import ConversationError
from app.filters import day, money
from app.models import Hold, HoldKind, HoldResult
from app.settings import Limits
from app.windows import is_day_off, month_days
from app.words import _, marked

KINDS = (HoldKind.PROMISE, HoldKind.DISPUTE, HoldKind.ALREADY_PAID, HoldKind.REQUEST)
WORDS_LIMIT = 2000  # of what is added in words; the rest of a message is ours

REASONS = {
    "price": marked("Wrong price"),
    "quantity": marked("Wrong quantity"),
    "missing": marked("Not received, or not all of it"),
    "damaged": marked("Damaged, or not as agreed"),
    "order": marked("Purchase order number wrong or missing"),
    "twice": marked("Invoiced twice"),
    "terms": marked("Other terms were agreed"),
    "tax": marked("Tax, name or address is wrong"),
    "other": marked("Something else"),
}
WANTED = {
    "credit": marked("A credit note"),
    "corrected": marked("A corrected invoice"),
    "delivered": marked("What is missing, or a replacement"),
    "explained": marked("An explanation"),
}
METHODS = {
    "transfer": marked("Bank transfer"),
    "card": marked("Card"),
    "debit": marked("Direct debit"),
    "cheque": marked("Cheque"),
    "cash": marked("Cash"),
    "other": marked("Another way"),
}
RESULTS = {
    HoldResult.KEPT: marked("kept"),
    HoldResult.BROKEN: marked("not kept"),
    HoldResult.CONFIRMED: marked("confirmed"),
    HoldResult.NOT_FOUND: marked("no payment found"),
    HoldResult.CREDITED: marked("credited"),
    HoldResult.DECLINED: marked("declined"),
    HoldResult.AGREED: marked("agreed"),
    HoldResult.WITHDRAWN: marked("taken back"),
    HoldResult.REPLACED: marked("replaced by a newer one"),
    HoldResult.SETTLED: marked("settled"),
    HoldResult.LAPSED: marked("ended without a decision"),
}
NAMES = {
    HoldKind.PROMISE: marked("Promise to pay"),
    HoldKind.DISPUTE: marked("Dispute"),
    HoldKind.ALREADY_PAID: marked("Said to be paid"),
    HoldKind.REQUEST: marked("Asked for other dates"),
}

# What a customer may open again: it ended against its word, or on a mistake.
_REOPENED = (HoldResult.DECLINED, HoldResult.NOT_FOUND, HoldResult.LAPSED, HoldResult.CREDITED, HoldResult.WITHDRAWN)


class CannotClaim(ConversationError):
    """Not of this invoice, not now, or not once more; the words are for whoever tried."""


# --- what is said ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an invoice that is not right: what it is, and what it should say."""

    item: str
    expected: str


@dataclass(frozen=True, slots=True)
class Promise:
    day: date
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Dispute:
    """``amount_minor`` is the part that is contested; the rest stays payable."""

    reason: str
    wanted: str
    amount_minor: int
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class SaidPaid:
    paid_on: date
    method: str
    reference: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Request:
    """``dues``: (day, minor units), in order; one of them asks for a later date, several for a plan."""

    dues: tuple[tuple[date, int], ...]


Said = Promise | Dispute | SaidPaid | Request


def kind_of(said: Said) -> HoldKind:
    kinds: dict[type, HoldKind] = {
        Promise: HoldKind.PROMISE,
        Dispute: HoldKind.DISPUTE,
        SaidPaid: HoldKind.ALREADY_PAID,
        Request: HoldKind.REQUEST,
    }
    return kinds[type(said)]


def values_of(said: Said) -> dict[str, Any]:
    """The columns of its Hold; kept() reads them back."""
    match said:
        case Promise():
            return {"promised_on": said.day, "amount_minor": said.amount_minor}
        case Dispute():
            facts: dict[str, Any] = {"lines": [[line.item, line.expected] for line in said.lines]}
            about = {"reason": said.reason, "wanted": said.wanted}
            return {**about, "amount_minor": said.amount_minor, "facts": facts}
        case SaidPaid():
            facts = {"paid_on": said.paid_on.isoformat(), "method": said.method, "reference": said.reference}
            return {"amount_minor": said.amount_minor, "facts": facts}
        case Request():
            dues = [[day.isoformat(), minor] for day, minor in said.dues]
            return {"amount_minor": sum(minor for _day, minor in said.dues), "facts": {"dues": dues}}


def kept(hold: Hold) -> Said:
    """What was said, as a claim's row keeps it."""
    facts, minor = hold.facts, hold.amount_minor or 0
    match HoldKind(hold.kind):
        case HoldKind.PROMISE:
            return Promise(hold.promised_on or hold.ends_at.date(), minor)
        case HoldKind.DISPUTE:
            return Dispute(hold.reason, hold.wanted, minor, tuple(Line(*each) for each in facts.get("lines", ())))
        case HoldKind.ALREADY_PAID:
            paid_on = date.fromisoformat(facts["paid_on"]) if "paid_on" in facts else hold.created_at.date()
            return SaidPaid(paid_on, facts.get("method", "other"), facts.get("reference", ""), minor)
        case _:
            return Request(tuple((date.fromisoformat(each), part) for each, part in facts.get("dues", ())))


def summary(said: Said, currency: str) -> list[str]:
    """Line by line what is said, in the language spoken now."""
    match said:
        case Promise():
            return [_("We pay %(amount)s on %(day)s.", amount=money(said.amount_minor, currency), day=day(said.day))]
        case Dispute():
            return _dispute_in_words(said, currency)
        case SaidPaid():
            return _payment_in_words(said, currency)
        case Request(dues=((asked, _minor),)):
            return [_("We ask to pay on %(day)s instead.", day=day(asked))]
        case Request():
            parts = [f"{money(minor, currency)}: {day(asked)}" for asked, minor in said.dues]
            return [_("We ask to pay in instalments:"), *parts]


def _dispute_in_words(said: Dispute, currency: str) -> list[str]:
    about = {"amount": money(said.amount_minor, currency), "reason": reason(said.reason)}
    lines = [_("We dispute %(amount)s: %(reason)s.", **about)]
    lines += [_("%(item)s: should be %(expected)s", item=one.item, expected=one.expected) for one in said.lines]
    return [*lines, _("We ask for: %(wanted)s.", wanted=_(WANTED[said.wanted]))] if said.wanted else lines


def _payment_in_words(said: SaidPaid, currency: str) -> list[str]:
    about = {"amount": money(said.amount_minor, currency), "day": day(said.paid_on), "how": _(METHODS[said.method])}
    lines = [_("We paid %(amount)s on %(day)s (%(how)s).", **about)]
    return [*lines, _("Reference: %(reference)s", reference=said.reference)] if said.reference else lines


def told(vendor_name: str, said: Said) -> str:
    """What whoever claimed reads once it is stored."""
    match said:
        case Promise():
            return _("%(vendor)s has been told that you pay on %(day)s.", vendor=vendor_name, day=day(said.day))
        case SaidPaid():
            return _("%(vendor)s has been told, and looks for your payment.", vendor=vendor_name)
        case Request():
            return _("%(vendor)s has been asked. The answer comes to your mail.", vendor=vendor_name)
        case Dispute():
            return _("%(vendor)s has been told of your dispute. The answer comes to your mail.", vendor=vendor_name)


def reasons_of(own: Sequence[str]) -> dict[str, str]:
    """What a dispute may be about, by key: the vendor's own list, where it has one, else ours. "Something else" is
    always there: a customer must never be without words."""
    chosen = {each: reason(each) for each in own} or {key: _(words) for key, words in REASONS.items()}
    return chosen | {"other": _(REASONS["other"])}


def reason(key: str) -> str:
    """In words: one of ours, or what the vendor wrote."""
    return _(REASONS[key]) if key in REASONS else key


# --- when -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Preset:
    """A day most customers mean; one press promises it."""

    words: str
    day: date


def presets(today: date, runs: Iterable[date] = ()) -> list[Preset]:
    """Friday, the month's end, and the days of the customer's next pay runs: each day once, all to come."""
    friday = today + timedelta(days=(3 - today.weekday()) % 7 + 1)
    month_end = next(month_days(today + timedelta(days=1), (31,)))
    wanted = [*((_("Our pay run"), day) for day in runs), (_("Friday"), friday), (_("Month end"), month_end)]
    found: dict[date, Preset] = {}
    for words, on in wanted:  # where two fall on one day, the customer's own word for it stands
        found.setdefault(on, Preset(words, on))
    return [found[each] for each in sorted(found) if each > today]


def business_days_after(day: date, count: int, country: str = "") -> date:
    """``count`` times the next day on which banks work."""
    while count:
        day += timedelta(days=1)
        count -= not is_day_off(country, day)
    return day


def end_of(day: date, zone: str) -> datetime:
    """The last second of that day on the walls of ``zone``."""
    return datetime.combine(day, time(23, 59, 59), ZoneInfo(zone)).astimezone(UTC)


def rests_until(said: Said, now: datetime, limits: Limits, *, zone: str = "UTC", country: str = "") -> datetime:
    """When the claim ends if nobody does anything; days and banks are those of ``zone`` and ``country``."""
    match said:
        case Promise():
            return end_of(business_days_after(said.day, limits.promise_days_after, country), zone)
        case Dispute():
            return now + timedelta(days=limits.dispute_days)
        case SaidPaid():
            return now + timedelta(days=limits.said_paid_days)
        case Request():
            return now + timedelta(days=limits.request_days)


def may_reopen(hold: Hold, now: datetime, limits: Limits) -> bool:
    """Whether the customer may take it up again (FEATURES F11)."""
    ended = hold.ended_at
    return ended is not None and hold.result in _REOPENED and now - ended <= timedelta(days=limits.reopen_days)


# --- dues both sides agreed on --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dues:
    """What an invoice's columns are made of: the next open instalment, and all of them where there are several."""

    due_on: date
    due_minor: int
    instalments: list[list[Any]]


def dues_of(agreed: Sequence[Sequence[Any]], balance_minor: int) -> Dues:
    """``agreed`` as [day in ISO, minor]; what was paid lowers the earliest first, what is owed above them the last."""
    days = [date.fromisoformat(day) for day, _minor in agreed]
    parts = [int(minor) for _day, minor in agreed]
    parts[-1] += max(0, balance_minor - sum(parts))
    paid, left = sum(parts) - balance_minor, []
    for part in parts:
        left.append(part - min(part, max(0, paid)))
        paid -= part
    due = next((n for n, open_minor in enumerate(left) if open_minor > 0), len(left) - 1)
    listed = [[day.isoformat(), part, rest] for day, part, rest in zip(days, parts, left, strict=True)]
    return Dues(days[due], left[due], listed if len(listed) > 1 else [])
