"""Many schedulers over one database: a day of windows, each run once, however many tick and whatever the clock does.

    python -m tests.faults.tickers [--database postgresql|sqlite] [--mailboxes N] [--tickers N] [--hours N] [--seed N]

Each ticker is a process that does all jobs of a worker. The time is played, five minutes a step: within a step they all
race for what is due, and the next comes when everybody is idle. Now and then the clock steps back by up to two hours.
The night in the middle is one on which Europe's clocks go back. Mailboxes of 24 zones want their mail at any half hour.
"""

import argparse
import random
import sys
import tempfile
import time as wall
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from app import clock
from app.house import House
from app.models import Cadence, Digest, Mailbox
from app.scope import Everything
from app.windows import Window, next_due, windows
from tests.faults.count import count, tally_words
from tests.faults.showing import Progress, harness, parser, show
from tests.faults.sink import Manners
from tests.faults.stage import WAITS, Stage, database, staged
from tests.faults.stock import Habit
from tests.support.played_time import Board

_START = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)
_STEP = timedelta(minutes=5)
_LOOK = Everything("a long run counts")
_ZONES = (
    "Pacific/Kiritimati", "Pacific/Chatham", "Pacific/Auckland", "Australia/Lord_Howe", "Australia/Sydney",
    "Asia/Tokyo", "Asia/Shanghai", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Karachi", "Asia/Dubai", "Asia/Tehran",
    "Europe/Moscow", "Africa/Cairo", "Europe/Berlin", "Europe/London", "Atlantic/Azores", "America/St_Johns",
    "America/Sao_Paulo", "America/New_York", "America/Chicago", "America/Los_Angeles", "Pacific/Honolulu",
    "Pacific/Pago_Pago",
)  # fmt: skip


def main() -> int:
    made = parser(__doc__)
    made.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    made.add_argument("--mailboxes", type=int, default=2400)
    made.add_argument("--tickers", type=int, default=12)
    made.add_argument("--hours", type=int, default=24)
    made.add_argument("--steps-back", type=int, default=6)
    options = made.parse_args()
    with harness():
        row, violations = run(options)
    title = f"{options.tickers} tickers over {options.hours} hours on {options.database}"
    return show(title, [{"what": name, "came to": value} for name, value in row.items()], violations, options.json)


def run(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """One played time: the figures by their names, and what was broken."""
    began = wall.monotonic()
    ends = _START + timedelta(hours=options.hours)
    habits = [_habit(number) for number in range(options.mailboxes)]
    expected = sum(1 for habit in habits for _ in _opening(habit, ends))
    with (
        tempfile.TemporaryDirectory(prefix="sheaf-faults-") as folder,
        database(options.database) as url,
        clock.travel(_START),
    ):
        board = Board(Path(folder) / "board", options.tickers)
        roles = [f"ticker {folder}/board {place}" for place in range(options.tickers)]
        with staged(url, habits, roles, Manners(seconds_each=0.0), WAITS) as stage:
            back = _play(board, ends, options)
            found = count(stage.house, stage.sink, _due_addresses(stage, habits, ends))
            runs = _runs(stage.house)
    row = {
        "windows that opened": expected,
        "windows run": found.windows,
        "mails in the sink": found.mails,
        "runs per window": f"{found.mails / max(expected, 1):.3f}",
        "windows ended": tally_words(found.outcomes),
        "clock stepped back": f"{back} times",
        "most windows of one mailbox": max(runs.values(), default=0),
        "took": f"{wall.monotonic() - began:.0f} s",
    }
    violations = found.violations()
    if not expected == found.windows == found.mails:
        violations.append(f"{expected} windows opened, {found.windows} were run, {found.mails} mails went out")
    return row, violations


def _habit(number: int) -> Habit:
    half_hours = number // len(_ZONES) % 48
    send_at = time(half_hours // 2, half_hours % 2 * 30)
    habit = Habit(Cadence.DAILY, _ZONES[number % len(_ZONES)], send_at, spread_seconds=number % 300)
    return replace(habit, next_digest_at=next_due(habit, _START))


def _opening(habit: Habit, ends: datetime) -> Iterator[Window]:
    return takewhile(lambda window: window.opens_at <= ends, windows(habit, _START))


def _due_addresses(stage: Stage, habits: list[Habit], ends: datetime) -> list[str]:
    return [address for address, habit in zip(stage.addresses, habits, strict=True) if any(_opening(habit, ends))]


def _play(board: Board, ends: datetime, options: argparse.Namespace) -> int:
    """Step by step to the end; returns how often the clock stepped back on the way."""
    dice, steps = random.Random(options.seed), int((ends - _START) / _STEP)
    stumbles = set(dice.sample(range(1, steps), min(options.steps_back, steps - 1)))
    progress = Progress("steps", steps + len(stumbles))
    for step in range(1, steps + 1):
        if step in stumbles:
            board.play(_START + step * _STEP - timedelta(minutes=dice.randint(1, 120)))
            progress.step()
        board.play(_START + step * _STEP)
        progress.step()
    return len(stumbles)


def _runs(house: House) -> Counter[str]:
    query = select(Mailbox.address, func.count()).join(Digest, Digest.mailbox_id == Mailbox.id)
    with house.database.reading(_LOOK) as session:
        return Counter({row[0]: row[1] for row in session.execute(query.group_by(Mailbox.address))})


if __name__ == "__main__":
    sys.exit(main())
