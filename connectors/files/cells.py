"""Dates and amounts as people write them, and in how many ways a column of them can be read."""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Literal

DateOrder = Literal["ymd", "dmy", "mdy"]
Mark = Literal[".", ","]

_ORDERS: tuple[DateOrder, ...] = ("ymd", "dmy", "mdy")


def date_orders(cells: Iterable[str]) -> set[DateOrder]:
    """Every order in which all of these are dates; cells that are none in any order do not count."""
    fits = [found for cell in set(cells) if (found := {order for order in _ORDERS if read_date(cell, order)})]
    return set(_ORDERS).intersection(*fits) if fits else {"ymd"}


def read_date(said: str, order: DateOrder) -> date | None:
    """2026-01-31, 31.1.2026, 1/31/26, with or without a time behind it; None when it is no date in that order."""
    parts = re.fullmatch(r"(\d{1,4})([./ -])(\d{1,2})\2(\d{1,4})(?:[T ].*)?", said.strip())
    if not parts:
        return None
    numbers = [parts[1], parts[3], parts[4]]
    year, month, day = (numbers[order.index(part)] for part in "ymd")
    if len(year) not in (2, 4) or len(month) > 2 or len(day) > 2:
        return None
    full = int(year) if len(year) == 4 else 2000 + int(year)
    try:
        return date(full, int(month), int(day))
    except ValueError:
        return None


_MARKS: tuple[Mark, ...] = (".", ",")


def decimal_marks(cells: Iterable[str]) -> set[Mark]:
    """Every decimal mark under which all of these are amounts; where it makes no difference, the point."""
    possible, matters = set(_MARKS), False
    for cell in set(cells):
        fits = {mark: read_amount(cell, mark) for mark in _MARKS}
        good = {mark for mark, amount in fits.items() if amount is not None}
        if good:
            possible &= good
            matters = matters or len(set(fits.values())) > 1
    return possible if matters or len(possible) < 2 else {"."}


def read_amount(said: str, mark: Mark) -> Decimal | None:
    """1.234,56 or 1,234.56, (45.00), 45.00-, € 12, CHF 1'000; None when it is none under that decimal mark."""
    text = re.sub(r"[\s\u00a0\u202f'’]|[A-Za-z]{1,3}|[^\x00-\x7f]", "", said)
    text = text.replace("$", "")
    if text.endswith((".-", ",-")):  # 12.- is twelve, and no cents
        text = text[:-2]
    is_negative = False
    if text.startswith("(") and text.endswith(")"):
        is_negative, text = True, text[1:-1]
    if text[:1] in "+-":
        is_negative, text = is_negative or text[:1] == "-", text[1:]
    elif text.endswith("-"):
        is_negative, text = True, text[:-1]
    thousands = "," if mark == "." else "."
    whole = rf"\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+|\d+"
    if not re.fullmatch(rf"(?:{whole})(?:{re.escape(mark)}\d*)?|{re.escape(mark)}\d+", text) or len(text) > 30:
        return None
    amount = Decimal(text.replace(thousands, "").replace(mark, ".").rstrip(".") or "0")
    return -amount if is_negative else amount
