"""Which steps a walk tries: all of them, a share drawn by the seed, or a part, for a walk of hours."""

import argparse
import random
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """``share`` steps drawn by ``seed`` (0: all), or every ``parts``-th from ``part`` on."""

    share: int = 0
    seed: int = 0
    part: int = 1
    parts: int = 1

    @classmethod
    def given(cls, options: argparse.Namespace) -> "Choice":
        return cls(options.share, options.seed, *options.part)

    def of(self, name: str, steps: int) -> Iterable[int]:
        """Numbers from 1; ``name`` is whose steps they are."""
        if 0 < self.share < steps:
            return sorted(random.Random(f"{self.seed} {name}").sample(range(1, steps + 1), self.share))
        return range(self.part, steps + 1, self.parts)


def choosing(options: argparse.ArgumentParser) -> None:
    some = options.add_mutually_exclusive_group()
    some.add_argument("--share", type=int, default=0, help="so many steps of each instead of all")
    some.add_argument("--part", type=_part, default=(1, 1), metavar="K/N", help="every N-th step from the K-th on")


def _part(said: str) -> tuple[int, int]:
    part, _, parts = said.partition("/")
    if not (part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)):
        raise argparse.ArgumentTypeError("like 1/4")
    return int(part), int(parts)
