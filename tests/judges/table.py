"""What the judges said, as a table people read."""

from dataclasses import dataclass, field

MOST = 25


@dataclass
class Verdict:
    judge: str
    subject: str
    result: str
    note: str
    details: list[str] = field(default_factory=list)


def show(verdicts: list[Verdict]) -> str:
    rows = [
        ("judge", "subject", "result", "note"),
        *((one.judge, one.subject, one.result, one.note) for one in verdicts),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3]]) for row in rows
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    for one in verdicts:
        lines += [f"  {one.judge} {one.subject}: {detail}" for detail in one.details[:MOST]]
        if len(one.details) > MOST:
            lines.append(f"  {one.judge} {one.subject}: and {len(one.details) - MOST} more")
    return "\n".join(lines)
