"""Carries webhooks to the product: batched, signed as each provider signs, repeated until answered, and logged.

One background thread. Every delivery and every answer stays in the log, which the control plane shows.
"""

import base64
import hashlib
import heapq
import hmac
import itertools
import json
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import requests

from .clock import Clock
from .faults import Faults
from .plays import PLAYS
from .world import PROVIDERS, Provider

LOG_LIMIT = 20_000


@dataclass
class Settings:
    target: str | None = None
    qbo_form: str = "cloudevents"
    batch_seconds: float = 0.05
    retry_seconds: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
    only_connected: bool = True


@dataclass
class Delivery:
    id: int
    provider: Provider
    body: str
    events: int
    url: str = ""  # of a subscription's own; empty: the one address that all of the provider's webhooks go to
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    note: str = ""
    status: str = "waiting"
    attempts: list[dict[str, Any]] = field(default_factory=list)


class Courier:
    def __init__(self, clock: Clock, faults: Faults, settings: Settings | None = None) -> None:
        self.clock, self.faults = clock, faults
        self.settings = settings or Settings()
        self.log: list[Delivery] = []
        self.counts: Counter[str] = Counter()
        self.xero_state = "pending"
        self.sequence = 0
        self._waiting: dict[Provider, list[dict[str, Any]]] = {name: [] for name in PROVIDERS}
        self._due: list[tuple[float, int, Delivery]] = []
        self._numbers = itertools.count(1)
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = False
        self._handshake_due = False
        self._shuffle = random.Random(7)

    def configure(self, **changes: Any) -> None:
        with self._wake:
            for name, value in changes.items():
                setattr(self.settings, name, tuple(value) if name == "retry_seconds" else value)
            if "target" in changes:
                self.xero_state, self._handshake_due = "pending", bool(changes["target"])
        self._run()

    def post(self, provider: Provider, event: dict[str, Any]) -> None:
        """Take one event along; it leaves with the next batch."""
        if self.settings.target is None:
            self.counts["no target"] += 1
            return
        with self._wake:
            self._waiting[provider].append(event)
        self._run()

    def send(self, provider: Provider, url: str, body: str, headers: dict[str, str]) -> None:
        """Take a whole request along, to the address that a subscription named."""
        with self._wake:
            self._queue(Delivery(next(self._numbers), provider, body, 1, url, headers))
        self._run()

    def wait_idle(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        with self._wake:
            while self._busy or self._due or self._handshake_due or any(self._waiting.values()):
                if not self._wake.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                    return False
        return True

    def forget(self) -> None:
        with self._wake:
            self.log.clear()
            self.counts.clear()

    def report(self) -> dict[str, Any]:
        with self._wake:
            return {
                "settings": asdict(self.settings),
                "xero_intent_to_receive": self.xero_state,
                "counts": dict(self.counts),
                "deliveries": [asdict(one) for one in self.log],
            }

    def _run(self) -> None:
        with self._wake:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="sandbox-webhooks", daemon=True)
                self._thread.start()
            self._wake.notify_all()

    def _work(self) -> None:
        while True:
            with self._wake:
                self._busy = False
                self._wake.notify_all()
                while not self._something_due():
                    self._wake.wait(self._sleep())
                self._busy = True
                handshake, self._handshake_due = self._handshake_due, False
            if handshake:
                self._shake_hands()
            time.sleep(self.settings.batch_seconds)
            self._pack()
            self._deliver_due()

    def _something_due(self) -> bool:
        late = bool(self._due) and self._due[0][0] <= time.monotonic()
        return late or self._handshake_due or any(self._waiting.values())

    def _sleep(self) -> float | None:
        return max(0.01, self._due[0][0] - time.monotonic()) if self._due else None

    def _pack(self) -> None:
        """Events become bodies: one for all of QuickBooks, one per hundred of Xero, one each of most others."""
        with self._wake:
            for provider in PROVIDERS:
                events, self._waiting[provider] = self._waiting[provider], []
                if events and self.faults.take("shuffle_webhooks", provider):
                    self._shuffle.shuffle(events)
                size = PLAYS[provider].events_a_body
                for start in range(0, len(events), size):
                    self._enqueue(provider, events[start : start + size])

    def _enqueue(self, provider: Provider, events: Sequence[dict[str, Any]]) -> None:
        self._queue(Delivery(next(self._numbers), provider, self._body(provider, events), len(events)))

    def _queue(self, delivery: Delivery) -> None:
        copies = 2 if self.faults.take("duplicate_webhooks", delivery.provider) else 1
        if self.faults.take("lost_webhooks", delivery.provider):
            delivery.status = "lost"
            copies = 0
        self.log.append(delivery)
        del self.log[:-LOG_LIMIT]
        for _ in range(copies):
            heapq.heappush(self._due, (time.monotonic(), next(self._numbers), delivery))

    def _body(self, provider: Provider, events: Sequence[dict[str, Any]]) -> str:
        if provider == "quickbooks":
            return json.dumps(quickbooks_body(events, self.settings.qbo_form))
        if provider != "xero":
            return json.dumps(events[0], indent=2)
        first, self.sequence = self.sequence + 1, self.sequence + len(events)
        return json.dumps(xero_body(events, first, self.sequence))

    def _deliver_due(self) -> None:
        while True:
            with self._wake:
                if not self._due or self._due[0][0] > time.monotonic():
                    return
                delivery = heapq.heappop(self._due)[2]
            self._attempt(delivery)

    def _attempt(self, delivery: Delivery) -> None:
        if delivery.provider == "xero" and self.xero_state == "pending":
            self._shake_hands()
        if delivery.provider == "xero" and self.xero_state == "refused":
            delivery.status, delivery.note = "not sent", "intent to receive was not confirmed"
            return
        unasked = delivery.provider == "xero" and self.xero_state != "ok"
        status = "no intent to receive yet" if unasked else self._carry(delivery)
        with self._wake:
            delivery.attempts.append({"at": self.clock.now().isoformat(), "answer": status})
            if isinstance(status, int) and 200 <= status < 300:
                delivery.status = "delivered"
            elif len(delivery.attempts) <= len(self.settings.retry_seconds):
                delivery.status = "retrying"
                wait = self.settings.retry_seconds[len(delivery.attempts) - 1]
                heapq.heappush(self._due, (time.monotonic() + wait, next(self._numbers), delivery))
            else:
                delivery.status = "given up"

    def _carry(self, delivery: Delivery) -> int | str:
        if delivery.url:
            return self._post(delivery.provider, delivery.url, delivery.body.encode(), delivery.headers)
        return self._send(delivery.provider, delivery.body)

    def _send(self, provider: Provider, body: str, *, wrongly: bool = False) -> int | str:
        raw = body.encode()
        secret = PLAYS[provider].webhook_secret if not wrongly else "wrong-" + secrets.token_hex(4)
        headers = signature(provider, secret, raw, self.clock.epoch())
        return self._post(provider, f"{self.settings.target}/webhooks/{provider}", raw, headers)

    @staticmethod
    def _post(provider: Provider, url: str, raw: bytes, headers: dict[str, str]) -> int | str:
        given = {"Content-Type": "application/json; charset=utf-8", **headers}
        try:
            answer = requests.post(
                url, data=raw, headers=given, timeout=PLAYS[provider].answers_within, allow_redirects=False
            )
        except requests.RequestException as problem:
            return type(problem).__name__
        if provider == "xero" and answer.status_code == 200 and (answer.content or "Set-Cookie" in answer.headers):
            return "200 with a body or cookies, which Xero refuses"
        return answer.status_code

    def _shake_hands(self) -> None:
        """Xero's intent to receive: rightly signed bodies want 200, wrongly signed ones 401."""
        body = json.dumps(xero_body([], 0, 0))
        answers = [(wrongly, self._send("xero", body, wrongly=wrongly)) for wrongly in (False, True, True, False)]
        if any(isinstance(answer, str) and not answer.startswith("200") for _, answer in answers):
            self.xero_state = "pending"
        else:
            kept = all(answer == (401 if wrongly else 200) for wrongly, answer in answers)
            self.xero_state = "ok" if kept else "refused"


def signature(provider: Provider, secret: str, raw: bytes, at: int) -> dict[str, str]:
    if provider == "stripe":
        digest = hmac.new(secret.encode(), f"{at}.".encode() + raw, hashlib.sha256).hexdigest()
        return {
            "Stripe-Signature": f"t={at},v1={digest}",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
    digest64 = base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()
    return {"intuit-signature" if provider == "quickbooks" else "x-xero-signature": digest64}


def quickbooks_body(events: Sequence[dict[str, Any]], form: str) -> Any:
    """`events`: {realm, name, id, operation, at}. Both forms may mix companies."""
    if form == "legacy":
        realms: dict[str, list[dict[str, str]]] = {}
        for one in events:
            realms.setdefault(one["realm"], []).append(
                {"name": one["name"], "id": one["id"], "operation": one["operation"], "lastUpdated": one["at"]}
            )
        return {
            "eventNotifications": [
                {"realmId": realm, "dataChangeEvent": {"entities": entities}} for realm, entities in realms.items()
            ]
        }
    past = {
        "Create": "created",
        "Update": "updated",
        "Delete": "deleted",
        "Merge": "merged",
        "Void": "voided",
        "Emailed": "emailed",
    }
    return [
        {
            "specversion": "1.0",
            "id": one["event_id"],
            "source": "intuit.sandbox",
            "datacontenttype": "application/json",
            "type": f"qbo.{one['name'].lower()}.{past[one['operation']]}.v1",
            "time": one["at"],
            "intuitentityid": one["id"],
            "intuitaccountid": one["realm"],
            "data": {},
        }
        for one in events
    ]


def xero_body(events: Sequence[dict[str, Any]], first: int, last: int) -> dict[str, Any]:
    return {
        "events": list(events),
        "firstEventSequence": first,
        "lastEventSequence": last,
        "entropy": secrets.token_hex(10).upper(),
    }
