"""What one mailbox owes and today -> a Digest."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models import HoldKind, LineKind, Trust
from app.money import Money
from app.settings import Limits
from digest.book import Before, HoldCard, Moment, Talk
from digest.compose import compose, with_fewer_rows
from digest.parts import Digest, Section
from tests.digest.books import MOMENT, NOW, TODAY, Shelf

YESTERDAY, TOMORROW, NEXT_YEAR = TODAY - timedelta(days=1), TODAY + timedelta(days=1), date(2027, 3, 1)


def test_vendors_come_by_their_most_urgent_line_and_lines_by_due_date() -> None:
    """[C1 C5] Nobody can buy a better place: oldest first, then the name."""
    shelf = Shelf()
    shelf.owes("Zeta", "Z-1", 100, due=TODAY - timedelta(days=30))
    shelf.owes("Acme", "A-2", 100, due=TOMORROW)
    shelf.owes("Acme", "A-1", 100, due=YESTERDAY)
    shelf.owes("birch", "B-1", 100, due=YESTERDAY)
    digest = compose(shelf.book, MOMENT)
    assert [(section.name, [row.number for row in section.rows]) for section in digest.sections] == [
        ("Zeta", ["Z-1"]),
        ("Acme", ["A-1", "A-2"]),
        ("birch", ["B-1"]),
    ]
    assert (digest.overdue, digest.soon, digest.later, digest.vendors) == (3, 1, 0, 3)
    assert (digest.oldest_on, digest.next_on) == (TODAY - timedelta(days=30), TOMORROW)
    assert [line.line for line in digest.lines] == [1, 2, 3, 4]
    assert [section.first_line for section in digest.sections] == [1, 2, 4]


def test_later_lines_are_counted_not_listed_but_frozen() -> None:
    """[C5 C7] What can wait for the next mail takes one line a vendor."""
    shelf = Shelf()
    shelf.owes("Acme", "A-1", 100, due=YESTERDAY)
    shelf.owes("Acme", "A-2", 250, due=NEXT_YEAR)
    shelf.owes("Acme", "A-3", 50, due=NEXT_YEAR + timedelta(days=1))
    section = compose(shelf.book, MOMENT).sections[0]
    assert [row.number for row in section.rows] == ["A-1"]
    assert section.later
    assert (section.later.count, section.later.first_due_on, section.later.sums) == (2, NEXT_YEAR, (("USD", 300),))
    assert [(line.number, line.kind, line.is_shown) for line in compose(shelf.book, MOMENT).lines] == [
        ("A-1", LineKind.DUE, True),
        ("A-2", LineKind.LATER, False),
        ("A-3", LineKind.LATER, False),
    ]


def test_what_falls_due_before_the_next_mail_is_in_this_one() -> None:
    """[C5 D1] A monthly mail looks a month ahead."""
    shelf = Shelf()
    shelf.owes("Acme", "A-1", 100, due=TODAY + timedelta(days=20))
    assert compose(shelf.book, MOMENT).soon == 0
    assert compose(shelf.book, Moment(NOW, "UTC", TODAY + timedelta(days=30), Limits())).soon == 1


def test_held_lines_stand_apart_and_outside_every_sum() -> None:
    """[C11 A11] Disputed, promised, in payment: nothing to do."""
    shelf = Shelf()
    shelf.owes("Acme", "A-1", 100, due=YESTERDAY)
    held = shelf.owes("Acme", "A-2", 900, due=YESTERDAY)
    shelf.book.holds[held.id] = [HoldCard(HoldKind.PROMISE, NOW + timedelta(days=4), date(2026, 11, 27))]
    digest = compose(shelf.book, MOMENT)
    assert [(row.number, row.words) for row in digest.quiet] == [("A-2", "promised for 27 Nov 2026")]
    assert digest.totals[0].net == 100
    assert digest.reasons == {str(held.id): "promised for 27 Nov 2026"}
    assert digest.lines[-1].kind == LineKind.ON_HOLD


def test_credits_are_shown_and_lower_the_sum_of_their_currency() -> None:
    """[A9 C2 facts-12] And a credit in a currency nobody asks for lowers nothing."""
    shelf = Shelf()
    shelf.owes("Acme", "A-1", 1000, due=YESTERDAY)
    shelf.credit("Acme", "CN-1", 300)
    shelf.credit("Acme", "CN-2", 500, currency="EUR")
    digest = compose(shelf.book, MOMENT)
    assert [(credit.number, credit.minor) for credit in digest.sections[0].credits] == [("CN-1", 300)]
    assert (digest.totals[0].overdue, digest.totals[0].credit, digest.totals[0].net) == (1000, 300, 700)
    assert len(digest.totals) == 1


def test_a_vendor_whose_credits_cover_everything_asks_for_nothing() -> None:
    """[A9 D6] Its lines rest, and alone they are no reason for a mail."""
    shelf = Shelf()
    shelf.owes("Acme", "A-1", 1000, due=YESTERDAY)
    shelf.credit("Acme", "CN-1", 1000)
    digest = compose(shelf.book, MOMENT)
    assert not digest.sections
    assert not digest.is_worth_sending
    assert digest.quiet[0].words == "covered by your credit with the supplier"


def test_instalments_ask_for_the_next_one_and_tell_of_the_rest() -> None:
    """[A10 C3] The amount is that of the open instalment."""
    shelf = Shelf()
    shelf.owes("Acme", "A-1", 1000, due=YESTERDAY, total_minor=3000, balance_minor=2000)
    row = compose(shelf.book, MOMENT).sections[0].rows[0]
    assert (row.amount_minor, row.original_minor, row.rest_minor) == (1000, 3000, 1000)


def test_an_unproven_vendor_is_a_name_and_a_count() -> None:
    """[B8 inv-A1] No amounts, no lines, until the mailbox says yes."""
    shelf = Shelf()
    shelf.vendor("Stranger", is_known=False, trust=Trust.NEW)
    for number in ("S-1", "S-2"):
        shelf.owes("Stranger", number, 100, due=YESTERDAY)
    digest = compose(shelf.book, MOMENT)
    assert not digest.sections
    assert not digest.totals
    assert [(new.name, new.count, new.line) for new in digest.introductions] == [("Stranger", 2, 1)]
    assert [(line.kind, line.number, line.amount_minor, line.invoice_id) for line in digest.lines] == [
        (LineKind.INTRODUCED, "", 0, None)
    ]
    assert digest.is_worth_sending


def test_an_unproven_vendor_brings_no_second_mail_by_itself() -> None:
    """[D6 inv-A1] It was mentioned once; silence is an answer too."""
    shelf = Shelf()
    shelf.vendor("Stranger", trust=Trust.NEW)
    shelf.owes("Stranger", "S-1", 100, due=YESTERDAY)
    assert not compose(shelf.book, MOMENT).is_worth_sending


@pytest.mark.parametrize(
    ("facts", "is_worth"),
    [
        ({}, False),  # known, due later: nothing to say
        ({"created_at": NOW - timedelta(days=1)}, True),
        ({"issued_on": TODAY - timedelta(days=4)}, True),  # too young to be mentioned last time
    ],
)
def test_a_mail_needs_something_due_or_something_new(facts: dict[str, Any], is_worth: bool) -> None:
    """[D6 C6] A later line is news once."""
    shelf = Shelf()
    shelf.book.last_mail_at = NOW - timedelta(days=3)
    shelf.owes("Acme", "A-1", 100, due=NEXT_YEAR, **facts)
    assert compose(shelf.book, MOMENT).is_worth_sending is is_worth


def test_an_empty_book_is_not_worth_a_mail() -> None:
    """[D6] Nothing to say, no mail."""
    digest = compose(Shelf().book, MOMENT)
    assert not digest.is_worth_sending
    assert digest.lines == ()


def test_lines_say_what_has_changed_since_the_last_mail() -> None:
    """[C6] New, another amount, another date, answered, settled."""
    shelf = Shelf()
    shelf.book.last_mail_at = NOW - timedelta(days=7)
    fresh = shelf.owes("Acme", "A-1", 100, due=YESTERDAY, created_at=NOW - timedelta(days=3))
    changed = shelf.owes("Acme", "A-2", 100, due=YESTERDAY)
    asked = shelf.owes("Acme", "A-3", 100, due=YESTERDAY)
    before = Before(changed.id, 150, TODAY - timedelta(days=9), "USD", "A-2", "Acme", "open")
    paid = Before(fresh.vendor_id, 700, None, "USD", "A-0", "Acme", "paid")
    gone = Before(changed.vendor_id, 700, None, "USD", "A-9", "Acme", "void")
    shelf.book.before = {each.invoice_id: each for each in (before, paid, gone)}
    shelf.book.before[paid.invoice_id] = paid
    shelf.book.talks[asked.id] = Talk(NOW - timedelta(days=3), is_vendors=True)
    first, second, third = compose(shelf.book, MOMENT).sections[0].rows
    assert (first.is_new, first.was_minor, first.is_answered) == (True, None, False)
    assert (second.is_new, second.was_minor, second.was_on) == (False, 150, TODAY - timedelta(days=9))
    assert (third.is_answered, third.is_new) == (True, False)


def test_it_thanks_for_what_was_settled_since_the_last_mail() -> None:
    """[C6] Only what was paid: a void invoice is nobody's merit."""
    shelf = Shelf()
    shelf.book.last_mail_at = NOW - timedelta(days=7)
    shelf.owes("Acme", "A-1", 100, due=YESTERDAY)
    for number, state in (("A-8", "paid"), ("A-9", "void")):
        item = shelf.owes("Acme", number, 100, due=YESTERDAY)
        shelf.book.items.remove(item)
        shelf.book.before[item.id] = Before(item.id, 100, None, "USD", number, "Acme", state)
    assert [each.number for each in compose(shelf.book, MOMENT).settled] == ["A-8"]


def test_late_data_says_of_when_it_is() -> None:
    """[D7 D9 inv-S3] Only late data: a time on every vendor would be noise."""
    shelf = Shelf()
    shelf.vendor("Acme", as_of=NOW - timedelta(hours=30))
    shelf.owes("Acme", "A-1", 100, due=YESTERDAY)
    shelf.owes("Birch", "B-1", 100, due=YESTERDAY)
    acme, birch = compose(shelf.book, MOMENT).sections
    assert acme.as_of == NOW - timedelta(hours=30)
    assert birch.as_of is None


def test_a_verified_vendors_first_lines_are_marked_new() -> None:
    """[B8 inv-A1] Full lines, and a mark."""
    shelf = Shelf()
    shelf.vendor("Newcomer", is_known=False)
    shelf.owes("Newcomer", "N-1", 100, due=YESTERDAY)
    shelf.owes("Acme", "A-1", 100, due=YESTERDAY)
    assert {section.name: section.is_new for section in compose(shelf.book, MOMENT).sections} == {
        "Newcomer": True,
        "Acme": False,
    }


def crowd(vendors: int, rows: int) -> Shelf:
    shelf = Shelf()
    currencies = ("USD", "EUR", "JPY", "KWD")
    for vendor in range(vendors):
        for row in range(rows):
            name, currency = f"Vendor {vendor:02}", currencies[(vendor + row) % 4]
            due = TODAY - timedelta(days=(vendor * 7 + row * 3) % 90) + timedelta(days=5)
            shelf.owes(name, f"V{vendor}-{row}", 1000 + vendor * row, due=due, currency=currency)
    return shelf


def test_forty_vendors_with_ten_lines_are_one_mail_with_exact_sums() -> None:
    """[C1 C7 inv-M2] The most urgent lines of all; the rest counted and summed to the minor unit."""
    digest = compose(crowd(40, 10).book, MOMENT)
    shown = [row for section in digest.sections for row in section.rows]
    assert len(shown) == MOMENT.limits.rows_per_mail
    assert digest.count == len(digest.lines) == 400
    assert_sums_are_exact(digest)
    worst = max(row.due_on for row in shown if row.due_on)
    kept_out = [line.due_on for line in digest.lines if not line.is_shown and line.due_on]
    assert min(kept_out) >= worst - timedelta(days=0)


def test_no_vendor_fills_the_mail_alone() -> None:
    """[C5 C7] A section has its own cap, and says how many more there are."""
    shelf = Shelf()
    for number in range(30):
        shelf.owes("Acme", f"A-{number:02}", 100, due=TODAY - timedelta(days=90 - number))
    shelf.owes("Birch", "B-1", 100, due=YESTERDAY)
    acme, birch = compose(shelf.book, MOMENT).sections
    assert len(acme.rows) == MOMENT.limits.rows_per_section
    assert acme.hidden
    assert (acme.hidden.count, acme.hidden.sums) == (18, (("USD", 1800),))
    assert len(birch.rows) == 1


def test_fewer_rows_come_down_to_one() -> None:
    """[C7 inv-S12] However small the mail must be, the caps get there."""
    limits = Limits()
    for _ in range(20):
        limits = with_fewer_rows(limits)
    assert (limits.rows_per_mail, limits.rows_per_section) == (1, 1)


def assert_sums_are_exact(digest: Digest) -> None:
    """Grand totals are the frozen lines, and what is shown plus what is summed up is all of it."""
    signs = {LineKind.DUE: 1, LineKind.LATER: 1, LineKind.CREDIT: -1}
    lines = added((line.currency, signs.get(line.kind, 0) * line.amount_minor) for line in digest.lines)
    assert {total.currency: total.net for total in digest.totals} == lines
    for total in digest.totals:
        assert total.net == total.overdue + total.soon + total.later - total.credit
    told = [pair for section in digest.sections for pair in told_by(section)]
    assert added([*told, *(digest.hidden.sums if digest.hidden else ())]) == lines


def told_by(section: Section) -> Iterator[tuple[str, int]]:
    yield from ((row.currency, row.amount_minor) for row in section.rows)
    yield from section.hidden.sums if section.hidden else ()
    yield from section.later.sums if section.later else ()
    yield from ((credit.currency, -credit.minor) for credit in section.credits)


def added(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for currency, minor in pairs:
        sums[currency] += minor
    return {currency: minor for currency, minor in sums.items() if minor}


owed = st.tuples(
    st.integers(0, 5),  # vendor
    st.integers(1, 10**12),
    st.sampled_from(["USD", "EUR", "JPY", "KWD", "CLF"]),
    st.one_of(st.none(), st.integers(-400, 90)),  # days until due
    st.sampled_from(["", "", "", "hold", "young", "paid"]),
)


@given(
    rows=st.lists(owed, max_size=60),
    paid_ahead=st.lists(
        st.tuples(st.integers(0, 5), st.integers(1, 10**12), st.sampled_from(["USD", "EUR"])), max_size=8
    ),
    caps=st.tuples(st.integers(1, 12), st.integers(1, 6)),
    strangers=st.sets(st.integers(0, 5)),
)
def test_sums_equal_their_lines_whatever_is_owed(
    rows: list[Any], paid_ahead: list[Any], caps: tuple[int, int], strangers: set[int]
) -> None:
    """[C2 C7 A9 inv-M1 inv-M2] To the minor unit, within a currency, with any caps."""
    shelf = Shelf()
    for vendor in strangers:
        shelf.vendor(f"Vendor {vendor}", trust=Trust.NEW)
    for number, (vendor, minor, currency, days, case) in enumerate(rows):
        due = None if days is None else TODAY + timedelta(days=days)
        cases: dict[str, dict[str, Any]] = {"young": {"issued_on": TODAY}, "paid": {"state": "paid"}}
        item = shelf.owes(f"Vendor {vendor}", f"N-{number}", minor, due=due, currency=currency, **cases.get(case, {}))
        if case == "hold":
            shelf.book.holds[item.id] = [HoldCard(HoldKind.DISPUTE, NOW + timedelta(days=1), None)]
    for number, (vendor, minor, currency) in enumerate(paid_ahead):
        shelf.credit(f"Vendor {vendor}", f"CN-{number}", minor, currency)
    limits = Limits(rows_per_mail=caps[0], rows_per_section=caps[1])
    digest = compose(shelf.book, Moment(NOW, "Europe/Berlin", TODAY + timedelta(days=7), limits))
    assert_sums_are_exact(digest)
    assert all(total.net > 0 for section in digest.sections for total in section.totals)
    assert sum(len(section.rows) for section in digest.sections) <= caps[0]
    assert [line.line for line in digest.lines] == list(range(1, len(digest.lines) + 1))
    assert all(len(line.status) <= 120 for line in digest.lines)
    for section in digest.sections:
        assert all(one.due_on <= other.due_on for one, other in pairwise(section.rows) if one.due_on and other.due_on)


def test_an_introduction_that_is_named_like_a_vendor_one_knows_says_so() -> None:
    """[inv-A3 B8] Of vendors this mailbox knows only: others may be in the batch."""
    shelf = Shelf()
    shelf.owes("Northwind Paper", "N-1", 100, due=TODAY)
    shelf.vendor("Northvvind Paper", is_known=False, trust=Trust.NEW)
    shelf.owes("Northvvind Paper", "X-1", 100, due=TODAY)
    shelf.vendor("Northwind Papers", is_known=False)  # somebody else's
    (new,) = compose(shelf.book, MOMENT).introductions
    assert (new.name, new.unlike) == ("Northvvind Paper", ("Northwind Paper",))


def test_what_had_a_mail_of_its_own_is_no_news_in_the_digest() -> None:
    """[D21 003-1] Never at once and in the digest for the same event; it is still asked for."""
    shelf = Shelf()
    shelf.book.last_mail_at = NOW - timedelta(days=7)
    shelf.book.told_at_once = Money(50_000, "USD")
    for number, minor, currency in (("big", 50_000, "USD"), ("small", 49_999, "USD"), ("other", 50_000, "EUR")):
        shelf.owes("Acme", number, minor, due=TODAY, currency=currency, created_at=NOW - timedelta(days=1))
    [section] = compose(shelf.book, MOMENT).sections
    assert {row.number: row.is_new for row in section.rows} == {"big": False, "small": True, "other": True}
