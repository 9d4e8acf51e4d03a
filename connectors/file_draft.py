"""What an invoice that somebody forwards says, as far as a machine can read it: an e-invoice for certain, a PDF by the
words around its figures. Pure. What can be read in two ways is left for the person who confirms it.
"""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from app.address import canonical
from app.forwarded.rules import Draft
from app.money import Money, MoneyError, amounts_meant
from connectors.files.brought import read
from connectors.files.einvoice import EInvoice
from connectors.files.refusal import Refused

_NUMBER = re.compile(
    r"(?:invoice|rechnung(?:s)?|facture|factura)[\s-]*(?:no|nr|number|nummer|num[ée]ro|n[°º])?\.?\s*[:#]?\s*"
    r"((?=[\w/-]*\d)[A-Z0-9][\w/-]{1,30})",
    re.IGNORECASE,
)
_TOTAL = re.compile(
    r"^.*(?:amount\s+due|total\s+due|balance\s+due|to\s+pay|grand\s+total|gesamtbetrag|zu\s+zahlen|rechnungsbetrag"
    r"|net\s+[àa]\s+payer|total\s+ttc|total\s+a\s+pagar|importe\s+total|total).*$",
    re.IGNORECASE | re.MULTILINE,
)
_AMOUNT = re.compile(r"(?<![\w.,])\d[\d., '\u00a0\u202f]*\d(?![\w])|(?<![\w.,])\d(?![\w.,])")
_CURRENCY = re.compile(r"\b(EUR|USD|GBP|CHF|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|JPY)\b|(€)|(£)")
_DUE = re.compile(r"(?:due|payable\s+by|f[äa]llig|zahlbar\s+bis|[ée]ch[ée]ance|vencimiento)", re.IGNORECASE)
_ISSUED = re.compile(r"(?:invoice\s+date|date\s+of\s+issue|issued|rechnungsdatum|datum|date)", re.IGNORECASE)
_ISO = re.compile(r"\b(20\d\d)-(\d\d)-(\d\d)\b")
_POINTS = re.compile(r"\b(\d{1,2})\.(\d{1,2})\.(20\d\d)\b")  # day first wherever points are written
_NAMED = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th|\.)?\s+([A-Za-zäéû]{3,9})\.?,?\s+(20\d\d)\b")
_MONTHS = (
    ("jan", "ene"), ("feb", "fév", "fev"), ("mar", "mär", "mrz"), ("apr", "avr", "abr"), ("may", "mai"),
    ("jun", "juin"), ("jul", "juil"), ("aug", "aoû", "aou", "ago"), ("sep",), ("oct", "okt"), ("nov",),
    ("dec", "dez", "déc", "dic"),
)  # fmt: skip


def draft_of(data: bytes, text: str) -> Draft:
    """``text``: what a PDF says, where it is one (connectors/files/pdf_text.py)."""
    try:
        said = read(data)
    except Refused:
        return guessed(text)
    return _of_einvoice(said) if isinstance(said, EInvoice) else guessed(text)


def _of_einvoice(said: EInvoice) -> Draft:
    return Draft(
        supplier=said.seller_name,
        supplier_address=canonical(said.seller_contact_email) or "",
        number=said.number,
        total=_money([said.open_amount], said.currency),
        issued_on=said.issue_date,
        due_on=said.due_date,
    )


def guessed(text: str) -> Draft:
    """By the words around; each only where they leave no doubt."""
    number = _NUMBER.search(text)
    return Draft(
        number=number[1] if number else "",
        total=_total(text),
        issued_on=_day_after(_ISSUED, text),
        due_on=_day_after(_DUE, text),
    )


def _total(text: str) -> Money | None:
    currencies = {(found[1] or {"€": "EUR", "£": "GBP"}[found[2] or found[3]]) for found in _CURRENCY.finditer(text)}
    if len(currencies) != 1:
        return None
    amounts = [_AMOUNT.findall(line[0]) for line in _TOTAL.finditer(text)]
    lasts = [amounts_meant(each[-1].replace("\u00a0", " ").replace("\u202f", " ")) for each in amounts if each]
    certain = [each[0] for each in lasts if len(each) == 1]
    return _money([max(certain)] if certain else [], currencies.pop())


def _money(amounts: Iterable[Decimal], currency: str) -> Money | None:
    try:
        return next((Money.of(each, currency) for each in amounts if each > 0), None)
    except MoneyError:
        return None


def _day_after(words: re.Pattern[str], text: str) -> date | None:
    """The first date within the same or the next line of one of these words."""
    for found in words.finditer(text):
        near = "\n".join(text[found.end() : found.end() + 120].split("\n")[:2])
        written = [*_ISO.finditer(near), *_POINTS.finditer(near), *_NAMED.finditer(near)]
        if day := next(filter(None, map(_day, written)), None):
            return day
    return None


def _day(found: re.Match[str]) -> date | None:
    one, two, three = found.groups()
    try:
        if len(one) == 4:
            return date(int(one), int(two), int(three))
        month = int(two) if two.isdecimal() else _month(two.lower())
        return date(int(three), month, int(one))
    except ValueError:
        return None


def _month(name: str) -> int:
    """0 where it is none."""
    return next((at for at, starts in enumerate(_MONTHS, 1) if name.startswith(starts)), 0)
