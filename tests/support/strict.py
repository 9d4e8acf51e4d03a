"""A token endpoint that rotates at each refresh and kills the whole family when an old token comes again."""

import threading
from collections.abc import Callable
from urllib.parse import parse_qs

from werkzeug.wrappers import Request, Response


class Strict:
    """Answers POST with a new pair; ``refuse`` may answer something else first."""

    def __init__(self) -> None:
        self.good = "refresh-0"
        self.calls = 0
        self.is_dead = False
        self.refuse: Callable[[], Response | None] = lambda: None
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Response:
        form = parse_qs(request.get_data(as_text=True))
        with self._lock:
            self.calls += 1
            if refused := self.refuse():
                return refused
            if self.is_dead or form["refresh_token"] != [self.good]:
                self.is_dead = True
                return Response('{"error": "invalid_grant"}', 400, content_type="application/json")
            assert form["grant_type"] == ["refresh_token"]
            assert request.authorization is not None
            self.good = f"refresh-{self.calls}"
            body = f'{{"access_token": "access-{self.calls}", "refresh_token": "{self.good}", "expires_in": 1800}}'
            return Response(body, content_type="application/json")
