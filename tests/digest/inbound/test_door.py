"""Over real HTTP no mail is answered 3xx or 4xx; the pipe's exit statuses; the operator's page and the laptop's box."""

import http.client
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask

from app.house import House
from app.models import AuditEntry, InboundMail, InboundOutcome, OutgoingKind
from app.settings import ROOT
from digest.channels.file import FileChannel, kept_mails
from digest.inbound.intake import store
from digest.inbound.request import MESSAGE
from tests.digest.inbound.test_intake import asked, inbox, mails, outcomes, post, said
from tests.digest.mails import envelope
from tests.support.house import signed_in
from tests.support.inbound import PATH, Post, form, handle_all, message, reply_to
from tests.support.server import live_server
from tests.support.world import EVERYTHING, NOW, World, person

__all__ = ["asked", "post"]  # fixtures

KIND = {"Content-Type": "multipart/form-data; boundary=xYzZY"}


def test_over_http_no_mail_is_ever_refused(whole_app: Flask, house: House, post: Post) -> None:
    """[inv-N2 inv-N1] Too large, chunked, cut short, a wrong address, type, or cookie: 2xx when stored, else 5xx."""
    house.limits.inbound_bytes = 50_000
    good = form(message(to="x@y.example"), to="x@y.example", sender="a@b.example")
    big = form(message("x" * 60_000, to="x@y.example"), to="x@y.example", sender="a@b.example")
    with live_server(whole_app) as url:
        knock = Knocker(url)
        assert knock(PATH, good, {**KIND, **post.signed(good)}) == 200
        assert knock(f"{PATH}/", good, {**KIND, **post.signed(good)}) == 200
        other = form(message(to="x@y.example"), to="x@y.example", sender="a@b.example")
        assert knock(PATH, other, {**KIND, **post.signed(other)}, is_chunked=True) == 200
        refused = [
            knock(PATH, big, {**KIND, **post.signed(big)}, is_chunked=True),
            knock(PATH, good, KIND),
            knock(PATH, big, {**KIND, **post.signed(big)}),
            knock(f"{PATH}//", good, {**KIND, **post.signed(good)}),
            knock(PATH.upper(), good, {**KIND, **post.signed(good)}),
            knock(PATH, b"", {**KIND, "Cookie": "__Host-sheaf=x; sheaf=y"}),
            knock(PATH, b"--xYzZY", {"Content-Type": "multipart/form-data"}),
        ]
        assert refused == [503] * len(refused)
        odd = {"Content-Type": "text/\xff; ===", "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        assert knock(PATH, b"odd", {**odd, **post.signed(b"odd")}) == 200
    assert len(inbox(house)) == 3


class Knocker:
    """Posts exactly what it is told to, and gives the status of the answer."""

    def __init__(self, url: str) -> None:
        self.host = urlsplit(url).netloc

    def __call__(self, path: str, body: bytes, headers: dict[str, str], *, is_chunked: bool = False) -> int:
        line = http.client.HTTPConnection(self.host, timeout=30)
        try:
            if is_chunked:
                pieces = iter([body[:100], body[100:]])
                line.request("POST", path, pieces, {**headers, "Transfer-Encoding": "chunked"}, encode_chunked=True)
            else:
                line.request("POST", path, body, headers)
            return line.getresponse().status
        finally:
            line.close()


def test_a_pipe_takes_what_a_mail_server_brings(asked: object, house: House, world: World) -> None:
    """[F7 inv-Q2] Its envelope stands on top; nothing proves the sender there, and a From is shown as not verified."""
    (notice,) = mails(house, OutgoingKind.QUESTION)
    reply = reply_to(house, notice)
    raw = b"Return-Path: <owner@acme.example>\r\nDelivered-To: " + reply.encode() + b"\r\n"
    with house.database.transaction(EVERYTHING) as session:
        store(session, house.keys, raw + message("4711", to="x@y.example", sender="owner@acme.example"),
              {"Content-Type": MESSAGE}, NOW)  # fmt: skip
    handle_all(house)
    assert outcomes(house) == [(InboundOutcome.FILED, "")]
    assert (said(house)[-1].body, said(house)[-1].is_unverified) == ("4711", True)


def test_the_pipes_exit_status_says_whether_to_try_again(sqlite_url: str, tmp_path: Path) -> None:
    """[inv-N1 inv-N2 inv-F1] 0: stored. 75: the database is away, and the mail server keeps the mail."""
    environment = {"SHEAF_INSTANCE": str(tmp_path), "PATH": "/usr/bin:/bin", "LOG_FILE": str(tmp_path / "log")}
    raw = message(to="x@y.example")
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "inbound"]
    for url, status in ((sqlite_url, 0), (f"sqlite:///{tmp_path}/nothing-here.db", 75)):
        done = subprocess.run(
            command, input=raw, env={**environment, "DATABASE_URL": url}, cwd=ROOT, capture_output=True, check=False
        )
        assert done.returncode == status, done.stderr


def test_the_operator_sees_and_decides(whole_app: Flask, house: House, post: Post) -> None:
    """[L8 inv-F2] Why, since when, how large, from which domain; read again or laid aside, both in the audit."""
    post.send(message(to="x@y.example", sender="carla@elsewhere.example"), to="x@y.example")
    post.client.post(PATH, data=b"x", headers=KIND)
    handle_all(house)
    with house.database.transaction(EVERYTHING) as session:
        operator = person(session, "operator@sheaf.example")
    browser = signed_in(whole_app, operator)
    page = browser.get("/ops/inbound").text
    assert "elsewhere.example" in page
    assert "carla@" not in page
    assert "not addressed to us" in page
    assert "Mail was sent back unread" in page
    (mail,) = inbox(house)
    browser.post("/ops/inbound/decide", data={"mail": str(mail.id), "act": "retry"})
    assert outcomes(house) == [(InboundOutcome.WAITING, "")]
    handle_all(house)
    for _ in range(2):
        browser.post("/ops/inbound/decide", data={"mail": str(mail.id), "act": "dismiss"})
    assert outcomes(house)[0][0] == InboundOutcome.DISMISSED
    assert browser.post("/ops/inbound/decide", data={"mail": "x", "act": "dismiss"}).status_code == 404
    with house.database.reading(EVERYTHING) as session:
        acts = [entry.action for entry in session.query(AuditEntry).all() if entry.action.startswith("inbound.")]
        assert sorted(acts) == ["inbound.dismissed", "inbound.refused", "inbound.retried"]
        assert session.query(InboundMail).count() == 1


def test_on_a_laptop_a_mail_is_answered_where_it_is_read(
    whole_app: Flask, house: House, asked: object, world: World
) -> None:
    """[K1 F7] The box posts what the mail service would; another sender than the recipient is not verified."""
    (notice,) = mails(house, OutgoingKind.QUESTION)
    FileChannel(house.settings.mail_folder).send(
        envelope(recipient=notice.address, reply_to=reply_to(house, notice), subject="Cobalt asks")
    )
    name = kept_mails(house.settings.mail_folder, 1)[0]["id"]
    browser = whole_app.test_client()
    assert "Reply as the recipient" in browser.get(f"/dev/mail/{name}").text
    for sender, words in ((notice.address, "Order 4711."), ("bob@elsewhere.example", "No, 4712.")):
        browser.post(f"/dev/mail/{name}/reply", data={"words": words, "sender": sender})
        handle_all(house)
    answers = said(house)[1:]
    assert [(each.body, each.is_unverified) for each in answers] == [("Order 4711.", False), ("No, 4712.", True)]
    assert answers[0].person_id == world.acme.person.id
