"""Whose turn is it, and which window that means."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.house import House
from app.ids import new_id
from app.models import Cadence, Mailbox, StopSwitch
from app.settings import Limits
from digest.schedule import Box, Claimed, Turn, claim, is_night, let_go, turn
from tests.digest.rows import change
from tests.support.world import EVERYTHING, NOW, World, customer

LIMITS = Limits()


def box(due: str, **facts: Any) -> Box:
    """A daily mailbox at nine in Berlin, due since ``due`` (local)."""
    zone = facts.get("zone", "Europe/Berlin")
    defaults = {
        "id": new_id(),
        "customer_id": new_id(),
        "address": "ap@cobalt.example",
        "locale": "en",
        "zone": zone,
        "cadence": Cadence.DAILY,
        "weekday": 0,
        "month_day": 1,
        "send_at": time(9, 0),
        "spread_seconds": 0,
        "quiet_country": "",
        "closed_from": None,
        "closed_until": None,
        "pay_days": "",
        "is_private": False,
        "most_digests": None,
        "most_mentions": None,
        "asked_at": None,
        "amounts_in_subject": False,
        "next_digest_at": at(due, zone),
        "last_digest_at": None,
        "paused_until": None,
        "reminders_off_at": None,
        "suppressed_at": None,
        "suppressed_reason": "",
    }
    return Box(**{**defaults, **facts})


def at(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def keys(found: Turn) -> tuple[str | None, list[str]]:
    return found.window.key if found.window else None, [window.key for window, _ in found.missed]


def test_on_time_the_window_is_planned_and_the_next_one_set() -> None:
    """[D1 D2] The ordinary case, over a clock change: 09:00 stays 09:00."""
    found = turn(box("2026-10-24T09:00"), at("2026-10-24T09:00"), LIMITS)
    assert keys(found) == ("2026-10-24", [])
    assert found.next_at == at("2026-10-25T09:00") == datetime(2026, 10, 25, 8, 0, tzinfo=UTC)


def test_after_an_outage_only_the_newest_window_is_planned() -> None:
    """[D4 inv-C4 inv-S2] Five days down: four missed, each with its reason, one planned."""
    found = turn(box("2026-11-19T09:00"), at("2026-11-23T10:00"), LIMITS)
    assert keys(found) == ("2026-11-23", ["2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22"])
    assert {reason for _, reason in found.missed} == {
        "nothing ran while it was open; its lines went into a later window"
    }
    assert found.next_at == at("2026-11-24T09:00")


def test_a_window_found_too_late_is_missed() -> None:
    """[D4] A weekly digest three days late waits for its next week."""
    weekly = {"cadence": Cadence.WEEKLY, "weekday": 0}
    found = turn(box("2026-11-23T09:00", **weekly), at("2026-11-26T10:00"), LIMITS)
    assert keys(found) == (None, ["2026-W48"])
    assert found.missed[0][1] == "found more than 36 hours late"
    assert found.next_at == at("2026-11-30T09:00")


def test_nothing_is_caught_up_at_night() -> None:
    """[D4] A weekly digest found at 23:00 comes in the morning, in the same week; a daily one's day is over."""
    weekly = {"cadence": Cadence.WEEKLY, "weekday": 0}
    found = turn(box("2026-11-23T09:00", **weekly), at("2026-11-23T23:00"), LIMITS)
    assert keys(found) == (None, [])
    assert found.next_at == at("2026-11-24T07:00")
    daily = turn(box("2026-11-23T09:00"), at("2026-11-23T23:00"), LIMITS)
    assert keys(daily) == (None, ["2026-11-23"])
    assert daily.missed[0][1] == "found late and at night, its day over"
    assert daily.next_at == at("2026-11-24T09:00")


def test_whoever_chose_the_night_gets_it_then() -> None:
    """[D1 D4] Only lateness is kept out of the night."""
    found = turn(box("2026-11-23T23:30", send_at=time(23, 30)), at("2026-11-23T23:31"), LIMITS)
    assert keys(found) == ("2026-11-23", [])


def test_a_digest_too_soon_after_the_last_waits_within_its_day() -> None:
    """[inv-S4] Caught up last evening, due this morning: it comes twenty hours later."""
    found = turn(box("2026-11-24T09:00", last_digest_at=at("2026-11-23T20:00")), at("2026-11-24T09:00"), LIMITS)
    assert keys(found) == (None, [])
    assert found.next_at == at("2026-11-24T16:00")


def test_a_window_that_cannot_wait_is_planned_and_judged() -> None:
    """[inv-S4 inv-S2] Twenty hours on it would be another day: the verdict says so in words."""
    late = {"send_at": time(23, 50), "last_digest_at": at("2026-11-23T22:00")}
    found = turn(box("2026-11-23T23:50", **late), at("2026-11-23T23:50"), LIMITS)
    assert keys(found) == ("2026-11-23", [])


def test_a_long_absence_is_told_in_few_rows() -> None:
    """[inv-S2] Two years of daily windows are not two years of rows."""
    found = turn(box("2024-11-23T09:00"), at("2026-11-23T10:00"), LIMITS)
    assert len(found.missed) == 31
    assert found.missed[0][1].endswith("so did 699 windows before it")


def test_a_digest_asked_for_uses_no_window_and_moves_none() -> None:
    """[D20 D3 inv-S1] Its key is its own moment; the next one comes when it would have come."""
    asked = at("2026-11-25T15:00")
    weekly = {"cadence": Cadence.WEEKLY, "weekday": 0, "next_digest_at": asked, "asked_at": asked}
    found = turn(box("2026-11-25T15:00", **weekly), asked + timedelta(minutes=1), LIMITS)
    assert keys(found) == ("ask-261125T1400", [])
    assert found.next_at == at("2026-11-30T09:00")


def test_a_digest_asked_for_and_found_after_the_next_window_opened_is_that_window() -> None:
    """[D20 D4] One mail, not two."""
    asked = at("2026-11-23T08:00")
    weekly = {"cadence": Cadence.WEEKLY, "weekday": 0, "next_digest_at": asked, "asked_at": asked}
    found = turn(box("2026-11-23T08:00", **weekly), at("2026-11-23T09:30"), LIMITS)
    assert keys(found) == ("2026-W48", [])
    assert found.next_at == at("2026-11-30T09:00")


def test_nothing_late_is_caught_up_on_a_quiet_day() -> None:
    """[D4 D10] Found on a Saturday: the week is over for whoever reads on working days; so is Friday."""
    quiet = {"quiet_country": "DE", "weekday": 3}
    weekly = turn(box("2026-11-26T09:00", cadence=Cadence.WEEKLY, **quiet), at("2026-11-27T20:00"), LIMITS)
    assert keys(weekly) == ("2026-W48", [])
    found = turn(box("2026-11-27T09:00", **quiet), at("2026-11-28T10:00"), LIMITS)
    assert keys(found) == (None, ["2026-11-27"])
    assert found.missed[0][1] == "found late and on a day without mail"
    assert found.next_at == at("2026-11-30T09:00")
    monthly = turn(
        box("2026-11-20T09:00", cadence=Cadence.MONTHLY, month_day=20, **quiet), at("2026-11-21T10:00"), LIMITS
    )
    assert keys(monthly) == (None, [])
    assert monthly.next_at == at("2026-11-23T07:00")


def test_on_demand_is_due_once() -> None:
    """[D1] And then not again."""
    found = turn(box("2026-11-23T09:00", cadence=Cadence.ON_DEMAND), at("2026-11-23T09:00"), LIMITS)
    assert keys(found) == ("2026-11-23", [])
    assert found.next_at is None


@given(
    cadence=st.sampled_from([Cadence.DAILY, Cadence.WEEKDAYS, Cadence.WEEKLY, Cadence.SEMIMONTHLY, Cadence.MONTHLY]),
    zone=st.sampled_from(
        ["Europe/Berlin", "America/New_York", "Pacific/Apia", "Asia/Kathmandu", "Australia/Lord_Howe"]
    ),
    minute=st.integers(0, 1439),
    start=st.datetimes(datetime(2010, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC)),
    steps=st.lists(st.integers(1, 5000), min_size=1, max_size=30),
    takes=st.booleans(),
)
def test_whatever_the_outages_no_window_comes_twice_and_digests_keep_their_distance(
    cadence: Cadence, zone: str, minute: int, start: datetime, steps: list[int], takes: bool
) -> None:
    """[D3 D4 inv-S1 inv-S2 inv-S4 inv-C3 inv-C4] The planner runs at odd moments, years long."""
    now, last, told = start, None, list[str]()
    current = box("2010-01-01T00:00", zone=zone, cadence=cadence, send_at=time(minute // 60, minute % 60))
    current = current._replace(next_digest_at=start)
    for hours in steps:
        now += timedelta(minutes=hours)
        if current.next_digest_at and current.next_digest_at <= now:
            found = turn(current._replace(last_digest_at=last), now, LIMITS)
            told += [window.key for window, _ in found.missed]
            if found.window:
                told.append(found.window.key)
                assert now - found.window.opens_at <= timedelta(hours=LIMITS.catch_up_hours)
                if last is None or now - last >= timedelta(hours=LIMITS.spacing_hours):
                    last = now if takes else last
            assert found.next_at
            assert found.next_at > now
            current = current._replace(next_digest_at=found.next_at)
    assert len(told) == len(set(told))
    assert told == sorted(told)


def test_night_is_local() -> None:
    """[D4] 21:30 UTC is night in Berlin in summer, not in winter."""
    assert is_night(datetime(2026, 7, 1, 20, 30, tzinfo=UTC), "Europe/Berlin", LIMITS)
    assert not is_night(datetime(2026, 12, 1, 20, 30, tzinfo=UTC), "Europe/Berlin", LIMITS)


# --- the claim ------------------------------------------------------------------------------------------------------


@pytest.fixture
def due(house: House, world: World, fixed_clock: datetime) -> House:
    """Cobalt's mailbox is due; the outsider's is not."""
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Mailbox, world.cobalt.mailbox.id).next_digest_at = NOW - timedelta(minutes=1)
        session.get_one(Mailbox, world.outsider.mailbox.id).next_digest_at = NOW + timedelta(hours=1)
    return house


def claimed(house: House, limit: int = 10) -> Claimed:
    with house.database.transaction(EVERYTHING) as session:
        return claim(session.connection(), house, limit)


def released(house: House, taken: Claimed, next_at: datetime | None) -> list[Box]:
    moves = {each.id: (each.next_digest_at or NOW, next_at) for each in taken.boxes}
    with house.database.transaction(EVERYTHING) as session:
        return let_go(session.connection(), taken.owner, moves)


def test_a_claim_takes_what_is_due_with_what_feeds_it(due: House, world: World) -> None:
    """[C1 D7 inv-C1 inv-C2] Nobody else gets it while the lease runs. Books read within the minute have no news."""
    change(due, world.birch.connection, as_of=NOW - timedelta(seconds=59))
    change(due, world.acme.connection, as_of=NOW - timedelta(seconds=60))
    taken = claimed(due)
    assert [each.address for each in taken.boxes] == ["ap@cobalt.example"]
    assert taken.feeds == [world.acme.connection.id]
    assert taken.now == NOW
    assert claimed(due).boxes == []


def test_a_lease_that_ran_out_is_taken_over_and_the_late_one_loses(
    due: House, travel: Callable[[datetime], None]
) -> None:
    """[inv-C2 inv-S1 F1] A planner frozen past its lease plans nothing."""
    frozen = claimed(due)
    travel(NOW + timedelta(seconds=due.limits.lease_seconds + 1))
    second = claimed(due)
    assert [each.id for each in second.boxes] == [each.id for each in frozen.boxes]
    assert released(due, frozen, NOW + timedelta(days=7)) == []
    assert len(released(due, second, NOW + timedelta(days=7))) == 1
    assert released(due, second, NOW + timedelta(days=14)) == []


def test_a_rhythm_changed_meanwhile_wins(due: House, world: World) -> None:
    """[D1 J1] The customer's new time is not overwritten by the planner's."""
    taken = claimed(due)
    with due.database.transaction(EVERYTHING) as session:
        session.get_one(Mailbox, world.cobalt.mailbox.id).next_digest_at = NOW + timedelta(hours=5)
    assert released(due, taken, NOW + timedelta(days=7)) == []


def test_a_mailbox_can_be_left_without_a_next_time(due: House, world: World) -> None:
    """[D1] On demand."""
    taken = claimed(due)
    assert [each.next_digest_at for each in released(due, taken, None)] == [None]


@pytest.mark.parametrize("switch", ["sending", "kind:digest"])
def test_nothing_is_claimed_while_sending_is_stopped(due: House, switch: str) -> None:
    """[L1 inv-S5] The switch is read by the claim itself."""
    with due.database.transaction(EVERYTHING) as session:
        session.add(StopSwitch(name=switch, reason="drill", by="operator@sheaf.example", since=NOW))
    assert claimed(due).boxes == []


def test_eight_claimers_share_the_work_without_a_double(house: House, fixed_clock: datetime) -> None:
    """[D3 inv-C1 inv-C2] Every due mailbox is taken exactly once."""
    with house.database.transaction(EVERYTHING) as session:
        for number in range(60):
            customer(session, f"C{number}", address=f"ap@c{number}.example", next_digest_at=NOW)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: claimed(house, 5), range(24)))
    found = [each.id for one in taken for each in one.boxes]
    assert len(found) == len(set(found)) == 60
