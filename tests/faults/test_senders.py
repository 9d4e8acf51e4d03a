"""Short shares of the long runs of senders (README.md): real processes, real kills, the same count at the end."""

from argparse import Namespace
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.faults import failover, faulty, full_disk, kills, tickers
from tests.faults.failover import recovery
from tests.faults.sink import Manners, open_sink

pytestmark = pytest.mark.slow

BOTH = pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])


def share(**options: Any) -> Namespace:
    return Namespace(**{"seed": 7, "workers": 2, "hasty": True, **options})


@BOTH
def test_killed_and_frozen_senders_lose_and_double_nothing(database: str) -> None:
    """[D5 D18 inv-S1 inv-S2 inv-S6 inv-S7 inv-N1 inv-F1] kill -9 of workers and web while mails are in the air; one is
    frozen past its lease and goes on."""
    row, violations = kills.run(share(database=database, mailboxes=120, kills=6, freezes=1))
    assert not violations
    assert (row["killed"], row["frozen"]) == (6, 1)


@BOTH
def test_a_faulty_mail_service_loses_and_doubles_nothing(database: str) -> None:
    """[D5 D17 D18 inv-S1 inv-S2 inv-S7 inv-S8 inv-N4] Every bad answer there is, and events that are lost for good,
    late, doubled, forged, of unknown mails."""
    row, violations = faulty.run(share(database=database, mailboxes=80, faults=0.3), lost=0.1)
    assert not violations
    assert "accepted" in row["windows ended"]


@pytest.mark.postgresql
def test_a_standby_takes_over_and_nothing_is_lost() -> None:
    """[inv-S1 inv-S6 inv-F1] The server dies in the middle; what was committed is on the standby, and sending goes on
    there by itself."""
    row, violations = failover.run(
        share(database="postgresql", mailboxes=150), failover.fail_over_once, with_standby=True
    )
    assert [each for each in violations if "rate" not in each and "too soon" not in each] == []  # no timing here
    assert row["cuts"] == 1


@BOTH
def test_racing_tickers_run_each_window_once(database: str) -> None:
    """[D3 inv-S1 inv-C1 inv-C2 inv-C3] Four processes, a played hour, the clock stepping back twice."""
    row, violations = tickers.run(share(database=database, mailboxes=240, tickers=4, hours=1, steps_back=2))
    assert not violations
    assert row["runs per window"] == "1.000"


def test_a_full_disk_loses_nothing_that_was_acknowledged() -> None:
    """[inv-N1 inv-S1 inv-F1] No file may grow: events are answered 503 and come again, senders go on when there is
    room."""
    row, violations = full_disk.run(share(database="sqlite", mailboxes=120, times=2))
    assert not violations
    assert row["posts tried again"]


def test_recovery_is_measured_from_the_cut_to_the_old_rate() -> None:
    """Ten mails a second, a cut at 20 s, nothing until 26 s, half the rate until 30 s."""
    times = [n / 10 for n in range(200)] + [26 + n / 5 for n in range(20)] + [30 + n / 10 for n in range(100)]
    found = recovery(times, 20.0, 21.0)
    assert found is not None
    assert 8 <= found <= 10
    assert recovery(times, 38.0, 39.0) is None


def test_the_sink_counts_what_it_took_whatever_it_answers(tmp_path: Path) -> None:
    """[D18] The instrument itself: a mail taken before a bad answer counts, one refused does not."""
    with open_sink(tmp_path / "sink", Manners(faults=1.0, seconds_each=0.0)) as sink, requests.Session() as caller:
        for number in range(60):
            to = {"to": [{"email": "ap@cobalt.example"}], "custom_args": {"attempt": str(number)}}
            mail = {"personalizations": [to], "subject": ""}
            with suppress(requests.RequestException):
                caller.post(f"{sink.url}/v3/mail/send", json=mail, timeout=0.3, allow_redirects=False)
    answers = Counter(line.answer for line in sink.taken())
    assert set(answers) <= {"200", "500 after taking it", "silence after taking it", "cut after taking it"}
    assert answers == {name: sink.tally[name] for name in answers}
