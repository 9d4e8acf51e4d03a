"""The watch over secrets in all output (tests/support/canaries.py) barks, and only at secrets."""

import subprocess
import sys
from pathlib import Path

from app.links import new_token
from app.settings import ROOT
from tests.support.canaries import leaks_in, tell

PLANTED = """
import logging, os, sys
import structlog
from app import logs
from app.keys import KeyRing, Place
from app.links import new_token
from uuid import uuid4

def test_it_says_nothing_secret():
    logs.configure()
    logging.getLogger("any").warning("at /m/%s/1/pay", new_token())
    structlog.get_logger().info("token", at=f"/m/{new_token()}/1/pay", token=new_token())
    try:
        raise ValueError("https://a.example/cb?code=" + new_token())
    except ValueError:
        structlog.get_logger().exception("broke")

def test_it_prints_a_token():
    sys.stderr.write("at https://x.example/?" + new_token())

def test_it_logs_a_token_inside_another_word():
    logs.configure()
    structlog.get_logger().info("x" + new_token() + "y")

def test_it_logs_what_was_sealed():
    logs.configure()
    KeyRing("k:" + "A" * 43).seal('{"access": "a plain password"}', place=Place.TOKENS, row=uuid4(), tenant=None)
    logging.getLogger("any").error("refused a plain password")

def test_it_logs_a_setting(monkeypatch):
    logs.configure()
    monkeypatch.setenv("XERO_CLIENT_SECRET", "quite secret")
    logging.getLogger("any").error("with quite secret")
"""


def test_a_planted_leak_fails_its_test(tmp_path: Path) -> None:
    """[inv-K2] Four ways to let one out, and three to say it in clean words."""
    file = tmp_path / "test_planted.py"
    file.write_text(PLANTED)
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.canaries", "-p", "no:cacheprovider", "-q"]
    done = subprocess.run(
        [*command, "-c", "/dev/null", f"--rootdir={tmp_path}", str(file)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "4 failed, 1 passed" in done.stdout, done.stdout
    said = [line for line in done.stdout.splitlines() if "1 secrets in what was logged" in line]
    assert len([line for line in said if not line.startswith("FAILED")]) == 4, done.stdout  # the summary says it too


def test_what_is_no_secret_is_no_leak() -> None:
    """[inv-K2]"""
    token = new_token()
    tell(["short", "a longer secret"])
    assert leaks_in(f"at {token[:-1]} and short of a longer secre") == set()
    assert leaks_in(f"at {token} and a longer secret") == {token, "a longer secret"}
