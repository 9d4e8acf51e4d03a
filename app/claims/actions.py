"""What a customer claims of an invoice, each one commit: the claim, what is said in the thread, the vendor's notice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.care.notices import tell_owner
from app.care.rules import OwnerEvent
from app.claims import rules
from app.claims.notices import tell_reader
from app.claims.queries import live_claims
from app.claims.rules import CannotClaim, Request, Said
from app.conversations import actions as talk
from app.conversations.rules import SAME_AGAIN, File, may_continue
from app.house import House
from app.models import Customer, Hold, HoldKind, HoldResult, Invoice, Mailbox, Person, Thread
from app.receivables.actions import end_holds, record_act
from app.scope import widened
from app.words import _

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who claims, and how they came: signed in through a page, or by the link of a mail, under a name as given."""

    customer_id: UUID
    mailbox_id: UUID | None
    via: str
    person: Person | None = None
    said_by: str = ""

    @property
    def person_id(self) -> UUID | None:
        return self.person.id if self.person else None


def claim(
    session: Session,
    *,
    house: House,
    by: Claimant,
    invoice_id: UUID,
    said: Said,
    now: datetime,
    words: str = "",
    files: Sequence[File] = (),
    within: Thread | None = None,
) -> Hold:
    """The invoice, or the disputed part of it, rests from this commit on, and the vendor's people are told in it.

    Pressed twice it is one claim. It is said ``within`` that conversation, else as ask_question() finds one. Raises
    CannotClaim and the errors of ask_question(), in words; NotYours for 404.
    """
    session.execute(select(Customer.id).where(Customer.id == by.customer_id).with_for_update(key_share=True))
    invoice = _invoice(session, invoice_id, by)
    kind = rules.kind_of(said)
    if (same := _said_just_now(session, invoice, said, now)) is not None:
        return same
    _check(session, house, invoice, said)
    _give_way(session, invoice, said, now)
    body = "\n".join([*rules.summary(said, invoice.currency), *([words.strip()] if words.strip() else [])])
    thread = _speak(session, house, by, invoice, kind, body, files, now, within)
    hold = Hold(
        vendor_id=invoice.vendor_id,
        customer_id=by.customer_id,
        invoice_id=invoice.id,
        thread_id=thread.id,
        kind=kind,
        ends_at=rules.rests_until(said, now, house.limits, **_place(session, by)),
        owed_minor=invoice.balance_minor,
        note=" ".join(words.split())[:1000],
        person_id=by.person_id,
        said_by=by.said_by[:80],
        created_at=now,
        **rules.values_of(said),
    )
    session.add(hold)
    session.flush()
    record_act(session, invoice, f"claim.{kind}", now, by.person_id)
    if kind == HoldKind.DISPUTE:
        tell_owner(
            session, house=house, event=OwnerEvent.DISPUTED, invoice=invoice, about=hold.id, now=now, words=hold.note
        )
    log.info("claimed", invoice=str(invoice.id), kind=str(kind), hold=str(hold.id))
    return hold


def _speak(
    session: Session,
    house: House,
    by: Claimant,
    invoice: Invoice,
    kind: HoldKind,
    body: str,
    files: Sequence[File],
    now: datetime,
    within: Thread | None,
) -> Thread:
    """Say it to the vendor's people. A promise wants no answer."""
    closes = "promised" if kind == HoldKind.PROMISE else ""
    about: dict[str, Any] = {
        "house": house, "body": body, "now": now, "via": by.via, "mailbox_id": by.mailbox_id, "person": by.person,
        "said_by": by.said_by, "files": files, "closes": closes,
    }  # fmt: skip
    if within is not None:
        talk.follow_up(session, thread=within, **about)
        return within
    about |= {"vendor_id": invoice.vendor_id, "customer_id": by.customer_id, "topic": kind}
    return talk.ask_question(session, invoice_ids=[invoice.id], **about)


def withdraw(session: Session, *, house: House, by: Claimant, hold: Hold, now: datetime) -> None:
    """The customer takes it back: the invoice is asked for again. Raises CannotClaim when it has ended already."""
    invoice = lock_live(session, hold, now)
    end_claim(hold, HoldResult.WITHDRAWN, now)
    record_act(session, invoice, "claim.withdrawn", now, by.person_id)
    if (thread := _thread(session, hold, now)) is not None:
        what = " ".join(rules.summary(rules.kept(hold), invoice.currency))
        talk.follow_up(
            session, house=house, thread=thread, body=_("We take this back: %(what)s", what=what), now=now, via=by.via,
            mailbox_id=by.mailbox_id, person=by.person, said_by=by.said_by, closes="withdrawn",
        )  # fmt: skip


def reopen(session: Session, *, house: House, by: Claimant, hold: Hold, words: str, now: datetime) -> Hold:
    """Take up again what was declined, not found, credited or not decided, within 30 days (FEATURES F11)."""
    if not rules.may_reopen(hold, now, house.limits):
        raise CannotClaim(_("This ended too long ago to be opened again. Please ask the supplier."))
    if not words.strip():
        raise CannotClaim(_("Say in a few words why it is open again."))
    return claim(
        session, house=house, by=by, invoice_id=hold.invoice_id, said=rules.kept(hold), now=now,
        words=_("Opened again: %(words)s", words=words.strip()), within=_thread(session, hold, now),
    )  # fmt: skip


def _thread(session: Session, hold: Hold, now: datetime) -> Thread | None:
    """Where it was talked about, if one may still write there."""
    thread = session.execute(select(Thread).where(Thread.id == hold.thread_id)).scalar_one_or_none()
    return thread if thread is not None and may_continue(thread.closed_at, now) else None


def hand_over(session: Session, *, house: House, by: Claimant, invoice_id: UUID, to: Mailbox, now: datetime) -> None:
    """From now on another mailbox of the same customer is asked for it, and is told so (FEATURES F6)."""
    invoice = _invoice(session, invoice_id, by)
    with widened(session, "an invoice is a worker's to write; which of its mailboxes reads it is the customer's"):
        row = session.get_one(Invoice, invoice.id, with_for_update=True)
        row.handed_to_id = row.mailbox_id = to.id
    end_holds(session, invoice_ids=[invoice.id], kind=HoldKind.NOT_MINE, now=now, reason=_("Handed over"))
    record_act(session, invoice, "invoice.handed_over", now, by.person_id)
    tell_reader(session, house=house, invoice=invoice, to=to, giver=by.person, now=now)


def end_claim(hold: Hold, result: HoldResult, now: datetime) -> None:
    """Over, with its result; the words are what a timeline says."""
    hold.ended_at, hold.result, hold.end_reason = now, result, _(rules.RESULTS[result])


def _invoice(session: Session, invoice_id: UUID, by: Claimant) -> Invoice:
    found = session.execute(select(Invoice).where(Invoice.id == invoice_id)).scalar_one_or_none()
    if found is None or found.customer_id != by.customer_id:
        raise talk.NotYours("no such invoice here")
    return found


def _place(session: Session, by: Claimant) -> dict[str, str]:
    """On whose walls a promised day ends, and where banks must work until then."""
    box = session.get(Mailbox, by.mailbox_id) if by.mailbox_id else None
    if box is not None:
        return {"zone": box.zone, "country": box.quiet_country}
    return {"zone": by.person.zone} if by.person else {}


def _said_just_now(session: Session, invoice: Invoice, said: Said, now: datetime) -> Hold | None:
    """The very same a moment ago: a second press of the button."""
    for hold in live_claims(session, [invoice.id], now).get(invoice.id, ()):
        if hold.kind == rules.kind_of(said) and now - hold.created_at <= SAME_AGAIN and rules.kept(hold) == said:
            return hold
    return None


def _check(session: Session, house: House, invoice: Invoice, said: Said) -> None:
    """Raises CannotClaim for what cannot be said of this invoice."""
    if not invoice.is_open:
        raise CannotClaim(_("This invoice is no longer open: there is nothing to do."))
    minor = rules.values_of(said)["amount_minor"]
    if not 0 < minor <= invoice.balance_minor:
        raise CannotClaim(_("The amount must be more than nothing, and no more than is open."))
    if isinstance(said, Request) and minor != invoice.balance_minor:
        raise CannotClaim(_("The parts must add up to what is open."))
    kind, most = rules.kind_of(said), house.limits.claims_per_invoice
    times = select(func.count()).where(Hold.invoice_id == invoice.id, Hold.kind == kind)
    if session.execute(times).scalar_one() >= most:
        raise CannotClaim(_("That was said %(num)s times of this invoice already. Please ask the supplier.", num=most))


def _give_way(session: Session, invoice: Invoice, said: Said, now: datetime) -> None:
    """A newer claim takes the place of older ones; a dispute of a part, and a claim about the rest, stand together."""
    new_part = _is_part(rules.kind_of(said), rules.values_of(said)["amount_minor"], invoice)
    for hold in live_claims(session, [invoice.id], now).get(invoice.id, ()):
        is_same_kind = hold.kind == rules.kind_of(said)
        if is_same_kind or not (new_part or _is_part(HoldKind(hold.kind), hold.amount_minor or 0, invoice)):
            end_claim(hold, HoldResult.REPLACED, now)
    end_holds(session, invoice_ids=[invoice.id], kind=HoldKind.NOT_MINE, now=now, reason=_("Replaced by a newer word"))


def _is_part(kind: HoldKind, minor: int, invoice: Invoice) -> bool:
    return kind == HoldKind.DISPUTE and minor < invoice.balance_minor


def lock_live(session: Session, hold: Hold, now: datetime) -> Invoice:
    """The claim is ours until we commit. Raises CannotClaim when somebody ended it meanwhile."""
    session.refresh(hold, with_for_update=True)
    if hold.ended_at is not None or hold.ends_at <= now:
        raise CannotClaim(_("This has ended meanwhile."))
    return session.execute(select(Invoice).where(Invoice.id == hold.invoice_id)).scalar_one()
