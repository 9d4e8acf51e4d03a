"""The front door: joins the house and its two wings; the only file that knows them all.

``wsgi:app`` is made when a server or the flask command asks for it; importing this file makes nothing.
"""

from collections.abc import Sequence
from functools import cache, partial
from uuid import UUID

import click
from flask import Flask

import demo.commands
from app import create_app, rekeying, retention
from app.accounts import jobs as account_jobs
from app.care.jobs import tell_first_late
from app.claims.endings import end_claims
from app.dns import txt_records
from app.house import House
from app.mailboxes.instant import tell_new_invoices
from app.ops import jobs as ops_jobs
from app.paying.actions import PayDesk
from app.paying.telling import tell_setbacks
from app.receivables.sums import fold_sums
from app.scheduler import Job, drain_all, settle_down, start, work
from app.scorecard.actions import score_vendors
from app.scorecard.reports import send_reports
from app.settings import Settings
from app.tables import migrate
from connectors import commands as connector_commands
from connectors import file_views, health_views, hook_views, registry, write_views
from connectors import jobs as connector_jobs
from connectors import views as connector_views
from connectors.documents import invoice_pdf, kept_pdf
from connectors.file_mail import read_draft, take_mail
from digest import commands as digest_commands
from digest import (
    corrections,
    deliverability_views,
    delivery_jobs,
    dev_mail,
    hooks,
    plan,
    preview_views,
    vendor_preview_views,
)  # fmt: skip
from digest import views as digest_views
from digest.documents import Documents
from digest.inbound import commands as inbound_commands
from digest.recompose import recompose
from digest.replies import files_address


def build(house: House) -> tuple[Flask, Sequence[Job]]:
    """The whole product on one house: its pages, and the jobs a worker runs."""
    app = create_app(house)
    app.extensions["pay_desk"] = PayDesk(
        look=partial(connector_jobs.look_at_invoice, house),
        link=partial(_pay_url, house),
        host=partial(connector_jobs.pay_host, house),
    )
    app.extensions["files_address"] = partial(files_address, house.keys, host=house.settings.inbound_host)
    app.extensions["read_draft"] = read_draft
    app.extensions["invoice_pdf"] = partial(invoice_pdf, house)
    app.extensions["offered_providers"] = registry.offered
    for blueprint in (
        connector_views.blueprint, file_views.blueprint, health_views.blueprint, hook_views.blueprint,
        write_views.blueprint, digest_views.blueprint, preview_views.blueprint, vendor_preview_views.blueprint,
        hooks.delivery, dev_mail.dev_mail, deliverability_views.blueprint,
    ):  # fmt: skip
        app.register_blueprint(blueprint)
    sending = _sending(house)
    jobs = (
        *connector_jobs.JOBS,
        *sending,
        Job("end claims", 30.0, end_claims),
        Job("account owners", 600.0, tell_first_late),
        Job("payment setbacks", 5.0, tell_setbacks),
        Job("new invoices at once", 30.0, tell_new_invoices),
        Job("scorecard", 60.0, score_vendors),
        Job("weekly report", 60.0, send_reports),
        Job("fold sums", 30.0, fold_sums),
        *account_jobs.JOBS,
        *ops_jobs.jobs(txt_records),
        *retention.JOBS,
    )  # an invoice taken in goes all the way in one pass
    app.extensions["jobs"] = jobs
    rekeying.register(app)
    connector_commands.register(app)
    digest_commands.register(app, house, sending)
    inbound_commands.register(app, house)
    _register(app, house, jobs)
    demo.commands.register(app, build)
    return app, jobs


def _sending(house: House) -> Sequence[Job]:
    """Plan, then carry. The digest asks the connectors to look again without knowing them."""
    look_again = partial(connector_jobs.look_again, house)
    return (
        Job("plan digests", 5.0, lambda house: plan.plan_batch(house, look_again)),
        *delivery_jobs.jobs(
            partial(recompose, house), take_mail, Documents(partial(invoice_pdf, house), partial(kept_pdf, house))
        ),
        Job("corrections", 60.0, corrections.correct),
    )


def _pay_url(house: House, invoice_id: UUID) -> str | None:
    link = connector_jobs.pay_link(house, invoice_id)
    return link.url if link else None


def _register(app: Flask, house: House, jobs: Sequence[Job]) -> None:
    """The commands that need the whole: work, and db upgrade."""

    @app.cli.command("work")
    @click.option("--once", is_flag=True, help="Do what is due now, then stop.")
    def work_command(once: bool) -> None:
        """Tick and do what is due, until SIGTERM; any number of workers share the work."""
        rekeying.require_keys(house)
        if not once:
            return work(house, jobs)
        for name, done in drain_all(house, jobs).items():
            click.echo(f"{name:20} {done}")
        return None

    @app.cli.group("db")
    def db() -> None:
        """The database's tables."""

    @db.command("upgrade")
    def db_upgrade() -> None:
        """Bring the database to the newest migration, as MIGRATION_DATABASE_URL, and let DATABASE_URL's user in."""
        migrate(house.settings)
        click.echo(f"{house.database.engine.url.render_as_string(hide_password=True)} is up to date")


@cache
def _application() -> Flask:
    house = House.open(Settings())
    app, jobs = build(house)
    settle_down()
    if _serves_pages():
        rekeying.require_keys(house)
        if house.settings.scheduler == "embedded":
            app.extensions["ticker"] = start(house, jobs)
    return app


def _serves_pages() -> bool:
    """True for a web server and for ``flask run``; other commands must not tick."""
    context = click.get_current_context(silent=True)
    return context is None or context.info_name == "run"


def __getattr__(name: str) -> Flask:
    if name == "app":
        return _application()
    raise AttributeError(name)
