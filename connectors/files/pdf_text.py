"""The words of a stranger's PDF, read in a process of its own that may use so much and no more.

    python connectors/files/pdf_text.py < invoice.pdf

A PDF can be made to take minutes and gigabytes; whatever happens there, nothing happens here. It imports nothing of the
house, so as to begin at once.
"""

import io
import resource
import subprocess
import sys

_SECONDS, _BYTES, _PAGES = 5, 1_000_000_000, 3
TEXT_LIMIT = 100_000


def text_of(data: bytes) -> str:
    """Nothing where it is no PDF, has no words, or asks for too much."""
    if not data.startswith(b"%PDF-"):
        return ""
    command = [sys.executable, __file__]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=4 * _SECONDS, check=True)  # noqa: S603 - our own
    except (subprocess.SubprocessError, OSError):
        return ""
    return done.stdout.decode("utf-8", "replace")[:TEXT_LIMIT]


def main() -> None:
    """The bounded process."""
    from pypdf import PdfReader  # noqa: PLC0415  here alone: who starts this process needs none of it

    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
    pages = PdfReader(io.BytesIO(sys.stdin.buffer.read())).pages[:_PAGES]
    sys.stdout.buffer.write("\n".join(page.extract_text() for page in pages)[:TEXT_LIMIT].encode())


if __name__ == "__main__":
    main()
