"""Pure rules about the mails of a mailbox."""

import re
from collections.abc import Sequence
from datetime import timedelta

from app.models import Invoice, Mailbox
from app.outbox.rendering import TOKEN_PLACE

_LINK = re.compile(rf"""\shref=(?:"[^"]*{TOKEN_PLACE}[^"]*"|'[^']*{TOKEN_PLACE}[^']*')""")


def without_links(html: str) -> str:
    """A stored mail to look at: the links that waited for its token are plain words, for they would open nothing."""
    return _LINK.sub("", html).replace(TOKEN_PLACE, "")


def digest_tells(box: Mailbox, about: Sequence[Invoice], later_days: int) -> bool:
    """Whether its next digest asks for all of these, so that a mail of their own may be left out. What is due later
    than ``later_days`` after it is only counted there."""
    if box.reminders_off_at is not None or box.next_digest_at is None or not about:
        return False
    until = box.next_digest_at.date() + timedelta(days=later_days)
    return all(one.is_open and (one.due_on is None or one.due_on <= until) for one in about)
