"""Which addresses may be asked on behalf of users: the author of a webhook or a fetch step must not reach what only we can.

Private, local and special ranges are refused, in every form they are written in, unless a setting allows them. What was
checked is what is connected to: a name that resolves to something else a moment later gains nothing by it.
"""

from __future__ import annotations

import socket
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from notify_workers.settings import settings

Address = IPv4Address | IPv6Address

_EMBEDDING = ip_network("64:ff9b::/96")  # RFC 6052: the last four bytes are an IPv4 address
LOOPBACK = "127.0.0.0/8,::1/128"


class Forbidden(OSError):
    """All addresses of a host are refused."""


def permitted(host: str, port: int) -> list[str]:
    """The addresses of a host that may be connected to. Raises `Forbidden` when there are none, `socket.gaierror` when unknown."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    allowed = [each for each in addresses if is_permitted(each)]
    if not allowed:
        raise Forbidden("the address is private")
    return allowed


def is_permitted(written: str) -> bool:
    address = _meant(ip_address(written.partition("%")[0]))
    if any(address in each for each in _networks(_allowed()) if each.version == address.version):
        return True
    return address.is_global and not address.is_multicast


def _meant(address: Address) -> Address:
    """The IPv4 address inside of an IPv6 one that stands for it."""
    if isinstance(address, IPv4Address):
        return address
    if address in _EMBEDDING:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    return inner or address


def _allowed() -> str:
    chosen = settings().allowed_networks
    return LOOPBACK if chosen is None and settings().development else chosen or ""


@cache
def _networks(written: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(each) for each in written.split(",") if each)
