"""A worker that takes a vendor's books in, in a process of its own, so that its memory can be weighed (bench/size.py).

``python -m bench.importing N`` streams N invoices into the database of its environment for each line it reads.
"""

import sys

from app.house import House
from app.settings import Settings
from bench import books
from bench.sending import serve
from bench.writing import NOW
from connectors.ingest import ingest

_BATCH = 1_000


def _take_in(house: House, n: int) -> dict[str, int]:
    connection, received = books.connected(house.database), 0
    for batch in books.batches(n, _BATCH):
        with house.database.transaction(books.EVERYTHING) as session:
            received += ingest(session, connection, batch, NOW).received
    return {"received": received}


if __name__ == "__main__":
    _house, _n = House.open(Settings()), int(sys.argv[1])
    serve(lambda: _take_in(_house, _n))
