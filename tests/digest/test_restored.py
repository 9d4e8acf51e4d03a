"""After a restore: what may have gone out since the backup does not go out again."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from flask import Flask
from sqlalchemy import select

from app import clock
from app.house import House
from app.models import (
    AuditEntry,
    DeliveryEvent,
    Mailbox,
    Outcome,
    OutgoingState,
    StopSwitch,
)
from digest.deliver import deliver_batch
from digest.events import handle_events
from digest.plan import plan_batch
from digest.restored import hold_after_restore
from tests.digest.mails import answer_mail, cobalts_digest, digest_row, row
from tests.digest.rows import digests
from tests.support.sinks import MemoryChannel
from tests.support.time import MONDAY_MORNING
from tests.support.world import EVERYTHING, World

BACKUP = MONDAY_MORNING - timedelta(hours=6)


def let_go_on(house: House) -> None:
    with house.database.transaction(EVERYTHING) as session:
        session.delete(session.get_one(StopSwitch, "sending"))


def test_queued_digests_and_open_windows_are_held_and_come_next_time(house: House, world: World, travel: Any) -> None:
    """[L9 inv-S1 inv-S2 inv-S13] Nothing that may have gone out goes again; the answer does; next week all is usual."""
    travel(MONDAY_MORNING)
    mail = cobalts_digest(house, world)  # queued when the backup was made
    with house.database.transaction(EVERYTHING) as session:
        answer_mail(session, house, world.acme, world.cobalt)
        session.get_one(Mailbox, world.outsider.mailbox.id).next_digest_at = BACKUP + timedelta(hours=1)
    held = hold_after_restore(house, BACKUP)
    assert (held.mails, held.windows) == (1, 1)
    again = hold_after_restore(house, BACKUP)
    assert (again.mails, again.windows) == (0, 0)
    assert plan_batch(house) == deliver_batch(house, MemoryChannel()) == 0
    let_go_on(house)
    plan_batch(house)
    channel = MemoryChannel()
    deliver_batch(house, channel)
    assert [each.subject for each in channel.taken] == ["Acme answered"]
    assert (row(house, mail).state, digest_row(house, mail).outcome) == (OutgoingState.CANCELLED, Outcome.HELD)
    kept = digests(house)
    assert {found.outcome for found in kept} == {Outcome.HELD}
    assert all("backup was put back" in found.reason for found in kept)
    with house.database.reading(EVERYTHING) as session:
        upcoming = session.get_one(Mailbox, world.outsider.mailbox.id).next_digest_at
        assert upcoming
        assert upcoming > MONDAY_MORNING
        assert "database.restored" in session.scalars(select(AuditEntry.action)).all()


def test_events_of_forgotten_mails_keep_the_next_digest_away(house: House, world: World, travel: Any) -> None:
    """[L9 D18 inv-S4] A mail this database does not know went to Cobalt an hour ago: twenty hours from there."""
    travel(MONDAY_MORNING)
    hold_after_restore(house, BACKUP)
    went = MONDAY_MORNING - timedelta(hours=1)
    with house.database.transaction(EVERYTHING) as session:
        facts = {"attempt_id": uuid4(), "kind": "delivered", "happened_at": went, "received_at": clock.now()}
        session.add(DeliveryEvent(**facts, body=b'{"email": "AP@cobalt.example"}'))
    assert handle_events(house) == 1
    with house.database.reading(EVERYTHING) as session:
        assert session.scalars(select(DeliveryEvent.is_stray)).one()
        assert session.get_one(Mailbox, world.cobalt.mailbox.id).last_digest_at == went
    let_go_on(house)
    mail = cobalts_digest(house, world, window="2026-W49")
    channel = MemoryChannel()
    deliver_batch(house, channel)
    assert channel.taken == []
    assert row(house, mail).due_at == went + timedelta(hours=20)


def test_the_command_says_what_it_held(house: House, whole_app: Flask, world: World) -> None:
    """[L9]"""
    cobalts_digest(house, world)
    done = whole_app.test_cli_runner().invoke(args=["digest", "restored", "2026-11-22T03:00"])
    assert done.exit_code == 0, done.output
    assert "Held: 1 queued digests" in done.output
