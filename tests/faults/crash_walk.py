"""Ends the process at every step of every flow, starts the world again, and asks whether anything is broken.

    python -m tests.faults.crash_walk [--database sqlite|postgresql] [--flow NAME] [--share N | --part K/N]

Each step is tried in a fork of its own (os._exit in the middle of whatever it does) on a fresh copy of the same world.
That is 4,500 steps a database, some two seconds each: parts 1/4 to 4/4 together are the whole, beside each other or on
four days.
"""

import os
import sys
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from app import clock
from tests.faults.choice import Choice, choosing
from tests.faults.flows import FLOWS, Case, Flow, arranged, prepare
from tests.faults.ground import DATABASES, Ground, ground
from tests.faults.invariants import unrest, violations
from tests.faults.showing import Progress, harness, parser, show
from tests.faults.steps import Steps, watched

CRASHED = 9


@dataclass
class Walked:
    """One flow on one database."""

    flow: str
    database: str
    steps: int
    tried: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)

    def row(self) -> dict[str, object]:
        return {
            "database": self.database, "flow": self.flow, "steps": self.steps, "crashes": self.tried,
            "violations": len(self.broken), "seconds": round(self.seconds, 1),
        }  # fmt: skip


def walk(place: Ground, flow: Flow, token: str, steps: Steps, choice: Choice) -> Walked:
    began = time.monotonic()
    names = steps_of(place, flow, token, steps)
    done = Walked(flow.name, place.house.database.engine.dialect.name, len(names))
    for number in choice.of(flow.name, len(names)):
        done.broken += [f"{flow.name}, crash {names[number - 1]} ({number}): {words}" for words in crash(
            place, flow, token, steps, number
        )]  # fmt: skip
        done.tried += 1
    done.seconds = time.monotonic() - began
    return done


def steps_of(place: Ground, flow: Flow, token: str, steps: Steps) -> list[str]:
    """The words of every step when nothing goes wrong, and nothing may be broken then."""
    case = arranged(place, flow, token)
    steps.arm(None)
    flow.run(place, case)
    names = list(steps.names)
    broken = _judge(place, flow, case)
    assert not broken, f"{flow.name} is broken without any crash: {broken}"
    return names


def crash(place: Ground, flow: Flow, token: str, steps: Steps, number: int) -> list[str]:
    """What is broken once the world has come to rest after a crash at that step."""
    case = arranged(place, flow, token)
    place.wake()
    status = _in_a_fork(place, flow, case, steps, number)
    if status not in (0, CRASHED):
        return ["the flow itself failed, see standard error"]
    clock.set_to(clock.now() + timedelta(seconds=30))
    try:
        (flow.again or flow.run)(place, case)
    except Exception as problem:  # noqa: BLE001 - whatever the second try met is what we are here to learn
        return [f"the second try failed: {type(problem).__name__}: {problem}"]
    return _judge(place, flow, case)


def _in_a_fork(place: Ground, flow: Flow, case: Case, steps: Steps, number: int) -> int:
    """The exit status of a process that does the flow and ends at that step."""
    child = os.fork()
    if child == 0:
        try:
            steps.arm(number, lambda words: os._exit(CRASHED))
            flow.run(place, case)
        except BaseException:  # noqa: BLE001 - nothing may escape into the parent's code
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _judge(place: Ground, flow: Flow, case: Case) -> list[str]:
    place.settle()
    mails = place.sink.taken
    return [
        *violations(place.house, mails),
        *unrest(place.house, mails, clock.now()),
        *flow.check(place, case),
    ]


def walk_all(database: str, flows: Iterable[Flow], choice: Choice) -> list[Walked]:
    steps, flows = Steps(), list(flows)
    progress = Progress(f"flows on {database}", len(flows))
    found = []
    with ground(database, world="small") as place:
        token = prepare(place)
        place.sink.around = steps.here
        with watched(place.house.database, steps):
            for flow in flows:
                found.append(walk(place, flow, token, steps, choice))
                progress.step()
                print(*(f"{name} {value}" for name, value in found[-1].row().items()), sep=", ", file=sys.stderr)
    return found


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--database", choices=DATABASES, help="default: both")
    options.add_argument("--flow", help="only flows whose name holds this")
    choosing(options)
    given = options.parse_args()
    flows = [flow for flow in FLOWS if not given.flow or given.flow in flow.name]
    with harness():
        found = [
            walked
            for database in ([given.database] if given.database else DATABASES)
            for walked in walk_all(database, flows, Choice.given(given))
        ]
    broken = [words for walked in found for words in walked.broken]
    crashes, seconds = sum(each.tried for each in found), sum(each.seconds for each in found)
    title = f"crash walker: {crashes} crashes in {seconds:.0f} s, seed {given.seed}"
    return show(title, [each.row() for each in found], broken, given.json)


if __name__ == "__main__":
    sys.exit(main())
