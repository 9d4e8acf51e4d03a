"""The least a digest run can cost: psycopg, f-strings and one kept-alive http.client, and nothing else.

It claims a batch, reads customers and open invoices, writes both bodies, notes each mail under a unique key before it
hands it over, and what became of it afterwards. No eligibility, no trust, no frozen lines, no attempts, no doubts.

``python -m bench.floors.digest DSN URL BATCH`` is a helper (bench/sending.py); it reads Sheaf's tables and keeps turns
and mails in two of its own, which prepare() makes.
"""

import http.client
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from html import escape
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg

from bench.sending import serve

_TABLES = """
CREATE TABLE IF NOT EXISTS floor_turn (
    mailbox_id uuid PRIMARY KEY, next_at timestamptz NOT NULL, lease_until timestamptz
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS floor_turn_next ON floor_turn (next_at);
CREATE TABLE IF NOT EXISTS floor_mail (
    mailbox_id uuid, cycle int, state int NOT NULL, subject text NOT NULL, sent_at timestamptz,
    PRIMARY KEY (mailbox_id, cycle)
)"""
_FILL = """INSERT INTO floor_turn (mailbox_id, next_at)
SELECT id, CASE WHEN next_digest_at <= now() THEN now() - interval '1 hour' ELSE now() + interval '1 day' END
FROM mailbox"""
_CLAIM = """UPDATE floor_turn SET lease_until = now() + interval '1 minute' FROM (
    SELECT mailbox_id FROM floor_turn WHERE next_at <= now() AND (lease_until IS NULL OR lease_until < now())
    ORDER BY next_at LIMIT %s FOR UPDATE SKIP LOCKED) AS due
WHERE floor_turn.mailbox_id = due.mailbox_id RETURNING floor_turn.mailbox_id"""
_OPEN = """SELECT mailbox_id, vendor_id, number, currency, due_minor, due_on FROM invoice
WHERE mailbox_id = ANY(%s) AND state = 'open' ORDER BY mailbox_id, vendor_id, due_on"""
_WHO = """SELECT mailbox.id, customer.name, address FROM mailbox JOIN customer ON customer.id = customer_id
WHERE mailbox.id = ANY(%s)"""
_NOTE = """INSERT INTO floor_mail (mailbox_id, cycle, state, subject)
SELECT id, 1, 0, subject FROM unnest(%s::uuid[], %s::text[]) AS new(id, subject)
ON CONFLICT DO NOTHING RETURNING mailbox_id"""
_SENT = "UPDATE floor_mail SET state = 1, sent_at = now() WHERE mailbox_id = ANY(%s) AND cycle = 1"
_NEXT = """UPDATE floor_turn SET next_at = next_at + interval '7 days', lease_until = NULL
WHERE mailbox_id = ANY(%s)"""

_SIGN = {"USD": "$", "EUR": "€"}
_LINK = "https://sheaf.example/m/here-belongs-the-token-of-this-one-mail-now"
_CELL = "padding:8px 0;border-top:1px solid #ddd5c3;font:14px/20px sans-serif"
_PAY = "padding:4px 12px;background:#1f5a3d;color:#fff;border-radius:4px;text-decoration:none"
_HEAD = "margin:24px 0 4px;font:600 17px/22px Georgia,serif"


def prepare(dsn: str) -> None:
    """Everybody due in Sheaf's own table is due here, too, and nothing has been sent."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_TABLES)
        connection.execute("TRUNCATE floor_turn, floor_mail")
        connection.execute(_FILL)
        connection.execute("VACUUM ANALYZE floor_turn")


def _run(connection: "psycopg.Connection[Any]", sink: http.client.HTTPConnection, batch: int) -> int:
    names = dict(connection.execute("SELECT id, name FROM vendor").fetchall())
    done = 0
    while True:
        ids = [row[0] for row in connection.execute(_CLAIM, [batch], prepare=True)]
        connection.commit()
        if not ids:
            return done
        who = {row[0]: row for row in connection.execute(_WHO, [ids], prepare=True)}
        rows = connection.execute(_OPEN, [ids], prepare=True)
        mails = {box: _mail(who[box], list(owed), names) for box, owed in groupby(rows, key=lambda row: row[0])}
        subjects = [subject for _, subject, _, _ in mails.values()]
        fresh = [row[0] for row in connection.execute(_NOTE, [list(mails), subjects], prepare=True)]
        connection.commit()
        for box in fresh:
            _hand_over(sink, box, *mails[box])
        connection.execute(_SENT, [fresh], prepare=True)
        connection.execute(_NEXT, [ids], prepare=True)
        connection.commit()
        done += len(fresh)


def _hand_over(sink: http.client.HTTPConnection, box: UUID, address: str, subject: str, text: str, html: str) -> None:
    body = {
        "personalizations": [{"to": [{"email": address}], "custom_args": {"attempt": str(box)}}],
        "from": {"email": "digest@sheaf.example"},
        "subject": subject,
        "content": [{"type": "text/plain", "value": text}, {"type": "text/html", "value": html}],
    }
    head = {"Authorization": "Bearer SG.not-a-key", "Content-Type": "application/json"}
    sink.request("POST", "/v3/mail/send", json.dumps(body), head)
    answer = sink.getresponse()
    answer.read()
    if answer.status != 202:
        raise RuntimeError(f"the sink says {answer.status}")


def _mail(who: Sequence[Any], owed: Sequence[Any], names: dict[UUID, str]) -> tuple[str, str, str, str]:
    """(address, subject, text, html)."""
    today = datetime.now(UTC).date()
    html, text = [], []
    for vendor, rows in groupby(owed, key=lambda row: row[1]):
        name = names[vendor]
        html.append(f'<h2 style="{_HEAD}">{escape(name)}</h2><table style="width:100%;border-collapse:collapse">')
        text.append(f"\n{name.upper()}\n")
        for line, row in enumerate(rows):
            _write(html, text, line, row, today)
        html.append("</table>")
    totals = ", ".join(_money(sum(row[4] for row in owed if row[3] == code), code) for code in sorted(_codes(owed)))
    subject = f"Sheaf: {len(owed)} open invoices"
    head = f'<html lang="en"><head><meta charset="utf-8"><title>{subject}</title></head><body style="margin:0">'
    lead = f'<h1 style="{_HEAD}">{escape(who[1])}: {subject}</h1><p>{totals}. <a href="{_LINK}">See it online</a></p>'
    foot = f'<p><a href="{_LINK}/unsubscribe">Unsubscribe</a> <a href="{_LINK}/report">Report</a></p></body></html>'
    words = f"{who[1]}: {subject}\n{totals}\n{''.join(text)}\nUnsubscribe: {_LINK}/unsubscribe\n"
    return who[2], subject, words, f"<!DOCTYPE html>{head}{lead}{''.join(html)}{foot}"


def _write(html: list[str], text: list[str], line: int, row: Sequence[Any], today: date) -> None:
    _, _, number, currency, minor, due_on = row
    late = (today - due_on).days
    words = f"{late} days overdue" if late > 0 else f"due in {-late} days"
    amount, day, label = _money(minor, currency), f"{due_on:%-d %b %Y}", escape(number)
    html.append(
        f'<tr><td style="{_CELL}"><a href="{_LINK}/{line}">{label}</a> <b>{words}</b><br><small>Due {day}</small></td>'
        f'<td align="right" style="{_CELL}"><b>{amount}</b><br><a style="{_PAY}" href="{_LINK}/{line}/pay">Pay</a>'
        f' <a href="{_LINK}/{line}/ask">Ask</a></td></tr>'
    )
    text.append(f"{number}: {amount}, {words}\n  Pay: {_LINK}/{line}/pay\n  Ask: {_LINK}/{line}/ask\n")


def _codes(owed: Iterable[Sequence[Any]]) -> set[str]:
    return {row[3] for row in owed}


def _money(minor: int, currency: str) -> str:
    return f"{_SIGN[currency]}{minor // 100:,}.{minor % 100:02d}"


if __name__ == "__main__":
    database, url, size = sys.argv[1:]
    where = urlsplit(url)
    kept, service = psycopg.connect(database), http.client.HTTPConnection(where.hostname or "", where.port)
    serve(lambda: _run(kept, service, int(size)))
