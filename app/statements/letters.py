"""Names as a PDF draws them: letter by letter from left to right, whatever way their script runs.

Of Unicode's bidirectional algorithm (UAX 9) what a line without control marks needs; Arabic letters take the form
their neighbours ask for. Browsers and mail programs do both by themselves; a PDF does neither.
"""

import unicodedata
from functools import cache

_RIGHT = ("R", "AL")
_NUMBERS = ("EN", "AN")
_FORMS = {(True, True): "medial", (True, False): "final", (False, True): "initial", (False, False): "isolated"}
_MIRROR = dict(zip("()[]{}<>«»", ")(][}{><»«", strict=True))


def visual(text: str) -> str:
    """``text`` in the order its letters stand on paper. What has nothing written from the right comes back as it is."""
    text = "".join(letter for letter in text if unicodedata.category(letter)[0] != "C")
    kinds = [unicodedata.bidirectional(letter) for letter in text]
    if not any(kind in _RIGHT for kind in kinds):
        return text
    letters = _joined(text)
    levels = _levels([unicodedata.bidirectional(letter) for letter in letters])
    drawn = [
        _MIRROR.get(letter, letter) if level % 2 else letter for letter, level in zip(letters, levels, strict=True)
    ]
    for lowest in range(max(levels), 0, -1):
        start = 0
        while start < len(drawn):
            end = start
            while end < len(drawn) and levels[end] >= lowest:
                end += 1
            drawn[start:end], levels[start:end] = drawn[start:end][::-1], levels[start:end][::-1]
            start = end + 1
    return "".join(drawn)


def _levels(kinds: list[str]) -> list[int]:
    """Even: left to right; odd: right to left. Numbers after letters from the right keep their own order among them;
    what is neither goes with its neighbours where those agree, else with the whole line."""
    base = next((int(kind in _RIGHT) for kind in kinds if kind in ("L", *_RIGHT)), 0)
    sides: list[int | None] = []
    last = base
    for kind in kinds:
        if kind == "L" or kind in _RIGHT:
            last = int(kind in _RIGHT)
        sides.append(last if kind == "L" or kind in _RIGHT or kind in _NUMBERS else None)
    found = []
    for place, (kind, side) in enumerate(zip(kinds, sides, strict=True)):
        if side is None:
            before = next((each for each in sides[place::-1] if each is not None), base)
            after = next((each for each in sides[place:] if each is not None), base)
            side = before if before == after else base
        is_inner = (kind in _NUMBERS and side == 1) or (side == 0 and base == 1)
        found.append(2 if is_inner else side)
    return found


def _joined(text: str) -> list[str]:
    """Arabic letters in their forms; others as they are."""
    forms, letters = _forms(), _ligated(text)
    found: list[str] = []
    for place, letter in enumerate(letters):
        own = forms.get(letter, {})
        is_led = "initial" in forms.get(_next(letters, place, -1), {}) and "final" in own
        leads = "initial" in own and "final" in forms.get(_next(letters, place, 1), {})
        found += own.get(_FORMS[is_led, leads], letter)
    return found


def _ligated(text: str) -> list[str]:
    """Lam and the alef behind it are one letter."""
    found: list[str] = []
    for letter in text:
        if found and found[-1] + letter in _forms() and len(found[-1]) == 1:
            found[-1] += letter
        else:
            found.append(letter)
    return found


def _next(letters: list[str], place: int, step: int) -> str:
    """The neighbour in the order of reading; vowel signs stand between letters and part none."""
    place += step
    while 0 <= place < len(letters) and unicodedata.category(letters[place][-1]) == "Mn":
        place += step
    return letters[place] if 0 <= place < len(letters) else ""


@cache
def _forms() -> dict[str, dict[str, str]]:
    """Letter, or lam with alef -> form -> the sign that Unicode keeps for it."""
    found: dict[str, dict[str, str]] = {}
    for sign in map(chr, range(0xFE80, 0xFEFD)):
        form, *letters = unicodedata.decomposition(sign).split()
        found.setdefault("".join(chr(int(each, 16)) for each in letters), {})[form.strip("<>")] = sign
    return found
