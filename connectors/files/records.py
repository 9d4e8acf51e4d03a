"""What stands in files, as the records every provider is translated into. Pure.

Numbers are labels: an object of a file is known by its number and its date, a customer by the vendor's own id for it,
else by its address, else by its name. The version is the moment of the import, so that the later file wins.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from app.money import Money, MoneyError, exponent
from app.words import _
from connectors.base import Batch, BillToRecord, CreditRecord, InvoiceRecord, Json
from connectors.files.columns import plain
from connectors.files.einvoice import EInvoice
from connectors.files.reading import Row
from connectors.files.refusal import Refused
from connectors.said import line, shown

_CREDITS = ("credit", "gutschrift", "avoir", "abono", "nota di credito", "creditnota")
_PAYMENTS = ("payment", "zahlung", "paiement", "pago", "pagamento", "betaling", "receipt")
_DRAFTS = {"draft", "entwurf", "brouillon", "borrador", "bozza", "concept"}
_VOIDS = {"void", "voided", "cancelled", "canceled", "deleted", "storniert", "annule", "anulada", "annullata"}


def version_of(imported_at: datetime) -> int:
    return int(imported_at.timestamp() * 1_000_000)


def of_rows(rows: Sequence[Row], imported_at: datetime) -> Batch:
    """A table's rows. Raises Refused for an amount or a currency that is none."""
    batch, version = Batch(as_of=imported_at), version_of(imported_at)
    for row in rows:
        buyer = _bill_to(row.customer, row.customer_id, row.email, version)
        try:
            total, balance = Money.of(row.total, row.currency), Money.of(row.balance, row.currency)
        except MoneyError as problem:
            raise Refused(str(problem), row.line) from None
        batch.bill_tos.append(buyer)
        kind = plain(row.type)
        if row.total < 0 or row.balance < 0 or kind.startswith((*_CREDITS, *_PAYMENTS)):
            # money of the customer's that no invoice has used up: a credit note, or cash on account
            credit = _credit(row.number, row.issued_on, buyer, total, balance, version)
            batch.credits.append(replace(credit, kind="unapplied_cash") if kind.startswith(_PAYMENTS) else credit)
        else:
            batch.invoices.append(_invoice(row, buyer, total, balance, version))
    return batch


# How an XRechnung writes a discount into its terms (BT-20): 2 % within 14 days. Free words are not read.
_FOR_MACHINES = re.compile(r"#(?:SKONTO|VERZUG)#(?:[A-Z]+=[0-9.]+#)+")
_SKONTO = re.compile(r"#SKONTO#TAGE=(\d{1,3})#PROZENT=(\d{1,2}\.\d{2})#")


def _discount(said: EInvoice, owed: Money) -> tuple[int | None, date | None]:
    """The first discount the terms name: how much, and the last day of it."""
    found = _SKONTO.search(said.terms)
    if found is None or said.issue_date is None or owed.minor <= 0:
        return None, None
    share = int(found[2].replace(".", ""))  # in basis points
    return (owed.minor * share + 5_000) // 10_000, said.issue_date + timedelta(days=int(found[1]))


def of_einvoice(said: EInvoice, imported_at: datetime) -> Batch:
    """One e-invoice. Raises Refused when its amounts or its currency cannot be kept."""
    batch, version = Batch(as_of=imported_at), version_of(imported_at)
    buyer = _bill_to(said.buyer_name or said.buyer_trading_name, "", said.buyer_email, version)
    owed = said.open_amount
    try:
        total = Money.of(said.total_with_tax if said.total_with_tax is not None else owed, said.currency)
        balance = Money.of(owed, said.currency)
    except MoneyError as problem:
        raise Refused(_("Invoice %(number)s: %(problem)s", number=said.number[:80], problem=problem)) from None
    batch.bill_tos.append(buyer)
    if said.kind == "credit_note" or owed < 0:
        batch.credits.append(_credit(said.number, said.issue_date, buyer, total, balance, version))
        return batch
    discount_minor, discount_until = _discount(said, balance)
    kept = ("iban", "payment_reference", "buyer_reference", "preceding_invoice", "seller_name", "type_code")
    batch.invoices.append(
        InvoiceRecord(
            external_id=external_id(said.number, said.issue_date),
            version=version,
            bill_to_external_id=buyer.external_id,
            number=said.number,
            issued_on=said.issue_date,
            due_on=said.due_date,
            total=total,
            balance=balance,
            state="open" if balance.minor > 0 else "paid",
            raw_state=said.syntax,
            address_text=said.buyer_email,
            po_number=said.order_reference,
            details={name: value for name in kept if (value := getattr(said, name))} | _shown(said, total.currency),
            discount_minor=discount_minor,
            discount_until=discount_until,
        )
    )
    return batch


def _shown(said: EInvoice, currency: str) -> Json:
    digits = exponent(currency)
    return shown(
        memo=said.note[:1000],
        terms=_FOR_MACHINES.sub("", said.terms).strip()[:1000],
        lines=(line(one.text, one.quantity, one.each, one.amount, digits) for one in said.items),
    )


def external_id(number: str, issued_on: date | None) -> str:
    """Numbers begin anew each year at some vendors: the date belongs to the identity."""
    return f"{number[:100]}@{issued_on.isoformat() if issued_on else ''}"


def _bill_to(name: str, own_id: str, address: str, version: int) -> BillToRecord:
    known = own_id or address.casefold() or plain(name)
    kept = known if len(known) <= 100 else hashlib.blake2b(known.encode(), digest_size=20).hexdigest()
    return BillToRecord(kept, version, name or own_id, address)


def _credit(
    number: str, issued_on: date | None, buyer: BillToRecord, total: Money, balance: Money, version: int
) -> CreditRecord:
    """``total`` and ``balance`` of either sign: files write credits with and without a minus."""
    return CreditRecord(
        kind="credit_note",
        external_id=external_id(number or buyer.external_id, issued_on),
        version=version,
        bill_to_external_id=buyer.external_id,
        number=number,
        issued_on=issued_on,
        total=_positive(total),
        remaining=_positive(balance),
    )


def _positive(money: Money) -> Money:
    return replace(money, minor=abs(money.minor))


def _invoice(row: Row, buyer: BillToRecord, total: Money, balance: Money, version: int) -> InvoiceRecord:
    details: Json = {"pay_url": row.pay_url} if row.pay_url else {}
    return InvoiceRecord(
        external_id=external_id(row.number, row.issued_on),
        version=version,
        bill_to_external_id=buyer.external_id,
        number=row.number,
        issued_on=row.issued_on,
        due_on=row.due_on,
        total=total,
        balance=balance,
        state=_state(row),
        raw_state=row.status[:40],
        address_text=row.email,
        po_number=row.po_number,
        can_pay_online=bool(row.pay_url),
        details=details,
    )


def _state(row: Row) -> str:
    said = plain(row.status)
    if said in _VOIDS:
        return "void"
    if said in _DRAFTS:
        return "draft"
    return "open" if row.balance > 0 else "paid"
