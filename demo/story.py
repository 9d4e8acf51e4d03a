"""A play told in words, for the terminal."""

import re
from collections import Counter

from app.scorecard.rules import duration
from demo.manners import Stretch, Told
from demo.simulate import Day, Say
from demo.verdict import Verdict

_LISTED = 10  # mails of a day by name; of the rest the number
_WIDTH = 26


def tell_day(day: Day, say: Say) -> None:
    say(f"\n{day.at:%a %-d %b %Y}")
    for words, count in sorted(day.happened.items()):
        say(f"  .  {counted(words, count)}")
    for sent in day.sent[:_LISTED]:
        say(f"  >  {sent.at:%H:%M} {sent.address:{_WIDTH}} {sent.window:10} {sent.subject.removeprefix('Sheaf: ')}")
    if len(day.sent) > _LISTED:
        say(f"  >  and {len(day.sent) - _LISTED} more mails, one each")
    if day.unsent:
        _tell_unsent(day, say)
    if not day.sent and not day.unsent:
        say("  -  no window ended")


def counted(words: str, count: int, width: int = 0) -> str:
    """``invoice|invoices paid`` with 2 is ``2 invoices paid``; words without a choice count nothing."""
    singular = re.sub(r"(\w+)\|(\w+)", r"\1" if count == 1 else r"\2", words)
    return singular if singular == words else f"{count:{width},} {singular}"


def _tell_unsent(day: Day, say: Say) -> None:
    reasons = Counter((one.outcome.replace("_", " "), one.reason) for one in day.unsent)
    for (outcome, reason), count in reasons.most_common():
        whose = next(one.address for one in day.unsent if one.reason == reason) if count == 1 else f"{count} mailboxes"
        say(f"  -  {whose}: {outcome}, {reason}")


def tell_end(days: list[Day], verdict: Verdict, say: Say) -> None:
    happened = Counter[str]()
    for day in days:
        happened.update({words: count for words, count in day.happened.items() if "|" in words})
    outages = sum(count for day in days for words, count in day.happened.items() if "unreachable" in words)
    say(f"\n{len(days)} days, {outages} outages of providers")
    for words, count in sorted(happened.items()):
        say(f"  {counted(words, count, 6)}")
    say("\nWindows, each with one outcome")
    for outcome, count in verdict.windows.most_common():
        say(f"  {count:6,}  {outcome.replace('_', ' ')}")
    say("\nMails")
    say(f"  {verdict.mails:6,}  handed over, {verdict.lines:,} lines, the largest {verdict.largest_html / 1000:.0f} kB")
    say(f"  {len(verdict.doubled):6,}  windows with more than one mail")
    say(f"  {len(verdict.unexplained):6,}  windows without a mail and without a reason")
    say(f"  {len(verdict.settled):6,}  lines that were settled before, without an excuse")
    say(f"  {verdict.excused:6,}  lines settled at a provider that could not be reached")
    say(f"  {len(verdict.too_old):6,}  lines known from longer ago than 72 h")
    for words in verdict.broken[:20]:
        say(f"  BROKEN: {words}")
    say("\nEvery promise was kept." if not verdict.broken else f"\n{len(verdict.broken)} promises were broken.")


def tell_care(told: list[Told], stretches: list[Stretch], say: Say) -> None:
    """A table of the three measures of how vendors treat their customers, to see them move."""
    say("\nHow customers fare, by the vendors' own scorecards")
    _tell_row("day", [f"{first + 1}-{last + 1}" for first, last in stretches], say)
    for one in told:
        say(f"  {one.company} ({one.manner.words})")
        _tell_row("first answer", ["-" if of.answer is None else duration(of.answer) for of in one.measures], say)
        _tell_row("accuracy", [_figure(of.accuracy, ".0%") for of in one.measures], say)
        _tell_row("satisfaction, of 5", [_figure(of.content, ".1f") for of in one.measures], say)


def _tell_row(words: str, figures: list[str], say: Say) -> None:
    say(f"      {words:{_WIDTH}}" + "".join(f"{figure:>16}" for figure in figures))


def _figure(value: float | None, form: str) -> str:
    """A dash while there is nothing to measure, or so few answers that they would tell who gave them."""
    return "-" if value is None else format(value, form)
