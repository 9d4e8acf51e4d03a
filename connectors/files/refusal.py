"""Why a file was not taken: whole or not at all, with words that name what to do."""

from app.words import _


class Refused(ValueError):
    """``str()`` names the reason and the way on, for whoever sent the file. ``line`` is where, counted from 1."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason if line is None else _("Line %(line)s: %(reason)s", line=line, reason=reason))
        self.line = line
