"""Lets somebody else act at every step of a digest's run: pay, unsubscribe, mute, suspend, stop all sending.

    python -m tests.faults.bystander [--database sqlite|postgresql] [--share N | --part K/N]

Nobody dies here: another process's whole act falls between two steps of the run, or as soon after as locks allow. What
came before the run's last look at it must show in the mail, or there must be none (INVARIANTS S3 S10).
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import clock
from app.mailboxes import actions as mailboxes
from app.models import Connection, Digest, DigestLine, Invoice, StopSwitch, Trust, Vendor
from app.scope import Everything
from connectors.base import Batch, Gone
from connectors.ingest import ingest
from connectors.rows import rows_of
from tests.faults.choice import Choice, choosing
from tests.faults.connected import box_of
from tests.faults.flows import ACME, DUNE, FLOWS, arranged, prepare
from tests.faults.ground import DATABASES, Ground, ground, hurried
from tests.faults.invariants import unrest, violations
from tests.faults.showing import Progress, harness, parser, show
from tests.faults.steps import Steps, watched

_OTHER = Everything("somebody else, while a worker runs")
_DIGEST = next(flow for flow in FLOWS if flow.name == "digest")
CLAIM_LOOKS = "after WITH lines AS"  # the freshness check of the claim (digest/stale.py)
LAST_LOOK = "after SELECT outgoing.id FROM outgoing WHERE"  # just before the calls (digest/claim.py, still_ours)


@dataclass(frozen=True)
class Bystander:
    """``heeded_until``: acts before the first step of that name must take effect for the very mail that is under way;
    ``stops``: then it must not go at all, else it must not name Acme."""

    name: str
    act: Callable[[Ground, Session], None]
    heeded_until: str
    stops: bool


def _pays(place: Ground, session: Session) -> None:
    """All that Dune owes Acme is settled in Acme's books, and we learn of it."""
    connection = session.scalars(select(Connection).where(Connection.account_name == ACME)).one()
    owed = select(Invoice).where(Invoice.connection_id == connection.id, Invoice.mailbox_id == box_of(place, DUNE).id)
    gone = [Gone("invoice", row.external_id, row.version + 1) for row in session.scalars(owed)]
    ingest(session, connection, rows_of(Batch(gone=gone)), clock.now())


def _unsubscribes(place: Ground, session: Session) -> None:
    mailboxes.stop_reminders(session, session.merge(box_of(place, DUNE)), clock.now())


def _mutes(place: Ground, session: Session) -> None:
    vendor = session.scalars(select(Vendor).where(Vendor.name == ACME)).one()
    relation = mailboxes.relation_with(session, box_of(place, DUNE).customer_id, vendor.id, clock.now())
    mailboxes.mute_vendor(session, relation, clock.now())


def _suspends(_place: Ground, session: Session) -> None:
    session.execute(update(Vendor).where(Vendor.name == ACME).values(trust=Trust.SUSPENDED))


def _stops(_place: Ground, session: Session) -> None:
    session.add(StopSwitch(name="sending", reason="the harness", by="the operator", since=clock.now()))


BYSTANDERS = (
    Bystander("payment", _pays, CLAIM_LOOKS, stops=False),
    Bystander("mute", _mutes, CLAIM_LOOKS, stops=False),
    Bystander("suspension", _suspends, CLAIM_LOOKS, stops=False),
    Bystander("unsubscribe", _unsubscribes, LAST_LOOK, stops=True),
    Bystander("stop switch", _stops, LAST_LOOK, stops=True),
)


@dataclass
class Stood:
    """One bystander on one database."""

    who: str
    database: str
    tried: int = 0
    heeded: int = 0  # came in time to change the mail
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)

    def row(self) -> dict[str, object]:
        return {
            "database": self.database, "who": self.who, "steps": self.tried, "in time": self.heeded,
            "violations": len(self.broken), "seconds": round(self.seconds, 1),
        }  # fmt: skip


def stand_by(place: Ground, who: Bystander, token: str, steps: Steps, choice: Choice) -> Stood:
    began, done = time.monotonic(), Stood(who.name, place.house.database.engine.dialect.name)
    case = arranged(place, _DIGEST, token)
    steps.arm(None)
    _DIGEST.run(place, case)
    names = list(steps.names)
    assert any(name.startswith(who.heeded_until) for name in names), f"nobody looks any more by {who.heeded_until!r}"
    for number in choice.of(who.name, len(names)):
        is_heeded, broken = _act_at(place, who, token, steps, number)
        done.tried, done.heeded = done.tried + 1, done.heeded + is_heeded
        done.broken += [f"{who.name} {names[number - 1]} ({number}): {words}" for words in broken]
    done.seconds = time.monotonic() - began
    return done


def _act_at(place: Ground, who: Bystander, token: str, steps: Steps, number: int) -> tuple[bool, list[str]]:
    """Whether it came in time, and what was broken."""
    case, in_time = arranged(place, _DIGEST, token), [False]
    other = hurried(place.house, 20)

    def act(_words: str) -> None:
        try:
            with other.database.transaction(_OTHER) as session:
                who.act(place, session)
        except OperationalError:  # a lock of the run's: as soon as it lets go
            steps.at = len(steps.names) + 1
            return
        in_time[0] = not any(name.startswith(who.heeded_until) for name in steps.names)

    steps.arm(number, act)
    _DIGEST.run(place, case)
    steps.arm(None)
    other.database.dispose()
    return in_time[0], [*_wrongly_mailed(place, who, in_time[0]), *_judge(place)]


def _wrongly_mailed(place: Ground, who: Bystander, in_time: bool) -> list[str]:
    mails = [mail for mail in place.sink.taken if mail.to == DUNE]
    if not in_time or not mails:
        return []
    if who.stops:
        return ["a mail left after it"]
    query = select(DigestLine.number).join(Digest, Digest.id == DigestLine.digest_id)
    query = query.where(Digest.mailbox_id == box_of(place, DUNE).id, DigestLine.vendor_name == ACME)
    with place.house.database.reading(_OTHER) as session:
        named = list(session.scalars(query))
    return [f"the mail names {ACME}'s {named}"] if named else []


def _judge(place: Ground) -> list[str]:
    with place.house.database.transaction(_OTHER) as session:
        for switch in session.scalars(select(StopSwitch)):
            session.delete(switch)
    place.settle()
    mails = place.sink.taken
    return [*violations(place.house, mails), *unrest(place.house, mails, clock.now())]


def stand_by_all(database: str, choice: Choice) -> list[Stood]:
    steps, found = Steps(), []
    progress = Progress(f"bystanders on {database}", len(BYSTANDERS))
    with ground(database, world="small") as place:
        token = prepare(place)
        place.sink.around = steps.here
        with watched(place.house.database, steps):
            for who in BYSTANDERS:
                found.append(stand_by(place, who, token, steps, choice))
                progress.step()
    return found


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--database", choices=DATABASES, help="default: both")
    choosing(options)
    given = options.parse_args()
    databases = [given.database] if given.database else DATABASES
    with harness():
        found = [one for each in databases for one in stand_by_all(each, Choice.given(given))]
    broken = [words for one in found for words in one.broken]
    title = f"acts in the middle of a run: {sum(one.tried for one in found)}, seed {given.seed}"
    return show(title, [one.row() for one in found], broken, given.json)


if __name__ == "__main__":
    sys.exit(main())
