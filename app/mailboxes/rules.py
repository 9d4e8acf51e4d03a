"""Pure rules about the mails of a mailbox."""

import re

from app.outbox.rendering import TOKEN_PLACE

_LINK = re.compile(rf"""\shref=(?:"[^"]*{TOKEN_PLACE}[^"]*"|'[^']*{TOKEN_PLACE}[^']*')""")


def without_links(html: str) -> str:
    """A stored mail to look at: the links that waited for its token are plain words, for they would open nothing."""
    return _LINK.sub("", html).replace(TOKEN_PLACE, "")
