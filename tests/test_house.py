"""Tests that watch the house itself: who may know whom, and what is installed."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROVIDERS = sorted(path.parent for path in (ROOT / "connectors").glob("*/connector.py"))
REQUIREMENTS = ["requirements.txt", "requirements-dev.txt"]


def test_imports_point_downwards() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda path: path.name)
def test_a_provider_knows_only_its_own_folder_the_contract_and_pure_files(provider: Path) -> None:
    own = f"connectors.{provider.name}"
    allowed = {own, "connectors.base", "app.money", "app.address", "app.clock", "app.words"}
    shared = ("answers", "books", "fields", "paging", "said", "signing", "sites")  # know nothing more, and each other
    allowed |= {f"connectors.{name}" for name in shared}
    for path in provider.rglob("*.py"):
        ours = {name for name in imported(path) if name.split(".")[0] in ("app", "connectors", "digest", "wsgi")}
        strange = {name for name in ours if not any(name == each or name.startswith(f"{each}.") for each in allowed)}
        assert not strange, f"{path.relative_to(ROOT)} imports {strange}"


def test_a_process_begins_without_what_it_may_never_need() -> None:
    """Each is 2 to 8 MB and up to 0.1 s, loaded where it is first asked for."""
    heavy = {"PIL", "alembic", "confusable_homoglyphs", "dns", "holidays", "icalendar", "pypdf", "reportlab"}
    program = f"import sys, wsgi; print(*sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_nothing_imports_the_sandbox_but_itself() -> None:
    """It is a process of its own; whoever needs it starts it."""
    files = [
        ROOT / "wsgi.py",
        *(path for part in ("app", "connectors", "digest") for path in (ROOT / part).rglob("*.py")),
    ]
    outside = [path for path in files if path.exists() and "sandbox" not in path.relative_to(ROOT).parts]
    assert [path for path in outside if any(name.startswith("connectors.sandbox") for name in imported(path))] == []


# The only places that hand SQL to the database past the sessions' narrowing (app/narrow.py), and why they may.
PAST_SCOPES = {
    "app/bulk.py": "the one place for SQL as text: rows by the thousand, for workers",
    "app/db.py": "opens transactions on SQLite",
    "app/ops/views.py": "asks which migration the tables are at",
    "app/mailboxes/standing.py": "a customer's own rows to another of its mailboxes, widened",
    "app/receivables/routing.py": "a customer's own rows to the mailboxes it named, widened",
    "app/receivables/twins.py": "one invoice of several of a vendor's books: in the worker, or widened",
    "app/rekeying.py": "seals secrets of all tenants anew",
    "app/row_level.py": "looks at the database user, and lets one in",
    "app/scope.py": "tells PostgreSQL the scope",
    "connectors/actions.py": "a vendor's books and addresses, widened",
    "connectors/ingest.py": "a page of a provider's records, in the worker",
    "digest/claim.py": "begins the attempts of a batch in one statement, in the worker",
    "digest/owed.py": "asks the customers' routes in the words they are kept to, for the planner",
    "digest/plan.py": "the planner sees across vendors, in the worker",
    "digest/preview.py": "composes as the planner would, for the operator",
    "digest/recompose.py": "composes anew just before sending, in the worker",
    "digest/schedule.py": "claims what is due, in the worker",
    "digest/vendor_preview.py": "composes as the planner would, and keeps one vendor's rows",
}
_PAST = {"Bulk", "connect", "connection", "exec_driver_sql", "raw_connection"}


def test_sql_goes_past_the_scopes_in_few_places_with_a_reason() -> None:
    """[inv-I1 inv-I3]"""
    found = {
        str(path.relative_to(ROOT))
        for path in _house()
        if any(map(_is_past_scopes, ast.walk(ast.parse(path.read_text()))))
    }
    assert found == set(PAST_SCOPES)


def _house() -> Iterator[Path]:
    for part in ("app", "connectors", "digest"):
        yield from (path for path in (ROOT / part).rglob("*.py") if "sandbox" not in path.parts)


def _is_past_scopes(node: ast.AST) -> bool:
    """A call of something that hands SQL to the database as it is."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name == "text" and isinstance(node.func, ast.Name):  # a constant is a condition in the words of a partial index
        return bool(node.args) and not isinstance(node.args[0], ast.Constant)
    return name in _PAST


def imported(path: Path) -> Iterator[str]:
    """The modules a file imports, hidden imports too: `from a import b` counts as a.b."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_pinned_with_a_hash(name: str) -> None:
    text = (ROOT / name).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert lines
    for line in lines:
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,-]+\])?==[^ ]+ ", line), line
        assert "--hash=sha256:" in line, line


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_no_address_of_an_index_is_written_down(name: str) -> None:
    assert not re.search(r"https?:|file:|--(extra-)?index-url|--find-links", (ROOT / name).read_text())


def test_the_development_set_holds_the_same_versions() -> None:
    ours, development = (
        set(re.findall(r"^[a-z0-9._-]+==[^ ]+", (ROOT / name).read_text(), re.M)) for name in REQUIREMENTS
    )
    assert ours <= development


def test_no_function_of_a_file_that_speaks_binds_the_word_it_speaks_with() -> None:
    """A throwaway ``_`` makes gettext's a local of that function, which fails once a sentence is said in it."""
    wrong = []
    for path in (path for part in ("app", "connectors", "digest", "demo") for path in (ROOT / part).rglob("*.py")):
        tree = ast.parse(path.read_text())
        if "app.words._" not in set(imported(path)):
            continue
        functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]
        wrong += [f"{path.relative_to(ROOT)}: {each.name}" for each in functions if _binds_underscore(each)]
    assert wrong == []


def _binds_underscore(function: ast.FunctionDef) -> bool:
    """Comprehensions have names of their own."""
    todo: list[ast.AST] = [function]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name) and node.id == "_" and isinstance(node.ctx, ast.Store):
            return True
        if isinstance(node, ast.arg) and node.arg == "_":
            return True
        inner = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
        todo += [child for child in ast.iter_child_nodes(node) if not isinstance(child, inner)]
    return False
