"""A worker that takes a vendor's books in, in a process of its own, so that its memory can be weighed (bench/size.py).

``python -m bench.importing N`` streams N invoices into the database of its environment for each line it reads.
"""

import sys

from app.house import House
from app.settings import Settings
from bench import books
from bench.sending import serve
from bench.writing import write
from connectors.ingest import AT_ONCE, AT_ONCE_SQLITE


def _take_in(house: House, n: int) -> dict[str, int]:
    size = AT_ONCE_SQLITE if house.database.is_sqlite else AT_ONCE
    return {"received": write(house, books.connected(house.database), books.batches(n, size))}


if __name__ == "__main__":
    _house, _n = House.open(Settings()), int(sys.argv[1])
    serve(lambda: _take_in(_house, _n))
