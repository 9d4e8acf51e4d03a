"""Reads what a customer claims, on a page of the inbox or behind a mail's link; what is wrong is named by field."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import islice

from app.claims.queries import Asked
from app.claims.rules import METHODS, WANTED, WORDS_LIMIT, Dispute, Line, Promise, Request, Said, SaidPaid
from app.models import HoldKind
from app.money import Money, MoneyError, amounts_meant, format_minor
from app.receivables.queries import Row
from app.windows import month_days
from app.words import _, day_in_words, locale, marked

KINDS = {  # as they stand in addresses
    "promise": HoldKind.PROMISE,
    "dispute": HoldKind.DISPUTE,
    "paid": HoldKind.ALREADY_PAID,
    "later": HoldKind.REQUEST,
}
LINES = 3  # of an invoice, that one dispute may name
_OLDEST = timedelta(days=365)  # a payment longer ago is no answer to a reminder


TITLES = {
    HoldKind.PROMISE: marked("Promise to pay"),
    HoldKind.DISPUTE: marked("Dispute"),
    HoldKind.ALREADY_PAID: marked("Already paid"),
    HoldKind.REQUEST: marked("Ask for a later date"),
}


@dataclass
class ClaimForm:
    """``given`` is what was typed; ``said`` what it means, when nothing is wrong with it."""

    kind: HoldKind
    asked: Asked
    given: Mapping[str, str] = field(default_factory=dict)
    said: Said | None = None
    errors: dict[str, str] = field(default_factory=dict)
    problem: str = ""  # with the whole of it

    @property
    def title(self) -> str:
        return _(TITLES[self.kind])

    @property
    def words(self) -> str:
        return self.given.get("words", "").strip()

    @property
    def wanted(self) -> dict[str, str]:
        return {key: _(words) for key, words in WANTED.items()}

    @property
    def methods(self) -> dict[str, str]:
        return {key: _(words) for key, words in METHODS.items()}

    @property
    def lines(self) -> range:
        return range(LINES)

    def refused(self, problem: str) -> "ClaimForm":
        self.problem = problem
        return self


def read_claim(kind: HoldKind, given: Mapping[str, str], asked: Asked) -> ClaimForm:
    form = ClaimForm(kind, asked, given)
    if len(form.words) > WORDS_LIMIT:
        form.errors["words"] = _("At most %(num)s characters fit.", num=WORDS_LIMIT)
    readers: dict[HoldKind, Callable[[ClaimForm, Asked], Said]] = {
        HoldKind.PROMISE: _promise,
        HoldKind.DISPUTE: _dispute,
        HoldKind.ALREADY_PAID: _said_paid,
        HoldKind.REQUEST: _request,
    }
    said = readers[kind](form, asked)
    form.said = None if form.errors else said
    return form


def _promise(form: ClaimForm, asked: Asked) -> Promise:
    last = asked.today + timedelta(days=asked.limits.promise_longest_days)
    day = _day(form, "day", asked.today, last)
    return Promise(day, _amount(form, asked.row))


def _dispute(form: ClaimForm, asked: Asked) -> Dispute:
    reason, wanted = form.given.get("reason", ""), form.given.get("wanted", "")
    if reason not in asked.reasons:
        form.errors["reason"] = _("Choose what is wrong.")
    if wanted not in WANTED:
        form.errors["wanted"] = _("Choose what you would like.")
    is_part = form.given.get("part") == "part"
    minor = _amount(form, asked.row) if is_part else asked.row.balance_minor
    lines = [Line(*(_short(form.given.get(f"{name}{n}", "")) for name in ("item", "expected"))) for n in range(LINES)]
    told = tuple(line for line in lines if line.item and line.expected)
    if reason == "other" and not form.words and not told:
        form.errors["words"] = _("Say in a few words what is wrong.")
    return Dispute(reason, wanted, minor, told)


def _said_paid(form: ClaimForm, asked: Asked) -> SaidPaid:
    method = form.given.get("method", "")
    if method not in METHODS:
        form.errors["method"] = _("Choose how you paid.")
    paid_on = _day(form, "day", asked.today - _OLDEST, asked.today)
    return SaidPaid(paid_on, method, _short(form.given.get("reference", "")), _amount(form, asked.row))


def _request(form: ClaimForm, asked: Asked) -> Request:
    """One later day for all of it, or equal parts month by month from that day on; the first has what is left over."""
    last = asked.today + timedelta(days=asked.limits.promise_longest_days)
    day = _day(form, "day", asked.today + timedelta(days=1), last)
    text = form.given.get("parts", "1")
    parts = int(text) if text.isdecimal() and len(text) < 3 else 0
    if not 1 <= parts <= asked.limits.plan_parts:
        form.errors["parts"] = _("Between 1 and %(most)s instalments.", most=asked.limits.plan_parts)
        return Request(())
    days = islice(month_days(day, (day.day,)), parts)
    each, over = divmod(asked.row.balance_minor, parts)
    return Request(tuple((on, each + (over if n == 0 else 0)) for n, on in enumerate(days)))


def _day(form: ClaimForm, name: str, first: date, last: date) -> date:
    try:
        day = date.fromisoformat(form.given.get(name, ""))
    except ValueError:
        form.errors[name] = _("Choose a day.")
        return first
    if not first <= day <= last:
        between = {"first": day_in_words(first), "last": day_in_words(last)}
        form.errors[name] = _("Choose a day from %(first)s to %(last)s.", **between)
    return day


def _amount(form: ClaimForm, row: Row) -> int:
    """Of what the text may mean, the most that is not more than is open; an empty field means what is asked for."""
    text = form.given.get("amount", "").strip()
    if not text:
        return row.due_minor
    found = []
    for meant in amounts_meant(text):
        try:
            found.append(Money.of(meant, row.currency).minor)
        except MoneyError:  # more digits than the currency has
            continue
    fitting = [minor for minor in found if 0 < minor <= row.balance_minor]
    if not fitting:
        most = format_minor(row.balance_minor, row.currency, locale())
        form.errors["amount"] = _("An amount of at most %(most)s.", most=most)
    return max(fitting, default=row.due_minor)


def _short(text: str) -> str:
    return " ".join(text.split())[:120]
