"""Mails in the outbox for the tests of delivery, each with its digest, thread or sign-in behind it; and what became of
them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app import clock
from app.house import House
from app.ids import new_id
from app.links import digest_of, new_token
from app.models import (
    Attempt,
    Cadence,
    Customer,
    Digest,
    DigestLine,
    Invoice,
    LineKind,
    LoginToken,
    Mailbox,
    Outcome,
    Outgoing,
    OutgoingKind,
    Thread,
    ThreadLink,
)
from app.outbox.actions import mail_values, write_mail
from app.outbox.rendering import TOKEN_PLACE
from digest.channels.base import Envelope
from tests.support.world import EVERYTHING, Owing, Selling, World

UNSUBSCRIBE = f"<https://sheaf.example/m/{'t' * 43}/unsubscribe/one-click>"
TEXT = f"Read it at https://sheaf.example/m/{TOKEN_PLACE}\n"
HTML = f'<html><head></head><body><a href="https://sheaf.example/m/{TOKEN_PLACE}">Read it</a></body></html>'


def digest_mail(
    session: Session,
    house: House,
    to: Mailbox,
    *,
    invoices: Sequence[Invoice] = (),
    window: str = "2026-W48",
    due_at: datetime | None = None,
    **facts: Any,
) -> Outgoing:
    """A frozen digest with a line for each invoice, and its mail, due since ``due_at`` (now)."""
    now, token = clock.now(), new_token()
    digest = Digest(
        customer_id=to.customer_id,
        mailbox_id=to.id,
        window=window,
        due_at=due_at or now,
        outcome=Outcome.QUEUED,
        token_hash=digest_of(token),
        token_expires_at=now + timedelta(days=60),
        created_at=now,
    )
    session.add(digest)
    session.flush()
    session.add_all(_line(digest, number, invoice) for number, invoice in enumerate(invoices, 1))
    return write_mail(
        session,
        kind=OutgoingKind.DIGEST,
        dedupe_key=f"digest:{digest.id}",
        mailbox=to,
        subject="2 invoices from Acme and Birch",
        text=TEXT,
        html=HTML,
        due_at=due_at or now,
        digest_id=digest.id,
        token=token,
        keys=house.keys,
        **facts,
    )


def _line(digest: Digest, number: int, invoice: Invoice) -> DigestLine:
    return DigestLine(
        digest_id=digest.id,
        line=number,
        customer_id=digest.customer_id,
        vendor_id=invoice.vendor_id,
        invoice_id=invoice.id,
        kind=LineKind.DUE,
        vendor_name="Acme",
        number=invoice.number,
        due_on=invoice.due_on,
        currency=invoice.currency,
        amount_minor=invoice.due_minor,
        total_minor=invoice.total_minor,
    )


def answer_mail(session: Session, house: House, by: Selling, to: Owing, key: str = "answer:1") -> Outgoing:
    """The vendor has answered the customer."""
    now, token = clock.now(), new_token()
    thread = a_thread(session, by, to)
    session.add(
        ThreadLink(
            token_hash=digest_of(token),
            thread_id=thread.id,
            customer_id=to.customer.id,
            mailbox_id=to.mailbox.id,
            expires_at=now + timedelta(days=60),
        )
    )
    return write_mail(
        session,
        kind=OutgoingKind.ANSWER,
        dedupe_key=key,
        mailbox=to.mailbox,
        subject="Acme answered",
        text=TEXT,
        html=HTML,
        due_at=now,
        thread_id=thread.id,
        token=token,
        keys=house.keys,
    )


def question_mail(session: Session, by: Selling, to: Owing, key: str = "question:1") -> Outgoing:
    """The customer has asked the vendor."""
    return write_mail(
        session,
        kind=OutgoingKind.QUESTION,
        dedupe_key=key,
        person=by.person,
        subject="Cobalt asks",
        text="A question.",
        html="<p>A question.</p>",
        due_at=clock.now(),
        thread_id=a_thread(session, by, to).id,
    )


def a_thread(session: Session, by: Selling, to: Owing) -> Thread:
    thread = Thread(
        vendor_id=by.vendor.id, customer_id=to.customer.id, mailbox_id=to.mailbox.id, subject="Invoice A-1"
    )  # fmt: skip
    session.add(thread)
    session.flush()
    return thread


def login_mail(session: Session, house: House, address: str) -> Outgoing:
    """Somebody at ``address`` wants to sign in."""
    now, token = clock.now(), new_token()
    asked = LoginToken(
        address=address,
        rate_key=address,
        token_hash=digest_of(token),
        code_hash=b"code",
        browser_hash=b"browser",
        created_at=now,
        expires_at=now + timedelta(minutes=10),
    )
    session.add(asked)
    session.flush()
    return write_mail(
        session,
        kind=OutgoingKind.LOGIN,
        dedupe_key=f"login:{asked.id}",
        login=asked,
        subject="Sign in",
        text=TEXT,
        html=HTML,
        due_at=now,
        token=token,
        keys=house.keys,
    )


def many_digest_mails(session: Session, house: House, count: int, cadence: Cadence = Cadence.WEEKLY) -> list[str]:
    """``count`` mailboxes of as many customers, each with a digest in the outbox, set-based; their addresses."""
    now = clock.now()
    customers, boxes, digests, mails = [], [], [], []
    for number in range(count):
        token, customer_id, box_id, digest_id = new_token(), new_id(), new_id(), new_id()
        address = f"box-{number:05d}@many.example"
        customers.append({"id": customer_id, "name": f"Customer {number}", "created_at": now})
        boxes.append(
            {"id": box_id, "customer_id": customer_id, "address": address, "cadence": cadence, "created_at": now}
        )
        digests.append(
            {
                "id": digest_id,
                "customer_id": customer_id,
                "mailbox_id": box_id,
                "window": "2026-W48",
                "due_at": now,
                "outcome": Outcome.QUEUED,
                "token_hash": digest_of(token),
                "created_at": now,
            }
        )
        mails.append(
            mail_values(
                kind=OutgoingKind.DIGEST,
                dedupe_key=f"digest:{digest_id}",
                mailbox_id=box_id,
                address=address,
                subject=f"Your suppliers, {number}",
                text=TEXT,
                html=HTML,
                due_at=now,
                digest_id=digest_id,
                token=token,
                keys=house.keys,
            )
        )
    for table, rows in ((Customer, customers), (Mailbox, boxes), (Digest, digests), (Outgoing, mails)):
        session.execute(insert(table), rows)
    return [str(box["address"]) for box in boxes]


def row(house: House, mail: Outgoing) -> Outgoing:
    with house.database.reading(EVERYTHING) as session:
        return session.execute(select(Outgoing).where(Outgoing.id == mail.id)).scalar_one()


def digest_row(house: House, mail: Outgoing) -> Digest:
    with house.database.reading(EVERYTHING) as session:
        return session.execute(select(Digest).where(Digest.id == mail.digest_id)).scalar_one()


def attempts(house: House, mail: Outgoing) -> list[Attempt]:
    with house.database.reading(EVERYTHING) as session:
        query = select(Attempt).where(Attempt.outgoing_id == mail.id).order_by(Attempt.started_at, Attempt.id)
        return list(session.execute(query).scalars())


def all_mails(house: House) -> list[Outgoing]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.execute(select(Outgoing)).scalars())


def cobalts_digest(house: House, world: World, **facts: Any) -> Outgoing:
    with house.database.transaction(EVERYTHING) as session:
        return digest_mail(session, house, world.cobalt.mailbox, invoices=[world.acme_invoice], **facts)


def envelope(**facts: Any) -> Envelope:
    """One that every channel takes, with all that is hard to carry."""
    defaults = {
        "attempt_id": uuid4(),
        "sender_name": "Sheaf",
        "sender": "digest@sheaf.example",
        "recipient": "ap@cobalt.example",
        "subject": "3 invoices from Acme and Bürch",
        "text": "Grüße\n.\nFrom here on\nend",
        "html": "<p>Grüße</p>",
        "headers": {"Message-ID": "<1@sheaf.example>", "List-Unsubscribe": UNSUBSCRIBE},
    }
    return Envelope(**{**defaults, **facts})
