"""How each provider says no: bodies and status codes as FACTS.md and the samples show them."""

import secrets
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Response, jsonify, request

from .faults import Fault
from .oauth import new_guid
from .state import here
from .world import Provider

PACIFIC = ZoneInfo("America/Los_Angeles")
HTML = """<!DOCTYPE html><html><head><title>Service Unavailable</title></head>
<body><h1>503 Service Unavailable</h1><p>The service is temporarily offline. Please try again later.</p></body>
</html>"""


class Denied(Exception):
    """Leaves a view with an error answer."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status)
        self.answer = answer


def qbo_time(moment: datetime, millis: bool = True) -> str:
    return moment.astimezone(PACIFIC).isoformat(timespec="milliseconds" if millis else "seconds")


def with_status(answer: Response, status: int, headers: dict[str, str] | None = None) -> Response:
    answer.status_code = status
    answer.headers.update(headers or {})
    return answer


def qbo_fault(
    status: int, code: str, message: str, detail: str, kind: str = "ValidationFault", element: str | None = None
) -> Response:
    """The upper-case form, of the accounting service itself."""
    error = {"Message": message, "Detail": detail, "code": code}
    if element is not None:
        error["element"] = element
    body = {"Fault": {"Error": [error], "type": kind}, "time": qbo_time(here().clock.now())}
    return with_status(jsonify(body), status, {"intuit_tid": f"1-{secrets.token_hex(4)}-{secrets.token_hex(12)}"})


def qbo_gate_fault(status: int, code: str, message: str, detail: str, kind: str = "AUTHENTICATION") -> Response:
    """The lower-case form, of the gate in front of it."""
    body: dict[str, object] = {
        "warnings": None,
        "intuitObject": None,
        "fault": {
            "error": [
                {
                    "message": f"message={message}; errorCode={code.zfill(6)}; statusCode={status}",
                    "detail": detail,
                    "code": code,
                    "element": None,
                }
            ],
            "type": kind,
        },
        "report": None,
        "queryResponse": None,
        "batchItemResponse": [],
        "attachableResponse": [],
        "syncErrorResponse": None,
        "requestId": None,
        "time": int(here().clock.now().timestamp() * 1000),
        "status": None,
        "cdcresponse": [],
    }
    return with_status(jsonify(body), status, {"intuit_tid": f"1-{secrets.token_hex(4)}-{secrets.token_hex(12)}"})


def qbo_throttled(status: int = 429) -> Response:
    return qbo_fault(
        status,
        "3001",
        f"message=ThrottleExceeded; errorCode=003001; statusCode={status}",
        "The request limit was reached.  Try again later",
        "SERVICE",
    )


def xero_problem(status: int, title: str, detail: str) -> Response:
    body: dict[str, object] = {
        "Type": None,
        "Title": title,
        "Status": status,
        "Detail": detail,
        "Instance": new_guid(),
        "Extensions": {},
    }
    return with_status(jsonify(body), status)


def xero_validation(number: int, kind: str, message: str) -> Response:
    return with_status(jsonify(ErrorNumber=number, Type=kind, Message=message), 400)


def xero_limited(problem: str, seconds: float) -> Response:
    answer = Response("", 429, {"Retry-After": str(int(seconds)), "X-Rate-Limit-Problem": problem})
    if problem == "day":
        answer.headers["X-DayLimit-Remaining"] = "0"
    return answer


def stripe_error(
    status: int, message: str, *, kind: str = "invalid_request_error", code: str | None = None, param: str | None = None
) -> Response:
    error = {"type": kind, "message": message}
    if code:
        error |= {"code": code, "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"}
    if param:
        error["param"] = param
    return with_status(jsonify(error=error), status, {"Request-Id": "req_" + secrets.token_hex(7)})


def struck(provider: Provider, fault: Fault) -> Response:
    """The answer a fault of kind 401 ... 200error gives in that provider's words."""
    if fault.kind == "503html":
        return Response(HTML, 503, {"Content-Type": "text/html; charset=utf-8", "Retry-After": str(int(fault.seconds))})
    if provider in here().parts:
        return here().parts[provider].struck(fault)
    return {"quickbooks": _qbo, "xero": _xero, "stripe": _stripe}[provider](fault)


def _qbo(fault: Fault) -> Response:
    if fault.kind == "401":
        return qbo_gate_fault(401, "3200", "AuthenticationFailed", "Token expired")
    if fault.kind == "403":
        return qbo_gate_fault(403, "3100", "ApplicationAuthorizationFailed", "", "AuthorizationFault")
    if fault.kind == "429":
        return qbo_throttled()
    status = 200 if fault.kind == "200error" else 500
    return qbo_fault(
        status,
        "10000",
        "An application error has occurred while processing your request",
        "System Failure Error: something went wrong on our side",
        "SystemFault",
    )


def _xero(fault: Fault) -> Response:
    if fault.kind == "401":
        return xero_problem(
            401, "Unauthorized", "TokenExpired: token expired at " + f"{here().clock.now():%m/%d/%Y %H:%M:%S}"
        )
    if fault.kind == "403":
        return xero_problem(403, "Forbidden", "AuthenticationUnsuccessful")
    if fault.kind == "429":
        return xero_limited(fault.problem, fault.seconds)
    if fault.kind == "200error":
        return Response(HTML, 200, {"Content-Type": "text/html; charset=utf-8"})
    return xero_problem(500, "InternalServerError", "An error occurred in Xero. Check the API Status page")


def _stripe(fault: Fault) -> Response:
    account = request.headers.get("Stripe-Account", "acct_unknown")
    if fault.kind == "401":
        return stripe_error(401, "Invalid API Key provided: sk_test_***box")
    if fault.kind == "403":
        return stripe_error(
            403,
            f"The provided key 'sk_test_***box' does not have access to account '{account}' (or that "
            "account does not exist). Application access may have been revoked.",
            code="account_invalid",
        )
    if fault.kind == "429":
        return with_status(
            stripe_error(429, "Request rate limit exceeded.", kind="invalid_request_error", code="rate_limit"),
            429,
            {"Stripe-Should-Retry": "true", "Retry-After": str(int(fault.seconds))},
        )
    status = 200 if fault.kind == "200error" else 500
    return with_status(
        stripe_error(status, "Sorry, something went wrong on our end.", kind="api_error"),
        status,
        {"Stripe-Should-Retry": "true"},
    )
