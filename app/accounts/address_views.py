"""The addresses of an inbox: which there are, proving another one and merging, who reads which mail, when is paid."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.access import customer_member
from app.accounts.actions import AskedTooOften, ask_for_proof, person_of, use_code
from app.accounts.forms import AskForm, read_code
from app.accounts.views import this_browser
from app.db import database
from app.house import the_house
from app.mailboxes import people
from app.mailboxes.actions import say_pay_runs
from app.mailboxes.house_forms import PayRunForm, RouteForm, route_words
from app.mailboxes.merging import merges_to_undo, split, take_in
from app.mailboxes.people import MailError
from app.mailboxes.queries import mailbox_of, mailboxes_of
from app.models import Customer, CustomerRole, Merge, Route
from app.payruns import next_runs
from app.receivables.queries import vendors_of_customer
from app.scope import Everything
from app.words import _

blueprint = Blueprint("addresses", __name__, url_prefix="/inbox/addresses")

_DOOR = Everything("whoever reads an address proves it here")


@blueprint.get("")
@customer_member()
def index() -> ResponseReturnValue:
    return _page()


@blueprint.post("/prove")
@customer_member(CustomerRole.ADMIN)
def prove() -> ResponseReturnValue:
    """Mail a code to another address of one's own; whoever types it here reads both."""
    form = AskForm.read(request.form)
    if form.errors:
        return _page(ask=form), 422
    facts = {"address": form.address, "browser": this_browser(), "by": g.person, "place": g.customer.name}
    try:
        with database().transaction(_DOOR) as writing:
            asked = ask_for_proof(writing, the_house(), **facts, now=clock.now())
    except AskedTooOften:
        form.errors["address"] = _("Too many codes were asked for. Try again in an hour.")
        return _page(ask=form), 429
    session["proving"], session["browser"] = [str(asked.id), form.address], facts["browser"].mark
    return redirect(url_for("addresses.index"), 303)


@blueprint.post("/proven")
@customer_member(CustomerRole.ADMIN)
def proven() -> ResponseReturnValue:
    """The right code: the address is this inbox's from now on, with the inbox it had."""
    house, now = the_house(), clock.now()
    asked_id, address = session.get("proving") or abort(400)
    secret, mark = house.settings.secret_key.get_secret_value(), session.get("browser", "")
    with database().transaction(_DOOR) as writing:
        asked = use_code(writing, secret, UUID(asked_id), mark, read_code(request.form), now)
        reader = person_of(writing, address, g.person.zone) if asked else None
    if reader is None:
        return _page(code_error=_("That code is wrong, was used already, or is too old.")), 422
    session.pop("proving")
    return _do(
        lambda writing: take_in(writing, g.customer_id, reader, by=g.person, now=now, limits=house.limits),
        _("%(address)s is in this inbox now.", address=address),
    )


@blueprint.post("/merges/<uuid:merge_id>/undo")
@customer_member(CustomerRole.ADMIN)
def undo(merge_id: UUID) -> ResponseReturnValue:
    """Two inboxes again."""

    def part(writing: Session) -> None:
        done = writing.execute(select(Merge).where(Merge.id == merge_id)).scalar_one_or_none() or abort(404)
        split(writing, done, by=g.person, now=clock.now())

    return _do(part, _("They are two inboxes again."))


@blueprint.post("/<uuid:mailbox_id>/replace")
@customer_member(CustomerRole.ADMIN)
def replace(mailbox_id: UUID) -> ResponseReturnValue:
    """What went to an address that takes no mail goes to another one of this inbox."""

    def stand_in(writing: Session) -> None:
        box = mailbox_of(writing, mailbox_id) or abort(404)
        by = mailbox_of(writing, _uuid(request.form.get("by", "")) or abort(400)) or abort(404)
        people.replace_mailbox(writing, box, by, now=clock.now(), person_id=g.person.id)

    return _do(stand_in, _("Done. It goes there from the next digest on."))


@blueprint.post("/<uuid:mailbox_id>/links")
@customer_member()
def end_links(mailbox_id: UUID) -> ResponseReturnValue:
    """No link in a mail that went to this address opens anything any more; for an administrator, and of one's own."""

    def end(writing: Session) -> None:
        box = mailbox_of(writing, mailbox_id) or abort(404)
        if g.role != CustomerRole.ADMIN and box.address != g.person.address:
            abort(403)
        people.end_links(writing, box, now=clock.now(), person_id=g.person.id)

    return _do(end, _("Done. The links of the next mail work again."))


@blueprint.post("/own")
@customer_member()
def own_mail() -> ResponseReturnValue:
    """A copy of everything, to the address of whoever is signed in."""
    spacing = the_house().limits.spacing_hours
    return _do(
        lambda writing: people.get_own_mail(writing, g.customer_id, g.person, now=clock.now(), spacing_hours=spacing),
        _("You get a mail of your own from now on. Choose its days under When we write."),
    )


@blueprint.post("/routes")
@customer_member(CustomerRole.ADMIN)
def add_route() -> ResponseReturnValue:
    with database().reading() as reading:
        form = RouteForm.read(request.form, mailboxes_of(reading), vendors_of_customer(reading))
    wish = form.wish
    if wish is None:
        return _page(route=form), 422
    return _do(
        lambda writing: people.add_route(writing, g.customer_id, wish, now=clock.now(), person_id=g.person.id),
        _("The rule holds, for what is open now too."),
    )


@blueprint.post("/routes/<uuid:route_id>")
@customer_member(CustomerRole.ADMIN)
def change_route(route_id: UUID) -> ResponseReturnValue:
    """Try it earlier, or take it away."""
    changes = {"earlier": people.try_earlier, "drop": people.drop_route}

    def act(writing: Session) -> None:
        route = writing.execute(select(Route).where(Route.id == route_id)).scalar_one_or_none() or abort(404)
        change = changes.get(request.form.get("act", "")) or abort(400)
        change(writing, route, now=clock.now(), person_id=g.person.id)

    return _do(act, _("Done. It holds for what is open now, too."))


@blueprint.post("/pay-runs")
@customer_member(CustomerRole.ADMIN, CustomerRole.PAYER, CustomerRole.APPROVER)
def set_pay_runs() -> ResponseReturnValue:
    """On which days this customer pays: its suppliers see it."""
    form = PayRunForm.read(request.form)
    if form.errors:
        return _page(pay_run=form), 422
    spacing = the_house().limits.spacing_hours

    def say(writing: Session) -> None:
        customer = writing.execute(select(Customer)).scalar_one()
        facts: dict[str, Any] = {"now": clock.now(), "spacing_hours": spacing, "person_id": g.person.id}
        say_pay_runs(writing, customer, form.pay_days, int(form.cutoff), **facts)

    return _do(say, _("Saved. Your suppliers see when to expect a payment."))


def _do(change: Callable[[Session], object], words: str) -> ResponseReturnValue:
    """One change in one transaction, and back to the page with what became of it."""
    try:
        with database().transaction() as writing:
            change(writing)
    except MailError as refused:
        flash(str(refused), "bad")
    else:
        flash(words, "ok")
    return redirect(url_for("addresses.index"), 303)


def _page(
    ask: AskForm | None = None,
    route: RouteForm | None = None,
    pay_run: PayRunForm | None = None,
    code_error: str = "",
) -> str:
    now = clock.now()
    with database().reading() as reading:
        boxes, vendors = mailboxes_of(reading), vendors_of_customer(reading)
        customer = reading.execute(select(Customer)).scalar_one()
        names = dict(vendors)
        routes = [(each, route_words(each, names)) for each in people.routes_of(reading)]
        merges = merges_to_undo(reading, now)
    runs = next_runs(customer.pay_days, customer.pay_cutoff, clock.today(g.zone), 3)
    return render_template(
        "accounts/addresses.html",
        boxes=boxes,
        address_of={box.id: box.address for box in boxes},
        able=[box for box in boxes if box.proven_at and not box.suppressed_at and not box.reminders_off_at],
        vendors=vendors,
        routes=routes,
        merges=merges,
        proving=(session.get("proving") or ["", ""])[1],
        ask=ask or AskForm(),
        route=route or RouteForm(),
        pay_run=pay_run or PayRunForm.of(customer),
        runs=runs,
        code_error=code_error,
        is_admin=g.role == CustomerRole.ADMIN,
        may_act=g.role != CustomerRole.VIEWER,
        has_own=any(box.address == g.person.address for box in boxes),
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
