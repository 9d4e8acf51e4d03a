"""What a whole walk through the product leaves behind: no secret in any table, in any log, or with the mail service."""

import json
import random
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select

from app.db import Base, Database
from app.house import House
from demo.people import answer, ask_by_mail, open_for_business, owner_of, pay_by_mail
from demo.show import CUSTOMER, send_now
from digest.channels.sendgrid import SendGridChannel
from digest.deliver import deliver_batch
from tests.journeys.conftest import MakeStage
from tests.support.canaries import leaks_in
from tests.support.sinks import SendGridDouble
from tests.support.world import EVERYTHING, World


def test_a_walk_through_the_product_leaves_no_secret(make_stage: MakeStage, database_url: str) -> None:
    """[inv-K1 inv-K2 inv-L2] Books connected by OAuth, mails sent, links used to pay and to ask, sign-ins by mail; then
    every row of every table is read, and every line of the log."""
    stage = make_stage(database_url=database_url, ticking=False)
    for provider, company in (("quickbooks", "Acme Supply"), ("xero", "Birch & Sons")):
        open_for_business(stage, provider, company)
    send_now(stage, CUSTOMER)
    stage.run_jobs()
    dice = random.Random(7)
    assert pay_by_mail(stage, CUSTOMER, dice) == "invoice|invoices paid from the mail"
    asked = ask_by_mail(stage, CUSTOMER, dice, lambda _: "copy")
    stage.run_jobs()
    answer(stage, asked[0].company, asked)
    stage.run_jobs()
    secrets = _said_in_mails(stage.visitor(), (CUSTOMER, *map(owner_of, ("Acme Supply", "Birch & Sons"))))
    assert len(secrets) >= 8
    rows, log = _rows(stage.house.database), Path(stage.house.settings.log_file or "").read_text()
    for text in (rows, log):
        assert leaks_in(text) == set()
        assert {secret for secret in secrets if secret in text} == set()


def _said_in_mails(visitor: Any, addresses: Iterable[str]) -> set[str]:
    """Every link's token and every code that was mailed."""
    texts = [visitor.text_of(mail) for address in addresses for mail in visitor.mails(address)]
    tokens = {token for text in texts for token in re.findall(r"/(?:m|sign-in)/([\w-]{43})", text)}
    codes = {code for text in texts for code in re.findall(r"code where you asked: (\d{3} \d{3})", text)}
    assert tokens
    assert codes
    return tokens | codes


def _rows(database: Database) -> str:
    found = []
    with database.reading(EVERYTHING) as session:
        for table in Base.metadata.sorted_tables:
            found += [f"{table.name} {tuple(row)}" for row in session.execute(select(table))]
    return "\n".join(found)


def test_the_mail_service_is_told_an_opaque_id(
    house: House, world: World, app: Flask, sink: SendGridDouble, channel: SendGridChannel
) -> None:
    """[inv-K2 D14] Beside the mail itself: its attempt. No token, and no address but the one it goes to."""
    app.test_client().post("/sign-in", data={"address": "ap@cobalt.example"})
    deliver_batch(house, channel)
    (mail,) = sink.taken
    about = {name: value for name, value in mail.body.items() if name not in ("content", "subject", "from")}
    assert about["personalizations"] == [
        {"to": [{"email": "ap@cobalt.example"}], "custom_args": {"attempt": mail.attempt}}
    ]
    assert leaks_in(json.dumps(about)) == set()
    assert len(leaks_in(json.dumps(mail.body))) == 1  # the link, in the words of the mail
