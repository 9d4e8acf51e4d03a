"""What is written down now is read in whatever language is spoken then."""

import json
from datetime import date

from app.later import later, say
from app.money import Money
from app.words import marked, speaking


def test_money_days_and_words_are_said_in_the_readers_language() -> None:
    """[G11] It comes back from JSON the same."""
    told = later(
        marked("%(amount)s was promised for %(day)s. The books show no payment so far."),
        amount=Money(125050, "EUR"),
        day=date(2026, 11, 27),
    )
    whole = json.loads(json.dumps(later(marked("Invoice %(number)s: %(words)s"), number="R-1", words=told)))
    assert say(whole) == "Invoice R-1: EUR 1,250.50 was promised for 27 Nov 2026. The books show no payment so far."
    with speaking("de_AT"):
        german = say(whole)
    assert german.startswith("Rechnung R-1: ")
    assert "27. Nov. 2026" in german
    assert say({}) == ""
