"""The one function that says for each invoice send, hold or leave out, with a reason in words.

Planner, preview, forewarning, inbox and audit all show that same reason (FEATURES J1). Pure: time and limits are handed
in. Where several would apply, the books' own facts come first, then the operator, then the customer, then the vendor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.models import ConnectionState, HoldKind, HoldResult, InvoiceState, Outcome, Trust
from app.money import format_minor
from app.receivables.facts import (
    HoldFacts,
    InvoiceFacts,
    MailboxFacts,
    PolicyFacts,
    RelationFacts,
    SourceFacts,
    VendorFacts,
)
from app.settings import Limits
from app.words import _, day_in_words, locale, marked, ngettext


class Verdict(StrEnum):
    SEND = "send"
    HOLD = "hold"  # owed, but not asked for now
    LEAVE_OUT = "leave_out"  # must not stand in the mail at all


class Reason(StrEnum):
    OVERDUE = "overdue"
    SOON = "soon"
    LATER = "later"
    INTRODUCED = "introduced"
    FIRST_CONTACT = "first_contact"
    NOT_OPEN = "not_open"
    SUSPENDED = "suspended"
    STOPPED = "stopped"
    BLOCKED = "blocked"
    MUTED = "muted"
    NOT_LIVE = "not_live"
    DISCONNECTED = "disconnected"
    STALE = "stale"
    PROMISED = "promised"
    DISPUTED = "disputed"
    SAID_PAID = "said_paid"
    PAYING = "paying"
    VENDOR_HOLD = "vendor_hold"
    NOT_MINE = "not_mine"
    AUTOPAY = "autopay"
    AWAITED = "awaited"
    REVERSED = "reversed"
    REQUESTED = "requested"
    UNCLEAR = "unclear"
    IN_TALK = "in_talk"
    JUST_ISSUED = "just_issued"
    BEFORE_START = "before_start"
    MENTIONED = "mentioned"
    MENTIONED_ENOUGH = "mentioned_enough"
    EXCLUDED = "excluded"
    NOT_YET = "not_yet"
    TOO_SMALL = "too_small"
    COVERED = "covered"


class Eligibility(NamedTuple):
    """``words`` say why, for people. ``quiet``: stands in the block "Nothing to do". ``until``: when that changes."""

    verdict: Verdict
    reason: Reason
    words: str
    quiet: bool = False
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is the same for all invoices of one connection in one mailbox. ``soon_until`` is the last date called soon;
    without one it is ``limits.later_days`` from today. ``today`` and ``zone`` are the mailbox's, and so is
    ``most_mentions``, where it wants to read of one invoice less often than ``limits.mentions``."""

    vendor: VendorFacts
    relation: RelationFacts | None
    source: SourceFacts
    now: datetime
    limits: Limits
    zone: str = "UTC"
    soon_until: date | None = None
    is_stopped: bool = False  # the operator's switch for this vendor
    most_mentions: int | None = None
    next_on: date | None = None  # of the digest after this one
    waits: str = ""  # the vendor may not be named to this mailbox yet, and why (INVARIANTS A2)

    @property
    def today(self) -> date:
        return self.now.astimezone(ZoneInfo(self.zone)).date()

    @property
    def is_introduction(self) -> bool:
        """Nothing is proven of this vendor and the mailbox has not said yes: name and count only (INVARIANTS A1)."""
        return self.vendor.trust == Trust.NEW and not (self.relation and self.relation.accepted_at)


class Case(NamedTuple):
    """One open invoice with all that bears on it. ``touched_at``: the last message of a human about it, either side;
    ``mentions``: how many mails have asked for it, the last one at ``mentioned_at``."""

    invoice: InvoiceFacts
    holds: Sequence[HoldFacts] = ()
    touched_at: datetime | None = None
    mentions: int = 0
    mentioned_at: datetime | None = None
    policy: PolicyFacts | None = None


def eligibility(case: Case, standing: Standing, today: date, net_minor: int | None = None) -> Eligibility:
    """Send, hold or leave out, and why. ``today`` is ``standing.today``, handed in because it is asked so often.

    ``net_minor``: what this vendor would ask for in this currency after its credits, once known; see judge().
    """
    return _judged(case, standing, today, net_minor, _shut_out(standing))


def _judged(
    case: Case, standing: Standing, today: date, net_minor: int | None, shut: Eligibility | None
) -> Eligibility:
    if case.invoice.state != InvoiceState.OPEN:
        return _left_out(Reason.NOT_OPEN, _("no longer open"))
    return (
        shut
        or _on_hold(case, standing)
        or _too_early(case, standing, today)
        or _against_policy(case, standing, today)  # before the caps: what it keeps back is not among what rests
        or _often_enough(case, standing, today)
        or _covered(net_minor)
        or _too_small(case, net_minor)
        or _due(case, standing, today)
    )


def _shut_out(standing: Standing) -> Eligibility | None:
    """What keeps all lines of a standing out, and need not be asked for each."""
    return _against_vendor(standing) or _before_contact(standing)


_RESTING = (Reason.MENTIONED, Reason.MENTIONED_ENOUGH)  # still asked for, only not in this mail


def judge(cases: Sequence[tuple[Case, Standing]], today: date, credits_minor: Mapping[str, int]) -> list[Eligibility]:
    """The eligibility of all invoices one vendor has in one mailbox, in order, its credits per currency considered:
    where they cover all that would be asked for, or leave less than its policy asks for, nothing is (FEATURES A9 J4).
    """
    shut = {id(standing): _shut_out(standing) for standing in {id(each): each for _, each in cases}.values()}
    first = [_judged(case, standing, today, None, shut[id(standing)]) for case, standing in cases]
    net = {code: -minor for code, minor in credits_minor.items()}
    for case, _standing in cases:
        if case.policy and case.invoice.currency in case.policy.least:
            net.setdefault(case.invoice.currency, 0)
    if not net:
        return first
    for (case, _standing), found in zip(cases, first, strict=True):
        if (found.verdict == Verdict.SEND or found.reason in _RESTING) and case.invoice.currency in net:
            net[case.invoice.currency] += case.invoice.due_minor
    return [
        eligibility(case, standing, today, net.get(case.invoice.currency)) if found.verdict == Verdict.SEND else found
        for (case, standing), found in zip(cases, first, strict=True)
    ]


def is_aging(source: SourceFacts, now: datetime, limits: Limits) -> bool:
    """The data is late, so the mail says of when it is (FEATURES D9)."""
    if source.state != ConnectionState.ACTIVE or source.as_of is None:
        return True
    return now - source.as_of > timedelta(hours=limits.stale_warn_hours)


@dataclass(frozen=True, slots=True)
class MailboxVerdict:
    """``outcome`` is how its window ends when nothing may be sent; None when a digest may go."""

    outcome: Outcome | None
    words: str = ""


def mailbox_verdict(
    mailbox: MailboxFacts, *, now: datetime, limits: Limits, is_stopped: bool = False, lately: int = 0
) -> MailboxVerdict:
    """May any digest go to this mailbox now; ``lately`` it got so many in 30 days. How many mails a day are too many is
    asked at hand-over: it can wait."""
    if is_stopped:
        return MailboxVerdict(Outcome.HELD, _("all sending is stopped by the operator"))
    if mailbox.suppressed_at:
        return MailboxVerdict(Outcome.SUPPRESSED, mailbox.suppressed_reason or _("the address does not take our mail"))
    if mailbox.reminders_off_at:
        since = day_in_words(mailbox.reminders_off_at.date())
        return MailboxVerdict(Outcome.SUPPRESSED, _("reminders are off since %(day)s", day=since))
    if mailbox.paused_until and mailbox.paused_until > now:
        until = day_in_words(mailbox.paused_until.date())
        return MailboxVerdict(Outcome.PAUSED, _("paused until %(day)s", day=until))
    if mailbox.most_digests and lately >= mailbox.most_digests:
        words = _(
            "%(lately)s digests in 30 days, and it wants %(most)s at most", lately=lately, most=mailbox.most_digests
        )
        return MailboxVerdict(Outcome.HELD, words)
    if mailbox.last_digest_at and now - mailbox.last_digest_at < timedelta(hours=limits.spacing_hours):
        words = _("the last digest went out less than %(hours)s hours ago", hours=limits.spacing_hours)
        return MailboxVerdict(Outcome.HELD, words)
    return MailboxVerdict(None)


def _left_out(reason: Reason, words: str) -> Eligibility:
    return Eligibility(Verdict.LEAVE_OUT, reason, words)


def _against_vendor(standing: Standing) -> Eligibility | None:
    """What keeps all of a vendor's lines out: operator, customer, vendor, then the age of its data."""
    vendor, relation, source = standing.vendor, standing.relation, standing.source
    if vendor.trust == Trust.SUSPENDED:
        return _left_out(Reason.SUSPENDED, _("the supplier is suspended"))
    if standing.is_stopped:
        return _left_out(Reason.STOPPED, _("sending for this supplier is stopped by the operator"))
    if relation and relation.blocked_at:
        return _left_out(Reason.BLOCKED, _("the supplier is blocked here"))
    if relation and relation.muted_at:
        return _left_out(Reason.MUTED, _("the supplier is muted here"))
    if vendor.live_at is None or vendor.live_at > standing.now:
        return _left_out(Reason.NOT_LIVE, _("the supplier has not gone live yet"))
    if source.state not in (ConnectionState.ACTIVE, ConnectionState.NEEDS_RECONNECT):
        return _left_out(Reason.DISCONNECTED, _("the supplier's books are not connected"))
    limit = timedelta(hours=standing.limits.stale_drop_hours)
    if source.files_since:  # books that somebody sends are as old as the last file
        limit = timedelta(days=standing.limits.file_drop_days)
    if source.as_of is None:
        return _left_out(Reason.STALE, _("the supplier's books have not been read yet"))
    if standing.now - source.as_of > limit:
        read_on = day_in_words(source.as_of.date())
        return _left_out(Reason.STALE, _("the supplier's books were last read on %(day)s", day=read_on))
    return None


def _before_contact(standing: Standing) -> Eligibility | None:
    return Eligibility(Verdict.HOLD, Reason.FIRST_CONTACT, _(standing.waits)) if standing.waits else None


_HELD: dict[str, tuple[Reason, str]] = {
    HoldKind.DISPUTE: (Reason.DISPUTED, marked("disputed")),
    HoldKind.ALREADY_PAID: (Reason.SAID_PAID, marked("said to be paid, the supplier is looking")),
    HoldKind.PAYING: (Reason.PAYING, marked("payment in progress")),
    HoldKind.VENDOR: (Reason.VENDOR_HOLD, marked("on hold by the supplier")),
    HoldKind.NOT_MINE: (Reason.NOT_MINE, marked("said not to be yours, the supplier is looking")),
    HoldKind.REVERSED: (Reason.REVERSED, marked("what was paid is owed again; there is time to look at it")),
    HoldKind.UNCLEAR: (Reason.UNCLEAR, marked("the supplier's own books differ about it, the supplier is looking")),
    HoldKind.REQUEST: (Reason.REQUESTED, marked("other dates asked for, the supplier is looking")),
}


def is_silencing(hold: HoldFacts, balance_minor: int, now: datetime) -> bool:
    """Whether nothing of the invoice is asked for; where a part is disputed, the rest is (FEATURES F2)."""
    return hold.ended_at is None and hold.ends_at > now and not is_part(hold.kind, hold.amount_minor, balance_minor)


def is_part(kind: str, minor: int | None, balance_minor: int) -> bool:
    """Whether a hold is a dispute of less than is open."""
    return kind == HoldKind.DISPUTE and minor is not None and minor < balance_minor


def left_to_ask(due_minor: int, balance_minor: int, disputed_minor: int) -> int:
    """What is asked for next, a part of what is open being disputed."""
    return min(due_minor, balance_minor - disputed_minor)


def _on_hold(case: Case, standing: Standing) -> Eligibility | None:
    live = [hold for hold in case.holds if is_silencing(hold, case.invoice.balance_minor, standing.now)]
    quiet = not standing.is_introduction  # of a vendor not accepted yet, no line is shown at all
    if live:
        last = max(live, key=lambda hold: (hold.kind != HoldKind.VENDOR, hold.ends_at))
        until = last.ends_at.astimezone(ZoneInfo(standing.zone)).date()
        if last.kind == HoldKind.PROMISE:
            words = _("promised for %(day)s", day=day_in_words(last.promised_on or until))
            return Eligibility(Verdict.HOLD, Reason.PROMISED, words, quiet, until)
        if last.is_hidden:  # the vendor does not say so to the customer
            return Eligibility(Verdict.HOLD, Reason.VENDOR_HOLD, _("not asked for at present"), until=until)
        reason, words = _HELD[last.kind]
        ends = None if reason == Reason.UNCLEAR else until  # nobody knows when the supplier decides
        return Eligibility(Verdict.HOLD, reason, _(words), quiet, ends)
    return _expected(case.invoice, standing)


def _expected(invoice: InvoiceFacts, standing: Standing) -> Eligibility | None:
    """The money comes by itself: scheduled, being processed, or collected, unless that went wrong (FEATURES E11)."""
    quiet = not standing.is_introduction
    if invoice.awaited_on and invoice.awaited_on >= standing.today:
        words = _("a payment is expected by %(day)s", day=day_in_words(invoice.awaited_on))
        return Eligibility(Verdict.HOLD, Reason.AWAITED, words, quiet, invoice.awaited_on + timedelta(days=1))
    if invoice.is_autopay and invoice.charge_failed_at is None:
        return Eligibility(Verdict.HOLD, Reason.AUTOPAY, _("collected automatically"), quiet)
    return None


def _too_early(case: Case, standing: Standing, today: date) -> Eligibility | None:
    """No reminder right after the invoice, nor while people talk about it (FEATURES D12)."""
    days = timedelta(days=standing.limits.grace_days)
    if case.touched_at and standing.now - case.touched_at < days:
        until = (case.touched_at + days).astimezone(ZoneInfo(standing.zone)).date()
        quiet = not standing.is_introduction
        return Eligibility(Verdict.HOLD, Reason.IN_TALK, _("you are talking about it"), quiet, until)
    start, due_on = standing.vendor.chase_from, case.invoice.due_on
    if start and due_on and due_on < start and case.invoice.included_at is None:
        words = _("due before %(day)s, from when on the supplier reminds", day=day_in_words(start))
        return _left_out(Reason.BEFORE_START, words)
    issued_on = case.invoice.issued_on
    if issued_on and today < issued_on + days:
        words = _("issued only on %(day)s", day=day_in_words(issued_on))
        return Eligibility(Verdict.HOLD, Reason.JUST_ISSUED, words, until=issued_on + days)
    return None


def _often_enough(case: Case, standing: Standing, today: date) -> Eligibility | None:
    """So many mails and no more, further and further apart: then only a call helps (FEATURES D11)."""
    if not case.mentions or case.mentioned_at is None or standing.is_introduction:
        return None
    limits = standing.limits
    if case.mentions >= min(limits.mentions, standing.most_mentions or limits.mentions):
        words = ngettext(
            "reminded of %(num)s time: no more mail about it",
            "reminded of %(num)s times: no more mail about it",
            case.mentions,
        )
        return Eligibility(Verdict.HOLD, Reason.MENTIONED_ENOUGH, words)
    gaps = limits.mention_gap_days
    days = gaps[min(case.mentions, len(gaps)) - 1] if gaps else 0
    if not days:
        return None
    until = case.mentioned_at.astimezone(ZoneInfo(standing.zone)).date() + timedelta(days=days)
    if today < until:
        words = ngettext(
            "reminded of %(num)s time, again from %(day)s",
            "reminded of %(num)s times, again from %(day)s",
            case.mentions,
            day=day_in_words(until),
        )
        return Eligibility(Verdict.HOLD, Reason.MENTIONED, words, until=until)
    return None


def _against_policy(case: Case, standing: Standing, today: date) -> Eligibility | None:
    """Whom the vendor leaves alone, and what it does not mention yet (FEATURES J3 J5). Before the due date a mail comes
    sooner than the policy says where the next one would come too late."""
    if case.policy is None:
        return None
    if case.policy.never_reminds:
        return Eligibility(Verdict.HOLD, Reason.EXCLUDED, _("the supplier sends you no reminders"))
    due_on, start = case.invoice.due_on, case.policy.first_on(case.invoice.due_on)
    if due_on is None or start is None or today >= start:
        return None
    if standing.next_on and start <= due_on < standing.next_on:
        return None
    return Eligibility(
        Verdict.HOLD, Reason.NOT_YET, _("not mentioned before %(day)s", day=day_in_words(start)), until=start
    )


def _covered(net_minor: int | None) -> Eligibility | None:
    if net_minor is None or net_minor > 0:
        return None
    return Eligibility(Verdict.HOLD, Reason.COVERED, _("covered by your credit with the supplier"), quiet=True)


def _too_small(case: Case, net_minor: int | None) -> Eligibility | None:
    least = case.policy.least.get(case.invoice.currency) if case.policy else None
    if least is None or net_minor is None or net_minor >= least:
        return None
    amount = format_minor(least, case.invoice.currency, locale())
    return Eligibility(Verdict.HOLD, Reason.TOO_SMALL, _("the supplier asks from %(amount)s on", amount=amount))


def _due(case: Case, standing: Standing, today: date) -> Eligibility:
    invoice = case.invoice
    if standing.is_introduction:
        return Eligibility(Verdict.SEND, Reason.INTRODUCED, _("a new supplier: shown in full once you accept it"))
    if invoice.due_on is None:
        return Eligibility(Verdict.SEND, Reason.LATER, _("no due date"))
    days = (invoice.due_on - today).days
    if days < 0:
        words = ngettext("%(num)s day late", "%(num)s days late", -days)
        broken = [each.promised_on for each in case.holds if each.promised_on and each.result == HoldResult.BROKEN]
        if broken:
            words = _("%(late)s, promised for %(day)s", late=words, day=day_in_words(max(broken)))
        return Eligibility(Verdict.SEND, Reason.OVERDUE, words)
    soon_until = standing.soon_until or today + timedelta(days=standing.limits.later_days)
    soon_until += timedelta(days=case.policy.earlier_days if case.policy else 0)
    reason = Reason.SOON if invoice.due_on <= soon_until else Reason.LATER
    return Eligibility(Verdict.SEND, reason, _due_words(days))


def _due_words(days: int) -> str:
    if days < 2:
        return _("due tomorrow") if days else _("due today")
    return _("due in %(days)s days", days=days)
