"""Slack and Microsoft as one small server, so that nobody outside is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

CHANNELS = [
    {"id": f"C{number}", "name": name, "is_private": False, "is_im": False, "context_team_id": "T1"}
    for number, name in enumerate(("general", "random", "support"))
]
TEAMS = [{"id": f"team-{number}", "displayName": f"Team {number}", "description": None} for number in range(3)]
TEAM_CHANNELS = [{"id": "19:general", "displayName": "General", "membershipType": "standard", "isArchived": False}]


@contextmanager
def vendors() -> Iterator[dict[str, str]]:
    """The settings with which a stack asks this server instead of the vendors.

    A Slack token with `bad` in it is refused. One page has two channels or teams.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Vendor)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    yield {
        "DOORBELL_SLACK_URL": f"{address}/slack",
        "DOORBELL_MS_GRAPH_URL": f"{address}/graph",
        "DOORBELL_MS_LOGIN_URL": f"{address}/login",
        "DOORBELL_MS_TEAMS_CLIENT_ID": "client",
        "DOORBELL_MS_TEAMS_CLIENT_SECRET": "s3cret",
    }
    server.shutdown()
    server.server_close()
    thread.join()


class _Vendor(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers.get("content-length", 0))).decode())
        if self.path.startswith("/login/"):
            self._say({"token_type": "Bearer", "expires_in": 3599, "access_token": "graph-token"})
        elif "bad" in self.headers["authorization"]:
            self._say({"ok": False, "error": "invalid_auth"})
        elif self.path == "/slack/conversations.list":
            page, cursor = _page(CHANNELS, form.get("cursor"))
            self._say({"ok": True, "channels": page, "response_metadata": {"next_cursor": cursor or ""}})
        else:
            self._say({"ok": True})

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path != "/graph/teams":
            self._say({"value": TEAM_CHANNELS})
            return
        page, cursor = _page(TEAMS, parse_qs(asked.query).get("$skiptoken"))
        more = {"@odata.nextLink": f"https://graph.microsoft.com/v1.0/teams?$skiptoken={cursor}"} if cursor else {}
        self._say({"value": page, **more})

    def _say(self, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *values: object) -> None:
        """Nothing: tests assert on what came of it."""


def _page(things: list[dict[str, Any]], cursor: list[str] | None) -> tuple[list[dict[str, Any]], str | None]:
    start = int(cursor[0]) if cursor else 0
    end = start + 2
    return things[start:end], str(end) if end < len(things) else None
