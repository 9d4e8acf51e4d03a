"""What the operator's board reads of the outbox."""

from datetime import timedelta

from app import clock
from app.house import House
from app.models import Attempt, AttemptResult, DeliveryEvent, OutgoingKind, OutgoingState
from app.outbox.queries import attempts_of, counts_since, held, recent_failures, waiting
from tests.app.outbox.test_actions import notice
from tests.support.world import EVERYTHING, World


def test_the_board_counts_what_waits_what_is_stuck_and_what_was_said(house: House, world: World) -> None:
    """[L1 D15 inv-F1] The backlog is visible: queued, due, oldest, held and failed with reasons, attempts, events."""
    now = clock.now()
    with house.database.transaction(EVERYTHING) as session:
        due, later, stuck, failed = (
            notice(session, mailbox=world.cobalt.mailbox, dedupe_key=f"notice:{number}", due_at=now)
            for number in range(4)
        )
        later.due_at = now + timedelta(hours=1)
        stuck.state, stuck.reason = OutgoingState.HELD, "answered 500"
        failed.state, failed.reason = OutgoingState.FAILED, "400: not taken"
        attempt = Attempt(outgoing_id=stuck.id, channel="sendgrid", started_at=now, result=AttemptResult.UNKNOWN)
        session.add(attempt)
        session.flush()
        session.add(
            DeliveryEvent(
                attempt_id=attempt.id, kind="deferred", happened_at=now, received_at=now, headers={}, body=b"{}"
            )
        )
    with house.database.reading(EVERYTHING) as session:
        board = waiting(session, now)
        assert (board.queued, board.claimed, board.due, board.oldest_due_at) == (2, 0, 1, due.due_at)
        assert [(mail.id, mail.reason) for mail in held(session)] == [(stuck.id, "answered 500")]
        assert [(mail.id, mail.reason) for mail in recent_failures(session)] == [(failed.id, "400: not taken")]
        assert counts_since(session, now - timedelta(hours=1)) == {
            (OutgoingKind.NOTICE, OutgoingState.QUEUED): 2,
            (OutgoingKind.NOTICE, OutgoingState.HELD): 1,
            (OutgoingKind.NOTICE, OutgoingState.FAILED): 1,
        }
        ((tried, events),) = attempts_of(session, stuck.id)
        assert (tried.id, [each.kind for each in events]) == (attempt.id, ["deferred"])
