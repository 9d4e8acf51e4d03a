"""Reads how a vendor wants to be paid; what is wrong is collected by field, in words for who typed it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from app.models import PayRule
from app.names import NameRefused, vendor_note
from app.paying.rules import PLACES
from app.words import _

_MOST_DAYS = 365


@dataclass
class RuleForm:
    """The fields of a PayRule as typed: shares in percent; empty ones mean none."""

    said: dict[str, str]
    values: dict[str, object] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, rule: PayRule | None) -> "RuleForm":
        if rule is None:
            return cls({})
        said = {name: _percent(getattr(rule, name)) for name in SHARES}
        said |= {name: str(getattr(rule, name) or "") for name in DAYS}
        said |= {name: getattr(rule, name) for name in LINES}
        return cls({**said, "nets_credits": "yes" if rule.nets_credits else ""})

    @classmethod
    def read(cls, form: Mapping[str, str]) -> "RuleForm":
        names = [*SHARES, *DAYS, *LINES, "nets_credits"]
        read = cls({name: " ".join(form.get(name, "").split())[:200] for name in names})
        for name, most in SHARES.items():
            read._take(name, _share(read.said[name], most), _("Write a percentage between 0 and %(most)s.", most=most))
        for name in DAYS:
            read._take(name, _days(read.said[name]), _("Write a number of days, up to %(most)s.", most=_MOST_DAYS))
        for name in LINES:
            try:
                read.values[name] = vendor_note(read.said[name])
            except NameRefused as problem:
                read.errors[name] = str(problem)
        read.values["nets_credits"] = read.said["nets_credits"] == "yes"
        read._pair("discount_share", "discount_days", _("Say within how many days."))
        if not read.errors:  # no percentage: whole payments only
            read.values["part_share"] = read.values["part_share"] or None
        return read

    def _take(self, name: str, value: int | None, problem: str) -> None:
        if value is None:
            self.errors[name] = problem
        else:
            self.values[name] = value

    def _pair(self, share: str, days: str, problem: str) -> None:
        if self.values.get(share) and not self.values.get(days) and days not in self.errors:
            self.errors[days] = problem


SHARES = {"part_share": 100, "discount_share": 50, "late_share": 50, "fee_share": 20}  # the most, in percent
DAYS = ("discount_days", "late_days")
LINES = ("fee_words", "credit_words", "failure_words")


def _share(text: str, most: int) -> int | None:
    """Basis points; None for what is no percentage with two digits after the point."""
    try:
        share = Decimal(text.rstrip("% ").replace(",", ".") or 0).scaleb(2)
    except ArithmeticError:  # no number, or 1e999999
        return None
    if not share.is_finite() or share != share.to_integral_value() or not 0 <= share <= most * 100:
        return None
    return int(share)


def _percent(basis_points: int | None) -> str:
    return f"{Decimal(basis_points).scaleb(-2).normalize():f}" if basis_points else ""


def _days(text: str) -> int | None:
    return int(text or 0) if (not text or text.isdecimal()) and int(text or 0) <= _MOST_DAYS else None


@dataclass
class MethodForm:
    """A way to pay in the vendor's own words. Those words stand on pay pages: no links, no numbers to send money to but
    the invoice's own reference."""

    name: str = ""
    instructions: str = ""
    reference: str = PLACES[0]
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, form: Mapping[str, str]) -> "MethodForm":
        said = {name: " ".join(form.get(name, "").split()) for name in ("name", "instructions", "reference")}
        read = cls(said["name"], said["instructions"], said["reference"])
        for name, text in said.items():
            try:
                setattr(read, name, vendor_note(text))
            except NameRefused as problem:
                read.errors[name] = str(problem)
        if not read.name or len(read.name) > 40:
            read.errors["name"] = _("Give it a name of up to 40 characters.")
        if not read.instructions:
            read.errors["instructions"] = _("Say what your customer has to do.")
        if not any(place in read.reference for place in PLACES) or len(read.reference) > 60:
            read.errors["reference"] = _(
                "Name the invoice in it by %(places)s, in up to 60 characters.", places=", ".join(PLACES)
            )
        return read
