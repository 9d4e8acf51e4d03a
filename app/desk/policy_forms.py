"""Reads what was submitted about policies; what is wrong is collected by field, in words for who typed it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from app.desk.forms import TERRITORIES
from app.models import BillTo, CompanySize, LateRisk
from app.money import Money, MoneyError, exponent
from app.names import NameRefused, vendor_note
from app.policies.rules import FIRST_DAY, LAST_DAY, MOST_EARLIER, MOST_STAGES, TONES, Segment, Stage, Terms, Tone
from app.words import _

_MOST_WORDS = 20
_THRESHOLDS = 4
_Row = TypeVar("_Row")


class Submitted(Protocol):
    """Flask's form: get() and getlist()."""

    def __contains__(self, name: object, /) -> bool: ...
    def get(self, name: str, default: str, /) -> str: ...
    def getlist(self, name: str, /) -> list[str]: ...


@dataclass
class TermsForm:
    """What is said, when and to whom not. ``stages``: (days, "before" or "after", tone) as typed; ``least``: (currency,
    amount) as typed."""

    stages: list[tuple[str, str, str]]
    least: list[tuple[str, str]]
    earlier_days: str
    never_reminds: bool
    by_order: bool
    terms: Terms = field(default_factory=Terms)
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, terms: Terms) -> "TermsForm":
        stages = [(str(abs(each.day)), "before" if each.day < 0 else "after", each.tone.value) for each in terms.stages]
        least = [(code, str(Money(minor, code).amount)) for code, minor in sorted(terms.least.items())]
        return cls(
            stages=_one_more(stages, ("", "after", ""), MOST_STAGES),
            least=_one_more(least, ("", ""), _THRESHOLDS),
            earlier_days=str(terms.earlier_days or ""),
            never_reminds=terms.never_reminds,
            by_order=terms.by_order,
            terms=terms,
        )

    @classmethod
    def read(cls, form: Submitted) -> "TermsForm":
        read = cls(
            stages=[
                (_said(form, f"days_{place}"), _said(form, f"side_{place}"), _said(form, f"tone_{place}"))
                for place in range(MOST_STAGES)
                if f"days_{place}" in form
            ],
            least=[
                (_said(form, f"currency_{place}").upper(), _said(form, f"amount_{place}"))
                for place in range(_THRESHOLDS)
                if f"amount_{place}" in form
            ],
            earlier_days=_said(form, "earlier_days"),
            never_reminds=form.get("never_reminds", "") == "yes",
            by_order=form.get("by_order", "") == "yes",
        )
        read.terms = Terms(
            stages=read._stages(),
            least=read._least(),
            earlier_days=read._earlier(),
            never_reminds=read.never_reminds,
            by_order=read.by_order,
        )
        return read

    def _stages(self) -> tuple[Stage, ...]:
        found: dict[int, Stage] = {}
        for place, (days, side, tone) in enumerate(self.stages):
            if not days:
                continue
            if not re.fullmatch(r"\d{1,3}", days) or tone not in set(Tone):
                self.errors[f"days_{place}"] = _("Write a number of days, and choose how it is said.")
                continue
            day = -int(days) if side == "before" else int(days)
            said = TONES[Tone(tone)]
            if not FIRST_DAY <= day <= LAST_DAY:
                self.errors[f"days_{place}"] = _(
                    "From %(first)s days before the due date to %(last)s after it.", first=-FIRST_DAY, last=LAST_DAY
                )
            elif day in found:
                self.errors[f"days_{place}"] = _("There is another stage on that day.")
            elif not said.from_day <= day <= said.to_day:
                self.errors[f"days_{place}"] = _("These words would not be true on that day; choose others.")
            else:
                found[day] = Stage(day, Tone(tone))
        return tuple(found[day] for day in sorted(found))

    def _least(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for place, (currency, amount) in enumerate(self.least):
            if not currency and not amount:
                continue
            try:
                found[currency] = Money.of(amount, currency).minor
            except MoneyError:
                self.errors[f"amount_{place}"] = _("A currency such as EUR, and an amount in it, such as 20.00.")
        return found

    def _earlier(self) -> int:
        days = self.earlier_days or "0"
        if re.fullmatch(r"\d{1,2}", days) and int(days) <= MOST_EARLIER:
            return int(days)
        self.errors["earlier_days"] = _("At most %(days)s days.", days=MOST_EARLIER)
        return 0


_LISTS: dict[str, Callable[[str], str]] = {
    "countries": str.upper,
    "currencies": str.upper,
    "products": str.casefold,
    "tags": str.casefold,
    "industries": str,
}


@dataclass
class SegmentForm:
    """Whom a policy is for. ``said`` holds the fields as typed, ``chosen`` what was ticked."""

    name: str
    said: dict[str, str]
    chosen: dict[str, list[str]]
    segment: Segment = field(default_factory=Segment)
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, segment: Segment) -> "SegmentForm":
        lists = {each: ", ".join(getattr(segment, each)) for each in _LISTS}
        days = {each: _text(getattr(segment, each)) for each in ("terms_from", "terms_to")}
        code = segment.balance_currency
        sums = {
            each: "" if (minor := getattr(segment, each)) is None else str(Money(minor, code).amount)
            for each in ("balance_from", "balance_to")
        }
        chosen = {"sizes": list(segment.sizes), "risks": list(segment.risks)}
        return cls(name, {**lists, **days, **sums, "balance_currency": code}, chosen, segment)

    @classmethod
    def read(cls, form: Submitted) -> "SegmentForm":
        names = (*_LISTS, "terms_from", "terms_to", "balance_from", "balance_to", "balance_currency")
        known: dict[str, set[str]] = {"sizes": set(CompanySize), "risks": set(LateRisk)}
        chosen = {name: [one for one in form.getlist(name) if one and one in of] for name, of in known.items()}
        read = cls(_said(form, "name")[:60], {name: _said(form, name) for name in names}, chosen)
        if not read.name:
            read.errors["name"] = _("Give it a name.")
        rules: dict[str, Any] = {name: tuple(values) for name, values in chosen.items()}
        rules |= {name: _words(read.said[name], fold) for name, fold in _LISTS.items()}
        rules |= read._days() | read._balance()
        read.segment = Segment(**rules)
        read._check_codes()
        if not read.errors and not read.segment.stored():
            read.errors["segment"] = _("Say at least one thing by which these customers are known.")
        return read

    def _check_codes(self) -> None:
        if any(code not in TERRITORIES for code in self.segment.countries):
            self.errors["countries"] = _("Countries by their two letters, such as DE, FR.")
        for code in self.segment.currencies:
            if not _is_currency(code):
                self.errors["currencies"] = _("Currencies by their three letters, such as EUR, USD.")

    def _days(self) -> dict[str, int | None]:
        found: dict[str, int | None] = {}
        for name in ("terms_from", "terms_to"):
            text = self.said[name]
            if text and not re.fullmatch(r"\d{1,3}", text):
                self.errors[name] = _("A number of days.")
            found[name] = int(text) if text and name not in self.errors else None
        return found

    def _balance(self) -> dict[str, Any]:
        code, said = self.said["balance_currency"].upper(), {n: self.said[n] for n in ("balance_from", "balance_to")}
        if not any(said.values()):
            return {}
        try:
            sums = {name: Money.of(text, code).minor if text else None for name, text in said.items()}
        except MoneyError:
            self.errors["balance_from"] = _("A currency such as EUR, and amounts in it, such as 1000.00.")
            return {}
        return {**sums, "balance_currency": code}


@dataclass
class TraitsForm:
    """What a vendor knows of one customer; ``traits`` are columns of BillTo."""

    traits: dict[str, Any]
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, bill_to: BillTo) -> "TraitsForm":
        return cls({name: getattr(bill_to, name) for name in ("country", "size", "industry", "tags", "never_remind")})

    @classmethod
    def read(cls, form: Submitted) -> "TraitsForm":
        country, size = _said(form, "country"), _said(form, "size")
        tags = ",".join(sorted(set(_words(form.get("tags", ""), str.casefold))))
        read = cls(
            {
                "country": country if country in TERRITORIES else "",
                "size": CompanySize(size) if size in set(CompanySize) else CompanySize.UNKNOWN,
                "industry": _said(form, "industry")[:40],
                "tags": tags,
                "never_remind": form.get("never_remind", "") == "yes",
            }
        )
        if len(tags) > 200:
            read.errors["tags"] = _("At most 200 characters of tags.")
        return read


def read_note(text: str) -> tuple[str, str]:
    """The vendor's line for its customers, and what is wrong with it ("" when nothing is)."""
    try:
        return vendor_note(text), ""
    except NameRefused as problem:
        return text.strip(), str(problem)


def _one_more(rows: list[_Row], blank: _Row, most: int) -> list[_Row]:
    """As they are, and an empty one to fill in."""
    return [*rows, blank][:most]


def _said(form: Submitted, name: str) -> str:
    return " ".join(form.get(name, "").replace("\0", "").split())[:300]


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _words(text: str, fold: Callable[[str], str]) -> tuple[str, ...]:
    """What stands between commas, each once."""
    parts = (" ".join(part.replace("\0", "").split()) for part in text.split(","))
    return tuple(dict.fromkeys(fold(part) for part in parts if part))[:_MOST_WORDS]


def _is_currency(code: str) -> bool:
    try:
        exponent(code)
    except MoneyError:
        return False
    return True
