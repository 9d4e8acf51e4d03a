"""A Digest as a mail: subject, text and HTML, the same facts and links in both bodies.

Words and formats are the reader's. Every phrase is made once, here, for both bodies; the templates only set them out,
because a call from a template costs ten times a call from Python.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from app import logos
from app.outbox.rendering import TOKEN_PLACE, Mail, amounts, inert, mail_template
from app.scorecard.rules import usual_answer
from app.words import _, days, marked, ngettext, speaking
from digest.book import Company
from digest.parts import CreditRow, Digest, Hidden, Later, Row, Section, Total

VERSION = "digest-1"  # frozen with every digest: which template it was made with
_FOLDER = Path(__file__).parent / "templates" / "digest"
_LISTED_COMPANIES = 12
_DISCREET = _FOLDER.with_name("discreet")
_LISTED_CREDITS = 3


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom the mail is for, and where its links lead. ``rhythm``: every Tuesday at 09:00."""

    address: str
    organisation: str
    locale: str
    zone: str
    rhythm: str
    amounts_in_subject: bool
    public_url: str
    postal_address: str
    is_private: bool = False
    also: tuple[str, ...] = ()  # who of its customer's people is sent these, too
    companies: tuple[Company, ...] = ()  # the reader's other organisations


def render(digest: Digest, reader: Reader, now: datetime) -> Mail:
    """The mail with TOKEN_PLACE in its links. Its HTML may still be bigger than wanted: the caller looks."""
    with speaking(reader.locale):
        return _discreet(digest, reader, now) if reader.is_private else _whole(digest, reader, now)


def _whole(digest: Digest, reader: Reader, now: datetime) -> Mail:
    words = _words(reader.locale)
    link = f"{reader.public_url}/m/{TOKEN_PLACE}"
    template = mail_template(_FOLDER, link=link, house=reader.public_url, postal_address=reader.postal_address)
    headline = _elsewhere(digest, reader) or words.headline(digest)
    return template.render(
        digest=digest,
        today=words.day(now.astimezone(ZoneInfo(reader.zone)).date()),
        headline=headline,
        title=headline[:1].upper() + headline[1:],
        summary="" if _elsewhere(digest, reader) else words.summary(digest, reader),
        companies=[_company(each) for each in reader.companies[:_LISTED_COMPANIES]],
        companies_more=_more(len(reader.companies[_LISTED_COMPANIES:])),
        companies_link=f"{reader.public_url}/inbox/companies",
        open_from=_open_from(digest) if digest.count else "",
        show_amounts=reader.amounts_in_subject,
        amounts_in_all=words.in_all(digest.totals),
        totals=[words.total(total, len(digest.totals)) for total in digest.totals],
        introductions=[
            (new.line, new.name, _invoices(new.count), ", ".join(new.unlike)) for new in digest.introductions
        ],
        sections=[words.section(section, reader.zone) for section in digest.sections],
        hidden=_hidden(digest.hidden),
        hidden_amounts=words.sums(digest.hidden.sums) if digest.hidden else "",
        quiet_more=_more(digest.quiet_hidden),
        quiet=[words.quiet(row) for row in digest.quiet],
        resting=_resting(digest.resting),
        resting_amounts=words.sums(digest.resting.sums) if digest.resting else "",
        settled_more=_more(digest.settled_hidden),
        settled=[(row.vendor_name, row.number, words.money(row.amount_minor, row.currency)) for row in digest.settled],
        rating=digest.rating.line if digest.rating else 0,
        rating_name=inert(digest.rating.vendor_name, 50) if digest.rating else "",
        why=_why(reader),
    )


def _discreet(digest: Digest, reader: Reader, now: datetime) -> Mail:
    """How many and a link: no names, no amounts (FEATURES C13)."""
    words = _words(reader.locale)
    headline = _elsewhere(digest, reader) or words.headline(digest)
    return mail_template(_DISCREET).render(
        headline=headline[:1].upper() + headline[1:],
        today=words.day(now.astimezone(ZoneInfo(reader.zone)).date()),
        link=f"{reader.public_url}/m/{TOKEN_PLACE}",
        why=_why(reader),
        postal_address=reader.postal_address,
    )


def _elsewhere(digest: Digest, reader: Reader) -> str:
    """The headline where nothing is open here, but something is late at another organisation of the reader's."""
    overdue = sum(company.overdue for company in reader.companies)
    if digest.count or digest.introductions or not overdue:
        return ""
    return ngettext("%(num)s overdue at your companies", "%(num)s overdue at your companies", overdue)


def _company(company: Company) -> tuple[str, str]:
    """(name, what is open there): each by itself, for nothing of one is another's."""
    counts = [ngettext("%(num)s open", "%(num)s open", company.open)]
    if company.overdue:
        counts.append(ngettext("%(num)s overdue", "%(num)s overdue", company.overdue))
    return inert(company.name), ", ".join(counts)


def _why(reader: Reader) -> str:
    facts = {"rhythm": reader.rhythm, "zone": reader.zone.replace("_", " "), "address": reader.address}
    why = _("You get this %(rhythm)s (%(zone)s) at %(address)s.", **facts)
    if reader.organisation:
        why = _(
            "You get this %(rhythm)s (%(zone)s) at %(address)s, where suppliers send what %(organisation)s owes.",
            **facts,
            organisation=reader.organisation,
        )
    also = (
        _("Also sent to %(names)s, each in a mail of their own.", names=", ".join(reader.also)) if reader.also else ""
    )
    return f"{why} {also}".strip()


def _invoices(count: int) -> str:
    return ngettext("%(num)s invoice", "%(num)s invoices", count)


def _from_suppliers(count: int) -> str:
    return ngettext("from %(num)s supplier", "from %(num)s suppliers", count)


def _open_from(digest: Digest) -> str:
    suppliers = _from_suppliers(digest.vendors)
    return ngettext(
        "%(num)s open %(from_suppliers)s", "%(num)s open %(from_suppliers)s", digest.count, from_suppliers=suppliers
    )


def _late_since(count: int, day: str) -> str:
    return ngettext("%(num)s overdue since %(day)s", "%(num)s overdue since %(day)s", count, day=day)


def _soon_from(count: int, day: str) -> str:
    return ngettext("%(num)s due soon, the first on %(day)s", "%(num)s due soon, the first on %(day)s", count, day=day)


def _counts(digest: Digest) -> Iterable[str]:
    if digest.overdue:
        yield ngettext("%(num)s overdue", "%(num)s overdue", digest.overdue)
    if digest.soon:
        yield ngettext("%(num)s due soon", "%(num)s due soon", digest.soon)
    if digest.later:
        yield ngettext("%(num)s due later", "%(num)s due later", digest.later)


def _more(count: int) -> str:
    return ngettext("And %(num)s more", "And %(num)s more", count) if count else ""


def _hidden(hidden: Hidden | None) -> str:
    if hidden is None:
        return ""
    return ngettext(
        "And %(num)s more %(from_suppliers)s",
        "And %(num)s more %(from_suppliers)s",
        hidden.count,
        from_suppliers=_from_suppliers(hidden.vendors),
    )


def _resting(resting: Hidden | None) -> str:
    if resting is None:
        return ""
    return ngettext(
        "%(num)s invoice we reminded you of before", "%(num)s invoices we reminded you of before", resting.count
    )


class _Words:
    """The mail's phrases in one locale; one object a locale for the life of the process."""

    def __init__(self, locale: str) -> None:
        self.money, self.day = amounts(locale), days(locale)

    def headline(self, digest: Digest) -> str:
        """The most urgent thing in one line; no word of a vendor's, because it also is the subject (INVARIANTS A3)."""
        if digest.overdue:
            return _late_since(digest.overdue, self.day(digest.oldest_on))
        if digest.soon:
            return _soon_from(digest.soon, self.day(digest.next_on))
        return _("nothing is due yet") if digest.count else _("a supplier you do not know yet")

    def summary(self, digest: Digest, reader: Reader) -> str:
        """One sentence for the first screen."""
        who = reader.organisation or reader.address
        if not digest.count:
            return ngettext(
                "%(num)s supplier new to %(who)s asked us to reach you.",
                "%(num)s suppliers new to %(who)s asked us to reach you.",
                len(digest.introductions),
                who=who,
            )
        return ngettext(
            "%(num)s open invoice %(from_suppliers)s to %(who)s: %(parts)s.",
            "%(num)s open invoices %(from_suppliers)s to %(who)s: %(parts)s.",
            digest.count,
            from_suppliers=_from_suppliers(digest.vendors),
            who=who,
            parts=", ".join(_counts(digest)),
        )

    def in_all(self, totals: Sequence[Total]) -> str:
        """For the subject: the sums of two currencies at most."""
        sums = [self.money(total.net, total.currency) for total in totals[:2]]
        if len(sums) < 2:
            return "".join(sums)
        one, other = sums
        if len(totals) > 2:
            return _("%(one)s and %(other)s and more", one=one, other=other)
        return _("%(one)s and %(other)s", one=one, other=other)

    def total(self, total: Total, currencies: int) -> tuple[str, str, str]:
        """(label, what it consists of, sum)."""
        parts = [
            _(words, amount=self.money(minor, total.currency))
            for minor, words in (
                (total.overdue, marked("%(amount)s overdue")),
                (total.soon, marked("%(amount)s due soon")),
                (total.later, marked("%(amount)s later")),
                (total.credit, marked("less %(amount)s credit")),
            )
            if minor
        ]
        label = _("Open in all") if currencies == 1 else _("Open in %(currency)s", currency=total.currency)
        return label, ", ".join(parts), self.money(total.net, total.currency)

    def section(self, section: Section, zone: str) -> tuple[Any, ...]:
        """(first line, name, is new, as of, note, that it may remind as well, logo, how soon it answers, rows, lines
        below them, sums): as the templates take it apart."""
        extras = self._extras(section)
        together = [self.money(total.net, total.currency) for total in section.totals]
        return (
            section.first_line,
            section.name,
            section.is_new,
            self._moment(section.as_of, zone) if section.as_of else "",
            section.note,
            _("%(name)s may also remind you from its own system.", name=section.name) if section.may_remind else "",
            logos.shown(section.logo_key),
            usual_answer(section.usual_answer_minutes) if section.usual_answer_minutes is not None else "",
            [self._row(row) for row in section.rows],
            extras,
            together if len(section.rows) + len(extras) > 1 else [],  # below a single line it would only repeat it
        )

    def _row(self, row: Row) -> tuple[Any, ...]:
        """(line, number, words, is overdue, marks, facts, amount, can be paid online, what is said above it)."""
        amount = self.money(row.amount_minor, row.currency)
        return (
            row.line,
            row.number,
            row.words,
            row.is_overdue,
            self._marks(row),
            self._facts(row),
            amount,
            row.can_pay,
            row.leads,
        )

    def _facts(self, row: Row) -> str:
        """What is known of a line besides number, amount and lateness."""
        facts = [_("Due %(day)s", day=self.day(row.due_on)) if row.due_on else _("No due date")]
        if row.issued_on:
            facts.append(_("issued %(day)s", day=self.day(row.issued_on)))
        if row.po_number:
            facts.append(_("order %(number)s", number=row.po_number))
        if row.original_minor is not None:
            facts.append(_("of %(amount)s", amount=self.money(row.original_minor, row.currency)))
        if row.rest_minor:
            facts.append(_("%(amount)s in later instalments", amount=self.money(row.rest_minor, row.currency)))
        if row.disputed_minor:
            facts.append(
                _("%(amount)s disputed, and not asked for", amount=self.money(row.disputed_minor, row.currency))
            )
        if row.discount:
            amount, day = self.money(row.discount.minor, row.currency), self.day(row.discount.until)
            facts.append(_("%(amount)s less if paid by %(day)s", amount=amount, day=day))
        return ", ".join(facts)

    def _marks(self, row: Row) -> list[str]:
        """What has changed since the last mail (FEATURES C6)."""
        found = [_("new")] if row.is_new else []
        if row.was_minor is not None:
            found.append(_("was %(amount)s", amount=self.money(row.was_minor, row.currency)))
        if row.was_on is not None:
            found.append(_("was due %(day)s", day=self.day(row.was_on)))
        return [*found, _("answered")] if row.is_answered else found

    def _extras(self, section: Section) -> list[tuple[str, bool, str]]:
        """(words, is a link to the whole, amounts) of what stands below a section's rows."""
        found = []
        if section.hidden:
            count, name = section.hidden.count, section.name
            words = ngettext("And %(num)s more from %(name)s", "And %(num)s more from %(name)s", count, name=name)
            found.append((words, True, self.sums(section.hidden.sums)))
        if section.later:
            found.append((self._later(section.later), True, self.sums(section.later.sums)))
        for credit in section.credits[:_LISTED_CREDITS]:
            found.append((_credit(credit), False, self.money(-credit.minor, credit.currency)))
        if rest := section.credits[_LISTED_CREDITS:]:
            words = ngettext("And %(num)s more credit", "And %(num)s more credits", len(rest))
            found.append((words, False, self.sums(_credit_sums(rest))))
        return found

    def _later(self, later: Later) -> str:
        words = [_("Later: %(invoices)s", invoices=_invoices(later.count))]
        if later.new:
            words.append(ngettext("%(num)s new", "%(num)s new", later.new))
        if later.first_due_on:
            words.append(_("the first due %(day)s", day=self.day(later.first_due_on)))
        return ", ".join(words)

    def quiet(self, row: Row) -> tuple[int, str, str, str, str]:
        return row.line, row.vendor_name, row.number, self.money(row.amount_minor, row.currency), row.words

    def sums(self, sums: Iterable[tuple[str, int]]) -> str:
        return ", ".join(self.money(minor, code) for code, minor in sums)

    def _moment(self, at: datetime, zone: str) -> str:
        local = at.astimezone(ZoneInfo(zone))
        return f"{self.day(local.date())}, {local:%H:%M}"


@cache
def _words(locale: str) -> _Words:
    return _Words(locale)


def _credit(credit: CreditRow) -> str:
    name = _("Payment not yet matched") if credit.is_cash else _("Credit note")
    return f"{name} {credit.number}".strip()


def _credit_sums(rows: Iterable[CreditRow]) -> list[tuple[str, int]]:
    sums: dict[str, int] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, 0) - row.minor
    return sorted(sums.items())
