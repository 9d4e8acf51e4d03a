"""Where a vendor's customers send money: pay hosts and bank accounts, and what it takes to change them.

The first one counts at once. A later one is frozen for a while, every customer with open invoices is told, and a second
pair of eyes has to agree (INVARIANTS L7, FEATURES B10).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, and_, exists, insert, or_, select
from sqlalchemy.orm import Session

from app.house import House
from app.ids import new_id
from app.later import Later, later
from app.models import (
    BankAccount,
    Invoice,
    Mailbox,
    Outgoing,
    OutgoingKind,
    PayHost,
    PayMethod,
    Person,
    Relation,
    TaskKind,
    Trust,
    Vendor,
)
from app.outbox.actions import mail_values
from app.outbox.rendering import MAIL_FOLDER, discreet, inert, mail_template
from app.scope import widened
from app.settings import Limits
from app.tasks.actions import drop_task, raise_task
from app.trust.actions import record
from app.trust.queries import accounts_of, bare, hosts_of, methods_of
from app.trust.rules import Account, counts_after, frozen_until, is_pending
from app.words import days, marked, speaking

_NOTICES = 500  # written in one step

AnyPayee = PayHost | BankAccount | PayMethod
PAYEES: tuple[type[AnyPayee], ...] = (BankAccount, PayHost, PayMethod)


def payee_of(session: Session, payee_id: UUID) -> AnyPayee | None:
    """One of the scope, of whatever kind."""
    return next((cast("AnyPayee", found) for table in PAYEES if (found := session.get(table, payee_id))), None)


class WhyNot(StrEnum):
    """Why somebody may not approve a change."""

    OWN = "own"  # it takes a second person
    OLD_LOGIN = "old_login"  # alone, only right after signing in


class NotApproved(Exception):
    def __init__(self, why: WhyNot) -> None:
        super().__init__(why)
        self.why = why


def know_hosts(
    session: Session, vendor: Vendor, hosts: Iterable[str], person_id: UUID | None, now: datetime, limits: Limits
) -> None:
    """Books were connected whose invoices are paid on one of ``hosts``, which the provider is known by."""
    known = {each.host for each in hosts_of(session, vendor.id)}
    for host in sorted({bare(host) for host in hosts} - known):
        _add_host(session, vendor, host, person_id, now, limits, is_first=not known)


def meet_host(session: Session, vendor_id: UUID, host: str, now: datetime, limits: Limits) -> PayHost:
    """The record of a host that a live pay page has (the connectors made sure that it is the provider's, or the
    vendor's own proven domain). One that this vendor's customers were never sent to is frozen first."""
    with widened(session, "a pay page's host is looked up, and kept, in the record of its vendor"):
        query = select(Vendor).where(Vendor.id == vendor_id)
        found = [each for each in hosts_of(session, vendor_id) if each.host == bare(host)]
        if not found:  # two customers may press at once: only one makes it known
            vendor = session.execute(query.with_for_update(key_share=True)).scalar_one()
            known = hosts_of(session, vendor_id)
            found = [each for each in known if each.host == bare(host)]
            if not found:
                found = [_add_host(session, vendor, bare(host), None, now, limits, is_first=not known)]
        session.flush()
        return found[0]


def _add_host(
    session: Session,
    vendor: Vendor,
    host: str,
    person_id: UUID | None,
    now: datetime,
    limits: Limits,
    *,
    is_first: bool,
) -> PayHost:
    made = PayHost(id=new_id(), vendor_id=vendor.id, host=host, proposed_by_id=person_id, created_at=now)
    _begin(session, made, vendor, now, limits, is_first=is_first)
    record(session, vendor.id, "pay_host.frozen" if made.frozen_until else "pay_host.known", now, person_id, host=host)
    return made


def propose_account(
    session: Session, vendor: Vendor, account: Account, person: Person, now: datetime, limits: Limits
) -> BankAccount:
    """New bank details. Only one change waits at a time: an earlier one that still waited is given up."""
    known = accounts_of(session, vendor.id)
    for waiting in (each for each in known if is_pending(each, now)):
        waiting.refused_at = now
    made = BankAccount(
        id=new_id(),
        vendor_id=vendor.id,
        beneficiary=account.beneficiary,
        iban=account.iban,
        account=account.account,
        routing=account.routing,
        proposed_by_id=person.id,
        created_at=now,
    )
    is_first = not any(each.counts_from for each in known)
    _begin(session, made, vendor, now, limits, is_first=is_first)
    action = "bank_account.frozen" if made.frozen_until else "bank_account.given"
    record(session, vendor.id, action, now, person.id, ends_in=made.last_digits)
    return made


def propose_method(
    session: Session,
    vendor: Vendor,
    person: Person,
    now: datetime,
    limits: Limits,
    *,
    name: str,
    instructions: str,
    reference: str,
) -> PayMethod:
    """A way to pay in the vendor's own words. It could lead money away like new bank details, so it waits like them:
    only the vendor's very first counts at once."""
    known = methods_of(session, vendor.id)
    for waiting in (each for each in known if each.name == name and is_pending(each, now)):
        waiting.refused_at = now
    made = PayMethod(
        id=new_id(),
        vendor_id=vendor.id,
        name=name,
        instructions=instructions,
        reference=reference,
        proposed_by_id=person.id,
        created_at=now,
    )
    has_one = any(each.counts_from for each in known) or any(
        each.counts_from for each in accounts_of(session, vendor.id)
    )
    is_first = not has_one
    _begin(session, made, vendor, now, limits, is_first=is_first)
    action = "pay_method.frozen" if made.frozen_until else "pay_method.given"
    record(session, vendor.id, action, now, person.id, name=name)
    return made


def _begin(session: Session, payee: AnyPayee, vendor: Vendor, now: datetime, limits: Limits, *, is_first: bool) -> None:
    if is_first or vendor.live_at is None:  # nobody was ever sent anywhere else
        payee.approved_at = payee.counts_from = now
    else:
        payee.frozen_until = frozen_until(now, limits)
        remedy = marked("Look at it under Trust: somebody else of your team, or of ours, approves it before it counts.")
        raise_task(session, vendor.id, TaskKind.PROOF, f"payee:{payee.id}", words_of(payee), later(remedy), now)
    session.add(payee)
    session.flush()


def words_of(payee: AnyPayee) -> Later:
    """What waits, in words that give nothing away to whoever only reads over a shoulder."""
    if isinstance(payee, PayHost):
        return later(marked("The new payment page at %(host)s waits."), host=payee.host)
    if isinstance(payee, PayMethod):
        return later(marked("The new way to pay named %(name)s waits."), name=payee.name)
    return later(marked("The new bank account ending in %(digits)s waits."), digits=payee.last_digits)


def approve_payee(
    session: Session, payee: AnyPayee, person: Person, signed_in_at: datetime, now: datetime, limits: Limits
) -> None:
    """A member of the vendor agrees. Bank details take another person than the one who gave them; a pay host may be
    approved by the same one right after signing in (INVARIANTS L7). Raises NotApproved."""
    is_own = payee.proposed_by_id == person.id
    if is_own and not isinstance(payee, PayHost):
        raise NotApproved(WhyNot.OWN)
    if isinstance(payee, PayHost) and now - signed_in_at > timedelta(minutes=limits.fresh_login_minutes):
        raise NotApproved(WhyNot.OLD_LOGIN)
    _agree(session, payee, person, "person", "", now)


def release_payee(session: Session, payee: AnyPayee, operator: Person, reason: str, now: datetime) -> None:
    """The operator agrees. The freeze still runs to its end: the customers were told so."""
    _agree(session, payee, operator, "operator", reason, now)


def _agree(session: Session, payee: AnyPayee, person: Person, actor: str, reason: str, now: datetime) -> None:
    if payee.refused_at is not None or payee.counts_from is not None:
        return
    payee.approved_at, payee.approved_by_id = now, person.id
    payee.counts_from = counts_after(payee.frozen_until, now)
    _close(session, payee, "approved", person.id, actor, reason, now)


def refuse_payee(
    session: Session, payee: AnyPayee, person: Person, now: datetime, *, actor: str = "person", reason: str = ""
) -> None:
    """It never counts. One that counts already can still be ended like this; what counted before it counts again."""
    payee.refused_at = payee.refused_at or now
    _close(session, payee, "refused", person.id, actor, reason, now)


def _close(
    session: Session, payee: AnyPayee, verdict: str, person_id: UUID, actor: str, reason: str, now: datetime
) -> None:
    kind = type(payee).__tablename__
    record(
        session, payee.vendor_id, f"{kind}.{verdict}", now, person_id, actor=actor, reason=reason, payee=str(payee.id)
    )
    drop_task(session, payee.vendor_id, TaskKind.PROOF, f"payee:{payee.id}", now)


# --- telling the customers ------------------------------------------------------------------------------------------


def tell_customers(session: Session, house: House, now: datetime) -> int:
    """Write the notices of one change, so many at a time; returns how many. Any number of workers may call it: a change
    is one worker's for the length of its transaction."""
    for table in PAYEES:
        untold = select(table).where(table.told_at.is_(None), table.frozen_until.is_not(None))
        query = untold.order_by(table.created_at).limit(1).with_for_update(skip_locked=True)
        payee: AnyPayee | None = session.execute(query).scalars().first()  # type: ignore[assignment]
        if payee is not None:
            return _tell(session, house, payee, now)
    return 0


def _tell(session: Session, house: House, payee: AnyPayee, now: datetime) -> int:
    """At least 1, so that the caller comes again for the next change."""
    boxes = _owing_mailboxes(session, payee)
    if boxes:
        payee.told_upto = boxes[-1].id
        vendor = session.get_one(Vendor, payee.vendor_id)
        mails = [_notice(house, payee, vendor, box, now) for box in boxes]
        session.execute(insert(cast("Table", Outgoing.__table__)), mails)
    if len(boxes) < _NOTICES:
        payee.told_at = now
        record(session, payee.vendor_id, "payee.customers_told", now, None, payee=str(payee.id))
    return max(1, len(boxes))


def _owing_mailboxes(session: Session, payee: AnyPayee) -> Sequence[Mailbox]:
    """The next ones with something open from this vendor, of customers who were shown its invoices."""
    open_here = exists().where(
        Invoice.mailbox_id == Mailbox.id, Invoice.vendor_id == payee.vendor_id, Invoice.state == "open"
    )
    pair = and_(Relation.customer_id == Mailbox.customer_id, Relation.vendor_id == payee.vendor_id)
    is_verified = select(Vendor.id).where(Vendor.id == payee.vendor_id, Vendor.trust == Trust.VERIFIED).exists()
    query = (
        select(Mailbox)
        .outerjoin(Relation, pair)
        .where(
            open_here,
            Relation.blocked_at.is_(None),
            or_(Relation.accepted_at.is_not(None), and_(is_verified, Relation.first_mailed_at.is_not(None))),
            Mailbox.suppressed_at.is_(None),
        )
    )
    if payee.told_upto is not None:
        query = query.where(Mailbox.id > payee.told_upto)
    return session.execute(query.order_by(Mailbox.id).limit(_NOTICES)).scalars().all()


def _notice(house: House, payee: AnyPayee, vendor: Vendor, box: Mailbox, now: datetime) -> dict[str, Any]:
    with speaking(box.locale):
        mail = mail_template(MAIL_FOLDER / "payee").render(
            vendor=inert(vendor.name, 50),
            host=inert(payee.host) if isinstance(payee, PayHost) else "",
            method=inert(payee.name, 40) if isinstance(payee, PayMethod) else "",
            until=days(box.locale)(payee.frozen_until.date() if payee.frozen_until else None),
            link=f"{house.settings.public_url}/inbox/suppliers",
            postal_address=house.settings.postal_address,
        )
        mail = discreet(mail) if box.is_private else mail
    return mail_values(
        kind=OutgoingKind.NOTICE,
        dedupe_key=f"payee:{payee.id}:{box.id}",
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
        due_at=now,
        address=box.address,
        mailbox_id=box.id,
    )
