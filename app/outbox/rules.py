"""Pure rules of the outbox: what may stand in a header, how long a mail stays worth sending, what a brake allows."""

import re
import unicodedata

SUBJECT_LENGTH = 300
HEADERS = frozenset({"In-Reply-To", "References", "Reply-To"})  # a writer may add these; the sender makes all others
_SPACES = re.compile(r"\s+")
_BREAKING = ("Cc", "Cs", "Zl", "Zp")
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def one_line(text: str, limit: int = SUBJECT_LENGTH) -> str:
    """``text`` fit for a header: one line, no control characters, no direction marks, ``limit`` characters at most.

    A line break would begin a header of the writer's choosing; a direction mark would make the rest read backwards;
    half a surrogate pair no database stores.
    """
    spaced = "".join(
        " " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in text if c not in _DIRECTION
    )
    line = _SPACES.sub(" ", spaced).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def checked_headers(headers: dict[str, str] | None) -> dict[str, str]:
    """The headers a writer asks for, cleaned. Raises ValueError for one that is the sender's to make."""
    strange = set(headers or {}) - HEADERS
    if strange:
        raise ValueError(f"not a header a mail's writer may set: {', '.join(sorted(strange))}")
    return {name: one_line(value, 900) for name, value in (headers or {}).items()}
