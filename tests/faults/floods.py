"""Loops and floods: machines that answer each other, a vendor with fifty thousand strangers, too much of everything.

    python -m tests.faults.floods [--strangers 50000] [--flood 2000] [--database sqlite|postgresql] [--json FILE]

Each says what came in and what went out; brakes must hold, the backlog must be seen, and everybody else is served.
"""

import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import func, select, update

from app import clock
from app.models import (
    Connection,
    DeliveryEvent,
    InboundMail,
    LoginToken,
    Mailbox,
    Message,
    Outgoing,
    Trust,
)
from app.money import Money
from app.scope import Everything
from connectors.base import Batch, BillToRecord, InvoiceRecord
from connectors.ingest import ingest
from connectors.rows import rows_of
from tests.faults.ground import DATABASES, Ground, ground
from tests.faults.showing import Progress, harness, parser, show
from tests.support.inbound import message, reply_to
from tests.support.links import sent_digest
from tests.support.sinks import Taken
from tests.support.world import EVERYTHING, World, invoice, small_world, vendor

_WORLD = Everything("the floods move their world")
Found = tuple[dict[str, object], list[str]]
AUTO: dict[str, tuple[dict[str, str], str, int]] = {  # headers, subject, mails that may come of it
    "says so (RFC 3834)": ({"Auto-Submitted": "auto-replied"}, "Re: {}", 1),
    "old Exchange": ({"X-Auto-Response-Suppress": "All", "Precedence": "bulk"}, "Re: {}", 1),
    "only its subject tells": ({}, "Automatic reply: {}", 1),
    "hides what it is": ({}, "Re: {}", 2),  # each side's first reply is a person's for all anybody can tell
}


def auto_responders(place: Ground, manner: str) -> Found:
    """The vendor's mailbox and the customer's each answer every mail at once, for a day: one mail at most besides the
    notice that began it."""
    _, token = _world(place)
    assert place.browser().post(f"/m/{token}/1/ask", data={"body": "Which order?"}).status_code == 303
    answered: set[str] = set()
    headers, subject, most = AUTO[manner]
    for _ in range(24 * 2):
        place.run_jobs()
        for mail in [mail for mail in place.sink.taken if mail.attempt not in answered]:
            answered.add(mail.attempt)
            _answer_by_machine(place, mail, headers, subject)
        clock.set_to(clock.now() + timedelta(minutes=30))
    mails = len(place.sink.taken) - 1
    row = {"flood": f"auto-responders, one {manner}", "in": len(answered), "out": mails, "allowed": most}
    return row, [f"N5 {mails} mails between two machines, of which one {manner}"] if mails > most else []


def _answer_by_machine(place: Ground, mail: Taken, headers: dict[str, str], subject: str) -> None:
    to = _reply_to_of(place, mail)
    words = "Thank you for your message. We will look at it as soon as we can."
    mime = message(words, to=to, sender=mail.to, subject=subject.format(mail.subject), headers=headers)
    assert place.post.send(mime, to=to, sender=mail.to).status_code == 200


def _reply_to_of(place: Ground, mail: Taken) -> str:
    if mail.body["reply_to"]:
        return str(mail.body["reply_to"])
    with place.house.database.reading(EVERYTHING) as session:
        query = select(Outgoing).where(Outgoing.address == mail.to).order_by(Outgoing.created_at.desc()).limit(1)
        return reply_to(place.house, session.scalars(query).one())


def strangers(place: Ground, count: int) -> Found:
    """A vendor nobody has proven imports so many addresses: 25 on day one; three reports, and nobody new is reached."""
    _world(place)
    with place.house.database.transaction(_WORLD) as session:
        newcomer = vendor(session, "Newco", address="owner@newco.example", trust=Trust.NEW, live_at=clock.now())
    for start in range(0, count, 1000):
        with place.house.database.transaction(_WORLD) as session:
            connection = session.get_one(Connection, newcomer.connection.id)
            ingest(session, connection, rows_of(_strangers(range(start, min(start + 1000, count)))), clock.now())
    first = _all_are_due(place, newcomer.vendor.id)
    _reports(place, first[:3])
    clock.set_to(clock.now() + timedelta(days=7))
    later = _all_are_due(place, newcomer.vendor.id)
    waiting = _count(place, Mailbox) - len(first)
    broken = [f"A2 {len(first)} first contacts on day one"] if not 0 < len(first) <= 25 else []
    broken += [f"A2 {len(later)} first contacts after three reports"] if later else []
    row = {"flood": "strangers of a new vendor", "in": count, "out": len(first), "allowed": 25}
    return {**row, "seen": f"{waiting} wait; {len(later)} after 3 reports"}, broken


def _strangers(numbers: range) -> Batch:
    batch, today = Batch(), clock.now().date()
    for number in numbers:
        name, address = f"S{number}", f"ap@stranger-{number}.example"
        batch.bill_tos.append(BillToRecord(name, 1, f"Stranger {number}", address))
        batch.invoices.append(_owed(name, today))
    return batch


def _owed(name: str, today: date) -> InvoiceRecord:
    owed = Money(5000, "USD")
    return InvoiceRecord(
        f"I{name}",
        1,
        name,
        f"N-{name}",
        today - timedelta(days=40),
        today - timedelta(days=5),
        owed,
        owed,
        "open",
        "Open",
    )


def _all_are_due(place: Ground, vendor_id: UUID) -> list[str]:
    """A day of work with every stranger's window open: the addresses that were reached."""
    before = len(place.sink.taken)
    with place.house.database.transaction(_WORLD) as session:
        session.execute(update(Connection).where(Connection.vendor_id == vendor_id).values(as_of=clock.now()))
        strange = Mailbox.address.like("ap@stranger-%")
        session.execute(update(Mailbox).where(strange).values(next_digest_at=clock.now(), zone="UTC"))
    for _ in range(4):
        place.run_jobs()
        place.tell_all()
        clock.set_to(clock.now() + timedelta(hours=2))
    return sorted({mail.to for mail in place.sink.taken[before:] if "stranger" in mail.to})


def _reports(place: Ground, addresses: Sequence[str]) -> None:
    for mail in [mail for mail in place.sink.taken if mail.to in addresses]:
        token = mail.headers["List-Unsubscribe"].partition("/m/")[2].partition("/")[0]
        page = place.browser().get(f"/m/{token}/report").text
        found = re.search(r'name="vendor"[^>]*value="([^"]+)"|<option value="([0-9a-f-]{36})"', page)
        assert found, "no vendor to report"
        data = {"choice": "report", "vendor": found[1] or found[2], "note": "I do not know them"}
        assert place.browser().post(f"/m/{token}/report", data=data).status_code == 303


def sign_ins(place: Ground, count: int) -> Found:
    """So many requests for one address from many browsers: five mails an hour; somebody else still gets in."""
    _world(place)
    for _ in range(count):
        place.browser().post("/sign-in", data={"address": "ap@cobalt.example"})
    place.browser().post("/sign-in", data={"address": "owner@acme.example"}, environ_base={"REMOTE_ADDR": "192.0.2.7"})
    place.run_jobs()
    out = [mail.to for mail in place.sink.taken]
    broken = ["S5 more than 5 sign-in mails within the hour"] if out.count("ap@cobalt.example") > 5 else []
    broken += ["somebody else cannot sign in"] if "owner@acme.example" not in out else []
    row = {"flood": "sign-in requests", "in": count, "out": len(out) - 1, "allowed": 5}
    return {**row, "seen": f"{_count(place, LoginToken)} kept"}, broken


def events(place: Ground, count: int) -> Found:
    """Delivery events, doubled and of mails nobody knows: stored once, worked off, and the queue goes on."""
    _world(place)
    unknown = [Taken(str(UUID(int=number)), "x@y.example", "", {}, {}, 1.8e9 + number) for number in range(count)]
    for start in range(0, count, 500):
        for _ in range(2):
            assert place.tell(unknown[start : start + 500]) == 200
    place.browser().post("/sign-in", data={"address": "owner@acme.example"})
    place.run_jobs()
    left = _count(place, DeliveryEvent, DeliveryEvent.handled_at.is_(None))
    broken = [f"{left} events are left"] if left else []
    broken += ["a mail did not leave behind the flood"] if len(place.sink.taken) != 1 else []
    return {"flood": "delivery events", "in": 2 * count, "out": 0, "allowed": 0, "seen": f"{left} left"}, broken


def letters(place: Ground, count: int) -> Found:
    """Mail to addresses that are none of ours, and one reply address flooded: none answered, none lost, all kept."""
    _, token = _world(place)
    place.browser().post(f"/m/{token}/1/ask", data={"body": "Which order?"})
    place.run_jobs()
    to = _reply_to_of(place, place.sink.taken[0])
    for number in range(count):
        where = to if number % 2 else f"r-{number}@{to.partition('@')[2]}"
        mime = message(f"Again {number}", to=where, sender="somebody@elsewhere.example")
        assert place.post.send(mime, to=where, sender="somebody@elsewhere.example").status_code == 200
    place.run_jobs()
    kept, said = _count(place, InboundMail), _count(place, Message)
    most = 1 + place.house.limits.mails_per_thread_hour
    broken = [f"N1 {count - kept} acknowledged mails are not kept"] if kept != count else []
    broken += [f"N5 {said} messages from a flood of {count}"] if said > most else []
    row = {"flood": "inbound mail", "in": count, "out": len(place.sink.taken) - 1, "allowed": most}
    return {**row, "seen": f"{kept} kept, {said} filed"}, broken


def link(place: Ground, count: int) -> Found:
    """One link asks and asks: its vendor's people are not buried, another customer's question comes through."""
    world, token = _world(place)
    statuses = [
        place.browser().post(f"/m/{token}/1/ask", data={"body": f"And what about {number}?"}).status_code
        for number in range(count)
    ]
    with place.house.database.transaction(_WORLD) as session:
        other = sent_digest(session, world.outsider.mailbox, [invoice(session, world.acme, world.outsider)])
    assert place.browser().post(other.at(1, "ask"), data={"body": "And mine?"}).status_code == 303
    place.run_jobs()
    out = len([mail for mail in place.sink.taken if mail.to == "owner@acme.example"]) - 1
    most = place.house.limits.questions_per_hour
    row = {"flood": "questions from one link", "in": count, "out": out, "allowed": most}
    broken = [f"{out} mails to one vendor's people from one link"] if out > most else []
    broken += ["a question was refused without words"] if set(statuses) - {303, 422} else []
    return {**row, "seen": f"{statuses.count(422)} refused in words"}, broken


def _world(place: Ground) -> tuple[World, str]:
    """Acme, Birch, Cobalt; and the token of a digest that Cobalt has."""
    place.put_back()
    with place.house.database.transaction(_WORLD) as session:
        world = small_world(session)
        sent = sent_digest(session, world.cobalt.mailbox, [world.acme_invoice, world.birch_invoice])
    return world, sent.token


def _count(place: Ground, table: type, *conditions: object) -> int:
    with place.house.database.reading(EVERYTHING) as session:
        query = select(func.count()).select_from(table).where(*conditions)  # type: ignore[arg-type]
        return int(session.execute(query).scalar_one())


def all_floods(place: Ground, strange: int, many: int) -> Iterator[tuple[str, Callable[[], Found]]]:
    for manner in AUTO:
        yield "auto-responders", lambda manner=manner: auto_responders(place, manner)  # type: ignore[misc]
    yield "strangers", lambda: strangers(place, strange)
    for flood in (sign_ins, events, letters, link):
        yield flood.__name__, lambda flood=flood: flood(place, many)  # type: ignore[misc]


def run(database: str, strange: int, many: int, only: str = "") -> tuple[list[dict[str, object]], list[str]]:
    rows, broken = [], []
    progress = Progress(f"floods on {database}", len(AUTO) + 5)
    with ground(database, limits={"LIMIT_FRESH_MINUTES": "100000000"}) as place:
        place.keep()
        for name, flood in all_floods(place, strange, many):
            if only in name:
                began = time.monotonic()
                row, found = flood()
                rows.append({"database": database, "seen": "", **row, "seconds": round(time.monotonic() - began, 1)})
                broken += [f"{database}, {row['flood']}: {words}" for words in found]
            progress.step()
    return rows, broken


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--database", choices=DATABASES, help="default: both")
    options.add_argument("--strangers", type=int, default=50_000)
    options.add_argument("--flood", type=int, default=2000)
    options.add_argument("--only", default="", help="floods whose name holds this")
    given = options.parse_args()
    rows, broken = [], []
    with harness():
        for kind in [given.database] if given.database else DATABASES:
            found = run(kind, given.strangers, given.flood, given.only)
            rows += found[0]
            broken += found[1]
    return show(f"loops and floods, seed {given.seed}", rows, broken, given.json)


if __name__ == "__main__":
    sys.exit(main())
