"""What may be said, and how it is kept."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.conversations.rules import (
    BODY_LIMIT,
    CannotSay,
    WrongResult,
    check_result,
    clean_body,
    clean_name,
    may_continue,
    quote,
    state_words,
    subject_of,
)
from app.models import InvoiceState, Side

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_a_message_keeps_its_lines_and_loses_what_nobody_sees() -> None:
    """[F1 inv-A3] Control characters, direction marks and zero widths go; lines, accents and emoji stay."""
    assert clean_body("  Où est\r\nla\x00 facture\u202e\u200b? 👩‍🔧\t \n") == "Où est\nla facture? 👩‍🔧"


@pytest.mark.parametrize("nothing", ["", "  \n\t ", "\u200b\u202e\x07"])
def test_nothing_said_is_refused(nothing: str) -> None:
    """[F1]"""
    with pytest.raises(CannotSay, match="few words"):
        clean_body(nothing)


def test_a_message_has_a_limit() -> None:
    """[F1] The longest one fits, one character more does not."""
    assert len(clean_body("a" * BODY_LIMIT)) == BODY_LIMIT
    with pytest.raises(CannotSay, match="4,001 characters"):
        clean_body("a" * (BODY_LIMIT + 1))


@given(st.text(min_size=1, max_size=300))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    """[F1] And whatever comes in, nothing invisible comes out."""
    try:
        once = clean_body(text)
    except CannotSay:
        return
    assert clean_body(once) == once
    assert not any(ord(c) < 32 and c not in "\n\t" for c in once)


def test_a_claimed_name_is_one_short_line() -> None:
    """[F1 inv-D4]"""
    assert clean_name(" Mia\r\nBcc: x\u202e ") == "Mia Bcc: x"
    assert len(clean_name("m" * 500)) == 80


@pytest.mark.parametrize(
    ("numbers", "subject"),
    [
        ([], "A question"),
        (["A-7"], "Invoice A-7"),
        (["A-7", "A-8"], "Invoices A-7, A-8"),
        (["A-7", "A-8", "A-9"], "Invoices A-7, A-8 and 1 more"),
        ([""], "An invoice"),
        (["pay.evil.example"], "An invoice"),
        (["A-1\r\nBcc: all@example.com"], "An invoice"),
        (["http://x", "A-8"], "Invoices A-8 and 1 more"),
        (["", ""], "2 invoices"),
    ],
)
def test_a_thread_is_named_after_plain_numbers_only(numbers: list[str], subject: str) -> None:
    """[F1 inv-A3] It becomes the subject of mails: nothing there may look like a link or a header."""
    assert subject_of(numbers) == subject


def test_a_closed_thread_may_go_on_for_thirty_days() -> None:
    """[F11]"""
    assert may_continue(None, NOW)
    assert may_continue(NOW - timedelta(days=30), NOW)
    assert not may_continue(NOW - timedelta(days=30, seconds=1), NOW)


def test_each_side_has_its_own_results() -> None:
    """[F11] A customer withdraws, a vendor declines."""
    assert check_result("declined", Side.VENDOR) == "declined"
    assert check_result("withdrawn", Side.CUSTOMER) == "withdrawn"
    for result, side in (("declined", Side.CUSTOMER), ("won", Side.VENDOR), ("", Side.VENDOR)):
        with pytest.raises(WrongResult):
            check_result(result, side)


def test_a_quote_is_short_and_on_one_line() -> None:
    """[F9]"""
    assert quote("Where\n\nis it?") == "Where is it?"
    assert len(quote("word " * 200)) <= 280


@pytest.mark.parametrize(
    ("state", "due_on", "words"),
    [
        (InvoiceState.OPEN, date(2026, 11, 22), "1 day overdue"),
        (InvoiceState.OPEN, date(2026, 11, 13), "10 days overdue"),
        (InvoiceState.OPEN, date(2026, 11, 23), "open"),
        (InvoiceState.OPEN, None, "open"),
        (InvoiceState.PAID, date(2026, 11, 1), "paid, thank you"),
        (InvoiceState.VOID, date(2026, 11, 1), "void"),
    ],
)
def test_an_answer_says_how_the_invoice_stands_now(state: InvoiceState, due_on: date | None, words: str) -> None:
    """[F9]"""
    assert state_words(state, due_on, date(2026, 11, 23)) == words
