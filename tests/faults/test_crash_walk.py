"""A seeded share of the crash walker and of the bystanders; the whole of both: make crashwalk."""

from unittest.mock import patch

import pytest

from tests.faults.bystander import stand_by_all
from tests.faults.choice import Choice
from tests.faults.crash_walk import crash, steps_of, walk_all
from tests.faults.flows import FLOWS, prepare
from tests.faults.ground import ground
from tests.faults.steps import Steps, watched

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.mark.slow
@pytest.mark.parametrize("database", BOTH)
def test_a_crash_at_any_step_breaks_nothing(database: str) -> None:
    """[inv-F1 inv-S1 inv-S6 inv-S7 inv-N1 inv-Q1 inv-K4 inv-L3 inv-L4] Digest, questions, answers, mail, webhooks,
    sync, refresh, links, sign-in: a step of each, drawn by the seed, at which the process ends."""
    found = walk_all(database, FLOWS, Choice(share=1, seed=1))
    assert [words for walked in found for words in walked.broken] == []
    assert all(walked.tried == 1 and walked.steps > 10 for walked in found)


@pytest.mark.slow
@pytest.mark.parametrize("database", BOTH)
def test_what_happens_in_the_middle_of_a_run_still_counts(database: str) -> None:
    """[inv-S3 inv-S10] A payment, an unsubscribe, a mute, a suspension, the stop switch between two steps of a run."""
    found = stand_by_all(database, Choice(share=1, seed=1))
    assert [words for one in found for words in one.broken] == []


def test_the_walker_sees_a_lease_that_nobody_ends() -> None:
    """[inv-F1] So that the tests above can fail: without the sweep a crash in a call leaves its mail stuck."""
    steps = Steps()
    digest = next(flow for flow in FLOWS if flow.name == "digest")
    with ground("sqlite", world="small") as place:
        token = prepare(place)
        place.sink.around = steps.here
        with watched(place.house.database, steps):
            number = steps_of(place, digest, token, steps).index("after call to the mail service") + 1
            assert crash(place, digest, token, steps, number) == []
            with patch("digest.sweep._lapsed", return_value=[]), patch("digest.events.settle", return_value=set()):
                broken = crash(place, digest, token, steps, number)
    assert any("claimed by nobody" in words for words in broken)
