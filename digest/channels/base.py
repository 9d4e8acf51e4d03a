"""What every channel is: it takes one envelope to somebody who carries it on, and says honestly what became of it."""

import re
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from app.logs import clean_text
from app.models import AttemptResult

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A PDF that goes with a mail; its name is plain ASCII."""

    name: str = field(repr=False)
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Envelope:
    """One mail to one recipient, complete. Its words and address stay out of logs and tracebacks (INVARIANTS K2)."""

    attempt_id: UUID
    sender_name: str
    sender: str
    recipient: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)  # all but From, To, Subject, Date, Reply-To and the MIME ones
    reply_to: str = field(default="", repr=False)
    return_to: str = field(default="", repr=False)  # where servers report to, on a channel that has no events
    attachments: tuple[Attachment, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError when anything that becomes a header could begin another one."""
        for value in (
            self.sender_name,
            self.sender,
            self.recipient,
            self.subject,
            self.reply_to,
            self.return_to,
            *self.headers.values(),
            *(each.name for each in self.attachments),
        ):
            if _CONTROL.search(value):
                raise ValueError("a header holds a control character")


class Concern(StrEnum):
    """How far a certain refusal reaches."""

    MAIL = "mail"  # this mail only
    CHANNEL = "channel"  # every mail for a while: too many, or nobody answers
    ADDRESS = "address"  # nobody takes mail there: a hard bounce, told at once
    EVERYTHING = "everything"  # our credentials are refused: stop sending and ring the bell (INVARIANTS S8)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one hand-over. ``kind`` is never STARTED; ``retry_after`` belongs to REFUSED; ``called`` is false
    when we stopped before the call."""

    kind: AttemptResult
    detail: str = ""
    provider_message_id: str = ""
    retry_after: timedelta = timedelta(0)
    concerns: Concern = Concern.MAIL
    called: bool = True


def accepted(provider_message_id: str = "") -> Result:
    return Result(AttemptResult.ACCEPTED, provider_message_id=provider_message_id[:120])


def refused(detail: str, retry_after: timedelta, concerns: Concern = Concern.MAIL) -> Result:
    """Certainly not taken; worth another try."""
    return Result(AttemptResult.REFUSED, _words(detail), retry_after=retry_after, concerns=concerns)


def rejected(detail: str, concerns: Concern = Concern.MAIL) -> Result:
    """Certainly not taken, and never will be as it stands."""
    return Result(AttemptResult.REJECTED, _words(detail), concerns=concerns)


def unknown(detail: str) -> Result:
    """Perhaps taken, perhaps not: nobody may send it again before somebody knows (INVARIANTS S7)."""
    return Result(AttemptResult.UNKNOWN, _words(detail))


THREADS = 16  # hand-overs at once in one process: they hide the provider's latency (PERFORMANCE.md section 6)


class Channel(ABC):
    """``send`` is called in its ``threads``, several at once, never inside a transaction, and raises nothing it can
    foresee."""

    name: str

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="hand-over")  # begun when first needed
        self.round_lasts = timedelta(0)  # until each thread had handed one mail over, in the last batch

    @abstractmethod
    def send(self, envelope: Envelope) -> Result: ...

    def close(self) -> None:
        """Let go of threads and connections."""
        self.threads.shutdown()


def _words(detail: str) -> str:
    """Words for the operator's board: no address, no token, one line."""
    return " ".join(clean_text(detail).split())[:300]
