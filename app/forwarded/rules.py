"""What a forwarded invoice says, as far as it can be read, and as a person confirms it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from app.address import canonical
from app.money import Money, MoneyError, amounts_meant
from app.words import _


@dataclass(frozen=True, slots=True)
class Draft:
    """What was read; "" and None where nothing was, or nothing certain."""

    supplier: str = ""
    supplier_address: str = ""
    number: str = ""
    total: Money | None = None
    issued_on: date | None = None
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a person says the invoice is. ``wrong``: what cannot be meant, by field; then nothing else counts."""

    draft: Draft
    wrong: Mapping[str, str]


def read_confirmed(form: Mapping[str, str]) -> Confirmed:
    """Supplier, number, amount, currency and due date are needed; the other two help."""
    said = {name: " ".join(value.split()) for name, value in form.items()}
    wrong = {name: _("Please fill this in.") for name in ("supplier", "number") if not said.get(name)}
    total = None
    try:
        total = _total(said.get("amount", ""), said.get("currency", ""))
    except MoneyError as problem:
        wrong["amount"] = str(problem)
    issued_on, due_on = _date(said, "issued_on", wrong), _date(said, "due_on", wrong)
    if due_on is None:
        wrong.setdefault("due_on", _("Please fill this in."))
    address = canonical(said.get("supplier_address", "")) or ""
    if said.get("supplier_address") and not address:
        wrong["supplier_address"] = _("This is not a mail address.")
    supplier, number = said.get("supplier", "")[:120], said.get("number", "")[:80]
    return Confirmed(Draft(supplier, address, number, total, issued_on, due_on), wrong)


def _total(text: str, currency: str) -> Money:
    """Raises MoneyError, with words for the person."""
    meant = amounts_meant(text)
    if len(meant) != 1:
        raise MoneyError(_("Please write the amount like 1234.50."))
    try:
        total = Money.of(meant[0], currency)
    except MoneyError:
        raise MoneyError(_("Please give the three letters of a currency, and no more digits than it has.")) from None
    if total.minor <= 0:
        raise MoneyError(_("Nothing is owed on it: the amount must be above zero."))
    return total


def _date(said: Mapping[str, str], name: str, wrong: dict[str, str]) -> date | None:
    if not said.get(name):
        return None
    try:
        return date.fromisoformat(said[name])
    except ValueError:
        wrong[name] = _("Please write the date like 2026-11-30.")
        return None
