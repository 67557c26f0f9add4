"""Vendors that tell what became of a message: requests as their documentation shows them, signed as they sign them.

Each vendor is made with keys of its own, so that another one made the same way is a forger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx2

from tests.conftest import CheckedClient


@dataclass(frozen=True)
class Told:
    """A request of a vendor to the address that it was given."""

    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"

    def sent(self, api: CheckedClient) -> httpx2.Response:
        parts = urlsplit(self.url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        headers = {"Authorization": "", **self.headers}
        return api.request(self.method, path, content=self.body, headers=headers)


class Vendor(Protocol):
    """`tell` one of what the vendor tells: by our name of the message, or without one by the vendor's own."""

    name: str
    external_id: str

    @property
    def settings(self) -> Mapping[str, Any]: ...

    def tell(self, url: str, kind: str, message_id: str) -> Told: ...
