"""Sealed text opens where it was sealed, under a key of the ring, and nowhere else."""

import base64
from itertools import product
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Text

from app.keys import CannotOpen, KeyRing, Place
from app.models import Base

OLD, NEW = "old:" + "A" * 43, "new:" + "B" * 43
ROW, TENANT = uuid4(), uuid4()


def seal(ring: KeyRing, place: Place = Place.TOKENS, row: UUID = ROW, tenant: UUID | None = TENANT) -> str:
    return ring.seal("the secret", place=place, row=row, tenant=tenant)


def test_it_opens_only_where_it_was_sealed() -> None:
    """[inv-K1] Not in another column, row or tenant, nor in none."""
    ring = KeyRing(NEW)
    sealed = seal(ring)
    assert ring.open(sealed, place=Place.TOKENS, row=ROW, tenant=TENANT) == "the secret"
    for place, row, tenant in product(Place, (ROW, uuid4()), (TENANT, uuid4(), None)):
        if (place, row, tenant) != (Place.TOKENS, ROW, TENANT):
            with pytest.raises(CannotOpen):
                ring.open(sealed, place=place, row=row, tenant=tenant)


def test_it_opens_nothing_that_was_changed() -> None:
    """[inv-K1] Any bit of it, its key id, its length."""
    ring = KeyRing(f"{NEW},{OLD}")
    key_id, _, body = seal(ring).partition(".")
    raw = base64.urlsafe_b64decode(body)
    changed = [raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :] for at in range(len(raw))]
    broken = [f"{key_id}.{base64.urlsafe_b64encode(one).decode()}" for one in (*changed, raw[:-1], raw[:11], b"")]
    for sealed in (*broken, f"old.{body}", f"none.{body}", key_id, "", ".", "€.€", f"{key_id}.%%%"):
        with pytest.raises(CannotOpen):
            ring.open(sealed, place=Place.TOKENS, row=ROW, tenant=TENANT)


def test_the_first_key_seals_and_all_open() -> None:
    """[inv-K1] So that keys change while both old and new processes run."""
    old, both, new = KeyRing(OLD), KeyRing(f"{NEW}, {OLD}"), KeyRing(NEW)
    assert both.open(seal(old), place=Place.TOKENS, row=ROW, tenant=TENANT) == "the secret"
    assert new.open(seal(both), place=Place.TOKENS, row=ROW, tenant=TENANT) == "the secret"
    with pytest.raises(CannotOpen):
        new.open(seal(old), place=Place.TOKENS, row=ROW, tenant=TENANT)


@pytest.mark.parametrize(
    "text", ["", " , ", "k1", "k1:short", ":" + "A" * 43, "a.b:" + "A" * 43, f"{OLD},{OLD}", "k:\u20ac"]
)
def test_a_ring_that_is_none_is_refused_without_repeating_it(text: str) -> None:
    """[inv-K1 inv-K2]"""
    with pytest.raises(ValueError) as refused:
        KeyRing(text)
    assert "A" * 43 not in str(refused.value)


def test_every_sealed_column_is_a_place() -> None:
    """[inv-K1] KeyRing seals for places only; each is a column, and every text that sounds sealed is one of them.
    Sealed bytes lie under a key of their own, which is such a text."""
    columns = Base.metadata.tables
    for place in Place:
        named = {place.column, *place.tenant} | ({place.held_until} if place.held_until else set())
        assert named <= set(columns[place.table].c.keys()), place
    sound = [column for table in columns.values() for column in table.c if "sealed" in column.name]
    texts = {str(column) for column in sound if isinstance(column.type, Text)}
    assert texts <= {str(place) for place in Place}
    assert len(texts) == len({column.table.name for column in sound})
