"""What leaves week by week."""

from datetime import date

from app.statements.cash import WEEKS, Due, Stage, plans

TODAY = date(2026, 11, 25)  # a Wednesday


def test_every_due_stands_in_its_week_and_currency() -> None:
    """[H6 inv-M2]"""
    dues = [
        Due("USD", date(2026, 11, 1), Stage.DUE, 100),
        Due("USD", date(2026, 11, 24), Stage.DUE, 50),  # this week, and late
        Due("USD", date(2026, 11, 27), Stage.DUE, 7),
        Due("USD", date(2026, 11, 30), Stage.PROMISED, 20),
        Due("USD", date(2026, 11, 1), Stage.PAYING, 3),
        Due("USD", None, Stage.DUE, 11),
        Due("EUR", date(2030, 1, 1), Stage.DUE, 13),
    ]
    eur, usd = plans(dues, TODAY)
    assert (eur.currency, usd.currency) == ("EUR", "USD")
    assert usd.weeks[0].minors == {Stage.OVERDUE: 150}
    assert usd.weeks[1].starts_on == date(2026, 11, 23)
    assert usd.weeks[1].minors == {Stage.DUE: 7, Stage.PAYING: 3}
    assert usd.weeks[2].minors == {Stage.PROMISED: 20}
    assert usd.weeks[WEEKS + 1].minors == {Stage.DUE: 11}
    assert eur.weeks[-1].total.minor == 13
    assert sum(week.total.minor for week in usd.weeks) == 191


def test_moving_to_a_pay_run_changes_weeks_and_no_sum() -> None:
    """[H6 H11]"""
    late, soon = Due("USD", date(2026, 11, 1), Stage.DUE, 100), Due("USD", date(2026, 11, 27), Stage.DUE, 7)
    (plan,) = plans([late, soon], TODAY, [late], date(2026, 12, 10))
    assert plan.weeks[0].minors == {}
    assert plan.weeks[0].change.minor == -100
    assert plan.weeks[3].minors == {Stage.DUE: 100}
    assert sum(week.change.minor for week in plan.weeks) == 0
    assert plan.highest == 100
