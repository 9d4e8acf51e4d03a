"""A few seeded examples of the state machine, and that it sees a planted bug; the long run: make machine."""

from unittest.mock import patch

import pytest

from digest.brakes import SEND
from tests.faults.machine import STARTS, Machine, machine, run


@pytest.mark.slow
def test_nothing_breaks_whatever_happens() -> None:
    """[inv-S1 inv-S2 inv-S3 inv-S4 inv-S5 inv-S9 inv-S10 inv-C4 inv-Q1 inv-N3 inv-M2 inv-I2]"""
    run("sqlite", examples=3, steps=15)


def test_it_sees_that_the_brakes_are_off() -> None:
    """[inv-S5] The same day twice: as we are, and with a planted bug."""
    with machine("sqlite") as here:
        _many_answers(here())
        with patch("digest.claim.decide", return_value=SEND), pytest.raises(AssertionError, match="S5"):
            _many_answers(here())


def _many_answers(day: Machine) -> None:
    """A digest, a question about it, and eight answers within minutes."""
    day.begin(STARTS[2])
    day.wait(0.5)
    day.work()
    day.ask(0, 1)
    for seller in [0, 1] * 8:
        day.answer(seller)
    day.work()
    day.nothing_is_broken()
