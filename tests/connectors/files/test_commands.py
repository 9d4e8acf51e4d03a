"""``flask import``: what it says, what it asks for, and what its exit codes mean."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from app.house import House
from app.models import Connection, Invoice
from tests.support.world import EVERYTHING, World

CSV = (
    "Invoice number,Customer,Customer email,Due date,Currency,Balance\n"
    "F-1,Cobalt,ap@cobalt.example,2026-11-09,USD,100.00\n"
)
Run = Callable[..., Result]
GERMAN = "Nr;Kunde;Fällig am;Offen\nR-1;Cobalt;04.05.2026;1.234,56\n"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """test_intake.py takes files on both databases."""
    return sqlite_url


@pytest.fixture
def run(whole_app: Flask, world: World, tmp_path: Path) -> Run:
    def run(text: str | bytes, *options: str, name: str = "open.csv") -> Result:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        args = ["import", str(path), "--vendor", str(world.acme.vendor.id), *options]
        return whole_app.test_cli_runner().invoke(args=args)

    return run


def imported(house: House) -> int:
    with house.database.reading(EVERYTHING) as session:
        query = select(func.count()).select_from(Invoice).join(Connection, Connection.id == Invoice.connection_id)
        return session.execute(query.where(Connection.provider == "files")).scalar_one()


def test_it_says_what_it_would_do_and_then_does_it(run: Run, house: House) -> None:
    """[A4] A dry run leaves nothing behind, not even the connection."""
    dry = run(CSV, "--dry-run")
    assert dry.exit_code == 0
    assert "1 new" in dry.output
    assert "nothing -> 100.00 USD" in dry.output
    assert "dry run" in dry.output
    assert imported(house) == 0
    done = run(CSV, "--json")
    assert json.loads(done.stdout.splitlines()[-1])["new"] == 1
    assert imported(house) == 1


def test_it_asks_for_what_it_cannot_know(run: Run, house: House) -> None:
    """[A4] Each question names its option; the answers are remembered."""
    asked = run(GERMAN)
    assert asked.exit_code == 3
    for option in ("--dates", "--currency", "--column number=NAME"):
        assert option in asked.output
    assert imported(house) == 0
    assert run(GERMAN, "--dates", "dmy", "--currency", "eur", "--column", "number=Nr").exit_code == 0
    assert run(GERMAN.replace("R-1", "R-2")).exit_code == 0
    assert imported(house) == 2


def test_what_a_file_is_its_content_says(run: Run, house: House, shared: Path) -> None:
    """[A4] A PDF called .csv is a PDF; a workbook is refused with the way on, and leaves with 1."""
    pdf = next((shared / "connectors/samples").rglob("*.pdf"))
    assert "1 new" in run(pdf.read_bytes(), name="export.csv").output
    refused = run(b"PK\x03\x04workbook", name="open.csv")
    assert refused.exit_code == 1
    assert "CSV" in refused.output


@pytest.mark.parametrize(
    "options",
    [["--column", "colour=Nr"], ["--currency", "XYZ"], ["--dates", "guess"], ["--vendor", "0" * 32]],
)
def test_a_command_typed_wrongly_is_told_so(run: Run, options: list[str]) -> None:
    """[A4] With 2, before any file is read."""
    assert run(CSV, *options).exit_code == 2
