"""The mails of a thread: the vendor's people are told of a question, the asker of an answer.

They are written in the transaction of the message they tell of. Whoever writes the message may not see the other side:
what is looked up there goes into the mail and nowhere else.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app import links
from app.conversations import rules
from app.conversations.queries import files_of, invoices_of, last_from, name_in_books
from app.house import House
from app.mailboxes.rules import digest_tells
from app.models import (
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
from app.outbox.rendering import MAIL_FOLDER, TOKEN_PLACE, amounts, inert, mail_template, nowrap
from app.receivables.actions import live_holds
from app.scope import widened
from app.words import _, days, speaking


def tell_vendor(
    session: Session, *, house: House, thread: Thread, message: Message, people: Sequence[Person], now: datetime
) -> None:
    """One mail to each of ``people``, with the customer's words and a link to the desk."""
    with widened(session, "the vendor's own name for its customer, and its invoices"):
        facts = {
            **_shared(session, house, thread, message),
            "customer_name": inert(name_in_books(session, thread.vendor_id, thread.customer_id), 60),
            "link": f"{house.settings.public_url}/desk/threads/{thread.id}",
        }
        invoices = invoices_of(session, [thread.id])[thread.id]
        writer = session.get(Person, message.person_id) if message.person_id else None
    for person in people:
        with speaking(person.locale):
            mail = mail_template(MAIL_FOLDER / "question").render(
                **facts, author=_author(message, writer), lines=_lines(invoices, person, now)
            )
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


def tell_asker(session: Session, *, house: House, thread: Thread, message: Message, now: datetime) -> None:
    """One mail to whoever asked last, with the question, the answer, what is owed now, and a link to the thread.

    A mailbox gets a link of its own that shows this thread and replies to it; a person without one signs in. One that
    wants no answers at once reads it in the digest, where that will show what it is about.
    """
    with widened(session, "where the answer goes, and what was asked"):
        question = last_from(session, thread.id, Side.CUSTOMER)
        mailbox = session.get(Mailbox, thread.mailbox_id) if thread.mailbox_id else None
        asker = session.get(Person, question.person_id) if question and question.person_id else None
        facts = _shared(session, house, thread, message)
        invoices = invoices_of(session, [thread.id])[thread.id]
        writer = session.get(Person, message.person_id) if message.person_id else None
    reader = mailbox or asker
    if reader is None or (mailbox and _waits(session, mailbox, invoices, house, now)):
        return
    path = f"/m/{TOKEN_PLACE}/thread" if mailbox else f"/inbox/threads/{thread.id}"
    lasting = house.limits.link_days
    with speaking(reader.locale):
        mail = mail_template(MAIL_FOLDER / "answer").render(
            **facts,
            author=_author(message, writer),
            question=inert(rules.quote(question.body), 300) if question else "",
            result=_(rules.RESULTS[message.result]).lower() if message.result else "",
            lines=_lines(invoices, reader, now),
            link=f"{house.settings.public_url}{path}",
            is_capability=mailbox is not None,
            days=lasting,
        )
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
        token=_new_link(session, thread, mailbox, now + timedelta(days=lasting)) if mailbox else None,
        keys=house.keys,
    )


def _waits(session: Session, mailbox: Mailbox, invoices: Sequence[Invoice], house: House, now: datetime) -> bool:
    """It wants to read answers in its digest, and that will show this one: of what rests it says nothing new."""
    if mailbox.answers_at_once or not digest_tells(mailbox, invoices, house.limits.later_days):
        return False
    with widened(session, "whether the asker's digest will ask for these invoices"):
        return not any(live_holds(session, invoice.id, now) for invoice in invoices)


def _shared(session: Session, house: House, thread: Thread, message: Message) -> dict[str, Any]:
    """What both mails say. Words of either side go out inert: no mail program makes a link of them (INVARIANTS A3)."""
    return {
        "vendor_name": inert(session.get_one(Vendor, thread.vendor_id).name),
        "subject": thread.subject,
        "is_house": message.via == rules.HOUSE,
        "wants_answer": message.via != rules.HOUSE and not message.result,
        "said": [inert(line, rules.BODY_LIMIT) for line in message.body.splitlines()],
        "files": ", ".join(inert(file.name) for file in files_of(session, thread.id).get(message.id, [])),
        "takes_replies": bool(house.settings.inbound_host),
        "postal_address": house.settings.postal_address,
    }


def _new_link(session: Session, thread: Thread, mailbox: Mailbox, expires_at: datetime) -> str:
    """A fresh token that opens this thread for this mailbox; only its hash is kept."""
    token = links.new_token()
    with widened(session, "the link is the customer's, whoever writes the mail it is in"):
        session.add(
            ThreadLink(
                token_hash=links.digest_of(token),
                thread_id=thread.id,
                customer_id=thread.customer_id,
                mailbox_id=mailbox.id,
                expires_at=expires_at,
            )
        )
        session.flush()
    return token


def _author(message: Message, writer: Person | None) -> str:
    """Who wrote, and how far that is only a claim (INVARIANTS Q2 D4)."""
    if writer:
        return inert(writer.name)
    sender = message.sender_address or _("an unnamed sender")
    name = inert(message.said_by or (sender if message.via == "mail" or message.is_unverified else ""))
    if message.is_unverified:
        return _("%(name)s (by mail from %(sender)s, not verified)", name=name, sender=inert(sender, 300))
    if message.via == "mail":
        return _("%(name)s (by mail from %(sender)s, name as given)", name=name, sender=inert(sender, 300))
    return _("%(name)s (name as given, not signed in)", name=name) if name else ""


def _lines(invoices: Sequence[Invoice], reader: Mailbox | Person, now: datetime) -> list[dict[str, str]]:
    """The invoices as they stand now, in the reader's words for money and days; the first dozen."""
    amount, day = amounts(reader.locale), days(reader.locale)
    today = now.astimezone(ZoneInfo(reader.zone)).date()
    return [
        {
            "number": inert(invoice.label),
            "owed": nowrap(amount(invoice.balance_minor, invoice.currency)),
            "due": _("due %(day)s", day=day(invoice.due_on)) if invoice.due_on else _("no due date"),
            "state": rules.state_words(invoice.state, invoice.due_on, today),
        }
        for invoice in invoices[:12]
    ]
