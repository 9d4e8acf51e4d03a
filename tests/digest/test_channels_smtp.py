"""The SMTP channel, to a mail server of aiosmtpd."""

import email
import email.policy
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Envelope as Received
from aiosmtpd.smtp import Session as Dialogue

from app.models import AttemptResult
from digest.channels.base import Concern
from digest.channels.smtp import SmtpChannel
from tests.digest.mails import UNSUBSCRIBE, envelope


class Postbox:
    """A mail server's mind: what it took, and what it says instead of yes."""

    def __init__(self) -> None:
        self.taken: list[Received] = []
        self.says: dict[str, str] = {}
        self.cuts_after_data = False

    async def handle_MAIL(
        self, server: SMTP, _dialogue: Dialogue, received: Received, address: str, options: Any
    ) -> str:
        if "MAIL" in self.says:
            return self.says["MAIL"]
        received.mail_from = address
        received.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, _dialogue: Dialogue, received: Received, address: str, _options: Any
    ) -> str:
        if "RCPT" in self.says:
            return self.says["RCPT"]
        received.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _dialogue: Dialogue, received: Received) -> str:
        if "DATA" in self.says:
            return self.says["DATA"]
        self.taken.append(received)
        if self.cuts_after_data:
            assert server.transport is not None
            server.transport.close()
        return "250 OK: queued as 42"


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, SmtpChannel]]:
    mind = Postbox()
    controller = Controller(mind, hostname="127.0.0.1", port=0, enable_SMTPUTF8=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        controller.port = probe.getsockname()[1]
    controller.start()
    channel = SmtpChannel(f"smtp://127.0.0.1:{controller.port}", seconds=5)
    try:
        yield mind, channel
    finally:
        channel.close()
        controller.stop()


def test_smtp_hands_over_the_message_whole(postbox: tuple[Postbox, SmtpChannel]) -> None:
    """[K1 inv-S7 inv-S11] 250 after the data is a yes; words and headers arrive as they were, dots and all."""
    mind, channel = postbox
    result = channel.send(envelope())
    assert (result.kind, result.provider_message_id) == (AttemptResult.ACCEPTED, "OK: queued as 42")
    (received,) = mind.taken
    assert (received.mail_from, received.rcpt_tos) == ("digest@sheaf.example", ["ap@cobalt.example"])
    assert isinstance(received.content, bytes)
    message = email.message_from_bytes(received.content, policy=email.policy.default)
    assert message["Subject"] == "3 invoices from Acme and Bürch"
    text = message.get_body(("plain",))
    assert text is not None
    assert text.get_content().replace("\r\n", "\n") == "Grüße\n.\nFrom here on\nend"
    assert f"\r\nList-Unsubscribe: {UNSUBSCRIBE}\r\n".encode() in received.content


def test_smtp_keeps_its_connection(postbox: tuple[Postbox, SmtpChannel]) -> None:
    """[K1] The next mail goes over the same line."""
    mind, channel = postbox
    for _ in range(3):
        channel.send(envelope())
    assert len(channel._idle) == 1
    assert len(mind.taken) == 3


@pytest.mark.parametrize(
    ("says", "kind", "concerns"),
    [
        ({"RCPT": "550 5.1.1 no such user"}, AttemptResult.REJECTED, Concern.ADDRESS),
        ({"RCPT": "450 4.2.1 greylisted"}, AttemptResult.REFUSED, Concern.MAIL),
        ({"MAIL": "530 5.7.0 log in first"}, AttemptResult.REFUSED, Concern.EVERYTHING),
        ({"MAIL": "421 4.3.2 closing"}, AttemptResult.REFUSED, Concern.CHANNEL),
        ({"DATA": "552 5.3.4 too big"}, AttemptResult.REJECTED, Concern.MAIL),
        ({"DATA": "451 4.3.0 later"}, AttemptResult.REFUSED, Concern.MAIL),
    ],
)
def test_what_a_mail_server_says_has_its_meaning(
    postbox: tuple[Postbox, SmtpChannel], says: dict[str, str], kind: AttemptResult, concerns: Concern
) -> None:
    """[inv-S7 inv-S8] 4xx comes back, 5xx does not, a refused login stops everything; the next mail still goes."""
    mind, channel = postbox
    mind.says = says
    result = channel.send(envelope())
    assert (result.kind, result.concerns, mind.taken) == (kind, concerns, [])
    mind.says = {}
    assert channel.send(envelope()).kind == AttemptResult.ACCEPTED


def test_a_line_cut_after_the_message_leaves_its_fate_unknown(postbox: tuple[Postbox, SmtpChannel]) -> None:
    """[inv-S7] The server may have taken it."""
    mind, channel = postbox
    mind.cuts_after_data = True
    assert channel.send(envelope()).kind == AttemptResult.UNKNOWN
    assert len(mind.taken) == 1


def test_a_mail_server_that_is_not_there_is_a_certain_no() -> None:
    """[inv-S8] Nothing was sent, so it may be tried again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    result = SmtpChannel(f"smtp://127.0.0.1:{port}", seconds=1).send(envelope())
    assert (result.kind, result.concerns) == (AttemptResult.REFUSED, Concern.CHANNEL)


def test_a_password_is_never_sent_in_clear(postbox: tuple[Postbox, SmtpChannel]) -> None:
    """[inv-K6] The server offers no TLS: no login, no mail, and the password stays here."""
    mind, channel = postbox
    result = SmtpChannel(f"smtp://me:secret@127.0.0.1:{channel._port}", seconds=1).send(envelope())
    assert result.kind == AttemptResult.REFUSED
    assert "secret" not in result.detail
    assert mind.taken == []


@pytest.mark.parametrize("url", ["http://host", "smtp://", "smtp://host/path", "smtp://host?x=1", "host:25"])
def test_an_smtp_address_that_is_none_stops_the_start(url: str) -> None:
    """[K1] With the name of the setting."""
    with pytest.raises(ValueError, match="SMTP_URL"):
        SmtpChannel(url, seconds=1)


def test_an_international_address_goes_where_it_is_understood(postbox: tuple[Postbox, SmtpChannel]) -> None:
    """[D1] SMTPUTF8 is asked for when the local part needs it."""
    mind, channel = postbox
    assert channel.send(envelope(recipient="grüße@cobalt.example")).kind == AttemptResult.ACCEPTED
    assert mind.taken[0].rcpt_tos == ["grüße@cobalt.example"]


def test_servers_are_told_where_to_report(postbox: tuple[Postbox, SmtpChannel]) -> None:
    """[D14 D18] The dialogue's sender is the return address of this attempt; the mail's From is not."""
    mind, channel = postbox
    channel.send(replace(envelope(), return_to="b-signed@reply.sheaf.example"))
    (received,) = mind.taken
    assert received.mail_from == "b-signed@reply.sheaf.example"
    assert isinstance(received.content, bytes)
    assert b"b-signed" not in received.content
