"""Hostile and odd mail, all of it written by us: read within bounds, or Unreadable, and nothing else."""

import base64
import os

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.inbound.mail import Unreadable, read_mail
from digest.inbound.text import said_in, text_of_html

HEAD = b"From: Ann <ann@cobalt.example>\r\nTo: r@reply.example\r\nSubject: Re: x\r\nMessage-ID: <1@m.example>\r\n"
PLAIN, MARKUP = b"Content-Type: text/plain\r\n\r\n", b"Content-Type: text/html\r\n\r\n"


def mail(body: bytes, kind: bytes = b"text/plain; charset=utf-8", more: bytes = b"") -> bytes:
    return HEAD + more + b"Content-Type: " + kind + b"\r\n\r\n" + body


def parts(*pieces: bytes, kind: bytes = b"mixed") -> bytes:
    inside = b"".join(b"--edge\r\n" + piece + b"\r\n" for piece in pieces)
    return mail(inside + b"--edge--\r\n", b"multipart/" + kind + b"; boundary=edge")


# --- odd, but a person's --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (mail("Grüße".encode()), "Grüße"),
        (mail("Grüße".encode("latin-1"), b"text/plain; charset=iso-8859-1"), "Grüße"),
        (mail("Grüße".encode("latin-1"), b"text/plain; charset=utf-8"), "Grüße"),  # says one thing, is another
        (mail("Grüße".encode(), b"text/plain; charset=us-ascii"), "Grüße"),
        (mail("Grüße".encode(), b"text/plain; charset=no-such-thing"), "Grüße"),
        (mail("Grüße".encode(), b"text/plain; charset=rot13"), "Grüße"),
        (mail("Grüße".encode(), b"text/plain; charset=punycode"), "Grüße"),
        (mail("こんにちは".encode("iso2022_jp"), b"text/plain; charset=iso-2022-jp"), "こんにちは"),
        (mail(b"Gr=C3=BC=C3=9Fe", more=b"Content-Transfer-Encoding: quoted-printable\r\n"), "Grüße"),
        (mail(base64.b64encode("Grüße".encode()), more=b"Content-Transfer-Encoding: BASE64\r\n"), "Grüße"),
        (mail(b"a\0b"), "ab"),
        (mail(b""), ""),
        (b"From: a@b.example\n\nBare line feeds.\n", "Bare line feeds."),
        (b"From: a@b.example\r\rBare carriage returns.\r", "Bare carriage returns."),
        (b"\nNo head at all.", "No head at all."),
        (parts(b"\r\nFirst.", PLAIN + b"Second."), "First.\n\nSecond."),
        (parts(PLAIN + b" ", MARKUP + b"<p>Only <b>here</b></p>"), "Only here"),
        (parts(PLAIN + b"Plain", MARKUP + b"<p>x", kind=b"alternative"), "Plain"),
        (mail(b"<p>Hi<br>there</p><blockquote>old</blockquote>", b"text/html"), "Hi\nthere"),
        (mail(b"<style>p{}</style><script>alert(1)</script>Yes", b"text/html"), "Yes"),
        (HEAD + b"Content-Type: multipart/mixed; boundary=edge\r\n\r\n--edge\r\n\r\nCut off", "Cut off"),
    ],
)  # fmt: skip
def test_what_a_person_wrote_is_read(raw: bytes, said: str) -> None:
    """[F7 inv-N2] Whatever their program made of it."""
    assert read_mail(raw).said == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Yes.\n\nOn Mon, 23 Nov 2026 at 10:00, Sheaf <d@sheaf.example> wrote:\n> old\n", "Yes."),
        ("Ja.\n\nAm 23.11.2026 um 10:00 schrieb Sheaf <d@sheaf.example>:\n> alt\n", "Ja."),
        ("Oui.\n\nLe lun. 23 nov. 2026 à 10:00, Sheaf <d@sheaf.example> a écrit :\n> vieux\n", "Oui."),
        ("Yes.\n\nFrom: Sheaf <d@sheaf.example>\nSent: Monday\nTo: x\nSubject: y\n\nold words\n", "Yes."),
        ("Ja.\n\nVon: Sheaf <d@sheaf.example>\nGesendet: Montag\nAn: x\nBetreff: y\n\nalt\n", "Ja."),
        ("> asked\nAnswered below.\n> asked more\nAnd here.", "Answered below.\nAnd here."),
        ("On Mon, 23 Nov 2026 Sheaf <d@sheaf.example> wrote:\n> asked\n\nAnswered below.", "Answered below."),
        ("Paid.\n-- \nAnn\nCobalt", "Paid."),
        ("Thanks,\nbut the sum is wrong.", "Thanks,\nbut the sum is wrong."),
        ("- one\n- two\nBest regards\nare not enough.", "- one\n- two\nBest regards\nare not enough."),
        ("From: Monday\nTo: Friday\nwe are closed.", "From: Monday\nTo: Friday\nwe are closed."),
        ("> only what you wrote", ""),
    ],
)
def test_only_what_is_certainly_quoted_is_cut(text: str, said: str) -> None:
    """[F7] In doubt words stay."""
    assert said_in(text) == said


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b'filename="receipt.pdf"', "receipt.pdf"),
        (b'filename="../../../etc/passwd.txt"', "passwd.txt"),
        (b'filename="C:\\\\temp\\\\a.pdf"', "a.pdf"),
        (b"filename*=utf-8''%E2%82%AC%20rates.pdf", "€ rates.pdf"),
        (b'filename="=?utf-8?q?Gr=C3=BC=C3=9Fe.pdf?="', "Grüße.pdf"),
        (b'filename="gpj.\xe2\x80\xaeexe.pdf"', "gpj. exe.pdf"),
        (b'filename="' + b"x" * 500 + b'.pdf"', "x" * 96 + ".pdf"),
        (b'filename=""', "file.bin"),
        (b"filename*=bad''%ff%fe", "ÿþ"),
    ],
)
def test_a_files_name_leads_nowhere(header: bytes, name: str) -> None:
    """[F1 inv-A3] No folders, nothing invisible, bounded."""
    file = b"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; " + header + b"\r\n\r\ndata"
    (found,) = read_mail(parts(b"\r\nSee it.", file)).attachments
    assert (found.name, found.data) == (name, b"data")


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        (b"AP@Cobalt.Example", "ap@cobalt.example"),
        (b"=?utf-8?q?J=C3=BCrgen?= <j@cobalt.example>", "j@cobalt.example"),
        (b'"a@evil.example" <b@cobalt.example>', "b@cobalt.example"),
        (b"Ann <b> <ann@cobalt.example>", "ann@cobalt.example"),
        (b"a@cobalt.example, b@evil.example", "a@cobalt.example"),
        (b"(" * 3000, ""),
        (b"", ""),
        (b"\xff\xfe", ""),
        (b"a@b", ""),
    ],
)
def test_a_from_is_read_or_is_none(sender: bytes, address: str) -> None:
    """[inv-Q2 inv-D1]"""
    assert read_mail(b"From: " + sender + b"\r\n\r\nx").from_address == address


# --- hostile --------------------------------------------------------------------------------------------------------


def _nested(depth: int) -> bytes:
    return b"".join(b"Content-Type: multipart/mixed; boundary=e%d\n\n--e%d\n" % (n, n) for n in range(depth))


HOSTILE = {
    "nothing": b"",
    "noise": os.urandom(20_000),
    "nulls": b"\0" * 200_000,
    "a head without end": b"Subject: " + b"a" * 2_000_000,
    "many headers": b"X: y\n" * 500_000,
    "one deep in the other": _nested(5_000),
    "many parts": mail(b"--edge\r\n\r\nx\r\n" * 50_000, b"multipart/mixed; boundary=edge"),
    "a boundary that is everywhere": mail(b"-" * 2_000_000, b'multipart/mixed; boundary="-"'),
    "itself again": b"Content-Type: message/rfc822\n\n" * 10_000,
    "comments": b"From: " + b"(" * 20_000 + b"\n\nx",
    "quotes": b'To: "' + b'\\"' * 20_000 + b"\n\nx",
    "encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 4_000 + b"\n\nx",
    "half encoded words": b"Subject: " + b"=?" * 20_000 + b"\n\nx",
    "parameters": b"Content-Type: text/plain; " + b'a="b;' * 10_000 + b"\n\nx",
    "numbered parameters": b"Content-Disposition: attachment; " + b"f*0=x; f*1*=y; " * 3_000 + b"\n\nx",
    "tags": mail(b"<div>" * 100_000, b"text/html"),
    "formatting": mail(b"<b><i><p>" * 50_000, b"text/html"),
    "tables": mail(b"<table><tr><td>" * 30_000, b"text/html"),
    "brackets": mail(b"<" * 500_000, b"text/html"),
    "entities": mail(b"&amp" * 200_000, b"text/html"),
    "lines of on": mail((b"On " * 90 + b"\n") * 2_000),
    "lines of le": mail((b"Le " * 90 + b"\n") * 2_000),
    "heads": mail(b"From:\n" * 20_000),
    "spaces": mail((b" " * 250 + b"\n") * 2_000),
    "quotation marks": mail(b"> " * 300_000),
    "base64 that is none": mail(b"!" * 2_000_000, more=b"Content-Transfer-Encoding: base64\r\n"),
    "base64 cut short": mail(b"QUJ", more=b"Content-Transfer-Encoding: base64\r\n"),
    "uuencode": mail(b"begin 644 x\n" + b"!!\n" * 500_000, more=b"Content-Transfer-Encoding: x-uuencode\r\n"),
    "blank lines": mail(b"\n" * 3_000_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_made_to_hurt_is_read_or_refused(name: str) -> None:
    """[inv-N2 F7] A mail or Unreadable: no other error, and nothing in it that a database would not take."""
    _check(HOSTILE[name])


@given(raw=st.binary(max_size=2_000))
@example(raw=b"Content-Type: multipart/mixed; boundary=\n\n--\n--\n")
@example(raw=b'Content-Type: multipart/mixed; boundary="\xff"\n\n--\xff\n\nx')
@example(raw=b"Content-Type: text/plain; charset*=utf-8''%\n\nx")
@settings(max_examples=300)
def test_any_bytes_are_a_mail_or_unreadable(raw: bytes) -> None:
    """[inv-N2]"""
    _check(raw)
    _check(HEAD + raw)
    _check(parts(raw, raw))


@given(html=st.text(alphabet="<>/&;!-abpdivqlockute=\"' \n", max_size=400))
def test_any_markup_becomes_plain_words(html: str) -> None:
    """[inv-A3 F7] What comes out holds no tag that nh3 would still know."""
    text_of_html(html)


def _check(raw: bytes) -> None:
    try:
        found = read_mail(raw)
    except Unreadable as problem:
        assert str(problem)  # noqa: PT017 - either outcome is right
        return
    for words in (found.text, found.said, found.subject, found.from_name, found.message_id):
        assert "\0" not in words
        words.encode()
    assert len(found.text) <= 100_000
    assert len(found.recipients) <= 50
