"""What a page or a webhook asks of the database, besides BEGIN, which also says whose it is, and COMMIT: goals that are
counts."""

from inspect import isgenerator

from app.house import House
from bench.inbox import page_statements
from bench.webhook import hook_statements
from connectors.commands import _open_rows


def test_the_inbox_asks_as_much_for_one_invoice_as_for_25_of_25_vendors(house: House) -> None:
    """[perf-C4 C1] Who is there, the page, what is said about it, the sums."""
    assert page_statements(house, 1) == page_statements(house, 25) == 4


def test_a_webhook_is_one_insert_and_its_repetition_none(house: House) -> None:
    """[perf-D2 inv-N1 inv-N3]"""
    found = hook_statements(house)
    assert found["D2"] == 1
    assert found["D2-again"] == 0


def test_an_export_holds_some_rows_at_a_time(house: House) -> None:
    """[A4] Whoever writes it out asks for them one by one; the database hands over a thousand at once."""
    assert isgenerator(_open_rows(house, None))
