"""docs/coverage.md tells the truth."""

from pathlib import Path

import pytest

from tests.coverage_table import PAGE, ROOT, names, render
from tests.support.ids import claims, features, invariants


def test_the_table_is_up_to_date() -> None:
    assert PAGE.is_file(), "run `make coverage`"
    assert PAGE.read_text() == render(names(ROOT / "tests")), "docs/coverage.md is out of date: run `make coverage`"


def test_every_id_of_the_specifications_is_in_the_list(shared: Path) -> None:
    specified = (shared / "FEATURES.md").read_text() + (shared / "INVARIANTS.md").read_text().replace(
        "- **", "- **inv-"
    )
    listed = [entry.id for entry in (*features(), *invariants(), *claims())]
    assert len(listed) == len(set(listed))
    heads = {line.split(" | ")[0].lstrip("| ") for line in specified.splitlines() if line.startswith("| ")}
    bold = {
        line.removeprefix("- **").split("*")[0].split(" ")[0]
        for line in specified.splitlines()
        if line.startswith("- **inv-")
    }
    assert {head for head in heads if head[:1].isupper() and head[1:].isdigit()} == {entry.id for entry in features()}
    assert {head for head in heads if head[:2] == "00" and "-" in head} == {entry.id for entry in claims()}
    assert bold == {entry.id for entry in invariants()}


def test_a_test_names_ids_at_the_start_of_its_docstring(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(
        '"""[A1] All of it."""\n'
        "class TestIt:\n"
        '    """[B1, inv-S1]"""\n'
        '    def test_one(self):\n        """[004-3] It does."""\n'
        'def test_two():\n    """It does [C1], by the way."""\n'
    )
    found = names(tmp_path)
    assert {each: tests["test_some.py"] for each, tests in found.items()} == {
        "A1": ["test_one", "test_two"],
        "B1": ["test_one"],
        "inv-S1": ["test_one"],
        "004-3": ["test_one"],
    }


def test_an_unknown_id_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text('def test_one():\n    """[Z99] It does."""\n')
    with pytest.raises(ValueError, match="test_one names Z99"):
        names(tmp_path)
