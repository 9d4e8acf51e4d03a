"""What a vendor writes of itself and strangers will read, its name and its note: bounded, plain, in one family of
scripts (INVARIANTS A3); and when two names are the same company's."""

import re
import unicodedata

from app.words import _

LIMIT = 50
NOTE_LIMIT = 140
_LINK = re.compile(r"://|\bwww\.|[\w-]{2,}\.[^\W\d_]{2,}(?!\w)", re.IGNORECASE)
_PHONE = re.compile(r"(?:\d[\s()./-]{0,2}){7,}")
_SIGNS = frozenset("®™©°№")
_LEGAL = frozenset({
    "ltd", "limited", "llc", "inc", "incorporated", "corp", "corporation", "co", "company", "plc", "gmbh", "ag", "kg",
    "ug", "bv", "nv", "sa", "sas", "sarl", "sl", "srl", "spa", "ab", "as", "oy", "aps", "pty", "kk", "the",
})  # fmt: skip
_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC"})


_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class NameRefused(ValueError):
    """Not a name, or a note, that we would show; the message says why, for the person who typed it."""


def vendor_name(text: str) -> str:
    """``text`` as it will be shown: compatibility forms folded, spaces single. Raises NameRefused."""
    name = _plain(text, LIMIT)
    if not any(c.isalnum() for c in name):
        raise NameRefused(_("Write the name customers know you by."))
    return name


def vendor_note(text: str) -> str:
    """The line above a vendor's rows, as it will be shown; empty when there is none. Raises NameRefused."""
    return _plain(text, NOTE_LIMIT)


def _plain(text: str, limit: int) -> str:
    line = " ".join(unicodedata.normalize("NFKC", text).split())
    if len(line) > limit:
        raise NameRefused(_("At most %(limit)s characters.", limit=limit))
    if any(_is_strange(c) for c in line):
        raise NameRefused(_("Only letters, digits and ordinary punctuation; no emoji and nothing invisible."))
    if "@" in line or _LINK.search(line):
        raise NameRefused(_("No web or mail addresses here."))
    if _PHONE.search(line):
        raise NameRefused(_("No telephone or account numbers here."))
    if len(_scripts(line)) > 1:
        raise NameRefused(_("Letters of one alphabet only: mixed ones can imitate somebody else's name."))
    return line


def inert_cell(word: str) -> str:
    """Somebody's word in a table we hand out, which a spreadsheet must not run."""
    return f"'{word}" if word.startswith(_FORMULA) else word


def _is_strange(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] == "C" or (category in ("So", "Sk", "Zl", "Zp") and character not in _SIGNS)


def _scripts(name: str) -> set[str]:
    """The families of its letters. East Asian scripts are one, and Latin letters beside them are common there."""
    found = {unicodedata.name(c, "").split(" ")[0] for c in name if c.isalpha()}
    if found & _EAST_ASIAN:
        found = found - _EAST_ASIAN - {"LATIN"} | {"EAST ASIAN"}
    return found


def is_same_company(one: str, other: str) -> bool:
    """Whether two names mean the same company: case, punctuation and legal form do not count, the words do."""
    first, second = words_of(one), words_of(other)
    return bool(first) and first == second


def words_of(name: str) -> list[str]:
    """What a name says besides its legal form, in small letters."""
    folded = unicodedata.normalize("NFKC", name).casefold().replace("'", "").replace(".", "")
    words = re.findall(r"[^\W_]+", folded)
    return [word for word in words if word not in _LEGAL] or words
