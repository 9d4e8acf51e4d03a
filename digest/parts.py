"""What a digest consists of: the composer's result, which the renderer writes out and the planner freezes."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from app.models import LineKind
from app.paying.rules import Discount
from digest.book import Before


@dataclass(frozen=True, slots=True)
class Total:
    """Sums in one currency; ``credit`` is a positive amount that lowers them."""

    currency: str
    overdue: int = 0
    soon: int = 0
    later: int = 0
    credit: int = 0

    @property
    def due(self) -> int:
        return self.overdue + self.soon

    @property
    def net(self) -> int:
        return self.overdue + self.soon + self.later - self.credit

    def plus(self, other: "Total") -> "Total":
        return Total(
            self.currency,
            self.overdue + other.overdue,
            self.soon + other.soon,
            self.later + other.later,
            self.credit + other.credit,
        )


class Row(NamedTuple):
    """One line of a mail. ``original_minor``: the invoice's total when something was paid already; ``rest_minor``: what
    later instalments add; ``disputed_minor``: what is not asked for meanwhile; ``was_minor`` and ``was_on``: what the
    last mail said, where that has changed."""

    line: int
    vendor_name: str
    number: str
    po_number: str
    issued_on: date | None
    due_on: date | None
    words: str
    is_overdue: bool
    currency: str
    amount_minor: int
    original_minor: int | None = None
    rest_minor: int | None = None
    disputed_minor: int = 0
    is_new: bool = False
    was_minor: int | None = None
    was_on: date | None = None
    is_answered: bool = False
    can_pay: bool = False
    discount: Discount | None = None
    leads: tuple[str, ...] = ()  # said above it and the rows below that share it (digest/stages.py)


@dataclass(frozen=True, slots=True)
class CreditRow:
    line: int
    number: str
    is_cash: bool
    currency: str
    minor: int


@dataclass(frozen=True, slots=True)
class Later:
    """What is due only after the next mail: counted, not listed."""

    count: int
    new: int
    first_due_on: date | None
    sums: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Hidden:
    """What the caps keep out of the mail, with exact sums (FEATURES C7)."""

    count: int
    vendors: int
    sums: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Section:
    vendor_id: UUID
    name: str
    colour: str
    first_line: int
    is_new: bool  # this mailbox never had a line of this vendor
    as_of: datetime | None  # only where the data is late
    rows: tuple[Row, ...]
    hidden: Hidden | None
    later: Later | None
    credits: tuple[CreditRow, ...]
    totals: tuple[Total, ...]
    note: str = ""  # one line of the vendor's own
    logo_key: str = ""
    may_remind: bool = False  # its own system, beside us
    usual_answer_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Introduction:
    """A vendor of whom nothing is proven: its name and a count, no more (INVARIANTS A1)."""

    line: int
    name: str
    count: int
    unlike: tuple[str, ...] = ()  # vendors this mailbox knows, whose names it could be taken for (INVARIANTS A3)


class Line(NamedTuple):
    """What is frozen of one line, shown or not: the columns of app.models.DigestLine."""

    line: int
    kind: LineKind
    is_shown: bool
    vendor_id: UUID
    vendor_name: str
    invoice_id: UUID | None
    number: str
    po_number: str
    issued_on: date | None
    due_on: date | None
    currency: str
    amount_minor: int
    total_minor: int
    status: str
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class Digest:
    """What one mail says. ``reasons``: for every invoice that is not asked for, why, by its id."""

    sections: tuple[Section, ...]
    introductions: tuple[Introduction, ...]
    quiet: tuple[Row, ...]
    quiet_hidden: int
    resting: Hidden | None  # not counted in any sum
    worn_out: tuple[Line, ...]  # of those, the ones no mail asks for any more: their vendors should call
    settled: tuple[Before, ...]
    settled_hidden: int
    hidden: Hidden | None
    totals: tuple[Total, ...]
    overdue: int
    soon: int
    later: int
    vendors: int
    oldest_on: date | None  # due date of the longest overdue line
    next_on: date | None  # due date of the next line that is not late
    is_worth_sending: bool
    lines: tuple[Line, ...]
    reasons: dict[str, str]
    rating: Line | None = None  # the vendor this mail asks about, once something of it was settled

    @property
    def count(self) -> int:
        return self.overdue + self.soon + self.later

    @property
    def currencies(self) -> int:
        return len(self.totals)
