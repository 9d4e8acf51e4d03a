"""What is known of mails that are due: who they are for as stored now, what those were sent lately, which digest it is.

Each function is a fixed number of statements, however many mails are asked about.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, aliased

from app.among import among
from app.models import Attempt, AttemptResult, Digest, LoginToken, Mailbox, Outcome, Outgoing, OutgoingKind, Person
from digest.brakes import Addressee, DigestFacts, DueMail, Past

_LIVE = (AttemptResult.STARTED, AttemptResult.UNKNOWN, AttemptResult.ACCEPTED)
_LONGEST_QUEUE = timedelta(days=7)  # older mails are not looked through for what was handed over in the last day


def addressees(session: Session, mails: Sequence[DueMail]) -> dict[UUID, Addressee]:
    """The stored recipients by their ids."""
    boxes = _mailboxes(session, [mail.mailbox_id for mail in mails if mail.mailbox_id])
    people = _people(session, [mail.person_id for mail in mails if mail.person_id])
    return boxes | people | _sign_ins(session, [mail.login_token_id for mail in mails if mail.login_token_id])


def _mailboxes(session: Session, ids: Sequence[UUID]) -> dict[UUID, Addressee]:
    """Locked until the commit, in the order of their ids: two workers with two mails of one mailbox must see each
    other's attempt before they count."""
    if not ids:
        return {}
    return {
        row.id: Addressee(
            address=row.address,
            customer_id=row.customer_id,
            suppressed_at=row.suppressed_at,
            reminders_off_at=row.reminders_off_at,
            paused_until=row.paused_until,
            last_digest_at=row.last_digest_at,
            attaches_pdfs=row.attaches_pdfs and not row.is_private,
        )
        for row in session.execute(_MAILBOXES, {"ids": ids})
    }


def _people(session: Session, ids: Sequence[UUID]) -> dict[UUID, Addressee]:
    if not ids:
        return {}
    query = select(Person.id, Person.address, Person.suppressed_at, Person.disabled_at).where(among(Person.id, ids))
    return {
        row.id: Addressee(row.address, suppressed_at=row.suppressed_at, disabled_at=row.disabled_at)
        for row in session.execute(query)
    }


def _sign_ins(session: Session, ids: Sequence[UUID]) -> dict[UUID, Addressee]:
    if not ids:
        return {}
    query = (
        select(LoginToken.id, LoginToken.address, LoginToken.rate_key, LoginToken.expires_at, Person.disabled_at)
        .outerjoin(Person, Person.address == LoginToken.address)
        .where(among(LoginToken.id, ids))
    )
    return {
        row.id: Addressee(row.address, rate_key=row.rate_key, expires_at=row.expires_at, disabled_at=row.disabled_at)
        for row in session.execute(query)
    }


def handed_lately(
    session: Session, mails: Sequence[DueMail], to: dict[UUID, Addressee], now: datetime
) -> dict[UUID | str, list[Past]]:
    """What was or may have been handed over in the last 24 hours, by counted_as()."""
    boxes = {mail.mailbox_id for mail in mails if mail.mailbox_id}
    keys = {to[mail.login_token_id].rate_key for mail in mails if mail.login_token_id and mail.login_token_id in to}
    found: dict[UUID | str, list[Past]] = {}
    if boxes:
        asked_of = {"ids": boxes, "queued": now - _LONGEST_QUEUE, "since": now - timedelta(hours=24)}
        for row in session.execute(_HANDED, asked_of):
            found.setdefault(row[0] or "", []).append(Past(OutgoingKind(row[1]), row[2]))
    if keys:
        asked = select(LoginToken.rate_key, Outgoing.kind, Attempt.started_at)
        asked = asked.join(Outgoing, Outgoing.login_token_id == LoginToken.id)
        asked = asked.join(Attempt, Attempt.outgoing_id == Outgoing.id)
        asked = asked.where(LoginToken.rate_key.in_(keys), LoginToken.created_at > now - timedelta(hours=2))
        asked = asked.where(Attempt.result.in_(_LIVE), Attempt.started_at > now - timedelta(hours=24))
        for key, kind, at in session.execute(asked):
            found.setdefault(key, []).append(Past(OutgoingKind(kind), at))
    return found


def counted_as(mail: DueMail, to: Addressee | None) -> UUID | str | None:
    """Sign-in mails count by the human's address however spelled, all others by mailbox or person."""
    if mail.login_token_id is not None:
        return to.rate_key if to else None
    return mail.recipient_id


def digest_facts(session: Session, digest_ids: Sequence[UUID], now: datetime) -> dict[UUID, DigestFacts]:
    if not digest_ids:
        return {}
    rows = session.execute(_DIGESTS, {"ids": digest_ids, "now": now})
    return {row[0]: DigestFacts(row[1], Outcome(row[2]), bool(row[3])) for row in rows}


# What is asked for every batch is put together once: that took longer than asking.
_MAILBOXES = (
    select(Mailbox.id, Mailbox.address, Mailbox.customer_id, Mailbox.suppressed_at, Mailbox.reminders_off_at)
    .add_columns(Mailbox.paused_until, Mailbox.last_digest_at, Mailbox.attaches_pdfs, Mailbox.is_private)
    .where(among(Mailbox.id, "ids"))
    .order_by(Mailbox.id)
    .with_for_update(key_share=True)
)
_HANDED = (
    select(Outgoing.mailbox_id, Outgoing.kind, Attempt.started_at)
    .join(Attempt, Attempt.outgoing_id == Outgoing.id)
    .where(among(Outgoing.mailbox_id, "ids"), Outgoing.created_at > bindparam("queued"))
    .where(Attempt.result.in_(_LIVE), Attempt.started_at > bindparam("since"))
)
_later = aliased(Digest)
_overtaken = select(_later.id).where(
    _later.mailbox_id == Digest.mailbox_id, _later.due_at > Digest.due_at, _later.due_at <= bindparam("now")
)
_DIGESTS = select(Digest.id, Digest.due_at, Digest.outcome, _overtaken.exists()).where(among(Digest.id, "ids"))
