"""Tell this person that: a mail is written now, in the transaction of what it tells, and carried later.

Recipients come from stored rows only (INVARIANTS D3): a mailbox, a person or a sign-in asked for is handed in, never an
address.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import structlog
from sqlalchemy import CursorResult, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import clock
from app.ids import new_id
from app.keys import KeyRing, Place
from app.models import LoginToken, Mailbox, Outgoing, OutgoingKind, OutgoingState, Person
from app.outbox.rendering import Mail, discreet
from app.outbox.rules import checked_headers, one_line
from app.scope import widened
from app.words import speaking

log = structlog.get_logger()


def write_mail(
    session: Session,
    *,
    kind: OutgoingKind,
    dedupe_key: str,
    subject: str,
    text: str,
    html: str,
    due_at: datetime,
    mailbox: Mailbox | None = None,
    person: Person | None = None,
    login: LoginToken | None = None,
    thread_id: UUID | None = None,
    digest_id: UUID | None = None,
    headers: dict[str, str] | None = None,
    token: str | None = None,
    keys: KeyRing | None = None,
) -> Outgoing:
    """Put one mail into the outbox, for exactly one of mailbox, person and login; it leaves after the commit.

    ``text`` and ``html`` hold rendering.TOKEN_PLACE where ``token`` belongs; the token is stored sealed by ``keys`` and
    never in the body. A ``dedupe_key`` that was used before returns the mail already written, unchanged.
    """
    mail = Mail(subject, text, html)
    if mailbox is not None and mailbox.is_private:
        with speaking(mailbox.locale):
            mail = discreet(mail)
    values = mail_values(
        kind=kind,
        dedupe_key=dedupe_key,
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
        due_at=due_at,
        mailbox_id=mailbox.id if mailbox else None,
        person_id=person.id if person else None,
        login_token_id=login.id if login else None,
        address=_address_of(mailbox, person, login),
        thread_id=thread_id,
        digest_id=digest_id,
        headers=headers,
        token=token,
        keys=keys,
    )
    with widened(session, "the outbox carries everybody's mail, and is in nobody's narrower scope"):
        return _written(session, dedupe_key) or _write(session, values)


def write_notice(session: Session, to: Mailbox | Person, key: str, mail: Mail, now: datetime, **facts: Any) -> Outgoing:
    """One mail of the house's own, due at once; ``facts`` as write_mail() takes them."""
    reader: dict[str, Any] = {"mailbox": to} if isinstance(to, Mailbox) else {"person": to}
    return write_mail(
        session, kind=OutgoingKind.NOTICE, dedupe_key=key, subject=mail.subject, text=mail.text, html=mail.html,
        due_at=now, **reader, **facts,
    )  # fmt: skip


def _write(session: Session, values: dict[str, Any]) -> Outgoing:
    try:
        with session.begin_nested():
            session.execute(insert(Outgoing).values(values))
    except IntegrityError:  # another transaction wrote the same mail between our look and our write
        written = _written(session, values["dedupe_key"])
        if written is None:
            raise
        return written
    log.info("mail written", kind=str(values["kind"]), outgoing=str(values["id"]))
    return session.execute(select(Outgoing).where(Outgoing.id == values["id"])).scalar_one()


def mail_values(
    *,
    kind: OutgoingKind,
    dedupe_key: str,
    subject: str,
    text: str,
    html: str,
    due_at: datetime,
    address: str,
    mailbox_id: UUID | None = None,
    person_id: UUID | None = None,
    login_token_id: UUID | None = None,
    thread_id: UUID | None = None,
    digest_id: UUID | None = None,
    headers: dict[str, str] | None = None,
    token: str | None = None,
    keys: KeyRing | None = None,
) -> dict[str, Any]:
    """One row of the outbox as column values: for write_mail, and for the planner, which inserts hundreds at once.

    ``address`` must have been read from the stored mailbox, person or login token named beside it.
    """
    recipients = [known for known in (mailbox_id, person_id, login_token_id) if known is not None]
    if len(recipients) != 1:
        raise ValueError("a mail goes to one mailbox, to one person or to one sign-in")
    outgoing_id, now = new_id(), clock.now()
    return {
        "id": outgoing_id,
        "created_at": now,
        "kind": kind,
        "dedupe_key": dedupe_key,
        "mailbox_id": mailbox_id,
        "person_id": person_id,
        "login_token_id": login_token_id,
        "address": address,
        "digest_id": digest_id,
        "thread_id": thread_id,
        "subject": one_line(subject),
        "text": text,
        "html": html,
        "headers": checked_headers(headers),
        "sealed_token": seal_token(token, keys, outgoing_id, recipients[0]),
        "state": OutgoingState.QUEUED,
        "due_at": min(due_at, now) if kind == OutgoingKind.LOGIN else due_at,  # somebody waits for it
        "reason": "",
    }


def seal_token(token: str | None, keys: KeyRing | None, outgoing_id: UUID, recipient_id: UUID | None) -> str | None:
    """The token as the outbox keeps it: readable by its own row and recipient only, until the mail is accepted."""
    if token is None:
        return None
    if keys is None:
        raise ValueError("a token needs the key ring that seals it")
    return keys.seal(token, place=Place.LINK, row=outgoing_id, tenant=recipient_id)


def open_token(sealed: str | None, keys: KeyRing, outgoing_id: UUID, recipient_id: UUID | None) -> str | None:
    """The token again, for hand-over. Raises CannotOpen."""
    return None if sealed is None else keys.open(sealed, place=Place.LINK, row=outgoing_id, tenant=recipient_id)


def cancel(session: Session, outgoing_ids: Sequence[UUID], *, reason: str, now: datetime) -> int:
    """Take mails back that nobody has begun to send; returns how many. One that is on its way stays as it is."""
    if not outgoing_ids:
        return 0
    done = session.execute(
        update(Outgoing)
        .where(Outgoing.id.in_(outgoing_ids), Outgoing.state == OutgoingState.QUEUED)
        .values(state=OutgoingState.CANCELLED, finished_at=now, reason=reason[:300], sealed_token=None)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", done).rowcount


def _written(session: Session, dedupe_key: str) -> Outgoing | None:
    return session.execute(select(Outgoing).where(Outgoing.dedupe_key == dedupe_key)).scalar_one_or_none()


def _address_of(mailbox: Mailbox | None, person: Person | None, login: LoginToken | None) -> str:
    for recipient in (mailbox, person, login):
        if recipient is not None:
            return recipient.address
    raise ValueError("a mail goes to one mailbox, to one person or to one sign-in")
