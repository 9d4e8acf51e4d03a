"""Reads what a customer says about its house: how a mailbox is written to, when it pays, who reads which invoices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.mailboxes.people import Wish
from app.models import Customer, Mailbox, Route
from app.money import Money, MoneyError, amounts_meant
from app.windows import BETWEEN_RUNS
from app.words import LANGUAGES, _, in_language, locale

_SHORTEST_MONTH = 28
_MOST_DAYS = 4
LONGEST_CUTOFF = 10


@dataclass
class MannerForm:
    """How the mails of a mailbox speak: in which language, whether they name names and amounts, what is attached."""

    locale: str
    is_private: bool
    amounts_in_subject: bool
    attaches_pdfs: bool
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, box: Mailbox) -> "MannerForm":
        return cls(box.locale, box.is_private, box.amounts_in_subject, box.attaches_pdfs)

    @classmethod
    def read(cls, submitted: Mapping[str, str], before: Mailbox) -> "MannerForm":
        wanted = submitted.get("locale", "")
        private, amounts, pdfs = (submitted.get(name) == "yes" for name in ("private", "amounts", "pdfs"))
        form = cls(before.locale, private, amounts, pdfs)
        if wanted in LANGUAGES:
            form.locale = in_language(before.locale, wanted)
        else:
            form.errors["locale"] = _("Choose a language from the list.")
        return form


@dataclass
class PayRunForm:
    """On which days of a month a customer pays, and how many working days before that it must have an invoice."""

    days: str = ""
    cutoff: str = "3"
    errors: dict[str, str] = field(default_factory=dict)
    pay_days: str = ""

    @classmethod
    def of(cls, customer: Customer) -> "PayRunForm":
        return cls(customer.pay_days.replace(",", ", "), str(customer.pay_cutoff), pay_days=customer.pay_days)

    @classmethod
    def read(cls, submitted: Mapping[str, str]) -> "PayRunForm":
        form = cls(submitted.get("days", "").strip()[:40], submitted.get("cutoff", "").strip()[:4])
        words = form.days.replace(",", " ").replace(".", " ").split()
        numbers = sorted({int(word) for word in words if word.isascii() and word.isdecimal() and len(word) < 3})
        if len(numbers) != len(words) or any(not 1 <= number <= 31 for number in numbers):
            form.errors["days"] = _("Give the days of the month, such as 10, 25.")
        elif len(numbers) > _MOST_DAYS or not _is_spread(numbers):
            form.errors["days"] = _("At most four days, and at least a week between two of them.")
        else:
            form.pay_days = ",".join(map(str, numbers))
        if not form.cutoff.isascii() or not form.cutoff.isdecimal() or int(form.cutoff) > LONGEST_CUTOFF:
            form.errors["cutoff"] = _("Give a number of working days from 0 to %(most)s.", most=LONGEST_CUTOFF)
        return form


def _is_spread(numbers: Sequence[int]) -> bool:
    """A week apart in every month, the shortest too, where the last days fall together."""
    days = [min(number, _SHORTEST_MONTH) for number in numbers]
    following = [*days[1:], *(day + _SHORTEST_MONTH for day in days[:1])]
    return all(after - before >= BETWEEN_RUNS.days for before, after in zip(days, following, strict=True))


@dataclass
class RouteForm:
    """Which invoices go to whom: the fields as text, and the wish they make when nothing is wrong."""

    mailbox: str = ""
    act: str = "move"
    vendor: str = ""
    billed_to: str = ""
    po_number: str = ""
    least: str = ""
    currency: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    wish: Wish | None = None

    @classmethod
    def read(
        cls, submitted: Mapping[str, str], boxes: Sequence[Mailbox], vendors: Sequence[tuple[UUID, str]]
    ) -> "RouteForm":
        """``boxes`` and ``vendors`` are those that may be chosen."""
        form = cls()
        for name in _ROUTE_FIELDS:
            setattr(form, name, submitted.get(name, "").strip()[:70])
        box = next((each.id for each in boxes if str(each.id) == form.mailbox and each.proven_at), None)
        vendor = next((each for each, _name in vendors if str(each) == form.vendor), None)
        if box is None:
            form.errors["mailbox"] = _("Choose one of the addresses.")
        if form.vendor and vendor is None:
            form.errors["vendor"] = _("Choose a supplier from the list.")
        least = form._least()
        if box is not None and not form.errors:
            form.wish = Wish(
                mailbox_id=box,
                is_copy=form.act == "copy",
                vendor_id=vendor,
                billed_to=contains(form.billed_to),
                po_number=pattern(form.po_number),
                least_minor=least.minor if least else None,
                currency=least.currency if least else "",
            )
        return form

    def _least(self) -> Money | None:
        if not self.least:
            return None
        meant = amounts_meant(self.least)
        try:
            if len(meant) == 1:
                return Money.of(meant[0], self.currency.upper())
        except MoneyError:
            pass
        self.errors["least"] = _("Give an amount such as 5000 and its currency, such as EUR.")
        return None


_ROUTE_FIELDS = ("mailbox", "act", "vendor", "billed_to", "po_number", "least", "currency")


def pattern(typed: str) -> str:
    """``PO-7*`` as LIKE has it: ``po-7%``."""
    return _literal(typed).replace("*", "%")


def contains(typed: str) -> str:
    return f"%{_literal(typed)}%" if typed else ""


def as_typed(stored: str) -> str:
    """A pattern as people write it."""
    plain, marks = "", iter(stored)
    for mark in marks:
        plain += next(marks, "") if mark == "!" else "*" if mark == "%" else mark
    return plain


def _literal(typed: str) -> str:
    return "".join(f"!{mark}" if mark in "!%_" else mark for mark in typed.lower())


def route_words(route: Route, vendors: Mapping[UUID, str]) -> list[str]:
    """What must be true of an invoice for this route, in words; nothing: of every one."""
    found = []
    if route.vendor_id:
        found.append(_("from %(vendor)s", vendor=vendors.get(route.vendor_id, _("a supplier"))))
    if route.billed_to:
        found.append(_("billed to %(name)s", name=as_typed(route.billed_to).strip("*")))
    if route.po_number:
        found.append(_("order %(number)s", number=as_typed(route.po_number)))
    if route.least_minor is not None:
        found.append(_("%(amount)s or more", amount=Money(route.least_minor, route.currency).format(locale())))
    return found
