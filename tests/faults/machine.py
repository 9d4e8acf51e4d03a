"""A Hypothesis state machine over all that can happen to Sheaf at once; the rules of invariants.py after each step.

    python -m tests.faults.machine [--database sqlite|postgresql] [--examples 200] [--steps 50] [--json FILE]

Two vendors, three mailboxes in zones with clock changes, facts that come late, twice and in any order, senders that
crash or cross each other, a mail service that lies, people who ask, answer, pause, mute and stop.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from app import clock
from app.mailboxes import actions as mailboxes
from app.models import Cadence, Connection, Invoice, Mailbox, Message, StopSwitch, Thread, Trust, Vendor
from app.money import Money
from app.scheduler import drain
from app.scope import Everything
from connectors.base import Batch, BillToRecord, InvoiceRecord
from connectors.ingest import ingest
from connectors.rows import rows_of
from digest.channels.base import Concern, Result, accepted, refused, rejected, unknown
from tests.faults.ground import DATABASES, Ground, ground, hurried
from tests.faults.invariants import unrest, violations
from tests.faults.showing import Progress, harness, parser, show
from tests.faults.steps import Crash, Steps, watched
from tests.support.house import signed_in
from tests.support.sinks import Taken
from tests.support.world import EVERYTHING, Selling, vendor

_WORLD = Everything("the machine moves its world")
STARTS = tuple(map(datetime.fromisoformat, ("2026-10-24T06:00Z", "2027-03-13T12:00Z", "2026-11-23T09:00Z")))
BOXES = {  # address: zone, rhythm
    "ap@cobalt.example": ("Europe/Berlin", "daily"),
    "rechnung@dune.example": ("America/New_York", "weekly"),
    "accounts@fjord.example": ("Pacific/Auckland", "daily"),
}
JOBS = ("plan digests", "delivery events", "unknown attempts", "deliver")
MOODS: dict[str, tuple[bool, Result]] = {
    "yes": (True, accepted("s")),
    "taken, then cut": (True, unknown("cut")),
    "500 and not taken": (False, unknown("500")),
    "too many": (False, refused("429", timedelta(minutes=1), Concern.MAIL)),
    "no": (False, rejected("400")),
}
KINDS = ("delivered", "processed", "deferred", "bounce", "spamreport", "unsubscribe")
which = st.integers(min_value=0, max_value=50)


class Machine(RuleBasedStateMachine):
    """One example: the kept world put back, then whatever Hypothesis thinks of."""

    place: ClassVar[Ground]
    steps: ClassVar[Steps]
    progress: ClassVar[Progress]

    def __init__(self) -> None:
        super().__init__()
        self.sellers: list[Selling] = []
        self.facts: list[tuple[int, InvoiceRecord]] = []  # seller, what its books say; not yet told to us
        self.truth: dict[tuple[int, str], InvoiceRecord] = {}  # the newest we were told of
        self.books: dict[tuple[int, str], InvoiceRecord] = {}  # the newest there is
        self.dark: set[int] = set()  # sellers whose provider cannot be reached
        self.mood = ["yes"]
        self.asked: list[str] = []
        self.place.sink.behave = lambda mail: MOODS[self.mood.pop() if len(self.mood) > 1 else self.mood[0]]

    @initialize(start=st.sampled_from(STARTS))
    def begin(self, start: datetime) -> None:
        self.steps.arm(None)
        self.place.put_back(start)
        with self.place.house.database.transaction(_WORLD) as session:
            self.sellers = [
                vendor(session, name, address=f"owner@{name.lower()}.example", currency=currency, live_at=start)
                for name, currency in (("Acme", "USD"), ("Birch", "EUR"))
            ]
        for seller in (0, 1):
            for number, address in enumerate(BOXES):
                self._tell(seller, self._invoice(seller, f"{number}", address, 10_000 + number), address)
        with self.place.house.database.transaction(_WORLD) as session:
            for box in session.scalars(select(Mailbox)):
                box.zone, rhythm = BOXES[box.address]
                box.cadence = Cadence(rhythm)
                box.weekday, box.next_digest_at = start.weekday(), start + timedelta(minutes=30)

    # --- the books --------------------------------------------------------------------------------------------------

    def _invoice(self, seller: int, number: str, address: str, minor: int, version: int = 1) -> InvoiceRecord:
        currency, today = self.sellers[seller].vendor.currency, clock.now().date()
        record = InvoiceRecord(
            external_id=f"{seller}-{number}", version=version, bill_to_external_id=address, number=f"N{number}",
            issued_on=today - timedelta(days=40), due_on=today - timedelta(days=5), total=Money(minor, currency),
            balance=Money(minor, currency), state="open", raw_state="Open", address_text=address,
        )  # fmt: skip
        self.books[seller, record.external_id] = record
        return record

    def _tell(self, seller: int, record: InvoiceRecord, address: str = "") -> None:
        """What a webhook or a pull brings: this fact, and the instant of the reading."""
        batch = Batch(invoices=[record])
        if address:
            batch.bill_tos.append(BillToRecord(address, 1, address.partition("@")[0], address))
        with self.place.house.database.transaction(_WORLD) as session:
            found = session.get_one(Connection, self.sellers[seller].connection.id)
            found.as_of = clock.now()
            ingest(session, found, rows_of(batch), clock.now())
        known = self.truth.get((seller, record.external_id))
        if known is None or known.version <= record.version:
            self.truth[seller, record.external_id] = record

    @rule(seller=st.integers(0, 1), address=st.sampled_from(sorted(BOXES)), minor=st.integers(1, 10**9))
    def issue(self, seller: int, address: str, minor: int) -> None:
        self._tick()
        self.facts.append((seller, self._invoice(seller, f"{len(self.books)}x", address, minor)))

    @rule(pick=which, share=st.sampled_from([0, 0, 1, 50]), state=st.sampled_from(["paid", "paid", "void", "gone"]))
    def settle_or_lower(self, pick: int, share: int, state: str) -> None:
        """A payment, a credit, a void: in the books now; we hear of it later, or at once."""
        self._tick()
        (seller, name), old = sorted(self.books.items())[pick % len(self.books)]
        left = Money(old.total.minor * share // 100, old.total.currency)
        now = "open" if left.minor else state
        fresh = InvoiceRecord(**{
            **{each: getattr(old, each) for each in old.__slots__}, "version": old.version + 1, "balance": left,
            "state": now, "raw_state": now,
        })  # fmt: skip
        self.books[seller, name] = fresh
        self.facts.append((seller, fresh))

    @precondition(lambda self: self.facts)
    @rule(pick=which, fate=st.sampled_from(["once", "once", "twice", "late", "lost"]))
    def hear(self, pick: int, fate: str) -> None:
        """Webhooks come in any order, twice, late, or never; the pull of a working connection finds what was lost."""
        self._tick()
        seller, record = self.facts[pick % len(self.facts)]
        if seller in self.dark:
            return
        if fate != "lost":
            for _ in range(2 if fate == "twice" else 1):
                self._tell(seller, record)
        if fate != "late":
            self.facts.remove((seller, record))

    @rule(seller=st.integers(0, 1))
    def pull(self, seller: int) -> None:
        self._tick()
        if seller not in self.dark:
            for (whose, _), record in list(self.books.items()):
                if whose == seller and self.truth.get((seller, record.external_id)) != record:
                    self._tell(seller, record)
            self.facts = [(whose, record) for whose, record in self.facts if whose != seller]
            with self.place.house.database.transaction(_WORLD) as session:
                session.get_one(Connection, self.sellers[seller].connection.id).as_of = clock.now()

    @rule(seller=st.integers(0, 1))
    def outage(self, seller: int) -> None:
        self.dark ^= {seller}

    # --- time and workers -------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        clock.set_to(clock.now() + timedelta(seconds=1))

    @rule(hours=st.sampled_from([0.1, 0.5, 1, 6, 19, 20, 24, 25, 30, 72, 120]))
    def wait(self, hours: float) -> None:
        clock.set_to(clock.now() + timedelta(hours=hours))

    @rule()
    def a_day_of_work(self) -> None:
        """Worked through hour by hour, the books read, the mail service telling."""
        for _ in range(24):
            clock.set_to(clock.now() + timedelta(hours=1))
            for seller in {0, 1} - self.dark:
                self.pull(seller)
            self.place.run_jobs()
            self.place.tell_all()

    @rule()
    def work(self) -> None:
        self._tick()
        self.place.run_jobs()

    def _job(self, name: str) -> None:
        for job in self.place.jobs:
            if job.name == name:
                drain(self.place.house, job)

    @rule(name=st.sampled_from(JOBS), at=st.integers(1, 120))
    def crash(self, name: str, at: int) -> None:
        """A worker dies somewhere in a job; nothing of it goes on."""

        def die(words: str) -> None:
            self.steps.at = len(self.steps.names) + 1
            raise Crash(words)

        self._tick()
        self.steps.arm(at, die)
        with suppress(Crash):
            self._job(name)
        self.steps.arm(None)
        self.place.wake()

    @rule(name=st.sampled_from(JOBS), other=st.sampled_from(JOBS), at=st.integers(1, 120))
    def cross(self, name: str, other: str, at: int) -> None:
        """Another worker does a whole job between two steps of ours, as soon as the locks let it."""
        second = hurried(self.place.house, 20)

        def act(_words: str) -> None:
            try:
                for job in self.place.jobs:
                    if job.name == other:
                        job.run(second)
            except OperationalError:
                self.steps.at = len(self.steps.names) + 1

        self._tick()
        self.steps.arm(at, act)
        self._job(name)
        self.steps.arm(None)
        second.database.dispose()

    # --- the mail service -------------------------------------------------------------------------------------------

    @rule(moods=st.lists(st.sampled_from(sorted(MOODS)), max_size=4))
    def mood_swings(self, moods: list[str]) -> None:
        self.mood = ["yes", *moods]

    @precondition(lambda self: self.place.sink.taken)
    @rule(pick=which, kind=st.sampled_from(KINDS))
    def event(self, pick: int, kind: str) -> None:
        """Of any mail, however old: once more, late, before the others."""
        self._tick()
        taken: list[Taken] = self.place.sink.taken
        assert self.place.tell([taken[pick % len(taken)]], kind) == 200

    # --- people -----------------------------------------------------------------------------------------------------

    def _token(self, pick: int) -> str:
        headers = [
            mail.headers["List-Unsubscribe"] for mail in self.place.sink.taken if "List-Unsubscribe" in mail.headers
        ]
        return headers[pick % len(headers)].partition("/m/")[2].partition("/")[0] if headers else ""

    @rule(pick=which, line=st.integers(1, 3))
    def ask(self, pick: int, line: int) -> None:
        self._tick()
        words = f"Question {len(self.asked)}?"
        if (token := self._token(pick)) and self._post(f"/m/{token}/{line}/ask", body=words) == 303:
            self.asked.append(words)

    def _post(self, path: str, **data: str) -> int:
        return self.place.browser().post(path, data=data).status_code

    @rule(seller=st.integers(0, 1))
    def answer(self, seller: int) -> None:
        self._tick()
        query = select(Thread.id).where(Thread.vendor_id == self.sellers[seller].vendor.id)
        with self.place.house.database.reading(EVERYTHING) as session:
            found = session.scalars(query.order_by(Thread.id)).first()
        if found:
            browser = signed_in(self.place.app, self.sellers[seller].person)
            assert (
                browser.post(f"/desk/threads/{found}/answer", data={"body": f"Answer {clock.now()}"}).status_code == 303
            )

    @rule(pick=which, choice=st.sampled_from(["off", "pause", "mute", "block", "one-click", "pay"]))
    def choose(self, pick: int, choice: str) -> None:
        self._tick()
        if not (token := self._token(pick)):
            return
        if choice in ("off", "pause"):
            self._post(f"/m/{token}/unsubscribe", choice=choice, days="7")
        elif choice == "one-click":
            self._post(f"/m/{token}/unsubscribe/one-click")
        elif choice == "pay":
            self._post(f"/m/{token}/1/pay", shown="-1")
        else:
            who = str(self.sellers[pick % 2].vendor.id)
            path = "unsubscribe" if choice == "mute" else "report"
            self._post(f"/m/{token}/{path}", choice=choice, vendor=who)

    @rule(address=st.sampled_from(sorted(BOXES)))
    def come_back(self, address: str) -> None:
        self._tick()
        with self.place.house.database.transaction(_WORLD) as session:
            box = session.scalars(select(Mailbox).where(Mailbox.address == address)).one()
            mailboxes.resume(session, box, now=clock.now(), spacing_hours=20)

    @rule(seller=st.integers(0, 1), trust=st.sampled_from([Trust.SUSPENDED, Trust.VERIFIED]))
    def judge_vendor(self, seller: int, trust: Trust) -> None:
        with self.place.house.database.transaction(_WORLD) as session:
            session.execute(update(Vendor).where(Vendor.id == self.sellers[seller].vendor.id).values(trust=trust))

    @rule(is_on=st.booleans())
    def stop_switch(self, is_on: bool) -> None:
        with self.place.house.database.transaction(_WORLD) as session:
            found = session.get(StopSwitch, "sending")
            if is_on and found is None:
                session.add(StopSwitch(name="sending", reason="the machine", by="the operator", since=clock.now()))
            elif found is not None:
                session.delete(found)

    # --- what must hold ---------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_broken(self) -> None:
        broken = [*violations(self.place.house, self.place.sink.taken), *self._facts_kept(), *self._questions_kept()]
        assert not broken, "\n".join(broken)

    def _facts_kept(self) -> Iterator[str]:  # N3: the newest fact we were told, in whatever order
        with self.place.house.database.reading(EVERYTHING) as session:
            rows = session.execute(select(Invoice.external_id, Invoice.version, Invoice.balance_minor)).all()
        ours = {row[0]: (row[1], row[2]) for row in rows}
        for (_, name), record in self.truth.items():
            if ours.get(name) != (record.version, record.balance.minor):
                yield f"N3 invoice {name} is {ours.get(name)}, told {record.version}, {record.balance}"

    def _questions_kept(self) -> Iterator[str]:  # Q1: whoever read "sent" is stored, once
        with self.place.house.database.reading(EVERYTHING) as session:
            said = list(session.scalars(select(Message.body).where(Message.body.startswith("Question "))))
        if sorted(said) != sorted(self.asked):
            yield f"Q1 acknowledged {len(self.asked)} questions, stored {len(said)}"

    def teardown(self) -> None:
        """Calm: everything works again, and nothing may be stuck."""
        if not self.sellers:
            return
        self.steps.arm(None)
        self.mood = ["yes"]
        self.stop_switch(is_on=False)
        self.place.settle()
        taken = self.place.sink.taken
        broken = [*violations(self.place.house, taken), *unrest(self.place.house, taken, clock.now())]
        self.progress.step()
        assert not broken, "\n".join(broken)


@contextmanager
def machine(database: str) -> Iterator[type[Machine]]:
    """The machine on ground of that database."""
    with ExitStack() as stack:
        place = stack.enter_context(ground(database, limits={"LIMIT_FRESH_MINUTES": "100000000"}))
        place.keep()
        steps = Steps()
        stack.enter_context(watched(place.house.database, steps))
        place.sink.around = steps.here
        yield type("MachineHere", (Machine,), {"place": place, "steps": steps})


def run(database: str, examples: int, steps: int, seed: int | None = None, *, shrinks: bool = True) -> None:
    """Raises what the first failing example raised. Without ``seed`` the same examples every time."""
    phases = [Phase.generate, *([Phase.shrink] if shrinks else [])]
    with machine(database) as here:
        here.progress = Progress(f"examples on {database}", examples)
        chosen = settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, database=None, phases=phases,
            suppress_health_check=list(HealthCheck), derandomize=seed is None, print_blob=False,
        )  # fmt: skip
        if seed is not None:
            here._hypothesis_internal_use_seed = seed
        run_state_machine_as_test(here, settings=chosen)


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--database", choices=DATABASES, help="default: both")
    options.add_argument("--examples", type=int, default=200)
    options.add_argument("--steps", type=int, default=50)
    given = options.parse_args()
    rows, broken = [], []
    with harness():
        for database in [given.database] if given.database else DATABASES:
            began = time.monotonic()
            try:
                run(database, given.examples, given.steps, given.seed)
            except AssertionError as problem:
                broken.append(f"{database}: {problem}")
            seconds = round(time.monotonic() - began, 1)
            rows.append(
                {"database": database, "examples": given.examples, "steps each": given.steps, "seconds": seconds}
            )
    return show(f"state machine, seed {given.seed}", rows, broken, given.json)


if __name__ == "__main__":
    sys.exit(main())
