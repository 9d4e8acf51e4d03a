"""For tests and scripts: the sandbox's control plane and its consent page, over HTTP."""

import html
import re
from typing import Any, Self, cast

import requests

Json = dict[str, Any]


class SandboxControl:
    def __init__(self, base_url: str, timeout: float = 30.0) -> None:
        self.base_url, self.timeout = base_url.rstrip("/"), timeout
        self.session = requests.Session()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.session.close()

    def settings(self) -> dict[str, str]:
        """The product's environment for this sandbox."""
        made: dict[str, str] = {}
        for name, said in cast(dict[str, dict[str, Any]], self._ask("GET", "/clients")).items():
            for key, path in zip(("AUTHORIZE", "TOKEN", "REVOKE", "API"), said.pop("paths"), strict=True):
                if path:
                    made[f"{name.upper()}_{key}_URL"] = self.base_url + path
            made |= {f"{name.upper()}_{key.upper()}": value for key, value in said.items()}
        return made

    def approve(
        self, authorize_url: str, company_names: str | list[str], session: requests.Session | None = None
    ) -> str:
        """Opens the consent page, picks the companies, allows, and returns where the provider sends the browser."""
        names = [company_names] if isinstance(company_names, str) else company_names
        return self._decide(authorize_url, names, "allow", session)

    def deny(self, authorize_url: str, session: requests.Session | None = None) -> str:
        return self._decide(authorize_url, [], "deny", session)

    def _decide(self, authorize_url: str, names: list[str], decision: str, session: requests.Session | None) -> str:
        browser = session or self.session
        page = browser.get(authorize_url, timeout=self.timeout, allow_redirects=False)
        if page.is_redirect:
            return page.headers["Location"]
        page.raise_for_status()
        action = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        ids = {
            html.unescape(name): value
            for value, name in re.findall(r'name="company" value="([^"]+)"[^>]*data-name="([^"]+)"', page.text)
        }
        unknown = [name for name in names if name not in ids]
        if action is None or unknown:
            raise LookupError(f"the consent page does not offer {unknown}; it offers {sorted(ids)}")
        origin = re.match(r"https?://[^/]+", authorize_url)
        assert origin is not None
        answer = browser.post(
            origin[0] + html.unescape(action[1]),
            timeout=self.timeout,
            allow_redirects=False,
            data={"company": [ids[name] for name in names], "decision": decision},
        )
        if not answer.is_redirect:
            raise RuntimeError(f"no redirect from the consent page: {answer.status_code}")
        return answer.headers["Location"]

    def companies(self) -> list[Json]:
        return cast(list[Json], self._ask("GET", "/companies"))

    def company(self, name: str) -> Json:
        return next(one for one in self.companies() if one["name"] == name)

    def new_company(self, like: str, name: str) -> str:
        """Another company of the same owner."""
        return str(self._ask("POST", "/companies", {"like": like, "name": name})["name"])

    def invoices(self, company: str, *, only_open: bool = False) -> list[Json]:
        """The truth in a company's books."""
        return cast(
            list[Json],
            self._ask("GET", "/invoices", params={"company": company} | ({"open": "1"} if only_open else {})),
        )

    def act(self, company: str, do: str, **rest: Any) -> Json:
        return cast(Json, self._ask("POST", "/act", {"company": company, "do": do, **rest}))

    def pay_online(self, pay_url: str, amount: str | None = None) -> int:
        """What the customer does on the hosted page."""
        return self.session.post(pay_url, data={"amount": amount} if amount else {}, timeout=self.timeout).status_code

    def fault(self, kind: str, provider: str | None = None, company: str | None = None, **rest: Any) -> int:
        return int(self._ask("POST", "/faults", {"kind": kind, "provider": provider, "company": company, **rest})["id"])

    def faults(self) -> list[Json]:
        return cast(list[Json], self._ask("GET", "/faults"))

    def clear_faults(self) -> None:
        self._ask("DELETE", "/faults")

    def now(self) -> str:
        return str(self._ask("GET", "/clock")["now"])

    def set_clock(self, now: str) -> str:
        return str(self._ask("POST", "/clock", {"now": now})["now"])

    def advance(self, seconds: float) -> str:
        return str(self._ask("POST", "/clock", {"advance_seconds": seconds})["now"])

    def revoke(self, company: str) -> None:
        self._ask("POST", "/revoke", {"company": company})

    def grant(self, *companies: str, scope: str | None = None) -> Json:
        """Tokens without the dance."""
        order: Json = {"companies": list(companies)} | ({"scope": scope} if scope else {})
        return cast(Json, self._ask("POST", "/grant", order))

    def calls(self, company: str | None = None, path: str = "") -> int:
        rows = self._ask("GET", "/calls")["calls"]
        return sum(row["count"] for row in rows if company in (None, row["company"]) and path in row["path"])

    def call_rows(self) -> list[Json]:
        return cast(list[Json], self._ask("GET", "/calls")["calls"])

    def reset_calls(self) -> None:
        self._ask("POST", "/calls")

    def webhooks(self) -> Json:
        return cast(Json, self._ask("GET", "/webhooks"))

    def set_webhooks(self, target: str | None = None, **settings: Any) -> Json:
        return cast(Json, self._ask("POST", "/webhooks", ({"target": target} if target else {}) | settings))

    def wait_webhooks(self, seconds: float = 5.0) -> bool:
        return bool(self._ask("POST", "/webhooks/wait", {"seconds": seconds})["idle"])

    def forget_webhooks(self) -> None:
        self._ask("DELETE", "/webhooks")

    def enforce_limits(self, on: bool = True) -> None:
        self._ask("POST", "/limits", {"enforce": on})

    def _ask(self, method: str, path: str, body: Json | None = None, params: dict[str, str] | None = None) -> Any:
        answer = self.session.request(
            method,
            f"{self.base_url}/_control{path}",
            json=body if body is not None else None,
            params=params,
            timeout=self.timeout,
        )
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json() if answer.content else None
