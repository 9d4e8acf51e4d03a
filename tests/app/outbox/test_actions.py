"""Writing mail: to stored recipients only, once, with its token sealed."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from app import clock
from app.house import House
from app.keys import CannotOpen
from app.models import Outgoing, OutgoingKind, OutgoingState
from app.outbox.actions import cancel, open_token, write_mail
from app.outbox.rendering import TOKEN_PLACE
from app.outbox.rules import checked_headers, one_line
from tests.support.world import EVERYTHING, World


def notice(session: Any, **facts: Any) -> Outgoing:
    defaults = {
        "kind": OutgoingKind.NOTICE,
        "dedupe_key": "notice:1",
        "subject": "Something happened",
        "text": "Something.",
        "html": "<p>Something.</p>",
        "due_at": clock.now(),
    }
    return write_mail(session, **{**defaults, **facts})


def test_a_mail_goes_to_the_stored_address(house: House, world: World) -> None:
    """[K1 inv-D3] There is no way to hand in an address; exactly one recipient must be named."""
    with house.database.transaction(EVERYTHING) as session:
        assert notice(session, mailbox=world.cobalt.mailbox).address == "ap@cobalt.example"
        assert notice(session, person=world.acme.person, dedupe_key="notice:2").address == "owner@acme.example"
        with pytest.raises(ValueError, match="one mailbox"):
            notice(session, dedupe_key="notice:3")
        with pytest.raises(ValueError, match="one mailbox"):
            notice(session, dedupe_key="notice:3", mailbox=world.cobalt.mailbox, person=world.acme.person)


def test_the_same_mail_is_written_once(house: House, world: World) -> None:
    """[D3 inv-S1] Its key decides: the second writing gets the first mail, unchanged."""
    with house.database.transaction(EVERYTHING) as session:
        first = notice(session, mailbox=world.cobalt.mailbox)
    with house.database.transaction(EVERYTHING) as session:
        again = notice(session, mailbox=world.outsider.mailbox, subject="Other words")
        assert (again.id, again.subject, again.address) == (first.id, "Something happened", "ap@cobalt.example")
        assert len(session.execute(select(Outgoing.id)).all()) == 1


def test_a_token_is_kept_sealed_and_opens_only_in_its_place(house: House, world: World) -> None:
    """[inv-K1 inv-K2] Not in the body, not in clear; moved to another mail or recipient it does not open."""
    token = "t" * 43
    with house.database.transaction(EVERYTHING) as session:
        mail = notice(session, mailbox=world.cobalt.mailbox, text=TOKEN_PLACE, token=token, keys=house.keys)
        other = notice(session, mailbox=world.cobalt.mailbox, dedupe_key="notice:2")
    assert mail.sealed_token is not None
    assert token not in f"{mail.sealed_token}{mail.text}{mail.html}{mail.headers}"
    assert open_token(mail.sealed_token, house.keys, mail.id, world.cobalt.mailbox.id) == token
    with pytest.raises(CannotOpen):
        open_token(mail.sealed_token, house.keys, other.id, world.cobalt.mailbox.id)
    with pytest.raises(CannotOpen):
        open_token(mail.sealed_token, house.keys, mail.id, world.outsider.mailbox.id)


def test_a_token_without_keys_is_a_bug(house: House, world: World) -> None:
    """[inv-K1] Nobody stores one in clear by forgetting the key ring."""
    with house.database.transaction(EVERYTHING) as session, pytest.raises(ValueError, match="key ring"):
        notice(session, mailbox=world.cobalt.mailbox, token="t" * 43)


def test_a_sign_in_mail_is_due_at_once(house: House, world: World) -> None:
    """[K1] Whatever was asked: somebody sits in front of a screen."""
    later = clock.now() + timedelta(hours=3)
    with house.database.transaction(EVERYTHING) as session:
        mail = notice(session, kind=OutgoingKind.LOGIN, person=world.acme.person, due_at=later)
        other = notice(session, person=world.acme.person, due_at=later, dedupe_key="notice:2")
    assert mail.due_at <= clock.now()
    assert other.due_at == later


def test_a_writer_may_set_few_headers_and_break_none(house: House, world: World) -> None:
    """[inv-S11 inv-A3] What makes a mail a list mail or automatic is the sender's; a line break becomes a space."""
    assert checked_headers({"References": "<a@b>\r\nBcc: everybody@example.com"}) == {
        "References": "<a@b> Bcc: everybody@example.com"
    }
    with pytest.raises(ValueError, match="Bcc"):
        checked_headers({"Bcc": "everybody@example.com"})


def test_a_queued_mail_can_be_taken_back_and_a_leaving_one_cannot(house: House, world: World) -> None:
    """[inv-S10 inv-F2] Its reason stays, its token goes."""
    with house.database.transaction(EVERYTHING) as session:
        first = notice(session, mailbox=world.cobalt.mailbox, text=TOKEN_PLACE, token="t" * 43, keys=house.keys)
        second = notice(session, mailbox=world.cobalt.mailbox, dedupe_key="notice:2")
        second.state = OutgoingState.CLAIMED
        session.flush()
        assert cancel(session, [first.id, second.id], reason="settled meanwhile", now=clock.now()) == 1
    with house.database.reading(EVERYTHING) as session:
        kept = session.get_one(Outgoing, first.id)
        assert (kept.state, kept.reason, kept.sealed_token) == (OutgoingState.CANCELLED, "settled meanwhile", None)
        assert session.get_one(Outgoing, second.id).state == OutgoingState.CLAIMED


@given(st.text(max_size=400), st.integers(min_value=1, max_value=300))
def test_one_line_is_one_line_whatever_it_is_given(text: str, limit: int) -> None:
    """[inv-A3 inv-S11] No control character, no direction mark, not too long; again, nothing changes."""
    line = one_line(text, limit)
    assert len(line) <= limit
    assert not any(ord(c) < 32 or ord(c) == 127 or c in "\u2028\u2029\u202e\u200f" for c in line)
    assert one_line(line, limit) == line
