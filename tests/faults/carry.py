"""What stayed held is not lost: a week later, in the same mailboxes' next window, its lines are mailed."""

import tempfile
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select, update

from app import clock
from app.models import Connection, Digest, DigestLine, Mailbox, Outcome
from app.scope import Everything
from tests.faults.stage import Stage
from tests.support.played_time import Board
from tests.support.workers import Fleet

_PLAY = Everything("a long run plays the next window")


def carry_on(stage: Stage) -> tuple[int, int]:
    """Play the next window of the mailboxes whose last one is held: how many those are, and how many were then mailed
    what the held one would have said."""
    then = clock.now() + timedelta(days=7, hours=1)
    held = select(Digest.mailbox_id).where(Digest.outcome == Outcome.HELD)
    with stage.house.database.transaction(_PLAY) as session:
        boxes = set(session.execute(held).scalars())
        session.execute(update(Mailbox).where(Mailbox.id.not_in(held)).values(next_digest_at=None))
        session.execute(update(Connection).values(as_of=then))  # books that are a week old would dun nobody
    if not boxes:
        return 0, 0
    with tempfile.TemporaryDirectory(prefix="sheaf-faults-") as folder:
        path = Path(folder) / "board"
        board = Board(path, 1)
        fleet = Fleet([f"ticker {path} 0"], stage.environment)
        try:
            board.play(then, within=600)
        finally:
            fleet.stop()
    lines = select(func.count()).where(DigestLine.digest_id == Digest.id, DigestLine.is_shown).scalar_subquery()
    mailed = select(Digest.mailbox_id).where(
        Digest.outcome == Outcome.ACCEPTED, Digest.mailbox_id.in_(boxes), lines > 1
    )
    with stage.house.database.reading(_PLAY) as session:
        return len(boxes), len(set(session.execute(mailed.where(Digest.mailbox_id.in_(boxes))).scalars()))
