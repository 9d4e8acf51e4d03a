"""The first five minutes: vendors connect, their invoices arrive, the first digest is in the mail view."""

import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import update

from app import clock
from app.models import Mailbox
from app.scope import Everything
from demo.people import open_for_business, owner_of
from demo.stage import OPERATOR, Stage

CUSTOMER = "ap@cobalt.example"
PATIENCE = 120.0  # seconds until the first digest must be there

_DEMO = Everything("the demo lets one customer choose now as the hour of the first digest")


def fresh_instance(folder: Path) -> Path:
    """An empty folder: the sandbox forgets its books when it ends, so the demo begins anew each time."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def open_the_doors(stage: Stage, say: Callable[[str], None]) -> None:
    """Everything that `make run` promises, then the addresses."""
    stage.wait = stage.run_jobs  # nothing else ticks yet, and nobody has to wait for it
    companies = stage.players()
    for company in companies:
        name, provider = str(company["name"]), str(company["provider"])
        open_for_business(stage, provider, name)
        say(f"  {name} connected its {provider} books and went live")
    send_now(stage, CUSTOMER)
    stage.run_jobs()
    mail = _first_digest(stage)
    say(_doors(stage, mail, str(companies[0]["name"])))


def send_now(stage: Stage, address: str) -> None:
    """Open the mailbox's window at this minute, as if the customer had chosen it."""
    with stage.house.database.transaction(_DEMO) as session:
        due = clock.now() - timedelta(seconds=1)
        session.execute(update(Mailbox).where(Mailbox.address == address).values(next_digest_at=due))


def _first_digest(stage: Stage) -> str:
    """The path of the customer's first digest at /dev/mail."""
    visitor = stage.visitor()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if mails := visitor.mails(CUSTOMER):
            return mails[0]
        visitor.tick()
    raise RuntimeError(f"no digest for {CUSTOMER} within {PATIENCE:.0f} s: see {stage.url}/ops")


def _doors(stage: Stage, mail: str, company: str) -> str:
    return f"""
Sheaf is running. One mail for {CUSTOMER} has gone out:

  the mail       {stage.url}{mail}
  all mail       {stage.url}/dev/mail
  the customer   {stage.url}/inbox   sign in as {CUSTOMER}
  the vendor     {stage.url}/desk    sign in as {owner_of(company)}
  the operator   {stage.url}/ops     sign in as {OPERATOR}
  the providers  {stage.sandbox.base_url}

Open the mail: pay one invoice, ask about another, dispute or promise a third, answer as the vendor.
Sign-in links arrive at /dev/mail too. The log is {stage.house.settings.log_file}. Ctrl-C stops everything.
"""
