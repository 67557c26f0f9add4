"""What vendors tell of messages that they have taken: one file for each vendor that does. Adding the file is registering it.

A module bears its provider's name. `verify(provider, request)` says whether the vendor has sent a request; `events(request)`
reads what it says. A vendor that wants its address confirmed has `confirm(request)`, too: what is asked to do so. None of
them trusts what it reads before it is verified.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl, urlsplit

from pydantic_core import from_json

from notify_workers.providers import HttpRequest, Provider

Kind = Literal["sent", "delivered", "undelivered", "bounced", "complained", "opened", "clicked"]
"""`bounced`: the address is the reason. `undelivered`: something else is. `complained`: the recipient calls it spam."""


@dataclass(frozen=True, slots=True)
class VendorRequest:
    """What came in. `url` is the one that the vendor was told, with its query. Names of `headers` are in lower case."""

    url: str
    headers: Mapping[str, str]
    body: bytes = b""

    def header(self, name: str) -> str:
        return self.headers.get(name, "")

    @property
    def json(self) -> Any:
        """None when the body is not JSON."""
        try:
            return from_json(self.body)
        except ValueError:
            return None

    @property
    def query(self) -> dict[str, str]:
        return _fields(urlsplit(self.url).query)

    @property
    def form(self) -> dict[str, str]:
        """The fields of the body's form."""
        return _fields(self.body.decode(errors="replace"))


def _fields(written: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(written, keep_blank_values=True, max_num_fields=200))
    except ValueError:
        return {}


@dataclass(frozen=True, slots=True)
class VendorEvent:
    """`name` is the vendor's own, `at` its time as it writes it, `words` why it was not delivered.

    `message_id` is our name of the message, `external_id` the vendor's; one is enough. `recipient` is whom it is about, when
    there may be several.
    """

    kind: Kind
    name: str
    message_id: str = ""
    external_id: str = ""
    recipient: str = ""
    words: str = ""
    at: str = ""
    url: str = ""


class Vendor(Protocol):
    def verify(self, provider: Any, request: VendorRequest) -> bool: ...

    def events(self, request: VendorRequest) -> Iterable[VendorEvent]: ...


_vendors: dict[str, Any] = {}


def vendor(name: str) -> Vendor | None:
    """How a provider's vendor tells; None for one that does not."""
    return _vendors.get(name)


def confirmation(provider: Provider, request: VendorRequest) -> HttpRequest | None:
    """What a verified request wants asked, so that events come; None for all others."""
    confirm = getattr(_vendors[provider.name], "confirm", None)
    asked: HttpRequest | None = confirm(request) if confirm else None
    return asked


def _register_all() -> None:
    for module in pkgutil.iter_modules(__path__, __name__ + "."):
        loaded = import_module(module.name)
        if hasattr(loaded, "events"):
            _vendors[module.name.rpartition(".")[2]] = loaded


_register_all()
