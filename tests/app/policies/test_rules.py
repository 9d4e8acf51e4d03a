"""Segments, stages and tones; and the ladder: what a policy may do to an invoice, and what it may not."""

import json
import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models import ConnectionState, HoldKind, InvoiceState, LateRisk, Trust
from app.policies.rules import TONES, Customer, Segment, Stage, Terms, Tone, Treatment, policy_of, treatment
from app.receivables.rules import Case, Reason, Standing, Verdict, eligibility, judge
from app.settings import Limits
from app.words import LANGUAGES, _, speaking
from digest.book import HoldCard, Item, RelationCard, Source, VendorCard
from tests.digest.books import NOW, TODAY, key
from tests.support.policies import TERMS

LIMITS = Limits()
DAY = timedelta(days=1)
CALM = Terms((Stage(-3, Tone.AHEAD), Stage(1, Tone.GENTLE), Stage(15, Tone.PLAN)))


def treated(terms: Terms = CALM, *, never: bool = False, risk: str = LateRisk.UNKNOWN) -> Treatment:
    return treatment(json.dumps(terms.stored()), never, risk)


def item(due_on: date | None, minor: int = 5000, currency: str = "EUR") -> Item:
    issued_on = (due_on or TODAY) - timedelta(days=90)
    return Item(
        key("an invoice"), key("Acme"), key("books"), "A-1", "", issued_on, due_on, currency, minor, minor, minor,
        is_autopay=False, can_pay_online=True,
    )  # fmt: skip


STANDING = Standing(
    VendorCard(key("Acme"), "Acme", "", Trust.VERIFIED, NOW - 90 * DAY),
    None,
    Source(key("books"), ConnectionState.ACTIVE, NOW),
    NOW,
    LIMITS,
    next_on=TODAY + 7 * DAY,
)


def found(case: Case, standing: Standing = STANDING, net_minor: int | None = None) -> tuple[Verdict, Reason, str]:
    word = eligibility(case, standing, TODAY, net_minor)
    return word.verdict, word.reason, word.words


# --- the ladder -----------------------------------------------------------------------------------------------------

TREATMENTS = st.builds(
    lambda terms, never, risk: treated(terms, never=never, risk=risk), TERMS, st.booleans(), st.sampled_from(LateRisk)
)
WHEN = st.none() | st.just(NOW - 30 * DAY)
HOLDS = st.builds(HoldCard, st.sampled_from(HoldKind), st.sampled_from([NOW - DAY, NOW + DAY]), st.none())
STANDINGS = st.builds(
    lambda vendor, relation, source, next_on, is_stopped, most: replace(
        STANDING,
        vendor=vendor,
        relation=relation,
        source=source,
        next_on=next_on,
        is_stopped=is_stopped,
        most_mentions=most,
    ),
    st.builds(VendorCard, st.just(key("Acme")), st.just("Acme"), st.just(""), st.sampled_from(Trust), WHEN),
    st.none() | st.builds(RelationCard, WHEN, WHEN, WHEN),
    st.builds(Source, st.just(key("books")), st.sampled_from(ConnectionState), st.sampled_from([NOW, NOW - 9 * DAY])),
    st.none() | st.integers(1, 40).map(lambda days: TODAY + timedelta(days=days)),
    st.booleans(),
    st.none() | st.integers(1, 9),
)
CASES = st.builds(
    lambda due, minor, state, holds, touched, mentions: Case(
        item(due, minor)._replace(state=state), holds, touched, mentions, NOW - 5 * DAY if mentions else None
    ),
    st.none() | st.integers(-200, 200).map(lambda days: TODAY + timedelta(days=days)),
    st.integers(0, 10**6),
    st.sampled_from(InvoiceState),
    st.lists(HOLDS, max_size=2),
    st.none() | st.sampled_from([NOW - DAY, NOW - 9 * DAY]),
    st.integers(0, 14),
)
_ABOVE = {  # the operator, the customer, the books: whatever a vendor wants, these are said
    Reason.NOT_OPEN, Reason.SUSPENDED, Reason.STOPPED, Reason.BLOCKED, Reason.MUTED, Reason.NOT_LIVE,
    Reason.DISCONNECTED, Reason.STALE, Reason.PROMISED, Reason.DISPUTED, Reason.SAID_PAID, Reason.PAYING,
    Reason.VENDOR_HOLD, Reason.NOT_MINE, Reason.IN_TALK, Reason.JUST_ISSUED, Reason.BEFORE_START,
}  # fmt: skip


@given(CASES, STANDINGS, TREATMENTS, st.none() | st.integers(-100, 10**6))
def test_a_policy_only_takes_away(case: Case, standing: Standing, policy: Treatment, net: int | None) -> None:
    """[J1 J3 inv-S10] Operator limits, then the customer's choice, then the vendor's policy: it never brings into a
    mail what they keep out, nor does it hide their reason; and whatever it keeps back it says why."""
    before, after = (
        eligibility(case, standing, TODAY, net),
        eligibility(case._replace(policy=policy), standing, TODAY, net),
    )
    assert after.verdict == before.verdict or (before.verdict, after.verdict) == (Verdict.SEND, Verdict.HOLD)
    assert after.words
    if before.reason in _ABOVE:
        assert after == before
    if policy.never_reminds:
        assert after.verdict != Verdict.SEND


@given(TREATMENTS, st.integers(-120, 200), st.integers(1, 40))
def test_once_mentioned_it_stays_mentioned(policy: Treatment, days: int, ahead: int) -> None:
    """[J5 J6] Between the first day and the caps there is no gap; and the day before a first day that is known."""
    due_on = TODAY + timedelta(days=days)
    standing = replace(STANDING, next_on=TODAY + timedelta(days=ahead))
    today = eligibility(Case(item(due_on), policy=policy), standing, TODAY)
    if today.verdict == Verdict.SEND:
        older = Case(item(due_on - DAY), policy=policy)
        assert eligibility(older, standing, TODAY).verdict == Verdict.SEND
    elif today.reason == Reason.NOT_YET:
        assert today.until is not None
        assert today.until > TODAY


def test_nothing_is_said_before_the_first_stage_and_the_day_is_named() -> None:
    """[J1 J5 001-8 003-10] Before due, due, late: the vendor's days, the customer's mail."""
    policy = treated()
    assert found(Case(item(TODAY + 20 * DAY), policy=policy)) == (
        Verdict.HOLD, Reason.NOT_YET, "not mentioned before 11 Dec 2026",
    )  # fmt: skip
    for days in (3, 0, -1, -90):
        assert found(Case(item(TODAY + days * DAY), policy=policy))[0] == Verdict.SEND


def test_a_mail_comes_early_where_the_next_one_would_be_too_late() -> None:
    """[J5 D1 003-11] "Three days before" meets a weekly rhythm: the word still comes before the due date. A first day
    after it is kept to."""
    due_on = TODAY + 6 * DAY
    assert found(Case(item(due_on), policy=treated()))[0] == Verdict.SEND
    assert found(Case(item(due_on), policy=treated()), replace(STANDING, next_on=due_on))[1] == Reason.NOT_YET
    patient = treated(Terms((Stage(5, Tone.GENTLE),)))
    assert found(Case(item(TODAY - DAY), policy=patient))[1] == Reason.NOT_YET
    assert found(Case(item(TODAY - 5 * DAY), policy=patient))[0] == Verdict.SEND


def test_a_customer_who_is_left_alone_is_told_so() -> None:
    """[J3 000-6] By its segment or by itself."""
    for policy in (treated(Terms(never_reminds=True)), treated(Terms(), never=True)):
        assert found(Case(item(TODAY - 9 * DAY), policy=policy)) == (
            Verdict.HOLD, Reason.EXCLUDED, "the supplier sends you no reminders",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("sums", "credit", "reasons"),
    [
        ([1999], 0, ["too_small"]),
        ([2000], 0, ["overdue"]),
        ([1000, 999], 0, ["too_small", "too_small"]),
        ([1000, 1000], 0, ["overdue", "overdue"]),
        ([2500], 501, ["too_small"]),
        ([2500], 500, ["overdue"]),
        ([2500], 2500, ["covered"]),
    ],
)
def test_what_is_less_than_the_vendor_asks_for_waits(sums: list[int], credit: int, reasons: list[str]) -> None:
    """[J4 A9 002-13] The mode "only when more than X is due": all a customer owes in a currency, less credit."""
    policy = treated(Terms(least={"EUR": 2000}))
    cases = [(Case(item(TODAY - 9 * DAY, minor), policy=policy), STANDING) for minor in sums]
    cases.append((Case(item(TODAY - 9 * DAY, 1, "USD"), policy=policy), STANDING))
    words = judge(cases, TODAY, {"EUR": credit} if credit else {})
    assert [word.reason for word in words] == [*reasons, "overdue"]
    if reasons[0] == "too_small":
        assert words[0].words == "the supplier asks from EUR 20.00 on"


def test_who_is_likely_to_pay_late_reads_of_it_earlier() -> None:
    """[J6 003-13] Listed by itself, with an offer, and from an earlier day; nobody else is."""
    terms = replace(CALM, earlier_days=10)
    due_on = TODAY + 12 * DAY
    assert found(Case(item(due_on), policy=treated(terms)))[1] == Reason.NOT_YET
    risky = treated(terms, risk=LateRisk.HIGH)
    assert found(Case(item(due_on), policy=risky))[1] == Reason.SOON
    assert risky.tone(due_on, TODAY) == Tone.OFFER
    assert risky.tone(due_on, due_on - 3 * DAY) == Tone.AHEAD


# --- tone -----------------------------------------------------------------------------------------------------------


@given(TREATMENTS, st.integers(-200, 300))
def test_words_are_only_said_while_they_are_true(policy: Treatment, day: int) -> None:
    """[J5 001-3] A word ahead of time is never said of what is late."""
    said = TONES[policy.tone(TODAY, TODAY + timedelta(days=day))]
    assert said.from_day <= day <= said.to_day


def test_each_stage_has_its_own_words() -> None:
    """[J5 001-8]"""
    policy, due_on = treated(), TODAY
    tones = [policy.tone(due_on, due_on + timedelta(days=day)) for day in (-3, 0, 1, 14, 15, 99)]
    assert tones == [Tone.AHEAD, Tone.PLAIN, Tone.GENTLE, Tone.GENTLE, Tone.PLAN, Tone.PLAN]
    assert policy.tone(None, TODAY) == Tone.PLAIN


_THREATS = {
    "en": r"legal|court|lawyer|attorney|collect|bailiff|final|last warning|penalt|consequen|immediate|at once|demand"
    r"|enforce|\bsue\b|suspend|cut off|debt|default|\bmust\b",
    "de": r"anwalt|gericht|inkasso|mahnung|sofort|zwang|vollstreck|konsequenz|strafe|letzte|umgehend|verzug|müssen",
    "fr": r"huissier|tribunal|avocat|demeure|recouvrement|immédiat|pénalit|poursui|dernier|sanction|devez|judiciaire",
    "es": r"abogado|tribunal|juicio|embargo|requerimiento|inmediat|penaliz|último|judicial|deudor|debe\b",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_of_a_stage_threatens(language: str) -> None:
    """[J5 003-11] Written once, reviewed, and held against a list in each language."""
    threats = re.compile(_THREATS[language], re.IGNORECASE)
    with speaking(language):
        words = [_(said.words) for said in TONES.values() if said.words]
    assert len(set(words)) == len(words)
    assert [sentence for sentence in words if threats.search(sentence)] == []


# --- segments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("segment", "customer"),
    [
        (Segment(countries=("DE", "FR")), Customer(country="FR")),
        (Segment(sizes=("large",)), Customer(size="large")),
        (Segment(industries=("Mining",)), Customer(industry="mining")),
        (Segment(products=("paint",)), Customer(about="blue paint\nbrushes")),
        (Segment(tags=("vip", "north")), Customer(tags=frozenset({"north", "old"}))),
        (Segment(risks=("high",)), Customer(risk="high")),
        (Segment(currencies=("EUR",)), Customer(balances={"EUR": 1})),
        (Segment(terms_from=30, terms_to=60), Customer(terms=30)),
        (Segment(balance_from=100, balance_currency="EUR"), Customer(balances={"EUR": 100})),
        (Segment(balance_to=100, balance_currency="EUR"), Customer(balances={"EUR": 100})),
    ],
)
def test_a_segment_has_whom_it_describes(segment: Segment, customer: Customer) -> None:
    """[J2 002-10] Each by itself, and nobody of whom nothing is known but that he owes nothing."""
    assert segment.has(customer)
    assert segment.has(Customer()) == (segment.balance_to is not None)
    both = replace(segment, countries=("US",))
    assert not both.has(customer)


def test_the_first_segment_that_fits_decides() -> None:
    """[J1 J2] None means the vendor's default."""
    policies = [(key("one"), Segment(countries=("DE",))), (key("two"), Segment(tags=("vip",)))]
    both = Customer(country="DE", tags=frozenset({"vip"}))
    assert policy_of(both, policies) == key("one")
    assert policy_of(replace(both, country="FR"), policies) == key("two")
    assert policy_of(Customer(), policies) is None
