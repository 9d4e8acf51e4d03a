"""What may be said, how a thread is named, and when it may be opened again: pure functions."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from app.aging import days_past_due
from app.models import HoldKind, InvoiceState, Side
from app.words import _, marked, ngettext

BODY_LIMIT = 4000  # characters
HOUSE = "sheaf"  # how a message came that neither side wrote
NO_WORDS = "[No words, only files]"
REOPEN = timedelta(days=30)
SAME_AGAIN = timedelta(minutes=10)  # the same words again within this time are a second press of the button

RESULTS = {
    "answered": marked("Answered"),
    "corrected": marked("Corrected"),
    "credited": marked("Credited"),
    "paid": marked("Paid"),
    "withdrawn": marked("Withdrawn"),
    "declined": marked("Declined"),
    "promised": marked("Promised"),
    "agreed": marked("Agreed"),
}
RESULTS_OF = {Side.VENDOR: tuple(RESULTS), Side.CUSTOMER: ("answered", "paid", "withdrawn")}

_PLAIN_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 #/_-]{0,39}")


class ConversationError(ValueError):
    """Cannot be done; the message is written for the person who tried."""


class CannotSay(ConversationError):
    """Nothing was said, or too much."""


class TooMuch(ConversationError):
    """Said more than a vendor's people can read (FEATURES L8); later it can be said."""


class ThreadIsClosed(ConversationError):
    """Closed too long ago to go on; a new question is the way."""


class WrongResult(ConversationError):
    """Not a result this side may close a thread with."""


@dataclass(frozen=True, slots=True)
class QuickQuestion:
    """A question most customers have: one press fills the form with ``body``, which may then be changed."""

    key: str
    label: str
    body: str


QUICK_QUESTIONS = (
    QuickQuestion("copy", marked("Send me a copy"), marked("Please send us a copy of this invoice.")),
    QuickQuestion(
        "order",
        marked("Purchase order number"),
        marked("Which purchase order does this invoice belong to? Please put our order number on it."),
    ),
    QuickQuestion(
        "address", marked("Wrong address"), marked("Our name or address on this invoice is wrong. It should be: ")
    ),
    QuickQuestion(
        "breakdown", marked("What is it for?"), marked("Please tell us what this invoice is for, line by line.")
    ),
    QuickQuestion(
        "received",
        marked("Not received"),
        marked("We have not received these goods or services. When did they arrive?"),
    ),
    QuickQuestion(
        "date", marked("A later date"), marked("Can we agree on a later date for this invoice? We propose: ")
    ),
)

CLAIMED = (HoldKind.PROMISE, HoldKind.DISPUTE, HoldKind.ALREADY_PAID, HoldKind.REQUEST)


def known_topic(key: str) -> str:
    """The key of a question often asked, or the kind of a claim; anything else is none."""
    return key if key in CLAIMED or any(quick.key == key for quick in QUICK_QUESTIONS) else ""


def clean_body(text: str, files: Sequence["File"] = ()) -> str:
    """The words as they are kept: plain text, lines kept, nothing invisible; files need none. Raises CannotSay."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    shown = "".join(c for c in lines if c in "\n\t" or not _is_invisible(c)).strip()
    if not shown and files:
        return NO_WORDS
    if not shown:
        raise CannotSay(_("Write a few words first."))
    if len(shown) > BODY_LIMIT:
        raise CannotSay(
            _(
                "That is %(n)s characters; at most %(body_limit)s fit.",
                n=f"{len(shown):,}",
                body_limit=f"{BODY_LIMIT:,}",
            )
        )
    return shown


FILE_KINDS = {  # by a name's ending: what may be kept, and what we say it is
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "txt": "text/plain",
    "csv": "text/csv",
    "ics": "text/calendar",
    "xml": "application/xml",
    "eml": "message/rfc822",
    "zip": "application/zip",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
}


def file_name(text: str) -> str:
    """A file's name as somebody gave it: no folders, nothing invisible, at most 100 characters with its ending."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", text))[-1]
    shown = " ".join("".join(c for c in last if not _is_invisible(c) and c not in '"<>|:*?').split()).strip(". ")
    stem, dot, ending = shown.rpartition(".")
    return (f"{stem[: 99 - len(ending)]}.{ending}" if dot and len(ending) <= 10 else shown[:100]) or "file"


def file_kind(name: str) -> str | None:
    """What we take a file of that name for; None for kinds we do not pass on."""
    return FILE_KINDS.get(name.rpartition(".")[2].lower()) if "." in name else None


@dataclass(frozen=True, slots=True)
class File:
    """A file beside a message; ``name`` has been through file_name()."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ByMail:
    """How a message came by mail: the From as claimed, whether anything proves it, and the files that came along."""

    address: str
    is_verified: bool
    files: tuple[File, ...] = ()


def fitted(text: str, files: Sequence[File], *, count: int, size: int) -> tuple[str, tuple[File, ...]]:
    """What a mail says, as a message that fits: words too long go on in a file, and files not kept are named in words.

    At most ``count`` files of ``size`` bytes each, of the kinds of FILE_KINDS. Nothing said stays nothing.
    """
    kept = [file for file in files if file_kind(file.name) and 0 < len(file.data) <= size][:count]
    left = [file.name for file in files if file.data and file not in kept]
    words = "".join(c for c in text if c in "\n\t" or not _is_invisible(c)).strip()
    if not words and (kept or left):
        words = NO_WORDS
    note = f"\n\n[Left out: {', '.join(left[:5])}{' and more' if len(left) > 5 else ''}]" if left else ""
    if len(words) + len(note) > BODY_LIMIT:
        kept = [File("whole message.txt", words.encode()), *kept][:count]
        note = f"\n\n[The rest is in the file: whole message.txt]{note}"[:700]
        words = words[: BODY_LIMIT - len(note)].rstrip()
    return words + note, tuple(kept)


def clean_name(text: str) -> str:
    """A name as somebody gave it: one line, 80 characters, nothing invisible."""
    return " ".join("".join(c for c in " ".join(text.split()) if not _is_invisible(c)).split())[:80]


def _is_invisible(character: str) -> bool:
    """Control characters, direction marks, zero widths; not the joiners that emoji and some scripts need."""
    return unicodedata.category(character).startswith("C") and character not in "\u200c\u200d"


def subject_of(numbers: Sequence[str]) -> str:
    """What a thread is called, by the numbers of its invoices: "Invoice 1043", "Invoices 1043, 1044 and 3 more"."""
    named = [number for number in numbers if _PLAIN_NUMBER.fullmatch(number)]
    if not numbers:
        return _("A question")
    if len(numbers) == 1:
        return _("Invoice %(number)s", number=named[0]) if named else _("An invoice")
    rest = len(numbers) - len(named[:2])
    if not named:
        return ngettext("%(num)s invoice", "%(num)s invoices", rest)
    numbers = ", ".join(named[:2])
    if not rest:
        return _("Invoices %(numbers)s", numbers=numbers)
    return _("Invoices %(numbers)s and %(rest)s more", numbers=numbers, rest=rest)


def may_continue(closed_at: datetime | None, now: datetime) -> bool:
    """Whether a new message may still be written into the thread; one into a closed thread opens it again."""
    return closed_at is None or now - closed_at <= REOPEN


def check_result(result: str, side: Side) -> str:
    """Raises WrongResult."""
    if result not in RESULTS_OF[side]:
        raise WrongResult(_("Choose how it ended."))
    return result


def quote(body: str, limit: int = 280) -> str:
    """The beginning of a message, on one line, for a mail that only needs to remind of it."""
    line = " ".join(body.split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


_SETTLED = {
    InvoiceState.DRAFT: marked("draft"),
    InvoiceState.PAID: marked("paid, thank you"),
    InvoiceState.VOID: marked("void"),
    InvoiceState.WRITTEN_OFF: marked("nothing owed"),
    InvoiceState.GONE: marked("withdrawn"),
    InvoiceState.UNKNOWN: marked("being looked at"),
    InvoiceState.TWIN: marked("being looked at"),
}


def state_words(state: InvoiceState, due_on: date | None, today: date) -> str:
    """An invoice's state now, for a mail about it."""
    if state != InvoiceState.OPEN:
        return _(_SETTLED[state])
    late = days_past_due(due_on, today)
    return ngettext("%(num)s day overdue", "%(num)s days overdue", late) if late else _("open")
