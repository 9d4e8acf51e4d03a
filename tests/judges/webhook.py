"""Our signatures before the libraries that check them for a living, and their verdicts before our own checks: stripe,
squareup and python-quickbooks."""

import json
import subprocess
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

from connectors import registry
from connectors.sandbox.plays import PLAYS
from tests.judges.rooms import Room
from tests.judges.stage import Stage
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
READ_SQUARE = """
import sys
from square.utils.webhooks_helper import verify_signature
body, seen = sys.stdin.read(), []
for text, url in ((body, sys.argv[2]), (body + " ", sys.argv[2]), (body, sys.argv[2] + "/")):
    seen.append(verify_signature(request_body=text, signature_header=sys.argv[1],
                                 signature_key="sandbox-square-key", notification_url=url))
print("accepted" if seen == [True, False, False] else f"good, changed body, changed address: {seen}")
"""
CASES = {
    "stripe": (READ_STRIPE, "stripe-signature"),
    "quickbooks": (READ_QUICKBOOKS, "intuit-signature"),
    "square": (READ_SQUARE, "x-square-hmacsha256-signature"),
}


def judge(room: Room, stages: Iterable[Stage]) -> list[Verdict]:
    return [
        one(room, name, *one_delivery(stage, name)) for stage in stages for name in CASES if name in stage.companies
    ]


def one(room: Room, name: str, body: str, headers: dict[str, str], url: str) -> Verdict:
    script, header = CASES[name]
    if not checked_here(name, body, headers, url):
        return Verdict("webhook", name, "violations", "our own check disagrees", [])
    command = [str(room.python), "-W", "ignore", "-c", script, headers[header], url]
    done = subprocess.run(command, input=body, capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout.strip()
    if done.returncode == 0 and (said == "accepted" or said.startswith("invoice")):
        return Verdict("webhook", name, "clean", "good body accepted, changed body refused")
    return Verdict(
        "webhook", name, "violations", "the library disagrees", [said, *done.stderr.strip().splitlines()[-2:]]
    )


def checked_here(name: str, body: str, headers: dict[str, str], url: str) -> bool:
    """Whether our connector says of the same delivery what the library is to say of it."""
    secret, now, verify = PLAYS[name].webhook_secret, datetime.now(UTC), registry.get(name).verify
    good = verify(headers, body.encode(), secret, now, url)
    bad = verify(headers, body.replace("1", "2", 1).encode(), secret, now, url)
    return good and not bad


def one_delivery(stage: Stage, provider: str) -> tuple[str, dict[str, str], str]:
    """The first body that arrives after a payment, and the address it came to."""
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
    stage.control.act(stage.companies[provider], "part_pay")
    stage.control.wait_webhooks()
    server.shutdown()
    server.server_close()
    found = [one for one in seen if CASES[provider][1] in one[1]]
    json.loads(found[0][0])
    return *found[0], f"http://127.0.0.1:{server.server_port}/webhooks/{provider}"
