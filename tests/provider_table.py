"""docs/providers.md, made from the providers themselves."""

from __future__ import annotations

import re
import sys
from dataclasses import MISSING, Field, fields
from inspect import cleandoc, getsource
from itertools import groupby
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from notify_workers import providers, vendor_events
from tests.notify_workers.providers.test_every_provider import NAMELESS

HEADING = """# Providers

A channel is a provider with settings: `doorbell channels set KEY --provider NAME -s SETTING=VALUE`. Settings in bold must be
given. Secret ones (🔑) are stored [encrypted](credentials.md) and are shown nowhere; `-s NAME=@FILE` reads one from a file.
A channel may have [several providers](routing.md).

| what is said of a provider | |
|---|---|
| *tells repeats* | the vendor knows a message by our id, and sends it once however often an attempt is repeated |
| *knows our id* | the vendor keeps our message's id with the message, for its own pages and reports |
| *retry*, *hold* | what becomes of an attempt [whose result nobody knows](delivery.md#the-ledger), unless set otherwise |
| *gone addresses* | tells when an address or a device is one no more |
| *segments* | a message keeps how many parts it was sent as |
| *events* | what the vendor tells later of a message is understood |

This page is made from `notify_workers/providers/` by `python -m tests.test_docs`.
"""

TYPES = {
    "email": "E-mail",
    "sms": "SMS",
    "push": "Push",
    "chat": "Chat",
    "in_app_feed": "In-app feed",
    "in_app_guide": "In-app guides",
    "http": "Webhooks",
}


TELLING = {each.name for each in iter_modules(vendor_events.__path__)}


def providers_page() -> str:
    order = list(TYPES)
    known = sorted(providers._registry.values(), key=lambda each: (order.index(each.channel_type), each.name))
    parts = groupby(known, key=lambda each: each.channel_type)
    return HEADING + "".join(_part(TYPES[kind], list(classes)) for kind, classes in parts)


def _part(title: str, classes: list[type[Any]]) -> str:
    rows = "".join(_row(each) for each in classes)
    return f"\n## {title}\n\n| provider | settings | features | |\n|---|---|---|---|\n{rows}"


def _row(cls: type[Any]) -> str:
    settings = "<br>".join(_setting(each, is_secret=each.name in cls.secrets) for each in fields(cls))
    cells = (f"`{cls.name}`<br>{_vendor(_module(cls))}", settings, ", ".join(_features(cls)), _said(cls))
    return "| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |\n"


def _vendor(module: ModuleType) -> str:
    """The module's first line: the vendor's name, and the address of its documentation if it has one."""
    first = (module.__doc__ or "").splitlines()[0]
    name = first.partition(": ")[0].rstrip(".")
    address = re.search(r"https://[^\s,]+", first)
    return f"[{name}]({address[0]})" if address else name


def _setting(setting: Field[Any], *, is_secret: bool) -> str:
    is_required = setting.default is MISSING and setting.default_factory is MISSING
    name = f"**`{setting.name}`**" if is_required else f"`{setting.name}`"
    written = "" if is_required or setting.default in (None, "", MISSING) else f" = `{_written(setting.default)}`"
    return f"{name}{' 🔑' if is_secret else ''}{written}"


def _written(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def _features(cls: type[Any]) -> list[str]:
    tells_repeats, source = getattr(cls, "recognises_repeats", False), getsource(_module(cls))
    asks = cls.channel_type not in ("in_app_feed", "in_app_guide")
    held = "hold" if cls.channel_type == "sms" and not tells_repeats else "retry"
    found = {
        "tells repeats": tells_repeats,
        "knows our id": asks and cls.name not in NAMELESS,
        "*hold*" if held == "hold" else "*retry*": asks,
        "gone addresses": "is_gone=" in source,
        "segments": '"segments":' in source,
        "events": cls.name in TELLING,
    }
    return [name for name, is_so in found.items() if is_so]


def _module(cls: type[Any]) -> ModuleType:
    return sys.modules[cls.__module__]


def _said(cls: type[Any]) -> str:
    """The class's own words, unless it has none and Python has put its signature there."""
    said = cls.__doc__ or ""
    return "" if said.startswith(f"{cls.__name__}(") else " ".join(cleandoc(said).split())
