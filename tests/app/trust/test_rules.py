"""The ladder, names that look alike, domains, and when a new destination of money counts."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models import Trust
from app.settings import Limits
from app.trust.rules import (
    AccountRefused,
    DomainRefused,
    Evidence,
    bank_account,
    belongs_to,
    company_domain,
    contacts_left,
    counts,
    counts_after,
    distance,
    is_reported_too_often,
    looks_like,
    newest_that_counts,
    skeletons,
    standing,
)
from tests.support.world import NOW

LIMITS = Limits()
ACME = Evidence("Acme", "Acme Ltd", ("Acme Limited",))


@pytest.mark.parametrize(
    ("seen", "trust"),
    [
        (ACME, Trust.NEW),
        (replace(ACME, domains=("acme.example",)), Trust.VERIFIED),
        (replace(ACME, is_approved=True), Trust.VERIFIED),
        (replace(ACME, companies=(), domains=("acme.example",), is_approved=True), Trust.NEW),
        (replace(ACME, companies=(), domains=("acme.example",), has_files=True), Trust.NEW),
        (replace(ACME, companies=(), is_approved=True, has_files=True), Trust.VERIFIED),
        (replace(ACME, companies=("Zenith",), domains=("acme.example",), is_approved=True), Trust.NEW),
        (replace(ACME, companies=("Zenith", "ACME"), domains=("acme.example",)), Trust.VERIFIED),
        (replace(ACME, name="Zenith", domains=("acme.example",)), Trust.NEW),
        (replace(ACME, name="Zenith", is_approved=True), Trust.VERIFIED),
        (replace(ACME, is_doubted=True, domains=("acme.example",)), Trust.NEW),
    ],
)
def test_books_and_a_domain_or_the_operator_make_a_vendor_verified(seen: Evidence, trust: Trust) -> None:
    """[A13] DESIGN section 2; a name unlike the legal one, or like somebody else's, takes the operator."""
    found = standing(seen)
    assert found.trust == trust
    assert found.reason


@given(
    st.builds(
        Evidence,
        st.sampled_from(["Acme", "Zenith"]),
        st.sampled_from(["Acme Ltd", ""]),
        st.lists(st.sampled_from(["Acme", "Zenith"]), max_size=2).map(tuple),
        st.lists(st.just("acme.example"), max_size=1).map(tuple),
        st.booleans(),
        st.booleans(),
    )
)
def test_nobody_is_verified_without_books_and_never_less_for_proving_more(seen: Evidence) -> None:
    """[A13 inv-A1]"""
    before = standing(seen).trust
    if not seen.companies or not (seen.domains or seen.is_approved):
        assert before == Trust.NEW
    for more in (replace(seen, domains=("acme.example",)), replace(seen, is_approved=True)):
        assert before == Trust.NEW or standing(more).trust == Trust.VERIFIED


@given(st.integers(0, 500), st.integers(0, 500))
def test_first_contacts_are_never_more_than_either_limit(today: int, week: int) -> None:
    """[inv-A2]"""
    left = contacts_left(today, max(week, today), LIMITS)
    assert left == 0 or (today + left <= 25 and max(week, today) + left <= 100)


@given(st.integers(0, 1000), st.integers(1, 100_000))
def test_three_reports_at_two_percent_freeze(reporters: int, reached: int) -> None:
    """[inv-A2]"""
    assert is_reported_too_often(reporters, reached, LIMITS) is (reporters >= 3 and reporters / reached >= 0.02)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme Ltd", "ACME GmbH"),
        ("Аcme", "Acme"),  # Cyrillic A
        ("ѕсоре", "Scope"),  # all of it Cyrillic
        ("PayPaI", "PayPal"),
        ("G00gle", "Google"),
        ("Acrne", "Acme"),
        ("Northvvind Paper", "Northwind Paper"),
        ("Société Générale", "Societe Generale"),
        ("Smyth Plumbing", "Smith Plumbing"),
        ("Norhtwind Paper", "Northwind Paper"),
    ],
)
def test_names_that_could_be_taken_for_each_other_look_alike(one: str, other: str) -> None:
    """[inv-A3]"""
    assert looks_like(one, other)
    assert looks_like(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Acme", "Birch"), ("Cobalt", "Cobalt Paints"), ("Sun", "Son"), ("Apex", "Apax"), ("Maple", "Staple")],
)
def test_names_of_their_own_do_not_look_alike(one: str, other: str) -> None:
    """[inv-A3] Short names have no room for slips."""
    assert not looks_like(one, other)


@given(st.text(max_size=30), st.text(max_size=30))
def test_looking_alike_is_total_mutual_and_true_of_oneself(one: str, other: str) -> None:
    """[inv-A3]"""
    assert looks_like(one, other) == looks_like(other, one)
    assert looks_like(one, one)
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) is (one == other)
    assert len(skeletons(one)) == 2


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("acme.example", "acme.example"),
        (" https://www.Acme.example/pay?x=1 ", "acme.example"),
        ("owner@acme.example", "acme.example"),
        ("bücher.de", "xn--bcher-kva.de"),
    ],
)
def test_a_domain_is_read_from_what_people_type(text: str, domain: str) -> None:
    """[A13]"""
    assert company_domain(text) == domain


@pytest.mark.parametrize(
    "text", ["", "acme", "gmail.com", "me@mail.gmail.com", "web.de", "127.0.0.1", "a b.example", "[::1]", "x" * 300]
)
def test_a_domain_that_anybody_can_have_proves_nothing(text: str) -> None:
    """[A13]"""
    with pytest.raises(DomainRefused):
        company_domain(text)


@given(st.text(max_size=60))
def test_reading_a_domain_never_breaks(text: str) -> None:
    """[A13]"""
    try:
        found = company_domain(text)
    except DomainRefused:
        return
    assert company_domain(found) == found
    assert belongs_to(f"pay.{found}", [found])
    assert not belongs_to(f"not{found}", [found])


# --- where money goes -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Payee:
    frozen_until: datetime | None = None
    counts_from: datetime | None = None
    refused_at: datetime | None = None


def test_a_change_counts_after_its_freeze_and_its_approval_whichever_is_later() -> None:
    """[B10 inv-L7]"""
    end = NOW + timedelta(hours=72)
    assert counts_after(end, NOW) == end
    assert counts_after(end, end + timedelta(hours=1)) == end + timedelta(hours=1)
    assert not counts(Payee(frozen_until=end), end + timedelta(days=365))
    assert not counts(Payee(end, end), end - timedelta(seconds=1))
    assert counts(Payee(end, end), end)
    assert not counts(Payee(end, end, refused_at=NOW), end)


def test_the_old_account_is_shown_until_the_new_one_counts() -> None:
    """[B10] And again when the new one is refused."""
    old, new = Payee(counts_from=NOW), Payee(NOW + timedelta(hours=72), NOW + timedelta(hours=72))
    assert newest_that_counts([new, old], NOW + timedelta(hours=71)) is old
    assert newest_that_counts([new, old], NOW + timedelta(hours=72)) is new
    assert newest_that_counts([replace(new, refused_at=NOW), old], NOW + timedelta(days=9)) is old
    assert newest_that_counts([], NOW) is None


def test_bank_details_are_checked_by_their_check_digits() -> None:
    """[B10 E6]"""
    assert bank_account("Acme", "gb82 west 1234 5698 7654 32", "").iban == "GB82WEST12345698765432"
    assert bank_account("Acme", "0001234567", "021000021").routing == "021000021"
    for number, routing in [
        ("GB82WEST12345698765433", ""),
        ("GB82WEST12345698765432", "NOBIC"),
        ("12345678", ""),
        ("12345678", "021000022"),
        ("", "021000021"),
        ("<b>", "021000021"),
    ]:
        with pytest.raises(AccountRefused):
            bank_account("Acme", number, routing)


@given(st.text(max_size=40), st.text(max_size=20))
def test_reading_an_account_never_breaks(number: str, routing: str) -> None:
    """[B10]"""
    try:
        found = bank_account("Acme", number, routing)
    except AccountRefused:
        return
    assert bool(found.iban) != bool(found.account)
    assert len(found.iban or found.account) <= 34
    assert len(found.routing) <= 11
