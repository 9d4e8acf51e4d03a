"""What a payment comes to: discount, late fee, the least part, its reference, and the code a bank's app reads. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from typing import Any, Protocol

from segno import helpers

from app.models import BankAccount, PayRule
from app.money import Money

PLACES = ("{reference}", "{invoice}", "{order}")  # what the reference of a vendor's own method may name
REFERENCE_LIMIT = 140  # of a bank transfer's text, everywhere
_EPC_MOST = 99_999_999_999  # cents: the standard's own limit


class Owing(Protocol):
    """What an invoice says of its own payment; app.models.Invoice has it."""

    @property
    def issued_on(self) -> date | None: ...
    @property
    def due_on(self) -> date | None: ...
    @property
    def discount_minor(self) -> int | None: ...
    @property
    def discount_until(self) -> date | None: ...


class Offer(Protocol):
    """What a vendor gives to whoever pays early; app.models.PayRule and the digest's vendor have it."""

    @property
    def discount_share(self) -> int: ...
    @property
    def discount_days(self) -> int: ...


def share_of(minor: int, basis_points: int) -> int:
    """To the nearest minor unit, halves upwards."""
    return (minor * basis_points + 5_000) // 10_000


@dataclass(frozen=True, slots=True)
class Discount:
    """``minor`` need not be paid by whoever pays until that day, the day included."""

    minor: int
    until: date


def discount_of(owed: Owing, due_minor: int, offer: Offer | None, today: date) -> Discount | None:
    """Off ``due_minor``: the invoice's own terms where it has some, else the vendor's offer; nothing after the last
    day."""
    if owed.discount_minor and owed.discount_until:
        found = Discount(owed.discount_minor, owed.discount_until)
    elif offer and offer.discount_share and owed.issued_on:
        until = owed.issued_on + timedelta(days=offer.discount_days)
        found = Discount(share_of(due_minor, offer.discount_share), until)
    else:
        return None
    return found if today <= found.until and 0 < found.minor < due_minor else None


@dataclass(frozen=True, slots=True)
class LateFee:
    """The vendor adds ``minor`` from ``since`` on. We never add it: it is owed once it stands in the books."""

    minor: int
    since: date


def late_fee_of(owed: Owing, due_minor: int, rule: PayRule | None) -> LateFee | None:
    if not rule or not rule.late_share or owed.due_on is None:
        return None
    return LateFee(share_of(due_minor, rule.late_share), owed.due_on + timedelta(days=rule.late_days + 1))


def least_part(due_minor: int, rule: PayRule | None) -> int | None:
    """The smallest part the vendor takes; None when it takes only the whole."""
    if rule is None or rule.part_share is None:
        return None
    return max(1, share_of(due_minor, rule.part_share))


# --- references -----------------------------------------------------------------------------------------------------


def reference_of(number: str, details: dict[str, Any]) -> str:
    """What the payer writes so that the vendor's books find the invoice: their own payment reference (a structured one,
    a virtual account of this invoice), else its number."""
    given = details.get("payment_reference")
    return given[:REFERENCE_LIMIT] if isinstance(given, str) and given else number


def filled(pattern: str, *, reference: str, number: str, po_number: str) -> str:
    """A vendor's own pattern with this invoice's words in it."""
    said = dict(zip(PLACES, (reference, number, po_number), strict=True))
    return re.sub("|".join(map(re.escape, PLACES)), lambda found: said[found.group()], pattern)[:REFERENCE_LIMIT]


def joined(references: Iterable[str]) -> str:
    """One transfer for several invoices: all their references while they fit, else as many as do; the advice names the
    rest."""
    kept: list[str] = []
    for reference in references:
        if len(", ".join([*kept, reference])) > REFERENCE_LIMIT:
            break
        kept.append(reference)
    return ", ".join(kept)


# --- the code for the bank's app ------------------------------------------------------------------------------------


def epc_code(account: BankAccount, amount: Money, reference: str) -> str:
    """The QR code of the European Payments Council as an SVG, which fills a bank's form by camera; "" where the
    standard has none: it knows euros and IBANs."""
    if amount.currency != "EUR" or not account.iban or not 0 < amount.minor <= _EPC_MOST:
        return ""
    code = helpers.make_epc_qr(
        name=account.beneficiary[:70],
        iban=account.iban,
        amount=amount.amount,
        text=reference[:REFERENCE_LIMIT] or None,
        bic=account.routing or None,
    )
    drawn = BytesIO()
    code.save(drawn, kind="svg", xmldecl=False, svgclass="qr", lineclass=None, omitsize=True, light="#fff", border=4)
    return drawn.getvalue().decode()
