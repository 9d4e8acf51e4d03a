"""``python -m tests.isolation.rules [--write]``: what PostgreSQL's roles may do, from the models' mixins.

--write puts it into the migration that makes the policies; tests/isolation/test_policies.py holds the database against
the mixins.
"""

import re
import sys
import textwrap
from pathlib import Path

import app.models  # noqa: F401  every table is known once they are all imported
from app.row_level import TableRules, rules

MIGRATION = Path(__file__).resolve().parents[2] / "migrations" / "versions" / "0002_row_level_security.py"


def main(arguments: list[str]) -> int:
    written = "RULES = [\n" + "".join(map(_written, rules())) + "]\n"
    if arguments != ["--write"]:
        sys.stdout.write(written)
        return 0
    before = MIGRATION.read_text()
    MIGRATION.write_text(re.sub(r"(?ms)^RULES = \[(\]|.*?^\])\n", lambda _: written, before, count=1))
    return 0


def _written(rule: TableRules) -> str:
    """One table's line in the migration, long rules in pieces."""
    own, known = (
        "{" + ", ".join(f"{role!r}: {_pieces(said)}" for role, said in rows.items()) + "}"
        for rows in (rule.own, rule.known)
    )
    return f"    ({rule.table!r}, {rule.narrow_rights!r}, {rule.worker_rights!r}, {own}, {known}),\n"


def _pieces(said: str) -> str:
    return " ".join(map(repr, textwrap.wrap(said, 90, drop_whitespace=False)))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
