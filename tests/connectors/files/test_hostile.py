"""Files made to hurt: refused in words, before they cost much."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from app.names import inert_cell
from connectors.files.brought import Sent, read, read_files
from connectors.files.refusal import Refused
from tests.support.world import NOW

HEAD = b"Invoice number,Customer,Currency,Balance\n"


def _bomb(size: int) -> bytes:
    squeeze = zlib.compressobj(9)
    return b"".join(squeeze.compress(b" " * 1_000_000) for _ in range(size // 1_000_000)) + squeeze.flush()


def _pdf(stream: bytes, packed: bytes = b"/FlateDecode") -> bytes:
    """With ``stream`` as its attached invoice."""
    parts = (
        b"<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles << /Names [(factur-x.xml) 4 0 R] >> >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
        b"<< /Type /Filespec /F (factur-x.xml) /UF (factur-x.xml) /EF << /F 5 0 R >> >>",
        b"<< /Type /EmbeddedFile /Filter %s /Length %d >>\nstream\n%s\nendstream" % (packed, len(stream), stream),
    )
    made, places = b"%PDF-1.7\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return made + table + b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % len(made)


_LOOP = (
    b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 1 0 R /Names << /EmbeddedFiles 2 0 R >> >>\nendobj\n"
    b"2 0 obj\n<< /Kids [2 0 R 2 0 R] >>\nendobj\ntrailer << /Root 1 0 R /Size 3 >>\nstartxref\n0\n%%EOF"
)
HOSTILE = {
    "a PDF that unpacks to 200 MB": (lambda: _pdf(_bomb(200_000_000)), "broken"),
    "and one that does so twice": (
        lambda: _pdf(zlib.compress(_bomb(200_000_000)), b"[/FlateDecode /FlateDecode]"),
        "broken",
    ),
    "a PDF that contains itself": (lambda: _LOOP, "no invoice"),
    "a million columns": (lambda: HEAD[:-1] + b",x" * 1_000_000 + b"\n1,a,USD,1", "longer"),
    "a thousand columns": (lambda: HEAD[:-1] + b",x" * 1_000 + b"\n1,a,USD,1", "columns"),
    "a quote that never ends": (lambda: HEAD + b'"' + b"a" * 29_900_000, "longer"),
    "quotes that never end over many lines": (lambda: HEAD + b'"' + b"a\n" * 190_000, "no table"),
    "quotes in every cell": (lambda: HEAD + b'"a,' * 9_900_000, "longer"),
    "millions of empty lines": (lambda: HEAD + b"\n" * 29_900_000, "200,000 lines"),
    "millions of short lines": (lambda: HEAD + b"1,a\n" * 7_000_000, "200,000 lines"),
    "one cell of 29 MB": (lambda: HEAD + b"1,a,USD," + b"9" * 29_000_000, "longer"),
    "a file of 31 MB": (lambda: HEAD + b"1" * 31_000_000, "larger"),
    "a million elements": (lambda: b"<Invoice>" + b"<a/>" * 1_000_000 + b"</Invoice>", "more parts"),
    "elements in elements": (lambda: b"<a>" * 1_600_000, "deeper"),
    "a hundred thousand attributes": (
        lambda: b"<Invoice " + b" ".join(b"a%d='x'" % number for number in range(100_000)) + b"/>",
        "no number",
    ),
    "an entity": (lambda: b"<!DOCTYPE a [<!ENTITY b 'x'>]><a>&b;</a>", "entities"),
    "a workbook": (lambda: b"PK\x03\x04" + b"\x00" * 100, "CSV"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "why"), HOSTILE.values(), ids=HOSTILE)
def test_it_is_refused_in_words(make: Callable[[], bytes], why: str) -> None:
    """[A4] Never an exception of a parser."""
    with pytest.raises(Refused, match=why):
        read(make())


@pytest.mark.parametrize("amount", ["1e999999999", "1e-999999", "9" * 4000, "Infinity", "-nan"])
def test_an_amount_beyond_all_measure_is_refused(amount: str, shared: Path) -> None:
    """[A4 inv-M1] In an e-invoice, too."""
    xml = (shared / "connectors/samples/einvoice").rglob("*.xml")
    text = next(path.read_text() for path in sorted(xml) if "<cbc:PayableAmount" in path.read_text())
    head, _, rest = text.partition("<cbc:PayableAmount")
    said = f"{head}<cbc:PayableAmount{rest[: rest.index('>')]}>{amount}{rest[rest.index('<') :]}"
    found = read_files([Sent("a.xml", said.encode())], None, NOW)
    assert len(found.refused) == 1


@pytest.mark.parametrize("word", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_we_hand_out_runs_as_a_formula(word: str) -> None:
    """[A4 inv-A3] Names in files come back in exports."""
    assert inert_cell(word) == f"'{word}"
