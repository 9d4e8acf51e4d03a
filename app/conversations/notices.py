"""The mails of a thread: the vendor's people are told of a question, the asker of an answer.

They are written in the transaction of the message they tell of. Whoever writes the message may not see the other side:
what is looked up there goes into the mail and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import css_inline
from babel.dates import format_date
from flask import render_template
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import links
from app.conversations import rules
from app.conversations.queries import invoices_of, last_from
from app.house import House
from app.models import (
    BillTo,
    Invoice,
    Mailbox,
    Message,
    OutgoingKind,
    Person,
    Side,
    Thread,
    ThreadLink,
    Vendor,
)
from app.outbox.actions import write_mail
from app.outbox.rendering import TOKEN_PLACE
from app.scope import widened


def tell_vendor(
    session: Session, *, house: House, thread: Thread, message: Message, people: Sequence[Person], now: datetime
) -> None:
    """One mail to each of ``people``, with the customer's words and a link to the desk."""
    with widened(session, "the vendor's own name for its customer, and its invoices"):
        facts = {
            "vendor_name": _vendor(session, thread).name,
            "customer_name": _name_in_books(session, thread),
            "author": _author(session, message),
            "is_claimed": message.person_id is None,
            "thread": thread,
            "body": message.body,
            "link": f"{house.settings.public_url}/desk/threads/{thread.id}",
            "postal_address": house.settings.postal_address,
        }
        invoices = invoices_of(session, [thread.id])[thread.id]
    for person in people:
        mail = _rendered("question", {**facts, "lines": _lines(invoices, person.locale, _day(now, person.zone))})
        write_mail(
            session,
            kind=OutgoingKind.QUESTION,
            dedupe_key=f"question:{message.id}:{person.id}",
            person=person,
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            due_at=now,
            thread_id=thread.id,
        )


def tell_asker(
    session: Session, *, house: House, thread: Thread, message: Message, author: Person | None, now: datetime
) -> None:
    """One mail to whoever asked last, with the question, the answer, what is owed now, and a link to the thread.

    A mailbox gets a link of its own that shows this thread and replies to it; a person without one signs in.
    """
    with widened(session, "where the answer goes, and what was asked"):
        question = last_from(session, thread.id, Side.CUSTOMER)
        mailbox = session.get(Mailbox, thread.mailbox_id) if thread.mailbox_id else None
        asker = session.get(Person, question.person_id) if question and question.person_id else None
        vendor = _vendor(session, thread)
        invoices = invoices_of(session, [thread.id])[thread.id]
    reader = mailbox or asker
    if reader is None:
        return
    path = f"/m/{TOKEN_PLACE}/thread" if mailbox else f"/inbox/threads/{thread.id}"
    facts = {
        "vendor_name": vendor.name,
        "author": author.name if author else "",
        "thread": thread,
        "question": rules.quote(question.body) if question else "",
        "body": message.body,
        "result": message.result,
        "lines": _lines(invoices, reader.locale, _day(now, reader.zone)),
        "link": f"{house.settings.public_url}{path}",
        "days": house.limits.link_days,
        "postal_address": house.settings.postal_address,
    }
    mail = _rendered("answer", facts)
    write_mail(
        session,
        kind=OutgoingKind.ANSWER,
        dedupe_key=f"answer:{message.id}",
        mailbox=mailbox,
        person=None if mailbox else asker,
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
        due_at=now,
        thread_id=thread.id,
        token=_new_link(session, thread, mailbox, now + timedelta(days=house.limits.link_days)) if mailbox else None,
        keys=house.keys,
    )


def _new_link(session: Session, thread: Thread, mailbox: Mailbox, expires_at: datetime) -> str:
    """A fresh token that opens this thread for this mailbox; only its hash is kept."""
    token = links.new_token()
    session.add(
        ThreadLink(
            token_hash=links.digest_of(token),
            thread_id=thread.id,
            customer_id=thread.customer_id,
            mailbox_id=mailbox.id,
            expires_at=expires_at,
        )
    )
    return token


def _vendor(session: Session, thread: Thread) -> Vendor:
    return session.get_one(Vendor, thread.vendor_id)


def _name_in_books(session: Session, thread: Thread) -> str:
    """What the vendor's books call the customer: never what others' do."""
    names = (
        select(BillTo.name)
        .where(BillTo.vendor_id == thread.vendor_id, BillTo.customer_id == thread.customer_id, BillTo.name != "")
        .order_by(BillTo.created_at, BillTo.id)
        .limit(1)
    )
    return session.execute(names).scalar_one_or_none() or "A customer"


def _author(session: Session, message: Message) -> str:
    person = session.get(Person, message.person_id) if message.person_id else None
    return person.name if person else message.said_by


def _lines(invoices: Sequence[Invoice], locale: str, today: date) -> list[dict[str, str]]:
    """The invoices as they stand now, in the reader's words for money and days; the first dozen."""
    return [
        {
            "number": invoice.label,
            "owed": invoice.balance.format(locale),
            "due": format_date(invoice.due_on, "d MMM y", locale=locale) if invoice.due_on else "no due date",
            "state": rules.state_words(invoice.state, invoice.balance_minor, invoice.due_on, today),
        }
        for invoice in invoices[:12]
    ]


def _day(now: datetime, zone: str) -> date:
    return now.astimezone(ZoneInfo(zone)).date()


@dataclass(frozen=True, slots=True)
class _Mail:
    subject: str
    text: str
    html: str


def _rendered(name: str, facts: dict[str, Any]) -> _Mail:
    return _Mail(
        subject=render_template(f"mail/{name}/subject.txt", **facts).strip(),
        text=render_template(f"mail/{name}/body.txt", **facts),
        html=_inliner().inline(render_template(f"mail/{name}/body.html", **facts)),
    )


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
