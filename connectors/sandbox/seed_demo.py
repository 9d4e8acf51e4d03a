"""The demo world (being written): the small one for now."""

from .seed_small import fill as fill
