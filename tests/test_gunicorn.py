"""The server as the README starts it: what it writes about requests opens no door."""

import subprocess
import sys
from pathlib import Path

import requests

from app.links import new_token
from app.settings import ROOT
from tests.support.canaries import leaks_in
from tests.support.server import free_port

ACCESS = (
    "--access-logfile",
    "-",
    "--access-logformat",
    "%(m)s %(U)s?%(q)s from %(f)s with %({authorization}i)s: %(s)s",
)


def test_its_access_log_holds_no_token(sqlite_url: str, tmp_path: Path) -> None:
    """[inv-K2 inv-L6] Whatever format an operator asks for."""
    link, code, bearer, port = new_token(), new_token(), new_token(), free_port()
    environment = {"DATABASE_URL": sqlite_url, "SHEAF_INSTANCE": str(tmp_path), "SCHEDULER": "off", "PATH": "/usr/bin"}
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--threads", "2", *ACCESS, "wsgi:app"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        try:
            while "Listening" not in server.stdout.readline():
                assert server.poll() is None
            answer = requests.get(
                f"http://127.0.0.1:{port}/m/{link}",
                params={"code": code},
                headers={"Authorization": f"Bearer {bearer}", "Referer": f"https://sheaf.example/sign-in/{link}"},
                timeout=30,
            )
        finally:
            server.terminate()
            said = server.stdout.read()
    assert answer.status_code == 404
    assert "GET /m/[token]?code=[secret] from https://sheaf.example/sign-in/[token] with [redacted]: 404" in said
    assert leaks_in(said) == set()
