"""The PDFs of new invoices go with the digest, where a mailbox asks for them (FEATURES C14).

The mail of such a mailbox waits a little. Meanwhile a job has the providers' documents fetched and kept, and then lets
the mail go; who carries it asks no provider, and attaches what is kept, up to a sum. All else stays the link it is.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select, text, update
from sqlalchemy.orm import aliased

from app.db import database_now
from app.house import House
from app.models import Digest, DigestLine, LineKind, Outcome, Outgoing, OutgoingState
from app.scope import Everything
from app.settings import Limits
from digest.channels.base import Attachment
from digest.schedule import Box

_WORKER = Everything("the worker fetches what goes with everybody's mail")
_WAITS = "waits for the PDFs of its new invoices"
_QUEUED = text("outgoing.state IN ('queued', 'claimed') AND outgoing.state = 'queued'")  # as the partial index says it
_AT_ONCE = 10  # mails of one look
_MOST = 20  # documents of one mail
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")

GetPdf = Callable[[UUID], bytes | None]


class Documents(NamedTuple):
    """Of an invoice by its id: ``fetch`` may ask the provider, ``kept`` asks nobody."""

    fetch: GetPdf
    kept: GetPdf


NO_DOCUMENTS = Documents(lambda invoice_id: None, lambda invoice_id: None)


class NewInvoice(NamedTuple):
    id: UUID
    vendor: str
    number: str

    @property
    def file_name(self) -> str:
        name = _UNSAFE.sub("-", f"{self.vendor} {self.number}").strip("-.")
        return f"{name or 'invoice'}.pdf"


def waiting(box: Box, now: datetime, limits: Limits) -> dict[str, Any]:
    """The columns of a mail that waits for documents; none when its mailbox wants none."""
    if not box.attaches_pdfs or box.is_private:
        return {}
    return {"due_at": now + timedelta(minutes=limits.attached_within_minutes), "reason": _WAITS}


def fetch_documents(house: House, documents: Documents) -> int:
    """Have the documents of waiting mails kept, then let those mails go; returns how many went. No transaction is open
    while a provider is asked; two workers at the same mail ask twice at worst."""
    with house.database.reading(_WORKER) as session:
        mails = session.execute(_WAITING, {"now": database_now(session)}).all()
    for mail_id, digest_id in mails:
        room = house.limits.attached_bytes
        for each in new_invoices(house, digest_id):
            room -= len(documents.fetch(each.id) or b"")
            if room <= 0:
                break
        with house.database.transaction(_WORKER) as session:
            session.execute(_LET_GO, {"mail": mail_id, "now": database_now(session)})
    return len(mails)


def attached(house: House, digest_id: UUID, kept: GetPdf) -> tuple[Attachment, ...]:
    """What goes with a digest: the kept documents of its new invoices, as many as fit."""
    found, room = [], house.limits.attached_bytes
    for each in new_invoices(house, digest_id):
        pdf = kept(each.id)
        if pdf is not None and len(pdf) <= room:
            found.append(Attachment(each.file_name, pdf))
            room -= len(pdf)
    return tuple(found)


def new_invoices(house: House, digest_id: UUID) -> list[NewInvoice]:
    """The invoices a digest shows that no earlier mail to its mailbox has shown, in the digest's order."""
    with house.database.reading(_WORKER) as session:
        rows = session.execute(_NEW, {"digest": digest_id}).all()
    return [NewInvoice(invoice_id, vendor, number) for invoice_id, vendor, number in rows if invoice_id]


_WAITING = (
    select(Outgoing.id, Digest.id)
    .join(Digest, Digest.id == Outgoing.digest_id)
    .where(_QUEUED, Outgoing.due_at > bindparam("now"), Outgoing.reason == _WAITS)
    .order_by(Outgoing.due_at)
    .limit(_AT_ONCE)
)
_LET_GO = (
    update(Outgoing)
    .where(Outgoing.id == bindparam("mail"), Outgoing.state == OutgoingState.QUEUED, Outgoing.reason == _WAITS)
    .values(due_at=bindparam("now"), reason="")
    .execution_options(synchronize_session=False)
)
_before, _earlier = aliased(Digest), aliased(DigestLine)
_shown_before = (
    select(_earlier.line)
    .join(_before, _before.id == _earlier.digest_id)
    .where(_earlier.invoice_id == DigestLine.invoice_id, _earlier.is_shown)
    .where(_before.mailbox_id == Digest.mailbox_id, _before.id != Digest.id, _before.outcome == Outcome.ACCEPTED)
    .exists()
)
_NEW = (
    select(DigestLine.invoice_id, DigestLine.vendor_name, DigestLine.number)
    .join(Digest, Digest.id == DigestLine.digest_id)
    .where(DigestLine.digest_id == bindparam("digest"), DigestLine.is_shown, DigestLine.invoice_id.is_not(None))
    .where(DigestLine.kind.in_((LineKind.DUE, LineKind.LATER)), ~_shown_before)
    .order_by(DigestLine.line)
    .limit(_MOST)
)
