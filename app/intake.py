"""Files that come by mail to an address of their own, on their way from the digest's door to whoever reads files: the
two wings do not know each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session


class Intake(StrEnum):
    """What an address takes, and whose the id in it is (digest/replies.py)."""

    COMPLETE = "complete"  # a vendor's: all that is open
    SOME = "some"  # a vendor's: some invoices
    FORWARDED = "forwarded"  # a mailbox's: invoices of suppliers who are not here


@dataclass(frozen=True, slots=True)
class MailedFiles:
    """``sender``: the From, as claimed; ``files``: (name, data)."""

    intake: Intake
    owner_id: UUID
    sender: str = field(repr=False)
    is_proven: bool
    files: Sequence[tuple[str, bytes]] = field(repr=False)


# Takes them in the session's transaction; returns why nothing was taken, or "".
TakeFiles = Callable[[Session, MailedFiles, datetime], str]
