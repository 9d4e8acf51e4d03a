"""``flask simulate``: its story, and a verdict that can say no."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.house import House
from app.receivables import matching
from app.settings import Settings
from demo.manners import tell_measures
from demo.show import CUSTOMER
from demo.simulate import Simulation, monday_before_clock_change
from demo.verdict import judge
from demo.weather import Chances
from tests.journeys.conftest import MakeStage
from wsgi import build

CALM = Chances(
    pay=0, void=0, new_invoice=0, outage=0, lost_webhooks=0, long_outages=(), down_days=(), pay_by_mail=0, ask_by_mail=0
)


@pytest.fixture
def kept_environment(tmp_path: Path) -> Iterator[None]:
    """The command points this process at its own sandbox; the tests after it must not notice."""
    before = dict(os.environ)
    os.environ["SHEAF_INSTANCE"] = str(tmp_path)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.slow
def test_the_command_tells_each_day_and_the_end(kept_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """[L7] What happened, what was sent to whom, why not; then the promises, counted."""
    monkeypatch.setattr(matching, "SPREAD_SECONDS", 1)  # mail goes on the minute it was chosen for
    house = House.open(Settings())
    app, _ = build(house)
    done = app.test_cli_runner().invoke(args=["simulate", "--days", "2", "--world", "small"])
    house.database.dispose()
    assert done.exit_code == 0, done.output
    assert "3/3 Cedar Studio (stripe) is live" in done.output
    assert "Mon 19 Oct 2026" in done.output
    assert f">  13:00 {CUSTOMER}" in done.output
    assert "Every promise was kept." in done.output


def test_the_verdict_sees_a_reminder_of_what_was_settled(make_stage: MakeStage) -> None:
    """[D7 inv-S3] Books that were closed before the mail went, and a provider that could have been asked."""
    start = monday_before_clock_change()
    stage = make_stage(now=start, ticking=False)
    simulation = Simulation(stage, start, chances=CALM, hours=(1, 13))
    simulation.open_vendors(lambda words: None, limit=1)
    (day,) = simulation.days(1)
    assert day.sent
    assert not judge(simulation).broken

    stage.sandbox.set_clock((start + timedelta(hours=12)).isoformat())  # an hour before the mail
    stage.sandbox.act("Acme Supply", "pay", customer=CUSTOMER)
    (found,) = judge(simulation).broken
    assert "Acme Supply 1001 in window 2026-10-19 was settled at 19 Oct 12:00 and mailed as open after that" in found


@pytest.mark.slow
def test_what_a_vendor_does_shows_in_its_measures(make_stage: MakeStage) -> None:
    """[G2 G3 G4 004-12 004-14] One gets better day by day, the other worse, and their scorecards say so. New customers
    come every day and get their mail on Tuesdays: those of a first week are asked how it was on day 16, those of a
    second on day 23, so that each stretch has the five answers it takes."""
    start = monday_before_clock_change()
    stage = make_stage(now=start, ticking=False)
    busy = replace(CALM, newcomers_every=1, ask_by_mail=0.3)
    simulation = Simulation(stage, start, chances=busy, hours=(15,))
    simulation.open_vendors(lambda words: None, limit=2)
    for _day in simulation.days(24):
        pass
    assert not judge(simulation).broken
    better, worse = tell_measures(stage, ["Acme Supply", "Birch & Sons"], start, [(0, 15), (16, 22)])
    for told, rises in ((better, True), (worse, False)):
        sooner, later = told.measures if rises else reversed(told.measures)
        assert sooner.answer, told
        assert later.answer, told
        assert sooner.answer > later.answer, told
        assert sooner.accuracy, told
        assert later.accuracy, told
        assert sooner.accuracy < later.accuracy, told
        assert sooner.content, told
        assert later.content, told
        assert sooner.content < later.content, told
