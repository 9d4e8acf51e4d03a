"""Pure: what goes when somebody is erased, what stays and why; and how a name is taken out of a text."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from app.words import marked

MARK = "(erased)"
SHORTEST_NAME = 3  # shorter ones are parts of too many words

GOES = (
    marked("The address and the name, wherever they stand: accounts, mailboxes, messages, notes, tasks."),
    marked("Every mail to them, each try to hand it over, and what the mail service said of it."),
    marked("Sign-ins, sessions, memberships, calendars; files they sent; letters of theirs as they came in."),
    marked("Webhooks of providers that name the address."),
)
STAYS = (
    (marked("Invoices, payments and credit"), marked("The suppliers' accounting, without a person: tax law keeps it.")),
    (marked("Conversations"), marked("The suppliers' business letters, with names and addresses taken out.")),
    (marked("What digests listed, and how each ended"), marked("To answer claims: it names invoices, not people.")),
    (marked("Who decided what and when, as a number"), marked("The record of decisions is what proves them later.")),
    (marked("A hash of the address"), marked("So that no supplier's books bring it back into our mail.")),
)
ELSEWHERE = marked(
    "The suppliers' own books, and what the mail service keeps of mail it delivered, are not ours to erase. Backups"
    " lose it as they age out; after one is restored, erase again."
)


def nobody(row: UUID) -> str:
    """The address an erased row has from then on: unique, and of a domain nobody can have."""
    return f"erased-{row}@erased.invalid"


def hash_of(address: str) -> bytes:
    return hashlib.sha256(b"forgotten|" + address.encode()).digest()


def pattern_of(needles: Iterable[str]) -> re.Pattern[str]:
    """Finds them as whole words, in any letter case, the longest first."""
    longest_first = sorted(needles, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)


def cleaned(value: Any, pattern: re.Pattern[str]) -> Any:
    """``value``, a text or JSON, with what the pattern finds replaced by MARK."""
    if isinstance(value, str):
        return pattern.sub(MARK, value)
    if isinstance(value, list):
        return [cleaned(each, pattern) for each in value]
    if isinstance(value, dict):
        return {cleaned(key, pattern): cleaned(each, pattern) for key, each in value.items()}
    return value
