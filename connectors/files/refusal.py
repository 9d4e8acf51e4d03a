"""Why a file was not taken: whole or not at all, with words that name what to do."""


class Refused(ValueError):
    """``str()`` names the reason and the way on, for whoever sent the file. ``line`` is where, counted from 1."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason if line is None else f"Line {line}: {reason}")
        self.line = line
