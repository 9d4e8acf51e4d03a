"""How the desk says what it knows: waiting times, states and changes in words. Pure functions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from app.aging import days_past_due
from app.conversations.letters import TOPIC as LETTER
from app.conversations.rules import QUICK_QUESTIONS, RESULTS
from app.models import Hold, HoldKind, Invoice, InvoiceState, TaskKind, ThreadState
from app.money import Money, Totals
from app.scorecard.rules import duration
from app.settings import Limits
from app.words import _, day_in_words, marked, ngettext

DUE_SOON = timedelta(days=7)


FREE_WORDS = "words"  # in an address: questions that began with the customer's own words
TOPICS: dict[str, str] = {
    **{quick.key: quick.label for quick in QUICK_QUESTIONS},
    HoldKind.DISPUTE: marked("Dispute"),
    HoldKind.ALREADY_PAID: marked("Said to be paid"),
    HoldKind.PROMISE: marked("Promise to pay"),
    HoldKind.REQUEST: marked("Asked for time"),
    LETTER: marked("Written by us"),
    FREE_WORDS: marked("Other words"),
}


@dataclass(frozen=True, slots=True)
class Chip:
    """A state: its words, and the class that colours them."""

    words: str
    look: str


def time_left(waited: timedelta, limits: Limits) -> str:
    """What the clock says beside a waiting question: how long there is to answer, or how long it is late."""
    left = timedelta(hours=limits.answer_hours) - waited
    if left >= timedelta(0):
        return _("%(time)s left to answer", time=duration(left))
    return _("late by %(time)s", time=duration(-left))


def places(facts: Mapping[str, str], invoices: Sequence[Invoice], amount: Callable[[Money], str]) -> dict[str, str]:
    """What fills the places of a ready answer: who is spoken to, and the invoices it is about; sums stay within their
    currency."""
    due = [invoice.due_on for invoice in invoices if invoice.due_on]
    return {
        **facts,
        "number": ", ".join(invoice.label for invoice in invoices),
        "amount": " + ".join(amount(total) for total in Totals(invoice.balance for invoice in invoices)),
        "due": day_in_words(min(due)) if due else "",
    }


def _result(key: str) -> str:
    return _(RESULTS.get(key, key)).lower()


def waiting_chip(waited: timedelta, limits: Limits) -> Chip:
    if waited < timedelta(hours=limits.answer_soon_hours):
        return Chip(_("On time"), "ok")
    if waited < timedelta(hours=limits.answer_hours):
        return Chip(_("Answer soon"), "soon")
    return Chip(_("Late"), "overdue")


def thread_chip(state: ThreadState, result: str, waited: timedelta | None, limits: Limits) -> Chip:
    if state == ThreadState.CLOSED:
        return Chip(_("Closed: %(result)s", result=_result(result)) if result else _("Closed"), "paid")
    if state == ThreadState.WAITING_CUSTOMER:
        return Chip(_("Answered"), "ok")
    return waiting_chip(waited or timedelta(0), limits)


_STATE_CHIPS = {
    InvoiceState.DRAFT: Chip(marked("Draft"), "later"),
    InvoiceState.PAID: Chip(marked("Paid"), "paid"),
    InvoiceState.VOID: Chip(marked("Void"), "paid"),
    InvoiceState.WRITTEN_OFF: Chip(marked("Written off"), "paid"),
    InvoiceState.GONE: Chip(marked("Deleted in your books"), "paid"),
    InvoiceState.UNKNOWN: Chip(marked("State not understood"), "bad"),
    InvoiceState.TWIN: Chip(marked("Counted in your other books"), "paid"),
}
HOLD_WORDS = {
    HoldKind.PROMISE: marked("Promised"),
    HoldKind.DISPUTE: marked("Disputed"),
    HoldKind.ALREADY_PAID: marked("Said to be paid"),
    HoldKind.PAYING: marked("Payment started"),
    HoldKind.VENDOR: marked("On hold by you"),
    HoldKind.NOT_MINE: marked("Said not to be theirs"),
    HoldKind.REVERSED: marked("Rests after a payment was taken back"),
    HoldKind.UNCLEAR: marked("Your books differ about it"),
    HoldKind.REQUEST: marked("Asked for time"),
}


def hold_words(hold: Hold) -> str:
    """What silences an invoice, and until when."""
    if hold.kind == HoldKind.UNCLEAR:
        return _(HOLD_WORDS[hold.kind])  # until you decide
    return _("%(what)s until %(day)s", what=_(HOLD_WORDS[hold.kind]), day=day_in_words(hold.ends_at.date()))


TASK_WORDS = {
    TaskKind.ADDRESS: marked("Mail does not arrive"),
    TaskKind.CALL: marked("Call them"),
    TaskKind.PROMISE: marked("Broken promise"),
    TaskKind.DISPUTE: marked("Dispute to settle"),
    TaskKind.NOT_MINE: marked("Not theirs"),
    TaskKind.PAYMENT: marked("Payment"),
    TaskKind.UNHAPPY: marked("Unhappy customer"),
    TaskKind.CONTACT: marked("New contact"),
    TaskKind.DETAILS: marked("New details"),
    TaskKind.DIRECT: marked("Reminded twice"),
    TaskKind.BOOKS: marked("Your books are old"),
    TaskKind.PROOF: marked("Proof"),
}


def invoice_chip(state: InvoiceState, due_on: date | None, today: date) -> Chip:
    if state != InvoiceState.OPEN:
        chip = _STATE_CHIPS[state]
        return replace(chip, words=_(chip.words))
    if due_on is None:
        return Chip(_("No due date"), "later")
    if late := days_past_due(due_on, today):
        return Chip(ngettext("%(num)s day overdue", "%(num)s days overdue", late), "overdue")
    if due_on == today:
        return Chip(_("Due today"), "soon")
    return Chip(_("Due soon"), "soon") if due_on <= today + DUE_SOON else Chip(_("Due later"), "later")
