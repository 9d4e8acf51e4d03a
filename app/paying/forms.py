"""Reads what a person saw and said on a pay page, of the inbox or behind a mail's link."""

from collections.abc import Mapping, Sequence
from datetime import date

from werkzeug.datastructures import MultiDict

from app.models import Person
from app.money import Money, MoneyError, amounts_meant
from app.paying.actions import CannotSend, Press, Sending
from app.receivables.queries import Row
from app.words import _


def read_press(form: MultiDict[str, str], person: Person | None = None) -> Press:
    """A form without an amount stands for no amount: it is shown again."""
    return Press(
        shown_minor=form.get("shown", -1, type=int),
        shown_host=form.get("host", ""),
        is_sure=form.get("sure") == "yes",
        person_id=person.id if person else None,
    )


def read_sending(form: MultiDict[str, str], currency: str, person: Person | None = None) -> Sending:
    """Raises CannotSend where a day or an amount cannot be read."""
    return Sending(
        shown_minor=form.get("shown", -1, type=int),
        pays_on=_day(form),
        part_minor=_part(form, currency),
        method=form.get("method", "")[:40],
        person=person,
        said_by=" ".join(form.get("said_by", "").split())[:80],
    )


def _day(form: Mapping[str, str]) -> date:
    try:
        return date.fromisoformat(form.get("pays_on", ""))
    except ValueError:
        raise CannotSend(_("Choose the day on which you send it.")) from None


def _part(form: Mapping[str, str], currency: str) -> int | None:
    """A part is written with a point or a comma; an empty field means the whole."""
    text = form.get("part", "").strip()
    if not text:
        return None
    try:
        [amount] = amounts_meant(text)
        return Money.of(amount, currency).minor
    except (ValueError, MoneyError):
        raise CannotSend(_("Write the part as an amount, like 250.00.")) from None


def chosen(rows: Sequence[Row], named: Sequence[Row], today: date) -> list[Row]:
    """Which invoices a page about several begins with: those its address names, else what is overdue, else all."""
    late = [row for row in rows if row.due_on and row.due_on < today]
    found = list(named) or late or list(rows)
    return sorted(found, key=lambda row: (row.due_on or date.max, row.id))
