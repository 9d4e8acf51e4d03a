"""the sums of open invoices, kept by the database itself

Revision ID: 0003
Revises: 0002

Whatever changes invoices, a statement of ours, a cascade or somebody's hand, leaves in ``invoice_sum`` what it changed:
no code has to remember it. PostgreSQL adds up the rows of a statement and adds a row a day, so that nobody waits for
anybody; SQLite takes them one by one.
"""

from collections.abc import Mapping

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INTO = "insert into invoice_sum (id, vendor_id, currency, due_on, count, balance_minor, is_loose)"
_DUE_ON = "coalesce({}due_on, '9999-12-31')"

# By what is done to the invoice: which of its rows count, and how.
_WHAT: Mapping[str, Mapping[str, int]] = {
    "insert": {"new": 1},
    "update": {"old": -1, "new": 1},
    "delete": {"old": -1},
}
_OF_AN_INVOICE = ("state", "balance_minor", "due_on", "currency", "vendor_id")


def _postgresql(what: str, rows: Mapping[str, int]) -> list[str]:
    parts = " union all ".join(
        f"select vendor_id, currency, {_DUE_ON.format('')} as due_on, {sign} as one, {sign} * balance_minor as minor"
        f" from {name}_rows where state = 'open'"
        for name, sign in rows.items()
    )
    known = " ".join(f"{name} table as {name}_rows" for name in rows)
    return [
        f"""create function sum_invoices_on_{what}() returns trigger language plpgsql as $$
        begin
            {_INTO}
            select gen_random_uuid(), vendor_id, currency, due_on, sum(one), sum(minor), true from ({parts}) as changed
            group by vendor_id, currency, due_on having sum(one) <> 0 or sum(minor) <> 0;
            return null;
        end $$""",
        f"create trigger sum_invoices_on_{what} after {what} on invoice referencing {known}"
        f" for each statement execute function sum_invoices_on_{what}()",
    ]


def _sqlite(what: str, rows: Mapping[str, int]) -> list[str]:
    adds = " ".join(_add(name, sign) for name, sign in rows.items())
    old, new = (", ".join(f"{row}.{column}" for column in _OF_AN_INVOICE) for row in ("old", "new"))
    when = f"when ({old}) is not ({new})" if what == "update" else ""
    return [f"create trigger sum_invoices_on_{what} after {what} on invoice {when} begin {adds} end"]


def _add(name: str, sign: int) -> str:
    """There is one writer at a time, so that a day has one row from the beginning."""
    due_on = _DUE_ON.format(f"{name}.")
    return f"""
    update invoice_sum set count = count + {sign}, balance_minor = balance_minor + {sign} * {name}.balance_minor
    where {name}.state = 'open' and vendor_id = {name}.vendor_id and currency = {name}.currency and due_on = {due_on};
    {_INTO} select lower(hex(randomblob(16))), {name}.vendor_id, {name}.currency, {due_on}, {sign},
    {sign} * {name}.balance_minor, false where {name}.state = 'open' and changes() = 0;"""


def upgrade() -> None:
    made = _postgresql if op.get_bind().dialect.name == "postgresql" else _sqlite
    for what, rows in _WHAT.items():
        for statement in made(what, rows):
            op.execute(statement)


def downgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for what in _WHAT:
        op.execute(f"drop trigger sum_invoices_on_{what}{' on invoice' if is_postgresql else ''}")
        if is_postgresql:
            op.execute(f"drop function sum_invoices_on_{what}()")
