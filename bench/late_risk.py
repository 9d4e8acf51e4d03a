"""``python -m bench.late_risk FILE [--write]``: how well late payers are told beforehand, on real invoices.

FILE is IBM's accounts-receivable sample (../shared/data/README.md): invoices with due and settled dates. They are
played in the order of their issue; each is judged on the day it is issued, by nothing that happened later. --write puts
the figures into docs/late-risk.md.
"""

import argparse
import csv
import math
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from app.scorecard import risk
from app.scorecard.risk import AT_LEAST, HIGH, RAISED, Curve, History, Outcome, chance_late, curve

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "late-risk.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


@dataclass(frozen=True, slots=True)
class Invoice:
    issued_on: date
    due_on: date
    paid_on: date
    account: str

    @property
    def is_late(self) -> bool:
        return self.paid_on > self.due_on

    def seen_on(self, day: date) -> Outcome:
        """What was known of it on that day."""
        if self.paid_on < day:
            return Outcome((self.paid_on - self.due_on).days)
        return Outcome((day - self.due_on).days, is_paid=False)


@dataclass(frozen=True, slots=True)
class Known:
    """On one day: of the account, and of all."""

    own: tuple[Outcome, ...]
    everybody: tuple[Outcome, ...]
    curve: Curve


Judge = Callable[[Known], float]


def share_late(outcomes: Sequence[Outcome], otherwise: float = 0.5) -> float:
    paid = [one for one in outcomes if one.is_paid]
    return sum(one.days > 0 for one in paid) / len(paid) if paid else otherwise


def last_late(known: Known) -> float:
    paid = [one for one in known.own if one.is_paid]
    return float(paid[-1].days > 0) if paid else share_late(known.everybody)


JUDGES: dict[str, Judge] = {
    "everybody alike: the share of all invoices late so far": lambda known: share_late(known.everybody),
    "naive: late if the account's last paid invoice was late": last_late,
    "naive: the account's own share late so far": lambda known: share_late(known.own, share_late(known.everybody)),
    "ours: Kaplan-Meier, drawn towards all accounts": lambda known: chance_late(curve(known.own), known.curve),
}


def read(path: Path) -> list[Invoice]:
    def day(text: str) -> date:
        return datetime.strptime(text, "%m/%d/%Y").date()  # noqa: DTZ007 - a day, of no zone

    with path.open(newline="") as file:
        rows = [
            Invoice(day(row["InvoiceDate"]), day(row["DueDate"]), day(row["SettledDate"]), row["customerID"])
            for row in csv.DictReader(file)
        ]
    return sorted(rows, key=lambda one: (one.issued_on, one.due_on, one.account, one.paid_on))


def play(invoices: Sequence[Invoice]) -> list[tuple[Invoice, Known]]:
    """Each invoice with what was known when it was issued."""
    by_account, days = defaultdict[str, list[Invoice]](list), [one.issued_on for one in invoices]
    for one in invoices:
        by_account[one.account].append(one)
    curves: dict[date, tuple[tuple[Outcome, ...], Curve]] = {}
    found = []
    for one in invoices:
        day = one.issued_on
        if day not in curves:
            before = tuple(each.seen_on(day) for each in invoices[: bisect_left(days, day)])
            curves[day] = before, curve(before)
        own = tuple(each.seen_on(day) for each in by_account[one.account] if each.issued_on < day)
        found.append((one, Known(own, *curves[day])))
    return found


def brier(pairs: Sequence[tuple[float, bool]]) -> float:
    return sum((chance - is_late) ** 2 for chance, is_late in pairs) / len(pairs)


def log_loss(pairs: Sequence[tuple[float, bool]]) -> float:
    """A certainty that was wrong costs as much as 1 in 1,000."""
    return -sum(math.log(min(0.999, max(0.001, chance if late else 1 - chance))) for chance, late in pairs) / len(pairs)


def auc(pairs: Sequence[tuple[float, bool]]) -> float:
    """How often a late one was given a higher chance than one in time; a tie is half a time."""
    late = sorted(chance for chance, is_late in pairs if is_late)
    early = sorted(chance for chance, is_late in pairs if not is_late)
    wins = sum(bisect_left(early, chance) + _ties(early, chance) / 2 for chance in late)
    return wins / (len(late) * len(early))


def _ties(ordered: Sequence[float], value: float) -> int:
    return bisect_left(ordered, math.nextafter(value, math.inf)) - bisect_left(ordered, value)


def report(path: Path) -> str:
    played = play(read(path))
    quarter, half = played[len(played) // 4][0].issued_on, played[len(played) // 2][0].issued_on
    learnt = [each for each in played if quarter <= each[0].issued_on < half]
    judged = [each for each in played if each[0].issued_on >= half]
    late = sum(one.is_late for one, _ in judged)
    accounts = {one.account for one, _ in played}
    lines = [
        f"{len(played):,} invoices of {len(accounts)} accounts. Judged: the {len(judged):,} issued from {half} on,",
        f"of which {late / len(judged):.0%} were paid late.",
        "",
        "| who judges | Brier score | log loss | AUC | right at 50 % |",
        "|---|---|---|---|---|",
    ]
    for name, judge in JUDGES.items():
        pairs = [(judge(known), one.is_late) for one, known in judged]
        right = sum((chance >= 0.5) == is_late for chance, is_late in pairs) / len(pairs)
        lines.append(f"| {name} | {brier(pairs):.4f} | {log_loss(pairs):.4f} | {auc(pairs):.4f} | {right:.1%} |")
    return "\n".join([*lines, "", *_grades(judged), "", *_priors(learnt)])


def _grades(judged: Sequence[tuple[Invoice, Known]]) -> list[str]:
    """What became of the invoices of each grade."""
    counts = defaultdict[str, list[bool]](list)
    for one, known in judged:
        found = risk.risk(History(known.own), known.curve)
        counts[str(found.grade) if found else "unknown"].append(one.is_late)
    head = [
        f"By grade, as the desk shows it (from {AT_LEAST} invoices paid; raised from {RAISED:.0%}, high {HIGH:.0%}):",
        "",
        "| grade | invoices | paid late |",
        "|---|---|---|",
    ]
    return head + [
        f"| {name} | {len(counts[name]):,} | {sum(counts[name]) / len(counts[name]):.0%} |"
        for name in ("low", "raised", "high", "unknown")
        if counts[name]
    ]


def _priors(learnt: Sequence[tuple[Invoice, Known]]) -> list[str]:
    """How much everybody weighs was chosen on earlier invoices than those judged above."""
    kept, found = risk.PRIOR, []
    try:
        for risk.PRIOR in (0, 1, 2, 3, 5, 8):
            pairs = [(chance_late(curve(known.own), known.curve), one.is_late) for one, known in learnt if known.own]
            found.append(f"{risk.PRIOR}: {log_loss(pairs):.4f}")
    finally:
        risk.PRIOR = kept
    return [f"Log loss on the {len(learnt):,} invoices issued just before those, by PRIOR: {', '.join(found)}."]


def main() -> None:
    parser = argparse.ArgumentParser(description="How well late payers are told beforehand.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/late-risk.md")
    asked = parser.parse_args()
    figures = report(asked.file)
    print(figures)
    if asked.write:
        text = DOCUMENT.read_text()
        inside = f"{BEGIN}\n{figures}\n{END}"
        DOCUMENT.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: inside, text, flags=re.DOTALL))


if __name__ == "__main__":
    main()
