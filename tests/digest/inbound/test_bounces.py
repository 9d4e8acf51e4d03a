"""What mail servers report by mail of what went by SMTP."""

from typing import Any

import pytest
from sqlalchemy import select

from app import clock
from app.house import House
from app.models import Attempt, DeliveryEvent, InboundMail, Mailbox
from digest.channels.base import Envelope
from digest.deliver import deliver_batch
from digest.events import handle_events
from digest.inbound.intake import store
from digest.inbound.request import MESSAGE
from digest.replies import mail_of
from tests.digest.mails import cobalts_digest
from tests.support.inbound import HOST, handle_all
from tests.support.sinks import MemoryChannel
from tests.support.time import MONDAY_MORNING
from tests.support.world import EVERYTHING, World

REPORT = """Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@mx.example>
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-ID: <{name}@mx.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=_r

--_r
Content-Type: text/plain

It could not be delivered.

--_r
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
Arrival-Date: Mon, 23 Nov 2026 09:00:00 +0000

Final-Recipient: rfc822; ap@cobalt.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}

--_r
Content-Type: text/rfc822-headers

Subject: 2 invoices
--_r--
"""


@pytest.fixture
def sent(house: House, world: World, travel: Any) -> Envelope:
    """Cobalt's digest is out, by a channel that has no events."""
    travel(MONDAY_MORNING)
    house.settings.inbound_host = HOST
    cobalts_digest(house, world)
    channel = MemoryChannel()
    deliver_batch(house, channel)
    return channel.taken[0]


def come(house: House, to: str, action: str, status: str, said: str, name: str = "one") -> InboundMail:
    """A report comes through the mail server's pipe and is worked on."""
    raw = REPORT.format(to=to, action=action, status=status, said=said, name=name).replace("\n", "\r\n").encode()
    with house.database.transaction(EVERYTHING) as session:
        store(session, house.keys, raw, {"Content-Type": MESSAGE}, clock.now())
    handle_all(house)
    handle_events(house)
    with house.database.reading(EVERYTHING) as session:
        return session.scalars(select(InboundMail).order_by(InboundMail.received_at.desc())).all()[0]


def events(house: House) -> list[DeliveryEvent]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(DeliveryEvent)))


def is_silenced(house: House, world: World) -> bool:
    with house.database.reading(EVERYTHING) as session:
        return session.get_one(Mailbox, world.cobalt.mailbox.id).suppressed_at is not None


def test_an_address_that_nobody_has_is_silenced_by_the_report_of_it(house: House, world: World, sent: Envelope) -> None:
    """[D14 D18 inv-S10] The return address names the attempt; "no such user" stops the mailbox, as an event would."""
    mail = come(house, sent.return_to, "failed", "5.1.1", "550 5.1.1 unknown user")
    assert mail.reason == "a mail server reports: bounce"
    (event,) = events(house)
    with house.database.reading(EVERYTHING) as session:
        assert event.attempt_id == session.scalar(select(Attempt.id))
    assert is_silenced(house, world)


@pytest.mark.parametrize(
    ("action", "status", "kind"),
    [("failed", "5.7.1", "blocked"), ("failed", "5.2.2", "blocked"), ("delayed", "4.4.1", "deferred")],
)
def test_a_servers_mood_is_no_fault_of_the_address(
    house: House, world: World, sent: Envelope, action: str, status: str, kind: str
) -> None:
    """[D14] Policy, a full mailbox and a delay are kept as what they are, and stop nothing at once."""
    come(house, sent.return_to, action, status, "not now")
    assert [event.kind for event in events(house)] == [kind]
    assert not is_silenced(house, world)


def test_only_the_return_address_of_that_very_mail_is_believed(house: House, world: World, sent: Envelope) -> None:
    """[inv-N4] The address to answer to, a changed signature, and a report of nothing we know make no event."""
    broken = sent.return_to.replace(sent.return_to[5], "a" if sent.return_to[5] != "a" else "b", 1)
    assert mail_of(house.keys, sent.return_to, HOST) is None  # nor can it be replied to
    for number, address in enumerate((sent.reply_to, broken)):
        come(house, address, "failed", "5.1.1", "550 5.1.1 unknown user", name=f"n{number}")
    come(house, sent.return_to, "relayed", "2.0.0", "passed on", name="last")
    assert events(house) == []
    assert not is_silenced(house, world)
