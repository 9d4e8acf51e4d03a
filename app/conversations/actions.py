"""Questions, answers and their mails. Every message and the mail it causes are one commit (INVARIANTS Q1).

Messages are only ever added. A thread's state and waiting time are what its last messages made of it.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.house import House
from app.models import Message, Person, Side, Thread


def ask_question(
    session: Session,
    *,
    house: House,
    vendor_id: UUID,
    customer_id: UUID,
    mailbox_id: UUID | None,
    invoice_ids: Sequence[UUID],
    body: str,
    now: datetime,
    via: str,
    person: Person | None = None,
    said_by: str = "",
) -> Thread:
    """The customer asks the vendor, about some of its invoices or none. Its people's notices are queued in this commit.

    An open thread about one of these invoices goes on; else a new one begins. ``via`` is page, link or mail; ``person``
    is given when signed in, ``said_by`` is the name a link's holder claims. Answers go to ``mailbox_id``.
    Raises CannotSay (words for the asker), and NotYours for an invoice or vendor this customer has nothing with: 404.
    """
    raise NotImplementedError


def follow_up(
    session: Session,
    *,
    house: House,
    thread: Thread,
    body: str,
    now: datetime,
    via: str,
    mailbox_id: UUID | None = None,
    person: Person | None = None,
    said_by: str = "",
) -> Message:
    """The customer writes on in a thread; a closed one opens again within 30 days. Raises CannotSay, ThreadIsClosed."""
    raise NotImplementedError


def answer(session: Session, *, house: House, thread: Thread, person: Person, body: str, now: datetime) -> Message:
    """The vendor answers; the asker's mail, with the invoices' state now and a link, is queued in this commit.

    Raises CannotSay, ThreadIsClosed.
    """
    raise NotImplementedError


def close_thread(
    session: Session,
    *,
    house: House,
    thread: Thread,
    person: Person | None,
    result: str,
    now: datetime,
    body: str = "",
    side: Side = Side.VENDOR,
) -> Message:
    """Close with a result of rules.RESULTS_OF[side], with or without last words. The closing is itself a message.

    The asker is told by mail when the vendor closes with words, or without having answered. Raises WrongResult, CannotSay.
    """
    raise NotImplementedError
