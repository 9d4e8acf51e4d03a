"""What moves a vendor up and down the ladder of trust; every step leaves its record (INVARIANTS F2)."""

import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from app.house import House
from app.ids import new_id
from app.later import Later, later
from app.links import digest_of, new_token
from app.models import (
    AuditEntry,
    DomainProof,
    Person,
    ProofWay,
    Report,
    TaskKind,
    Trust,
    Vendor,
)
from app.outbox.actions import write_notice
from app.outbox.rendering import MAIL_FOLDER, TOKEN_PLACE, inert, mail_template
from app.scope import widened
from app.settings import Limits
from app.tasks.actions import raise_task
from app.trust.queries import evidence_of, look_alikes, proofs_of, reach_of
from app.trust.rules import PROOF_BOXES, DomainRefused, is_reported_too_often, standing
from app.words import _, marked

log = structlog.get_logger()

MOST_DOMAINS = 5  # of one vendor: each may be a mail to somebody who did not ask for one


# --- the ladder -----------------------------------------------------------------------------------------------------


def judge(session: Session, vendor: Vendor, now: datetime, person_id: UUID | None = None) -> None:
    """Where the vendor stands by what is proven now. A suspended one stays suspended: that ends at the abuse desk."""
    session.flush()
    found = standing(evidence_of(session, vendor))
    if vendor.trust == Trust.SUSPENDED:
        return
    before, vendor.trust_reason = vendor.trust, found.reason
    if before == found.trust:
        return
    vendor.trust = found.trust
    action = "vendor.verified" if found.trust == Trust.VERIFIED else "vendor.fell_back"
    record(session, vendor.id, action, now, person_id, reason=found.reason)


def name_given(session: Session, vendor: Vendor, now: datetime) -> None:
    """A new name proves nothing, whatever the old one did. One that could be taken for a verified vendor's waits for
    the operator (INVARIANTS A3); the vendor is told no more than that."""
    vendor.approved_at = None
    with widened(session, "a name is compared with those of all verified vendors"):
        alike = look_alikes(session, vendor.id, vendor.name)
    if not alike:
        vendor.doubted_at = None
    elif vendor.doubted_at is None:
        vendor.doubted_at = now
        record(session, vendor.id, "vendor.name_doubted", now, None)


# --- proof of a domain ----------------------------------------------------------------------------------------------


def claim_domain(session: Session, vendor: Vendor, domain: str, person: Person, now: datetime) -> DomainProof:
    """The vendor says ``domain`` (checked) is its own; what is to stand in the DNS is made here, once. Raises
    DomainRefused."""
    known = proofs_of(session, vendor.id)
    found = next((proof for proof in known if proof.domain == domain), None)
    if found is None and len(known) >= MOST_DOMAINS:
        raise DomainRefused(
            _("At most %(most_domains)s domains. Ask our people if you need more.", most_domains=MOST_DOMAINS)
        )
    if found is None:
        found = DomainProof(
            id=new_id(),
            vendor_id=vendor.id,
            domain=domain,
            record=f"sheaf-proof={secrets.token_hex(16)}",
            asked_by_id=person.id,
            created_at=now,
        )
        session.add(found)
        record(session, vendor.id, "domain.claimed", now, person.id, domain=domain)
    return found


def note_dns(session: Session, proof: DomainProof, is_there: bool, now: datetime, limits: Limits) -> None:
    """What a look into the DNS found. A record that was missing on several days in a row proves nothing any more."""
    vendor = session.get_one(Vendor, proof.vendor_id)
    if is_there:
        proof.misses = 0
        _prove(session, vendor, proof, ProofWay.DNS, now)
    elif proof.is_proven and proof.way == ProofWay.DNS:
        proof.misses += 1
        if proof.misses >= limits.proof_misses:
            proof.lost_at = now
            record(session, vendor.id, "domain.lost", now, None, domain=proof.domain)
            raise_task(
                session, vendor.id, TaskKind.PROOF, f"domain:{proof.domain}",
                later(marked("%(domain)s no longer shows that it is yours."), domain=proof.domain),
                later(marked("Under Trust, prove it by mail or put the TXT record back: %(it)s"), it=proof.record), now,
            )  # fmt: skip
            judge(session, vendor, now)
    if proof.way == ProofWay.DNS and proof.lost_at is None:
        proof.next_check_at = now + timedelta(days=1)
    else:
        proof.next_check_at = None


def mail_proof(
    session: Session, house: House, vendor: Vendor, proof: DomainProof, box: str, person: Person, now: datetime
) -> bool:
    """Write to one of the domain's own mailboxes, at most once a day; False when that was done lately. The newest link
    is the only one that works."""
    if box not in PROOF_BOXES:
        raise ValueError(f"{box} is not a mailbox of whoever runs a domain")
    if proof.mailed_at and now - proof.mailed_at < timedelta(days=1):
        return False
    token, reader = new_token(), _reader_of(session, f"{box}@{proof.domain}")
    proof.token_hash, proof.mailed_at, proof.mailed_to_id = digest_of(token), now, reader.id
    proof.token_expires_at = now + timedelta(days=house.limits.proof_days)
    mail = mail_template(MAIL_FOLDER / "domain").render(
        vendor=inert(vendor.name, 50),
        by=inert(person.shown_name),
        domain=proof.domain,
        days=house.limits.proof_days,
        link=f"{house.settings.public_url}/proof/{TOKEN_PLACE}",
        postal_address=house.settings.postal_address,
    )
    write_notice(session, reader, f"proof:{proof.id}:{now:%Y%m%d%H%M%S}", mail, now, token=token, keys=house.keys)
    record(session, vendor.id, "domain.mailed", now, person.id, domain=proof.domain, box=box)
    return True


def _reader_of(session: Session, address: str) -> Person:
    """Mail goes to stored addresses only (INVARIANTS D3): whoever reads this one is a person without any membership."""
    with widened(session, "whether somebody of that address is known here is not the vendor's to see"):
        found = session.execute(select(Person).where(Person.address == address)).scalar_one_or_none()
        if found is None:
            found = Person(id=new_id(), address=address)
            session.add(found)
            session.flush()
    return found


def proof_of_link(session: Session, token: str, now: datetime) -> tuple[DomainProof, Vendor] | None:
    """What the link in a domain's mail is about. The session must see all vendors."""
    query = (
        select(DomainProof, Vendor)
        .join(Vendor, Vendor.id == DomainProof.vendor_id)
        .where(DomainProof.token_hash == digest_of(token), DomainProof.token_expires_at > now)
    )
    row = session.execute(query).one_or_none()
    return (row[0], row[1]) if row else None


def prove_by_mail(session: Session, proof: DomainProof, vendor: Vendor, now: datetime) -> None:
    """Somebody who reads the domain's own mail has pressed the button. Idempotent."""
    _prove(session, vendor, proof, ProofWay.MAIL, now)


def _prove(session: Session, vendor: Vendor, proof: DomainProof, way: ProofWay, now: datetime) -> None:
    if proof.is_proven:
        return
    proof.proven_at, proof.way, proof.lost_at, proof.misses = now, way, None, 0
    record(session, vendor.id, "domain.proven", now, None, domain=proof.domain, way=way.value)
    judge(session, vendor, now)


# --- the operator's word --------------------------------------------------------------------------------------------


def approve_vendor(session: Session, vendor: Vendor, operator: Person, reason: str, now: datetime) -> None:
    """The operator has looked at who this is: enough beside connected books, for as long as the name stays."""
    vendor.approved_at, vendor.doubted_at = now, None
    record(session, vendor.id, "vendor.approved", now, operator.id, actor="operator", reason=reason)
    judge(session, vendor, now, operator.id)


def disapprove_vendor(session: Session, vendor: Vendor, operator: Person, reason: str, now: datetime) -> None:
    """Not to be verified under this name: approval is taken back, and only the operator can give it."""
    vendor.approved_at, vendor.doubted_at = None, now
    record(session, vendor.id, "vendor.refused", now, operator.id, actor="operator", reason=reason)
    judge(session, vendor, now, operator.id)
    words = later(marked("We could not approve your name yet."))
    _tell_vendor(session, vendor, words, later("%(reason)s", reason=reason), now)


def suspend_vendor(session: Session, vendor: Vendor, operator: Person, reason: str, now: datetime) -> None:
    """All its lines leave every mail that has not gone out; its pages say so."""
    vendor.trust, vendor.trust_reason = Trust.SUSPENDED, reason[:200]
    record(session, vendor.id, "vendor.suspended", now, operator.id, actor="operator", reason=reason)


def reinstate_vendor(session: Session, vendor: Vendor, operator: Person, reason: str, now: datetime) -> None:
    """Back to where what is proven puts it; what was frozen may go on."""
    vendor.trust, vendor.frozen_at = Trust.NEW, None
    record(session, vendor.id, "vendor.reinstated", now, operator.id, actor="operator", reason=reason)
    judge(session, vendor, now, operator.id)


def unfreeze_vendor(session: Session, vendor: Vendor, operator: Person, reason: str, now: datetime) -> None:
    """It may reach new customers again; the reports so far have been looked at and count no more."""
    vendor.frozen_at = None
    for report in session.execute(_live_reports(vendor.id)).scalars():
        report.dismissed_at = now
    record(session, vendor.id, "vendor.unfrozen", now, operator.id, actor="operator", reason=reason)


def _tell_vendor(session: Session, vendor: Vendor, words: Later, remedy: Later, now: datetime) -> None:
    raise_task(session, vendor.id, TaskKind.PROOF, "trust", words, remedy, now)


# --- reports --------------------------------------------------------------------------------------------------------


def file_report(
    session: Session, customer_id: UUID, vendor_id: UUID, words: str, now: datetime, limits: Limits
) -> None:
    """Keep what a customer says of a vendor. Too many of those it has reached, and it reaches nobody new until the
    operator has looked (INVARIANTS A2). The vendor learns of the freeze, never of who or how many."""
    said = " ".join(words.split())[:500]
    session.add(Report(customer_id=customer_id, vendor_id=vendor_id, words=said, created_at=now))
    session.flush()
    with widened(session, "whether a vendor is reported too often is counted over all customers"):
        vendor = session.execute(
            select(Vendor).where(Vendor.id == vendor_id).with_for_update(key_share=True)
        ).scalar_one()
        reach = reach_of(session, [vendor_id], now)[vendor_id]
        if vendor.frozen_at is None and is_reported_too_often(reach.reporters, reach.ever, limits):
            vendor.frozen_at = now
            record(session, vendor_id, "vendor.frozen", now, None, reporters=reach.reporters, reached=reach.ever)
            _tell_vendor(
                session, vendor,
                later(marked("New customers hear nothing of you for now: our people look at your account first.")),
                later(marked("Nothing to do; customers who know you still get their reminders.")), now,
            )  # fmt: skip
        session.flush()


def withdraw_reports(session: Session, customer_id: UUID, vendor_id: UUID, now: datetime) -> None:
    """The customer has let the vendor in again. What is frozen stays so until the operator has looked."""
    for report in session.execute(_live_reports(vendor_id).where(Report.customer_id == customer_id)).scalars():
        report.withdrawn_at = now


def _live_reports(vendor_id: UUID) -> Any:
    return select(Report).where(
        and_(Report.vendor_id == vendor_id, Report.withdrawn_at.is_(None), Report.dismissed_at.is_(None))
    )


def record(
    session: Session,
    vendor_id: UUID,
    action: str,
    now: datetime,
    person_id: UUID | None,
    *,
    actor: str = "",
    **detail: Any,
) -> None:
    """One line of the vendor's own audit."""
    log.info(action, vendor=str(vendor_id))
    session.add(
        AuditEntry(
            at=now,
            actor=actor or ("person" if person_id else "worker"),
            person_id=person_id,
            vendor_id=vendor_id,
            action=action,
            subject_id=vendor_id,
            detail=detail,
        )
    )
