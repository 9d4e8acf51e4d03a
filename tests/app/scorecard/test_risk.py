"""Late risk: Kaplan-Meier's curve, how it is drawn towards everybody's, and what is said of it. Pure."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models import LateRisk
from app.scorecard.risk import Curve, History, Outcome, chance_late, curve, risk, trend
from bench.late_risk import auc, brier, report

outcomes = st.lists(st.builds(Outcome, st.integers(-40, 120), st.booleans()), max_size=40)
NOBODY = Curve((), (), 0)
EARLY, LATE = Outcome(-3), Outcome(12)


def test_the_curve_is_kaplan_and_meiers() -> None:
    """[G13] By hand: 5 invoices; one of 5 paid at -2, one open until 0, one of 3 paid at 4, one of 2 at 9."""
    found = curve([Outcome(-2), Outcome(0, is_paid=False), Outcome(4), Outcome(9), Outcome(20, is_paid=False)])
    assert [found.open_after(days) for days in (-3, -2, 3, 4, 9, 99)] == pytest.approx(
        [1, 0.8, 0.8, 0.8 * 2 / 3, 0.8 * 2 / 3 / 2, 0.8 * 2 / 3 / 2]
    )


@given(outcomes, outcomes)
def test_a_chance_is_one_and_falls_with_time(own: list[Outcome], everybody: list[Outcome]) -> None:
    """[G13] Between 0 and 1, and never likelier to be open later."""
    chances = [chance_late(curve(own), curve(everybody), days) for days in range(-50, 130, 10)]
    assert all(0 <= chance <= 1 for chance in chances)
    assert chances == sorted(chances, reverse=True)


def test_one_late_payment_does_not_make_a_late_payer() -> None:
    """[G13 003-12] Its own history weighs the more the longer it is."""
    everybody = curve([EARLY] * 90 + [LATE] * 10)
    chances = [chance_late(curve([LATE] * count), everybody) for count in (0, 1, 4, 40)]
    assert chances == pytest.approx([0.1, 0.4, 0.7, 0.957], abs=0.001)


def test_what_is_still_open_counts_as_not_paid_by_now() -> None:
    """[G13] An account that stopped paying looks worse than one whose late payments came."""
    paid, stopped = [EARLY] * 3 + [LATE] * 3, [EARLY] * 3 + [Outcome(60, is_paid=False)] * 3
    assert chance_late(curve(stopped), NOBODY, 30) > chance_late(curve(paid), NOBODY, 30)


def test_little_is_known_of_who_paid_little() -> None:
    """[G13] Two paid invoices are too few, however many are open."""
    assert risk(History((EARLY, EARLY, Outcome(1, is_paid=False))), NOBODY) is None


@pytest.mark.parametrize(
    ("history", "grade"),
    [
        (History((EARLY,) * 6), LateRisk.LOW),
        (History((EARLY, LATE) * 4), LateRisk.RAISED),
        (History((LATE,) * 6), LateRisk.HIGH),
        (History((EARLY,) * 6, broken=2, promised=3), LateRisk.RAISED),
        (History((EARLY,) * 6, broken=2, promised=4), LateRisk.LOW),
    ],
)
def test_the_grade_and_broken_promises(history: History, grade: LateRisk) -> None:
    """[G13 003-12]"""
    found = risk(history, curve([EARLY] * 7 + [LATE] * 3))
    assert found
    assert found.grade == grade


def test_it_explains_itself() -> None:
    """[G13 003-22] From the same rows the chance is made of."""
    found = risk(History((EARLY,) * 5 + (LATE,) * 5, broken=1, promised=3), NOBODY)
    assert found
    assert found.reasons == [
        "Paid 5 of 10 invoices late.",
        "When late, 12 days on average.",
        "Lately 12 days later than before.",
        "Kept 2 of 3 promises.",
    ]
    early = risk(History((EARLY,) * 3), NOBODY)
    assert early
    assert early.reasons == ["Paid 3 invoices, all in time."]


def test_the_trend_needs_both_halves() -> None:
    """[G13]"""
    assert trend([0] * 7) is None
    assert trend([0, 0, 0, 4, 4, 4, 4, 4]) == 4


# --- measuring ------------------------------------------------------------------------------------------------------


def test_the_measures_are_what_they_are_called() -> None:
    """[G13]"""
    sure, wrong = [(0.9, True), (0.1, False)], [(0.1, True), (0.9, False)]
    assert (auc(sure), auc(wrong), auc([(0.5, True), (0.5, False)])) == (1, 0, 0.5)
    assert brier(sure) == pytest.approx(0.01)


def test_a_file_is_played_without_looking_ahead(tmp_path: Path) -> None:
    """[G13] One account always late, one never: told apart once some were paid, and not on the first day."""
    file, first = tmp_path / "invoices.csv", date(2026, 1, 1)
    lines = ["customerID,InvoiceDate,DueDate,SettledDate"]
    for number in range(40):
        issued, late = first + timedelta(days=7 * number), 10 if number % 2 else -5
        due = issued + timedelta(days=14)
        days = [f"{day:%m/%d/%Y}" for day in (issued, due, due + timedelta(days=late))]
        lines.append(",".join([f"account-{number % 2}", *days]))
    file.write_text("\n".join(lines))
    said = report(file)
    assert "| ours: Kaplan-Meier, drawn towards all accounts | " in said
    assert "| low | 10 | 0% |" in said
    assert "| high | 10 | 100% |" in said
