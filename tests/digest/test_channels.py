"""The channels: what all of them hold, SendGrid's over HTTP to a double, and the folder of a laptop."""

import base64
import email
import email.policy
import json
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sendgrid.helpers.mail import (
    Attachment as SentFile,
)
from sendgrid.helpers.mail import (
    ClickTracking,
    CustomArg,
    Disposition,
    FileContent,
    FileName,
    FileType,
    From,
    Header,
    Mail,
    OpenTracking,
    ReplyTo,
    SubscriptionTracking,
    To,
    TrackingSettings,
)

from app import clock
from app.models import AttemptResult
from app.outbox.rules import one_line
from app.settings import Settings
from digest.channels import open_channel
from digest.channels.base import Attachment, Concern
from digest.channels.file import FileChannel, kept_eml, kept_mail, kept_mails
from digest.channels.mime import message_bytes
from digest.channels.sendgrid import SendGridChannel, body_of, checked_host, verdict
from digest.channels.smtp import SmtpChannel
from tests.digest.mails import envelope
from tests.support.sinks import SendGridDouble

# --- all of them ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["subject", "sender_name", "recipient", "reply_to", "headers"])
@pytest.mark.parametrize("evil", ["a\r\nBcc: all@example.com", "a\nb", "a\x00b", "a\x7fb"])
def test_no_envelope_holds_a_second_header(field: str, evil: str) -> None:
    """[inv-A3 inv-S11] A control character in anything that becomes a header is refused before any channel sees it."""
    with pytest.raises(ValueError, match="control character"):
        envelope(**{field: {"X-A": evil} if field == "headers" else evil})


def test_an_envelope_in_a_traceback_tells_nothing() -> None:
    """[inv-K2] Neither words nor address nor the token of its links."""
    told = repr(envelope())
    assert not any(word in told for word in ("cobalt", "invoices", "Grüße", "t" * 43))


def test_the_settings_choose_the_channel(settings: Settings) -> None:
    """[K1] file on a laptop, smtp and sendgrid by name."""
    assert isinstance(open_channel(settings), FileChannel)
    settings.mail_channel = "smtp"
    assert isinstance(open_channel(settings), SmtpChannel)
    settings.mail_channel = "sendgrid"
    settings.sendgrid_api_key = SecretStr("SG.key")
    assert isinstance(open_channel(settings), SendGridChannel)


# --- sendgrid -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["https://api.sendgrid.com", "https://api.eu.sendgrid.com/", "http://127.0.0.1:4010", "http://localhost:4010"],
)
def test_our_key_goes_to_sendgrid_or_a_double_here(host: str) -> None:
    """[inv-K6] The allow-list of hosts."""
    assert checked_host(host) == host.rstrip("/")


@pytest.mark.parametrize(
    "host",
    [
        "http://api.sendgrid.com",
        "https://api.sendgrid.com.evil.example",
        "https://evil.example",
        "https://api.sendgrid.com:8443",
        "https://user@api.sendgrid.com",
        "https://evil.example/api.sendgrid.com",
        "http://127.0.0.1.evil.example",
        "file:///etc/passwd",
        "",
    ],
)
def test_our_key_goes_nowhere_else(host: str) -> None:
    """[inv-K6] Everything else stops the start, with words."""
    with pytest.raises(ValueError, match="SENDGRID_API_HOST"):
        SendGridChannel("SG.key", host, seconds=1)


@given(st.integers(min_value=100, max_value=599), st.binary(max_size=60))
def test_only_202_is_a_yes(status: int, body: bytes) -> None:
    """[inv-S7] Whatever else is answered, with whatever body, is not taken for accepted, and raises nothing."""
    result = verdict(status, {}, body)
    assert (result.kind == AttemptResult.ACCEPTED) == (status == 202)
    certain = {400: "rejected", 413: "rejected", 401: "refused", 403: "refused", 429: "refused", 202: "accepted"}
    assert result.kind == certain.get(status, "unknown")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "Mon, 23 Nov 2026 09:02:00 GMT"}, 120),
        ({"X-RateLimit-Reset": "1795424445"}, 45),
        ({"Retry-After": "soon"}, 60),
        ({"Retry-After": "99999999999"}, 3600),
        ({"Retry-After": "0"}, 1),
        ({}, 60),
    ],
)
def test_a_429_names_its_wait(headers: dict[str, str], seconds: int, fixed_clock: Any) -> None:
    """[inv-S8] In seconds, as a date, as SendGrid's reset; never less than a second nor more than an hour."""
    result = verdict(429, headers, b"")
    assert (result.retry_after, result.concerns) == (timedelta(seconds=seconds), Concern.CHANNEL)


def test_the_reason_of_a_400_is_kept_without_the_address(fixed_clock: Any) -> None:
    """[inv-K2 inv-F2] SendGrid's own words, one line, no address."""
    body = json.dumps({"errors": [{"field": "to.email", "message": "ap@cobalt.example is\nbad"}]}).encode()
    assert verdict(400, {}, body).detail == "400: to.email [address] is bad"


def test_the_key_is_in_no_log(sink: SendGridDouble, channel: SendGridChannel, caplog: pytest.LogCaptureFixture) -> None:
    """[inv-K2] Even with everything at DEBUG: the library would print key, headers and body there."""
    caplog.set_level(logging.DEBUG)
    assert channel.send(envelope(text="t" * 43)).kind == AttemptResult.ACCEPTED
    assert sink.requests[0][1]["Authorization"] == "Bearer SG.not-a-key"
    assert "SG.not-a-key" not in caplog.text
    assert "t" * 43 not in caplog.text


def test_the_body_is_the_one_the_librarys_own_objects_make() -> None:
    """[K1] Written out by hand for speed, it says what SendGrid's library would have said."""
    sent = envelope(reply_to="reply@in.sheaf.example", attachments=(Attachment("A-1.pdf", b"%PDF-1.7"),))
    mail = Mail(
        from_email=From(sent.sender, sent.sender_name),
        to_emails=To(sent.recipient),
        subject=sent.subject,
        plain_text_content=sent.text,
        html_content=sent.html,
    )
    for name, value in sent.headers.items():
        mail.add_header(Header(name, value))
    mail.reply_to = ReplyTo(sent.reply_to)
    mail.add_custom_arg(CustomArg("attempt", str(sent.attempt_id), p=0))
    mail.tracking_settings = TrackingSettings(
        click_tracking=ClickTracking(enable=False, enable_text=False),
        open_tracking=OpenTracking(enable=False),
        subscription_tracking=SubscriptionTracking(enable=False),
    )
    for each in sent.attachments:
        data = FileContent(base64.b64encode(each.data).decode())
        mail.add_attachment(SentFile(data, FileName(each.name), FileType("application/pdf"), Disposition("attachment")))
    assert body_of(sent) == mail.get()


def test_what_is_sent_is_what_sendgrids_own_description_allows(sink: SendGridDouble, channel: SendGridChannel) -> None:
    """[K1] Content in its order, one recipient, reply-to apart; headers of one mail do not stay for the next."""
    channel.send(envelope(headers={"X-First": "1"}, reply_to="reply@sheaf.example"))
    channel.send(envelope(html=""))
    first, second = sink.taken
    assert [part["type"] for part in first.body["content"]] == ["text/plain", "text/html"]
    assert [part["type"] for part in second.body["content"]] == ["text/plain"]
    assert first.body["reply_to"] == {"email": "reply@sheaf.example"}
    assert len(first.body["personalizations"]) == len(first.body["personalizations"][0]["to"]) == 1
    assert "X-First" not in second.headers


def test_a_certificate_nobody_trusts_gets_nothing(tmp_path: Path) -> None:
    """[inv-K6] TLS with a certificate of its own making: refused before the key is shown."""
    with tls_listener(tmp_path) as port:
        result = SendGridChannel("SG.key", f"https://127.0.0.1:{port}", seconds=2).send(envelope())
    assert (result.kind, result.concerns) == (AttemptResult.REFUSED, Concern.CHANNEL)


@contextmanager
def tls_listener(folder: Path) -> Iterator[int]:
    """A port that speaks TLS with a self-made certificate and never gets further."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, clock.now(), clock.now() + timedelta(days=1))
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "pair.pem").write_bytes(pem + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pair.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            line, _ = listener.accept()
            with line, context.wrap_socket(line, server_side=True) as secured:
                secured.recv(1)
        except OSError:
            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join(5)


# --- file -----------------------------------------------------------------------------------------------------------


def test_a_kept_mail_is_a_message_and_can_be_read_back(tmp_path: Path, fixed_clock: Any) -> None:
    """[K1] .eml for a mail program, .json for /dev/mail; nothing half-written, nobody else's to read."""
    channel = FileChannel(tmp_path / "mail")
    result = channel.send(envelope())
    (kept,) = kept_mails(tmp_path / "mail", 10)
    assert kept["id"] == result.provider_message_id
    assert (kept["to"], kept["text"]) == ("ap@cobalt.example", "Grüße\n.\nFrom here on\nend")
    raw = kept_eml(tmp_path / "mail", kept["id"])
    assert raw is not None
    assert email.message_from_bytes(raw)["To"] == "ap@cobalt.example"
    files = sorted((tmp_path / "mail").iterdir())
    assert [file.suffix for file in files] == [".eml", ".json"]
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


def test_a_double_lies_there_to_be_seen(tmp_path: Path, fixed_clock: Any) -> None:
    """[inv-S1] The same attempt twice at the same instant is two files, even while the clock stands."""
    channel, twice = FileChannel(tmp_path), envelope()
    channel.send(twice)
    channel.send(twice)
    assert len(kept_mails(tmp_path, 10)) == 2


def test_a_folder_that_cannot_be_written_is_a_certain_no(tmp_path: Path) -> None:
    """[inv-F1] Disk full, folder gone: back to the queue, nothing left half."""
    channel = FileChannel(tmp_path / "mail")
    (tmp_path / "mail").rmdir()
    result = channel.send(envelope())
    assert result.kind == AttemptResult.REFUSED


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "", "a.json", "20261123T090000-000000-x"])
def test_a_name_that_is_none_of_ours_is_looked_for_nowhere(tmp_path: Path, name: str) -> None:
    """[inv-I1] Only names the channel makes are read."""
    assert kept_mail(tmp_path, name) is None


# --- the message ----------------------------------------------------------------------------------------------------


@given(st.text(max_size=200), st.text(max_size=2000), st.text(max_size=300))
def test_every_message_reads_back_as_it_was_written(subject: str, text: str, html: str) -> None:
    """[C8 inv-S11] Any words, any script: parsed again they are the same, in lines no server cuts."""
    subject = one_line(subject)
    words = text.replace("\r\n", "\n").replace("\r", "\n").encode(errors="ignore").decode().replace("\x00", "")
    raw = message_bytes(envelope(subject=subject, text=words, html=f"<p>{len(html)}</p>"), clock.now())
    assert max(len(line) for line in raw.split(b"\r\n")) <= 200
    assert b"\n" not in raw.replace(b"\r\n", b"")
    message = email.message_from_bytes(raw, policy=email.policy.default)
    part = message.get_body(("plain",))
    assert part is not None
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode().replace("\r\n", "\n") == words.rstrip("\n")


@given(st.binary(max_size=300), st.sampled_from(["<p>Hello</p>", ""]))
def test_what_is_attached_reads_back_as_it_was(data: bytes, html: str) -> None:
    """[C14] Beside both bodies, in lines no server cuts."""
    raw = message_bytes(envelope(html=html, attachments=(Attachment("A-1.pdf", data),)), clock.now())
    assert max(len(line) for line in raw.split(b"\r\n")) <= 200
    message = email.message_from_bytes(raw, policy=email.policy.default)
    (attached,) = message.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("A-1.pdf", "application/pdf")
    assert attached.get_payload(decode=True) == data
    assert message.get_body(("plain",)) is not None
    assert (message.get_body(("html",)) is not None) == bool(html)
