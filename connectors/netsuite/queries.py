"""SuiteQL: what is asked of NetSuite. Columns are named, because `SELECT *` fails on transactions; names are [R].

Each list goes on behind the last id it has shown, so nothing that moves meanwhile pushes a row over a page's edge.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

# Times of change are compared in the account's own zone, which no answer names: the westmost one is 12 hours behind
# UTC, so asking from so much earlier misses nothing. What was seen before comes again and changes nothing.
BEHIND_UTC = timedelta(hours=12)

TRANSACTION = (
    "SELECT t.id, t.type, t.tranid, t.entity, TO_CHAR(t.trandate, 'YYYY-MM-DD') AS issued, "
    "TO_CHAR(t.duedate, 'YYYY-MM-DD') AS due, c.symbol AS currency, t.foreigntotal, t.foreignamountunpaid, "
    "t.foreignpaymentamountunused, t.status, t.voided, t.otherrefnum "
    "FROM transaction t JOIN currency c ON c.id = t.currency"
)
CUSTOMER = "SELECT t.id, t.entityid, t.companyname, t.email, t.isinactive FROM customer t"
LINKS = (
    "SELECT t.nextdoc AS payment, t.previousdoc AS invoice, t.foreignamount AS amount FROM NextTransactionLineLink t "
    "WHERE t.linktype = 'Payment'"
)
COMPANY = (
    "SELECT t.name, c.symbol AS currency FROM subsidiary t JOIN currency c ON c.id = t.currency WHERE t.parent IS NULL"
)
OPEN = "t.foreignamountunpaid > 0 AND t.voided = 'F'"
UNUSED = "t.foreignpaymentamountunused > 0 AND t.voided = 'F'"


def transactions(kind: str, condition: str) -> str:
    """``kind``: CustInvc, CustCred or CustPymt."""
    return f"{TRANSACTION} WHERE t.type = '{kind}' AND {condition}"


def customers(condition: str) -> str:
    return f"{CUSTOMER} WHERE {condition}"


def links(payments: Iterable[str]) -> str:
    return f"{LINKS} AND {among(payments, 't.nextdoc')}"


def payment_of(key: str) -> str:
    """The payment that carries our key, which is letters, digits and their like."""
    return f"SELECT t.id FROM transaction t WHERE t.type = 'CustPymt' AND t.externalid = '{key}'"  # noqa: S608  checked


def among(ids: Iterable[str], column: str = "t.id") -> str:
    """``ids`` are digits, and at least one."""
    return f"{column} IN ({', '.join(ids)})"


def changed_since(moment: datetime) -> str:
    earliest = (moment.astimezone(UTC) - BEHIND_UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"t.lastmodifieddate >= TO_TIMESTAMP('{earliest}', 'YYYY-MM-DD HH24:MI:SS')"


def page(query: str, after: int) -> str:
    """The rows behind ``after``, in the order of their ids. Every query here has a WHERE and calls its table t."""
    return f"{query} AND t.id > {after} ORDER BY t.id"
