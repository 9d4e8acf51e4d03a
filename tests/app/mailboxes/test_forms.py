from datetime import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.mailboxes.actions import Rhythm
from app.mailboxes.forms import RhythmForm, zones_by_region
from app.models import Cadence, Mailbox

BOX = Mailbox(cadence=Cadence.WEEKLY, weekday=0, month_day=1, send_at=time(9), zone="UTC")
GOOD = {"cadence": "monthly", "weekday": "2", "month_day": "31", "send_at": "07:30", "zone": "Asia/Kathmandu"}


def test_it_reads_a_rhythm() -> None:
    """[D1]"""
    form = RhythmForm.read(GOOD, BOX)
    assert form.errors == {}
    assert form.rhythm == Rhythm(Cadence.MONTHLY, 2, 31, time(7, 30), "Asia/Kathmandu")


def test_a_field_that_was_left_out_stays_as_it_is() -> None:
    """[D1]"""
    form = RhythmForm.read({"cadence": "daily"}, BOX)
    assert form.rhythm == Rhythm(Cadence.DAILY, 0, 1, time(9), "UTC")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cadence", "hourly"),
        ("weekday", "7"),
        ("weekday", "-1"),
        ("weekday", "٣"),
        ("month_day", "0"),
        ("month_day", "32"),
        ("send_at", "24:00"),
        ("send_at", "nine"),
        ("zone", "Mars/Olympus"),
        ("zone", "../../etc/passwd"),
    ],
)
def test_it_names_the_field_that_is_wrong_and_keeps_the_rest(name: str, text: str) -> None:
    """[D1]"""
    form = RhythmForm.read({**GOOD, name: text}, BOX)
    assert list(form.errors) == [name]
    assert form.rhythm is None
    assert getattr(form, name) == text


@given(st.fixed_dictionaries({name: st.text() for name in GOOD}))
def test_it_reads_anything_without_complaint(submitted: dict[str, Any]) -> None:
    """[D1]"""
    form = RhythmForm.read(submitted, BOX)
    assert (form.rhythm is None) == bool(form.errors)


def test_every_zone_offered_is_one_we_take() -> None:
    """[D1]"""
    for places in zones_by_region().values():
        for zone, _ in places:
            assert RhythmForm.read({**GOOD, "zone": zone}, BOX).rhythm, zone
