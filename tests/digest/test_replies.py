"""Addresses that say which mail they answer."""

from uuid import UUID

import pytest

from app.keys import KeyRing
from digest.replies import mail_of, reply_address

RING, MAIL, HOST = KeyRing("k1:" + "A" * 43), UUID(int=7), "in.sheaf.example"


@pytest.mark.parametrize("spelled", [str, str.upper, lambda address: f" {address} "])
def test_an_address_of_ours_names_its_mail_however_a_server_wrote_its_letters(spelled: type[str]) -> None:
    """[F7 inv-Q2]"""
    assert mail_of(RING, spelled(reply_address(RING, MAIL, HOST)), HOST) == MAIL


def test_one_that_differs_in_a_letter_is_not_ours() -> None:
    """[F7 inv-Q2] Nor when only the last letter differs, which says more than the signature has bits."""
    local, _, host = reply_address(RING, MAIL, HOST).partition("@")
    others = [f"{local[:-1]}{letter}@{host}" for letter in "abcdefghijklmnopqrstuvwxyz234567" if letter != local[-1]]
    assert [mail_of(RING, other, HOST) for other in others] == [None] * 31
