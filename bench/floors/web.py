"""The least that the same web stack can do: say hello, and keep one signed webhook."""

import base64
import hashlib
import hmac
import os

from flask import Flask, Response, request
from sqlalchemy import create_engine, text

TABLE = "CREATE TABLE floor_hook (event_key text PRIMARY KEY, headers text, body {bytes})"
_KEEP = text("INSERT INTO floor_hook (event_key, headers, body) VALUES (:key, :headers, :body) ON CONFLICT DO NOTHING")

app = Flask(__name__)
_engine = create_engine(os.environ.get("FLOOR_URL", "sqlite://"), pool_size=4)
_secret = os.environ.get("FLOOR_SECRET", "").encode()


@app.get("/hello")
def hello() -> str:
    return "hello"


@app.post("/hook")
def hook() -> Response:
    """Verify, one INSERT, commit, answer: as PERFORMANCE.md section 5 counts it."""
    body = request.get_data()
    signed = base64.b64encode(hmac.digest(_secret, body, hashlib.sha256)).decode()
    if not hmac.compare_digest(signed, request.headers.get("intuit-signature", "")):
        return Response(status=401)
    key = hashlib.sha256(body).hexdigest()
    with _engine.begin() as connection:
        connection.execute(_KEEP, {"key": key, "headers": str(dict(request.headers)), "body": body})
    return Response(status=202)
