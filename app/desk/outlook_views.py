"""The desk's pages of what comes up: rows in the next digests with holds, the first day to chase from, and tasks."""

from datetime import date
from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import clock
from app.access import vendor_member
from app.db import database
from app.desk import outlook, rules
from app.desk.forms import HoldForm
from app.desk.queries import invoice_of
from app.desk.views import ANSWERING, MANAGING
from app.house import the_house
from app.models import TaskKind, Vendor
from app.tasks.actions import finish_task
from app.words import _

blueprint = Blueprint("outlook", __name__, url_prefix="/desk")


@blueprint.context_processor
def _allowed() -> dict[str, bool]:
    return {"may_answer": g.role in ANSWERING, "may_manage": g.role in MANAGING}


@blueprint.get("/coming")
@vendor_member()
def coming() -> str:
    """This vendor's rows in the digests of the next days, each with a way to hold it (FEATURES D22)."""
    return _coming_page()


def _coming_page(form: HoldForm | None = None, wrong_day: str = "") -> str:
    now = clock.now()
    with database().reading() as session:
        vendor = session.get_one(Vendor, g.vendor_id)
        rows, is_cut = outlook.coming(session, vendor, now, the_house().limits)
        return render_template(
            "desk/coming.html",
            vendor=vendor,
            rows=rows,
            is_cut=is_cut,
            silent=outlook.silent_since_before(session, vendor),
            customers=sorted({(row.customer_name, row.bill_to_id) for row in rows if row.bill_to_id}),
            form=form or HoldForm("", ""),
            wrong_day=wrong_day,
            rules=rules,
        )


@blueprint.post("/customers/hold")
@vendor_member(*ANSWERING)
def hold_customer() -> Response | tuple[str, int]:
    """One customer, all it owes, until the end of a day."""
    now = clock.now()
    with database().transaction() as session:
        vendor = session.get_one(Vendor, g.vendor_id)
        bill_to = outlook.bill_to_of(session, _id(request.form.get("customer", ""))) or abort(404)
        form = HoldForm.read(request.form, zone=vendor.zone, today=clock.today(vendor.zone))
        if form.until is not None and not form.errors:
            outlook.hold_customer(
                session, bill_to=bill_to, until=form.until, note=form.note, person=g.person, now=now,
                is_hidden=request.form.get("hidden") == "yes",
            )  # fmt: skip
    if form.errors:
        return _coming_page(form), 422
    flash(_("Nothing of %(customer)s is asked for until then.", customer=bill_to.name or "this customer"), "ok")
    return redirect(url_for("outlook.coming"), 303)


@blueprint.post("/customers/<uuid:bill_to_id>/release")
@vendor_member(*ANSWERING)
def release_customer(bill_to_id: UUID) -> Response:
    with database().transaction() as session:
        bill_to = outlook.bill_to_of(session, bill_to_id) or abort(404)
        outlook.release_customer(session, bill_to=bill_to, person=g.person, now=clock.now())
    flash(_("The hold is over."), "ok")
    return redirect(url_for("outlook.coming"), 303)


@blueprint.post("/chase-from")
@vendor_member(*MANAGING)
def chase_from() -> Response | tuple[str, int]:
    """What was due before this day stays silent, unless it is included one by one (FEATURES A12)."""
    text = request.form.get("day", "").strip()
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        return _coming_page(wrong_day=_("Choose a day, or leave it empty.")), 422
    with database().transaction() as session:
        outlook.chase_from(session, session.get_one(Vendor, g.vendor_id), day, g.person, clock.now())
    flash(_("Saved."), "ok")
    return redirect(url_for("outlook.coming"), 303)


@blueprint.post("/invoices/<uuid:invoice_id>/include")
@vendor_member(*ANSWERING)
def include(invoice_id: UUID) -> Response:
    with database().transaction() as session:
        found, _bill_to = invoice_of(session, invoice_id) or abort(404)
        outlook.include(session, found, g.person, clock.now())
    flash(_("It is reminded of like any other now."), "ok")
    return redirect(url_for("desk.invoice", invoice_id=invoice_id), 303)


@blueprint.get("/tasks")
@vendor_member()
def tasks() -> str:
    """What only people can do: an address that takes no mail, a customer to call."""
    chosen = request.args.get("kind", "")
    kind = TaskKind(chosen) if chosen in set(TaskKind) else None
    with database().reading() as session:
        return render_template(
            "desk/tasks.html", tasks=outlook.open_tasks(session, kind), kind=kind, kinds=rules.TASK_WORDS,
            unreached=outlook.unreached(session) if kind is None else [],
        )  # fmt: skip


@blueprint.post("/tasks/<uuid:task_id>")
@vendor_member(*ANSWERING)
def finish(task_id: UUID) -> Response:
    with database().transaction() as session:
        is_done = finish_task(session, task_id, g.person.id, clock.now())
    if not is_done:
        abort(404)
    flash(_("Done."), "ok")
    return redirect(url_for("outlook.tasks"), 303)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        abort(404)
