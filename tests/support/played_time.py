"""A time that is played for several processes at once: a small file they share says which instant it is.

The player writes the next instant and waits until everybody has done all that is due then; within it they race.
"""

import mmap
import struct
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from app import clock
from app.house import House
from app.scheduler import Job, drain_all

_HEAD = struct.Struct("qd")  # the step's number, its instant
_STEP = struct.Struct("q")


class Board:
    """The shared file: one step for all, and for each place the last step it has done."""

    def __init__(self, path: Path, places: int | None = None) -> None:
        """Makes the file for ``places`` processes, or opens the one that is there."""
        if places is not None:
            path.write_bytes(bytes(_HEAD.size + places * _STEP.size))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), 0)
        self._places = (len(self._shared) - _HEAD.size) // _STEP.size
        self._step = 0

    def play(self, instant: datetime, within: float = 60) -> None:
        """Make it ``instant`` for everybody, and wait until all are idle then. Raises TimeoutError."""
        self._step += 1
        # The number goes last: who sees it sees the instant that belongs to it.
        struct.pack_into("d", self._shared, _STEP.size, instant.timestamp())
        _STEP.pack_into(self._shared, 0, self._step)
        ends = time.monotonic() + within
        while any(self._done(place) != self._step for place in range(self._places)):
            if time.monotonic() > ends:
                raise TimeoutError(f"somebody does not come to an end at {instant}")
            time.sleep(0.001)

    def read(self) -> tuple[int, datetime]:
        step, instant = _HEAD.unpack_from(self._shared, 0)
        return step, datetime.fromtimestamp(instant, UTC)

    def is_done(self, place: int, step: int) -> None:
        _STEP.pack_into(self._shared, _HEAD.size + place * _STEP.size, step)

    def _done(self, place: int) -> int:
        found: int = _STEP.unpack_from(self._shared, _HEAD.size + place * _STEP.size)[0]
        return found


def tick_by_board(house: House, jobs: Sequence[Job], path: Path, place: int) -> None:
    """Do all that is due at each instant the board shows, until killed."""
    board, done = Board(path), 0
    while True:
        step, instant = board.read()
        if step == done:
            time.sleep(0.002)
            continue
        clock.set_to(instant)
        drain_all(house, jobs)
        done = step
        board.is_done(place, step)
