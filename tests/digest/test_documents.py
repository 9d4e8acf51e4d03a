"""The PDFs of new invoices go with the digest where a mailbox asks for them; nobody waits for them long."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from app.house import House
from digest.channels.sendgrid import SendGridChannel
from digest.deliver import deliver_batch
from digest.documents import Documents, fetch_documents
from digest.plan import plan_batch
from tests.digest.rows import change, mails
from tests.support.sinks import SendGridDouble
from tests.support.world import EVERYTHING, NOW, World, invoice

PDF = b"%PDF-1.7 toy " + bytes(range(256))
DEADLINE = NOW + timedelta(minutes=2)


@pytest.fixture
def world(due_world: World) -> World:
    return due_world


class Shelf:
    """The providers' documents: what was fetched is kept."""

    def __init__(self) -> None:
        self.kept: dict[UUID, bytes] = {}
        self.documents = Documents(self.fetch, self.kept.get)

    def fetch(self, invoice_id: UUID) -> bytes | None:
        return self.kept.setdefault(invoice_id, PDF)


def names(sink: SendGridDouble, number: int = -1) -> list[str]:
    return [each["filename"] for each in sink.taken[number].body.get("attachments", [])]


def send(house: House, channel: SendGridChannel, shelf: Shelf) -> int:
    return deliver_batch(house, channel, kept_pdf=shelf.documents.kept)


def test_none_goes_with_a_mail_unless_asked_for(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel
) -> None:
    """[C14] Off by default, and never in private mode: such a mail waits for nothing."""
    shelf = Shelf()
    change(house, world.cobalt.mailbox, attaches_pdfs=True, is_private=True)
    plan_batch(house)
    assert mails(house)[0].due_at == NOW
    change(house, world.cobalt.mailbox, is_private=False, attaches_pdfs=False)
    assert fetch_documents(house, shelf.documents) == 0
    assert send(house, channel, shelf) == 1
    assert names(sink) == []
    assert shelf.kept == {}


def test_those_of_new_invoices_go_with_the_mail(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel, travel: Callable[[datetime], None]
) -> None:
    """[C14] They are fetched before the mail goes; the next mail brings only what it is the first to name."""
    shelf = Shelf()
    change(house, world.cobalt.mailbox, attaches_pdfs=True)
    plan_batch(house)
    assert (mails(house)[0].due_at, send(house, channel, shelf)) == (DEADLINE, 0)
    assert fetch_documents(house, shelf.documents) == 1
    assert send(house, channel, shelf) == 1
    assert names(sink) == ["Acme-A-1.pdf", "Birch-B-1.pdf"]
    assert fetch_documents(house, shelf.documents) == 0
    travel(NOW + timedelta(days=7))
    with house.database.transaction(EVERYTHING) as session:
        invoice(session, world.acme, world.cobalt, number="Ä/7 ..\\x")
        for each in (world.acme, world.birch):
            session.merge(each.connection).as_of = NOW + timedelta(days=7)
    plan_batch(house)
    fetch_documents(house, shelf.documents)
    assert send(house, channel, shelf) == 1
    assert names(sink) == ["Acme-7-..-x.pdf"]


def test_what_cannot_be_had_in_time_stays_a_link(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel, travel: Callable[[datetime], None]
) -> None:
    """[C14 inv-F2] The mail goes at its deadline with what there is, and no provider is asked then."""
    shelf = Shelf()
    change(house, world.cobalt.mailbox, attaches_pdfs=True)
    plan_batch(house)
    shelf.fetch(world.birch_invoice.id)
    travel(DEADLINE + timedelta(seconds=1))
    assert send(house, channel, shelf) == 1
    assert names(sink) == ["Birch-B-1.pdf"]


def test_all_of_one_mail_fit_a_limit(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel
) -> None:
    """[C14] Ten megabytes in life."""
    house.limits.attached_bytes = len(PDF) + 10
    shelf = Shelf()
    change(house, world.cobalt.mailbox, attaches_pdfs=True)
    plan_batch(house)
    fetch_documents(house, shelf.documents)
    send(house, channel, shelf)
    assert names(sink) == ["Acme-A-1.pdf"]
    assert len(json.dumps(sink.taken[-1].body)) < 40_000
