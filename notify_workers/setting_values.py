"""What a setting is, and how its text is read: each parser raises `ValueError` with what it expected."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from dataclasses import field
from ipaddress import ip_network
from math import inf
from typing import Any
from zoneinfo import available_timezones

MEGABYTE = 1024 * 1024


def _setting(name: str, default: Any, parse: Callable[[str], Any], doc: str) -> Any:
    """A field that is a variable of the environment."""
    return field(default=default, metadata={"name": f"DOORBELL_{name}", "parse": parse, "doc": doc})


def _flag(text: str) -> bool:
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("expected true or false")


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < inf:
        raise ValueError("expected a number above 0")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("expected a whole number above 0")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number < 65536:
        raise ValueError("expected a port between 0 and 65535")
    return number


def _level(text: str) -> str:
    if text.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError("expected DEBUG, INFO, WARNING or ERROR")
    return text.upper()


def _database_url(text: str) -> str:
    """Accepts the form every tool writes (`postgres://`) and names the driver."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise ValueError("expected postgresql://user:password@host:port/database")
    return f"postgresql+psycopg://{rest}"


def _redis_url(text: str) -> str:
    if not text.startswith(("redis://", "rediss://", "unix://", "sentinel://")):
        raise ValueError("expected redis://, rediss://, unix:// or sentinel://")
    return text


def _http_url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("expected http:// or https://")
    return text.rstrip("/")


def _origins(text: str) -> str:
    """`*`, or origins apart by commas."""
    origins = [each.strip() for each in text.split(",")]
    if origins != ["*"] and not all(each.startswith(("http://", "https://")) for each in origins):
        raise ValueError("expected * or origins such as https://app.example.com, apart by commas")
    return ",".join(each.rstrip("/") for each in origins)


def _tiers(text: str) -> str:
    """Five numbers above 0, apart by commas."""
    if len([_positive(each) for each in text.split(",")]) != 5:
        raise ValueError("expected five numbers apart by commas")
    return text


def _timezone(text: str) -> str:
    if text not in available_timezones():
        raise ValueError("expected the name of a time zone, such as Europe/Berlin")
    return text


def _encryption_keys(text: str) -> str:
    keys = [each.strip() for each in text.split(",")]
    for key in keys:
        try:
            size = len(b64decode(key, validate=True))
        except ValueError:
            size = 0
        if size != 32:
            raise ValueError(
                "expected keys of 32 bytes in base64, apart by commas (`doorbell keys encryption` makes one)"
            )
    return ",".join(keys)


def _networks(text: str) -> str:
    networks = [each.strip() for each in text.split(",") if each.strip()]
    for each in networks:
        try:
            ip_network(each)
        except ValueError:
            raise ValueError("expected networks such as 10.0.0.0/8,fd00::/8") from None
    return ",".join(networks)
