"""What is written down now and read later, in whatever language its reader speaks then: a message and its facts.

    told = later(marked("%(amount)s was promised for %(day)s."), amount=Money(1000, "EUR"), day=date(2026, 11, 27))
    say(told)

It is kept as JSON. Money, days and what is itself said later keep their kind; all other facts are plain words.
"""

from datetime import date
from typing import Any

from app.money import Money
from app.words import _, day_in_words, locale

Later = dict[str, Any]


def later(message: str, **facts: Money | date | Later | str | int) -> Later:
    """``message`` is marked() where it is written."""
    return {"message": message, "facts": {name: _kept(fact) for name, fact in facts.items()}}


def say(told: Later) -> str:
    """Now; nothing said is nothing."""
    if not told:
        return ""
    message: str = told["message"]
    return _(message, **{name: _said(fact) for name, fact in told["facts"].items()})


def _kept(fact: Money | date | Later | str | int) -> Later | str | int:
    if isinstance(fact, Money):
        return {"minor": fact.minor, "currency": fact.currency}
    return {"day": fact.isoformat()} if isinstance(fact, date) else fact


def _said(fact: Any) -> Any:
    if not isinstance(fact, dict):
        return fact
    if "minor" in fact:
        return Money(**fact).format(locale())
    return day_in_words(date.fromisoformat(fact["day"])) if "day" in fact else say(fact)
