"""Which test stands for which feature, invariant and claim: ``python -m tests.coverage_table [--write]``.

A test names ids in square brackets at the start of its docstring, ``[A1 inv-S1 004-3] It keeps ...``; so does a
scenario that all providers' tests inherit. A class or a module that starts its docstring so names them for all of its
tests. docs/coverage.md comes from that, never by hand.
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.support.ids import Id, cases, claims, features, goals, invariants

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "coverage.md"
_IDS = re.compile(r"\[([A-Za-z0-9][A-Za-z0-9\s,-]*)\]")

_PARTS = (
    ("Features", features),
    ("Invariants", invariants),
    ("Claims", claims),
    ("Goals of speed that are counts", goals),
    ("Cases that follow from the providers' facts", cases),
)

# Claims that no test names, and why not.
_WHY_NOT = {
    "000-11": "later (E13): no provider's pay page tells us its currencies; the invoice's own is asked for",
    "002-5": "not built: two connections that report one invoice are two rows, each with its source",
    "003-8": "half built: name, colour and a mark that is ours alone; a vendor's logo is not shown",
    "002-17": "later (M1 M2): connectors and files come in; there is no API of our own yet",
}

Named = dict[str, dict[str, list[str]]]  # id -> file -> tests


def main(arguments: list[str]) -> int:
    named = names(ROOT / "tests")
    page = render(named)
    if arguments == ["--write"]:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page)
        print(f"{PAGE.relative_to(ROOT)}: {len(named)} ids named")
        return 0
    print(page, end="")
    return 0


def names(folder: Path) -> Named:
    """Every id that a test below the folder names. An id nobody knows is a mistake."""
    known = {entry.id for _, entries in _PARTS for entry in entries()}
    found: Named = defaultdict(lambda: defaultdict(list))
    for path in sorted([*folder.rglob("test_*.py"), *folder.rglob("scenarios/*.py")]):
        for test, ids in _tests(ast.parse(path.read_text()), frozenset()):
            unknown = ids - known
            if unknown:
                raise ValueError(
                    f"{path.relative_to(folder)}: {test} names {', '.join(sorted(unknown))}, which nobody knows"
                )
            for each in ids:
                found[each][str(path.relative_to(folder))].append(test)
    return found


def render(named: Named) -> str:
    parts = [
        "# What the tests stand for",
        "Written by `make coverage` from the ids in brackets at the start of each test's docstring; a test fails\n"
        "when it is out of date. A dash, or for a claim the reason: no test names it. Paths start at `tests/`.",
    ]
    for title, listed in _PARTS:
        entries = listed()
        covered = sum(entry.id in named for entry in entries)
        rows = "\n".join(_row(entry, named.get(entry.id, {})) for entry in entries)
        parts.append(f"## {title}: {covered} of {len(entries)}\n\n| id | about | tests |\n|---|---|---|\n{rows}")
    return "\n\n".join(parts) + "\n"


def _row(entry: Id, files: dict[str, list[str]]) -> str:
    tests = "; ".join(f"{file}: {', '.join(names)}" for file, names in sorted(files.items()))
    about = f"{entry.about} ({entry.priority})" if entry.priority else entry.about
    return f"| {entry.id} | {about} | {tests or _WHY_NOT.get(entry.id, '-')} |"


def _tests(node: ast.Module | ast.ClassDef, inherited: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Each test with the ids it names, its class's and its module's included."""
    inherited |= _ids(node)
    for child in node.body:
        if isinstance(child, ast.ClassDef):
            yield from _tests(child, inherited)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and child.name.startswith("test_"):
            yield child.name, inherited | _ids(child)


def _ids(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    found = _IDS.match(ast.get_docstring(node) or "")
    return frozenset(found[1].replace(",", " ").split()) if found else frozenset()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
