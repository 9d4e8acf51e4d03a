"""What is thrown away when its time is over, and what never is."""

import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock, retention
from app.house import House
from app.ids import first_id, new_id
from app.models import (
    Attempt,
    AttemptResult,
    AuditEntry,
    DeliveryEvent,
    Digest,
    DigestLine,
    HeldReply,
    InboundMail,
    InboundOutcome,
    InvoiceChange,
    InvoiceState,
    JobRun,
    Outgoing,
    OutgoingKind,
    OutgoingState,
    ProviderEvent,
    SyncRun,
)
from app.retention import forget
from tests.support.world import EVERYTHING, World, digest


def test_ids_are_in_the_order_of_the_instants_they_were_made_at() -> None:
    """What is thrown away is found by its id alone."""
    now = clock.now()
    assert first_id(now - timedelta(seconds=1)) < new_id() < first_id(now + timedelta(minutes=1))


@pytest.mark.parametrize("at_once", [2, 2000])
def test_what_is_old_and_over_goes_and_the_rest_stays(
    house: House, world: World, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """[inv-N1 D15] Batch by batch, as many as there are; what is young, waits or is not understood yet stays."""
    monkeypatch.setattr(retention, "AT_ONCE", at_once)
    limits, now = house.limits, clock.now()
    old = {
        name: now - timedelta(days=getattr(limits, name) + 1) for name in type(limits).model_fields if "keep" in name
    }
    with house.database.transaction(EVERYTHING) as session:
        for at in (old["keep_notice_days"], now):
            session.add_all(_notice(at, handled_at) for handled_at in (at, at, at, None))
            session.add_all(_letter(at, outcome) for outcome in (InboundOutcome.FILED, InboundOutcome.QUARANTINED))
        for at in (old["keep_run_days"], now):
            session.add_all(
                [
                    _pull(at, world),
                    *(JobRun(id=_id(at), job="x", worker="w", started_at=at, finished_at=at) for _ in "123"),
                ]
            )
        for at in (old["keep_mail_days"], now):
            for state in (OutgoingState.ACCEPTED, OutgoingState.HELD, OutgoingState.QUEUED):
                _mail(session, at, state)
    while forget(house):
        pass
    assert _left(house, ProviderEvent) == 1 + 4
    assert _left(house, InboundMail) == 1 + 2
    assert (_left(house, SyncRun), _left(house, JobRun)) == (1, 3)
    assert (_left(house, Outgoing), _left(house, Attempt), _left(house, DeliveryEvent)) == (1 + 3, 1 + 3, 3)


def test_a_letter_whose_writer_was_asked_which_supplier_is_meant_stays(house: House, world: World) -> None:
    """Its attachments are read from there when the answer comes."""
    at = clock.now() - timedelta(days=house.limits.keep_notice_days + 1)
    with house.database.transaction(EVERYTHING) as session:
        session.add(letter := _letter(at, InboundOutcome.HELD))
        session.flush()
        to = {"customer_id": world.cobalt.customer.id, "mailbox_id": world.cobalt.mailbox.id}
        session.add(
            HeldReply(
                token_hash=b"x", digest_id=digest(session, world.cobalt).id, inbound_id=letter.id, body="Which?",
                expires_at=at, **to,
            )
        )  # fmt: skip
    assert forget(house) == 0


def test_how_a_window_ended_what_was_decided_and_what_the_books_said_is_never_thrown_away(
    house: House, world: World
) -> None:
    """[F2 inv-F2 inv-S1 inv-Q3] After ten years: the lines of the digest are gone, the digest is not."""
    at = clock.now() - timedelta(days=3650)
    of = {"vendor_id": world.acme.vendor.id, "customer_id": world.cobalt.customer.id}
    with house.database.transaction(EVERYTHING) as session:
        made = digest(session, world.cobalt, [world.acme_invoice, world.birch_invoice], id=_id(at), created_at=at)
        session.add(AuditEntry(id=_id(at), at=at, actor="worker", action="vendor.muted", **of))
        session.add(
            InvoiceChange(
                id=_id(at), at=at, invoice_id=world.acme_invoice.id, state=InvoiceState.OPEN, balance_minor=1,
                total_minor=1, **of,
            )
        )  # fmt: skip
    assert forget(house) == 2
    assert forget(house) == 0
    assert (_left(house, DigestLine), _left(house, AuditEntry), _left(house, InvoiceChange)) == (0, 1, 1)
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Digest, made.id).window == made.window


def _left(house: House, table: Any) -> int:
    with house.database.reading(EVERYTHING) as session:
        return session.execute(select(func.count()).select_from(table)).scalar_one()


def _id(at: datetime) -> UUID:
    """As new_id() would have made it then."""
    return UUID(int=first_id(at).int + secrets.randbits(64))


def _notice(at: datetime, handled_at: datetime | None) -> ProviderEvent:
    return ProviderEvent(
        id=_id(at), provider="stripe", event_key=secrets.token_hex(8), headers={}, body=b"{}", received_at=at,
        due_at=at, handled_at=handled_at,
    )  # fmt: skip


def _letter(at: datetime, outcome: InboundOutcome) -> InboundMail:
    return InboundMail(
        id=_id(at), received_at=at, content_type="text/plain", size=1, raw_hash=secrets.token_bytes(8), sealed_key="",
        sealed_raw=b"", due_at=at, handled_at=at, outcome=outcome,
    )  # fmt: skip


def _pull(at: datetime, world: World) -> SyncRun:
    of = {"vendor_id": world.acme.vendor.id, "connection_id": world.acme.connection.id}
    return SyncRun(id=_id(at), mode="changes", started_at=at, finished_at=at, **of)


def _mail(session: Session, at: datetime, state: OutgoingState) -> None:
    """With its attempt, and what the mail service said of that."""
    mail = Outgoing(
        id=_id(at), created_at=at, kind=OutgoingKind.NOTICE, dedupe_key=secrets.token_hex(8), address="x@y.example",
        subject="", text="", state=state, due_at=at,
    )  # fmt: skip
    session.add(mail)
    session.flush()
    attempt = Attempt(id=_id(at), outgoing_id=mail.id, channel="file", started_at=at, result=AttemptResult.ACCEPTED)
    told = {"kind": "delivered", "happened_at": at, "received_at": at, "body": b"{}", "handled_at": at}
    session.add_all([attempt, DeliveryEvent(id=_id(at), attempt_id=attempt.id, **told)])
