"""Our signatures before the libraries that check them for a living: stripe, and python-quickbooks."""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from tests.judges.rooms import Room
from tests.judges.stage import COMPANIES, Stage
from tests.judges.table import Verdict

READ_STRIPE = """
import stripe, sys
body = sys.stdin.read()
event = stripe.Webhook.construct_event(body, sys.argv[1], "whsec_sandbox")
try:
    stripe.Webhook.construct_event(body.replace("1", "2", 1), sys.argv[1], "whsec_sandbox")
except stripe.SignatureVerificationError:
    print(event.type, event.account, event.data.object.id)
"""
READ_QUICKBOOKS = """
import sys
from quickbooks import QuickBooks
body, book = sys.stdin.read(), QuickBooks.__new__(QuickBooks)
good = book.validate_webhook_signature(body, sys.argv[1], "sandbox-qbo-verifier")
bad = book.validate_webhook_signature(body + " ", sys.argv[1], "sandbox-qbo-verifier")
print("accepted" if good and not bad else f"good body {good}, changed body {bad}")
"""
CASES = {"stripe": (READ_STRIPE, "stripe-signature"), "quickbooks": (READ_QUICKBOOKS, "intuit-signature")}


def judge(room: Room, stage: Stage) -> list[Verdict]:
    arrived = {name: one_delivery(stage, name) for name in CASES}
    return [one(room, name, *arrived[name]) for name in CASES]


def one(room: Room, name: str, body: str, headers: dict[str, str]) -> Verdict:
    script, header = CASES[name]
    command = [str(room.python), "-W", "ignore", "-c", script, headers[header]]
    done = subprocess.run(command, input=body, capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout.strip()
    if done.returncode == 0 and (said == "accepted" or said.startswith("invoice")):
        return Verdict("webhook", name, "clean", "good body accepted, changed body refused")
    return Verdict(
        "webhook", name, "violations", "the library disagrees", [said, *done.stderr.strip().splitlines()[-2:]]
    )


def one_delivery(stage: Stage, provider: str) -> tuple[str, dict[str, str]]:
    """The first body that arrives after a payment."""
    seen: list[tuple[str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            seen.append((body, {key.lower(): value for key, value in self.headers.items()}))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stage.control.set_webhooks(f"http://127.0.0.1:{server.server_port}", retry_seconds=[])
    stage.control.act(COMPANIES[provider], "part_pay")
    stage.control.wait_webhooks()
    server.shutdown()
    server.server_close()
    found = [one for one in seen if CASES[provider][1] in one[1]]
    json.loads(found[0][0])
    return found[0]
