"""Forty suppliers (being written): the small world for now."""

from .seed_small import fill as fill
