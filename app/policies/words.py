"""Segments and terms in words, for the pages of the vendor's people."""

from collections.abc import Iterable

from app.models import CompanySize, LateRisk
from app.money import format_minor
from app.policies.rules import TONES, Segment, Stage, Terms
from app.words import _, locale, marked, ngettext

SIZES = {
    CompanySize.SMALL: marked("small"),
    CompanySize.MEDIUM: marked("medium"),
    CompanySize.LARGE: marked("large"),
}
RISKS = {LateRisk.LOW: marked("low"), LateRisk.RAISED: marked("raised"), LateRisk.HIGH: marked("high")}


def of_segment(segment: Segment) -> list[str]:
    """One phrase for each thing that must hold."""
    lists: tuple[tuple[str, Iterable[str]], ...] = (
        (marked("Country: %(values)s"), segment.countries),
        (marked("Size: %(values)s"), (_(SIZES[CompanySize(each)]) for each in segment.sizes)),
        (marked("Industry: %(values)s"), segment.industries),
        (marked("Buys: %(values)s"), segment.products),
        (marked("Tag: %(values)s"), segment.tags),
        (marked("Risk of paying late: %(values)s"), (_(RISKS[LateRisk(each)]) for each in segment.risks)),
        (marked("Owes in: %(values)s"), segment.currencies),
    )
    found = [_(phrase, values=", ".join(values)) for phrase, each in lists if (values := list(each))]
    low, high = segment.terms_from, segment.terms_to
    if low is not None or high is not None:
        found.append(_range(_("Days to pay"), None if low is None else str(low), None if high is None else str(high)))
    sums = [
        None if minor is None else format_minor(minor, segment.balance_currency, locale())
        for minor in (segment.balance_from, segment.balance_to)
    ]
    if any(sums):
        found.append(_range(_("Owes in all"), *sums))
    return found


def _range(name: str, low: str | None, high: str | None) -> str:
    if low is None:
        return _("%(name)s: at most %(high)s", name=name, high=high)
    if high is None:
        return _("%(name)s: at least %(low)s", name=name, low=low)
    return _("%(name)s: %(low)s to %(high)s", name=name, low=low, high=high)


def of_terms(terms: Terms) -> list[str]:
    """One phrase for each thing that is not as usual."""
    if terms.never_reminds:
        return [_("Never reminded")]
    found = [of_stage(stage) for stage in terms.stages]
    for code, minor in sorted(terms.least.items()):
        found.append(_("Nothing is asked for below %(amount)s", amount=format_minor(minor, code, locale())))
    if terms.earlier_days:
        days = terms.earlier_days
        found.append(
            ngettext(
                "%(num)s day earlier for who is likely to pay late",
                "%(num)s days earlier for who is likely to pay late",
                days,
            )
        )
    if terms.by_order:
        found.append(_("Invoices of one order stand together"))
    return found or [_("As soon as an invoice is known, in plain facts")]


def of_stage(stage: Stage) -> str:
    return _("%(day)s: %(tone)s", day=of_day(stage.day), tone=_(TONES[stage.tone].name))


def of_day(day: int) -> str:
    if day < 0:
        return ngettext("From %(num)s day before it is due", "From %(num)s days before it is due", -day)
    if day == 0:
        return _("From the day it is due")
    return ngettext("From %(num)s day late", "From %(num)s days late", day)
