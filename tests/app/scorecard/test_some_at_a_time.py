"""What a job holds of a large vendor: some rows of it at a time."""

import sqlite3
from datetime import datetime
from typing import Any, ClassVar

import pytest
from sqlalchemy import event, func, select, true

from app.house import House
from app.models import BillTo, LateRisk, Rating, Vendor, VendorTask
from app.scorecard import actions, asking, experiences, paid, queries
from app.scorecard.actions import score_vendors
from tests.support import story
from tests.support import world as make
from tests.support.story import DAY
from tests.support.world import EVERYTHING, NOW, World


class _Connection(sqlite3.Connection):
    """Notes how many rows each fetch brings."""

    fetched: ClassVar[list[int]] = []

    def cursor(self, *_rest: Any) -> Any:
        return super().cursor(_Cursor)


class _Cursor(sqlite3.Cursor):
    def fetchall(self) -> list[Any]:
        return self._noted(super().fetchall())

    def fetchmany(self, *size: Any) -> list[Any]:
        return self._noted(super().fetchmany(*size))

    def _noted(self, rows: list[Any]) -> list[Any]:
        _Connection.fetched.append(len(rows))
        return rows


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def test_a_vendor_is_looked_at_some_rows_at_a_time(
    house: House, world: World, fixed_clock: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[G13 C10 C16 002-4 perf-B9] Three times as many accounts, payments and questions as are in memory at once: none
    of the statements brings more, and all of them are graded, asked and told of."""
    for room in (paid, queries, asking, experiences, actions):
        monkeypatch.setattr(room, "_TOGETHER" if room is actions else "TOGETHER", 5)
    monkeypatch.setattr(actions, "TOGETHER", 5)
    with house.database.transaction(EVERYTHING) as session:
        for number in range(15):
            owner = make.customer(session, f"Customer {number}", address=f"ap{number}@customer.example")
            for late in (9, 9, 9):
                made = story.paid(session, world.acme, owner, due=30, late=late)
            story.settlement(session, made, NOW - DAY)
            for days in (20, 40):
                story.asked(session, world.acme, owner, None, NOW - days * DAY)
        session.get_one(Vendor, world.acme.vendor.id).next_scored_at = NOW
        session.get_one(Vendor, world.birch.vendor.id).next_scored_at = NOW + DAY
    house.database.dispose()
    event.listen(house.database.engine, "do_connect", _by_ours)
    _Connection.fetched.clear()
    assert score_vendors(house) == 1
    assert max(_Connection.fetched) == 5
    with house.database.reading(EVERYTHING) as session:
        for model, mark in ((BillTo, BillTo.late_risk == LateRisk.HIGH), (VendorTask, true()), (Rating, true())):
            assert session.scalar(select(func.count()).select_from(model).where(mark)) == 15


def _by_ours(_dialect: Any, _record: Any, _arguments: Any, words: dict[str, Any]) -> None:
    words["factory"] = _Connection
