"""Any mail server, by SMTP. It has no events: where a host receives mail for us, servers report by mail what failed
(digest/inbound/bounces.py); what ends unknown here stays unknown."""

import re
import smtplib
import ssl
from collections import deque
from datetime import timedelta
from urllib.parse import unquote, urlsplit

from app import clock
from app.models import AttemptResult
from digest.channels.base import Channel, Concern, Envelope, Result, accepted, refused, rejected, unknown
from digest.channels.mime import message_bytes

_NOBODY_THERE = timedelta(seconds=30)
_COME_BACK = timedelta(minutes=5)  # what a server's 4xx about one mail is worth
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})


class SmtpChannel(Channel):
    """``SMTP_URL``: smtp://[user:password@]host[:port], or smtps:// for TLS from the first byte.

    With a password, or to another machine that offers it, smtp:// goes on under STARTTLS; certificates are checked.
    Connections are kept and used again.
    """

    name = "smtp"

    def __init__(self, url: str, *, seconds: float) -> None:
        """Raises ValueError when the address is none of the above."""
        super().__init__()
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("SMTP_URL wants smtp://user:password@host:port or smtps://...")
        self._host, self._is_tls = parts.hostname, parts.scheme == "smtps"
        self._port = parts.port or (465 if self._is_tls else 587 if parts.username else 25)
        self._login = (unquote(parts.username or ""), unquote(parts.password or ""))
        self._seconds = seconds
        self._idle: deque[smtplib.SMTP] = deque()

    def send(self, envelope: Envelope) -> Result:
        try:
            server = self._connected()
        except smtplib.SMTPAuthenticationError as problem:
            return refused(f"{problem.smtp_code}: our password is refused", timedelta(minutes=1), Concern.EVERYTHING)
        except (smtplib.SMTPException, OSError) as problem:
            return refused(f"no connection: {type(problem).__name__}", _NOBODY_THERE, Concern.CHANNEL)
        result = _hand_over(server, envelope)
        if result.kind == AttemptResult.ACCEPTED:
            self._idle.append(server)
        else:
            server.close()
        return result

    def close(self) -> None:
        super().close()
        while self._idle:
            self._idle.pop().close()

    def _connected(self) -> smtplib.SMTP:
        """A connection nobody uses that still answers, or a new one."""
        while True:
            try:
                server = self._idle.pop()
            except IndexError:
                return self._connect()
            try:
                if server.noop()[0] == 250:
                    return server
            except (smtplib.SMTPException, OSError):
                pass
            server.close()

    def _connect(self) -> smtplib.SMTP:
        trust = ssl.create_default_context()
        server: smtplib.SMTP
        if self._is_tls:
            server = smtplib.SMTP_SSL(self._host, self._port, timeout=self._seconds, context=trust)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=self._seconds)
        try:
            server.ehlo()
            wants_tls = bool(self._login[0]) or (server.has_extn("starttls") and self._host not in _THIS_MACHINE)
            if wants_tls and not self._is_tls:
                server.starttls(context=trust)
                server.ehlo()
            if self._login[0]:
                server.login(*self._login)
        except BaseException:
            server.close()
            raise
        return server


def _hand_over(server: smtplib.SMTP, envelope: Envelope) -> Result:
    """The dialogue. Before the message itself an error is a certain no; after it, only 250 is a yes."""
    options = [] if envelope.recipient.isascii() else ["SMTPUTF8"]
    if options and not server.has_extn("smtputf8"):
        return rejected("the server takes no address with letters beyond ASCII")
    try:
        code, said = server.mail(envelope.return_to or envelope.sender, options)
        if code != 250:
            return _no(code, said)
        code, said = server.rcpt(envelope.recipient)
        if code not in (250, 251):
            return _no(code, said, Concern.ADDRESS if is_hard_bounce(code, said) else Concern.MAIL)
    except (smtplib.SMTPException, OSError) as problem:
        return refused(f"{type(problem).__name__} before the message", _NOBODY_THERE, Concern.CHANNEL)
    try:
        code, said = server.data(message_bytes(envelope, clock.now()))
    except smtplib.SMTPDataError as problem:
        return _no(problem.smtp_code, problem.smtp_error)
    except (smtplib.SMTPException, OSError) as problem:
        return unknown(f"{type(problem).__name__} in the middle")
    if code == 250:
        return accepted(said.decode(errors="replace"))
    return _no(code, said)


def is_hard_bounce(code: int, said: bytes) -> bool:
    """Whether a refused recipient is nobody's address. The enhanced code decides where there is one (RFC 3463: x.1 is
    the address, x.2.1 a mailbox that is closed): a server's policy, or a full mailbox, is no fault of the address."""
    found = re.match(rb"\s*([245])\.(\d{1,3})\.(\d{1,3})\b", said)
    if not 500 <= code < 600:
        return False
    if found:
        return found[1] == b"5" and (found[2] == b"1" or (found[2], found[3]) == (b"2", b"1"))
    return code in (550, 551, 553)


def _no(code: int, said: bytes | str, concerns: Concern = Concern.MAIL) -> Result:
    words = f"{code}: {said.decode(errors='replace') if isinstance(said, bytes) else said}"
    if code == 421:
        return refused(words, _NOBODY_THERE, Concern.CHANNEL)
    if code in (530, 535):
        return refused(words, timedelta(minutes=1), Concern.EVERYTHING)
    if 400 <= code < 500:
        return refused(words, _COME_BACK)
    return rejected(words, concerns) if 500 <= code < 600 else unknown(words)
