"""Pure: what one mailbox owes and today -> a Digest.

Everything is decided here and nothing is fetched or written: which lines stand in the mail, in which order, under which
number, and every sum. Sums never cross a currency, and equal their lines to the minor unit (INVARIANTS M2).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from app.models import InvoiceState, LineKind, Trust
from app.outbox.rendering import inert
from app.paying.rules import discount_of
from app.receivables.rules import Case, Eligibility, Reason, Standing, Verdict, is_aging, judge
from app.settings import Limits
from app.trust.rules import looks_like
from app.words import _, ngettext
from digest.book import Before, Book, CreditItem, Item, Moment, RelationCard, Source, VendorCard
from digest.parts import CreditRow, Digest, Hidden, Introduction, Later, Line, Row, Section, Total
from digest.stages import by_order, with_leads

_LISTED_CREDITS, _LISTED_QUIET, _LISTED_SETTLED = 3, 12, 5
_Judged = tuple[Item, Eligibility]


@dataclass(slots=True)
class _Part:
    """One vendor's share of a digest, before it has its line numbers. Rows are in order of urgency."""

    card: VendorCard
    name: str  # as the mail shows it
    asked: list[_Judged] = field(default_factory=list)
    later: list[_Judged] = field(default_factory=list)
    quiet: list[_Judged] = field(default_factory=list)
    resting: list[_Judged] = field(default_factory=list)  # asked for often, and so not in this mail
    credits: list[CreditItem] = field(default_factory=list)
    introduced: int = 0

    @property
    def currencies(self) -> set[str]:
        """In which something is asked for; a credit in another one lowers nothing here."""
        return {item.currency for item, _ in (*self.asked, *self.later)}

    @property
    def urgency(self) -> tuple[date, str]:
        first = (self.asked or self.later)[0][0]
        return first.due_on or date.max, self.card.name.casefold()


def compose(book: Book, moment: Moment) -> Digest:
    """The digest of one mailbox. An empty one says why in ``reasons``; whether to send it says ``is_worth_sending``."""
    parts, reasons = _judged(book, moment)
    listed = sorted((part for part in parts if part.asked or part.later), key=lambda part: part.urgency)
    return _Writer(book, moment).write(parts, listed, reasons)


def with_fewer_rows(limits: Limits) -> Limits:
    """The next smaller caps, for a mail that came out too big."""
    return limits.model_copy(
        update={
            "rows_per_mail": max(1, limits.rows_per_mail * 2 // 3),
            "rows_per_section": max(1, limits.rows_per_section * 2 // 3),
        }
    )


def would_ask(book: Book, moment: Moment, vendor_id: UUID) -> bool:
    """Whether the digest would name this vendor at all; what its credits cover is not looked at."""
    standings: dict[UUID, Standing] = {}
    owed = [item for item in book.items if item.vendor_id == vendor_id]
    cases = [(_case(book, item), _standing(book, moment, item, standings)) for item in owed]
    return any(found.verdict == Verdict.SEND or found.quiet for found in judge(cases, moment.today, {}))


def _judged(book: Book, moment: Moment) -> tuple[list[_Part], dict[str, str]]:
    """Every open invoice gets its verdict, vendor by vendor."""
    today, reasons = moment.today, dict[str, str]()
    items, paid_ahead = defaultdict[UUID, list[Item]](list), defaultdict[UUID, list[CreditItem]](list)
    for item in book.items:
        items[item.vendor_id].append(item)
    for credit in book.credits:
        paid_ahead[credit.vendor_id].append(credit)
    standings: dict[UUID, Standing] = {}
    parts = []
    for vendor_id, owed in items.items():
        cases = [(_case(book, item), _standing(book, moment, item, standings)) for item in owed]
        card = book.vendors[vendor_id]
        part = _Part(card, inert(card.name, 50))
        for item, found in zip(owed, judge(cases, today, _net(paid_ahead[vendor_id])), strict=True):
            _sort_in(part, item, found, reasons)
        for rows in (part.asked, part.later, part.quiet, part.resting):
            if len(rows) > 1:
                rows.sort(key=lambda row: (row[0].due_on or date.max, row[0].number, row[0].id))
        part.credits = [credit for credit in paid_ahead[vendor_id] if credit.currency in part.currencies]
        parts.append(part)
    return parts, reasons


def _net(paid_ahead: Iterable[CreditItem]) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for credit in paid_ahead:
        sums[credit.currency] += credit.remaining_minor
    return sums


def _case(book: Book, item: Item) -> Case:
    talk, said = book.talks.get(item.id), book.said.get(item.id)
    times, last_at = said or (0, None)
    policy = book.policies.get(item.bill_to_id)
    return Case(item, book.holds.get(item.id, ()), talk.at if talk else None, times, last_at, policy)


def _standing(book: Book, moment: Moment, item: Item, known: dict[UUID, Standing]) -> Standing:
    found = known.get(item.connection_id)
    if found is None:
        vendor, source = book.vendors[item.vendor_id], book.sources[item.connection_id]
        found = known[item.connection_id] = Standing(
            vendor=vendor,
            relation=book.relations.get(item.vendor_id),
            source=source,
            now=moment.now,
            limits=moment.limits,
            zone=moment.zone,
            soon_until=moment.soon_until,
            is_stopped=vendor.is_stopped or source.is_stopped,
            most_mentions=book.most_mentions,
            next_on=moment.next_on,
            waits=book.waiting.get(item.vendor_id, ""),
        )
    return found


def _sort_in(part: _Part, item: Item, found: Eligibility, reasons: dict[str, str]) -> None:
    if found.verdict != Verdict.SEND:
        reasons[str(item.id)] = found.words
        if found.reason in (Reason.MENTIONED, Reason.MENTIONED_ENOUGH):
            part.resting.append((item, found))
        elif found.quiet:
            part.quiet.append((item, found))
    elif found.reason == Reason.INTRODUCED:
        part.introduced += 1
    elif found.reason == Reason.LATER:
        part.later.append((item, found))
    else:
        part.asked.append((item, found))


class _Writer:
    """Gives every line its number, in the order of the mail, and adds up."""

    def __init__(self, book: Book, moment: Moment) -> None:
        self.book, self.moment = book, moment
        last, days = book.last_mail_at, timedelta(days=moment.limits.grace_days)
        self._known_until = last.astimezone(ZoneInfo(moment.zone)).date() - days if last else date.min
        self.lines: list[Line] = []
        self.worn_out: list[int] = []

    def write(self, parts: Sequence[_Part], listed: Sequence[_Part], reasons: dict[str, str]) -> Digest:
        chosen, shown = self._chosen(listed)
        sections = tuple(self._section(part, chosen, part.card.id in shown) for part in listed)
        quiet = self._quiet(parts)
        introductions = tuple(self._introduction(part) for part in _by_name(parts) if part.introduced)
        resting, settled, rating = self._resting(parts), self._settled(), self._rating()
        asked = [row for part in listed for row in part.asked]
        late = [item for item, found in asked if found.reason == Reason.OVERDUE]
        next_on = [item.due_on for item, found in asked if found.reason != Reason.OVERDUE and item.due_on]
        return Digest(
            sections=tuple(section for section in sections if section.vendor_id in shown),
            introductions=introductions,
            quiet=quiet[:_LISTED_QUIET],
            quiet_hidden=max(0, len(quiet) - _LISTED_QUIET),
            resting=resting,
            worn_out=tuple(self.lines[line - 1] for line in self.worn_out),
            settled=tuple(settled[:_LISTED_SETTLED]),
            settled_hidden=max(0, len(settled) - _LISTED_SETTLED),
            hidden=_hidden_vendors([part for part in listed if part.card.id not in shown]),
            totals=_added(total for section in sections for total in section.totals),
            overdue=len(late),
            soon=len(asked) - len(late),
            later=sum(len(part.later) for part in listed),
            vendors=len(listed),
            oldest_on=min((item.due_on for item in late if item.due_on), default=None),
            next_on=min(next_on, default=None),
            is_worth_sending=bool(asked) or self._has_news(listed, parts),
            lines=tuple(self.lines),
            reasons=reasons,
            rating=rating,
        )

    def _chosen(self, listed: Sequence[_Part]) -> tuple[set[UUID], set[UUID]]:
        """The most urgent rows the caps let in, over all vendors alike, and the vendors that get a section."""
        limits = self.moment.limits
        rows = sorted(
            ((item.due_on or date.max, part.card.name.casefold(), rank, item.id, part.card.id)
             for part in listed for rank, (item, _) in enumerate(part.asked[: limits.rows_per_section])),
        )  # fmt: skip
        kept = rows[: limits.rows_per_mail]
        shown = {row[4] for row in kept}
        only_later = [part.card.id for part in listed if not part.asked]
        shown.update(only_later[: max(0, limits.rows_per_mail - len(kept))])
        return {row[3] for row in kept}, shown

    def _section(self, part: _Part, chosen: set[UUID], is_shown: bool) -> Section:
        first = len(self.lines) + 1
        asked = [(judged, judged[0].id in chosen) for judged in by_order(self.book, part.asked)]
        rows = [self._row(part, judged, LineKind.DUE, is_listed) for judged, is_listed in asked]
        later = [self._row(part, judged, LineKind.LATER, is_shown=False) for judged in part.later]
        credit_rows = [
            self._credit(part, credit, is_shown and rank < _LISTED_CREDITS) for rank, credit in enumerate(part.credits)
        ]
        relation = self.book.relations.get(part.card.id)
        listed = [(row, item) for row, ((item, _), is_listed) in zip(rows, asked, strict=True) if is_listed]
        hidden = [item for (item, _), is_listed in asked if not is_listed]
        is_proven = part.card.trust == Trust.VERIFIED
        return Section(
            vendor_id=part.card.id,
            name=part.name,
            colour=part.card.colour,
            first_line=first,
            is_new=relation is None or relation.first_mailed_at is None,
            as_of=self._as_of(part),
            rows=with_leads(self.book, listed, self.moment.today),
            hidden=Hidden(len(hidden), 1, _sums(hidden)) if hidden else None,
            later=_later(part, later),
            credits=tuple(credit_rows),
            totals=_totals(part),
            note=inert(part.card.note) if is_proven else "",
            logo_key=part.card.logo_key if is_proven else "",
            may_remind=any(source.may_remind for source in self._sources(part)),
            usual_answer_minutes=part.card.usual_answer_minutes,
        )

    def _row(self, part: _Part, judged: _Judged, kind: LineKind, is_shown: bool) -> Row:
        item, found = judged
        before, talk, last = self.book.before.get(item.id), self.book.talks.get(item.id), self.book.last_mail_at
        number = self._freeze(part.card, item, kind, is_shown, found.words)
        return Row(
            line=number,
            vendor_name=part.name,
            number=inert(item.number) or _("Without number"),
            po_number=inert(item.po_number),
            issued_on=item.issued_on,
            due_on=item.due_on,
            words=found.words,
            is_overdue=found.reason == Reason.OVERDUE,
            currency=item.currency,
            amount_minor=item.due_minor,
            original_minor=item.total_minor if item.total_minor != item.balance_minor else None,
            rest_minor=item.balance_minor - item.due_minor - item.disputed_minor or None,
            disputed_minor=item.disputed_minor,
            is_new=last is not None and self._is_new(item, last),
            was_minor=before.amount_minor if before and before.amount_minor != item.due_minor else None,
            was_on=before.due_on if before and before.due_on != item.due_on else None,
            is_answered=bool(talk and talk.is_vendors and last and talk.at > last),
            can_pay=item.can_pay_online,
            discount=discount_of(item, item.due_minor, part.card, self.moment.today),
        )

    def _freeze(self, card: VendorCard, item: Item, kind: LineKind, is_shown: bool, status: str) -> int:
        number = len(self.lines) + 1
        self.lines.append(
            Line(number, kind, is_shown, card.id, card.name, item.id, item.number, item.po_number, item.issued_on,
                 item.due_on, item.currency, item.due_minor, item.total_minor, status[:120],
                 self.book.sources[item.connection_id].as_of)
        )  # fmt: skip
        return number

    def _credit(self, part: _Part, credit: CreditItem, is_shown: bool) -> CreditRow:
        number = len(self.lines) + 1
        status = _("payment not yet matched") if credit.is_cash else _("credit note")
        self.lines.append(
            Line(number, LineKind.CREDIT, is_shown, part.card.id, part.card.name, None, credit.number, "",
                 credit.issued_on, None, credit.currency, credit.remaining_minor, credit.total_minor, status, None)
        )  # fmt: skip
        return CreditRow(number, inert(credit.number), credit.is_cash, credit.currency, credit.remaining_minor)

    def _introduction(self, part: _Part) -> Introduction:
        number, card = len(self.lines) + 1, part.card
        status = ngettext("%(num)s invoice", "%(num)s invoices", part.introduced)
        currency = next(item.currency for item in self.book.items if item.vendor_id == card.id)
        self.lines.append(
            Line(number, LineKind.INTRODUCED, True, card.id, card.name, None, "", "", None, None, currency, 0, 0,
                 status, None)
        )  # fmt: skip
        return Introduction(number, part.name, part.introduced, self._unlike(card))

    def _unlike(self, card: VendorCard) -> tuple[str, ...]:
        """Nobody but this mailbox reads these names, and it knows them."""
        here = {item.vendor_id for item in self.book.items} | set(self.book.relations)
        others = [self.book.vendors[each] for each in here - {card.id} if each in self.book.vendors]
        known = [other.name for other in others if other.trust == Trust.VERIFIED or self._has_accepted(other.id)]
        return tuple(sorted(inert(name, 50) for name in known if looks_like(name, card.name)))

    def _has_accepted(self, vendor_id: UUID) -> bool:
        return self.book.relations.get(vendor_id, RelationCard()).accepted_at is not None

    def _quiet(self, parts: Sequence[_Part]) -> tuple[Row, ...]:
        held = [(part, judged) for part in _by_name(parts) for judged in part.quiet]
        return tuple(
            self._row(part, judged, LineKind.ON_HOLD, rank < _LISTED_QUIET) for rank, (part, judged) in enumerate(held)
        )

    def _resting(self, parts: Sequence[_Part]) -> Hidden | None:
        """What was asked for in mail after mail: counted with its sums, and behind the link, but not listed again."""
        rested = [(part, judged) for part in _by_name(parts) for judged in part.resting]
        for part, (item, found) in rested:
            line = self._freeze(part.card, item, LineKind.LATER, is_shown=False, status=found.words)
            if found.reason == Reason.MENTIONED_ENOUGH:
                self.worn_out.append(line)
        vendors = {part.card.id for part, _ in rested}
        return Hidden(len(rested), len(vendors), _sums(item for _, (item, _) in rested)) if rested else None

    def _settled(self) -> list[Before]:
        """Lines of the last mail that are paid now: worth a thank you."""
        paid = (each for each in self.book.before.values() if each.state == InvoiceState.PAID)
        return [
            each._replace(number=inert(each.number) or _("Without number"), vendor_name=inert(each.vendor_name, 50))
            for each in sorted(paid, key=lambda each: (each.vendor_name.casefold(), each.number))
        ]

    def _rating(self) -> Line | None:
        """The last line, after all that is owed; it asks for no money."""
        if (asked := self.book.rating) is None:
            return None
        number, name = len(self.lines) + 1, asked.vendor_name
        line = Line(number, LineKind.RATING, True, asked.vendor_id, name, None, "", "", None, None, "", 0, 0, "", None)
        self.lines.append(line)
        return line

    def _as_of(self, part: _Part) -> datetime | None:
        """The oldest data of a vendor's lines where it is late."""
        late = [
            each.as_of
            for each in self._sources(part)
            if each.as_of and is_aging(each, self.moment.now, self.moment.limits)
        ]
        return min(late, default=None)

    def _sources(self, part: _Part) -> list[Source]:
        """Through which its lines came."""
        through = {item.connection_id for item, _ in [*part.asked, *part.later]}
        return [self.book.sources[each] for each in through]

    def _is_new(self, item: Item, last_mail_at: datetime) -> bool:
        """Not read of, or not old enough to be mentioned, when the last mail went out."""
        came_later = bool(item.created_at and item.created_at > last_mail_at)
        is_recent = item.issued_on is not None and item.issued_on > self._known_until
        return (came_later or is_recent) and not self.book.had_own_mail(item)

    def _has_news(self, listed: Sequence[_Part], parts: Sequence[_Part]) -> bool:
        """Nothing is due before the next mail; is there something the mailbox has not heard of? (FEATURES D6)"""
        last, relations = self.book.last_mail_at, self.book.relations
        later = (item for part in listed for item, _ in part.later)
        if any(last is None or item.id in self.book.before or self._is_new(item, last) for item in later):
            return True
        return any(
            part.introduced and not relations.get(part.card.id, RelationCard()).first_mailed_at for part in parts
        )


def _by_name(parts: Iterable[_Part]) -> list[_Part]:
    return sorted(parts, key=lambda part: part.card.name.casefold())


def _sums(items: Iterable[Item]) -> tuple[tuple[str, int], ...]:
    sums: dict[str, int] = defaultdict(int)
    for item in items:
        sums[item.currency] += item.due_minor
    return tuple(sorted(sums.items()))


def _later(part: _Part, rows: Sequence[Row]) -> Later | None:
    if not rows:
        return None
    return Later(
        count=len(rows),
        new=sum(row.is_new for row in rows),
        first_due_on=rows[0].due_on,
        sums=_sums(item for item, _ in part.later),
    )


def _totals(part: _Part) -> tuple[Total, ...]:
    sums = defaultdict[str, list[int]](lambda: [0, 0, 0, 0])
    for item, found in part.asked:
        sums[item.currency][0 if found.reason == Reason.OVERDUE else 1] += item.due_minor
    for item, _found in part.later:
        sums[item.currency][2] += item.due_minor
    for credit in part.credits:
        sums[credit.currency][3] += credit.remaining_minor
    return tuple(Total(code, *sums[code]) for code in sorted(sums))


def _added(totals: Iterable[Total]) -> tuple[Total, ...]:
    found: dict[str, Total] = {}
    for total in totals:
        found[total.currency] = found[total.currency].plus(total) if total.currency in found else total
    return tuple(found[code] for code in sorted(found))


def _hidden_vendors(parts: Sequence[_Part]) -> Hidden | None:
    """Vendors without a section: all their lines, less their credits."""
    if not parts:
        return None
    sums = _added(total for part in parts for total in _totals(part))
    count = sum(len(part.asked) + len(part.later) for part in parts)
    return Hidden(count, len(parts), tuple((total.currency, total.net) for total in sums))
