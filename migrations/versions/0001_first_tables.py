"""first tables"""

import sqlalchemy as sa
from alembic import op

from app.db import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "alarm",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("words", sa.String(length=300), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm")),
    )
    op.create_index("ix_alarm_since", "alarm", ["since"], unique=False)
    op.create_index(
        "uq_alarm_ringing",
        "alarm",
        ["name"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "customer",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("pay_days", sa.String(length=20), nullable=False),
        sa.Column("pay_cutoff", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
    )
    op.create_table(
        "delivery_event",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("happened_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("handled_at", UtcDateTime(), nullable=True),
        sa.Column("is_stray", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_event")),
        sa.UniqueConstraint(
            "attempt_id", "kind", "happened_at", name=op.f("uq_delivery_event_attempt_id_kind_happened_at")
        ),
    )
    op.create_index(
        "ix_delivery_event_stray",
        "delivery_event",
        ["received_at"],
        unique=False,
        postgresql_where=sa.text("is_stray"),
        sqlite_where=sa.text("is_stray"),
    )
    op.create_index(
        "ix_delivery_event_unhandled",
        "delivery_event",
        ["received_at"],
        unique=False,
        postgresql_where=sa.text("handled_at IS NULL"),
        sqlite_where=sa.text("handled_at IS NULL"),
    )
    op.create_table(
        "forgotten_address",
        sa.Column("address_hash", sa.LargeBinary(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("address_hash", name=op.f("pk_forgotten_address")),
    )
    op.create_table(
        "invoice_sum",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column(
            "balance_minor", sa.Numeric(precision=38, scale=0).with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("is_loose", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_sum")),
    )
    op.create_index(
        "ix_invoice_sum_loose",
        "invoice_sum",
        ["vendor_id"],
        unique=False,
        postgresql_where=sa.text("is_loose"),
        sqlite_where=sa.text("is_loose"),
    )
    op.create_index("ix_invoice_sum_vendor", "invoice_sum", ["vendor_id", "currency", "due_on"], unique=False)
    op.create_table(
        "job_run",
        sa.Column("job", sa.String(length=40), nullable=False),
        sa.Column("worker", sa.String(length=64), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=300), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_run")),
    )
    op.create_index("ix_job_run_job", "job_run", ["job", "started_at"], unique=False)
    op.create_table(
        "person",
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("locale", sa.String(length=12), nullable=False),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.Column("suppressed_at", UtcDateTime(), nullable=True),
        sa.Column("suppressed_reason", sa.String(length=200), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("address", name=op.f("uq_person_address")),
    )
    op.create_table(
        "send_gate",
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("tokens", sa.Double(), nullable=False),
        sa.Column("filled_at", UtcDateTime(), nullable=False),
        sa.Column("strikes", sa.Integer(), nullable=False),
        sa.Column("trips", sa.Integer(), nullable=False),
        sa.Column("shut_until", UtcDateTime(), nullable=True),
        sa.Column("prober", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("hour", UtcDateTime(), nullable=False),
        sa.Column("handed", sa.Integer(), nullable=False),
        sa.Column("bound", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_send_gate")),
    )
    op.create_table(
        "stop_switch",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("by", sa.String(length=254), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_stop_switch")),
    )
    op.create_table(
        "vendor",
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("legal_name", sa.String(length=120), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("colour", sa.String(length=7), nullable=False),
        sa.Column("logo_key", sa.String(length=24), server_default="", nullable=False),
        sa.Column("logo", sa.LargeBinary(), nullable=True),
        sa.Column("support_address", sa.String(length=254), nullable=False),
        sa.Column("trust", sa.String(length=12), nullable=False),
        sa.Column("trust_reason", sa.String(length=200), nullable=False),
        sa.Column("doubted_at", UtcDateTime(), nullable=True),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.Column("frozen_at", UtcDateTime(), nullable=True),
        sa.Column("opens_at", sa.Integer(), nullable=False),
        sa.Column("closes_at", sa.Integer(), nullable=False),
        sa.Column("live_at", UtcDateTime(), nullable=True),
        sa.Column("dispute_reasons", sa.JSON(), nullable=False),
        sa.Column("chase_from", sa.Date(), nullable=True),
        sa.Column("next_scored_at", UtcDateTime(), nullable=False),
        sa.Column("usual_answer_minutes", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(length=140), nullable=False),
        sa.Column("segments_due_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vendor")),
    )
    op.create_index(op.f("ix_vendor_logo_key"), "vendor", ["logo_key"], unique=False)
    op.create_index(op.f("ix_vendor_next_scored_at"), "vendor", ["next_scored_at"], unique=False)
    op.create_index(op.f("ix_vendor_segments_due_at"), "vendor", ["segments_due_at"], unique=False)
    op.create_table(
        "audit_entry",
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(length=20), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("vendor_id", sa.Uuid(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_audit_entry_customer_id_customer")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_audit_entry_person_id_person")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_audit_entry_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index("ix_audit_entry_action", "audit_entry", ["action", "at"], unique=False)
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"], unique=False)
    op.create_index(
        "ix_audit_entry_customer",
        "audit_entry",
        ["customer_id", "at"],
        unique=False,
        postgresql_where=sa.text("customer_id IS NOT NULL"),
        sqlite_where=sa.text("customer_id IS NOT NULL"),
    )
    op.create_index(
        "ix_audit_entry_person",
        "audit_entry",
        ["person_id", "at"],
        unique=False,
        postgresql_where=sa.text("person_id IS NOT NULL"),
        sqlite_where=sa.text("person_id IS NOT NULL"),
    )
    op.create_index("ix_audit_entry_vendor", "audit_entry", ["vendor_id", "at"], unique=False)
    op.create_table(
        "bank_account",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("beneficiary", sa.String(length=120), nullable=False),
        sa.Column("iban", sa.String(length=34), nullable=False),
        sa.Column("account", sa.String(length=34), nullable=False),
        sa.Column("routing", sa.String(length=11), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("proposed_by_id", sa.Uuid(), nullable=True),
        sa.Column("frozen_until", UtcDateTime(), nullable=True),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.Column("approved_by_id", sa.Uuid(), nullable=True),
        sa.Column("counts_from", UtcDateTime(), nullable=True),
        sa.Column("refused_at", UtcDateTime(), nullable=True),
        sa.Column("told_at", UtcDateTime(), nullable=True),
        sa.Column("told_upto", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["approved_by_id"], ["person.id"], name=op.f("fk_bank_account_approved_by_id_person")),
        sa.ForeignKeyConstraint(["proposed_by_id"], ["person.id"], name=op.f("fk_bank_account_proposed_by_id_person")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_bank_account_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_account")),
    )
    op.create_index(
        "ix_bank_account_untold",
        "bank_account",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("told_at IS NULL AND frozen_until IS NOT NULL"),
        sqlite_where=sa.text("told_at IS NULL AND frozen_until IS NOT NULL"),
    )
    op.create_index("ix_bank_account_vendor", "bank_account", ["vendor_id", "created_at"], unique=False)
    op.create_table(
        "calendar_feed",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("shows_amounts", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_calendar_feed_customer_id_customer")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_calendar_feed_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_feed")),
        sa.UniqueConstraint("customer_id", "person_id", name=op.f("uq_calendar_feed_customer_id_person_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_calendar_feed_token_hash")),
    )
    op.create_index(op.f("ix_calendar_feed_person_id"), "calendar_feed", ["person_id"], unique=False)
    op.create_table(
        "canned_answer",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("retired_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_canned_answer_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canned_answer")),
    )
    op.create_index("ix_canned_answer_vendor", "canned_answer", ["vendor_id", "title"], unique=False)
    op.create_table(
        "customer_member",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_customer_member_customer_id_customer")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_customer_member_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_member")),
        sa.UniqueConstraint("customer_id", "person_id", name=op.f("uq_customer_member_customer_id_person_id")),
    )
    op.create_index(op.f("ix_customer_member_person_id"), "customer_member", ["person_id"], unique=False)
    op.create_table(
        "details_change",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("words", sa.String(length=500), nullable=False),
        sa.Column("file_name", sa.String(length=100), nullable=False),
        sa.Column("file_data", sa.LargeBinary(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_details_change_customer_id_customer")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_details_change_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_details_change")),
    )
    op.create_index("ix_details_change_customer", "details_change", ["customer_id", "created_at"], unique=False)
    op.create_table(
        "direct_reminder",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("said_at", UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_direct_reminder_customer_id_customer")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_direct_reminder_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_direct_reminder")),
        sa.UniqueConstraint("vendor_id", "customer_id", name=op.f("uq_direct_reminder_vendor_id_customer_id")),
    )
    op.create_index(op.f("ix_direct_reminder_customer_id"), "direct_reminder", ["customer_id"], unique=False)
    op.create_table(
        "domain_proof",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("record", sa.String(length=80), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("token_expires_at", UtcDateTime(), nullable=True),
        sa.Column("mailed_at", UtcDateTime(), nullable=True),
        sa.Column("mailed_to_id", sa.Uuid(), nullable=True),
        sa.Column("asked_by_id", sa.Uuid(), nullable=False),
        sa.Column("proven_at", UtcDateTime(), nullable=True),
        sa.Column("way", sa.String(length=4), nullable=True),
        sa.Column("next_check_at", UtcDateTime(), nullable=True),
        sa.Column("misses", sa.Integer(), nullable=False),
        sa.Column("lost_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["asked_by_id"], ["person.id"], name=op.f("fk_domain_proof_asked_by_id_person")),
        sa.ForeignKeyConstraint(["mailed_to_id"], ["person.id"], name=op.f("fk_domain_proof_mailed_to_id_person")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_domain_proof_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_domain_proof")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_domain_proof_token_hash")),
        sa.UniqueConstraint("vendor_id", "domain", name=op.f("uq_domain_proof_vendor_id_domain")),
    )
    op.create_index("ix_domain_proof_check", "domain_proof", ["next_check_at"], unique=False)
    op.create_table(
        "failure_text",
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=12), nullable=False),
        sa.Column("happened", sa.String(length=300), nullable=False),
        sa.Column("next_step", sa.String(length=300), nullable=False),
        sa.Column("prevention", sa.String(length=300), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("changed_by_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["changed_by_id"], ["person.id"], name=op.f("fk_failure_text_changed_by_id_person")),
        sa.PrimaryKeyConstraint("reason", "language", name=op.f("pk_failure_text")),
    )
    op.create_table(
        "forwarded_invoice",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("supplier", sa.String(length=120), nullable=False),
        sa.Column("supplier_address", sa.String(length=254), nullable=False),
        sa.Column("number", sa.String(length=80), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("total_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("brought_by", sa.String(length=254), nullable=False),
        sa.Column("file_name", sa.String(length=100), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_forwarded_invoice_customer_id_customer")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forwarded_invoice")),
        sa.UniqueConstraint("customer_id", "sha256", name=op.f("uq_forwarded_invoice_customer_id_sha256")),
    )
    op.create_index("ix_forwarded_invoice_customer", "forwarded_invoice", ["customer_id", "created_at"], unique=False)
    op.create_table(
        "login_token",
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("rate_key", sa.String(length=254), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=False),
        sa.Column("client_hash", sa.LargeBinary(), nullable=True),
        sa.Column("device", sa.String(length=60), nullable=False),
        sa.Column("next_path", sa.String(length=500), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_login_token_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_login_token_token_hash")),
    )
    op.create_index(op.f("ix_login_token_address"), "login_token", ["address"], unique=False)
    op.create_index("ix_login_token_browser", "login_token", ["browser_hash", "created_at"], unique=False)
    op.create_index("ix_login_token_client", "login_token", ["client_hash", "created_at"], unique=False)
    op.create_index("ix_login_token_created", "login_token", ["created_at"], unique=False)
    op.create_index("ix_login_token_rate", "login_token", ["rate_key", "created_at"], unique=False)
    op.create_table(
        "mailbox",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("locale", sa.String(length=12), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("cadence", sa.String(length=12), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("month_day", sa.Integer(), nullable=False),
        sa.Column("send_at", sa.Time(), nullable=False),
        sa.Column("spread_seconds", sa.Integer(), nullable=False),
        sa.Column("quiet_country", sa.String(length=2), nullable=False),
        sa.Column("closed_from", sa.Date(), nullable=True),
        sa.Column("closed_until", sa.Date(), nullable=True),
        sa.Column("most_digests", sa.Integer(), nullable=True),
        sa.Column("most_mentions", sa.Integer(), nullable=True),
        sa.Column("amounts_in_subject", sa.Boolean(), nullable=False),
        sa.Column("is_private", sa.Boolean(), nullable=False),
        sa.Column("attaches_pdfs", sa.Boolean(), nullable=False),
        sa.Column("pay_days", sa.String(length=20), nullable=False),
        sa.Column("answers_at_once", sa.Boolean(), nullable=False),
        sa.Column("failures_at_once", sa.Boolean(), nullable=False),
        sa.Column("instant_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("instant_currency", sa.String(length=3), nullable=False),
        sa.Column("instant_upto", UtcDateTime(), nullable=True),
        sa.Column("instant_due_at", UtcDateTime(), nullable=True),
        sa.Column("next_digest_at", UtcDateTime(), nullable=True),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=True),
        sa.Column("last_digest_at", UtcDateTime(), nullable=True),
        sa.Column("paused_until", UtcDateTime(), nullable=True),
        sa.Column("reminders_off_at", UtcDateTime(), nullable=True),
        sa.Column("suppressed_at", UtcDateTime(), nullable=True),
        sa.Column("suppressed_reason", sa.String(length=200), nullable=False),
        sa.Column("stand_in_id", sa.Uuid(), nullable=True),
        sa.Column("proven_at", UtcDateTime(), nullable=True),
        sa.Column("left_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_mailbox_customer_id_customer")),
        sa.ForeignKeyConstraint(["stand_in_id"], ["mailbox.id"], name=op.f("fk_mailbox_stand_in_id_mailbox")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailbox")),
        sa.UniqueConstraint("address", name=op.f("uq_mailbox_address")),
        postgresql_with={"fillfactor": 90},
    )
    op.create_index(op.f("ix_mailbox_customer_id"), "mailbox", ["customer_id"], unique=False)
    op.create_index(
        "ix_mailbox_due",
        "mailbox",
        ["next_digest_at"],
        unique=False,
        postgresql_where=sa.text("next_digest_at IS NOT NULL"),
    )
    op.create_index(
        "ix_mailbox_instant",
        "mailbox",
        ["instant_due_at"],
        unique=False,
        postgresql_where=sa.text("instant_due_at IS NOT NULL"),
        sqlite_where=sa.text("instant_due_at IS NOT NULL"),
    )
    op.create_table(
        "merge",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("other_name", sa.String(length=120), nullable=False),
        sa.Column("mailboxes", sa.JSON(), nullable=False),
        sa.Column("members", sa.JSON(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("undo_until", UtcDateTime(), nullable=False),
        sa.Column("undone_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_merge_customer_id_customer")),
        sa.ForeignKeyConstraint(["other_id"], ["customer.id"], name=op.f("fk_merge_other_id_customer")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_merge_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merge")),
    )
    op.create_index(op.f("ix_merge_customer_id"), "merge", ["customer_id"], unique=False)
    op.create_table(
        "pay_host",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("proposed_by_id", sa.Uuid(), nullable=True),
        sa.Column("frozen_until", UtcDateTime(), nullable=True),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.Column("approved_by_id", sa.Uuid(), nullable=True),
        sa.Column("counts_from", UtcDateTime(), nullable=True),
        sa.Column("refused_at", UtcDateTime(), nullable=True),
        sa.Column("told_at", UtcDateTime(), nullable=True),
        sa.Column("told_upto", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["approved_by_id"], ["person.id"], name=op.f("fk_pay_host_approved_by_id_person")),
        sa.ForeignKeyConstraint(["proposed_by_id"], ["person.id"], name=op.f("fk_pay_host_proposed_by_id_person")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_pay_host_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pay_host")),
        sa.UniqueConstraint("vendor_id", "host", name=op.f("uq_pay_host_vendor_id_host")),
    )
    op.create_index(
        "ix_pay_host_untold",
        "pay_host",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("told_at IS NULL AND frozen_until IS NOT NULL"),
        sqlite_where=sa.text("told_at IS NULL AND frozen_until IS NOT NULL"),
    )
    op.create_table(
        "pay_method",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("instructions", sa.String(length=300), nullable=False),
        sa.Column("reference", sa.String(length=60), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("proposed_by_id", sa.Uuid(), nullable=True),
        sa.Column("frozen_until", UtcDateTime(), nullable=True),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.Column("approved_by_id", sa.Uuid(), nullable=True),
        sa.Column("counts_from", UtcDateTime(), nullable=True),
        sa.Column("refused_at", UtcDateTime(), nullable=True),
        sa.Column("told_at", UtcDateTime(), nullable=True),
        sa.Column("told_upto", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["approved_by_id"], ["person.id"], name=op.f("fk_pay_method_approved_by_id_person")),
        sa.ForeignKeyConstraint(["proposed_by_id"], ["person.id"], name=op.f("fk_pay_method_proposed_by_id_person")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_pay_method_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pay_method")),
    )
    op.create_index(
        "ix_pay_method_untold",
        "pay_method",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("told_at IS NULL AND frozen_until IS NOT NULL"),
        sqlite_where=sa.text("told_at IS NULL AND frozen_until IS NOT NULL"),
    )
    op.create_index("ix_pay_method_vendor", "pay_method", ["vendor_id", "created_at"], unique=False)
    op.create_table(
        "pay_rule",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("part_share", sa.Integer(), nullable=True),
        sa.Column("discount_share", sa.Integer(), nullable=False),
        sa.Column("discount_days", sa.Integer(), nullable=False),
        sa.Column("late_share", sa.Integer(), nullable=False),
        sa.Column("late_days", sa.Integer(), nullable=False),
        sa.Column("fee_share", sa.Integer(), nullable=False),
        sa.Column("fee_words", sa.String(length=140), nullable=False),
        sa.Column("nets_credits", sa.Boolean(), nullable=False),
        sa.Column("credit_words", sa.String(length=140), nullable=False),
        sa.Column("failure_words", sa.String(length=140), nullable=False),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_pay_rule_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("vendor_id", name=op.f("pk_pay_rule")),
    )
    op.create_table(
        "policy",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_policy_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
    )
    op.create_index("ix_policy_vendor", "policy", ["vendor_id", "rank"], unique=False)
    op.create_index(
        "uq_policy_default",
        "policy",
        ["vendor_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
        sqlite_where=sa.text("is_default"),
    )
    op.create_table(
        "relation",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("accepted_at", UtcDateTime(), nullable=True),
        sa.Column("muted_at", UtcDateTime(), nullable=True),
        sa.Column("blocked_at", UtcDateTime(), nullable=True),
        sa.Column("reached_at", UtcDateTime(), nullable=True),
        sa.Column("first_mailed_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_relation_customer_id_customer")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_relation_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relation")),
        sa.UniqueConstraint("customer_id", "vendor_id", name=op.f("uq_relation_customer_id_vendor_id")),
    )
    op.create_index(
        "ix_relation_reached",
        "relation",
        ["vendor_id", "reached_at"],
        unique=False,
        postgresql_where=sa.text("reached_at IS NOT NULL"),
        sqlite_where=sa.text("reached_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_relation_vendor_id"), "relation", ["vendor_id"], unique=False)
    op.create_table(
        "remittance",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=140), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("exponent", sa.Integer(), nullable=False),
        sa.Column("total_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("credit_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("pays_on", sa.Date(), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("said_by", sa.String(length=80), nullable=False),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_remittance_customer_id_customer")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_remittance_person_id_person")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_remittance_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remittance")),
    )
    op.create_index("ix_remittance_customer", "remittance", ["customer_id", "created_at"], unique=False)
    op.create_index("ix_remittance_vendor", "remittance", ["vendor_id", "created_at"], unique=False)
    op.create_table(
        "report",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.String(length=500), nullable=False),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
        sa.Column("dismissed_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_report_customer_id_customer")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_report_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
    )
    op.create_index("ix_report_created", "report", ["created_at"], unique=False)
    op.create_index(op.f("ix_report_customer_id"), "report", ["customer_id"], unique=False)
    op.create_index("ix_report_vendor", "report", ["vendor_id", "created_at"], unique=False)
    op.create_table(
        "vendor_member",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False),
        sa.Column("away_until", sa.Date(), nullable=True),
        sa.Column("next_report_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_vendor_member_person_id_person")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_vendor_member_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vendor_member")),
        sa.UniqueConstraint("vendor_id", "person_id", name=op.f("uq_vendor_member_vendor_id_person_id")),
    )
    op.create_index(op.f("ix_vendor_member_next_report_at"), "vendor_member", ["next_report_at"], unique=False)
    op.create_index(op.f("ix_vendor_member_person_id"), "vendor_member", ["person_id"], unique=False)
    op.create_table(
        "waiting_file",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_waiting_file_person_id_person")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_waiting_file_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiting_file")),
    )
    op.create_index("ix_waiting_file_expires", "waiting_file", ["expires_at"], unique=False)
    op.create_index(op.f("ix_waiting_file_vendor_id"), "waiting_file", ["vendor_id"], unique=False)
    op.create_table(
        "web_session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("device", sa.String(length=60), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_web_session_person_id_person")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_web_session")),
    )
    op.create_index(op.f("ix_web_session_person_id"), "web_session", ["person_id"], unique=False)
    op.create_table(
        "connection",
        sa.Column("vendor_id", sa.Uuid(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=True),
        sa.Column("account_name", sa.String(length=200), nullable=False),
        sa.Column("account_currency", sa.String(length=3), nullable=False),
        sa.Column("account_zone", sa.String(length=64), nullable=False),
        sa.Column("entity", sa.String(length=50), nullable=False),
        sa.Column("entity_colour", sa.String(length=7), nullable=False),
        sa.Column("bank_account_id", sa.Uuid(), nullable=True),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("tokens", sa.Text(), nullable=True),
        sa.Column("tokens_expire_at", UtcDateTime(), nullable=True),
        sa.Column("refresh_lease_until", UtcDateTime(), nullable=True),
        sa.Column("renewed_at", UtcDateTime(), nullable=True),
        sa.Column("hook", sa.Text(), nullable=True),
        sa.Column("hook_expires_at", UtcDateTime(), nullable=True),
        sa.Column("hook_due_at", UtcDateTime(), nullable=True),
        sa.Column("cursor", sa.JSON(), nullable=False),
        sa.Column("next_pull_at", UtcDateTime(), nullable=True),
        sa.Column("reconciled_at", UtcDateTime(), nullable=True),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("first_synced_at", UtcDateTime(), nullable=True),
        sa.Column("as_of", UtcDateTime(), nullable=True),
        sa.Column("files_since", UtcDateTime(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(length=300), nullable=False),
        sa.Column("last_error_at", UtcDateTime(), nullable=True),
        sa.Column("calls_left", sa.Integer(), nullable=True),
        sa.Column("notes_since", UtcDateTime(), nullable=True),
        sa.Column("payments_since", UtcDateTime(), nullable=True),
        sa.Column("reminders_off", sa.Boolean(), nullable=True),
        sa.Column("reminders_said_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bank_account_id"], ["bank_account.id"], name=op.f("fk_connection_bank_account_id_bank_account")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_connection_person_id_person")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_connection_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection")),
    )
    op.create_index("ix_connection_account", "connection", ["provider", "account_id"], unique=False)
    op.create_index(
        "ix_connection_due",
        "connection",
        ["next_pull_at"],
        unique=False,
        postgresql_where=sa.text("next_pull_at IS NOT NULL"),
        sqlite_where=sa.text("next_pull_at IS NOT NULL"),
    )
    op.create_index(
        "ix_connection_hook_due",
        "connection",
        ["hook_due_at"],
        unique=False,
        postgresql_where=sa.text("hook_due_at IS NOT NULL"),
        sqlite_where=sa.text("hook_due_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_connection_vendor_id"), "connection", ["vendor_id"], unique=False)
    op.create_index(
        "uq_connection_account",
        "connection",
        ["vendor_id", "provider", "account_id"],
        unique=True,
        postgresql_where=sa.text("account_id IS NOT NULL"),
        sqlite_where=sa.text("account_id IS NOT NULL"),
    )
    op.create_table(
        "digest",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("mailbox_id", sa.Uuid(), nullable=False),
        sa.Column("window", sa.String(length=20), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("accepted_at", UtcDateTime(), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("token_expires_at", UtcDateTime(), nullable=True),
        sa.Column("token_revoked_at", UtcDateTime(), nullable=True),
        sa.Column("template", sa.String(length=20), nullable=False),
        sa.Column("shown_lines", sa.Integer(), nullable=False),
        sa.Column("all_lines", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_digest_customer_id_customer")),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name=op.f("fk_digest_mailbox_id_mailbox")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digest")),
        sa.UniqueConstraint("mailbox_id", "window", name=op.f("uq_digest_mailbox_id_window")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_digest_token_hash")),
    )
    op.create_index(
        "ix_digest_accepted",
        "digest",
        ["mailbox_id", "accepted_at"],
        unique=False,
        postgresql_where=sa.text("accepted_at IS NOT NULL"),
        sqlite_where=sa.text("accepted_at IS NOT NULL"),
    )
    op.create_index("ix_digest_created", "digest", ["created_at"], unique=False)
    op.create_index("ix_digest_customer", "digest", ["customer_id", "created_at"], unique=False)
    op.create_table(
        "route",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("mailbox_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_copy", sa.Boolean(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=True),
        sa.Column("billed_to", sa.String(length=80), nullable=False),
        sa.Column("po_number", sa.String(length=80), nullable=False),
        sa.Column("least_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_route_customer_id_customer")),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name=op.f("fk_route_mailbox_id_mailbox")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_route_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_route")),
    )
    op.create_index(op.f("ix_route_customer_id"), "route", ["customer_id"], unique=False)
    op.create_index(op.f("ix_route_mailbox_id"), "route", ["mailbox_id"], unique=False)
    op.create_table(
        "thread",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("mailbox_id", sa.Uuid(), nullable=True),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("topic", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("waiting_since", UtcDateTime(), nullable=True),
        sa.Column("assignee_id", sa.Uuid(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("result", sa.String(length=20), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["assignee_id"], ["person.id"], name=op.f("fk_thread_assignee_id_person")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_thread_customer_id_customer")),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name=op.f("fk_thread_mailbox_id_mailbox")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_thread_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_thread")),
    )
    op.create_index("ix_thread_customer", "thread", ["customer_id", "created_at"], unique=False)
    op.create_index(
        "ix_thread_queue",
        "thread",
        ["vendor_id", "waiting_since"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting_vendor'"),
        sqlite_where=sa.text("state = 'waiting_vendor'"),
    )
    op.create_index("ix_thread_vendor", "thread", ["vendor_id", "created_at"], unique=False)
    op.create_table(
        "bill_to",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("address_text", sa.String(length=500), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=True),
        sa.Column("chosen_address", sa.String(length=254), nullable=True),
        sa.Column("issue", sa.String(length=10), nullable=False),
        sa.Column("mailbox_id", sa.Uuid(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("extra_days", sa.Integer(), server_default="0", nullable=False),
        sa.Column("held_until", UtcDateTime(), nullable=True),
        sa.Column("hold_note", sa.String(length=200), server_default="", nullable=False),
        sa.Column("hold_is_hidden", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("late_told_at", UtcDateTime(), nullable=True),
        sa.Column("late_risk", sa.String(length=8), server_default="", nullable=False),
        sa.Column("country", sa.String(length=2), server_default="", nullable=False),
        sa.Column("industry", sa.String(length=40), server_default="", nullable=False),
        sa.Column("size", sa.String(length=8), server_default="", nullable=False),
        sa.Column("tags", sa.String(length=200), server_default="", nullable=False),
        sa.Column("never_remind", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("policy_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("external_id", sa.String(length=120), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content_hash", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_bill_to_connection_id_connection"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_bill_to_customer_id_customer")),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name=op.f("fk_bill_to_mailbox_id_mailbox")),
        sa.ForeignKeyConstraint(["owner_id"], ["person.id"], name=op.f("fk_bill_to_owner_id_person")),
        sa.ForeignKeyConstraint(["policy_id"], ["policy.id"], name=op.f("fk_bill_to_policy_id_policy")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_bill_to_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bill_to")),
        sa.UniqueConstraint("connection_id", "external_id", name=op.f("uq_bill_to_connection_id_external_id")),
    )
    op.create_index(
        "ix_bill_to_chosen",
        "bill_to",
        ["vendor_id"],
        unique=False,
        sqlite_where=sa.text("chosen_address IS NOT NULL"),
        postgresql_where=sa.text("chosen_address IS NOT NULL"),
    )
    op.create_index(op.f("ix_bill_to_customer_id"), "bill_to", ["customer_id"], unique=False)
    op.create_index(
        "ix_bill_to_extra",
        "bill_to",
        ["connection_id"],
        unique=False,
        sqlite_where=sa.text("extra_days > 0"),
        postgresql_where=sa.text("extra_days > 0"),
    )
    op.create_index(
        "ix_bill_to_issue",
        "bill_to",
        ["vendor_id", "issue"],
        unique=False,
        sqlite_where=sa.text("issue <> ''"),
        postgresql_where=sa.text("issue <> ''"),
    )
    op.create_index(op.f("ix_bill_to_mailbox_id"), "bill_to", ["mailbox_id"], unique=False)
    op.create_index(
        "ix_bill_to_owned",
        "bill_to",
        ["owner_id"],
        unique=False,
        sqlite_where=sa.text("owner_id IS NOT NULL AND late_told_at IS NULL"),
        postgresql_where=sa.text("owner_id IS NOT NULL AND late_told_at IS NULL"),
    )
    op.create_index(
        "ix_bill_to_policy",
        "bill_to",
        ["policy_id"],
        unique=False,
        sqlite_where=sa.text("policy_id IS NOT NULL"),
        postgresql_where=sa.text("policy_id IS NOT NULL"),
    )
    op.create_index("ix_bill_to_vendor_address", "bill_to", ["vendor_id", "address"], unique=False)
    op.create_index("ix_bill_to_vendor_name", "bill_to", ["vendor_id", "name", "id"], unique=False)
    op.create_table(
        "digest_line",
        sa.Column("digest_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("is_shown", sa.Boolean(), nullable=False),
        sa.Column("vendor_name", sa.String(length=50), nullable=False),
        sa.Column("number", sa.String(length=80), nullable=False),
        sa.Column("po_number", sa.String(length=80), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("total_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("status", sa.String(length=120), nullable=False),
        sa.Column("as_of", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["digest_id"], ["digest.id"], name=op.f("fk_digest_line_digest_id_digest"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest_id", "line", name=op.f("pk_digest_line")),
    )
    op.create_index("ix_digest_line_invoice", "digest_line", ["invoice_id"], unique=False)
    op.create_table(
        "inbound_mail",
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("content_type", sa.String(length=300), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("raw_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_key", sa.Text(), nullable=False),
        sa.Column("sealed_raw", sa.LargeBinary(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("handled_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("sender_domain", sa.String(length=254), nullable=False),
        sa.Column("mail_key", sa.LargeBinary(), nullable=True),
        sa.Column("thread_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["thread.id"], name=op.f("fk_inbound_mail_thread_id_thread"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_mail")),
        sa.UniqueConstraint("mail_key", name=op.f("uq_inbound_mail_mail_key")),
        sa.UniqueConstraint("raw_hash", name=op.f("uq_inbound_mail_raw_hash")),
    )
    op.create_index(
        "ix_inbound_mail_due",
        "inbound_mail",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("handled_at IS NULL"),
        sqlite_where=sa.text("handled_at IS NULL"),
    )
    op.create_index("ix_inbound_mail_received", "inbound_mail", ["received_at"], unique=False)
    op.create_index(
        "ix_inbound_mail_stuck",
        "inbound_mail",
        ["received_at"],
        unique=False,
        postgresql_where=sa.text("outcome = 'quarantined'"),
        sqlite_where=sa.text("outcome = 'quarantined'"),
    )
    op.create_table(
        "invoice",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("bill_to_id", sa.Uuid(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("mailbox_id", sa.Uuid(), nullable=True),
        sa.Column("number", sa.String(length=80), nullable=False),
        sa.Column("po_number", sa.String(length=80), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("due_on_derived", sa.Boolean(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("exponent", sa.Integer(), nullable=False),
        sa.Column("total_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("balance_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("due_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("instalments", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("raw_state", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=True),
        sa.Column("is_autopay", sa.Boolean(), nullable=False),
        sa.Column("can_pay_online", sa.Boolean(), nullable=False),
        sa.Column("awaited_on", sa.Date(), nullable=True),
        sa.Column("discount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("discount_until", sa.Date(), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("charge_failed_at", UtcDateTime(), nullable=True),
        sa.Column("included_at", UtcDateTime(), nullable=True),
        sa.Column("agreed_at", UtcDateTime(), nullable=True),
        sa.Column("agreed_dues", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("handed_to_id", sa.Uuid(), nullable=True),
        sa.Column("same_as_id", sa.Uuid(), nullable=True),
        sa.Column("told_state", sa.String(length=12), nullable=True),
        sa.Column("differs_at", UtcDateTime(), nullable=True),
        sa.Column("ruled_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("external_id", sa.String(length=120), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content_hash", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("state <> 'open' OR balance_minor > 0", name=op.f("ck_invoice_open")),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_invoice_connection_id_connection"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice")),
        sa.UniqueConstraint("connection_id", "external_id", name=op.f("uq_invoice_connection_id_external_id")),
        postgresql_with={"fillfactor": 90},
    )
    op.create_index(
        "ix_invoice_agreed",
        "invoice",
        ["connection_id"],
        unique=False,
        postgresql_where=sa.text("agreed_at IS NOT NULL"),
        sqlite_where=sa.text("agreed_at IS NOT NULL"),
    )
    op.create_index("ix_invoice_bill_to", "invoice", ["bill_to_id"], unique=False)
    op.create_index("ix_invoice_customer", "invoice", ["customer_id", "issued_on", "id"], unique=False)
    op.create_index(
        "ix_invoice_customer_open",
        "invoice",
        ["customer_id", "due_on", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
        sqlite_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "ix_invoice_handed",
        "invoice",
        ["handed_to_id"],
        unique=False,
        postgresql_where=sa.text("handed_to_id IS NOT NULL"),
        sqlite_where=sa.text("handed_to_id IS NOT NULL"),
    )
    op.create_index(
        "ix_invoice_mailbox_open",
        "invoice",
        ["mailbox_id", "due_on", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
        sqlite_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "ix_invoice_same",
        "invoice",
        ["same_as_id"],
        unique=False,
        postgresql_where=sa.text("same_as_id IS NOT NULL"),
        sqlite_where=sa.text("same_as_id IS NOT NULL"),
    )
    op.create_index(
        "ix_invoice_settled",
        "invoice",
        ["vendor_id", "issued_on", "id"],
        unique=False,
        postgresql_where=sa.text("state <> 'open'"),
        sqlite_where=sa.text("state <> 'open'"),
    )
    op.create_index("ix_invoice_vendor", "invoice", ["vendor_id", "issued_on", "id"], unique=False)
    op.create_index(
        "ix_invoice_vendor_open",
        "invoice",
        ["vendor_id", "due_on", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
        sqlite_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "message",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("said_by", sa.String(length=80), nullable=False),
        sa.Column("via", sa.String(length=8), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("canned_id", sa.Uuid(), nullable=True),
        sa.Column("result", sa.String(length=20), nullable=False),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        sa.Column("is_own", sa.Boolean(), nullable=False),
        sa.Column("sender_address", sa.String(length=254), nullable=False),
        sa.Column("is_unverified", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["canned_id"], ["canned_answer.id"], name=op.f("fk_message_canned_id_canned_answer")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_message_customer_id_customer")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_message_person_id_person")),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["thread.id"], name=op.f("fk_message_thread_id_thread"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_message_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
    )
    op.create_index(
        "ix_message_person",
        "message",
        ["person_id", "customer_id", "vendor_id"],
        unique=False,
        postgresql_where=sa.text("person_id IS NOT NULL"),
        sqlite_where=sa.text("person_id IS NOT NULL"),
    )
    op.create_index("ix_message_thread", "message", ["thread_id", "created_at"], unique=False)
    op.create_index("ix_message_vendor", "message", ["vendor_id", "created_at"], unique=False)
    op.create_table(
        "outgoing",
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("dedupe_key", sa.String(length=160), nullable=False),
        sa.Column("mailbox_id", sa.Uuid(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("login_token_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("digest_id", sa.Uuid(), nullable=True),
        sa.Column("thread_id", sa.Uuid(), nullable=True),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("sealed_token", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["digest_id"], ["digest.id"], name=op.f("fk_outgoing_digest_id_digest")),
        sa.ForeignKeyConstraint(
            ["login_token_id"],
            ["login_token.id"],
            name=op.f("fk_outgoing_login_token_id_login_token"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name=op.f("fk_outgoing_mailbox_id_mailbox")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_outgoing_person_id_person")),
        sa.ForeignKeyConstraint(["thread_id"], ["thread.id"], name=op.f("fk_outgoing_thread_id_thread")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_outgoing_dedupe_key")),
    )
    op.create_index("ix_outgoing_created", "outgoing", ["created_at"], unique=False)
    op.create_index("ix_outgoing_digest", "outgoing", ["digest_id"], unique=False)
    op.create_index(
        "ix_outgoing_due",
        "outgoing",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'claimed')"),
        sqlite_where=sa.text("state IN ('queued', 'claimed')"),
    )
    op.create_index(
        "ix_outgoing_lease",
        "outgoing",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'claimed'"),
        sqlite_where=sa.text("state = 'claimed'"),
    )
    op.create_index("ix_outgoing_mailbox", "outgoing", ["mailbox_id", "created_at"], unique=False)
    op.create_index("ix_outgoing_person", "outgoing", ["person_id", "created_at"], unique=False)
    op.create_index(
        "ix_outgoing_stuck",
        "outgoing",
        ["state", "created_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('held', 'failed')"),
        sqlite_where=sa.text("state IN ('held', 'failed')"),
    )
    op.create_index(
        "ix_outgoing_urgent",
        "outgoing",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'claimed') AND kind <> 'digest'"),
        sqlite_where=sa.text("state IN ('queued', 'claimed') AND kind <> 'digest'"),
    )
    op.create_table(
        "provider_event",
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("event_key", sa.String(length=120), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("handled_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=300), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connection.id"],
            name=op.f("fk_provider_event_connection_id_connection"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_event")),
        sa.UniqueConstraint("provider", "event_key", name=op.f("uq_provider_event_provider_event_key")),
    )
    op.create_index(
        "ix_provider_event_due",
        "provider_event",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("handled_at IS NULL"),
        sqlite_where=sa.text("handled_at IS NULL"),
    )
    op.create_table(
        "quarantined",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("external_id", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connection.id"],
            name=op.f("fk_quarantined_connection_id_connection"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_quarantined_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantined")),
        sa.UniqueConstraint(
            "connection_id", "kind", "external_id", name=op.f("uq_quarantined_connection_id_kind_external_id")
        ),
    )
    op.create_index(op.f("ix_quarantined_vendor_id"), "quarantined", ["vendor_id"], unique=False)
    op.create_table(
        "sync_run",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("mode", sa.String(length=12), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("gone", sa.Integer(), nullable=False),
        sa.Column("quarantined", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=300), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_sync_run_connection_id_connection"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_sync_run_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_run")),
    )
    op.create_index("ix_sync_run_connection", "sync_run", ["connection_id", "started_at"], unique=False)
    op.create_table(
        "thread_link",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("mailbox_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_thread_link_customer_id_customer")),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name=op.f("fk_thread_link_mailbox_id_mailbox")),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["thread.id"], name=op.f("fk_thread_link_thread_id_thread"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_thread_link")),
    )
    op.create_table(
        "thread_note",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("mentioned_id", sa.Uuid(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["mentioned_id"], ["person.id"], name=op.f("fk_thread_note_mentioned_id_person")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_thread_note_person_id_person")),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["thread.id"], name=op.f("fk_thread_note_thread_id_thread"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_thread_note_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_thread_note")),
    )
    op.create_index("ix_thread_note_person", "thread_note", ["person_id", "vendor_id"], unique=False)
    op.create_index("ix_thread_note_thread", "thread_note", ["thread_id", "created_at"], unique=False)
    op.create_table(
        "attempt",
        sa.Column("outgoing_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("result", sa.String(length=10), nullable=False),
        sa.Column("detail", sa.String(length=300), nullable=False),
        sa.Column("provider_message_id", sa.String(length=120), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["outgoing_id"], ["outgoing.id"], name=op.f("fk_attempt_outgoing_id_outgoing")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
    )
    op.create_index("ix_attempt_outgoing", "attempt", ["outgoing_id", "started_at"], unique=False)
    op.create_index(
        "uq_attempt_live",
        "attempt",
        ["outgoing_id"],
        unique=True,
        postgresql_where=sa.text("result IN ('started', 'unknown', 'accepted')"),
        sqlite_where=sa.text("result IN ('started', 'unknown', 'accepted')"),
    )
    op.create_table(
        "credit",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("bill_to_id", sa.Uuid(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("mailbox_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("number", sa.String(length=80), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("exponent", sa.Integer(), nullable=False),
        sa.Column("total_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("remaining_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("external_id", sa.String(length=120), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content_hash", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["bill_to_id"], ["bill_to.id"], name=op.f("fk_credit_bill_to_id_bill_to")),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_credit_connection_id_connection"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_credit_customer_id_customer")),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name=op.f("fk_credit_mailbox_id_mailbox")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_credit_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit")),
        sa.UniqueConstraint(
            "connection_id", "kind", "external_id", name=op.f("uq_credit_connection_id_kind_external_id")
        ),
    )
    op.create_index("ix_credit_bill_to", "credit", ["bill_to_id"], unique=False)
    op.create_index("ix_credit_customer", "credit", ["customer_id", "vendor_id"], unique=False)
    op.create_index("ix_credit_mailbox", "credit", ["mailbox_id"], unique=False)
    op.create_index(op.f("ix_credit_vendor_id"), "credit", ["vendor_id"], unique=False)
    op.create_table(
        "customer_fact",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("bill_to_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.String(length=12), nullable=False),
        sa.Column("value", sa.String(length=300), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bill_to_id"], ["bill_to.id"], name=op.f("fk_customer_fact_bill_to_id_bill_to"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_customer_fact_person_id_person")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_customer_fact_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_fact")),
    )
    op.create_index("ix_customer_fact_bill_to", "customer_fact", ["bill_to_id", "field", "created_at"], unique=False)
    op.create_index("ix_customer_fact_person", "customer_fact", ["person_id", "vendor_id"], unique=False)
    op.create_table(
        "details_proposal",
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("bill_to_id", sa.Uuid(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("words", sa.String(length=500), nullable=False),
        sa.Column("file_name", sa.String(length=100), nullable=False),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("is_accepted", sa.Boolean(), nullable=False),
        sa.Column("answer", sa.String(length=300), nullable=False),
        sa.Column("answered_by_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["answered_by_id"], ["person.id"], name=op.f("fk_details_proposal_answered_by_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["bill_to_id"], ["bill_to.id"], name=op.f("fk_details_proposal_bill_to_id_bill_to"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["change_id"],
            ["details_change.id"],
            name=op.f("fk_details_proposal_change_id_details_change"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_details_proposal_customer_id_customer")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_details_proposal_person_id_person")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_details_proposal_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_details_proposal")),
        sa.UniqueConstraint("change_id", "vendor_id", name=op.f("uq_details_proposal_change_id_vendor_id")),
    )
    op.create_index("ix_details_proposal_customer", "details_proposal", ["customer_id", "created_at"], unique=False)
    op.create_index("ix_details_proposal_vendor", "details_proposal", ["vendor_id", "created_at"], unique=False)
    op.create_table(
        "held_reply",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("mailbox_id", sa.Uuid(), nullable=False),
        sa.Column("digest_id", sa.Uuid(), nullable=False),
        sa.Column("inbound_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("said_by", sa.String(length=80), nullable=False),
        sa.Column("sender_address", sa.String(length=254), nullable=False),
        sa.Column("is_unverified", sa.Boolean(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("thread_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_held_reply_customer_id_customer")),
        sa.ForeignKeyConstraint(
            ["digest_id"], ["digest.id"], name=op.f("fk_held_reply_digest_id_digest"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["inbound_id"], ["inbound_mail.id"], name=op.f("fk_held_reply_inbound_id_inbound_mail")
        ),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name=op.f("fk_held_reply_mailbox_id_mailbox")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_held_reply_person_id_person")),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["thread.id"], name=op.f("fk_held_reply_thread_id_thread"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held_reply")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_held_reply_token_hash")),
    )
    op.create_index("ix_held_reply_digest", "held_reply", ["digest_id", "created_at"], unique=False)
    op.create_table(
        "hold",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=14), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("end_reason", sa.String(length=200), nullable=False),
        sa.Column("result", sa.String(length=10), nullable=True),
        sa.Column("thread_id", sa.Uuid(), nullable=True),
        sa.Column("promised_on", sa.Date(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("owed_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("wanted", sa.String(length=12), nullable=False),
        sa.Column("accepted_at", UtcDateTime(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("is_hidden", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("said_by", sa.String(length=80), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_hold_customer_id_customer")),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoice.id"], name=op.f("fk_hold_invoice_id_invoice"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_hold_person_id_person")),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["thread.id"], name=op.f("fk_hold_thread_id_thread"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_hold_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
    )
    op.create_index(
        "ix_hold_broken",
        "hold",
        ["invoice_id"],
        unique=False,
        postgresql_where=sa.text("result = 'broken'"),
        sqlite_where=sa.text("result = 'broken'"),
    )
    op.create_index("ix_hold_customer", "hold", ["customer_id", "created_at"], unique=False)
    op.create_index(
        "ix_hold_due",
        "hold",
        ["ends_at"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_hold_live",
        "hold",
        ["invoice_id", "ends_at"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(op.f("ix_hold_thread_id"), "hold", ["thread_id"], unique=False)
    op.create_index("ix_hold_vendor", "hold", ["vendor_id", "created_at"], unique=False)
    op.create_table(
        "invoice_change",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("balance_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("total_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_change_invoice_id_invoice"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_change")),
    )
    op.create_index("ix_invoice_change_invoice", "invoice_change", ["invoice_id", "at"], unique=False)
    op.create_table(
        "invoice_document",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_document_invoice_id_invoice"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_invoice_document_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_document")),
        sa.UniqueConstraint("invoice_id", name=op.f("uq_invoice_document_invoice_id")),
    )
    op.create_index("ix_invoice_document_expires", "invoice_document", ["expires_at"], unique=False)
    op.create_table(
        "mention",
        sa.Column("mailbox_id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoice.id"], name=op.f("fk_mention_invoice_id_invoice"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["mailbox_id"], ["mailbox.id"], name=op.f("fk_mention_mailbox_id_mailbox"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("mailbox_id", "invoice_id", name=op.f("pk_mention")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(op.f("ix_mention_invoice_id"), "mention", ["invoice_id"], unique=False)
    op.create_table(
        "message_attachment",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=100), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_message_attachment_customer_id_customer")
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_message_attachment_message_id_message"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["thread.id"], name=op.f("fk_message_attachment_thread_id_thread"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_message_attachment_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_attachment")),
    )
    op.create_index(op.f("ix_message_attachment_message_id"), "message_attachment", ["message_id"], unique=False)
    op.create_index("ix_message_attachment_thread", "message_attachment", ["thread_id", "created_at"], unique=False)
    op.create_table(
        "offline_contact",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("bill_to_id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("said_on", sa.Date(), nullable=False),
        sa.Column("said_by", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("promised_on", sa.Date(), nullable=True),
        sa.Column("words", sa.String(length=1000), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bill_to_id"], ["bill_to.id"], name=op.f("fk_offline_contact_bill_to_id_bill_to"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoice.id"], name=op.f("fk_offline_contact_invoice_id_invoice"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_offline_contact_person_id_person")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_offline_contact_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offline_contact")),
    )
    op.create_index("ix_offline_contact_bill_to", "offline_contact", ["bill_to_id", "created_at"], unique=False)
    op.create_index("ix_offline_contact_invoice", "offline_contact", ["invoice_id"], unique=False)
    op.create_index("ix_offline_contact_person", "offline_contact", ["person_id", "vendor_id"], unique=False)
    op.create_index("ix_offline_contact_vendor", "offline_contact", ["vendor_id", "created_at"], unique=False)
    op.create_table(
        "payment",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("bill_to_id", sa.Uuid(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("exponent", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("method", sa.String(length=40), nullable=False),
        sa.Column("applied", sa.JSON(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("external_id", sa.String(length=120), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content_hash", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["bill_to_id"], ["bill_to.id"], name=op.f("fk_payment_bill_to_id_bill_to")),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_payment_connection_id_connection"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_payment_customer_id_customer")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_payment_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("connection_id", "external_id", name=op.f("uq_payment_connection_id_external_id")),
    )
    op.create_index("ix_payment_bill_to", "payment", ["bill_to_id"], unique=False)
    op.create_index("ix_payment_customer", "payment", ["customer_id", "paid_on"], unique=False)
    op.create_index(op.f("ix_payment_vendor_id"), "payment", ["vendor_id"], unique=False)
    op.create_table(
        "rating",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("mailbox_id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("digest_id", sa.Uuid(), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=True),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("comment", sa.String(length=500), nullable=False),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_rating_customer_id_customer")),
        sa.ForeignKeyConstraint(
            ["digest_id"], ["digest.id"], name=op.f("fk_rating_digest_id_digest"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoice.id"], name=op.f("fk_rating_invoice_id_invoice"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["mailbox_id"], ["mailbox.id"], name=op.f("fk_rating_mailbox_id_mailbox"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_rating_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rating")),
        sa.UniqueConstraint("digest_id", name=op.f("uq_rating_digest_id")),
    )
    op.create_index("ix_rating_vendor", "rating", ["vendor_id", "asked_at"], unique=False)
    op.create_index(
        "uq_rating_waiting",
        "rating",
        ["mailbox_id", "vendor_id"],
        unique=True,
        postgresql_where=sa.text("digest_id IS NULL"),
        sqlite_where=sa.text("digest_id IS NULL"),
    )
    op.create_table(
        "setback",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(length=160), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=20), server_default="", nullable=False),
        sa.Column("code", sa.String(length=80), server_default="", nullable=False),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("happened_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("told_at", UtcDateTime(), nullable=True),
        sa.Column("is_expected", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("accepted_at", UtcDateTime(), nullable=True),
        sa.Column("disputed_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_setback_connection_id_connection"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoice.id"], name=op.f("fk_setback_invoice_id_invoice"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_setback")),
        sa.UniqueConstraint("connection_id", "external_id", name=op.f("uq_setback_connection_id_external_id")),
    )
    op.create_index("ix_setback_invoice", "setback", ["invoice_id", "happened_at"], unique=False)
    op.create_index(
        "ix_setback_untold",
        "setback",
        ["seen_at"],
        unique=False,
        postgresql_where=sa.text("told_at IS NULL"),
        sqlite_where=sa.text("told_at IS NULL"),
    )
    op.create_index("ix_setback_vendor", "setback", ["vendor_id", "happened_at"], unique=False)
    op.create_table(
        "settlement",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("told_at", UtcDateTime(), nullable=True),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("checked_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connection.id"],
            name=op.f("fk_settlement_connection_id_connection"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_settlement_customer_id_customer")),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoice.id"], name=op.f("fk_settlement_invoice_id_invoice"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_settlement_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement")),
    )
    op.create_index("ix_settlement_invoice", "settlement", ["invoice_id"], unique=False)
    op.create_index("ix_settlement_seen", "settlement", ["seen_at"], unique=False)
    op.create_index(
        "ix_settlement_unchecked",
        "settlement",
        ["seen_at"],
        unique=False,
        postgresql_where=sa.text("checked_at IS NULL"),
        sqlite_where=sa.text("checked_at IS NULL"),
    )
    op.create_index("ix_settlement_vendor", "settlement", ["vendor_id", "seen_at"], unique=False)
    op.create_table(
        "thread_invoice",
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_thread_invoice_customer_id_customer")),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoice.id"], name=op.f("fk_thread_invoice_invoice_id_invoice"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["thread.id"], name=op.f("fk_thread_invoice_thread_id_thread"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_thread_invoice_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("thread_id", "invoice_id", name=op.f("pk_thread_invoice")),
    )
    op.create_index(op.f("ix_thread_invoice_invoice_id"), "thread_invoice", ["invoice_id"], unique=False)
    op.create_table(
        "vendor_task",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("subject_key", sa.String(length=120), nullable=False),
        sa.Column("bill_to_id", sa.Uuid(), nullable=True),
        sa.Column("invoice_id", sa.Uuid(), nullable=True),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("advice", sa.JSON(), nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.Column("done_by_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bill_to_id"], ["bill_to.id"], name=op.f("fk_vendor_task_bill_to_id_bill_to"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["done_by_id"], ["person.id"], name=op.f("fk_vendor_task_done_by_id_person")),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoice.id"], name=op.f("fk_vendor_task_invoice_id_invoice"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_vendor_task_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vendor_task")),
        sa.UniqueConstraint("vendor_id", "kind", "subject_key", name=op.f("uq_vendor_task_vendor_id_kind_subject_key")),
    )
    op.create_index(
        "ix_vendor_task_open",
        "vendor_task",
        ["vendor_id", "created_at"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL"),
        sqlite_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "write_back",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("words", sa.String(length=300), nullable=False),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.Column("external_id", sa.String(length=120), nullable=False),
        sa.Column("error", sa.String(length=300), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connection.id"],
            name=op.f("fk_write_back_connection_id_connection"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoice.id"], name=op.f("fk_write_back_invoice_id_invoice"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_write_back_vendor_id_vendor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_write_back")),
        sa.UniqueConstraint("connection_id", "key", name=op.f("uq_write_back_connection_id_key")),
    )
    op.create_index(
        "ix_write_back_due",
        "write_back",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL"),
        sqlite_where=sa.text("done_at IS NULL"),
    )
    op.create_index(op.f("ix_write_back_invoice_id"), "write_back", ["invoice_id"], unique=False)
    op.create_index("ix_write_back_vendor", "write_back", ["vendor_id", "created_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_write_back_vendor", table_name="write_back")
    op.drop_index(op.f("ix_write_back_invoice_id"), table_name="write_back")
    op.drop_index(
        "ix_write_back_due",
        table_name="write_back",
        postgresql_where=sa.text("done_at IS NULL"),
        sqlite_where=sa.text("done_at IS NULL"),
    )
    op.drop_table("write_back")
    op.drop_index(
        "ix_vendor_task_open",
        table_name="vendor_task",
        postgresql_where=sa.text("done_at IS NULL"),
        sqlite_where=sa.text("done_at IS NULL"),
    )
    op.drop_table("vendor_task")
    op.drop_index(op.f("ix_thread_invoice_invoice_id"), table_name="thread_invoice")
    op.drop_table("thread_invoice")
    op.drop_index("ix_settlement_vendor", table_name="settlement")
    op.drop_index(
        "ix_settlement_unchecked",
        table_name="settlement",
        postgresql_where=sa.text("checked_at IS NULL"),
        sqlite_where=sa.text("checked_at IS NULL"),
    )
    op.drop_index("ix_settlement_seen", table_name="settlement")
    op.drop_index("ix_settlement_invoice", table_name="settlement")
    op.drop_table("settlement")
    op.drop_index("ix_setback_vendor", table_name="setback")
    op.drop_index(
        "ix_setback_untold",
        table_name="setback",
        postgresql_where=sa.text("told_at IS NULL"),
        sqlite_where=sa.text("told_at IS NULL"),
    )
    op.drop_index("ix_setback_invoice", table_name="setback")
    op.drop_table("setback")
    op.drop_index(
        "uq_rating_waiting",
        table_name="rating",
        postgresql_where=sa.text("digest_id IS NULL"),
        sqlite_where=sa.text("digest_id IS NULL"),
    )
    op.drop_index("ix_rating_vendor", table_name="rating")
    op.drop_table("rating")
    op.drop_index(op.f("ix_payment_vendor_id"), table_name="payment")
    op.drop_index("ix_payment_customer", table_name="payment")
    op.drop_index("ix_payment_bill_to", table_name="payment")
    op.drop_table("payment")
    op.drop_index("ix_offline_contact_vendor", table_name="offline_contact")
    op.drop_index("ix_offline_contact_person", table_name="offline_contact")
    op.drop_index("ix_offline_contact_invoice", table_name="offline_contact")
    op.drop_index("ix_offline_contact_bill_to", table_name="offline_contact")
    op.drop_table("offline_contact")
    op.drop_index("ix_message_attachment_thread", table_name="message_attachment")
    op.drop_index(op.f("ix_message_attachment_message_id"), table_name="message_attachment")
    op.drop_table("message_attachment")
    op.drop_index(op.f("ix_mention_invoice_id"), table_name="mention")
    op.drop_table("mention")
    op.drop_index("ix_invoice_document_expires", table_name="invoice_document")
    op.drop_table("invoice_document")
    op.drop_index("ix_invoice_change_invoice", table_name="invoice_change")
    op.drop_table("invoice_change")
    op.drop_index("ix_hold_vendor", table_name="hold")
    op.drop_index(op.f("ix_hold_thread_id"), table_name="hold")
    op.drop_index(
        "ix_hold_live",
        table_name="hold",
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index(
        "ix_hold_due",
        table_name="hold",
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index("ix_hold_customer", table_name="hold")
    op.drop_index(
        "ix_hold_broken",
        table_name="hold",
        postgresql_where=sa.text("result = 'broken'"),
        sqlite_where=sa.text("result = 'broken'"),
    )
    op.drop_table("hold")
    op.drop_index("ix_held_reply_digest", table_name="held_reply")
    op.drop_table("held_reply")
    op.drop_index("ix_details_proposal_vendor", table_name="details_proposal")
    op.drop_index("ix_details_proposal_customer", table_name="details_proposal")
    op.drop_table("details_proposal")
    op.drop_index("ix_customer_fact_person", table_name="customer_fact")
    op.drop_index("ix_customer_fact_bill_to", table_name="customer_fact")
    op.drop_table("customer_fact")
    op.drop_index(op.f("ix_credit_vendor_id"), table_name="credit")
    op.drop_index("ix_credit_mailbox", table_name="credit")
    op.drop_index("ix_credit_customer", table_name="credit")
    op.drop_index("ix_credit_bill_to", table_name="credit")
    op.drop_table("credit")
    op.drop_index(
        "uq_attempt_live",
        table_name="attempt",
        postgresql_where=sa.text("result IN ('started', 'unknown', 'accepted')"),
        sqlite_where=sa.text("result IN ('started', 'unknown', 'accepted')"),
    )
    op.drop_index("ix_attempt_outgoing", table_name="attempt")
    op.drop_table("attempt")
    op.drop_index("ix_thread_note_thread", table_name="thread_note")
    op.drop_index("ix_thread_note_person", table_name="thread_note")
    op.drop_table("thread_note")
    op.drop_table("thread_link")
    op.drop_index("ix_sync_run_connection", table_name="sync_run")
    op.drop_table("sync_run")
    op.drop_index(op.f("ix_quarantined_vendor_id"), table_name="quarantined")
    op.drop_table("quarantined")
    op.drop_index(
        "ix_provider_event_due",
        table_name="provider_event",
        postgresql_where=sa.text("handled_at IS NULL"),
        sqlite_where=sa.text("handled_at IS NULL"),
    )
    op.drop_table("provider_event")
    op.drop_index(
        "ix_outgoing_urgent",
        table_name="outgoing",
        postgresql_where=sa.text("state IN ('queued', 'claimed') AND kind <> 'digest'"),
        sqlite_where=sa.text("state IN ('queued', 'claimed') AND kind <> 'digest'"),
    )
    op.drop_index(
        "ix_outgoing_stuck",
        table_name="outgoing",
        postgresql_where=sa.text("state IN ('held', 'failed')"),
        sqlite_where=sa.text("state IN ('held', 'failed')"),
    )
    op.drop_index("ix_outgoing_person", table_name="outgoing")
    op.drop_index("ix_outgoing_mailbox", table_name="outgoing")
    op.drop_index(
        "ix_outgoing_lease",
        table_name="outgoing",
        postgresql_where=sa.text("state = 'claimed'"),
        sqlite_where=sa.text("state = 'claimed'"),
    )
    op.drop_index(
        "ix_outgoing_due",
        table_name="outgoing",
        postgresql_where=sa.text("state IN ('queued', 'claimed')"),
        sqlite_where=sa.text("state IN ('queued', 'claimed')"),
    )
    op.drop_index("ix_outgoing_digest", table_name="outgoing")
    op.drop_index("ix_outgoing_created", table_name="outgoing")
    op.drop_table("outgoing")
    op.drop_index("ix_message_vendor", table_name="message")
    op.drop_index("ix_message_thread", table_name="message")
    op.drop_index(
        "ix_message_person",
        table_name="message",
        postgresql_where=sa.text("person_id IS NOT NULL"),
        sqlite_where=sa.text("person_id IS NOT NULL"),
    )
    op.drop_table("message")
    op.drop_index(
        "ix_invoice_vendor_open",
        table_name="invoice",
        postgresql_where=sa.text("state = 'open'"),
        sqlite_where=sa.text("state = 'open'"),
    )
    op.drop_index("ix_invoice_vendor", table_name="invoice")
    op.drop_index(
        "ix_invoice_settled",
        table_name="invoice",
        postgresql_where=sa.text("state <> 'open'"),
        sqlite_where=sa.text("state <> 'open'"),
    )
    op.drop_index(
        "ix_invoice_same",
        table_name="invoice",
        postgresql_where=sa.text("same_as_id IS NOT NULL"),
        sqlite_where=sa.text("same_as_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_invoice_mailbox_open",
        table_name="invoice",
        postgresql_where=sa.text("state = 'open'"),
        sqlite_where=sa.text("state = 'open'"),
    )
    op.drop_index(
        "ix_invoice_handed",
        table_name="invoice",
        postgresql_where=sa.text("handed_to_id IS NOT NULL"),
        sqlite_where=sa.text("handed_to_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_invoice_customer_open",
        table_name="invoice",
        postgresql_where=sa.text("state = 'open'"),
        sqlite_where=sa.text("state = 'open'"),
    )
    op.drop_index("ix_invoice_customer", table_name="invoice")
    op.drop_index("ix_invoice_bill_to", table_name="invoice")
    op.drop_index(
        "ix_invoice_agreed",
        table_name="invoice",
        postgresql_where=sa.text("agreed_at IS NOT NULL"),
        sqlite_where=sa.text("agreed_at IS NOT NULL"),
    )
    op.drop_table("invoice")
    op.drop_index(
        "ix_inbound_mail_stuck",
        table_name="inbound_mail",
        postgresql_where=sa.text("outcome = 'quarantined'"),
        sqlite_where=sa.text("outcome = 'quarantined'"),
    )
    op.drop_index("ix_inbound_mail_received", table_name="inbound_mail")
    op.drop_index(
        "ix_inbound_mail_due",
        table_name="inbound_mail",
        postgresql_where=sa.text("handled_at IS NULL"),
        sqlite_where=sa.text("handled_at IS NULL"),
    )
    op.drop_table("inbound_mail")
    op.drop_index("ix_digest_line_invoice", table_name="digest_line")
    op.drop_table("digest_line")
    op.drop_index("ix_bill_to_vendor_name", table_name="bill_to")
    op.drop_index("ix_bill_to_vendor_address", table_name="bill_to")
    op.drop_index(
        "ix_bill_to_policy",
        table_name="bill_to",
        sqlite_where=sa.text("policy_id IS NOT NULL"),
        postgresql_where=sa.text("policy_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_bill_to_owned",
        table_name="bill_to",
        sqlite_where=sa.text("owner_id IS NOT NULL AND late_told_at IS NULL"),
        postgresql_where=sa.text("owner_id IS NOT NULL AND late_told_at IS NULL"),
    )
    op.drop_index(op.f("ix_bill_to_mailbox_id"), table_name="bill_to")
    op.drop_index(
        "ix_bill_to_issue",
        table_name="bill_to",
        sqlite_where=sa.text("issue <> ''"),
        postgresql_where=sa.text("issue <> ''"),
    )
    op.drop_index(
        "ix_bill_to_extra",
        table_name="bill_to",
        sqlite_where=sa.text("extra_days > 0"),
        postgresql_where=sa.text("extra_days > 0"),
    )
    op.drop_index(op.f("ix_bill_to_customer_id"), table_name="bill_to")
    op.drop_index(
        "ix_bill_to_chosen",
        table_name="bill_to",
        sqlite_where=sa.text("chosen_address IS NOT NULL"),
        postgresql_where=sa.text("chosen_address IS NOT NULL"),
    )
    op.drop_table("bill_to")
    op.drop_index("ix_thread_vendor", table_name="thread")
    op.drop_index(
        "ix_thread_queue",
        table_name="thread",
        postgresql_where=sa.text("state = 'waiting_vendor'"),
        sqlite_where=sa.text("state = 'waiting_vendor'"),
    )
    op.drop_index("ix_thread_customer", table_name="thread")
    op.drop_table("thread")
    op.drop_index(op.f("ix_route_mailbox_id"), table_name="route")
    op.drop_index(op.f("ix_route_customer_id"), table_name="route")
    op.drop_table("route")
    op.drop_index("ix_digest_customer", table_name="digest")
    op.drop_index("ix_digest_created", table_name="digest")
    op.drop_index(
        "ix_digest_accepted",
        table_name="digest",
        postgresql_where=sa.text("accepted_at IS NOT NULL"),
        sqlite_where=sa.text("accepted_at IS NOT NULL"),
    )
    op.drop_table("digest")
    op.drop_index(
        "uq_connection_account",
        table_name="connection",
        postgresql_where=sa.text("account_id IS NOT NULL"),
        sqlite_where=sa.text("account_id IS NOT NULL"),
    )
    op.drop_index(op.f("ix_connection_vendor_id"), table_name="connection")
    op.drop_index(
        "ix_connection_hook_due",
        table_name="connection",
        postgresql_where=sa.text("hook_due_at IS NOT NULL"),
        sqlite_where=sa.text("hook_due_at IS NOT NULL"),
    )
    op.drop_index(
        "ix_connection_due",
        table_name="connection",
        postgresql_where=sa.text("next_pull_at IS NOT NULL"),
        sqlite_where=sa.text("next_pull_at IS NOT NULL"),
    )
    op.drop_index("ix_connection_account", table_name="connection")
    op.drop_table("connection")
    op.drop_index(op.f("ix_web_session_person_id"), table_name="web_session")
    op.drop_table("web_session")
    op.drop_index(op.f("ix_waiting_file_vendor_id"), table_name="waiting_file")
    op.drop_index("ix_waiting_file_expires", table_name="waiting_file")
    op.drop_table("waiting_file")
    op.drop_index(op.f("ix_vendor_member_person_id"), table_name="vendor_member")
    op.drop_index(op.f("ix_vendor_member_next_report_at"), table_name="vendor_member")
    op.drop_table("vendor_member")
    op.drop_index("ix_report_vendor", table_name="report")
    op.drop_index(op.f("ix_report_customer_id"), table_name="report")
    op.drop_index("ix_report_created", table_name="report")
    op.drop_table("report")
    op.drop_index("ix_remittance_vendor", table_name="remittance")
    op.drop_index("ix_remittance_customer", table_name="remittance")
    op.drop_table("remittance")
    op.drop_index(op.f("ix_relation_vendor_id"), table_name="relation")
    op.drop_index(
        "ix_relation_reached",
        table_name="relation",
        postgresql_where=sa.text("reached_at IS NOT NULL"),
        sqlite_where=sa.text("reached_at IS NOT NULL"),
    )
    op.drop_table("relation")
    op.drop_index(
        "uq_policy_default",
        table_name="policy",
        postgresql_where=sa.text("is_default"),
        sqlite_where=sa.text("is_default"),
    )
    op.drop_index("ix_policy_vendor", table_name="policy")
    op.drop_table("policy")
    op.drop_table("pay_rule")
    op.drop_index("ix_pay_method_vendor", table_name="pay_method")
    op.drop_index(
        "ix_pay_method_untold",
        table_name="pay_method",
        postgresql_where=sa.text("told_at IS NULL AND frozen_until IS NOT NULL"),
        sqlite_where=sa.text("told_at IS NULL AND frozen_until IS NOT NULL"),
    )
    op.drop_table("pay_method")
    op.drop_index(
        "ix_pay_host_untold",
        table_name="pay_host",
        postgresql_where=sa.text("told_at IS NULL AND frozen_until IS NOT NULL"),
        sqlite_where=sa.text("told_at IS NULL AND frozen_until IS NOT NULL"),
    )
    op.drop_table("pay_host")
    op.drop_index(op.f("ix_merge_customer_id"), table_name="merge")
    op.drop_table("merge")
    op.drop_index(
        "ix_mailbox_instant",
        table_name="mailbox",
        postgresql_where=sa.text("instant_due_at IS NOT NULL"),
        sqlite_where=sa.text("instant_due_at IS NOT NULL"),
    )
    op.drop_index("ix_mailbox_due", table_name="mailbox", postgresql_where=sa.text("next_digest_at IS NOT NULL"))
    op.drop_index(op.f("ix_mailbox_customer_id"), table_name="mailbox")
    op.drop_table("mailbox")
    op.drop_index("ix_login_token_rate", table_name="login_token")
    op.drop_index("ix_login_token_created", table_name="login_token")
    op.drop_index("ix_login_token_client", table_name="login_token")
    op.drop_index("ix_login_token_browser", table_name="login_token")
    op.drop_index(op.f("ix_login_token_address"), table_name="login_token")
    op.drop_table("login_token")
    op.drop_index("ix_forwarded_invoice_customer", table_name="forwarded_invoice")
    op.drop_table("forwarded_invoice")
    op.drop_table("failure_text")
    op.drop_index("ix_domain_proof_check", table_name="domain_proof")
    op.drop_table("domain_proof")
    op.drop_index(op.f("ix_direct_reminder_customer_id"), table_name="direct_reminder")
    op.drop_table("direct_reminder")
    op.drop_index("ix_details_change_customer", table_name="details_change")
    op.drop_table("details_change")
    op.drop_index(op.f("ix_customer_member_person_id"), table_name="customer_member")
    op.drop_table("customer_member")
    op.drop_index("ix_canned_answer_vendor", table_name="canned_answer")
    op.drop_table("canned_answer")
    op.drop_index(op.f("ix_calendar_feed_person_id"), table_name="calendar_feed")
    op.drop_table("calendar_feed")
    op.drop_index("ix_bank_account_vendor", table_name="bank_account")
    op.drop_index(
        "ix_bank_account_untold",
        table_name="bank_account",
        postgresql_where=sa.text("told_at IS NULL AND frozen_until IS NOT NULL"),
        sqlite_where=sa.text("told_at IS NULL AND frozen_until IS NOT NULL"),
    )
    op.drop_table("bank_account")
    op.drop_index("ix_audit_entry_vendor", table_name="audit_entry")
    op.drop_index(
        "ix_audit_entry_person",
        table_name="audit_entry",
        postgresql_where=sa.text("person_id IS NOT NULL"),
        sqlite_where=sa.text("person_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_audit_entry_customer",
        table_name="audit_entry",
        postgresql_where=sa.text("customer_id IS NOT NULL"),
        sqlite_where=sa.text("customer_id IS NOT NULL"),
    )
    op.drop_index("ix_audit_entry_at", table_name="audit_entry")
    op.drop_index("ix_audit_entry_action", table_name="audit_entry")
    op.drop_table("audit_entry")
    op.drop_index(op.f("ix_vendor_segments_due_at"), table_name="vendor")
    op.drop_index(op.f("ix_vendor_next_scored_at"), table_name="vendor")
    op.drop_index(op.f("ix_vendor_logo_key"), table_name="vendor")
    op.drop_table("vendor")
    op.drop_table("stop_switch")
    op.drop_table("send_gate")
    op.drop_table("person")
    op.drop_index("ix_job_run_job", table_name="job_run")
    op.drop_table("job_run")
    op.drop_index("ix_invoice_sum_vendor", table_name="invoice_sum")
    op.drop_index(
        "ix_invoice_sum_loose",
        table_name="invoice_sum",
        postgresql_where=sa.text("is_loose"),
        sqlite_where=sa.text("is_loose"),
    )
    op.drop_table("invoice_sum")
    op.drop_table("forgotten_address")
    op.drop_index(
        "ix_delivery_event_unhandled",
        table_name="delivery_event",
        postgresql_where=sa.text("handled_at IS NULL"),
        sqlite_where=sa.text("handled_at IS NULL"),
    )
    op.drop_index(
        "ix_delivery_event_stray",
        table_name="delivery_event",
        postgresql_where=sa.text("is_stray"),
        sqlite_where=sa.text("is_stray"),
    )
    op.drop_table("delivery_event")
    op.drop_table("customer")
    op.drop_index(
        "uq_alarm_ringing",
        table_name="alarm",
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index("ix_alarm_since", table_name="alarm")
    op.drop_table("alarm")
