from datetime import date, time
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
        ("weekday", "1" * 5000),
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


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("quiet_country", "XX"),
        ("closed_from", "2026-08-20"),
        ("closed_until", "2028-08-20"),
        ("most_digests", "0"),
        ("most_mentions", "many"),
    ],
)
def test_it_names_what_is_wrong_with_quiet_days_and_limits(name: str, text: str) -> None:
    """[D10 D11] A closure is complained of at its first day."""
    good = {**GOOD, "closed_from": "2026-08-01", "closed_until": "2026-08-14"}
    form = RhythmForm.read({**good, name: text}, BOX)
    assert list(form.errors) == ["closed_from" if name == "closed_until" else name]


def test_it_reads_quiet_days_and_limits() -> None:
    """[D10 D11] And keeps them when only the time is changed."""
    quiet = {"quiet_country": "DE", "closed_from": "2026-08-01", "closed_until": "2026-08-14", "most_digests": "4"}
    rhythm = RhythmForm.read({**GOOD, **quiet, "most_mentions": "3"}, BOX).rhythm
    assert rhythm
    assert (rhythm.quiet_country, rhythm.closed_from, rhythm.closed_until) == (
        "DE",
        date(2026, 8, 1),
        date(2026, 8, 14),
    )
    assert (rhythm.most_digests, rhythm.most_mentions) == (4, 3)
    box = Mailbox(cadence=Cadence.WEEKLY, weekday=0, month_day=1, send_at=time(9), zone="UTC", most_digests=4)
    again = RhythmForm.read({"send_at": "10:00"}, box).rhythm
    assert again
    assert again.most_digests == 4


@given(st.fixed_dictionaries({name: st.text() for name in (*GOOD, "quiet_country", "closed_from", "most_digests")}))
def test_it_reads_anything_without_complaint(submitted: dict[str, Any]) -> None:
    """[D1]"""
    form = RhythmForm.read(submitted, BOX)
    assert (form.rhythm is None) == bool(form.errors)


def test_every_zone_offered_is_one_we_take() -> None:
    """[D1]"""
    for places in zones_by_region().values():
        for zone, _ in places:
            assert RhythmForm.read({**GOOD, "zone": zone}, BOX).rhythm, zone
