"""Pure rules about the mails of a mailbox."""

import re
from collections.abc import Sequence

from app.models import Invoice, Mailbox
from app.outbox.rendering import TOKEN_PLACE

_LINK = re.compile(rf"""\shref=(?:"[^"]*{TOKEN_PLACE}[^"]*"|'[^']*{TOKEN_PLACE}[^']*')""")


def without_links(html: str) -> str:
    """A stored mail to look at: the links that waited for its token are plain words, for they would open nothing."""
    return _LINK.sub("", html).replace(TOKEN_PLACE, "")


def digest_tells(box: Mailbox, about: Sequence[Invoice]) -> bool:
    """Whether its next digest will speak of any of these, so that a mail of their own may be left out."""
    return box.reminders_off_at is None and box.next_digest_at is not None and any(one.is_open for one in about)
