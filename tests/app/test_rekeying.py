"""Changing the keys under which secrets lie, while the product runs."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from app import clock, rekeying
from app.house import House
from app.keys import KeyRing, Place
from app.models import Connection, Outgoing, OutgoingKind
from app.outbox.actions import mail_values, open_token
from app.rekeying import CannotStart, check, require_keys, rotate
from connectors.base import Tokens
from connectors.oauth import seal, unseal
from tests.access_matrix import whole
from tests.support.postgres import as_owner
from tests.support.world import EVERYTHING, World

OLD, NEW = "test:" + "A" * 43, "k_2:" + "B" * 43


def nothing(_: Any) -> None:
    """No bar, no pause."""


def under(house: House, keys: str) -> House:
    return replace(house, keys=KeyRing(keys))


@pytest.fixture
def sealed(house: House, world: World) -> list[Outgoing]:
    """Two connections' tokens, and mails with links to a mailbox and to a person, under the old key."""
    with house.database.transaction(EVERYTHING) as session:
        for selling in (world.acme, world.birch):
            row = session.get_one(Connection, selling.connection.id)
            row.tokens = seal(house, Tokens(f"of {selling.vendor.name}", "r", None), row.id, row.vendor_id)
        to: list[dict[str, Any]] = [{"mailbox_id": world.cobalt.mailbox.id}, {"person_id": world.acme.person.id}]
        mails = [
            Outgoing(
                **mail_values(
                    kind=OutgoingKind.NOTICE, dedupe_key=f"n{n}", subject="s", text="t", html="", due_at=clock.now(),
                    address="a@b.example", token=f"token {n}", keys=house.keys, **to[n % 2],
                )
            )
            for n in range(5)
        ]  # fmt: skip
        session.add_all(mails)
    return mails


def test_rotation_seals_everything_under_the_newest_key(house: House, world: World, sealed: list[Outgoing]) -> None:
    """[inv-K1] Every value opens as before, without the old key; a second rotation finds nothing to do."""
    found = rotate(under(house, f"{NEW},{OLD}"), nothing, nothing)
    assert (found.by_key.total(), found.closed, found.held) == (7, [], 0)
    alone = under(house, NEW)
    assert rotate(alone, nothing, nothing).by_key.total() == 0
    with house.database.reading(EVERYTHING) as session:
        for selling in (world.acme, world.birch):
            row = session.get_one(Connection, selling.connection.id)
            assert unseal(alone, row.tokens, row.id, row.vendor_id).access_token == f"of {selling.vendor.name}"
        for n, mail in enumerate(sealed):
            now = session.get_one(Outgoing, mail.id)
            assert open_token(now.sealed_token, alone.keys, mail.id, mail.mailbox_id or mail.person_id) == f"token {n}"
    assert check(alone, nothing).by_key == {(Place.TOKENS, "k_2"): 2, (Place.LINK, "k_2"): 5}


def test_rotation_goes_on_where_it_was_stopped(
    house: House, sealed: list[Outgoing], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[inv-K1 inv-F1] Batches are commits; what is done stays done."""
    monkeypatch.setattr(rekeying, "_BATCH", 2)
    both, steps = under(house, f"{NEW},{OLD}"), iter((nothing, nothing))

    def stop_in_the_third(count: int) -> None:
        if count and next(steps, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate(both, stop_in_the_third, nothing)
    done = check(both, nothing).by_key[Place.TOKENS, "k_2"] + check(both, nothing).by_key[Place.LINK, "k_2"]
    assert 0 < done < 7
    assert rotate(both, nothing, nothing).by_key.total() == 7 - done


def test_what_does_not_open_is_named_and_left_as_it_is(house: House, world: World, sealed: list[Outgoing]) -> None:
    """[inv-K1] A moved ciphertext keeps nobody else from being rotated."""
    with house.database.transaction(EVERYTHING) as session:
        moved = session.get_one(Outgoing, sealed[0].id).sealed_token
        session.execute(update(Outgoing).where(Outgoing.id == sealed[1].id).values(sealed_token=moved))
    both = under(house, f"{NEW},{OLD}")
    found = rotate(both, nothing, nothing)
    assert (found.by_key.total(), found.closed) == (6, [(Place.LINK, sealed[1].id)])
    assert check(both, nothing).closed == found.closed
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Outgoing, sealed[1].id).sealed_token == moved


def test_a_token_being_refreshed_waits_for_its_turn(house: House, world: World, sealed: list[Outgoing]) -> None:
    """[inv-K1 inv-K4] Sealed anew under the refresher's hands, its new pair would find no place and be lost."""
    with house.database.transaction(EVERYTHING) as session:
        row = session.get_one(Connection, world.acme.connection.id)
        row.refresh_lease_until, before = clock.now() + timedelta(minutes=1), row.tokens

    def then_it_is_done(_: float) -> None:
        with house.database.transaction(EVERYTHING) as session:
            row = session.get_one(Connection, world.acme.connection.id)
            assert row.tokens == before
            row.refresh_lease_until = None

    both = under(house, f"{NEW},{OLD}")
    assert rotate(both, nothing, then_it_is_done).by_key.total() == 7


def test_mails_handed_over_meanwhile_are_no_trouble(
    house: House, sealed: list[Outgoing], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[inv-K1 inv-F1] While rows change and go, what stays is rotated and nothing comes back."""
    monkeypatch.setattr(rekeying, "_BATCH", 1)
    over = threading.Event()

    def hand_over() -> None:
        for mail in sealed[:3]:
            with house.database.transaction(EVERYTHING) as session:
                session.execute(update(Outgoing).where(Outgoing.id == mail.id).values(sealed_token=None))
        over.set()

    thread = threading.Thread(target=hand_over)
    thread.start()
    rotate(under(house, f"{NEW},{OLD}"), nothing, nothing)
    thread.join()
    assert over.is_set()
    with house.database.reading(EVERYTHING) as session:
        left = session.execute(select(Outgoing.id).where(Outgoing.sealed_token.is_not(None))).scalars()
        assert set(left) == {mail.id for mail in sealed[3:]}


def test_the_commands_say_what_they_did(
    house: House, sealed: list[Outgoing], make_runner: Callable[[str], Any]
) -> None:
    """[inv-K1] check: 0 while all opens. rotate: 0 when done."""
    said = make_runner(OLD)(args=["keys", "check"])
    assert (said.exit_code, "key test                 5" in said.output) == (0, True), said.output
    said = make_runner(f"{NEW},{OLD}")(args=["keys", "rotate"])
    assert (said.exit_code, "7 sealed anew under key k_2" in said.output) == (0, True), said.output
    said = make_runner(OLD)(args=["keys", "check"])
    assert (said.exit_code, said.output.count("does not open")) == (1, 7)
    assert "does not open: connection.tokens of " in said.output


@pytest.fixture
def make_runner(house: House) -> Callable[[str], Any]:
    return lambda keys: whole(under(house, keys)).test_cli_runner().invoke


def test_a_process_does_not_start_with_keys_that_do_not_open(house: House, sealed: list[Outgoing]) -> None:
    """[inv-K1] The wrong secret under the right name, and a name that is missing; the words name the key, not its
    secret."""
    require_keys(house)
    require_keys(under(house, f"{NEW},{OLD}"))
    for wrong in (NEW, "test:" + "C" * 43):
        with pytest.raises(CannotStart, match="sealed under key 'test'"):
            require_keys(under(house, wrong))


def test_a_process_starts_without_its_database(house: House) -> None:
    """[inv-F1] Away, or not migrated yet: that is told to whoever asks for a page, and ends by itself."""
    with as_owner(house.settings.database_url) as connection:
        connection.exec_driver_sql("ALTER TABLE connection RENAME TO away")
    require_keys(house)


def test_sign_ins_are_sealed_for_their_asking(house: House, world: World) -> None:
    """[inv-K1] The tenant of a link is whoever it goes to: a mail moved to another one does not open."""
    values = mail_values(
        kind=OutgoingKind.LOGIN, dedupe_key="x", subject="s", text="t", html="", due_at=clock.now(),
        address="a@b.example", login_token_id=uuid4(), token="secret", keys=house.keys,
    )  # fmt: skip
    assert (
        house.keys.open(values["sealed_token"], place=Place.LINK, row=values["id"], tenant=values["login_token_id"])
        == "secret"
    )
