"""row-level security on every table, and the roles it knows (PostgreSQL)

Revision ID: 0002
Revises: 0001

``python -m tests.isolation.rules --write`` copies RULES from the models' mixins; a migration that adds a table does for
it what upgrade() does here. No user is exempt, the owner neither: a migration that reads or changes rows first says
``set local role sheaf_worker``.
"""

import re
from collections.abc import Iterator

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_MAKE_ROLE = """
do $$ begin
    if to_regrole('{role}') is null then create role {role} nologin; end if;
exception
    when duplicate_object or unique_violation then null;  -- another migration of this server was first
    when insufficient_privilege then raise exception
        'this user may not make roles; let one who may run: {roles}';
end $$
"""

_NARROW = ("sheaf_vendor", "sheaf_customer", "sheaf_link", "sheaf_person")
_ROLES = ("sheaf_worker", *_NARROW)

# table, what a narrow scope may do, what workers may do, by role whose rows are its own, and which others it may see
RULES = [
    ("alarm", "", "select, insert, update, delete", {}, {}),
    ("attempt", "", "select, insert, update, delete", {}, {}),
    (
        "audit_entry",
        "insert",
        "select, insert, update (customer_id, vendor_id, detail)",
        {
            "sheaf_vendor": "audit_entry.vendor_id = [sheaf.vendor]",
            "sheaf_customer": "audit_entry.customer_id = [sheaf.customer]",
            "sheaf_link": "audit_entry.customer_id = [sheaf.customer]",
            "sheaf_person": "audit_entry.person_id = [sheaf.person]",
        },
        {},
    ),
    (
        "bank_account",
        "select, insert, update",
        "select, insert, update, delete",
        {"sheaf_vendor": "bank_account.vendor_id = [sheaf.vendor]"},
        {},
    ),
    (
        "bill_to",
        "select, insert, update",
        "select, insert, update, delete",
        {"sheaf_vendor": "bill_to.vendor_id = [sheaf.vendor]"},
        {},
    ),
    (
        "calendar_feed",
        "select, insert, update, delete",
        "select, insert, update, delete",
        {
            "sheaf_customer": "calendar_feed.customer_id = [sheaf.customer]",
            "sheaf_link": "calendar_feed.customer_id = [sheaf.customer]",
            "sheaf_person": "calendar_feed.person_id = [sheaf.person]",
        },
        {},
    ),
    (
        "canned_answer",
        "select, insert, update",
        "select, insert, update, delete",
        {"sheaf_vendor": "canned_answer.vendor_id = [sheaf.vendor]"},
        {},
    ),
    (
        "connection",
        "select, insert, update",
        "select, insert, update, delete",
        {"sheaf_vendor": "connection.vendor_id = [sheaf.vendor]"},
        {"sheaf_customer": "true", "sheaf_link": "true"},
    ),
    (
        "credit",
        "select",
        "select, insert, update, delete",
        {
            "sheaf_vendor": "credit.vendor_id = [sheaf.vendor]",
            "sheaf_customer": "credit.customer_id = [sheaf.customer]",
            "sheaf_link": "credit.customer_id = [sheaf.customer]",
        },
        {},
    ),
    (
        "customer",
        "select, insert, update",
        "select, insert, update, delete",
        {"sheaf_customer": "customer.id = [sheaf.customer]", "sheaf_link": "customer.id = [sheaf.customer]"},
        {},
    ),
    (
        "customer_fact",
        "select, insert",
        "select, insert, update (vendor_id, value)",
        {"sheaf_vendor": "customer_fact.vendor_id = [sheaf.vendor]"},
        {},
    ),
    (
        "customer_member",
        "select, insert, update, delete",
        "select, insert, update, delete",
        {
            "sheaf_customer": "customer_member.customer_id = [sheaf.customer]",
            "sheaf_link": "customer_member.customer_id = [sheaf.customer]",
            "sheaf_person": "customer_member.person_id = [sheaf.person]",
        },
        {},
    ),
    ("delivery_event", "", "select, insert, update, delete", {}, {}),
    (
        "details_change",
        "select, insert, update",
        "select, insert, update, delete",
        {
            "sheaf_customer": "details_change.customer_id = [sheaf.customer]",
            "sheaf_link": "details_change.customer_id = [sheaf.customer]",
        },
        {},
    ),
    (
        "details_proposal",
        "select, insert, update",
        "select, insert, update, delete",
        {
            "sheaf_vendor": "details_proposal.vendor_id = [sheaf.vendor]",
            "sheaf_customer": "details_proposal.customer_id = [sheaf.customer]",
            "sheaf_link": "details_proposal.customer_id = [sheaf.customer]",
        },
        {},
    ),
    (
        "digest",
        "select",
        "select, insert, update, delete",
        {
            "sheaf_customer": "digest.customer_id = [sheaf.customer]",
            "sheaf_link": "digest.customer_id = [sheaf.customer]",
        },
        {},
    ),
    (
        "digest_line",
        "select",
        "select, insert, update, delete",
        {
            "sheaf_customer": "digest_line.customer_id = [sheaf.customer]",
            "sheaf_link": "digest_line.customer_id = [sheaf.customer] AND digest_line.digest_id = [sheaf.digest]",
        },
        {},
    ),
    (
        "direct_reminder",
        "select, insert, update",
        "select, insert, update, delete",
        {
            "sheaf_vendor": "direct_reminder.vendor_id = [sheaf.vendor]",
            "sheaf_customer": "direct_reminder.customer_id = [sheaf.customer]",
            "sheaf_link": "direct_reminder.customer_id = [sheaf.customer]",
        },
        {},
    ),
    (
        "domain_proof",
        "select, insert, update",
        "select, insert, update, delete",
        {"sheaf_vendor": "domain_proof.vendor_id = [sheaf.vendor]"},
        {},
    ),
    ("failure_text", "", "select, insert, update, delete", {}, {}),
    ("forgotten_address", "", "select, insert, update, delete", {}, {}),
    (
        "forwarded_invoice",
        "select, insert, update, delete",
        "select, insert, update, delete",
        {
            "sheaf_customer": "forwarded_invoice.customer_id = [sheaf.customer]",
            "sheaf_link": "forwarded_invoice.customer_id = [sheaf.customer]",
        },
        {},
    ),
    (
        "held_reply",
        "select, insert, update",
        "select, insert, update, delete",
        {
            "sheaf_customer": "held_reply.customer_id = [sheaf.customer]",
            "sheaf_link": "held_reply.customer_id = [sheaf.customer]",
        },
        {},
    ),
    (
        "hold",
        "select, insert, update",
        "select, insert, update, delete",
        {
            "sheaf_vendor": "hold.vendor_id = [sheaf.vendor]",
            "sheaf_customer": "hold.customer_id = [sheaf.customer]",
            "sheaf_link": "hold.customer_id = [sheaf.customer]",
        },
        {},
    ),
    ("inbound_mail", "", "select, insert, update, delete", {}, {}),
    (
        "invoice",
        "select",
        "select, insert, update, delete",
        {
            "sheaf_vendor": "invoice.vendor_id = [sheaf.vendor]",
            "sheaf_customer": "invoice.customer_id = [sheaf.customer]",
            "sheaf_link": "invoice.customer_id = [sheaf.customer]",
        },
        {},
    ),
    (
        "invoice_change",
        "select",
        "select, insert, update (customer_id, vendor_id)",
        {
            "sheaf_vendor": "invoice_change.vendor_id = [sheaf.vendor]",
            "sheaf_customer": "invoice_change.customer_id = [sheaf.customer]",
            "sheaf_link": "invoice_change.customer_id = [sheaf.customer]",
        },
        {},
    ),
    (
        "invoice_document",
        "select",
        "select, insert, update, delete",
        {"sheaf_vendor": "invoice_document.vendor_id = [sheaf.vendor]"},
        {},
    ),
    (
        "invoice_sum",
        "select",
        "select, insert, update, delete",
        {"sheaf_vendor": "invoice_sum.vendor_id = [sheaf.vendor]"},
        {},
    ),
    ("job_run", "", "select, insert, update, delete", {}, {}),
    ("login_token", "", "select, insert, update, delete", {}, {}),
    (
        "mailbox",
        "select, insert, update",
        "select, insert, update, delete",
        {
            "sheaf_customer": "mailbox.customer_id = [sheaf.customer]",
            "sheaf_link": "mailbox.customer_id = [sheaf.customer]",
        },
        {},
    ),
    (
        "mention",
        "select",
        "select, insert, update, delete",
        {
            "sheaf_vendor": "mention.vendor_id = [sheaf.vendor]",
            "sheaf_customer": "mention.customer_id = [sheaf.customer]",
            "sheaf_link": "mention.customer_id = [sheaf.customer]",
        },
        {},
    ),
    (
        "merge",
        "select, insert, update",
        "select, insert, update, delete",
        {
            "sheaf_customer": "merge.customer_id = [sheaf.customer]",
            "sheaf_link": "merge.customer_id = [sheaf.customer]",
        },
        {},
    ),
    (
        "message",
        "select, insert",
        "select, insert, update (customer_id, vendor_id, body, said_by, sender_address)",
        {
            "sheaf_vendor": "message.vendor_id = [sheaf.vendor]",
            "sheaf_customer": "message.customer_id = [sheaf.customer]",
            "sheaf_link": "message.customer_id = [sheaf.customer] AND message.thread_id = coalesce([sheaf.thread], "
            "message.thread_id)",
        },
        {},
    ),
    (
        "message_attachment",
        "select, insert",
        "select, insert, update (customer_id, vendor_id, name, size, sha256, data)",
        {
            "sheaf_vendor": "message_attachment.vendor_id = [sheaf.vendor]",
            "sheaf_customer": "message_attachment.customer_id = [sheaf.customer]",
            "sheaf_link": "message_attachment.customer_id = [sheaf.customer] AND message_attachment.thread_id = "
            "coalesce([sheaf.thread], message_attachment.thread_id)",
        },
        {},
    ),
    (
        "offline_contact",
        "select, insert",
        "select, insert, update (vendor_id, said_by, words)",
        {"sheaf_vendor": "offline_contact.vendor_id = [sheaf.vendor]"},
        {},
    ),
    ("outgoing", "", "select, insert, update, delete", {}, {}),
    (
        "pay_host",
        "select, insert, update",
        "select, insert, update, delete",
        {"sheaf_vendor": "pay_host.vendor_id = [sheaf.vendor]"},
        {},
    ),
    (
        "pay_method",
        "select, insert, update",
        "select, insert, update, delete",
        {"sheaf_vendor": "pay_method.vendor_id = [sheaf.vendor]"},
        {},
    ),
    (
        "pay_rule",
        "select, insert, update",
        "select, insert, update, delete",
        {"sheaf_vendor": "pay_rule.vendor_id = [sheaf.vendor]"},
        {},
    ),
    (
        "payment",
        "select",
        "select, insert, update, delete",
        {
            "sheaf_vendor": "payment.vendor_id = [sheaf.vendor]",
            "sheaf_customer": "payment.customer_id = [sheaf.customer]",
            "sheaf_link": "payment.customer_id = [sheaf.customer]",
        },
        {},
    ),
    (
        "person",
        "select",
        "select, insert, update, delete",
        {"sheaf_person": "person.id = [sheaf.person]"},
        {
            "sheaf_vendor": "(EXISTS (SELECT * FROM customer_fact WHERE customer_fact.person_id = person.id AND "
            "customer_fact.vendor_id = [sheaf.vendor])) OR (EXISTS (SELECT * FROM details_proposal "
            "WHERE details_proposal.person_id = person.id AND details_proposal.vendor_id = "
            "[sheaf.vendor])) OR (EXISTS (SELECT * FROM message WHERE message.person_id = person.id AND"
            " message.vendor_id = [sheaf.vendor])) OR (EXISTS (SELECT * FROM offline_contact WHERE "
            "offline_contact.person_id = person.id AND offline_contact.vendor_id = [sheaf.vendor])) OR "
            "(EXISTS (SELECT * FROM thread_note WHERE thread_note.person_id = person.id AND "
            "thread_note.vendor_id = [sheaf.vendor])) OR (EXISTS (SELECT * FROM vendor_member WHERE "
            "vendor_member.person_id = person.id AND vendor_member.vendor_id = [sheaf.vendor]))",
            "sheaf_customer": "(EXISTS (SELECT * FROM customer_member WHERE customer_member.person_id = person.id AND "
            "customer_member.customer_id = [sheaf.customer])) OR (EXISTS (SELECT * FROM "
            "details_proposal WHERE details_proposal.person_id = person.id AND "
            "details_proposal.customer_id = [sheaf.customer])) OR (EXISTS (SELECT * FROM message WHERE "
            "message.person_id = person.id AND message.customer_id = [sheaf.customer]))",
            "sheaf_link": "(EXISTS (SELECT * FROM customer_member WHERE customer_member.person_id = person.id AND "
            "customer_member.customer_id = [sheaf.customer])) OR (EXISTS (SELECT * FROM "
            "details_proposal WHERE details_proposal.person_id = person.id AND "
            "details_proposal.customer_id = [sheaf.customer])) OR (EXISTS (SELECT * FROM message WHERE "
            "message.person_id = person.id AND message.customer_id = [sheaf.customer] AND "
            "message.thread_id = coalesce([sheaf.thread], message.thread_id)))",
        },
    ),
    (
        "policy",
        "select, insert, update, delete",
        "select, insert, update, delete",
        {"sheaf_vendor": "policy.vendor_id = [sheaf.vendor]"},
        {},
    ),
    ("provider_event", "", "select, insert, update, delete", {}, {}),
    (
        "quarantined",
        "select",
        "select, insert, update, delete",
        {"sheaf_vendor": "quarantined.vendor_id = [sheaf.vendor]"},
        {},
    ),
    (
        "rating",
        "select, insert, update",
        "select, insert, update, delete",
        {
            "sheaf_customer": "rating.customer_id = [sheaf.customer]",
            "sheaf_link": "rating.customer_id = [sheaf.customer] AND rating.digest_id = [sheaf.digest]",
        },
        {},
    ),
    (
        "relation",
        "select, insert, update",
        "select, insert, update, delete",
        {
            "sheaf_customer": "relation.customer_id = [sheaf.customer]",
            "sheaf_link": "relation.customer_id = [sheaf.customer]",
        },
        {},
    ),
    (
        "remittance",
        "select, insert, update",
        "select, insert, update, delete",
        {
            "sheaf_vendor": "remittance.vendor_id = [sheaf.vendor]",
            "sheaf_customer": "remittance.customer_id = [sheaf.customer]",
            "sheaf_link": "remittance.customer_id = [sheaf.customer]",
        },
        {},
    ),
    (
        "report",
        "select, insert, update",
        "select, insert, update, delete",
        {
            "sheaf_customer": "report.customer_id = [sheaf.customer]",
            "sheaf_link": "report.customer_id = [sheaf.customer]",
        },
        {},
    ),
    (
        "route",
        "select, insert, update, delete",
        "select, insert, update, delete",
        {
            "sheaf_customer": "route.customer_id = [sheaf.customer]",
            "sheaf_link": "route.customer_id = [sheaf.customer]",
        },
        {},
    ),
    ("send_gate", "", "select, insert, update, delete", {}, {}),
    (
        "setback",
        "select",
        "select, insert, update, delete",
        {
            "sheaf_vendor": "setback.vendor_id = [sheaf.vendor]",
            "sheaf_customer": "setback.customer_id = [sheaf.customer]",
            "sheaf_link": "setback.customer_id = [sheaf.customer]",
        },
        {},
    ),
    (
        "settlement",
        "select",
        "select, insert, update, delete",
        {
            "sheaf_vendor": "settlement.vendor_id = [sheaf.vendor]",
            "sheaf_customer": "settlement.customer_id = [sheaf.customer]",
            "sheaf_link": "settlement.customer_id = [sheaf.customer]",
        },
        {},
    ),
    ("stop_switch", "", "select, insert, update, delete", {}, {}),
    (
        "sync_run",
        "select",
        "select, insert, update, delete",
        {"sheaf_vendor": "sync_run.vendor_id = [sheaf.vendor]"},
        {},
    ),
    (
        "thread",
        "select, insert, update",
        "select, insert, update, delete",
        {
            "sheaf_vendor": "thread.vendor_id = [sheaf.vendor]",
            "sheaf_customer": "thread.customer_id = [sheaf.customer]",
            "sheaf_link": "thread.customer_id = [sheaf.customer] AND thread.id = coalesce([sheaf.thread], thread.id)",
        },
        {},
    ),
    (
        "thread_invoice",
        "select, insert, update",
        "select, insert, update, delete",
        {
            "sheaf_vendor": "thread_invoice.vendor_id = [sheaf.vendor]",
            "sheaf_customer": "thread_invoice.customer_id = [sheaf.customer]",
            "sheaf_link": "thread_invoice.customer_id = [sheaf.customer] AND thread_invoice.thread_id = "
            "coalesce([sheaf.thread], thread_invoice.thread_id)",
        },
        {},
    ),
    (
        "thread_link",
        "select, insert, update",
        "select, insert, update, delete",
        {
            "sheaf_customer": "thread_link.customer_id = [sheaf.customer]",
            "sheaf_link": "thread_link.customer_id = [sheaf.customer] AND thread_link.thread_id = "
            "coalesce([sheaf.thread], thread_link.thread_id)",
        },
        {},
    ),
    (
        "thread_note",
        "select, insert",
        "select, insert, update (vendor_id, body)",
        {"sheaf_vendor": "thread_note.vendor_id = [sheaf.vendor]"},
        {},
    ),
    (
        "vendor",
        "select, insert, update",
        "select, insert, update, delete",
        {"sheaf_vendor": "vendor.id = [sheaf.vendor]"},
        {"sheaf_customer": "true", "sheaf_link": "true"},
    ),
    (
        "vendor_member",
        "select, insert, update, delete",
        "select, insert, update, delete",
        {
            "sheaf_vendor": "vendor_member.vendor_id = [sheaf.vendor]",
            "sheaf_person": "vendor_member.person_id = [sheaf.person]",
        },
        {},
    ),
    (
        "vendor_task",
        "select, insert, update",
        "select, insert, update, delete",
        {"sheaf_vendor": "vendor_task.vendor_id = [sheaf.vendor]"},
        {},
    ),
    (
        "waiting_file",
        "select, insert, update",
        "select, insert, update, delete",
        {"sheaf_vendor": "waiting_file.vendor_id = [sheaf.vendor]"},
        {},
    ),
    ("web_session", "", "select, insert, update, delete", {}, {}),
    (
        "write_back",
        "select",
        "select, insert, update, delete",
        {"sheaf_vendor": "write_back.vendor_id = [sheaf.vendor]"},
        {},
    ),
]


def _said(rule: str) -> str:
    return re.sub(r"\[([a-z.]+)]", r"nullif(current_setting('\1', true), '')::uuid", rule)


def policies_of(table: str, own: dict[str, str], known: dict[str, str]) -> Iterator[str]:
    yield f"create policy sheaf_worker on {table} to sheaf_worker using (true)"
    for role, rule in own.items():
        yield f"create policy {role} on {table} to {role} using ({_said(rule)})"
    for role, rule in known.items():
        yield f"create policy {role}_known on {table} for select to {role} using ({_said(rule)})"


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for role in _ROLES:
        op.execute(_MAKE_ROLE.format(role=role, roles="; ".join(f"create role {each}" for each in _ROLES)))
    op.execute("grant select on alembic_version to sheaf_worker")
    for table, narrow, worker, own, known in RULES:
        op.execute(f"alter table {table} enable row level security, force row level security")
        op.execute(f"grant {worker} on {table} to sheaf_worker")
        if narrow:
            op.execute(f"grant {narrow} on {table} to {', '.join(_NARROW)}")
        for statement in policies_of(table, own, known):
            op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, _, _, own, known in RULES:
        for policy in ("sheaf_worker", *own, *(f"{role}_known" for role in known)):
            op.execute(f"drop policy {policy} on {table}")
        op.execute(f"alter table {table} no force row level security, disable row level security")
        op.execute(f"revoke all on {table} from {', '.join(_ROLES)}")
    op.execute("revoke all on alembic_version from sheaf_worker")
