"""Send, hold or leave out: the one function everybody asks."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.models import ConnectionState, HoldKind, InvoiceState, Outcome, Trust
from app.receivables.rules import (
    Case,
    Reason,
    Standing,
    Verdict,
    eligibility,
    is_aging,
    judge,
    mailbox_verdict,
)
from app.settings import Limits

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
LIMITS = Limits()


@dataclass(frozen=True)
class AnInvoice:
    state: str = InvoiceState.OPEN
    currency: str = "USD"
    balance_minor: int = 10000
    due_minor: int = 10000
    issued_on: date | None = date(2026, 10, 1)
    due_on: date | None = date(2026, 11, 9)
    is_autopay: bool = False
    awaited_on: date | None = None
    charge_failed_at: datetime | None = None
    included_at: datetime | None = None


@dataclass(frozen=True)
class AVendor:
    trust: str = Trust.VERIFIED
    live_at: datetime | None = NOW - timedelta(days=9)
    chase_from: date | None = None


@dataclass(frozen=True)
class ARelation:
    accepted_at: datetime | None = None
    muted_at: datetime | None = None
    blocked_at: datetime | None = None


@dataclass(frozen=True)
class ASource:
    state: str = ConnectionState.ACTIVE
    as_of: datetime | None = NOW - timedelta(minutes=5)
    files_since: datetime | None = None


@dataclass(frozen=True)
class AHold:
    kind: str = HoldKind.DISPUTE
    ends_at: datetime = NOW + timedelta(days=5)
    ended_at: datetime | None = None
    promised_on: date | None = None
    is_hidden: bool = False
    amount_minor: int | None = None
    result: str | None = None


@dataclass(frozen=True)
class AMailbox:
    suppressed_at: datetime | None = None
    suppressed_reason: str = ""
    reminders_off_at: datetime | None = None
    paused_until: datetime | None = None
    last_digest_at: datetime | None = None
    most_digests: int | None = None


@dataclass(frozen=True)
class Asked:
    """A situation, ordinary unless said otherwise."""

    invoice: AnInvoice = field(default_factory=AnInvoice)
    vendor: AVendor = field(default_factory=AVendor)
    relation: ARelation | None = None
    source: ASource = field(default_factory=ASource)
    holds: tuple[AHold, ...] = ()
    touched_at: datetime | None = None
    is_stopped: bool = False
    net_minor: int | None = None
    said: tuple[int, datetime] | tuple[()] = ()
    most_mentions: int | None = None

    def but(self, **facts: Any) -> "Asked":
        return replace(self, **facts)


def found(asked: Asked) -> Any:
    standing = Standing(
        asked.vendor,
        asked.relation,
        asked.source,
        NOW,
        LIMITS,
        is_stopped=asked.is_stopped,
        most_mentions=asked.most_mentions,
    )
    return eligibility(
        Case(asked.invoice, asked.holds, asked.touched_at, *asked.said), standing, TODAY, asked.net_minor
    )


BLOCKED, MUTED = ARelation(blocked_at=NOW), ARelation(muted_at=NOW)

TABLE = [
    (Asked(), Verdict.SEND, Reason.OVERDUE, "14 days late", False),
    (Asked(AnInvoice(due_on=date(2026, 11, 22))), Verdict.SEND, Reason.OVERDUE, "1 day late", False),
    (Asked(AnInvoice(due_on=TODAY)), Verdict.SEND, Reason.SOON, "due today", False),
    (Asked(AnInvoice(due_on=date(2026, 11, 24))), Verdict.SEND, Reason.SOON, "due tomorrow", False),
    (Asked(AnInvoice(due_on=date(2026, 11, 30))), Verdict.SEND, Reason.SOON, "due in 7 days", False),
    (Asked(AnInvoice(due_on=date(2026, 12, 1))), Verdict.SEND, Reason.LATER, "due in 8 days", False),
    (Asked(AnInvoice(due_on=None)), Verdict.SEND, Reason.LATER, "no due date", False),
    (Asked(AnInvoice(state=InvoiceState.PAID)), Verdict.LEAVE_OUT, Reason.NOT_OPEN, "no longer open", False),
    (Asked(AnInvoice(state=InvoiceState.TWIN)), Verdict.LEAVE_OUT, Reason.NOT_OPEN, "no longer open", False),
    (Asked(AnInvoice(state=InvoiceState.VOID)), Verdict.LEAVE_OUT, Reason.NOT_OPEN, "no longer open", False),
    (
        Asked(vendor=AVendor(Trust.SUSPENDED)),
        Verdict.LEAVE_OUT,
        Reason.SUSPENDED,
        "the supplier is suspended",
        False,
    ),
    (
        Asked(is_stopped=True),
        Verdict.LEAVE_OUT,
        Reason.STOPPED,
        "sending for this supplier is stopped by the operator",
        False,
    ),
    (Asked(relation=BLOCKED), Verdict.LEAVE_OUT, Reason.BLOCKED, "the supplier is blocked here", False),
    (Asked(relation=MUTED), Verdict.LEAVE_OUT, Reason.MUTED, "the supplier is muted here", False),
    (
        Asked(vendor=AVendor(live_at=None)),
        Verdict.LEAVE_OUT,
        Reason.NOT_LIVE,
        "the supplier has not gone live yet",
        False,
    ),
    (
        Asked(source=ASource(ConnectionState.DISCONNECTED)),
        Verdict.LEAVE_OUT,
        Reason.DISCONNECTED,
        "the supplier's books are not connected",
        False,
    ),
    (
        Asked(source=ASource(as_of=None)),
        Verdict.LEAVE_OUT,
        Reason.STALE,
        "the supplier's books have not been read yet",
        False,
    ),
    (
        Asked(source=ASource(as_of=NOW - timedelta(days=15), files_since=NOW)),
        Verdict.LEAVE_OUT,
        Reason.STALE,
        "the supplier's books were last read on 8 Nov 2026",
        False,
    ),
    (
        Asked(source=ASource(as_of=NOW - timedelta(days=13), files_since=NOW)),
        Verdict.SEND,
        Reason.OVERDUE,
        "14 days late",
        False,
    ),
    (
        Asked(source=ASource(as_of=NOW - timedelta(hours=73))),
        Verdict.LEAVE_OUT,
        Reason.STALE,
        "the supplier's books were last read on 20 Nov 2026",
        False,
    ),
    (Asked(holds=(AHold(),)), Verdict.HOLD, Reason.DISPUTED, "disputed", True),
    (
        Asked(holds=(AHold(HoldKind.PROMISE, promised_on=date(2026, 11, 27)),)),
        Verdict.HOLD,
        Reason.PROMISED,
        "promised for 27 Nov 2026",
        True,
    ),
    (
        Asked(holds=(AHold(HoldKind.ALREADY_PAID),)),
        Verdict.HOLD,
        Reason.SAID_PAID,
        "said to be paid, the supplier is looking",
        True,
    ),
    (Asked(holds=(AHold(HoldKind.PAYING),)), Verdict.HOLD, Reason.PAYING, "payment in progress", True),
    (Asked(holds=(AHold(HoldKind.VENDOR),)), Verdict.HOLD, Reason.VENDOR_HOLD, "on hold by the supplier", True),
    (Asked(holds=(AHold(ends_at=NOW),)), Verdict.SEND, Reason.OVERDUE, "14 days late", False),
    (Asked(holds=(AHold(ended_at=NOW),)), Verdict.SEND, Reason.OVERDUE, "14 days late", False),
    (Asked(AnInvoice(is_autopay=True)), Verdict.HOLD, Reason.AUTOPAY, "collected automatically", True),
    (Asked(AnInvoice(is_autopay=True, charge_failed_at=NOW)), Verdict.SEND, Reason.OVERDUE, "14 days late", False),
    (
        Asked(AnInvoice(awaited_on=TODAY)),
        Verdict.HOLD,
        Reason.AWAITED,
        "a payment is expected by 23 Nov 2026",
        True,
    ),
    (Asked(AnInvoice(awaited_on=date(2026, 11, 22))), Verdict.SEND, Reason.OVERDUE, "14 days late", False),
    (
        Asked(holds=(AHold(HoldKind.UNCLEAR),)),
        Verdict.HOLD,
        Reason.UNCLEAR,
        "the supplier's own books differ about it, the supplier is looking",
        True,
    ),
    (
        Asked(holds=(AHold(HoldKind.REVERSED),)),
        Verdict.HOLD,
        Reason.REVERSED,
        "what was paid is owed again; there is time to look at it",
        True,
    ),
    (
        Asked(AnInvoice(issued_on=date(2026, 11, 22))),
        Verdict.HOLD,
        Reason.JUST_ISSUED,
        "issued only on 22 Nov 2026",
        False,
    ),
    (Asked(AnInvoice(issued_on=date(2026, 11, 21))), Verdict.SEND, Reason.OVERDUE, "14 days late", False),
    (
        Asked(touched_at=NOW - timedelta(hours=47)),
        Verdict.HOLD,
        Reason.IN_TALK,
        "you are talking about it",
        True,
    ),
    (Asked(touched_at=NOW - timedelta(hours=48)), Verdict.SEND, Reason.OVERDUE, "14 days late", False),
    (
        Asked(holds=(AHold(HoldKind.VENDOR, is_hidden=True),)),
        Verdict.HOLD,
        Reason.VENDOR_HOLD,
        "not asked for at present",
        False,
    ),
    (
        Asked(vendor=AVendor(chase_from=date(2026, 11, 10))),
        Verdict.LEAVE_OUT,
        Reason.BEFORE_START,
        "due before 10 Nov 2026, from when on the supplier reminds",
        False,
    ),
    (Asked(vendor=AVendor(chase_from=date(2026, 11, 9))), Verdict.SEND, Reason.OVERDUE, "14 days late", False),
    (
        Asked(AnInvoice(included_at=NOW), AVendor(chase_from=date(2026, 11, 10))),
        Verdict.SEND,
        Reason.OVERDUE,
        "14 days late",
        False,
    ),
    (Asked(net_minor=0), Verdict.HOLD, Reason.COVERED, "covered by your credit with the supplier", True),
    (
        Asked(vendor=AVendor(Trust.NEW)),
        Verdict.SEND,
        Reason.INTRODUCED,
        "a new supplier: shown in full once you accept it",
        False,
    ),
    (
        Asked(vendor=AVendor(Trust.NEW), relation=ARelation(accepted_at=NOW)),
        Verdict.SEND,
        Reason.OVERDUE,
        "14 days late",
        False,
    ),
]


@pytest.mark.parametrize(("asked", "verdict", "reason", "words", "quiet"), TABLE, ids=lambda value: str(value)[:24])
def test_every_invoice_gets_a_verdict_with_its_reason_in_words(
    asked: Asked, verdict: Verdict, reason: Reason, words: str, quiet: bool
) -> None:
    """[J1 J3 E11 I6 000-6 A9 A10 A11 B8 B9 C11 D9 D12 inv-S3 inv-A1] One function, one reason for all."""
    answer = found(asked)
    assert (answer.verdict, answer.reason, answer.words, answer.quiet) == (verdict, reason, words, quiet)


@pytest.mark.parametrize(
    ("mentions", "days_ago", "most", "words"),
    [
        (1, 1, None, "14 days late"),
        (4, 1, None, "14 days late"),
        (5, 6, None, "reminded of 5 times, again from 24 Nov 2026"),
        (5, 7, None, "14 days late"),
        (8, 13, None, "reminded of 8 times, again from 24 Nov 2026"),
        (11, 27, None, "reminded of 11 times, again from 24 Nov 2026"),
        (11, 28, None, "14 days late"),
        (12, 400, None, "reminded of 12 times: no more mail about it"),
        (1, 400, 1, "reminded of 1 time: no more mail about it"),
        (12, 400, 99, "reminded of 12 times: no more mail about it"),
    ],
)
def test_an_invoice_is_asked_for_less_and_less_often_then_no_more(
    mentions: int, days_ago: int, most: int | None, words: str
) -> None:
    """[D11 001-4] The customer may want less, nobody may want more."""
    said = (mentions, NOW - timedelta(days=days_ago))
    assert found(Asked(said=said, most_mentions=most)).words == words


def test_of_a_supplier_not_yet_accepted_nothing_is_said_however_often_it_was_mentioned() -> None:
    """[D11 inv-A1] Not even that it was reminded of."""
    assert found(Asked(vendor=AVendor(Trust.NEW), said=(12, NOW))).reason == Reason.INTRODUCED


EVERYTHING_AT_ONCE = Asked(
    AnInvoice(state=InvoiceState.PAID, is_autopay=True, issued_on=TODAY),
    AVendor(Trust.SUSPENDED, live_at=None),
    ARelation(blocked_at=NOW, muted_at=NOW),
    ASource(ConnectionState.DISCONNECTED, as_of=None),
    (AHold(HoldKind.VENDOR), AHold(HoldKind.PROMISE, promised_on=TODAY)),
    NOW,
    is_stopped=True,
    net_minor=0,
)


def test_books_then_operator_then_customer_then_vendor_decide() -> None:
    """[J1] Take away the strongest reason, and the next one on the ladder shows."""
    asked, seen = EVERYTHING_AT_ONCE, []
    for better in (
        {"invoice": AnInvoice(is_autopay=True, issued_on=TODAY)},
        {"vendor": AVendor(live_at=None)},
        {"is_stopped": False},
        {"relation": MUTED},
        {"relation": None},
        {"vendor": AVendor()},
        {"source": ASource(as_of=None)},
        {"source": ASource()},
        {"holds": (AHold(HoldKind.VENDOR),)},
        {"holds": ()},
        {"invoice": AnInvoice(issued_on=TODAY)},
        {"touched_at": None},
        {"invoice": AnInvoice()},
        {"net_minor": 1},
    ):
        seen.append(found(asked).reason)
        asked = asked.but(**better)
    assert seen == [
        Reason.NOT_OPEN,
        Reason.SUSPENDED,
        Reason.STOPPED,
        Reason.BLOCKED,
        Reason.MUTED,
        Reason.NOT_LIVE,
        Reason.DISCONNECTED,
        Reason.STALE,
        Reason.PROMISED,
        Reason.VENDOR_HOLD,
        Reason.AUTOPAY,
        Reason.IN_TALK,
        Reason.JUST_ISSUED,
        Reason.COVERED,
    ]
    assert found(asked).verdict == Verdict.SEND


def test_no_line_of_a_vendor_not_yet_accepted_is_shown_however_it_is_held() -> None:
    """[B8 inv-A1] Name and count only: not even the quiet block may tell more."""
    stranger = Asked(vendor=AVendor(Trust.NEW))
    for held in ({"holds": (AHold(),)}, {"touched_at": NOW}, {"invoice": AnInvoice(is_autopay=True)}):
        assert not found(stranger.but(**held)).quiet


def test_data_is_late_after_a_day_and_when_the_permission_is_gone() -> None:
    """[D9 inv-S3] Then the mail says of when it is."""
    assert not is_aging(ASource(as_of=NOW - timedelta(hours=24)), NOW, LIMITS)
    assert is_aging(ASource(as_of=NOW - timedelta(hours=25)), NOW, LIMITS)
    assert is_aging(ASource(ConnectionState.NEEDS_RECONNECT), NOW, LIMITS)


def test_nothing_is_asked_for_where_credits_cover_all_of_it() -> None:
    """[A9] Per vendor and currency; what is held or left out does not count as asked for."""
    standing = Standing(AVendor(), None, ASource(), NOW, LIMITS)
    dollars, euros = AnInvoice(), AnInvoice(currency="EUR")
    cases = [(Case(dollars), standing), (Case(dollars, (AHold(),)), standing), (Case(euros), standing)]
    assert [each.reason for each in judge(cases, TODAY, {"USD": 9999})] == ["overdue", "disputed", "overdue"]
    assert [each.reason for each in judge(cases, TODAY, {"USD": 10000})] == ["covered", "disputed", "overdue"]
    assert [each.reason for each in judge(cases, TODAY, {})] == ["overdue", "disputed", "overdue"]
    resting = Case(dollars, mentions=12, mentioned_at=NOW)  # owed all the same, so credit does not cover everything
    reasons = [each.reason for each in judge([cases[0], (resting, standing)], TODAY, {"USD": 10000})]
    assert reasons == ["overdue", "mentioned_enough"]


@pytest.mark.parametrize(
    ("mailbox", "is_stopped", "outcome", "words"),
    [
        (AMailbox(), False, None, ""),
        (AMailbox(), True, Outcome.HELD, "all sending is stopped by the operator"),
        (AMailbox(suppressed_at=NOW, suppressed_reason="bounced"), False, Outcome.SUPPRESSED, "bounced"),
        (AMailbox(reminders_off_at=NOW), False, Outcome.SUPPRESSED, "reminders are off since 23 Nov 2026"),
        (AMailbox(paused_until=NOW + timedelta(days=1)), False, Outcome.PAUSED, "paused until 24 Nov 2026"),
        (AMailbox(paused_until=NOW), False, None, ""),
        (
            AMailbox(last_digest_at=NOW - timedelta(hours=19)),
            False,
            Outcome.HELD,
            "the last digest went out less than 20 hours ago",
        ),
        (AMailbox(last_digest_at=NOW - timedelta(hours=20)), False, None, ""),
        (AMailbox(most_digests=4), False, Outcome.HELD, "4 digests in 30 days, and it wants 4 at most"),
        (AMailbox(most_digests=5), False, None, ""),
    ],
)
def test_the_mailbox_itself_may_want_no_mail(
    mailbox: AMailbox, is_stopped: bool, outcome: Outcome | None, words: str
) -> None:
    """[J1 L1 D11 inv-S4 inv-S10] Operator first, then what the customer has said, then the distance."""
    verdict = mailbox_verdict(mailbox, now=NOW, limits=LIMITS, is_stopped=is_stopped, lately=4)
    assert (verdict.outcome, verdict.words) == (outcome, words)
