"""To be written."""

from collections.abc import Sequence

from bench.ground import Ground, Size
from bench.report import Found


def run(ground: Ground, size: Size, repeats: int, against: Sequence[str]) -> Found:
    raise NotImplementedError
