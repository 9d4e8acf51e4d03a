"""A share of the access matrix; ``python -m tests.isolation`` asks with ten thousand ids."""

from flask import Flask

from app.house import House
from tests.isolation.matrix import run
from tests.isolation.stage import build


def test_nobody_learns_anything_by_the_ids_of_others(house: House, whole_app: Flask) -> None:
    """[B7 inv-I1 inv-I2 inv-I4 000-7 003-20]"""
    report = run(build(house, whole_app), ids=1, seed=7)
    assert report.faults == []
    assert report.asked > 100
