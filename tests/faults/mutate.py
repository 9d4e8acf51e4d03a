"""Makes broken things of good ones: text or bytes, by small changes, seeded; with what parsers stumble over."""

import random
from collections.abc import Sequence
from typing import AnyStr, Generic

LETTERS = (
    "\x00", "\x1b", "\r\n", "\n", "\t", " ", "\u00a0", "\u200b", "\u202e", "\ufeff", "\ud800", "\udfff", "\U0001f4a9",
    "\u212a", "\u0131", "\u0130", "\u00df", "\u1e9e", "\uff21", "\uff20", "\u3002", "\u0661", "\u2460", "\u00bd",
    "e\u0301", "\u0301" * 40, "@", ".", "..", "+", "-", "--", "_", ",", ";", ":", "/", "//", "\\", "?", "#", "%00", "%",
    "%2f", "..;", "<", ">", '"', "'", "(", ")", "[", "]", "{", "}", "=", "==", "&", "|", "*", "$", "^", "`", "~", "!",
    "0", "-0", "00", "1e9", "1E400", "-1", "9" * 30, "9" * 5000, "1_000", "0x1F", "NaN", "Infinity", "null", "true",
    "[]", "{}", "[" * 2000, '{"a":' * 1500, "xn--", "@@", "a" * 70, "a." * 130, "\u05d0", "2038-01-19T03:14:08Z",
    "0000-00-00", "+99:99", "2026-13-45", "=?utf-8?B?/w==?=", "=?x?q?=?=", "--=_", "\n--\n", "Content-Type:", "base64",
    "\n> ",
)  # fmt: skip
BYTES = (
    *(letter.encode("utf-8", "surrogatepass") for letter in LETTERS),
    b"\xff", b"\xc3", b"\x80", b"\xfe\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"=\xff",
    b"\x00" * 64,
)  # fmt: skip


class Mutator(Generic[AnyStr]):
    """Each call gives a new input: one of ``seeds`` with one to eight small changes; now and then untouched."""

    def __init__(self, seeds: Sequence[AnyStr], pieces: Sequence[AnyStr], dice: random.Random) -> None:
        self._seeds: Sequence[AnyStr] = seeds
        self._pieces: Sequence[AnyStr] = pieces
        self._dice = dice
        self._longest = 40 * max(map(len, seeds)) + 2000

    def __call__(self) -> AnyStr:
        found = self._dice.choice(self._seeds)
        for _ in range(self._dice.choice((0, 1, 1, 1, 2, 3, 5, 8))):
            found = self._changed(found)
        return found[: self._longest]

    def _changed(self, text: AnyStr) -> AnyStr:
        dice, size = self._dice, len(text)
        at = dice.randint(0, size)
        end = min(size, at + dice.choice((0, 1, 1, 2, 8, 40)))
        piece = text[at:end]
        other = dice.choice(self._seeds)
        kind = dice.randrange(7)
        if kind == 0:  # put in
            return text[:at] + dice.choice(self._pieces) + text[at:]
        if kind == 1:  # leave out
            return text[:at] + text[end:]
        if kind == 2:  # put in the place of something
            return text[:at] + dice.choice(self._pieces) + text[end:]
        if kind == 3:  # say again
            return text[:at] + piece * dice.choice((2, 3, 50)) + text[end:]
        if kind == 4:  # cut off
            return text[:at]
        if kind == 5:  # go on as another one
            return text[:at] + other[dice.randint(0, len(other)) :]
        return text[:at] + piece.swapcase() + text[end:]
