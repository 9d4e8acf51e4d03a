"""Which supplier a reply to a digest is for: pure. It says so only where the words leave no doubt (FEATURES F7)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.models import DigestLine, LineKind

_STOPS = frozenset({
    "stop", "stop please", "please stop", "unsubscribe", "unsubscribe me", "remove me", "remove", "cancel", "opt out",
    "abmelden", "abbestellen", "abmeldung", "austragen", "désabonner", "désinscription", "baja", "cancelar",
    "darse de baja", "disiscrivi", "cancellami", "afmelden", "uitschrijven", "avregistrera", "wypisz", "отписаться",
})  # fmt: skip
_SHORTEST = 3  # of an invoice number that is told apart from a count of things


@dataclass(frozen=True, slots=True)
class Meant:
    vendor_id: UUID
    invoice_ids: tuple[UUID, ...]


def meant_by(said: str, lines: Sequence[DigestLine]) -> Meant | None:
    """The one supplier, and those of its invoices that are named; None: ask the person.

    Whoever writes nothing but "unsubscribe" is asked too: it may be the mail they mean, or one supplier.
    """
    if said.strip(" \t\n.!").casefold() in _STOPS:
        return None
    text = said.casefold()
    numbered = [line for line in lines if _names_number(text, line.number)]
    named = {line.vendor_id for line in lines if _names(text, line.vendor_name)}
    vendors = {line.vendor_id for line in numbered} | named
    if len(vendors) > 1 and len(named) == 1:  # two suppliers have such a number, and the name tells which
        vendors = named
    if not vendors:
        vendors = {line.vendor_id for line in lines}
    if len(vendors) != 1:
        return None
    (vendor_id,) = vendors
    own = [line for line in lines if line.vendor_id == vendor_id]
    if all(line.kind == LineKind.INTRODUCED for line in own):
        return None
    about = [line for line in own if line in numbered] or (own if len(lines) == 1 else [])
    return Meant(vendor_id, tuple(dict.fromkeys(line.invoice_id for line in about if line.invoice_id)))


def _names_number(text: str, number: str) -> bool:
    """As a word of its own, not as the beginning of a sum or a longer number."""
    wanted = number.casefold().strip()
    if len(wanted) < _SHORTEST or not any(c.isdigit() for c in wanted) or wanted not in text:
        return False
    return re.search(rf"(?<![\w.,/-]){re.escape(wanted)}(?![\w/-]|[.,]\d)", text) is not None


def _names(text: str, name: str) -> bool:
    wanted = " ".join(name.casefold().split())
    return bool(wanted) and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", " ".join(text.split())) is not None
